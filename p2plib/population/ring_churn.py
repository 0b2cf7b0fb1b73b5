"""A Chord ring while peers come and go: path lengths, time-outs and wrong owners, event by event.

Follows Stoica et al., "Chord" (IEEE/ACM ToN, 2003), section V, whose Table III this computes: a thousand
peers, joins and departures as two Poisson processes, and meanwhile lookups by random peers for random keys.

The rules are those of `p2plib.topology.ring`, its modules `machine` and `chord`: a joiner is given a whole
list of successors, a round of stabilisation steps back as long as there is a living peer between, a
predecessor is asked whether it is alive, a peer that leaves says goodbye, and a finger that does not answer
is dropped. Three things are left out, which makes two hours of a thousand peers a matter of seconds: no time
passes within a lookup or a round (really a twentieth of a second and a few seconds, while the next peer comes
or goes after at least two seconds), no datagram is lost, and no peer checks whether the whole ring is right
(rule 5 of `ring`). `tests/population/test_ring_churn.py` compares it with the machines.

Vocabulary::

    rate      of joins, and of departures, both per second
    right     of an answer: its first living peer is the first living peer at the key or after it
    corrected of a wrong answer: its peer, when asked for the key, would have said that it has a predecessor
              at the key or after it: a newcomer that the rest of the ring does not know yet
    goodbye   a peer that leaves tells its neighbours (rule 6 of `ring`); otherwise they have to find out
"""

from __future__ import annotations

import bisect
import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from p2plib.errors import UsageError
from p2plib.topology.ring.core import JITTER
from p2plib.topology.ring.messages import MAX_NEARER, MAX_OWNERS, MAX_SUCCESSORS
from p2plib.topology.ring.parts import RingSettings
from p2plib.topology.ring.space import between
from p2plib.topology.ring.stabilisation import MAX_STEPS_BACK

BITS = 64
MASK = (1 << BITS) - 1
# Section V: stabilisation every 15 to 45 s. Each looks after one finger; a thousand peers have ten different
# ones, so each finger is renewed every 300 s.
PAPER = RingSettings(bits=BITS, r=20, stabilise_s=30.0, fingers_s=300.0)
PAPER_JITTER = 0.5
FIRST_FINGERS = 0.1  # of `fingers_s`, after joining

Progress = Callable[[int, int], None]


@dataclass(slots=True)
class Lookups:
    """What many lookups took; how many of them named a wrong owner, and how many of those are corrected."""

    path: list[int] = field(default_factory=list)
    timeouts: list[int] = field(default_factory=list)
    wrong: int = 0
    corrected: int = 0
    joins: int = 0
    departures: int = 0

    @property
    def wrong_per_10_000(self) -> float:
        """How the paper counts failures."""
        return 1e4 * self.wrong / len(self.path)


class _Peer:
    """A peer on the circle, and what it knows; `links` are fingers and successors, sorted by distance."""

    __slots__ = ("ahead", "alive", "due", "fingers", "id", "links", "predecessor", "successors")

    def __init__(self, ident: int) -> None:
        self.id, self.alive, self.due = ident, True, 0.0
        self.predecessor: _Peer | None = None
        self.successors: list[_Peer] = []
        self.fingers: dict[int, _Peer] = {}
        self.links: list[_Peer] = []
        self.ahead: list[int] = []  # how far ahead each link is; empty if it has to be made again

    def owners(self, key: int) -> list[_Peer]:
        """See `Neighbourhood.owners`."""
        before, successors = self.predecessor, self.successors
        if not successors or key == self.id or (before and between(before.id, key, self.id)):
            return [self, *successors][:MAX_SUCCESSORS]
        first = successors[0].id
        return successors if key == first or between(self.id, key, first) else []

    def preceding(self, key: int) -> list[_Peer]:
        """The best links before a key, the nearest to it last."""
        if not self.ahead:
            by_distance = {(other.id - self.id) & MASK: other for other in self.fingers.values()}
            by_distance |= {(other.id - self.id) & MASK: other for other in self.successors}
            self.ahead = sorted(by_distance)
            self.links = [by_distance[distance] for distance in self.ahead]
        at = bisect.bisect_left(self.ahead, (key - self.id) & MASK)
        return self.links[max(0, at - MAX_NEARER) : at]

    def beyond(self, key: int) -> list[_Peer]:
        """Successors at a key or past it."""
        return [other for other in self.successors if not between(self.id, other.id, key)][:MAX_OWNERS]

    def take(self, successors: list[_Peer], r: int) -> None:
        """See `Neighbourhood.set_successors`."""
        if successors[:r] == self.successors:
            return
        ordered: list[_Peer] = []
        reached = 0
        for other in successors:
            distance = (other.id - self.id) & MASK
            if distance <= reached or len(ordered) == r:
                break
            ordered.append(other)
            reached = distance
        self.successors, self.ahead = ordered, []


