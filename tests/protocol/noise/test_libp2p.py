"""libp2p's Noise: who is told what when, every byte changed, lying payloads, sizes, the frames after it."""

from __future__ import annotations

from collections.abc import Callable

import nacl.bindings
import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.errors import (
    Closed,
    DecodeError,
    HandshakeFailed,
    KeyExhausted,
    Tampered,
    Truncated,
    UsageError,
    WrongPeer,
)
from p2plib.identity import ids
from p2plib.identity.foreign_keys import ECDSA, RSA, SECP256K1
from p2plib.identity.keys import PublicKey
from p2plib.protocol.noise import libp2p as libp2p_noise
from p2plib.protocol.noise.crypto import LAST_COUNTER, CipherState, SessionSecret
from p2plib.protocol.noise.handshake import Session
from p2plib.protocol.noise.libp2p import (
    MAX_HANDSHAKE_BYTES,
    NoiseHandshake,
    NoiseOpener,
    NoiseSealer,
)
from p2plib.wire.protobuf import BYTES, VARINT, ProtoField
from tests.protocol.noise.libp2p_peers import (
    ALICE,
    BOB,
    MALLORY,
    MPLEX,
    YAMUX,
    feed,
    foreign_payload,
    honest,
    listener_that_says,
    pair,
    short_rsa_key,
    signed_by,
    weak_key,
)


def unchanged(number: int, raw: bytes) -> bytes:
    return raw


def shake_hands(
    dialler: NoiseHandshake,
    listener: NoiseHandshake,
    on_the_wire: Callable[[int, bytes], bytes] = unchanged,
) -> list[bytes]:
    sent = []
    for number in (1, 2, 3):
        writer, reader = (dialler, listener) if number % 2 else (listener, dialler)
        sent.append(writer.to_send())
        assert writer.to_send() == b""
        feed(reader, on_the_wire(number, sent[-1]))
    return sent


def read_all(raw: bytes, opener: NoiseOpener) -> bytes:
    said, offset = b"", 0
    while offset + opener.need_bytes <= len(raw):
        piece = raw[offset : offset + opener.need_bytes]
        offset += opener.need_bytes
        said += opener.receive(piece)
    opener.end_of_stream(len(raw) - offset)
    return said


def test_each_learns_who_the_other_is() -> None:
    dialler, listener = pair()
    assert dialler.need_bytes == listener.need_bytes == 2
    shake_hands(dialler, listener)
    assert (dialler.remote, listener.remote) == (BOB.public, ALICE.public)
    assert dialler.session.handshake_hash == listener.session.handshake_hash
    assert dialler.need_bytes == listener.need_bytes == 0
    with pytest.raises(UsageError, match="needs 0 bytes"):
        dialler.receive(b"")


def test_before_it_is_finished_nobody_is_anybody() -> None:
    dialler, listener = pair()
    feed(listener, dialler.to_send())
    feed(dialler, listener.to_send())
    assert dialler.is_finished
    assert not listener.is_finished
    for act in (lambda: listener.remote, lambda: listener.muxer, lambda: listener.session, listener.channel):
        with pytest.raises(UsageError, match="not finished"):
            act()


def test_a_responder_may_expect_somebody_too() -> None:
    dialler, _ = pair()
    listener = NoiseHandshake(BOB, initiator=False, expected=MALLORY.public)
    with pytest.raises(WrongPeer):
        shake_hands(dialler, listener)
    assert not listener.is_finished


@pytest.mark.parametrize(
    ("dialler_has", "listener_has", "chosen"),
    [
        ((YAMUX, MPLEX), (MPLEX, YAMUX), YAMUX),
        ((MPLEX, YAMUX), (YAMUX,), YAMUX),
        ((MPLEX,), (YAMUX,), None),
        ((), (YAMUX,), None),
        ((YAMUX,), (), None),
    ],
)
def test_both_choose_the_muxer_that_the_initiator_likes_most(
    dialler_has: tuple[str, ...], listener_has: tuple[str, ...], chosen: str | None
) -> None:
    dialler, listener = pair(muxers=(dialler_has, listener_has))
    shake_hands(dialler, listener)
    assert dialler.muxer == listener.muxer == chosen


# Attacks


