"""Offers: the JSON that a WebSocket tracker and its peers exchange. A codec.

No BEP describes it: this is what WebTorrent's clients and servers send (facts measured with npm's
bittorrent-tracker 10). A browser has no address that others could connect to. So a tracker cannot name peers
to it; it carries *offers* and *answers* instead, texts by which two browsers arrange a connection. ::

    announce   {"action": "announce", "info_hash": H, "peer_id": A, "numwant": 1, "left": 9, "uploaded": 0,
                "downloaded": 0, "event": "started",
                "offers": [{"offer_id": O, "offer": {"type": "offer", "sdp": "..."}}]}
           <-  {"action": "announce", "info_hash": H, "interval": 120, "complete": 1, "incomplete": 2}
    to B   <-  {"action": "announce", "info_hash": H, "peer_id": A, "offer_id": O, "offer": {...}}
    answer     {"action": "announce", "info_hash": H, "peer_id": B, "to_peer_id": A, "offer_id": O,
                "answer": {"type": "answer", "sdp": "..."}}
    to A   <-  {"action": "announce", "info_hash": H, "peer_id": B, "offer_id": O, "answer": {...}}
    scrape     {"action": "scrape", "info_hash": [H]}
           <-  {"action": "scrape", "files": {H: {"complete": 1, "incomplete": 2, "downloaded": 0}}}
    error  <-  {"failure reason": "a sentence", "action": "announce", "info_hash": H}

Rules
    1. H, A, B and O are 20 bytes, written as 20 characters of U+0000 to U+00FF, one for each byte. We escape
       those that are not ASCII, others write them as UTF-8: to JSON that is the same.
    2. A text has at most `MAX_TEXT_BYTES`, an announce at most `MAX_OFFERS`, an offer or an answer at most
       `MAX_SDP_CHARACTERS`. Nesting and digits are bounded by Python's own parser, and what it cannot read is
       refused.
    3. Members that we do not know are ignored.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn, TypeAlias

from p2plib.discovery.tracker.announce import (
    HASH_BYTES,
    MAX_SCRAPED,
    MAX_SENTENCE_BYTES,
    UNKNOWN_LEFT,
    Counts,
    Event,
)
from p2plib.errors import DecodeError

MAX_TEXT_BYTES = 131_072
MAX_OFFERS = 10  # what WebTorrent sends at once
MAX_SDP_CHARACTERS = 16_384  # real ones have 500 to 3,000
EVENTS = {"": Event.UPDATE, "update": Event.UPDATE, "started": Event.STARTED, "stopped": Event.STOPPED,
          "completed": Event.COMPLETED, "paused": Event.UPDATE}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Offer:
    """One offer of a connection.

    Args:
        offer_id: 20 bytes, drawn by the peer that offers.
        sdp: what the other browser needs to know, as text; the tracker does not read it.
    """

    offer_id: bytes
    sdp: str


@dataclass(frozen=True, slots=True)
class OffersAnnounce:
    """A peer announces, and offers connections.

    Args:
        info_hash: which swarm.
        peer_id: 20 bytes.
        offers: for one other peer each.
        left: how many bytes it lacks.
        event: why it announces.
    """

    info_hash: bytes
    peer_id: bytes
    offers: tuple[Offer, ...] = ()
    left: int = UNKNOWN_LEFT
    event: Event = Event.UPDATE


@dataclass(frozen=True, slots=True)
class OffersAnnounced:
    """What the tracker responds to an announce.

    Args:
        info_hash: which swarm.
        interval_s: after how many seconds to announce again.
        seeders: how many peers have everything.
        leechers: how many lack something.
    """

    info_hash: bytes
    interval_s: int
    seeders: int
    leechers: int


@dataclass(frozen=True, slots=True)
class OfferCarried:
    """The tracker brings us somebody's offer.

    Args:
        info_hash: which swarm.
        peer_id: whose.
        offer: what they offer.
    """

    info_hash: bytes
    peer_id: bytes
    offer: Offer


@dataclass(frozen=True, slots=True)
class AnswerCarried:
    """An answer to an offer, on its way to the tracker or from it.

    Args:
        info_hash: which swarm.
        peer_id: the peer that answers.
        offer_id: which offer it answers.
        sdp: what the browser that offered needs to know.
        to_peer_id: the peer that offered, on the way to the tracker; empty on the way from it.
    """

    info_hash: bytes
    peer_id: bytes
    offer_id: bytes
    sdp: str
    to_peer_id: bytes = b""


@dataclass(frozen=True, slots=True)
class OffersScrape:
    """A question for counts.

    Args:
        info_hashes: of which swarms.
    """

    info_hashes: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class OffersScraped:
    """What the tracker responds to a scrape.

    Args:
        counts: of each swarm.
    """

    counts: Mapping[bytes, Counts] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OffersFailure:
    """The tracker refuses.

    Args:
        sentence: why, for people.
        info_hash: which swarm it is about; empty if it does not say.
    """

    sentence: str
    info_hash: bytes = b""


FromPeer: TypeAlias = OffersAnnounce | AnswerCarried | OffersScrape
FromTracker: TypeAlias = OffersAnnounced | OfferCarried | AnswerCarried | OffersScraped | OffersFailure


def encode(message: FromPeer | FromTracker) -> str:
    """The text of a message."""
    return json.dumps(_members(message), separators=(",", ":"))


def _members(message: FromPeer | FromTracker) -> dict[str, Any]:
    match message:
        case OffersAnnounce(info_hash, peer_id, offers, left, event):
            members = {
                "action": "announce", "info_hash": text_of(info_hash), "peer_id": text_of(peer_id),
                "numwant": len(offers), "uploaded": 0, "downloaded": 0, "left": left,
                "offers": [_of_offer(one) for one in offers],
            }  # fmt: skip
            return members if event is Event.UPDATE else {**members, "event": event.name.lower()}
        case OffersAnnounced(info_hash, interval_s, seeders, leechers):
            return {
                "action": "announce", "info_hash": text_of(info_hash), "interval": interval_s,
                "complete": seeders, "incomplete": leechers,
            }  # fmt: skip
        case OfferCarried(info_hash, peer_id, offer):
            return {
                "action": "announce", "info_hash": text_of(info_hash), "peer_id": text_of(peer_id),
                **_of_offer(offer),
            }  # fmt: skip
        case AnswerCarried(info_hash, peer_id, offer_id, sdp, to_peer_id):
            members = {
                "action": "announce", "info_hash": text_of(info_hash), "peer_id": text_of(peer_id),
                "offer_id": text_of(offer_id), "answer": _session("answer", sdp),
            }  # fmt: skip
            return {**members, "to_peer_id": text_of(to_peer_id)} if to_peer_id else members
        case OffersScrape(info_hashes):
            return {"action": "scrape", "info_hash": [text_of(raw) for raw in info_hashes]}
        case OffersScraped(counts):
            files = {text_of(raw): _of_swarm(one) for raw, one in counts.items()}
            return {"action": "scrape", "files": files}
        case OffersFailure(sentence, info_hash):
            about = {"action": "announce", "info_hash": text_of(info_hash)} if info_hash else {}
            return {"failure reason": sentence, **about}


def decode_from_peer(text: str) -> FromPeer:
    """What a peer sent to a tracker.

    Raises:
        DecodeError: a rule of the module.
    """
    members = _read(text)
    action = members.get("action")
    if action == "scrape":
        return OffersScrape(_several(members.get("info_hash")))
    if action != "announce":
        raise DecodeError(f"an action is announce or scrape, not {str(action)[:40]!r}")
    info_hash, peer_id = _raw(members, "info_hash"), _raw(members, "peer_id")
    if members.get("answer") is not None:
        to_peer_id, offer_id = _raw(members, "to_peer_id"), _raw(members, "offer_id")
        return AnswerCarried(info_hash, peer_id, offer_id, _sdp(members, "answer"), to_peer_id)
    offers = members.get("offers") or []
    if not isinstance(offers, list) or len(offers) > MAX_OFFERS:
        raise DecodeError(f"offers are a list of at most {MAX_OFFERS}")
    made = tuple(Offer(_raw(one, "offer_id"), _sdp(one, "offer")) for one in map(_object, offers))
    event, left = members.get("event") or "", members.get("left")
    if not isinstance(event, str) or event not in EVENTS:
        raise DecodeError(f"an event is one of {', '.join(filter(None, EVENTS))}, not {str(event)[:40]!r}")
    if isinstance(left, bool) or not isinstance(left, int) or not 0 <= left <= UNKNOWN_LEFT:
        left = UNKNOWN_LEFT  # a peer that has only a magnet link does not know
    return OffersAnnounce(info_hash, peer_id, made, left, EVENTS[event])


def decode_from_tracker(text: str) -> FromTracker:
    """What a tracker sent to a peer.

    Raises:
        DecodeError: a rule of the module.
    """
    members = _read(text)
    if "failure reason" in members:
        sentence = members["failure reason"]
        if not isinstance(sentence, str):
            raise DecodeError("a failure reason is a text")
        about = _raw(members, "info_hash") if isinstance(members.get("info_hash"), str) else b""
        return OffersFailure(sentence[:MAX_SENTENCE_BYTES], about)
    if members.get("action") == "scrape":
        files = _object(members.get("files"))
        if len(files) > MAX_SCRAPED:
            raise DecodeError(f"a scrape counts {MAX_SCRAPED} swarms at most, and this {len(files)}")
        return OffersScraped({raw_of(name): _counts(_object(files[name])) for name in files})
    info_hash = _raw(members, "info_hash")
    if members.get("offer") is not None:
        offer = Offer(_raw(members, "offer_id"), _sdp(members, "offer"))
        return OfferCarried(info_hash, _raw(members, "peer_id"), offer)
    if members.get("answer") is not None:
        sdp = _sdp(members, "answer")
        return AnswerCarried(info_hash, _raw(members, "peer_id"), _raw(members, "offer_id"), sdp)
    numbers = [_number(members, name) for name in ("interval", "complete", "incomplete")]
    return OffersAnnounced(info_hash, *numbers)


def text_of(raw: bytes) -> str:
    """The characters that stand for some bytes. Rule 1."""
    return raw.decode("latin-1")


def raw_of(text: object) -> bytes:
    """The 20 bytes that a text stands for. Rule 1.

    Raises:
        DecodeError: it stands for none.
    """
    if not isinstance(text, str) or len(text) != HASH_BYTES:
        raise DecodeError(f"a hash or an id is a text of {HASH_BYTES} characters")
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError as error:
        raise DecodeError("a character of a hash or an id is above U+00FF", error.start) from None


# ----------------------------------------------------------------------------------------------------------


def _of_offer(offer: Offer) -> dict[str, Any]:
    return {"offer_id": text_of(offer.offer_id), "offer": _session("offer", offer.sdp)}


def _session(kind: str, sdp: str) -> dict[str, str]:
    return {"type": kind, "sdp": sdp}


def _of_swarm(counts: Counts) -> dict[str, int]:
    return {"complete": counts.seeders, "incomplete": counts.leechers, "downloaded": counts.completed}


def _no_number(name: str) -> NoReturn:
    raise DecodeError(f"{name} is no number in JSON")


def _read(text: str) -> dict[str, Any]:
    if len(text) > MAX_TEXT_BYTES:
        raise DecodeError(f"a text of {len(text)} characters, where {MAX_TEXT_BYTES} is the most")
    try:
        members = json.loads(text, parse_constant=_no_number)
    except RecursionError:
        raise DecodeError("JSON that is nested too deep") from None
    except ValueError as error:  # also a number of too many digits
        if isinstance(error, DecodeError):
            raise
        raise DecodeError(f"this is not JSON: {str(error)[:80]}", getattr(error, "pos", None)) from None
    return _object(members)


def _object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise DecodeError(f"a message is a JSON object, not a {type(value).__name__}")
    return value


def _raw(members: dict[str, Any], name: str) -> bytes:
    try:
        return raw_of(members.get(name))
    except DecodeError as error:
        raise DecodeError(f"{name}: {error.rule}", error.offset) from None


def _several(value: object) -> tuple[bytes, ...]:
    texts = value if isinstance(value, list) else [value]
    if not 1 <= len(texts) <= MAX_SCRAPED:
        raise DecodeError(f"a scrape names 1 to {MAX_SCRAPED} hashes, not {len(texts)}")
    return tuple(map(raw_of, texts))


def _sdp(members: dict[str, Any], name: str) -> str:
    sdp = _object(members.get(name)).get("sdp")
    if not isinstance(sdp, str) or len(sdp) > MAX_SDP_CHARACTERS:
        raise DecodeError(f"an {name} has an sdp, a text of at most {MAX_SDP_CHARACTERS} characters")
    return sdp


def _number(members: dict[str, Any], name: str) -> int:
    number = members.get(name, 0)
    if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number < 2**53:
        raise DecodeError(f"{name} is a whole number from 0, not {str(number)[:40]}")
    return number


def _counts(members: dict[str, Any]) -> Counts:
    return Counts(*(_number(members, name) for name in ("complete", "downloaded", "incomplete")))
