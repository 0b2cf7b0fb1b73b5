"""TSIG: a packet of DNS that only a holder of a key can have written (RFC 8945). A codec.

A record at the very end of the packet carries a code over everything before it, made with a secret that
both sides know. Nothing is encrypted. With it a name server lets a program of ours change its zone, and our
program knows that the name server said yes, and not somebody on the way.

Rules
    1. The one algorithm is HMAC with SHA-256, whole: RFC 8945 demands it of everybody, and MD5 of nobody. A
       code that is cut short, even where the RFC lets it be, is not enough for us.
    2. The code covers the packet as it was before the record was added, the key's name in small letters, the
       algorithm, the time, and the error. A response covers the code of its request, too, so that it answers
       this one and no other.
    3. The time is a wall clock's. It may be off by `FUDGE_S`, or less if the signer says so; so a packet can
       be replayed for as long, unless the receiver remembers the codes that it has seen.
    4. The record is the last of the additional ones, of class ANY and with a time to live of 0.
    5. A receiver says which part failed (`TsigError.error`): BADKEY and BADSIG without a code, for there is
       no key that both know, BADTIME and BADTRUNC with one.

Vocabulary::

    key      a name that both sides know it by, and its secret bytes
    MAC      the code: 32 bytes
    fudge    how many seconds the two clocks may differ
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import struct
from collections.abc import Iterable
from dataclasses import dataclass, field

from p2plib.discovery.mdns.names import HEADER_BYTES, DomainName, NameWriter, read_name
from p2plib.discovery.mdns.packets import MAX_BYTES, write_record
from p2plib.discovery.mdns.records import ANY_CLASS, OtherData, ResourceRecord
from p2plib.errors import DecodeError, RemoteError, UsageError

TSIG_TYPE = 250
FUDGE_S = 300  # RFC 8945, 10: what it recommends
MAC_BYTES = 32
MIN_MAC_BYTES = 16  # RFC 8945, 5.2.2.1: half of the hash's size
MIN_SECRET_BYTES = 16  # half of the hash's size is the least that RFC 2104 thinks of as a key
SIZE_BYTES = 71  # of a record, but for the key's name: 10 numbers, the algorithm in 13, 16, and the code
ALGORITHM = DomainName.parse("hmac-sha256")
NO_ERROR, BAD_SIGNATURE, BAD_KEY, BAD_TIME, BAD_TRUNCATION = 0, 16, 17, 18, 22  # RFC 8945, section 3
WORDS = {BAD_SIGNATURE: "BADSIG", BAD_KEY: "BADKEY", BAD_TIME: "BADTIME", BAD_TRUNCATION: "BADTRUNC"}


@dataclass(frozen=True, slots=True)
class TsigKey:
    """A secret that two sides share.

    Args:
        name: what both call it, such as "tracker".
        secret: at least `MIN_SECRET_BYTES`; 32 are as strong as the algorithm.

    Raises:
        UsageError: the secret is too short, or the name cannot be one.
    """

    name: DomainName
    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.secret) < MIN_SECRET_BYTES:
            raise UsageError(
                f"a secret has {MIN_SECRET_BYTES} bytes at least, and this has {len(self.secret)}"
            )

    @classmethod
    def parse(cls, name: str, secret: str) -> TsigKey:
        """A key as it stands in a name server's configuration: its name, and its secret in base 64.

        Raises:
            UsageError: the secret is not base 64, or too short; the name cannot be one.
        """
        try:
            raw = base64.b64decode(secret, validate=True)
        except ValueError:
            raise UsageError("a key's secret is written in base 64") from None
        return cls(DomainName.parse(name), raw)

    @property
    def text(self) -> str:
        """The secret in base 64."""
        return base64.b64encode(self.secret).decode()


class TsigError(RemoteError):
    """A packet is not signed as it must be.

    Args:
        sentence: what is wrong with it.
        error: BAD_SIGNATURE, BAD_KEY, BAD_TIME or BAD_TRUNCATION.
        signed: what the packet says about itself; None if it has no signature at all.
    """

    def __init__(self, sentence: str, error: int, signed: Signature | None = None) -> None:
        self.error = error
        self.signed = signed
        super().__init__(sentence)


@dataclass(frozen=True, slots=True)
class Signature:
    """What a TSIG record says.

    Args:
        key_name: under which name both sides know the key.
        algorithm: the name of the algorithm.
        time_s: when it was signed, by the signer's wall clock, in whole seconds since 1970.
        fudge_s: how far off the clocks may be.
        mac: the code; empty if there is none, because of the error.
        original_id: the packet's id, which a server in between may have changed.
        error: why the request was refused, in a response.
        other: in a response with BADTIME, the server's time.
    """

    key_name: DomainName
    algorithm: DomainName
    time_s: int
    fudge_s: int
    mac: bytes
    original_id: int
    error: int = NO_ERROR
    other: bytes = b""


def sign(
    packet: bytes, key: TsigKey, time_s: int, *, request_mac: bytes = b"", error: int = 0, other: bytes = b""
) -> tuple[bytes, bytes]:
    """Adds a signature to a packet.

    Args:
        packet: an encoded packet without one.
        key: the key.
        time_s: the wall clock, in whole seconds since 1970.
        request_mac: in a response, the code of its request (rule 2).
        error: in a response, what was wrong with the request's signature.
        other: in a response with BAD_TIME, the server's time.

    Returns:
        The packet with its signature, and the code, which the response to it will cover.
    """
    ident = int.from_bytes(packet[:2], "big")
    unsigned = Signature(key.name, ALGORITHM, time_s, FUDGE_S, b"", ident, error, other)
    mac = _mac(packet, key, unsigned, request_mac)
    signature = Signature(key.name, ALGORITHM, time_s, FUDGE_S, mac, ident, error, other)
    return with_signature(packet, signature), mac


def with_signature(packet: bytes, signature: Signature) -> bytes:
    """A packet with a TSIG record behind it, as it is: the way to answer with an error and no code.

    Raises:
        UsageError: the packet becomes longer than one can be.
    """
    out = bytearray(packet)
    out[10:12] = (int.from_bytes(packet[10:12], "big") + 1).to_bytes(2, "big")
    record = ResourceRecord(signature.key_name, _data_of(signature), 0, ANY_CLASS)
    write_record(out, record, NameWriter(compresses=False))
    if len(out) > MAX_BYTES:
        raise UsageError(f"a packet of {len(out)} bytes with its signature, where {MAX_BYTES} is the most")
    return bytes(out)


def split(raw: bytes) -> tuple[bytes, Signature | None]:
    """A packet taken apart: what was signed, and the signature.

    Args:
        raw: the packet as it came.

    Returns:
        The packet as it was before the record was added, its own id restored; and what the record says, or
        None for a packet that has no such record at its end.

    Raises:
        DecodeError: the packet or the record breaks a rule.
    """
    start = _last_record(raw)
    if start is None:
        return raw, None
    name, at = read_name(raw, start)
    number, rclass, ttl_s, _ = struct.unpack_from(">HHIH", raw, at)
    if number != TSIG_TYPE:
        return raw, None
    if rclass != ANY_CLASS or ttl_s != 0:
        raise DecodeError("a TSIG record is of class ANY and with a time to live of 0", at)
    signature = _read(raw, name, at + 10)
    count = int.from_bytes(raw[10:12], "big") - 1
    before = signature.original_id.to_bytes(2, "big") + raw[2:10] + count.to_bytes(2, "big") + raw[12:start]
    return before, signature


def verify(
    raw: bytes, keys: Iterable[TsigKey], now_s: float, *, request_mac: bytes = b""
) -> tuple[bytes, Signature]:
    """Checks a packet's signature.

    Args:
        raw: the packet as it came.
        keys: the keys that may have signed it.
        now_s: the wall clock.
        request_mac: if it is a response, the code of its request.

    Returns:
        The packet without its signature, and what the signature says.

    Raises:
        TsigError: it is not signed, or not with one of the keys, or not over these bytes, or too long ago.
        DecodeError: as `split`.
    """
    packet, signature = split(raw)
    if signature is None:
        raise TsigError("the packet is not signed", BAD_KEY)
    key = next((key for key in keys if key.name == signature.key_name), None)
    if key is None:
        raise TsigError(f"nobody here knows the key {signature.key_name}", BAD_KEY, signature)
    if signature.algorithm != ALGORITHM:
        raise TsigError(f"the algorithm is {signature.algorithm}, not {ALGORITHM}", BAD_KEY, signature)
    size, allowed_s = len(signature.mac), min(signature.fudge_s, FUDGE_S)
    if not MIN_MAC_BYTES <= size <= MAC_BYTES:
        raise DecodeError(f"a code has {MIN_MAC_BYTES} to {MAC_BYTES} bytes, and this one {size}")
    if not hmac.compare_digest(_mac(packet, key, signature, request_mac)[:size], signature.mac):
        raise TsigError("the signature does not belong to these bytes", BAD_SIGNATURE, signature)
    if abs(signature.time_s - now_s) > allowed_s:
        late = f"{abs(signature.time_s - now_s):.0f} s from our clock"
        raise TsigError(f"it was signed {late}, where {allowed_s} is the most", BAD_TIME, signature)
    if size < MAC_BYTES:
        raise TsigError(f"its code was cut to {size} bytes", BAD_TRUNCATION, signature)
    return packet, signature


def _mac(packet: bytes, key: TsigKey, signature: Signature, request_mac: bytes) -> bytes:
    """The code (rule 2; RFC 8945, 4.3)."""
    before = len(request_mac).to_bytes(2, "big") + request_mac if request_mac else b""
    covered = _canonical(signature.key_name) + struct.pack(">HI", ANY_CLASS, 0)
    covered += _canonical(signature.algorithm) + _times(signature)
    covered += struct.pack(">HH", signature.error, len(signature.other)) + signature.other
    return hmac.digest(key.secret, before + packet + covered, hashlib.sha256)


def _times(signature: Signature) -> bytes:
    return signature.time_s.to_bytes(6, "big") + signature.fudge_s.to_bytes(2, "big")


def _canonical(name: DomainName) -> bytes:
    """A name in small letters and without pointers."""
    out = bytearray()
    NameWriter(compresses=False).write(out, DomainName(name.key))
    return bytes(out)


def _data_of(signature: Signature) -> OtherData:
    raw = _canonical(signature.algorithm) + _times(signature)
    raw += len(signature.mac).to_bytes(2, "big") + signature.mac
    raw += struct.pack(">HHH", signature.original_id, signature.error, len(signature.other)) + signature.other
    return OtherData(TSIG_TYPE, raw)


def _read(raw: bytes, key_name: DomainName, start: int) -> Signature:
    """What a record says whose data begins at `start` and ends with the packet."""
    algorithm, at = read_name(raw, start)
    if at + 10 > len(raw):
        raise DecodeError("the packet ends within its signature", len(raw))
    time_s, fudge_s, mac_bytes = (
        int.from_bytes(raw[at + first : at + last], "big") for first, last in ((0, 6), (6, 8), (8, 10))
    )
    after = at + 10 + mac_bytes
    if after + 6 > len(raw):
        raise DecodeError(f"a code of {mac_bytes} bytes, where {len(raw) - at - 10} are left", at + 8)
    ident, error, other_bytes = struct.unpack_from(">HHH", raw, after)
    if after + 6 + other_bytes != len(raw):
        raise DecodeError(f"{other_bytes} bytes follow, and {len(raw) - after - 6} do", after + 4)
    mac, other = raw[at + 10 : after], raw[after + 6 :]
    return Signature(key_name, algorithm, time_s, fudge_s, mac, ident, error, other)


def _last_record(raw: bytes) -> int | None:
    """Where the last additional record begins; None if there is none."""
    if len(raw) < HEADER_BYTES:
        raise DecodeError(f"a header has {HEADER_BYTES} bytes, and here are {len(raw)}", len(raw))
    questions, answers, authorities, additionals = struct.unpack_from(">4H", raw, 4)
    if not additionals:
        return None
    at = start = HEADER_BYTES
    for number in range(questions + answers + authorities + additionals):
        start = at
        _, at = read_name(raw, at)
        if number < questions:
            at += 4
        elif at + 10 > len(raw):
            raise DecodeError("the packet ends within a record", len(raw))
        else:
            at += 10 + int.from_bytes(raw[at + 8 : at + 10], "big")
    if at != len(raw):
        raise DecodeError(f"the records end at offset {at}, and the packet at {len(raw)}", min(at, len(raw)))
    return start