@pytest.mark.fault("F042")
@pytest.mark.parametrize("number", [1, 2, 3])
def test_every_changed_byte_of_every_frame_aborts(number: int) -> None:
    """Two bytes of size included: a frame of another size is refused, or cut, or followed by too much."""
    size = len(shake_hands(*pair())[number - 1])
    words = set()
    for place in range(size):
        for mask in (0x01, 0x80):
            dialler, listener = pair()

            def wire(at: int, raw: bytes, place: int = place, mask: int = mask) -> bytes:
                if at != number:
                    return raw
                return raw[:place] + bytes([raw[place] ^ mask]) + raw[place + 1 :]

            with pytest.raises(HandshakeFailed) as failed:
                shake_hands(dialler, listener, wire)
            assert failed.type is HandshakeFailed
            assert not (dialler.is_finished and listener.is_finished)
            if place >= 2:
                words.add(str(failed.value))
            for one in (dialler, listener):
                if one._has_failed:
                    assert one.to_send() == b""
                    with pytest.raises(Closed):
                        one.receive(bytes(one.need_bytes))
    assert len(words) == 1


@pytest.mark.fault("F043")
def test_whoever_is_not_the_one_that_was_dialled_does_not_learn_who_dialled() -> None:
    dialler, listener = pair(responder=MALLORY)
    feed(listener, dialler.to_send())
    with pytest.raises(WrongPeer, match="but the peer that answered is"):
        feed(dialler, listener.to_send())
    assert dialler.to_send() == b""
    assert not dialler.is_finished
    with pytest.raises(Closed):
        dialler.receive(bytes(2))


def test_who_expects_nobody_takes_anybody() -> None:
    dialler, listener = pair(expected=None, responder=MALLORY)
    shake_hands(dialler, listener)
    assert dialler.remote == MALLORY.public


@pytest.mark.fault("F043")
def test_another_prologue_aborts_before_the_dialler_says_who_it_is() -> None:
    dialler, listener = pair(prologues=(b"one", b"two"))
    feed(listener, dialler.to_send())
    with pytest.raises(HandshakeFailed):
        feed(dialler, listener.to_send())
    assert dialler.to_send() == b""


@pytest.mark.fault("F044")
def test_recorded_and_reflected_frames_abort() -> None:
    recorded = shake_hands(*pair())
    dialler, listener = pair(first=50)
    own = dialler.to_send()
    feed(listener, recorded[0])
    answer = listener.to_send()
    with pytest.raises(HandshakeFailed):
        feed(listener, recorded[2])
    with pytest.raises(HandshakeFailed):
        feed(dialler, recorded[1])
    dialler, listener = pair(first=50)
    with pytest.raises(HandshakeFailed):
        feed(dialler, own)
    feed(listener, own)
    with pytest.raises(HandshakeFailed):
        feed(listener, answer)


@pytest.mark.fault("F044")
@pytest.mark.parametrize("expected", [None, ALICE.public])
def test_a_peer_that_is_ourselves_is_refused(expected: PublicKey | None) -> None:
    dialler, listener = pair(expected=expected, responder=ALICE)
    feed(listener, dialler.to_send())
    with pytest.raises(HandshakeFailed, match="the peer is ourselves"):
        feed(dialler, listener.to_send())


KEY = ProtoField(1, BYTES, ids.encode_public_key(BOB.public)).encode()
LIES: dict[str, Callable[[bytes], bytes]] = {
    "no payload": lambda static: b"",
    "not protobuf": lambda static: b"\xff" * 20,
    "no key": lambda static: signed_by(BOB, static),
    "no signature": lambda static: KEY,
    "two keys": lambda static: KEY + honest(static),
    "two signatures": lambda static: honest(static) + signed_by(BOB, static),
    "two extensions": lambda static: honest(static) + ProtoField(4, BYTES, b"").encode() * 2,
    "a key as a number": lambda static: ProtoField(1, VARINT, 1).encode() + signed_by(BOB, static),
    "another's signature": lambda static: KEY + signed_by(MALLORY, static),
    "another static key signed": lambda static: KEY + signed_by(BOB, bytes(32)),
    "another domain signed": lambda static: KEY + signed_by(BOB, static, b"noise-libp2p-other-thing:"),
    "no domain signed": lambda static: KEY + signed_by(BOB, static, b""),
    "a key that is no RSA key": short_rsa_key,
    "an RSA key, another's signature": lambda static: foreign_payload(RSA, static, signed_by(BOB, static)),
    "an ECDSA key, another static key signed": lambda static: foreign_payload(ECDSA, bytes(32)),
    "a secp256k1 key, no signature": lambda static: foreign_payload(SECP256K1, static, b""),
    "a key of small order": weak_key,
    "a muxer that is no text": lambda static: honest(static) + ProtoField(4, BYTES, b"\x12\x01\xff").encode(),
    "a muxer that is empty": lambda static: honest(static) + ProtoField(4, BYTES, b"\x12\x00").encode(),
    "a muxer that is a number": lambda static: honest(static) + ProtoField(4, BYTES, b"\x10\x01").encode(),
    "17 muxers": lambda static: honest(static) + ProtoField(4, BYTES, b"\x12\x01a" * 17).encode(),
    "a muxer of 65 characters": lambda static: (
        honest(static) + ProtoField(4, BYTES, b"\x12\x41" + b"a" * 65).encode()
    ),
    "17 fields": lambda static: honest(static) + ProtoField(9, VARINT, 1).encode() * 15,
}


