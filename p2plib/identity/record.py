"""Record: where a peer says it can be reached, signed by itself. A codec and a machine.

Anybody may pass a peer's record on, nobody else can make one. It holds less than libp2p's signed peer record
(whose idea it is: a sequence number, signed under a domain of its own) plus a time after which it is not
believed any more.

On the wire, a protobuf message {1: key, 2: sequence number, 3: address (repeated), 4: expiry} with {5:
signature} behind it; the signature covers all bytes before field 5, in the context "p2plib/peer-record/1".

Rules of the machine `Records`
    1. Of one peer, the record with the highest sequence number is kept; one that is not higher is ignored.
    2. A record past its expiry, or with an expiry further ahead than `MAX_LIFETIME_S`, is ignored; what has
       expired is dropped. Its sequence number stays, or an older record that expires later could be replayed.
    3. At most `max_strangers` records of peers that we never spoke with are kept. When there is no room, the
       one that expires first goes. Peers that we spoke with (`met`) have their own room, so that a flood of
       invented peers pushes out nothing but invented peers (compare CVE-2023-40583). The sequence numbers
       that stay have as much room; of strangers' the oldest go.
    4. Everything ignored is counted, by reason.

Vocabulary::

    seq         a number that the peer raises with every new record, for example its clock when it made it
    expires_s   seconds since 1970 (Unix time)
    now_s       the same clock, as an argument
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from p2plib.errors import DecodeError, UsageError
from p2plib.identity.keys import PublicKey, SecretKey
from p2plib.wire import protobuf, varint
from p2plib.wire.fields import Field
from p2plib.wire.protobuf import BYTES, VARINT, ProtoField

CONTEXT = "p2plib/peer-record/1"
MAX_BYTES = 2048  # room for sixteen long addresses; a record travels in one datagram or two
MAX_ADDRESSES = 16
MAX_ADDRESS_CHARACTERS = 256
MAX_LIFETIME_S = 86_400.0  # a day: an address older than that is a guess

NAMES = {1: "key", 2: "seq", 3: "address", 4: "expires", 5: "signature"}


@dataclass(frozen=True, slots=True)
class PeerRecord:
    """What a peer says about where it is.

    Args:
        key: who says it.
        seq: 0 to 2**63 - 1, higher in each new record.
        addresses: up to 16 texts of 1 to 256 printable ASCII characters, in the order in which to try them.
        expires_s: Unix time in whole seconds, 0 to 2**63 - 1.

    Raises:
        DecodeError: a part is out of these bounds.
    """

    key: PublicKey
    seq: int
    addresses: tuple[str, ...]
    expires_s: int

    def __post_init__(self) -> None:
        for what, value in (("a sequence number", self.seq), ("an expiry", self.expires_s)):
            _check_number(value, what)
        if len(self.addresses) > MAX_ADDRESSES:
            raise DecodeError(f"a record has at most {MAX_ADDRESSES} addresses, not {len(self.addresses)}")
        for address in self.addresses:
            if not 1 <= len(address) <= MAX_ADDRESS_CHARACTERS or not (
                address.isascii() and address.isprintable()
            ):
                raise DecodeError(f"an address is 1 to {MAX_ADDRESS_CHARACTERS} printable ASCII characters")


def _check_number(value: object, what: str) -> None:
    if not isinstance(value, int) or not 0 <= value <= varint.MAX_VALUE:
        raise DecodeError(f"{what} is a whole number, 0 to 2**63 - 1")


def _body(record: PeerRecord) -> bytes:
    return protobuf.encode(
        (
            ProtoField(1, BYTES, record.key.raw),
            ProtoField(2, VARINT, record.seq),
            *(ProtoField(3, BYTES, address.encode("ascii")) for address in record.addresses),
            ProtoField(4, VARINT, record.expires_s),
        )
    )


def encode(record: PeerRecord, secret: SecretKey) -> bytes:
    """A record, signed by the peer that it is about.

    Raises:
        UsageError: the secret key is not that of the record, or the record is too large.
    """
    if record.key != secret.public:
        raise UsageError(f"{secret.public!r} cannot sign a record about {record.key!r}")
    body = _body(record)
    raw = body + ProtoField(5, BYTES, secret.sign(CONTEXT, body)).encode()
    if len(raw) > MAX_BYTES:
        raise UsageError(f"a record of {len(raw)} bytes, where {MAX_BYTES} is the most")
    return raw


def decode(raw: bytes) -> PeerRecord:
    """The record in some bytes, its signature verified. Whether it is news is the business of `Records`.

    Raises:
        DecodeError: it is too large, or not the bytes that `encode` writes.
        WeakKey: the key in it is of small order.
        SignatureError: its peer did not sign it.
    """
    if len(raw) > MAX_BYTES:
        raise DecodeError(f"a record of {len(raw)} bytes, where {MAX_BYTES} is the most")
    fields = protobuf.decode(raw, max_fields=MAX_ADDRESSES + 4)
    protobuf.only(fields, NAMES)
    record = PeerRecord(
        PublicKey(protobuf.content(fields, 1)),
        protobuf.number(fields, 2),
        tuple(_address(part) for part in fields if part.number == 3),
        protobuf.number(fields, 4),
    )
    body, signature = _body(record), protobuf.content(fields, 5)
    if raw != body + ProtoField(5, BYTES, signature).encode():
        raise DecodeError("the fields of a record stand in the order of their numbers")
    record.key.verify(CONTEXT, body, signature)
    return record


def _address(part: ProtoField) -> str:
    if not isinstance(part.value, bytes):
        raise DecodeError("an address is bytes, not a number")
    try:
        return part.value.decode("ascii")
    except UnicodeDecodeError as error:
        raise DecodeError("an address is ASCII", error.start) from None


def dissect(raw: bytes) -> tuple[Field, ...]:
    """The parts of a record's bytes."""
    decode(raw)
    return protobuf.dissect(raw, NAMES)


