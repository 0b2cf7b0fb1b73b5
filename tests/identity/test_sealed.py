"""Sealed messages: one recorded from private-box, an independent writer, and every way to break one."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable

import nacl.bindings
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2plib.errors import DecodeError, NotForUs, RemoteError, UsageError, WeakKey
from p2plib.identity import edwards, sealed
from p2plib.identity.keys import PublicKey, SecretKey
from tests.identity.reports import library_locals


def key(name: str) -> SecretKey:
    return SecretKey.from_seed(hashlib.sha256(name.encode()).digest())


ALICE, BOB, CAROL, MALLORY = key("alice"), key("bob"), key("carol"), key("mallory")

# Written by private-box 0.3.1 through ssb-keys 8.5.0, to Alice and Bob.
RECORDED = (
    "W23I7kidsHpMH070MZ9Hj771Ti9Potw38xlX4EbSyKlHvLBExLDAWYjEbSWbHBflMnJiuOxlfVzTEjOAqlTXS8LECsCs25oZ542VIiV/p3"
    "9zvBGPhi9Mp2rLhpgeBkyhImzx+O9Jo9h3Fbn2+AxUgl6h27jx4zhEF0fReXQQ+YDBc9m7UN/Z7ISb49CJQvfQLHpS/bMLymcEKQ1o+0eb"
    "LuLy0eBNo2RNvveGVvUGqhiiM47FShdeXTLfYwGDOrrQTD41bOc=.box"
)
RECORDED_MESSAGE = '{"type":"post","text":"é"}'.encode()

people = st.lists(st.integers(0, 9), min_size=1, max_size=7, unique=True)


def counting(start: int = 0) -> Callable[[int], bytes]:
    """A source of "random" bytes that gives the same ones in every run."""
    calls = iter(range(start, start + 1000))
    return lambda size: hashlib.shake_256(bytes([next(calls)])).digest(size)


def reference_seal(
    message: bytes, recipients: list[PublicKey], nonce: bytes, body_key: bytes, sk: bytes
) -> bytes:
    """The format once more, straight on libsodium."""
    slots = b"".join(
        nacl.bindings.crypto_secretbox(
            bytes([len(recipients)]) + body_key,
            nonce,
            nacl.bindings.crypto_scalarmult(sk, nacl.bindings.crypto_sign_ed25519_pk_to_curve25519(r.raw)),
        )
        for r in recipients
    )
    body = nacl.bindings.crypto_secretbox(message, nonce, body_key)
    return nonce + nacl.bindings.crypto_scalarmult_base(sk) + slots + body


def test_a_message_that_private_box_wrote() -> None:
    raw = sealed.from_text(RECORDED)
    assert sealed.open_sealed(raw, ALICE) == RECORDED_MESSAGE
    assert sealed.open_sealed(raw, BOB) == RECORDED_MESSAGE
    with pytest.raises(NotForUs):
        sealed.open_sealed(raw, CAROL)
    assert sealed.to_text(raw) == RECORDED
    assert len(raw) == 24 + 32 + 2 * 49 + 16 + len(RECORDED_MESSAGE)


def test_byte_for_byte_what_an_independent_writer_makes() -> None:
    source = counting()
    nonce, body_key, one_time = source(24), source(32), source(32)
    to = [CAROL.public, ALICE.public]
    assert sealed.seal(b"hello", to, random=counting()) == reference_seal(
        b"hello", to, nonce, body_key, one_time
    )


@given(st.binary(max_size=200), people)
@settings(deadline=None)
def test_every_recipient_opens_it_and_nobody_else(message: bytes, numbers: list[int]) -> None:
    secrets = [key(str(n)) for n in range(10)]
    raw = sealed.seal(message, [secrets[n].public for n in numbers])
    assert len(raw) == 72 + 49 * len(numbers) + len(message)
    for number, secret in enumerate(secrets):
        if number in numbers:
            assert sealed.open_sealed(raw, secret) == message
        else:
            with pytest.raises(NotForUs):
                sealed.open_sealed(raw, secret)


def test_slots_stand_in_the_order_given() -> None:
    one = sealed.dissect(sealed.seal(b"x", [ALICE.public, BOB.public], random=counting()), 2)
    other = sealed.dissect(sealed.seal(b"x", [BOB.public, ALICE.public], random=counting()), 2)
    assert [f.raw for f in one[2:4]] == [f.raw for f in reversed(other[2:4])]


def test_every_flipped_bit_is_an_error() -> None:
    raw = sealed.seal(b"hello", [ALICE.public], random=counting())
    for position in range(8 * len(raw)):
        changed = bytearray(raw)
        changed[position // 8] ^= 1 << position % 8
        with pytest.raises((NotForUs, DecodeError)):
            sealed.open_sealed(bytes(changed), ALICE)


def test_a_change_in_another_slot_is_noticed_by_its_owner_alone() -> None:
    raw = bytearray(sealed.seal(b"hello", [ALICE.public, BOB.public], random=counting()))
    raw[sealed.SLOTS_OFFSET + sealed.SLOT_BYTES] ^= 1
    assert sealed.open_sealed(bytes(raw), ALICE) == b"hello"
    with pytest.raises(NotForUs):
        sealed.open_sealed(bytes(raw), BOB)


def test_cut_anywhere_it_is_an_error() -> None:
    raw = sealed.seal(b"hello", [ALICE.public, BOB.public], random=counting())
    for size in range(len(raw)):
        with pytest.raises((DecodeError, NotForUs)):
            sealed.open_sealed(raw[:size], BOB)
    for size in range(sealed.SMALLEST_BYTES):
        with pytest.raises(DecodeError, match="at least 121 bytes"):
            sealed.open_sealed(raw[:size], ALICE)
    with pytest.raises(DecodeError, match="cut short"):
        sealed.open_sealed(raw[: sealed.SLOTS_OFFSET + 2 * sealed.SLOT_BYTES], ALICE)
    with pytest.raises(DecodeError, match="body does not open"):
        sealed.open_sealed(raw[:-1], ALICE)
    with pytest.raises(DecodeError, match="body does not open"):
        sealed.open_sealed(raw + b"\0", ALICE)


def with_slot(count: int, before: int) -> bytes:
    """A message to Alice with a count of our choice in her slot, and slots of noise before it."""
    source = counting()
    nonce, body_key, one_time = source(24), source(32), source(32)
    slot_key = nacl.bindings.crypto_scalarmult(one_time, ALICE.public.to_x25519())
    slot = nacl.bindings.crypto_secretbox(bytes([count]) + body_key, nonce, slot_key)
    body = nacl.bindings.crypto_secretbox(b"hello", nonce, body_key)
    return nonce + nacl.bindings.crypto_scalarmult_base(one_time) + bytes(49 * before) + slot + body


def test_a_count_that_lies() -> None:
    assert sealed.open_sealed(with_slot(count=3, before=2), ALICE) == b"hello"
    with pytest.raises(DecodeError, match="place 1 says that there are only 0"):
        sealed.open_sealed(with_slot(count=0, before=0), ALICE)
    with pytest.raises(DecodeError, match="place 3 says that there are only 2"):
        sealed.open_sealed(with_slot(count=2, before=2), ALICE)
    with pytest.raises(DecodeError, match="no room for 255 slots"):
        sealed.open_sealed(with_slot(count=255, before=0), ALICE)


def test_how_many_recipients() -> None:
    many = [key(str(n)) for n in range(255)]
    public = [secret.public for secret in many]
    with pytest.raises(UsageError, match="1 to 7 recipients, not 8"):
        sealed.seal(b"", public[:8])
    with pytest.raises(UsageError, match="not 0"):
        sealed.seal(b"", [])
    raw = sealed.seal(b"all", public, max_recipients=255)
    assert sealed.open_sealed(raw, many[254], max_recipients=255) == b"all"
    assert sealed.open_sealed(raw, many[6]) == b"all"
    with pytest.raises(NotForUs, match="none of the 7 slots"):
        sealed.open_sealed(raw, many[7])
    for limit in (0, 256, -1):
        with pytest.raises(UsageError, match="1 to 255"):
            sealed.seal(b"", public[:1], max_recipients=limit)
        with pytest.raises(UsageError, match="1 to 255"):
            sealed.open_sealed(raw, many[0], max_recipients=limit)


def test_a_recipient_is_listed_once() -> None:
    with pytest.raises(UsageError, match="listed twice"):
        sealed.seal(b"", [ALICE.public, BOB.public, PublicKey(ALICE.public.raw)])


@pytest.mark.fault("F005")
@pytest.mark.parametrize("low_order", [bytes(32), b"\x01" + bytes(31)])
def test_a_one_time_key_that_keeps_no_secret(low_order: bytes) -> None:
    raw = sealed.seal(b"hello", [ALICE.public], random=counting())
    with pytest.raises(WeakKey):
        sealed.open_sealed(raw[:24] + low_order + raw[56:], ALICE)


@pytest.mark.parametrize("number", [2**255 - 19, 2**255 - 1, 2**255, 2**256 - 1])
def test_a_one_time_key_in_another_spelling(number: int) -> None:
    raw = sealed.seal(b"hello", [ALICE.public], random=counting())
    with pytest.raises(DecodeError, match="below 2\\^255 - 19") as caught:
        sealed.open_sealed(raw[:24] + number.to_bytes(32, "little") + raw[56:], ALICE)
    assert caught.value.offset == 24


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".box ",
        "AAAA",
        "AAAA.boxed",
        "A.box",
        "AAA=AAAA.box",
        "AA A.box",
        "AAB=.box",
        "AAAA\n.box",
        "ÄÄÄÄ.box",
    ],
)
def test_texts_that_are_no_sealed_message(text: str) -> None:
    with pytest.raises(DecodeError):
        sealed.from_text(text)


@given(st.binary(max_size=100))
def test_text_and_bytes_agree(raw: bytes) -> None:
    assert sealed.from_text(sealed.to_text(raw)) == raw
    assert base64.b64decode(sealed.to_text(raw)[:-4]) == raw


@given(st.binary(max_size=400))
def test_noise_is_always_refused(raw: bytes) -> None:
    with pytest.raises(RemoteError):
        sealed.open_sealed(raw, ALICE)


def test_the_fields_are_the_message() -> None:
    raw = sealed.seal(b"hello", [ALICE.public, BOB.public], random=counting())
    known, unknown = sealed.dissect(raw, 2), sealed.dissect(raw)
    assert [(f.name, f.size_bytes) for f in known] == [
        ("nonce", 24),
        ("one-time key", 32),
        ("slot 1", 49),
        ("slot 2", 49),
        ("body", 21),
    ]
    assert [f.name for f in unknown] == ["nonce", "one-time key", "slots and body"]
    assert b"".join(f.raw for f in known) == b"".join(f.raw for f in unknown) == raw
    for wrong in (0, -1, 3):
        with pytest.raises(UsageError, match=f"does not have {wrong} recipients"):
            sealed.dissect(raw, wrong)
    with pytest.raises(DecodeError, match="at least"):
        sealed.dissect(raw[:100])


@pytest.mark.fault("F011")
@pytest.mark.parametrize("damaged", [60, -1])
def test_an_error_report_holds_no_key(damaged: int) -> None:
    source = counting()
    source(24)
    body_key = source(32)
    raw = bytearray(sealed.seal(b"the message", [ALICE.public, BOB.public], random=counting()))
    raw[damaged] ^= 1
    for secret in (ALICE, MALLORY):
        with pytest.raises(RemoteError) as caught:
            sealed.open_sealed(bytes(raw), secret)
        shown = library_locals(caught.value)
        for hidden in (body_key, secret.expose_seed(), secret.to_x25519().shared_secret(bytes(raw[24:56]))):
            assert repr(hidden)[2:-1] not in shown


@pytest.mark.parametrize("place", range(1, 8))
def test_a_one_time_key_with_a_point_of_small_order_added(place: int) -> None:
    """X25519 multiplies by a multiple of 8, so that the addition vanishes and the slots would still open."""
    raw = sealed.seal(b"hello", [BOB.public])
    u = int.from_bytes(raw[24:56], "little")
    y = (u - 1) * pow(u + 1, -1, edwards.PRIME) % edwards.PRIME
    point = edwards.decompress(y.to_bytes(32, "little")) + edwards.SMALL_ORDER_POINTS[place]
    _, y = point.affine()
    u = (1 + y) * pow(1 - y, -1, edwards.PRIME) % edwards.PRIME
    added = u.to_bytes(32, "little")
    with pytest.raises(DecodeError, match="mixed order") as caught:
        sealed.open_sealed(raw[:24] + added + raw[56:], BOB)
    assert repr(BOB.to_x25519().shared_secret(added)) not in library_locals(caught.value)


def test_a_one_time_key_that_is_no_point_of_the_curve() -> None:
    raw = sealed.seal(b"hello", [BOB.public])
    with pytest.raises(DecodeError, match="no writer makes"):
        sealed.open_sealed(raw[:24] + bytes([2]) + bytes(31) + raw[56:], BOB)  # u = 2 is on the curve's twist
