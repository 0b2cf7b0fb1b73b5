"""Each rule of validity, broken alone; ssb-validation-dataset is in tests/interop/test_ssb_validate.py."""

from __future__ import annotations

import json

import pytest

from p2plib.data.log import classic, validate
from p2plib.data.log.formats import MAX_SEQUENCE, Head
from p2plib.data.log.validate import MAX_UNITS, ClassicFormat, FeedRule
from p2plib.errors import InvalidEntry, UsageError
from p2plib.identity import ids
from p2plib.wire import canonical_json
from tests.data.log.shelf import ANA, CLASSIC, MAL, TIME_MS

HEAD = Head(6, "%" + "A" * 43 + "=.sha256")


def signed(**changes: object) -> dict:
    """A message that is right but for some members, and signed as it is."""
    value = {
        "previous": HEAD.id,
        "sequence": 7,
        "author": ids.ssb_feed_id(ANA.public),
        "timestamp": TIME_MS,
        "hash": "sha256",
        "content": {"type": "post"},
    } | changes
    signature = ANA.sign_raw(classic.signed_bytes(canonical_json.encode(value)))
    return {**value, "signature": classic.signature_text(signature)}


def rule_broken_by(value: object, head: Head | None = HEAD) -> FeedRule:
    with pytest.raises(InvalidEntry) as refused:
        validate.check(value, head)  # type: ignore[arg-type]
    return validate.rule_of(refused.value)


def test_nothing_broken() -> None:
    assert validate.check(signed(), HEAD).sequence == 7


