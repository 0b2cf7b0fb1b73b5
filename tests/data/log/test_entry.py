"""Our own entries: a known answer, every byte signed, and nothing else taken for one."""

from __future__ import annotations

import hashlib
import struct

import nacl.signing
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2plib.data.log import entry, forks
from p2plib.data.log.entry import ENTRY_BYTES, HashedContent, HashedFormat
from p2plib.data.log.feed import Feed
from p2plib.data.log.formats import MAX_SEQUENCE, Head, head_of
from p2plib.errors import Forked, InvalidEntry, UsageError
from tests.data.log.shelf import ANA, MAL, TIME_MS, Shelf

HASHED = HashedFormat()
SALT = bytes(range(16))
HELLO = entry.payload(b"hello", SALT)
FIRST = HASHED.create(ANA, None, HashedContent(HELLO), TIME_MS)
SECOND = HASHED.create(ANA, head_of(FIRST), HashedContent(HELLO, erases=1), TIME_MS + 1)


def test_the_bytes_are_those_that_the_head_of_the_module_says() -> None:
    """Put together by hand, with another Ed25519 and another view of the layout."""
    signed = b"\x01" + ANA.public.raw + struct.pack(">Q", 2) + bytes.fromhex(FIRST.id)
    signed += struct.pack(">QQI", TIME_MS + 1, 1, 5) + hashlib.sha256(SALT + b"hello").digest()
    context = b"p2plib/log-entry/1"
    in_context = bytes([len(context)]) + context + bytes([len(signed)]) + signed
    signature = nacl.signing.SigningKey(bytes([1]) * 32).sign(in_context).signature
    assert SECOND.raw == signed + signature
    assert SECOND.id == hashlib.sha256(signed + signature).hexdigest()
    assert len(signed + signature) == ENTRY_BYTES == 189


def test_what_is_read_is_what_was_said() -> None:
    again = HASHED.parse(SECOND.raw)
    HASHED.verify(again)
    assert again == SECOND
    assert (again.author, again.sequence, again.previous, again.erases, again.size) == (
        ANA.public, 2, FIRST.id, 1, 5
    )  # fmt: skip
    assert (FIRST.previous, FIRST.sequence) == (None, 1)


def test_the_drawing_has_every_byte_once() -> None:
    for each in (FIRST, SECOND):
        assert b"".join(field.raw for field in entry.dissect(each)) == each.raw


@settings(max_examples=200, deadline=None)
@given(st.integers(0, ENTRY_BYTES - 1), st.integers(1, 255))
def test_every_changed_byte_is_noticed(place: int, change: int) -> None:
    raw = bytearray(SECOND.raw)
    raw[place] ^= change
    with pytest.raises(InvalidEntry):
        HASHED.verify(HASHED.parse(bytes(raw)))


def changed(at: int, value: bytes, raw: bytes = SECOND.raw) -> bytes:
    return raw[:at] + value + raw[at + len(value) :]


@pytest.mark.fault("F112")
@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "size"), (SECOND.raw[:-1], "size"), (SECOND.raw + b"\0", "size"), (bytes(10**6), "size"),
        (changed(0, b"\x02"), "version"),
        (changed(1, bytes(32)), "author"), (changed(1, b"\xff" * 32), "author"),
        (changed(1, b"\1" + bytes(31)), "author"),
        (changed(33, bytes(8)), "sequence"),
        (changed(33, (MAX_SEQUENCE + 1).to_bytes(8, "big")), "sequence"),
        (changed(33, b"\xff" * 8), "sequence"),
        (changed(41, bytes(32)), "previous"), (changed(41, b"\1", FIRST.raw), "previous"),
        (changed(73, b"\xff" * 8), "timestamp"),
        (changed(81, (2).to_bytes(8, "big")), "erases"),
        (changed(81, (1).to_bytes(8, "big"), FIRST.raw), "erases"),
        (changed(89, b"\xff" * 4), "content"),
    ],
)  # fmt: skip
def test_what_is_no_entry(raw: bytes, why: str) -> None:
    with pytest.raises(InvalidEntry, match=f"^{why}: "):
        HASHED.parse(raw)


def test_a_signature_of_another_key_or_purpose() -> None:
    signed = FIRST.raw[:125]
    context = "p2plib/log-entry/1"
    for other in (MAL.sign(context, signed), ANA.sign("p2plib/other/1", signed), ANA.sign_raw(signed)):
        with pytest.raises(InvalidEntry, match=r"^signature: "):
            HASHED.verify(HASHED.parse(changed(125, other, FIRST.raw)))


def test_a_payload_is_known_by_hash_and_size() -> None:
    assert FIRST.has_payload(HELLO)
    for other in (b"", HELLO[:-1], HELLO + b"\0", SALT + b"hallo", bytes(16) + b"hello", bytes(10**6)):
        assert not FIRST.has_payload(other)


def test_the_same_content_has_another_hash_each_time() -> None:
    other = HASHED.create(ANA, None, HashedContent(entry.payload(b"hello", bytes(16))), TIME_MS)
    assert other.content_hash != FIRST.content_hash


@pytest.mark.parametrize(
    ("content", "head", "timestamp_ms"),
    [(HashedContent(b"short"), None, 1), (HashedContent(bytes(entry.MAX_CONTENT_BYTES + 17)), None, 1),
     (HashedContent(HELLO, erases=1), None, 1), (HashedContent(HELLO, erases=-1), Head(4, "00" * 32), 1),
     (HashedContent(HELLO), None, -1), (HashedContent(HELLO), None, 2**53)],
)  # fmt: skip
def test_what_is_not_signed(content: HashedContent, head: Head | None, timestamp_ms: int) -> None:
    with pytest.raises(UsageError):
        HASHED.create(ANA, head, content, timestamp_ms)


@pytest.mark.parametrize(
    ("content", "salt"), [(b"x", b""), (b"x", bytes(17)), (bytes(entry.MAX_CONTENT_BYTES + 1), SALT)]
)
def test_what_is_no_payload(content: bytes, salt: bytes) -> None:
    with pytest.raises(UsageError):
        entry.payload(content, salt)


@pytest.mark.fault("F110", "F115")
def test_a_log_of_these_entries_freezes_at_a_fork_as_any_other() -> None:
    feed = Feed(Shelf(), ANA.public, HASHED)
    assert feed.extend([FIRST.raw, SECOND.raw, FIRST.raw]) == 2
    other = HASHED.create(ANA, head_of(FIRST), HashedContent(HELLO), TIME_MS + 2)
    with pytest.raises(Forked) as refused:
        feed.add(other.raw)
    assert forks.read(refused.value.proof, HASHED, ANA.public).sequence == 2
    assert len(refused.value.proof) < 2 * ENTRY_BYTES + forks.MAX_OVERHEAD_BYTES
