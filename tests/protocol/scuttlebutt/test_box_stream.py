"""The box stream: any bytes in any pieces, every byte changed, cut anywhere, and the goodbye."""

from __future__ import annotations

from collections.abc import Callable

import nacl.bindings
import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.errors import Closed, Tampered, Truncated, UsageError
from p2plib.protocol.noise.crypto import SessionSecret
from p2plib.protocol.scuttlebutt import box_stream
from p2plib.protocol.scuttlebutt.box_stream import HEADER_BYTES, MAX_BODY_BYTES, BoxOpener, BoxSealer
from tests.protocol.scuttlebutt.test_secret_handshake import client, server, shake_hands

RAW_KEY = bytes(range(32))
KEY = SessionSecret.from_bytes(RAW_KEY)
NONCE = b"\x80" + bytes(22) + b"\xfe"  # its second successor carries into the next byte
PART = b"x" * 20
BOX_BYTES = HEADER_BYTES + len(PART)


def read_all(raw: bytes, opener: BoxOpener) -> bytes:
    """What a stream says, from its first to its last byte; raises what reading it raises."""
    said, offset = b"", 0
    while offset + opener.need_bytes <= len(raw) and not opener.has_ended:
        piece = raw[offset : offset + opener.need_bytes]
        offset += opener.need_bytes
        said += opener.receive(piece)
    if opener.has_ended:
        assert offset == len(raw), "something follows the goodbye"
    opener.end_of_stream(len(raw) - offset)
    return said


def test_the_bytes_are_those_of_the_guide() -> None:
    def box(content: bytes, nonce: int) -> bytes:
        return nacl.bindings.crypto_secretbox(content, nonce.to_bytes(24, "big"), RAW_KEY)

    sealer = BoxSealer(KEY, NONCE)
    data = b"a" * MAX_BODY_BYTES + b"b"
    expected, number = b"", 2**191 + 0xFE
    for part in (data[:MAX_BODY_BYTES], b"b", b"c"):
        body = box(part, number + 1)
        expected += box(len(part).to_bytes(2, "big") + body[:16], number) + body[16:]
        number += 2
    assert sealer.seal(data) + sealer.seal(b"c") + sealer.goodbye() == expected + box(bytes(18), number)


@given(st.lists(st.binary(max_size=10_000), max_size=5))
def test_what_is_sealed_is_read(writes: list[bytes]) -> None:
    sealer = BoxSealer(KEY, NONCE)
    raw = b"".join(sealer.seal(data) for data in writes) + sealer.goodbye()
    assert read_all(raw, BoxOpener(KEY, NONCE)) == b"".join(writes)


def test_nothing_is_written_for_no_bytes() -> None:
    sealer = BoxSealer(KEY, NONCE)
    assert sealer.seal(b"") == b""
    assert read_all(sealer.goodbye(), BoxOpener(KEY, NONCE)) == b""


def test_nonces_wrap_around() -> None:
    last = b"\xff" * 24
    sealer = BoxSealer(KEY, last)
    raw = sealer.seal(b"one") + sealer.seal(b"two") + sealer.goodbye()
    assert read_all(raw, BoxOpener(KEY, last)) == b"onetwo"
    with pytest.raises(UsageError, match="a nonce is 24 bytes"):
        BoxSealer(KEY, last[1:])


def test_no_nonce_is_used_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    used: list[bytes] = []
    seal = nacl.bindings.crypto_secretbox

    def record(content: bytes, nonce: bytes, key: bytes) -> bytes:
        used.append(nonce)
        return seal(content, nonce, key)

    monkeypatch.setattr("nacl.bindings.crypto_secretbox", record)
    sealer = BoxSealer(KEY, NONCE)
    sealer.seal(bytes(20_000))
    sealer.seal(b"more")
    sealer.goodbye()
    assert len(used) == len(set(used)) == 2 * 6 + 1


def stream() -> bytes:
    sealer = BoxSealer(KEY, NONCE)
    return sealer.seal(PART) + sealer.seal(PART) + sealer.goodbye()


@pytest.mark.fault("F042")
def test_every_changed_byte_is_tampering_and_the_end() -> None:
    said = set()
    for place in range(len(stream())):
        raw = bytearray(stream())
        raw[place] ^= 1
        opener = BoxOpener(KEY, NONCE)
        with pytest.raises(Tampered) as failed:
            read_all(bytes(raw), opener)
        said.add(str(failed.value))
        with pytest.raises(Closed):
            opener.receive(bytes(opener.need_bytes))
    assert len(said) == 1


