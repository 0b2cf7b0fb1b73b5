"""UDP messages: the packets of a UDP tracker. A codec, driven by tables of fields.

Specification: BEP 15. Numbers are big-endian; a request is told from a response by which way it goes::

    connect    00000417 27101980 | 00000000 | transaction           16 bytes
           <-  00000000 | transaction | connection_id               16
    announce   connection_id | 00000001 | transaction | 82 bytes    98
           <-  00000001 | transaction | interval leechers seeders | 6 bytes a peer
    scrape     connection_id | 00000002 | transaction | 20 bytes a hash
           <-  00000002 | transaction | seeders completed leechers, for each hash
    error  <-  00000003 | transaction | a sentence

Rules
    1. A packet that is shorter than its fields is refused. What follows the fields of a request is ignored:
       BEP 41 puts options there.
    2. Over IPv6 the peers of a response have 18 bytes. Nothing in the packet says so: the socket does.
    3. A list of peers that is not a whole number of peers is refused; so is a scrape that is not a whole
       number of hashes, or of more than `MAX_SCRAPED`.
    4. Our packets leave the field for an IP address 0, and what others write into it is ignored: a peer is
       where its packets come from. Otherwise one packet could enter a victim into a swarm.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from p2plib.discovery.tracker import compact
from p2plib.discovery.tracker.announce import (
    HASH_BYTES,
    MAX_SCRAPED,
    MAX_SENTENCE_BYTES,
    Announce,
    Announced,
    Counts,
    Event,
    Scrape,
    TrackerFailure,
)
from p2plib.errors import DecodeError
from p2plib.wire.fields import Field

MAGIC = 0x41727101980
CONNECT, ANNOUNCE, SCRAPE, ERROR = 0, 1, 2, 3
ACTIONS = ("connect", "announce", "scrape", "error")
AS_MANY_AS_YOU_LIKE = -1  # in numwant


def _layout(parts: Sequence[tuple[str, str]]) -> struct.Struct:
    return struct.Struct(">" + "".join(code for _, code in parts))


# Each field once: its name in BEP 15, and its type as `struct` writes it. The layouts are made from these,
# and so are the drawings.
OF_HEAD = (("connection_id", "8s"), ("action", "I"), ("transaction_id", "I"))
OF_ANNOUNCE = (
    *OF_HEAD, ("info_hash", "20s"), ("peer_id", "20s"), ("downloaded", "q"), ("left", "q"), ("uploaded", "q"),
    ("event", "I"), ("ip_address", "I"), ("key", "I"), ("num_want", "i"), ("port", "H"),
)  # fmt: skip
OF_ANSWER = (("action", "I"), ("transaction_id", "I"))
OF_CONNECTED = (*OF_ANSWER, ("connection_id", "8s"))
OF_ANNOUNCED = (*OF_ANSWER, ("interval", "I"), ("leechers", "I"), ("seeders", "I"))
OF_COUNTS = (("seeders", "I"), ("completed", "I"), ("leechers", "I"))

HEAD, ANNOUNCING = _layout(OF_HEAD), _layout(OF_ANNOUNCE)
ANSWERED, CONNECTED, ANNOUNCED = _layout(OF_ANSWER), _layout(OF_CONNECTED), _layout(OF_ANNOUNCED)
COUNTS = _layout(OF_COUNTS)
NO_NUMBER = ("transaction_id", "key")  # drawn without their value: it means nothing
CONNECT_HEAD = struct.pack(">QI", MAGIC, CONNECT)
EVENTS = tuple(Event)
EVENT_NAMES = tuple(event.name.lower() for event in EVENTS)


@dataclass(slots=True)
class Connect:
    """A client asks for a connection id."""


@dataclass(slots=True)
class UdpRequest:
    """What a client sends.

    Args:
        connection_id: 8 bytes.
        transaction: 32 bits that the response repeats.
        body: what it asks.
    """

    connection_id: bytes
    transaction: int
    body: Connect | Announce | Scrape


@dataclass(slots=True)
class Connected:
    """A tracker gives out a connection id.

    Args:
        connection_id: 8 bytes.
    """

    connection_id: bytes


@dataclass(slots=True)
class Scraped:
    """What a tracker responds to a scrape.

    Args:
        counts: of each swarm, in the order in which they were asked for.
    """

    counts: tuple[Counts, ...]


Body: TypeAlias = Connected | Announced | Scraped | TrackerFailure


def encode_connect(transaction: int) -> bytes:
    """The 16 bytes that ask for a connection id."""
    return CONNECT_HEAD + transaction.to_bytes(4, "big")


def encode_announce(connection_id: bytes, transaction: int, announce: Announce) -> bytes:
    """The 98 bytes of an announce; it must have passed `checked_announce`."""
    numwant = AS_MANY_AS_YOU_LIKE if announce.numwant is None else announce.numwant
    return ANNOUNCING.pack(
        connection_id, ANNOUNCE, transaction, announce.info_hash, announce.peer_id, announce.downloaded,
        announce.left, announce.uploaded, announce.event, 0, announce.key, numwant, announce.port,
    )  # fmt: skip


def encode_scrape(connection_id: bytes, transaction: int, info_hashes: Sequence[bytes]) -> bytes:
    """The bytes of a scrape; its hashes must have passed `checked_hashes`."""
    return HEAD.pack(connection_id, SCRAPE, transaction) + b"".join(info_hashes)


def decode_request(data: bytes) -> UdpRequest:
    """What a client sent.

    Raises:
        DecodeError: rules 1 and 3, an action or an event that does not exist, a negative number of bytes.
    """
    if len(data) < HEAD.size:
        raise DecodeError(f"a request has {HEAD.size} bytes at least, and this has {len(data)}", len(data))
    connection_id, action, transaction = HEAD.unpack_from(data)
    if action == ANNOUNCE:
        return UdpRequest(connection_id, transaction, _decode_announce(data))
    if action == CONNECT:
        if data[:12] != CONNECT_HEAD:
            raise DecodeError(f"a connect begins with {MAGIC:#x}, not with {connection_id.hex()}", 0)
        return UdpRequest(connection_id, transaction, Connect())
    if action == SCRAPE:
        return UdpRequest(connection_id, transaction, Scrape(_hashes(data)))
    raise DecodeError(f"a request has action {CONNECT}, {ANNOUNCE} or {SCRAPE}, not {action}", 8)


def _decode_announce(data: bytes) -> Announce:
    if len(data) < ANNOUNCING.size:
        raise DecodeError(f"an announce has {ANNOUNCING.size} bytes, and this has {len(data)}", len(data))
    (_, _, _, info_hash, peer_id, downloaded, left, uploaded, event, _, key, numwant, port) = (
        ANNOUNCING.unpack_from(data)
    )
    if event >= len(EVENTS):
        raise DecodeError(f"an event is 0 to {len(EVENTS) - 1}, not {event}", 80)
    if downloaded < 0 or left < 0 or uploaded < 0:
        # Clients that do not know what is left write 2**64 - 1. It is as good as any large number.
        downloaded, left, uploaded = (number & (2**63 - 1) for number in (downloaded, left, uploaded))
    return Announce(
        info_hash,
        peer_id,
        port,
        left,
        uploaded,
        downloaded,
        EVENTS[event],
        numwant if numwant >= 0 else None,
        key,
    )


def _hashes(data: bytes) -> tuple[bytes, ...]:
    size = len(data) - HEAD.size
    if size % HASH_BYTES:
        raise DecodeError(f"the hashes of a scrape are {HASH_BYTES} bytes each, and {size} follow", HEAD.size)
    if not 0 < size <= MAX_SCRAPED * HASH_BYTES:
        raise DecodeError(
            f"a scrape asks for 1 to {MAX_SCRAPED} hashes, and this for {size // HASH_BYTES}", HEAD.size
        )
    return tuple(data[at : at + HASH_BYTES] for at in range(HEAD.size, len(data), HASH_BYTES))


def encode_connected(transaction: int, connection_id: bytes) -> bytes:
    """The 16 bytes that give out a connection id."""
    return CONNECTED.pack(CONNECT, transaction, connection_id)


def encode_announced(
    transaction: int, interval_s: int, leechers: int, seeders: int, packed: Sequence[bytes]
) -> bytes:
    """The response to an announce.

    Args:
        transaction: that of the request.
        interval_s: when to announce again.
        leechers: how many peers lack something.
        seeders: how many have everything.
        packed: peers, as `p2plib.discovery.tracker.compact` packs them.
    """
    return ANNOUNCED.pack(ANNOUNCE, transaction, interval_s, leechers, seeders) + b"".join(packed)


def encode_scraped(transaction: int, counts: Sequence[Counts]) -> bytes:
    """The response to a scrape."""
    swarms = [COUNTS.pack(one.seeders, one.completed, one.leechers) for one in counts]
    return ANSWERED.pack(SCRAPE, transaction) + b"".join(swarms)


def encode_failure(transaction: int, sentence: str) -> bytes:
    """The refusal of a request."""
    return ANSWERED.pack(ERROR, transaction) + sentence.encode()[:MAX_SENTENCE_BYTES]


def decode_response(data: bytes, *, ipv6: bool = False) -> tuple[int, Body]:
    """What a tracker sent.

    Args:
        data: the packet.
        ipv6: whether it came over IPv6. Rule 2.

    Returns:
        The transaction that it names, and what it says.

    Raises:
        DecodeError: rules 1 and 3, an action that does not exist.
    """
    if len(data) < ANSWERED.size:
        raise DecodeError(
            f"a response has {ANSWERED.size} bytes at least, and this has {len(data)}", len(data)
        )
    action, transaction = ANSWERED.unpack_from(data)
    if action == CONNECT:
        _at_least(data, CONNECTED.size, "the response to a connect")
        return transaction, Connected(data[8 : CONNECTED.size])
    if action == ANNOUNCE:
        _at_least(data, ANNOUNCED.size, "the response to an announce")
        _, _, interval_s, leechers, seeders = ANNOUNCED.unpack_from(data)
        peers = compact.unpack(data[ANNOUNCED.size :], ipv6=ipv6, offset=ANNOUNCED.size)
        return transaction, Announced(interval_s, seeders, leechers, peers)
    if action == SCRAPE:
        size = len(data) - ANSWERED.size
        if size % COUNTS.size:
            raise DecodeError(
                f"the counts of a swarm are {COUNTS.size} bytes, and {size} follow", ANSWERED.size
            )
        return transaction, Scraped(
            tuple(Counts(*three) for three in COUNTS.iter_unpack(data[ANSWERED.size :]))
        )
    if action == ERROR:
        sentence = data[ANSWERED.size : ANSWERED.size + MAX_SENTENCE_BYTES]
        return transaction, TrackerFailure(sentence.decode(errors="replace"))
    raise DecodeError(f"a response has action 0 to {ERROR}, not {action}", 0)


def _at_least(data: bytes, size: int, what: str) -> None:
    if len(data) < size:
        raise DecodeError(f"{what} has {size} bytes at least, and this has {len(data)}", len(data))


def dissect_request(data: bytes) -> tuple[Field, ...]:
    """The parts of a request, in order, for a drawing.

    Raises:
        DecodeError: as `decode_request`.
    """
    match decode_request(data).body:
        case Connect():
            parts = _cut(data, OF_HEAD)
            return Field("protocol_id", parts[0].raw, "always this number"), *parts[1:]
        case Announce():
            parts = _cut(data, OF_ANNOUNCE)
            options = data[ANNOUNCING.size :]
            return (*parts, Field("options", options, "of BEP 41")) if options else parts
        case Scrape(hashes):
            return *_cut(data, OF_HEAD), *(Field("info_hash", raw) for raw in hashes)


def dissect_response(data: bytes, *, ipv6: bool = False) -> tuple[Field, ...]:
    """The parts of a response, in order, for a drawing.

    Args:
        data: the packet.
        ipv6: whether it came over IPv6.

    Raises:
        DecodeError: as `decode_response`.
    """
    match decode_response(data, ipv6=ipv6)[1]:
        case Connected():
            return _cut(data, OF_CONNECTED)
        case Announced():
            return *_cut(data, OF_ANNOUNCED), *compact.dissect(data[ANNOUNCED.size :], ipv6=ipv6)
        case Scraped():
            starts = range(ANSWERED.size, len(data), COUNTS.size)
            swarms = [part for at in starts for part in _cut(data[at:], OF_COUNTS)]
            return *_cut(data, OF_ANSWER), *swarms
        case TrackerFailure(sentence):
            return *_cut(data, OF_ANSWER), Field("message", data[ANSWERED.size :], repr(sentence))


def _cut(data: bytes, layout: Sequence[tuple[str, str]]) -> tuple[Field, ...]:
    """The fields of a layout, with their numbers as notes."""
    parts, offset = [], 0
    for name, code in layout:
        size = struct.calcsize(">" + code)
        raw, note = data[offset : offset + size], ""
        if not code.endswith("s") and name not in NO_NUMBER:
            number = struct.unpack(">" + code, raw)[0]
            word = {"action": ACTIONS, "event": EVENT_NAMES}.get(name, ())[number:][:1]
            note = ": ".join((str(number), *word))
        parts.append(Field(name, raw, note))
        offset += size
    return tuple(parts)
