"""What a peer writes down of itself: one form, and anything else is refused with the place."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Annotated

import pytest

from p2plib.errors import DecodeError, UsageError
from p2plib.machine.addresses import Contact
from p2plib.machine.fields import CONTACT, Blob, Id, Many
from p2plib.machine.saved import DIGEST_BYTES, SavedFormat


@dataclass(frozen=True, slots=True)
class Diary:
    """A peer of an overlay that does not exist."""

    id: Id
    note: Annotated[bytes, Blob(300)]
    friends: Annotated[tuple[Contact, ...], Many(CONTACT, 2)]


FORMAT = SavedFormat("Diary", 3, Diary)
ANA = Diary(0xAB, b"met ben", (Contact(0x17, ("192.0.2.7", 4001)),))


def sealed(body: bytes) -> bytes:
    return body + hashlib.sha256(body).digest()[:DIGEST_BYTES]


def test_a_known_answer() -> None:
    body = (
        b"p2plib Diary 3\n"
        + bytes.fromhex("01ab 07")
        + b"met ben"
        + bytes.fromhex("0a 09 0117 06c00002070fa1")
    )
    assert FORMAT.encode(ANA) == sealed(body)
    assert FORMAT.decode(sealed(body)) == ANA


@pytest.mark.parametrize("note", [b"", b"x", bytes(127), bytes(128), bytes(300)])
def test_what_was_written_is_read_back(note: bytes) -> None:
    diary = Diary(0, note, ())
    assert FORMAT.decode(FORMAT.encode(diary)) == diary


def test_what_a_field_has_no_room_for_is_not_written() -> None:
    with pytest.raises(UsageError, match="note of 301 bytes, where 300 is the most"):
        FORMAT.encode(Diary(1, bytes(301), ()))


def test_every_byte_that_is_changed_and_every_one_that_is_missing_is_noticed() -> None:
    data = FORMAT.encode(ANA)
    for place in range(len(data)):
        for wrong in (data[:place], data[:place] + bytes((data[place] ^ 1,)) + data[place + 1 :]):
            with pytest.raises(DecodeError):
                FORMAT.decode(wrong)
    with pytest.raises(DecodeError, match="digest does not match"):
        FORMAT.decode(data + b"\0")


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"p2plib Diary 2\n\x00\x00\x00", "does not begin with .*Diary 3"),
        (b"p2plib Diary 3\n\x00\x00\x00\x00", "1 bytes follow the last field"),
        (b"p2plib Diary 3\n\x00\x00", "varint|length|left"),
        (b"p2plib Diary 3\n\x01\x00\x00\x00", "begins with a zero byte"),
        (b"p2plib Diary 3\n\x00\xad\x02" + bytes(302), "note of 301 bytes, where 300 is the most"),
        (b"p2plib Diary 3\n\x00\xff\xff\xff\xff\x0f", "note of .* bytes, where 300 is the most"),
    ],
)
def test_a_digest_that_fits_excuses_nothing(body: bytes, why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        FORMAT.decode(sealed(body))


def test_no_head_and_no_digest() -> None:
    for data in (b"", b"p2plib Diary 3\n", b"p2plib Diary 3\n" + bytes(5)):
        with pytest.raises(DecodeError):
            FORMAT.decode(data)
