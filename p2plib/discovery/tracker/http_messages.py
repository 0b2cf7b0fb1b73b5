"""HTTP messages: what is asked in the query of a URL, and the bencoded dict that comes back. A codec.

Specification: BEP 3 (announce), BEP 23 and 7 (compact peers of IPv4 and IPv6), BEP 24 (the external ip), BEP
48 (scrape). ::

    GET /announce?info_hash=%12%34...&peer_id=-P20001-...&port=6881&uploaded=0&downloaded=0&left=1&compact=1
    d8:completei1e10:incompletei2e8:intervali1800e5:peers6:......e

    GET /scrape?info_hash=%12%34...
    d5:filesd20:....................d8:completei1e10:downloadedi5e10:incompletei2eeee

Rules
    1. In a query, bytes that are not letters, digits or `-._~` are a percent sign and two hexadecimal digits.
       A plus sign is a plus sign: this is a URL, not a form.
    2. A query has at most `MAX_QUERY_CHARACTERS` and `MAX_PAIRS`; what is there once only is refused twice.
       Names that we do not know are ignored.
    3. A response has at most `MAX_RESPONSE_BYTES` and is strict bencode. Peers come as compact bytes or as
       BEP 3's list of dicts, whichever the tracker likes.
    4. A failure reason outweighs all else in a response.
    5. npm's bittorrent-tracker writes the hash in a scrape response as if its bytes were characters, in
       UTF-8: 28 bytes for 20. Such a key is understood, too.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import quote_from_bytes, unquote_to_bytes

from p2plib.discovery.tracker import compact
from p2plib.discovery.tracker.announce import (
    HASH_BYTES,
    MAX_SCRAPED,
    MAX_SENTENCE_BYTES,
    UNKNOWN_LEFT,
    Announce,
    Announced,
    Counts,
    Event,
    TrackerFailure,
)
from p2plib.errors import DecodeError, RequestRefused
from p2plib.machine.addresses import MAX_PORT, Address, packed_host
from p2plib.wire import bencode
from p2plib.wire.bencode import Value

MAX_QUERY_CHARACTERS = 8000  # a scrape of 74 hashes, each byte as three characters, is 5,400
MAX_PAIRS = 128
MAX_RESPONSE_BYTES = 65_536  # 200 peers as a list of dicts are 15,000
MAX_DIGITS = 20
PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
EVENTS = {b"": Event.UPDATE, b"empty": Event.UPDATE, b"update": Event.UPDATE, b"started": Event.STARTED,
          b"stopped": Event.STOPPED, b"completed": Event.COMPLETED, b"paused": Event.UPDATE}  # fmt: skip

COUNTS = (b"complete", b"downloaded", b"incomplete")

Query = Mapping[str, Sequence[bytes]]


def encode_query(pairs: Iterable[tuple[str, bytes | int | str]]) -> str:
    """A query from names and values, rule 1."""
    return "&".join(f"{name}={_quoted(value)}" for name, value in pairs)


def _quoted(value: bytes | int | str) -> str:
    return quote_from_bytes(value if isinstance(value, bytes) else str(value).encode(), safe="")


def decode_query(query: str) -> dict[str, list[bytes]]:
    """The values of each name in a query, in order.

    Raises:
        DecodeError: rules 1 and 2.
    """
    if len(query) > MAX_QUERY_CHARACTERS:
        raise DecodeError(f"a query of {len(query)} characters, where {MAX_QUERY_CHARACTERS} is the most")
    if (bad := PERCENT.search(query)) is not None:
        raise DecodeError("a percent sign is followed by two hexadecimal digits", bad.start())
    pairs = [pair for pair in query.split("&") if pair]
    if len(pairs) > MAX_PAIRS:
        raise DecodeError(f"a query of {len(pairs)} pairs, where {MAX_PAIRS} is the most")
    found: dict[str, list[bytes]] = {}
    for pair in pairs:
        name, _, value = pair.partition("=")
        found.setdefault(name, []).append(unquote_to_bytes(value))
    return found


def encode_announce(announce: Announce) -> str:
    """The query of an announce; it must have passed `checked_announce`."""
    pairs: list[tuple[str, bytes | int | str]] = [
        ("info_hash", announce.info_hash), ("peer_id", announce.peer_id), ("port", announce.port),
        ("uploaded", announce.uploaded), ("downloaded", announce.downloaded), ("left", announce.left),
        ("compact", 1), ("key", f"{announce.key:08x}"),
    ]  # fmt: skip
    if announce.event is not Event.UPDATE:
        pairs.append(("event", announce.event.name.lower()))
    if announce.numwant is not None:
        pairs.append(("numwant", announce.numwant))
    return encode_query(pairs)


def decode_announce(query: Query) -> tuple[Announce, bool]:
    """What an announce says, from `decode_query`.

    Returns:
        The announce, and whether its peer wants the response compact: all but those that say `compact=0` do.

    Raises:
        DecodeError: something is missing, there twice, or out of its range.
    """
    event = _once(query, "event") or b""
    if event not in EVENTS:
        raise DecodeError("an event is started, stopped, completed or missing")
    key = (_once(query, "key") or b"")[:8]
    announce = Announce(
        _hash(query, "info_hash"),
        _hash(query, "peer_id"),
        _number(query, "port", MAX_PORT),
        _number(query, "left", UNKNOWN_LEFT, UNKNOWN_LEFT),
        _number(query, "uploaded", UNKNOWN_LEFT, 0),
        _number(query, "downloaded", UNKNOWN_LEFT, 0),
        EVENTS[event],
        _number(query, "numwant", 2**31 - 1) if "numwant" in query and query["numwant"] != [b"-1"] else None,
        int(key, 16) if re.fullmatch(rb"[0-9A-Fa-f]{1,8}", key) else 0,
    )
    return announce, _once(query, "compact") != b"0"


def encode_scrape(info_hashes: Sequence[bytes]) -> str:
    """The query of a scrape; its hashes must have passed `checked_hashes`."""
    return encode_query(("info_hash", info_hash) for info_hash in info_hashes)


def decode_scrape(query: Query) -> tuple[bytes, ...]:
    """The hashes that a scrape asks for, from `decode_query`.

    Raises:
        DecodeError: there are none or too many, or one is not 20 bytes.
    """
    hashes = tuple(query.get("info_hash", ()))
    if not 1 <= len(hashes) <= MAX_SCRAPED:
        raise DecodeError(f"a scrape names 1 to {MAX_SCRAPED} hashes, not {len(hashes)}")
    for info_hash in hashes:
        _of_20_bytes("info_hash", info_hash)
    return hashes


# Responses ------------------------------------------------------------------------------------------------


def encode_announced(
    interval_s: int, counts: Counts, own_host: str, packed: Sequence[bytes], peer_ids: Sequence[bytes] | None
) -> bytes:
    """The response to an announce.

    Args:
        interval_s: when to announce again.
        counts: of the swarm.
        own_host: where the tracker sees the peer (BEP 24); its family is that of the peers.
        packed: peers, as `p2plib.discovery.tracker.compact` packs them.
        peer_ids: the id of each, for BEP 3's list of dicts; None for a compact response.
    """
    peers: Value
    if peer_ids is None:
        peers = b"".join(packed)
    else:
        peers = [_entry(raw, peer_id) for raw, peer_id in zip(packed, peer_ids, strict=True)]
    answer: dict[bytes, Value] = {
        b"complete": counts.seeders, b"downloaded": counts.completed, b"external ip": packed_host(own_host),
        b"incomplete": counts.leechers, b"interval": interval_s, b"peers": peers,
    }  # fmt: skip
    if ":" in own_host and peer_ids is None:
        answer |= {b"peers": b"", b"peers6": peers}
    return bencode.encode(answer)


def _entry(raw: bytes, peer_id: bytes) -> Value:
    host = socket.inet_ntop(socket.AF_INET if len(raw) == 6 else socket.AF_INET6, raw[:-2])
    return {b"ip": host.encode(), b"peer id": peer_id, b"port": int.from_bytes(raw[-2:], "big")}


def encode_scraped(counts: Mapping[bytes, Counts]) -> bytes:
    """The response to a scrape."""
    files: dict[bytes, Value] = {
        info_hash: {b"complete": one.seeders, b"downloaded": one.completed, b"incomplete": one.leechers}
        for info_hash, one in counts.items()
    }
    return bencode.encode({b"files": files})


def encode_failure(sentence: str) -> bytes:
    """The refusal of a request."""
    return bencode.encode({b"failure reason": sentence.encode()[:MAX_SENTENCE_BYTES]})


def decode_announced(raw: bytes) -> Announced | TrackerFailure:
    """What a tracker responded to an announce.

    Raises:
        DecodeError: rule 3, or a member has the wrong type.
    """
    answer = _dict(_decoded(raw), "a response")
    if b"failure reason" in answer:
        return TrackerFailure(_sentence(answer, b"failure reason"))
    interval_s = _count(answer, b"interval")
    listed = answer.get(b"peers", b"")
    peers = compact.unpack(listed) if isinstance(listed, bytes) else _peers_of(listed)
    six = answer.get(b"peers6", b"")
    if not isinstance(six, bytes):
        raise DecodeError("peers6 is bytes")
    external = answer.get(b"external ip", b"")
    own_host = ""
    if isinstance(external, bytes) and len(external) in (4, 16):
        own_host = socket.inet_ntop(socket.AF_INET if len(external) == 4 else socket.AF_INET6, external)
    return Announced(
        interval_s,
        _count(answer, b"complete"),
        _count(answer, b"incomplete"),
        peers + compact.unpack(six, ipv6=True),
        _count(answer, b"min interval"),
        own_host,
        _sentence(answer, b"warning message"),
    )


def decode_scraped(raw: bytes, info_hashes: Sequence[bytes]) -> dict[bytes, Counts] | TrackerFailure:
    """What a tracker responded to a scrape.

    Args:
        raw: the response.
        info_hashes: what was asked for; only that is read.

    Raises:
        DecodeError: rule 3, or a member has the wrong type.
    """
    answer = _dict(_decoded(raw), "a response")
    for reason in (b"failure reason", b"failure_reason"):
        if reason in answer:
            return TrackerFailure(_sentence(answer, reason))
    files = _dict(answer.get(b"files", {}), "files")
    found = {}
    for info_hash in info_hashes:
        key = info_hash if info_hash in files else as_npm_writes(info_hash)  # rule 5
        one = _dict(files.get(key, {}), "the counts of a swarm")
        found[info_hash] = Counts(
            *(_count(one, name) for name in (b"complete", b"downloaded", b"incomplete"))
        )
    return found


def as_npm_writes(info_hash: bytes) -> bytes:
    """A hash as bittorrent-tracker writes it: each byte as a character, in UTF-8. Rule 5."""
    return info_hash.decode("latin-1").encode()


def scrape_path(path: str) -> str:
    """The path of scrapes, from that of announces: BEP 48 exchanges one word after the last slash.

    Raises:
        RequestRefused: the word is not there, which says that there are no scrapes.
    """
    before, slash, after = path.rpartition("/")
    if not after.startswith("announce"):
        raise RequestRefused(f"a tracker whose path is {path!r} has no scrapes: BEP 48 looks for /announce")
    return before + slash + "scrape" + after.removeprefix("announce")


# ----------------------------------------------------------------------------------------------------------


def _once(query: Query, name: str) -> bytes | None:
    values = query.get(name, ())
    if len(values) > 1:
        raise DecodeError(f"{name} is there {len(values)} times")
    return values[0] if values else None


def _of_20_bytes(name: str, raw: bytes | None) -> bytes:
    if raw is None:
        raise DecodeError(f"{name} is missing")
    if len(raw) != HASH_BYTES:
        raise DecodeError(f"{name} is {HASH_BYTES} bytes, and this has {len(raw)}")
    return raw


def _hash(query: Query, name: str) -> bytes:
    return _of_20_bytes(name, _once(query, name))


def _number(query: Query, name: str, most: int, default: int | None = None) -> int:
    raw = _once(query, name)
    if raw is None and default is not None:
        return default
    if raw is None or not raw.isdigit() or len(raw) > MAX_DIGITS:
        raise DecodeError(f"{name} is a whole number from 0")
    if name == "port" and int(raw) > most:
        raise DecodeError(f"a port is at most {most}, not {int(raw)}")
    return min(int(raw), most)


def _decoded(raw: bytes) -> Value:
    if len(raw) > MAX_RESPONSE_BYTES:
        raise DecodeError(f"a response of {len(raw)} bytes, where {MAX_RESPONSE_BYTES} is the most")
    return bencode.decode(raw)


def _dict(value: Value, what: str) -> dict[bytes, Value]:
    if not isinstance(value, dict):
        raise DecodeError(f"{what} is a dict")
    return value


def _count(answer: dict[bytes, Value], name: bytes) -> int:
    value = answer.get(name, 0)
    if not isinstance(value, int):
        raise DecodeError(f"{name.decode()} is a number")
    return max(0, min(2**32 - 1, value))


def _sentence(answer: dict[bytes, Value], name: bytes) -> str:
    value = answer.get(name, b"")
    if not isinstance(value, bytes):
        raise DecodeError(f"{name.decode()} is a text")
    return value[:MAX_SENTENCE_BYTES].decode(errors="replace")


def _peers_of(listed: Value) -> tuple[Address, ...]:
    """BEP 3's list of dicts. A host may be a name there; it is given as it stands, for others to drop."""
    if not isinstance(listed, list):
        raise DecodeError("peers are compact bytes, or a list")
    peers = []
    for one in listed:
        entry = _dict(one, "a peer")
        host, port = entry.get(b"ip"), entry.get(b"port")
        if not isinstance(host, bytes) or not isinstance(port, int):
            raise DecodeError("a peer has an ip, a text, and a port, a number")
        peers.append((host[:253].decode(errors="replace"), port))
    return tuple(peers)