class ChurningRing:
    """Peers of a ring that is whole at the start, with every finger right.

    Args:
        peers: how many there are at the start.
        rate: joins a second, and departures a second.
        seed: for everything random.
        settings: those of every peer; `bits` must be 64.
        jitter: how much the time between two rounds varies, as a fraction of it.
        goodbye: whether a peer that leaves says so.
    """

    def __init__(
        self,
        peers: int,
        rate: float,
        *,
        seed: int = 0,
        settings: RingSettings = PAPER,
        jitter: float = PAPER_JITTER,
        goodbye: bool = True,
    ) -> None:
        if peers < 2 or rate < 0 or settings.bits != BITS:
            raise UsageError(f"there must be two peers or more, a rate of 0 or more, and ids of {BITS} bits")
        self.rng = random.Random(f"{seed} ring")
        self.rate, self.settings, self.jitter, self.goodbye = rate, settings, jitter, goodbye
        self.now, self.done = 0.0, Lookups()
        self._heap: list[tuple[float, int, str, _Peer | None]] = []
        self._count = 0
        self.ids = sorted({self.rng.getrandbits(BITS) for _ in range(peers)})
        ring = [_Peer(ident) for ident in self.ids]
        self.peers = {peer.id: peer for peer in ring}
        for i, peer in enumerate(ring):
            peer.predecessor = ring[i - 1]
            peer.take([ring[(i + j) % peers] for j in range(1, min(settings.r, peers - 1) + 1)], settings.r)
            for finger in self._wanted(peer):
                peer.fingers[finger] = self._owner((peer.id + (1 << finger)) & MASK)
            peer.ahead = []
            self._wake(peer, self.rng.uniform(0, settings.stabilise_s))
            self._push(self.rng.uniform(0, settings.fingers_s), "fingers", peer)

    def run(self, seconds: float, *, lookups_s: float = 1.0, progress: Progress | None = None) -> Lookups:
        """Lets peers come, go and look for keys.

        Args:
            seconds: for how long.
            lookups_s: how many lookups a second random peers make, as a Poisson process; 1 in the paper.
            progress: called with (seconds done, seconds), a hundred times.
        """
        begin, self.done, told = self.now, Lookups(), 0
        end = begin + seconds
        self._later("lookup", lookups_s)
        if self.rate:
            self._later("join", self.rate)
            self._later("leave", self.rate)
        while self._heap and self._heap[0][0] <= end:
            self.now, _, what, peer = heapq.heappop(self._heap)
            if peer is None:
                self._later(what, lookups_s if what == "lookup" else self.rate)
                getattr(self, f"_{what}")()
            elif peer.alive and what == "fingers":
                self._fingers(peer)
            elif peer.alive and self.now == peer.due:
                self._stabilise(peer)
            while progress and told < 99 and self.now >= begin + seconds * (told + 1) / 100:
                told += 1
                progress(round(seconds * told / 100), round(seconds))
        if progress:
            progress(round(seconds), round(seconds))
        self._heap = [entry for entry in self._heap if entry[3] is not None]
        heapq.heapify(self._heap)
        self.now = end
        return self.done

    # Time -------------------------------------------------------------------------------------------------

    def _push(self, at: float, what: str, peer: _Peer | None) -> None:
        self._count += 1
        heapq.heappush(self._heap, (at, self._count, what, peer))

    def _later(self, what: str, rate: float) -> None:
        self._push(self.now + self.rng.expovariate(rate), what, None)

    def _wake(self, peer: _Peer, after_s: float) -> None:
        peer.due = self.now + after_s
        self._push(peer.due, "stabilise", peer)

    # Coming, going, looking -------------------------------------------------------------------------------

    def _owner(self, key: int) -> _Peer:
        """The right answer, which only we can see."""
        return self.peers[self.ids[bisect.bisect_left(self.ids, key) % len(self.ids)]]

    def _anybody(self) -> _Peer:
        return self.peers[self.rng.choice(self.ids)]

    def _lookup(self) -> None:
        key, asker = self.rng.getrandbits(BITS), self._anybody()
        owners, hops, timeouts = self._walk(asker, key)
        dead = next((i for i, other in enumerate(owners) if other.alive), len(owners))
        self.done.path.append(hops)
        self.done.timeouts.append(timeouts + dead)  # a dead peer that was named as an owner was tried, too
        if owners[dead : dead + 1] != [self._owner(key)]:
            self.done.wrong += 1
            before = owners[dead].predecessor if dead < len(owners) else None
            self.done.corrected += bool(
                before and before.alive and not between(before.id, key, owners[dead].id)
            )

    def _join(self) -> None:
        """Rule 1."""
        peer, asked = _Peer(self.rng.getrandbits(BITS)), self._anybody()
        owners, _, _ = self._walk(asked, peer.id, learns=False)
        if not owners or peer.id in self.peers:
            return
        peer.take(list(owners), self.settings.r)
        bisect.insort(self.ids, peer.id)
        self.peers[peer.id] = peer
        self.done.joins += 1
        self._stabilise(peer)
        self._push(self.now + self._varied(self.settings.fingers_s * FIRST_FINGERS, JITTER), "fingers", peer)

    def _leave(self) -> None:
        """Rule 6. The last two stay, for a ring of one has no other peer to ask."""
        if len(self.ids) <= 2:
            return
        peer = self._anybody()
        peer.alive = False
        self.ids.remove(peer.id)
        del self.peers[peer.id]
        self.done.departures += 1
        if not self.goodbye:
            return
        before, after = peer.predecessor, next(iter(peer.successors), None)
        if after and after.alive and after.predecessor is peer:
            after.predecessor = before if before and before.alive else None
        if before and before.alive and peer in before.successors:
            if before.successors == [peer]:
                before.take([peer, *peer.successors], self.settings.r)
            self._dead(before, peer)

    # Looking after the ring -------------------------------------------------------------------------------

    def _varied(self, seconds: float, jitter: float) -> float:
        return seconds * self.rng.uniform(1 - jitter, 1 + jitter)

    def _dead(self, peer: _Peer, gone: _Peer) -> None:
        """A peer learns that another is dead."""
        peer.fingers = {i: other for i, other in peer.fingers.items() if other is not gone}
        peer.ahead = []
        if peer.predecessor is gone:
            peer.predecessor = None
        if gone in peer.successors:
            peer.successors = [other for other in peer.successors if other is not gone]
            self._wake(peer, 0.0)

    def _stabilise(self, peer: _Peer) -> None:
        """Rule 2."""
        r = self.settings.r
        while peer.successors and not peer.successors[0].alive:
            self._dead(peer, peer.successors[0])
        self._wake(peer, self._varied(self.settings.stabilise_s, self.jitter))
        head = peer.successors[0] if peer.successors else peer.predecessor
        if head is None or not head.alive:
            return
        for _ in range(MAX_STEPS_BACK):
            peer.take([head, *head.successors], r)
            other = head.predecessor
            if other is None or other is peer or not other.alive or not between(peer.id, other.id, head.id):
                break
            head = other
        before = head.predecessor  # rule 3
        if before is None or not before.alive or between(before.id, peer.id, head.id):
            head.predecessor = peer

    def _wanted(self, peer: _Peer) -> list[int]:
        """Rule 1 of `chord`: the fingers that are not the first successor anyway, the farthest first."""
        reach = (peer.successors[0].id - peer.id) & MASK
        return [i for i in reversed(range(BITS)) if 1 << i > reach]

    def _fingers(self, peer: _Peer) -> None:
        self._push(self.now + self._varied(self.settings.fingers_s, JITTER), "fingers", peer)
        if not peer.successors:
            return
        wanted = self._wanted(peer)
        peer.fingers = {i: other for i, other in peer.fingers.items() if i in wanted}
        peer.ahead = []
        for i in wanted:
            owners, _, _ = self._walk(peer, (peer.id + (1 << i)) & MASK)
            if owners and owners[0] is peer:
                peer.fingers.pop(i, None)
            elif owners and peer.fingers.get(i) is not owners[0]:
                peer.fingers[i] = owners[0]
                peer.ahead = []

    def _walk(self, asker: _Peer, key: int, learns: bool = True) -> tuple[list[_Peer], int, int]:
        """What `p2plib.topology.ring.walk` does; (owners, peers that answered, peers that did not).

        A peer that is named lies nearer to the key than all that were named before, so the best of all is
        always the best of the last response, and a stack of responses is enough.
        """
        owners = asker.owners(key)
        hops = timeouts = 0
        tried: set[int] = set()
        stack = [(asker, asker.preceding(key))]
        while not owners and stack and len(tried) < self.settings.max_steps:
            here, named = stack[-1]
            if not named:
                owners = here.beyond(key)
                stack.pop()
                continue
            best = named.pop()
            if best.id in tried:
                continue
            tried.add(best.id)
            if not best.alive:
                timeouts += 1
                if learns:
                    self._dead(asker, best)
                continue
            hops += 1
            owners = best.owners(key)
            stack.append((best, best.preceding(key)))
        return owners, hops, timeouts
