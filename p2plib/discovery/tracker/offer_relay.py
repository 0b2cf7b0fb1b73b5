"""OfferRelay: the rules of a WebSocket tracker, which carries offers and answers between peers. A machine.

It is a machine of texts on sockets instead of datagrams to addresses; its driver is `http_server`.

Rules
    1. The first peer_id that a socket names is its own until it closes. An id that another open socket has in
       a swarm is taken: otherwise anybody could pose as a peer and get the answers meant for it.
    2. Each offer goes to one other peer of the swarm, picked at random, each to another one. If there are
       fewer peers than offers, the rest is dropped.
    3. An answer is carried only to the peer whose offer it answers, only by the socket that was given that
       offer, and once. So nobody can send texts to peers that did not ask for any.
    4. Each text takes a token of its host, and a host has at most `MAX_SOCKETS_OF_HOST` sockets. (Of IPv6, a
       /64 counts as one host: `p2plib.discovery.tracker.pace`.)
    5. What breaks a rule is answered with a failure, and the socket stays open: a client of somebody else's
       may do one thing wrong and all others right.
    6. A peer is in a swarm until it says that it stops, or its socket closes.

Vocabulary::

    visitor   a peer in a swarm that has no address, only a socket
"""

from __future__ import annotations

import random
from collections import Counter, OrderedDict
from dataclasses import dataclass, field
from typing import assert_never

from p2plib.discovery.tracker.announce import Event
from p2plib.discovery.tracker.core import TrackerCore, TrackerHeard
from p2plib.discovery.tracker.offers import (
    AnswerCarried,
    FromTracker,
    OfferCarried,
    OffersAnnounce,
    OffersAnnounced,
    OffersFailure,
    OffersScrape,
    OffersScraped,
    decode_from_peer,
    encode,
)
from p2plib.discovery.tracker.pace import owner_of
from p2plib.discovery.tracker.swarms import Swarm
from p2plib.errors import DecodeError, Refusal

MAX_SOCKETS_OF_HOST = 50
MAX_SWARMS_OF_SOCKET = 100
MAX_OPEN_OFFERS = 100  # for each socket; older ones can no longer be answered
INTERVAL_S = 120  # shorter than with addresses: an offer that nobody took must be made again


@dataclass(slots=True, eq=False)
class Visitor:
    """A peer on a socket.

    Args:
        socket: its number.
        host: where it is.
        peer_id: its id; empty until it has named one.
        is_seeder: for each swarm that it is in, whether it lacks nothing.
        given: the offers that it may answer: (info_hash, peer_id, offer_id) of each.
    """

    socket: int
    host: str
    peer_id: bytes = b""
    is_seeder: dict[bytes, bool] = field(default_factory=dict)
    given: OrderedDict[tuple[bytes, bytes, bytes], None] = field(default_factory=OrderedDict)


