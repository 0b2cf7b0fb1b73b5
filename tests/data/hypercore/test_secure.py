"""The handshake and the two streams: what holds, what does not, and what flipping a bit does."""

from __future__ import annotations

import hashlib

import pytest

from p2plib.data.hypercore import secure
from p2plib.data.hypercore.salsa20 import XSalsa20
from p2plib.data.hypercore.secure import FeedChannel, FeedHandshake, NoncePayload
from p2plib.errors import Closed, DecodeError, HandshakeFailed, UsageError
from p2plib.identity.exchange import ExchangeKey
from p2plib.protocol.framing import FrameDecoder
from p2plib.protocol.noise.handshake import HandshakeState
from tests.data.hypercore.feeds import AUTHOR, STRANGER

KEY = AUTHOR.public


def frames(raw: bytes) -> list[bytes]:
    decoder, found = FrameDecoder(secure.FRAMES), list[bytes]()
    decoder.receive(raw)
    while (frame := decoder.next_frame()) is not None:
        found.append(frame)
    assert decoder.buffered_bytes == 0
    return found


def shaken() -> tuple[FeedChannel, FeedChannel]:
    one, other = FeedHandshake(initiator=True), FeedHandshake(initiator=False)
    for teller, listener in ((one, other), (other, one), (one, other)):
        (message,) = frames(teller.to_send())
        listener.receive(message)
    assert one.is_finished
    assert other.is_finished
    assert one.to_send() == other.to_send() == b""
    return one.channel, other.channel


def test_both_read_what_the_other_writes() -> None:
    ours, theirs = shaken()
    for size in (1, 7, 100, 5000):
        assert theirs.decrypt(ours.encrypt(bytes([size % 256]) * size)) == bytes([size % 256]) * size
        assert ours.decrypt(theirs.encrypt(b"b" * size)) == b"b" * size
    assert ours.encrypt(bytes(40)) != theirs.encrypt(bytes(40))


def test_the_capability_is_of_this_feed_and_this_connection() -> None:
    ours, theirs = shaken()
    assert ours.capability(KEY) == theirs.remote_capability(KEY)
    assert theirs.capability(KEY) == ours.remote_capability(KEY)
    made = {
        channel.capability(key)
        for channel in (ours, theirs, *shaken())
        for key in (KEY, STRANGER.public)
    }  # fmt: skip
    assert len(made) == 8
    keys = ours._send_key.expose(), ours._receive_key.expose()
    said = b"hypercore capability" + keys[0] + KEY.raw
    assert ours.capability(KEY) == hashlib.blake2b(said, digest_size=32, key=keys[1]).digest()


def test_each_learns_the_key_of_the_other() -> None:
    static = ExchangeKey.from_bytes(bytes([5]) * 32)
    one, other = FeedHandshake(initiator=True, static=static), FeedHandshake(initiator=False)
    other.receive(frames(one.to_send())[0])
    one.receive(frames(other.to_send())[0])
    other.receive(frames(one.to_send())[0])
    assert other.channel.remote == static.public


def test_the_nonce_of_the_first_message_is_readable_by_all() -> None:
    one = FeedHandshake(initiator=True, random=lambda size: bytes([9]) * size)
    (message,) = frames(one.to_send())
    assert message[32:] == NoncePayload(bytes([9]) * 24).encode() == b"\x0a\x18" + bytes([9]) * 24


def test_the_streams_are_of_the_keys_and_nonces_of_the_handshake() -> None:
    """Put together by hand, from the Noise machine."""
    one = FeedHandshake(initiator=True)
    peer = HandshakeState("Noise_XX_25519_ChaChaPoly_BLAKE2b", initiator=False, static=ExchangeKey.generate())
    first = peer.read_message(frames(one.to_send())[0])
    one.receive(peer.write_message(b"\x0a\x18" + b"n" * 24))
    second = peer.read_message(frames(one.to_send())[0])
    assert first == second, "the initiator's nonce comes twice"
    theirs, ours = peer.session_secrets()
    assert one.channel.encrypt(b"moss") == XSalsa20(ours, first[2:]).apply(b"moss")
    assert one.channel.decrypt(XSalsa20(theirs, b"n" * 24).apply(b"fern")) == b"fern"


def until_message(number: int) -> tuple[FeedHandshake, FeedHandshake, bytes]:
    """The one that has sent a message, the one that has yet to read it, and the message."""
    teller, listener = FeedHandshake(initiator=True), FeedHandshake(initiator=False)
    for _ in range(number - 1):
        listener.receive(frames(teller.to_send())[0])
        teller, listener = listener, teller
    return teller, listener, frames(teller.to_send())[0]


def accepts(listener: FeedHandshake, message: bytes) -> bool:
    try:
        listener.receive(message)
    except HandshakeFailed:
        return False
    return True


@pytest.mark.fault("F042")
@pytest.mark.parametrize("number", [1, 2, 3])
def test_every_byte_of_every_message_counts(number: int) -> None:
    size = len(until_message(number)[2])
    for at in range(size):
        teller, listener, message = until_message(number)
        changed = message[:at] + bytes([message[at] ^ 1]) + message[at + 1 :]
        if accepts(listener, changed):
            assert number == 1, "all but the first are authenticated"
            assert not accepts(teller, frames(listener.to_send())[0]), "and the answer tells"


@pytest.mark.fault("F042")
@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_message_that_was_cut_ends_it(number: int) -> None:
    for size in (0, 1, 31, 32, -1):
        _, listener, message = until_message(number)
        with pytest.raises(HandshakeFailed):
            listener.receive(message[:size])
        with pytest.raises((Closed, UsageError)):
            listener.receive(message)
        assert listener.to_send() == b""


def test_a_payload_that_is_no_nonce_ends_it() -> None:
    for payload in (b"", b"\x0a\x03abc", b"\x08\x05", b"\xff"):
        peer = HandshakeState(secure.NAME, initiator=True, static=ExchangeKey.generate())
        with pytest.raises(HandshakeFailed, match="no nonce"):
            FeedHandshake(initiator=False).receive(peer.write_message(payload))
    with pytest.raises(DecodeError):
        NoncePayload.decode(b"\x0a\x03abc")


def test_before_the_handshake_is_over_there_is_no_channel() -> None:
    one = FeedHandshake(initiator=True)
    with pytest.raises(UsageError):
        _ = one.channel
    assert "0 messages done" in repr(FeedHandshake(initiator=False))


def test_whoever_flips_a_bit_on_the_way_flips_it_for_the_reader() -> None:
    """The streams hide, and do not protect."""
    ours, theirs = shaken()
    sent = bytearray(ours.encrypt(b"have 5 blocks"))
    sent[5] ^= ord("5") ^ ord("9")
    assert theirs.decrypt(bytes(sent)) == b"have 9 blocks"
