"""Our metafeeds and npm's ssb-bendy-butt 1.0.2, live: bytes both ways, and its two flaws."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from p2plib.data.log.bendy_butt import CLASSIC_FEED, BendyContent, BendyFormat, BendyMessage, BfeReference
from p2plib.data.log.feed import Feed
from p2plib.data.log.formats import head_of
from p2plib.errors import InvalidEntry
from p2plib.identity import ids
from tests.data.log import test_bendy_butt as by_hand
from tests.data.log.shelf import ANA, MAL, TIME_MS, Shelf
from tests.interop.peers import ForeignPeer

pytestmark = pytest.mark.interop

SUB = by_hand.SUB


@pytest.fixture(scope="module")
def node() -> Iterator[ForeignPeer]:
    with ForeignPeer("ssb_bendy_butt.js") as peer:
        yield peer


def contents(count: int) -> list[tuple[dict[str, Any], str]]:
    """Contents as ours and as JSON for npm's: values of every type that both can write."""
    found = []
    for n in range(count):
        plain = {"type": "metafeed/add/existing", "n": n, "text": "naïve € 🚀", "yes": True, "no": False,
                 "nothing": None, "list": [1, "é", None, []], "deep": {"a": {"b": -5}}}  # fmt: skip
        ours = {
            **plain,
            "subfeed": BfeReference(CLASSIC_FEED, SUB.public.raw),
            "bytes": bytes(range(n, n + 32)),
        }
        theirs = {**plain, "subfeed": ids.ssb_feed_id(SUB.public), "bytes": {"$hex": ours["bytes"].hex()}}
        found.append((ours, json.dumps(theirs)))
    return found


def chain(entry_format: BendyFormat, said: list[dict[str, Any]]) -> list[BendyMessage]:
    head, made = None, []
    for n, content in enumerate(said):
        made.append(entry_format.create(ANA, head, BendyContent(content, SUB), TIME_MS + n))
        head = head_of(made[-1])
    return made


@pytest.mark.parametrize("hmac_key", [None, bytes(range(32))])
def test_both_write_the_same_bytes_and_take_each_others(node: ForeignPeer, hmac_key: bytes | None) -> None:
    said = contents(4)
    ours = chain(BendyFormat(hmac_key), [content for content, _ in said])
    hmac = None if hmac_key is None else base64.b64encode(hmac_key).decode()
    theirs = node.ask(
        "create", seed=ANA.expose_seed().hex(), subfeedSeed=SUB.expose_seed().hex(), timestamp=TIME_MS,
        contents=[text for _, text in said], hmac=hmac,
    )  # fmt: skip
    assert [(each["message"], each["id"]) for each in theirs] == [(each.raw.hex(), each.id) for each in ours]
    previous = [None, *(each.raw.hex() for each in ours)]
    cases = [{"message": each.raw.hex(), "previous": before, "hmac": hmac}
             for each, before in zip(ours, previous, strict=False)]  # fmt: skip
    assert node.ask("verdicts", cases=cases) == [True] * 4
    feed = Feed(Shelf(), ANA.public, BendyFormat(hmac_key))
    assert feed.extend(bytes.fromhex(each["message"]) for each in theirs) == 4


def test_the_same_verdict_on_each_broken_message_but_for_two_flaws(node: ForeignPeer) -> None:
    """It takes a trailing byte, which makes another id for the same signatures, and any content signature."""
    first = by_hand.FIRST
    cases = {
        "as it is": first.raw,
        "one bit of the signature": first.raw[:-3] + bytes([first.raw[-3] ^ 1]) + first.raw[-2:],
        "signed by a stranger": by_hand.signed(by_hand.PAYLOAD, MAL),
        "too long": by_hand.with_content({**by_hand.ADD, "pad": bytes(9000)}, SUB),
        "number 2 as the first": by_hand.changed(1, 2),
        "a previous in the first": by_hand.changed(2, b"\1\4" + bytes(32)),
        "a negative time": by_hand.changed(3, -1),
        "another author": by_hand.changed(0, b"\0\0" + ANA.public.raw),
        "no content signature": by_hand.changed(4, [by_hand.CONTENT]),
        "a trailing byte": first.raw + b"x",
        "content signed by a stranger": by_hand.with_content(by_hand.ADD, MAL),
    }
    questions = [{"message": raw.hex(), "previous": None, "hmac": None} for raw in cases.values()]
    theirs = dict(zip(cases, node.ask("verdicts", cases=questions), strict=True))
    ours = {}
    for name, raw in cases.items():
        feed = Feed(Shelf(), ANA.public, by_hand.BENDY)
        try:
            feed.add(raw)
            ours[name] = True
        except InvalidEntry:
            ours[name] = False
    assert [name for name in cases if ours[name]] == ["as it is"]
    assert [name for name in cases if theirs[name] is True] == [
        "as it is", "a trailing byte", "content signed by a stranger"
    ]  # fmt: skip
    assert (
        node.ask("id", message=(first.raw + b"x").hex())
        != node.ask("id", message=first.raw.hex())
        == first.id
    )