class OfferRelay:
    """A tracker for peers without addresses.

    Args:
        core: whose swarms these peers are counted in, and whose pace they keep.
        rng: draws which peer gets which offer.

    Attributes:
        ignored: how many texts broke a rule, by reason.
        carried: how many offers and answers were handed on, by kind.
    """

    def __init__(self, core: TrackerCore, rng: random.Random) -> None:
        self.core, self._rng = core, rng
        self.ignored: Counter[str] = Counter()
        self.carried: Counter[str] = Counter()
        self._visitors: dict[int, Visitor] = {}
        self._present: dict[bytes, dict[bytes, Visitor]] = {}  # by info_hash, and in it by peer_id
        self._owners: Counter[str] = Counter()
        self._outgoing: list[tuple[str, int]] = []

    def opened(self, socket: int, host: str) -> None:
        """A socket was opened.

        Args:
            socket: a number that no other open socket has.
            host: the IP address at its other end.

        Raises:
            p2plib.errors.Refusal: rule 4.
        """
        owner = owner_of(host)
        if self._owners[owner] >= MAX_SOCKETS_OF_HOST:
            raise Refusal("too many", f"your host has {MAX_SOCKETS_OF_HOST} sockets here")
        self._owners[owner] += 1
        self._visitors[socket] = Visitor(socket, host)

    def closed(self, socket: int) -> None:
        """A socket was closed: its peer leaves all swarms. Rule 6."""
        visitor = self._visitors.pop(socket, None)
        if visitor is None:
            return
        for info_hash in list(visitor.is_seeder):
            self._leave(visitor, info_hash)
        owner = owner_of(visitor.host)
        self._owners[owner] -= 1
        if not self._owners[owner]:
            del self._owners[owner]

    def receive(self, socket: int, text: str, now: float) -> None:
        """Takes a text that arrived on a socket."""
        visitor, about = self._visitors[socket], b""
        try:
            self.core.may_ask(visitor.host, now)
            message = decode_from_peer(text)
            match message:
                case OffersScrape(info_hashes):
                    counts = {raw: self.core.swarms.counts(raw) for raw in info_hashes}
                    self._say(OffersScraped(counts), visitor)
                case OffersAnnounce():
                    about = message.info_hash
                    self._announce(visitor, message)
                case AnswerCarried():
                    about = message.info_hash
                    self._answer(visitor, message)
                case _:
                    assert_never(message)
        except DecodeError as error:
            self.ignored["malformed"] += 1
            self._say(OffersFailure(str(error)), visitor)
        except Refusal as refusal:
            self.ignored[refusal.code] += 1
            self._say(OffersFailure(refusal.sentence, about), visitor)

    def to_send(self) -> list[tuple[str, int]]:
        """The texts to send now, and on which sockets; each is returned once."""
        outgoing, self._outgoing = self._outgoing, []
        return outgoing

    # ------------------------------------------------------------------------------------------------------

    def _say(self, message: FromTracker, visitor: Visitor) -> None:
        self._outgoing.append((encode(message), visitor.socket))

    def _announce(self, visitor: Visitor, announce: OffersAnnounce) -> None:
        info_hash = announce.info_hash
        self._is_its_own(visitor, info_hash, announce.peer_id)
        if announce.event is Event.STOPPED:
            self._leave(visitor, info_hash)
        else:
            self._enter(visitor, announce)
        counts = self.core.swarms.counts(info_hash)
        self._say(OffersAnnounced(info_hash, INTERVAL_S, counts.seeders, counts.leechers), visitor)
        self.core.granted += 1
        if self.core.on_heard is not None:
            address = visitor.host, 0
            heard = TrackerHeard("websocket", address, info_hash, announce.event, announce.left)
            self.core.on_heard(heard)
        if info_hash in visitor.is_seeder:
            self._hand_out(visitor, announce)

    def _is_its_own(self, visitor: Visitor, info_hash: bytes, peer_id: bytes) -> None:
        """Rule 1."""
        if visitor.peer_id not in (b"", peer_id):
            raise Refusal("id", "this socket has named another peer_id before")
        holder = self._present.get(info_hash, {}).get(peer_id)
        if holder not in (None, visitor):
            raise Refusal("id", "another open socket has this peer_id")
        visitor.peer_id = peer_id

    def _enter(self, visitor: Visitor, announce: OffersAnnounce) -> None:
        info_hash, is_seeder = announce.info_hash, announce.left == 0
        was_seeder = visitor.is_seeder.get(info_hash)
        if was_seeder is None and len(visitor.is_seeder) >= MAX_SWARMS_OF_SOCKET:
            raise Refusal("too many", f"your socket is in {MAX_SWARMS_OF_SOCKET} swarms already")
        swarm = self.core.swarms.swarm_for_visitors(info_hash)
        if was_seeder is not None:
            _count(swarm, was_seeder, -1)
            swarm.completed += is_seeder and not was_seeder and announce.event is Event.COMPLETED
        _count(swarm, is_seeder, 1)
        visitor.is_seeder[info_hash] = is_seeder
        self._present.setdefault(info_hash, {})[visitor.peer_id] = visitor

    def _leave(self, visitor: Visitor, info_hash: bytes) -> None:
        was_seeder = visitor.is_seeder.pop(info_hash, None)
        if was_seeder is None:
            return
        present = self._present[info_hash]
        del present[visitor.peer_id]
        if not present:
            del self._present[info_hash]
        swarm = self.core.swarms.swarm_for_visitors(info_hash)
        _count(swarm, was_seeder, -1)
        self.core.swarms.forget_if_empty(swarm)

    def _hand_out(self, visitor: Visitor, announce: OffersAnnounce) -> None:
        """Rule 2."""
        others = [one for one in self._present[announce.info_hash].values() if one is not visitor]
        count = min(len(others), len(announce.offers))
        for other, offer in zip(self._rng.sample(others, count), announce.offers, strict=False):
            other.given[announce.info_hash, visitor.peer_id, offer.offer_id] = None
            if len(other.given) > MAX_OPEN_OFFERS:
                other.given.popitem(last=False)
            self._say(OfferCarried(announce.info_hash, visitor.peer_id, offer), other)
            self.carried["offer"] += 1

    def _answer(self, visitor: Visitor, answer: AnswerCarried) -> None:
        """Rule 3."""
        self._is_its_own(visitor, answer.info_hash, answer.peer_id)
        offer = answer.info_hash, answer.to_peer_id, answer.offer_id
        if offer not in visitor.given:
            raise Refusal("answer", "you were given no such offer, or have answered it")
        del visitor.given[offer]
        other = self._present.get(answer.info_hash, {}).get(answer.to_peer_id)
        if other is None:
            raise Refusal("gone", "the peer that offered has left")
        self._say(AnswerCarried(answer.info_hash, visitor.peer_id, answer.offer_id, answer.sdp), other)
        self.carried["answer"] += 1


def _count(swarm: Swarm, is_seeder: bool, change: int) -> None:
    swarm.visitors[0 if is_seeder else 1] += change