@pytest.mark.fault("F043")
@pytest.mark.parametrize("make_payload", LIES.values(), ids=LIES)
def test_a_payload_that_does_not_hold_aborts(make_payload: Callable[[bytes], bytes]) -> None:
    with pytest.raises(HandshakeFailed, match="who the peer says it is does not hold") as failed:
        listener_that_says(make_payload)
    assert failed.value.__context__ is None


def test_an_honest_payload_and_one_of_the_future_hold() -> None:
    """The counterpart of the test above: the forger is right in everything else."""
    assert listener_that_says(honest).remote == BOB.public
    later = b"".join(ProtoField(number, VARINT, 1).encode() for number in (3, 5, 99))
    muxers = ProtoField(4, BYTES, b"\x0a\x02ab" + b"\x12\x01a" * 16).encode()
    dialler = listener_that_says(lambda static: later + honest(static) + muxers)
    assert dialler.remote == BOB.public
    assert dialler._payload_of_peer().muxers == ("a",) * 16


# Sizes


@pytest.mark.fault("F045")
@pytest.mark.parametrize("size", [0, 31, 33, 65_535])
def test_the_first_message_is_32_bytes(size: int) -> None:
    _, listener = pair()
    with pytest.raises(HandshakeFailed, match=f"message 1 has 32 to 32 bytes here, not {size}"):
        listener.receive(size.to_bytes(2, "big"))
    assert listener.need_bytes == 2  # nothing was made room for


@pytest.mark.fault("F045")
@pytest.mark.parametrize("size", [0, 95, MAX_HANDSHAKE_BYTES + 1, 65_535])
def test_the_second_message_is_neither_too_short_nor_too_long(size: int) -> None:
    dialler, _ = pair()
    with pytest.raises(HandshakeFailed, match="message 2 has 96 to 4096"):
        dialler.receive(size.to_bytes(2, "big"))
    for right in (96, MAX_HANDSHAKE_BYTES):
        dialler, _ = pair()
        dialler.receive(right.to_bytes(2, "big"))
        assert dialler.need_bytes == right


def test_a_wrong_number_of_bytes_is_our_mistake_and_harms_nothing() -> None:
    dialler, listener = pair()
    for size in (0, 1, 3):
        with pytest.raises(UsageError, match="needs 2 bytes"):
            listener.receive(bytes(size))
    shake_hands(dialler, listener)


@pytest.mark.fault("F055")
def test_a_handshake_costs_at_most_one_check_of_a_signature(monkeypatch: pytest.MonkeyPatch) -> None:
    """And none before the peer has computed two agreements of its own, nor for a key of another kind."""
    checked: list[int] = []
    check = nacl.bindings.crypto_sign_open

    def counted(signed: bytes, key: bytes) -> bytes:
        checked.append(len(signed))
        return check(signed, key)

    monkeypatch.setattr("nacl.bindings.crypto_sign_open", counted)
    listener_that_says(honest)
    assert len(checked) == 1
    with pytest.raises(HandshakeFailed):
        listener_that_says(LIES["another's signature"])
    assert len(checked) == 2
    for lie in ("a key that is no RSA key", "a key of small order", "two keys", "not protobuf"):
        with pytest.raises(HandshakeFailed):
            listener_that_says(LIES[lie])
    with pytest.raises(HandshakeFailed):
        feed(pair()[0], (96).to_bytes(2, "big") + bytes([9]) * 96)
    assert len(checked) == 2


