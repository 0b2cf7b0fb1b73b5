"""Our validation of classic messages, ssb-validation-dataset 1.2.1 and ssb-validate 4.1.4, live.

The data set is AGPL: it is read where npm installed it. Its reasons stand here as the keys of a table, to say
which rule of ours each of them is.
"""

from __future__ import annotations

import base64
import json
import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2plib.data.log import classic, validate
from p2plib.data.log.formats import Head, head_of
from p2plib.data.log.validate import ClassicFormat, FeedRule
from p2plib.errors import DecodeError, InvalidEntry, UsageError
from p2plib.identity.keys import SecretKey
from p2plib.wire import canonical_json
from tests.data.log import stranger
from tests.data.log.shelf import ANA, CLASSIC, TIME_MS, open_feed
from tests.interop.peers import HERE, ForeignPeer

pytestmark = pytest.mark.interop

HMAC_KEY = bytes(range(32))
HMAC_TEXT = base64.b64encode(HMAC_KEY).decode()
HMAC = "HMAC key"  # not a rule about messages: the local configuration is wrong

# Each reason of the data set, the rule of ours that refuses those cases, and how many there are.
REASONS = {
    "Message must not be null": (FeedRule.OBJECT, 1),
    "Message must be an object": (FeedRule.OBJECT, 1),
    "Message must have a valid order": (FeedRule.ORDER, 14),
    "Message author must be a string": (FeedRule.AUTHOR, 1),
    "Message author must end with '.ed25519'": (FeedRule.AUTHOR, 1),
    "Author must decode to a value with 32 bytes": (FeedRule.AUTHOR, 1),
    "Message sequence must be a number": (FeedRule.SEQUENCE, 1),
    # It has number 2 and there is no message before it. Our rule of sequence comes before that of previous.
    "Message previous must be the previous message ID": (FeedRule.SEQUENCE, 1),
    "Message timestamp must be a number": (FeedRule.TIMESTAMP, 4),
    "Message hash must be 'sha256'": (FeedRule.HASH, 3),
    "Message content must not be null": (FeedRule.CONTENT, 4),
    "Message content must not be an array": (FeedRule.CONTENT, 4),
    "Message content must be a string or an object": (FeedRule.CONTENT, 12),
    "Message content string must contain '.box'": (FeedRule.CONTENT, 5),
    "Message content string base64 must be canonical": (FeedRule.CONTENT, 1),
    "Message content type must be a string": (FeedRule.TYPE, 12),
    "Message content type length must not be less than 3": (FeedRule.TYPE, 8),
    "Message content type length must not be greater than 52": (FeedRule.TYPE, 8),
    "Message must decode a value with fewer than 8192 bytes (latin1)": (FeedRule.SIZE, 4),
    "Message signature must end with '.sig.ed25519'": (FeedRule.SIGNATURE, 3),
    "Signature base64 must be canonical": (FeedRule.SIGNATURE, 3),
    "Signature must decode to a value with 64 bytes": (FeedRule.SIGNATURE, 1),
    # The author's base64 has one "=" too many. The data set lets that pass and refuses the signature.
    "Signature value must verify the unsigned message bytes": (FeedRule.AUTHOR, 1),
    "HMAC key must be a string": (HMAC, 1),
    "HMAC key must be canonical base64": (HMAC, 2),
    "HMAC key must decode to a value with 32 bytes": (HMAC, 2),
}


@pytest.fixture(scope="module")
def cases() -> list[dict[str, Any]]:
    text = (HERE / "node_modules" / "ssb-validation-dataset" / "data.json").read_text(encoding="utf-8")
    found = canonical_json.parse(text)
    assert isinstance(found, list)
    assert len(found) == 126
    return found  # type: ignore[return-value]


@pytest.fixture(scope="module")
def node() -> Iterator[ForeignPeer]:
    with ForeignPeer("ssb_validate.js") as peer:
        yield peer


def verdict(value: Any, head: Head | None = None, hmac_key: object = None) -> FeedRule | str | None:
    """The rule that a message breaks, HMAC for a wrong key, None for a valid message."""
    try:
        key = None if hmac_key is None else classic.read_hmac_key(hmac_key)
    except UsageError:
        return HMAC
    try:
        validate.check(value, head, hmac_key=key)
    except InvalidEntry as error:
        return validate.rule_of(error)
    return None


@pytest.mark.fault("F112", "F114")
def test_every_case_of_the_data_set_has_the_right_verdict_and_reason(cases: list[dict[str, Any]]) -> None:
    found: Counter[tuple[str | None, object]] = Counter()
    for case in cases:
        state = case["state"]
        head = Head(state["sequence"], state["id"]) if state else None
        found[case["error"], verdict(case["message"], head, case["hmacKey"])] += 1
    valid = {(None, None): 27}
    assert found == valid | {(error, rule): count for error, (rule, count) in REASONS.items()}
    assert sum(found.values()) == 126