@pytest.mark.fault("F112")
@pytest.mark.parametrize(
    ("rule", "changes"),
    [
        (FeedRule.AUTHOR, {"author": 7}),
        (FeedRule.AUTHOR, {"author": None}),
        (FeedRule.AUTHOR, {"author": "@AAAA.ed25519"}),
        (FeedRule.AUTHOR, {"author": ids.ssb_feed_id(ANA.public)[:-1]}),
        (FeedRule.SEQUENCE, {"sequence": "7"}),
        (FeedRule.SEQUENCE, {"sequence": True}),
        (FeedRule.SEQUENCE, {"sequence": 7.5}),
        (FeedRule.SEQUENCE, {"sequence": 0}),
        (FeedRule.SEQUENCE, {"sequence": -7}),
        (FeedRule.SEQUENCE, {"sequence": 8}),
        (FeedRule.SEQUENCE, {"sequence": 6}),
        (FeedRule.SEQUENCE, {"sequence": MAX_SEQUENCE + 1}),
        (FeedRule.PREVIOUS, {"previous": None}),
        (FeedRule.PREVIOUS, {"previous": "%" + "B" * 42 + "A=.sha256"}),
        (FeedRule.PREVIOUS, {"previous": HEAD.id + " "}),
        (FeedRule.PREVIOUS, {"previous": 6}),
        (FeedRule.TIMESTAMP, {"timestamp": "now"}),
        (FeedRule.TIMESTAMP, {"timestamp": None}),
        (FeedRule.TIMESTAMP, {"timestamp": True}),
        (FeedRule.HASH, {"hash": "sha1"}),
        (FeedRule.HASH, {"hash": None}),
        (FeedRule.CONTENT, {"content": None}),
        (FeedRule.CONTENT, {"content": []}),
        (FeedRule.CONTENT, {"content": 7}),
        (FeedRule.CONTENT, {"content": ""}),
        (FeedRule.CONTENT, {"content": "hello"}),
        (FeedRule.CONTENT, {"content": "aab.box"}),
        (FeedRule.CONTENT, {"content": "AAAA.box\n"}),
        (FeedRule.CONTENT, {"content": "AB==.box"}),
        (FeedRule.TYPE, {"content": {}}),
        (FeedRule.TYPE, {"content": {"type": None}}),
        (FeedRule.TYPE, {"content": {"type": "ab"}}),
        (FeedRule.TYPE, {"content": {"type": "a" * 53}}),
        (FeedRule.TYPE, {"content": {"type": "🚀" * 27}}),  # 54 units
        (FeedRule.SIZE, {"content": {"type": "post", "text": "x" * MAX_UNITS}}),
        (FeedRule.SIZE, {"content": {"type": "post", "text": "🚀" * (MAX_UNITS // 2)}}),
    ],
)
def test_one_rule_broken(rule: FeedRule, changes: dict) -> None:
    assert rule_broken_by(signed(**changes)) is rule


@pytest.mark.parametrize("content", ["hell.box", ".box", "aGVsbG8=.box2", "aGVsbG8=.boxes of a later kind"])
def test_private_messages_of_any_kind_are_content(content: str) -> None:
    assert validate.check(signed(content=content), HEAD).content == content


@pytest.mark.parametrize("value", [None, False, 7, "text", [], [1]])
def test_what_is_no_object(value: object) -> None:
    assert rule_broken_by(value) is FeedRule.OBJECT


def test_the_order_of_members() -> None:
    value = signed()
    for name in value:
        assert rule_broken_by({key: value[key] for key in value if key != name}) is FeedRule.ORDER
        if name != "signature":
            moved = {key: value[key] for key in value if key != name} | {name: value[name]}
            assert rule_broken_by(moved) is FeedRule.ORDER
    assert rule_broken_by({**value, "more": 1}) is FeedRule.ORDER
    assert rule_broken_by({}) is FeedRule.ORDER


def test_author_and_sequence_may_be_swapped_and_it_is_another_message() -> None:
    one = signed()
    names = ["previous", "author", "sequence", "timestamp", "hash", "content"]
    swapped = {name: one[name] for name in names}
    swapped["signature"] = classic.signature_text(
        ANA.sign_raw(classic.signed_bytes(canonical_json.encode(swapped)))
    )
    assert validate.check(swapped, HEAD).id != validate.check(one, HEAD).id
    assert rule_broken_by({name: one[name] for name in [*names, "signature"]}) is FeedRule.SIGNATURE


@pytest.mark.parametrize(
    "change",
    [
        lambda text: None,
        lambda text: 7,
        lambda text: "",
        lambda text: text.removesuffix(".sig.ed25519"),
        lambda text: text + " ",
        lambda text: "A" + text,
        lambda text: text.replace("==.sig", "A=.sig"),
        lambda text: text[:85] + chr(ord(text[85]) + 1) + text[86:],
        lambda text: classic.signature_text(bytes(64)),
        lambda text: classic.signature_text(MAL.sign_raw(b"something")),
    ],
)
def test_signatures(change) -> None:
    value = signed()
    assert rule_broken_by({**value, "signature": change(value["signature"])}) is FeedRule.SIGNATURE


def test_somebody_elses_signature_is_refused() -> None:
    value = signed() | {"author": ids.ssb_feed_id(MAL.public)}
    assert rule_broken_by(value) is FeedRule.SIGNATURE


def test_the_largest_message_and_one_unit_more() -> None:
    frame = len(canonical_json.encode(signed(content={"type": "post", "text": ""})))
    room = MAX_UNITS - frame
    assert validate.check(signed(content={"type": "post", "text": "é" * room}), HEAD)
    assert rule_broken_by(signed(content={"type": "post", "text": "é" * (room + 1)})) is FeedRule.SIZE


@pytest.mark.fault("F114")
def test_another_networks_message_is_refused() -> None:
    message = classic.sign(ANA, {"type": "post"}, timestamp=TIME_MS, hmac_key=bytes(32))
    value = canonical_json.parse(message.text)
    assert validate.check(value, None, hmac_key=bytes(32)) == message
    assert rule_broken_by(value, None) is FeedRule.SIGNATURE


def test_the_format_reads_any_layout_and_gives_the_canonical_one() -> None:
    message = classic.sign(ANA, {"type": "post", "text": "é"}, timestamp=TIME_MS)
    for text in (json.dumps(canonical_json.parse(message.text)), message.text.replace("\n", "\n\t ")):
        assert CLASSIC.parse(text.encode()) == message


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"[1]x", b"\xff", b"[" * 9000, b"1" * 5000, b" " * (validate.MAX_RAW_BYTES + 1)]
)
def test_what_is_no_json(raw: bytes) -> None:
    with pytest.raises(InvalidEntry) as refused:
        CLASSIC.parse(raw)
    assert validate.rule_of(refused.value) is FeedRule.JSON


@pytest.mark.parametrize(
    "content", [{}, {"type": "ab"}, "text", None, [], {"type": "post", "text": "x" * 9000}]
)
def test_we_do_not_sign_what_others_refuse(content: object) -> None:
    with pytest.raises(UsageError):
        CLASSIC.create(ANA, None, content, TIME_MS)  # type: ignore[arg-type]


def test_a_format_with_a_key_makes_and_takes_messages_of_its_network() -> None:
    private = ClassicFormat(bytes(range(32)))
    message = private.create(ANA, None, {"type": "post"}, TIME_MS)
    private.verify(message)
    with pytest.raises(InvalidEntry, match=r"^signature: rule 5"):
        CLASSIC.verify(message)