@pytest.mark.fault("F044")
@pytest.mark.parametrize(
    "attack",
    [
        lambda raw: raw[BOX_BYTES : 2 * BOX_BYTES] + raw[:BOX_BYTES],
        lambda raw: raw[:BOX_BYTES] * 2,
        lambda raw: raw[BOX_BYTES:],
        lambda raw: raw[2 * BOX_BYTES :],
        lambda raw: raw[:HEADER_BYTES] + raw[BOX_BYTES + HEADER_BYTES : 2 * BOX_BYTES],
    ],
    ids=["swapped", "repeated", "the first left out", "goodbye too early", "another body"],
)
def test_boxes_that_were_moved(attack: Callable[[bytes], bytes]) -> None:
    with pytest.raises(Tampered):
        read_all(attack(stream()), BoxOpener(KEY, NONCE))


@pytest.mark.fault("F047")
def test_a_stream_that_is_cut_anywhere_is_truncated() -> None:
    for end in range(len(stream())):
        opener = BoxOpener(KEY, NONCE)
        with pytest.raises(Truncated) as cut:
            read_all(stream()[:end], opener)
        assert not opener.has_ended
        where = "between two boxes" if end % BOX_BYTES == 0 else "inside a box"
        assert str(cut.value) == f"the stream ended {where}, without a goodbye"
    assert read_all(stream(), BoxOpener(KEY, NONCE)) == PART * 2


@pytest.mark.fault("F047")
def test_after_the_goodbye_there_is_nothing() -> None:
    sealer = BoxSealer(KEY, NONCE)
    goodbye = sealer.goodbye()
    assert sealer.goodbye() == b""
    with pytest.raises(Closed, match="after the goodbye"):
        sealer.seal(b"x")
    opener = BoxOpener(KEY, NONCE)
    assert opener.receive(goodbye) == b""
    assert opener.has_ended
    assert opener.need_bytes == 0
    opener.end_of_stream(0)
    with pytest.raises(Closed, match="is over"):
        opener.receive(b"")


@pytest.mark.fault("F045")
@pytest.mark.parametrize(
    "head",
    [bytes(2) + b"\1" * 16, bytes(17) + b"\1", (4097).to_bytes(2, "big") + bytes(16), b"\xff" * 18],
    ids=["no bytes", "no bytes, the last bit", "4097 bytes", "65535 bytes"],
)
def test_sizes_that_no_box_has(head: bytes) -> None:
    opener = BoxOpener(KEY, NONCE)
    with pytest.raises(Tampered, match="a box has 1 to 4096 bytes"):
        opener.receive(nacl.bindings.crypto_secretbox(head, NONCE, RAW_KEY))
    with pytest.raises(Closed):
        opener.receive(bytes(HEADER_BYTES))


def test_a_wrong_number_of_bytes_is_our_mistake_and_harms_nothing() -> None:
    opener = BoxOpener(KEY, NONCE)
    for size in (0, HEADER_BYTES - 1, HEADER_BYTES + 1):
        with pytest.raises(UsageError, match="needs 34 bytes"):
            opener.receive(bytes(size))
    assert read_all(stream(), opener) == PART * 2


def test_the_two_directions_of_a_handshake() -> None:
    calling, called = client(), server()
    shake_hands(calling, called)
    (seal, opener), (their_seal, their_opener) = map(box_stream.channel, (calling.outcome, called.outcome))
    assert read_all(seal.seal(b"hello") + seal.goodbye(), their_opener) == b"hello"
    assert read_all(their_seal.seal(b"hi") + their_seal.goodbye(), opener) == b"hi"


@pytest.mark.fault("F044")
def test_a_box_that_comes_back_is_tampering() -> None:
    calling, called = client(), server()
    shake_hands(calling, called)
    seal, opener = box_stream.channel(calling.outcome)
    with pytest.raises(Tampered):
        read_all(seal.seal(b"hello"), opener)


def test_the_parts_of_a_stream() -> None:
    fields = box_stream.dissect(stream(), (20, 20, 0))
    assert b"".join(field.raw for field in fields) == stream()
    assert [field.size_bytes for field in fields] == [16, 18, 20, 16, 18, 20, 16, 18]
    assert [field.name for field in fields][:3] == ["tag of header 1", "header 1", "body 1"]
    with pytest.raises(UsageError, match="take 54 bytes, not 142"):
        box_stream.dissect(stream(), (20,))