@pytest.mark.fault("F113")
def test_every_valid_case_has_its_id(cases: list[dict[str, Any]]) -> None:
    valid = [case for case in cases if case["valid"]]
    read = [CLASSIC.parse(canonical_json.encode(case["message"]).encode()) for case in valid]
    assert [message.id for message in read] == [case["id"] for case in valid]


# Feeds, both ways

contents = st.dictionaries(
    st.text(max_size=8).filter(lambda name: name != "__proto__"),
    st.none() | st.booleans() | st.text(max_size=12) | st.floats(allow_nan=False, allow_infinity=False)
    | st.integers(-(2**53) + 1, 2**53 - 1) | st.lists(st.text(max_size=4), max_size=3),
    max_size=4,
).map(lambda extra: {**extra, "type": "random"})  # fmt: skip
hmac_keys = st.none() | st.binary(min_size=32, max_size=32)


def text_of(hmac_key: bytes | None) -> str | None:
    return None if hmac_key is None else base64.b64encode(hmac_key).decode()


@settings(max_examples=25, deadline=None)
@given(st.lists(contents, min_size=1, max_size=6), hmac_keys)
def test_it_takes_our_feeds_and_gives_them_our_ids(
    node: ForeignPeer, said: list[dict[str, Any]], hmac_key: bytes | None
) -> None:
    ours, head, made = ClassicFormat(hmac_key), None, []
    for n, content in enumerate(said):
        made.append(ours.create(ANA, head, content, TIME_MS + n))
        head = head_of(made[-1])
    keys = node.ask("appendAll", messages=[message.text for message in made], hmac=text_of(hmac_key))
    assert keys == [message.id for message in made]


@settings(max_examples=25, deadline=None)
@given(st.lists(contents, min_size=1, max_size=6), hmac_keys, st.binary(min_size=32, max_size=32))
def test_we_take_its_feeds_to_the_byte(
    node: ForeignPeer, said: list[dict[str, Any]], hmac_key: bytes | None, seed: bytes
) -> None:
    texts = [canonical_json.encode(content) for content in said]
    made = node.ask("create", seed=seed.hex(), hmac=text_of(hmac_key), contents=texts, timestamp=TIME_MS)
    secret, ours, head = SecretKey.from_seed(seed), ClassicFormat(hmac_key), None
    for n, (theirs, text) in enumerate(zip(made, texts, strict=True)):
        message = validate.check(canonical_json.parse(theirs["text"]), head, hmac_key=hmac_key)
        assert (message.id, message.text) == (theirs["key"], theirs["text"])
        again = ours.create(secret, head, canonical_json.parse(text), TIME_MS + n)
        assert again.text == theirs["text"]  # the same bytes: Ed25519 is deterministic, and so is the layout
        head = head_of(message)


def test_a_feed_of_theirs_goes_into_a_log_of_ours(node: ForeignPeer) -> None:
    texts = [json.dumps({"type": "post", "text": f"message {n} €🚀"}) for n in range(40)]
    made = node.ask("create", seed=ANA.expose_seed().hex(), hmac=None, contents=texts, timestamp=TIME_MS)
    feed = open_feed()
    assert feed.extend(theirs["text"].encode() for theirs in made) == 40
    assert feed.head == Head(40, made[-1]["key"])
    assert node.ask("appendAll", messages=[entry.text for entry in feed.entries()])[-1] == feed.head.id


def test_another_networks_feed_is_refused_by_both(node: ForeignPeer) -> None:
    message = ClassicFormat(HMAC_KEY).create(ANA, None, {"type": "post"}, TIME_MS)
    questions = [{"json": message.text, "state": None, "hmac": hmac} for hmac in (HMAC_TEXT, None)]
    assert node.ask("verdicts", cases=questions) == [True, "invalid signature"]
    value = canonical_json.parse(message.text)
    assert (verdict(value, None, HMAC_TEXT), verdict(value)) == (None, FeedRule.SIGNATURE)


def test_the_pages_own_cells_read_and_write_for_it(node: ForeignPeer) -> None:
    """The stranger of the chapter on logs, which has nothing of ours, and npm's module: both ways."""
    said = [{"type": "post", "text": f"naïve € 🚀 {n}"} for n in range(3)]
    seed = ANA.expose_seed().hex()
    theirs = node.ask("create", seed=seed, hmac=None, contents=list(map(json.dumps, said)), timestamp=TIME_MS)
    found = stranger.run(stranger.CHECK, json.dumps([each["text"] for each in theirs]))
    assert found == theirs[-1]["key"]
    made = json.loads(stranger.run(stranger.WRITE, json.dumps([seed, said, TIME_MS])))
    assert node.ask("appendAll", messages=made)[-1] == theirs[-1]["key"]


# Verdicts on mutated messages

