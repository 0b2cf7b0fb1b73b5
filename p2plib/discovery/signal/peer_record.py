"""libp2p's signed peer record: where a peer says it is, in the form that libp2p passes on. A codec.

Follows libp2p's specification, RFC 0002 (signed envelopes) and 0003 (routing records), with the names that
go-libp2p and js-libp2p really use: domain "libp2p-peer-record", payload type 03 01. Two protobuf messages::

    envelope    1 public_key   2 payload_type   3 payload   5 signature
    record      1 peer_id      2 seq            3 addresses (each a message: 1 multiaddr)

The signature covers domain, payload type and payload, each with its length in front, so that none of the
three can lend bytes to the next.

Rules
    1. The signature is verified before the payload is read, and the record's peer id must be that of the key.
    2. At most `MAX_BYTES` and `MAX_ADDRESSES`. Addresses of kinds that `p2plib.wire.multiaddr` does not know
       are left out; fields of the record that RFC 0003 does not have are left alone, as it wants.
    3. `seq` only orders the records of one peer. It says nothing about the time.

`p2plib.identity.record` is the handbook's own record, smaller, and with an expiry.
"""

from __future__ import annotations

from dataclasses import dataclass

from p2plib.errors import DecodeError, UsageError, WrongPeer
from p2plib.identity import ids
from p2plib.identity.foreign_keys import PeerKey
from p2plib.identity.keys import SecretKey
from p2plib.wire import multiaddr, protobuf, varint
from p2plib.wire.fields import Field
from p2plib.wire.multiaddr import Multiaddr
from p2plib.wire.protobuf import BYTES, VARINT, ProtoField

DOMAIN = b"libp2p-peer-record"
PAYLOAD_TYPE = b"\x03\x01"
MAX_BYTES = 8192
MAX_ADDRESSES = 64  # as `p2plib.protocol.identify`

ENVELOPE_NAMES = {1: "public_key", 2: "payload_type", 3: "payload", 5: "signature"}


@dataclass(frozen=True, slots=True)
class RoutingRecord:
    """What a peer says about where it is.

    Args:
        key: who says it.
        seq: 0 to 2**64 - 1, higher in each new record.
        addresses: where it listens.
    """

    key: PeerKey
    seq: int
    addresses: tuple[Multiaddr, ...]

    @property
    def peer_id(self) -> str:
        """Whose it is."""
        return ids.peer_id(self.key)


def encode(record: RoutingRecord, secret: SecretKey) -> bytes:
    """The record in an envelope, signed.

    Raises:
        UsageError: the key is not that of the record, or the record is larger than others would read.
    """
    if record.key != secret.public:
        raise UsageError(f"{secret.public!r} cannot sign a record about {record.key!r}")
    if len(record.addresses) > MAX_ADDRESSES:
        raise UsageError(f"a record has at most {MAX_ADDRESSES} addresses, not {len(record.addresses)}")
    payload = protobuf.encode(
        (
            ProtoField(1, BYTES, ids.peer_id_bytes(record.key)),
            ProtoField(2, VARINT, record.seq),
            *(ProtoField(3, BYTES, ProtoField(1, BYTES, a.encode()).encode()) for a in record.addresses),
        )
    )
    raw = protobuf.encode(
        (
            ProtoField(1, BYTES, ids.encode_public_key(record.key)),
            ProtoField(2, BYTES, PAYLOAD_TYPE),
            ProtoField(3, BYTES, payload),
            ProtoField(5, BYTES, secret.sign_raw(signed_bytes(PAYLOAD_TYPE, payload))),
        )
    )
    if len(raw) > MAX_BYTES:
        raise UsageError(f"a record of {len(raw)} bytes, where {MAX_BYTES} is the most")
    return raw


def signed_bytes(payload_type: bytes, payload: bytes) -> bytes:
    """What the signature of an envelope covers."""
    return b"".join(varint.encode(len(part)) + part for part in (DOMAIN, payload_type, payload))


def decode(raw: bytes) -> RoutingRecord:
    """The record in an envelope, its signature verified.

    Raises:
        DecodeError: it breaks rule 2, or is no envelope.
        WeakKey: its key is of small order.
        SignatureError: the peer did not sign it.
        WrongPeer: it is about another peer than the one that signed it.
    """
    if len(raw) > MAX_BYTES:
        raise DecodeError(f"a record of {len(raw)} bytes, where {MAX_BYTES} is the most")
    fields = protobuf.decode(raw, max_fields=8)
    protobuf.only(fields, ENVELOPE_NAMES)
    key = ids.decode_peer_key(protobuf.content(fields, 1))
    payload_type, payload = protobuf.content(fields, 2), protobuf.content(fields, 3)
    if payload_type != PAYLOAD_TYPE:
        raise DecodeError(f"an envelope of type {payload_type.hex()}; a peer record is {PAYLOAD_TYPE.hex()}")
    key.verify_raw(signed_bytes(payload_type, payload), protobuf.content(fields, 5))
    return _record(key, payload)


def _record(key: PeerKey, payload: bytes) -> RoutingRecord:
    fields = protobuf.decode(payload, max_fields=2 * MAX_ADDRESSES)
    if protobuf.content(fields, 1) != ids.peer_id_bytes(key):
        raise WrongPeer(f"a record that {ids.peer_id(key)} signed is about somebody else")
    named = [field.value for field in fields if field.number == 3]
    if len(named) > MAX_ADDRESSES:
        raise DecodeError(f"a record has at most {MAX_ADDRESSES} addresses, not {len(named)}")
    seqs = [field for field in fields if field.number == 2]  # proto3 leaves a zero out
    return RoutingRecord(key, protobuf.number(fields, 2) if seqs else 0, _addresses(named))


def _addresses(named: list[int | bytes]) -> tuple[Multiaddr, ...]:
    known = []
    for raw in named:
        if isinstance(raw, int):
            raise DecodeError("an address is a message, not a number")
        address = protobuf.content(protobuf.decode(raw, max_fields=8), 1)
        try:
            known.append(multiaddr.decode(address))
        except DecodeError:
            continue  # of a kind that we do not know
    return tuple(known)


def dissect(raw: bytes) -> tuple[Field, ...]:
    """The parts of an envelope's bytes."""
    decode(raw)
    return protobuf.dissect(raw, ENVELOPE_NAMES)