@dataclass(slots=True)
class Records:
    """The newest record of each peer: a machine. Feed it what arrives, ask it where somebody is.

    Args:
        max_strangers: how many records of peers that we never spoke with to keep.
        max_met: how many of those that we did.
    """

    max_strangers: int = 256
    max_met: int = 1024
    ignored: Counter[str] = field(default_factory=Counter, init=False)
    _records: dict[PublicKey, PeerRecord] = field(default_factory=dict, init=False)
    _expired: dict[PublicKey, int] = field(default_factory=dict, init=False)  # the sequence numbers that stay
    _met: dict[PublicKey, None] = field(default_factory=dict, init=False)  # a set that remembers the order

    def receive(self, record: PeerRecord, now_s: float) -> bool:
        """Whether a record, decoded and so verified, was news and is kept from now on.

        Args:
            record: from `decode`.
            now_s: Unix time.
        """
        self._drop_expired(now_s)
        known = self._records.get(record.key)
        known_seq = known.seq if known else self._expired.get(record.key, -1)
        if record.expires_s <= now_s:
            return self._ignore("expired")
        if record.expires_s > now_s + MAX_LIFETIME_S:
            return self._ignore("expires too late")
        if record.seq <= known_seq:
            return self._ignore(
                "same sequence number" if record.seq == known_seq else "lower sequence number"
            )
        self._records[record.key] = record
        self._expired.pop(record.key, None)
        self._make_room()
        return record.key in self._records

    def find(self, key: PublicKey, now_s: float) -> tuple[str, ...]:
        """The addresses of a peer, best first; none if no record of it is kept or it has expired."""
        self._drop_expired(now_s)
        record = self._records.get(key)
        return record.addresses if record else ()

    def met(self, key: PublicKey) -> None:
        """Notes that we spoke with this peer, as proved by a handshake: its record is no stranger's any
        more."""
        self._met.pop(key, None)
        self._met[key] = None
        while len(self._met) > self.max_met:
            self._met.pop(next(iter(self._met)))
        self._make_room()

    def __len__(self) -> int:
        return len(self._records)

    def _ignore(self, reason: str) -> bool:
        self.ignored[reason] += 1
        return False

    def _drop_expired(self, now_s: float) -> None:
        for key in [key for key, record in self._records.items() if record.expires_s <= now_s]:
            self._expired[key] = self._records.pop(key).seq
        self._make_room()

    def _make_room(self) -> None:
        strangers = [key for key in self._records if key not in self._met]
        while len(strangers) > self.max_strangers:
            first = min(strangers, key=lambda key: (self._records[key].expires_s, key))
            strangers.remove(first)
            del self._records[first]
            self.ignored["no room for strangers"] += 1
        gone = [key for key in self._expired if key not in self._met]
        for key in gone[: max(0, len(gone) - self.max_strangers)]:
            del self._expired[key]