ODD = [
    None, True, False, 0, 1, -1, 2, 3, 1.5, 2**31 - 1, 2**31, 2**32 + 3, "", "1",
    "sha256", "abc", [], {}, ["a"],
    {"type": "post"}, {"type": "ab"}, {"type": "abc"}, {"type": "x" * 52}, {"type": "x" * 53},
    {"type": "🚀" * 26}, {"type": "🚀" * 27}, {"type": 5}, {"type": "post", "__proto__": {"a": 1}},
    {"type": "post", "text": "x" * 7700}, {"type": "post", "text": "x" * 7900},
    {"type": "post", "10": 1, "9": 2},
    {"type": "post", "text": "€" * 7700}, ".box", "AAAA.box", "AAAA.box2", "AAA.box", "AAA=.box", "AAB=.box",
    "AA==.box", "AB==.box", "AAAA.box\n", "AAAA.box x", "%AAA=.sha256", "\ud83d",
]  # fmt: skip
NAMES = ["previous", "author", "sequence", "timestamp", "hash", "content", "signature"]


def signed_again(value: dict[str, Any], seed: int) -> dict[str, Any]:
    """The message with a true signature of what it says now, wherever it stands in it."""
    rest = {name: each for name, each in value.items() if name != "signature"}
    signature = ANA.sign_raw(classic.signed_bytes(canonical_json.encode(rest)))
    return {
        name: classic.signature_text(signature) if name == "signature" else each
        for name, each in value.items()
    }


def mutants() -> Iterator[tuple[dict[str, Any], Head | None]]:
    """Messages 1 and 2 of a log, each changed in one way, as they are and signed again."""
    first = CLASSIC.create(ANA, None, {"type": "post", "text": "one"}, TIME_MS)
    second = CLASSIC.create(ANA, head_of(first), {"type": "post", "text": "two"}, TIME_MS + 1)
    rng = random.Random(7)
    for message, head in ((first, None), (second, head_of(first))):
        true: Any = canonical_json.parse(message.text)
        changed: list[dict[str, Any]] = [true, {**true, "more": 1}, {"0": 1, **true}]
        for name in NAMES:
            changed += [{**true, name: odd} for odd in ODD]
            changed.append({key: true[key] for key in true if key != name})
        for _ in range(30):
            order = rng.sample(list(true), len(true))
            changed.append({name: true[name] for name in order})
        for name in ("previous", "author", "signature"):
            text = true[name] or "%" + "A" * 43 + "=.sha256"
            for _ in range(40):
                at = rng.randrange(len(text))
                other = rng.choice("ABCDwxyz0189+/=.@%_ é")
                changed.append({**true, name: text[:at] + other + text[at + rng.randrange(2) :]})
        for value in changed:
            yield value, head
            if "signature" in value:
                yield signed_again(value, 0), head
        yield true, head_of(second)
        yield true, Head(head.sequence if head else 1, "%" + "B" * 42 + "A=.sha256")


def test_the_same_verdict_on_a_thousand_mutated_messages(node: ForeignPeer) -> None:
    questions, ours = [], []
    for value, head in mutants():
        text = canonical_json.encode(value)
        state = {"id": head.id, "sequence": head.sequence} if head else None
        questions.append({"json": text, "state": state, "hmac": None})
        ours.append(verdict(canonical_json.parse(text), head))
    theirs = node.ask("verdicts", 60.0, cases=questions)
    assert len(ours) > 1000
    assert ours.count(None) > 30
    differ = [
        (mine, yours, question["json"])
        for mine, yours, question in zip(ours, theirs, questions, strict=True)
        if (mine is None) is not (yours is True)
    ]
    # ssb-validate looks at the timestamp of first messages alone. The guide wants a number in all.
    assert Counter((mine, yours) for mine, yours, _ in differ) == {(FeedRule.TIMESTAMP, True): 34}
    assert all(json.loads(text)["sequence"] == 2 for _, _, text in differ)


def test_it_takes_a_previous_in_a_list_and_we_do_not(node: ForeignPeer) -> None:
    """It compares with `!=`, to which a list of one text is that text. Only the author can sign that."""
    first = CLASSIC.create(ANA, None, {"type": "post", "text": "one"}, TIME_MS)
    second = CLASSIC.create(ANA, head_of(first), {"type": "post", "text": "two"}, TIME_MS + 1)
    true: Any = canonical_json.parse(second.text)
    for previous in ([first.id], [[first.id]]):
        text = canonical_json.encode(signed_again({**true, "previous": previous}, 0))
        state = {"id": first.id, "sequence": 1}
        assert node.ask("verdicts", cases=[{"json": text, "state": state, "hmac": None}]) == [True]
        assert verdict(canonical_json.parse(text), head_of(first)) is FeedRule.PREVIOUS


def test_where_a_text_is_no_json_only_we_are_asked() -> None:
    for raw in (b"{", b"\xff", b'{"a":1e400}'):
        with pytest.raises(InvalidEntry, match=r"^json"):
            CLASSIC.parse(raw)
    with pytest.raises(DecodeError):
        canonical_json.parse(b"{")