# The channel after it


@given(st.lists(st.binary(max_size=3000), max_size=6))
def test_what_is_sealed_is_read(writes: list[bytes]) -> None:
    dialler, listener = pair()
    shake_hands(dialler, listener)
    (seal, opener), (their_seal, their_opener) = dialler.channel(), listener.channel()
    assert read_all(b"".join(seal.seal(data) for data in writes), their_opener) == b"".join(writes)
    assert read_all(b"".join(their_seal.seal(data) for data in writes), opener) == b"".join(writes)


def fresh() -> tuple[NoiseSealer, NoiseOpener]:
    def state() -> CipherState:
        return CipherState(SessionSecret.from_bytes(bytes(range(32))))

    session = Session(state(), state(), b"", None)
    return NoiseSealer(session), NoiseOpener(session)


@pytest.mark.fault("F045")
def test_frames_are_as_large_as_they_may_be_and_no_larger() -> None:
    seal, opener = fresh()
    data = bytes(65_519) + b"x" * 65_519 + b"y"
    raw = seal.seal(data)
    assert raw[:2] == b"\xff\xff"
    assert raw[65_537:65_539] == b"\xff\xff"
    assert len(raw) == len(data) + 3 * 18
    assert read_all(raw, opener) == data
    assert seal.seal(b"") == b""
    assert seal.goodbye() == b""
    assert not opener.has_ended


@pytest.mark.fault("F045")
@pytest.mark.parametrize("size", [0, 1, 15])
def test_a_frame_without_room_for_a_tag_is_tampering(size: int) -> None:
    seal, opener = fresh()
    with pytest.raises(Tampered, match="no room for a tag"):
        opener.receive(size.to_bytes(2, "big"))
    with pytest.raises(Closed):
        read_all(seal.seal(b"true"), opener)


def test_a_frame_of_no_bytes_says_nothing_and_goes_on() -> None:
    """Other implementations may send one."""
    seal, opener = fresh()
    empty = seal._session.encrypt(b"")
    assert read_all(len(empty).to_bytes(2, "big") + empty + seal.seal(b"hi"), opener) == b"hi"


@pytest.mark.fault("F045")
def test_every_changed_byte_of_a_frame_is_noticed() -> None:
    size = len(fresh()[0].seal(b"hello"))
    for place in range(size):
        seal, opener = fresh()
        raw = bytearray(seal.seal(b"hello"))
        raw[place] ^= 1
        with pytest.raises((Tampered, Truncated)) as failed:
            read_all(bytes(raw), opener)
        # A size that became larger is a stream that ends too early.
        assert failed.type is Tampered or place < 2
        if failed.type is Tampered:
            with pytest.raises(Closed):
                opener.receive(bytes(opener.need_bytes))


@pytest.mark.fault("F047")
def test_a_frame_that_is_cut_is_truncation_and_a_border_is_not() -> None:
    raw = fresh()[0].seal(b"hello")
    for end in range(1, len(raw)):
        with pytest.raises(Truncated, match="inside a Noise frame"):
            read_all(raw[:end], fresh()[1])
    assert read_all(b"", fresh()[1]) == b""
    assert read_all(raw, fresh()[1]) == b"hello"


@pytest.mark.fault("F046")
def test_a_key_that_is_used_up_sends_nothing_more() -> None:
    key = SessionSecret.from_bytes(bytes(32))
    seal = NoiseSealer(Session(CipherState(key, LAST_COUNTER - 1), CipherState(key), b"", None))
    seal.seal(b"the last one")
    with pytest.raises(KeyExhausted):
        seal.seal(b"one too many")


def test_the_parts_of_the_frames() -> None:
    for number, raw in enumerate(shake_hands(*pair()), start=1):
        fields = libp2p_noise.dissect(number, raw)
        assert b"".join(field.raw for field in fields) == raw
        assert fields[0].name == "size"
        for wrong in (raw[:-1], raw + b"\0", raw[:1]):
            with pytest.raises(DecodeError, match="the size in front"):
                libp2p_noise.dissect(number, wrong)
