"""What every kind of feed must do, run over all three."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2plib.data.feeds.interface import ReplicatedFeed
from p2plib.data.feeds.kinds import KINDS, replicas
from p2plib.errors import NotFound, P2PError, RemoteError
from p2plib.identity.keys import SecretKey

WRITER = SecretKey.from_seed(bytes([7]) * 32)


def filled(kind: str, contents: list[bytes]) -> tuple[ReplicatedFeed, ReplicatedFeed]:
    feed, reader = replicas(kind, WRITER)
    for number, content in enumerate(contents, start=1):
        assert feed.append(content) == number
    return feed, reader


@pytest.mark.parametrize("kind", KINDS)
@given(st.lists(st.binary(max_size=20), max_size=6))
@settings(max_examples=20)
def test_a_reader_that_takes_every_parcel_has_the_feed(kind: str, contents: list[bytes]) -> None:
    contents = [b"%d " % number + content for number, content in enumerate(contents)]
    feed, reader = filled(kind, contents)
    assert list(feed.contents()) == contents
    assert list(feed.contents(2)) == contents[1:]
    assert len(feed) == len(contents)
    for number in range(1, len(contents) + 1):
        assert reader.receive(feed.parcel(number)) is True
        assert reader.receive(feed.parcel(number)) is False
    assert list(reader.contents()) == contents
    assert reader.head == feed.head
    assert (reader.head == "") == (not contents)


@pytest.mark.parametrize("kind", KINDS)
def test_every_flipped_bit_is_refused(kind: str) -> None:
    feed, _ = filled(kind, [b"one", b"two"])
    raw, tried = feed.parcel(1), 0
    for at in range(0, 8 * len(raw), 7):
        forged = bytearray(raw)
        forged[at // 8] ^= 1 << at % 8
        _, reader = replicas(kind, WRITER)
        try:
            reader.receive(bytes(forged))
        except RemoteError:
            tried += 1
            continue
        # What a key does not cover: a graph's log and number, and the sender's own count.
        assert list(reader.contents()) == [b"one"], at
    assert tried > 8 * len(raw) / 7 * 0.8


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_missing_and_what_is_no_parcel(kind: str) -> None:
    feed, reader = filled(kind, [b"one"])
    for number in (0, 2):
        with pytest.raises(NotFound):
            feed.parcel(number)
    for raw in (b"", b"\x00", b"{}", b"\xff" * 20, b"\x02\x00\x09", b"\x01\x04"):
        with pytest.raises(P2PError):
            reader.receive(raw)


@pytest.mark.parametrize("kind", ["chain", "tree"])
def test_only_the_writer_appends(kind: str) -> None:
    _, reader = filled(kind, [])
    with pytest.raises(P2PError, match="only its"):
        reader.append(b"x")
