"""What libp2p peers say about themselves inside the Noise handshake. A codec.

libp2p's specification "noise-libp2p", revision 5, and "inlined muxer negotiation". A protobuf message::

    1  identity_key   who is speaking, as libp2p writes public keys
    2  identity_sig   its signature of "noise-libp2p-static-key:" ‖ its static key of this handshake
    4  extensions     {2: stream_muxers (repeated)}: what to speak next, which saves a round trip

Rules
    1. A signature is valid by the rule of `p2plib.identity.keys`, or of `p2plib.identity.foreign_keys` for a
       key of another kind. Type and size of a key are looked at before anything is computed with it.
    2. The known fields stand there once. Unknown ones are ignored, so that the format can grow.
    3. At most `MAX_MUXERS` multiplexers, with names of 1 to `MAX_MUXER_BYTES` ASCII characters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from p2plib.errors import DecodeError, UsageError
from p2plib.identity import ids
from p2plib.identity.foreign_keys import PeerKey
from p2plib.identity.keys import SecretKey
from p2plib.wire import protobuf
from p2plib.wire.fields import Field
from p2plib.wire.protobuf import BYTES, ProtoField

SIGNATURE_PREFIX = b"noise-libp2p-static-key:"
MAX_MUXERS = 16
MAX_MUXER_BYTES = 64
MAX_FIELDS = 16  # three are known

_IDENTITY_KEY, _IDENTITY_SIGNATURE, _EXTENSIONS, _STREAM_MUXERS = 1, 2, 4, 2
_FIELD_NAMES = {
    _IDENTITY_KEY: "identity_key",
    _IDENTITY_SIGNATURE: "identity_sig",
    _EXTENSIONS: "extensions",
}


@dataclass(frozen=True, slots=True)
class Payload:
    """What a side says about itself inside the handshake.

    Args:
        key: who it says it is.
        signature: of its static key, 64 bytes for a key of ours.
        muxers: protocol ids of multiplexers, the dearest first; empty for "let us negotiate later".
    """

    key: PeerKey
    signature: bytes
    muxers: tuple[str, ...] = ()

    def verify(self, static: bytes) -> None:
        """Returns if the key signed this static key; raises SignatureError, and LocalError where a key of its
        kind cannot be verified here."""
        self.key.verify_raw(SIGNATURE_PREFIX + static, self.signature)


def sign(identity: SecretKey, static: bytes, muxers: Sequence[str] = ()) -> Payload:
    """The payload of a peer.

    Args:
        identity: who it is.
        static: its static public key of this handshake, 32 bytes.
        muxers: what it can speak next.
    """
    return Payload(identity.public, identity.sign_raw(SIGNATURE_PREFIX + static), tuple(muxers))


def encode(payload: Payload) -> bytes:
    """The protobuf message of a payload.

    Raises:
        UsageError: too many muxers, or a name that is empty, too long, or not ASCII.
    """
    if len(payload.muxers) > MAX_MUXERS:
        raise UsageError(f"{MAX_MUXERS} muxers at most, not {len(payload.muxers)}")
    for name in payload.muxers:
        if not (name.isascii() and 1 <= len(name) <= MAX_MUXER_BYTES):
            raise UsageError(f"a muxer's name is 1 to {MAX_MUXER_BYTES} ASCII characters, not {name!a}")
    fields = [
        ProtoField(_IDENTITY_KEY, BYTES, ids.encode_public_key(payload.key)),
        ProtoField(_IDENTITY_SIGNATURE, BYTES, payload.signature),
    ]
    if payload.muxers:
        inner = protobuf.encode(
            ProtoField(_STREAM_MUXERS, BYTES, name.encode("ascii")) for name in payload.muxers
        )
        fields.append(ProtoField(_EXTENSIONS, BYTES, inner))
    return protobuf.encode(fields)


def decode(raw: bytes) -> Payload:
    """The payload in a protobuf message. The signature is not checked here.

    Raises:
        DecodeError: malformed, a known field that is missing or repeated, a key of no known kind, or too many
            or too long names of muxers.
        WeakKey: the key is of small order.
    """
    fields = protobuf.decode(raw, max_fields=MAX_FIELDS)
    key = ids.decode_peer_key(protobuf.content(fields, _IDENTITY_KEY))
    signature = protobuf.content(fields, _IDENTITY_SIGNATURE)
    if not any(field.number == _EXTENSIONS for field in fields):
        return Payload(key, signature)
    extensions = protobuf.decode(protobuf.content(fields, _EXTENSIONS), max_fields=2 * MAX_MUXERS)
    return Payload(key, signature, _muxers_of(extensions))


def _muxers_of(extensions: Sequence[ProtoField]) -> tuple[str, ...]:
    values = [field.value for field in extensions if field.number == _STREAM_MUXERS]
    if len(values) > MAX_MUXERS:
        raise DecodeError(f"{MAX_MUXERS} muxers at most, not {len(values)}")
    names = []
    for value in values:
        if not (isinstance(value, bytes) and value.isascii() and 1 <= len(value) <= MAX_MUXER_BYTES):
            raise DecodeError(f"a muxer's name is 1 to {MAX_MUXER_BYTES} ASCII characters")
        names.append(value.decode("ascii"))
    return tuple(names)


def choose_muxer(initiators: Sequence[str], responders: Sequence[str]) -> str | None:
    """The first multiplexer of the initiator's that the responder has too; None if there is none.

    Both sides compute it from the same two lists, so they need not say it.
    """
    return next((name for name in initiators if name in responders), None)


def dissect(raw: bytes) -> tuple[Field, ...]:
    """The parts of a payload, once it is decrypted."""
    return protobuf.dissect(raw, _FIELD_NAMES)
