"""The page says enough: its own cells, with nothing of ours, read our messages and write ones that we
take."""

from __future__ import annotations

import json

import pytest

from p2plib.data.log.validate import ClassicFormat
from p2plib.errors import Forked, InvalidEntry
from tests.data.log import stranger
from tests.data.log.shelf import ANA, CLASSIC, MAL, TIME_MS, chain, open_feed


def test_a_stranger_verifies_our_feed() -> None:
    feed = [raw.decode() for raw in chain(4, said="naïve € 🚀")]
    assert stranger.run(stranger.CHECK, json.dumps(feed)) == CLASSIC.parse(feed[-1].encode()).id


def test_we_take_what_a_stranger_writes() -> None:
    contents = [
        {"type": "post", "text": f"naïve € 🚀 {n}", "deep": [{"a": None}, [], {}, True]} for n in range(3)
    ]
    made = json.loads(stranger.run(stranger.WRITE, json.dumps([ANA.expose_seed().hex(), contents, TIME_MS])))
    feed = open_feed()
    assert feed.extend(text.encode() for text in made) == 3
    assert [entry.text for entry in feed.entries()] == made


FEED = chain(3)
OTHER = chain(3, said="other")


def changed(raw: bytes, **changes: object) -> bytes:
    return json.dumps({**json.loads(raw), **changes}).encode()


@pytest.mark.parametrize(
    "feed",
    [
        [FEED[0], FEED[2]],
        [FEED[1]],
        [FEED[0], FEED[0]],
        [FEED[0], OTHER[1]],
        [FEED[0], chain(2, secret=MAL)[1]],
        [changed(FEED[0], content={"type": "post", "text": "forged"})],
        [changed(FEED[0], timestamp=1)],
        [changed(FEED[0], more=1)],
        [FEED[0].replace(b".sig.ed25519", b".sig.ed25518")],
        [ClassicFormat(bytes(32)).create(ANA, None, {"type": "post"}, TIME_MS).raw],
    ],
)
def test_a_stranger_refuses_what_we_refuse(feed: list[bytes]) -> None:
    ours = open_feed()
    with pytest.raises((InvalidEntry, Forked, AssertionError)):
        assert ours.extend(feed) == len(feed), "a repeat is no next message"
    said = stranger.run(stranger.CHECK, json.dumps([raw.decode() for raw in feed]))
    assert "Error" in said or "next message" in said
