"""Lookup: finding the peers nearest to a target by asking who is nearer. A machine without messages.

Follows Maymounkov and Mazières, "Kademlia" (2002), section 2.3, and for several disjoint paths Baumgart and
Mies, "S/Kademlia" (2007), section 4.4.

Rules
    1. Ask alpha of the nearest contacts not yet asked; take in the contacts that they name; go on until the k
       nearest that are not known to be dead have all been asked.
    2. *Strict*: a round is over when all alpha have answered or failed. After a round that brings no nearer
       peer, all of the k nearest not yet asked are asked at once. *Loose*: alpha requests are under way at
       all times, so a slow peer does not hold up the others. *Hedged*: a request whose response is slow does
       not count as one of the alpha any more, so another peer is asked (Dean and Barroso, "The Tail at
       Scale", 2013).
    3. With d paths, the contacts at the start are dealt out to d lookups, and no peer is asked by two of
       them. One liar on a path spoils that path only.
    4. A response names at most k contacts; any more are ignored, and so is an id that is too long. On a path
       each address counts once until it fails: a liar with one address is one peer, whatever ids it invents.
       A path asks `max_queries` peers at most, so that a chain of invented peers, each nearer than the last,
       comes to an end.
    5. A contact at an address that the peer may not name (`acceptable`) is not taken in, so nothing is ever
       sent there.
    6. Where the peer of an id does not answer, and another address was named for that id, it is asked there:
       most likely the peer was restarted, and not all others have noticed.
    7. A caller that needs k peers and is left with fewer may have those that failed asked once more
       (`ask_again`).

Vocabulary::

    target      the id that is looked for
    candidate   a contact of a path, with its distance from the target
    d           the number of paths
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from itertools import islice

from p2plib.errors import UsageError
from p2plib.machine.addresses import Address, Contact, acceptable
from p2plib.topology.kademlia.table import MAX_BITS, K, closest_first

ALPHA = 3  # section 2.3
QUERIES_PER_K = 4  # an honest lookup asks k peers and a few on the way; four times k is plenty
CANDIDATES_PER_K = 3  # how many a path remembers: k that are alive, and others in case they are not


class State(Enum):
    """How far the lookup is with one peer."""

    ASKED = "asked"
    ANSWERED = "answered"
    FAILED = "failed"


@dataclass(slots=True)
class Path:
    """One of the d paths of a lookup."""

    candidates: list[Contact] = field(default_factory=list)  # nearest first
    distances: list[int] = field(default_factory=list)  # the distance of each candidate from the target
    addresses: set[Address] = field(default_factory=set)
    moved: dict[int, Contact] = field(default_factory=dict)  # rule 6: the candidates named elsewhere, too
    waiting: set[int] = field(default_factory=set)
    slow: set[int] = field(default_factory=set)  # those of them whose responses are slow
    asked: int = 0
    ended: bool = False
    nearest: int = -1  # the least distance known when this round began
    round: int = 0


class Lookup:
    """One lookup.

    Args:
        target: the id to look for.
        seeds: the nearest contacts that we know already.
        own_id: our own id, which is left out of what others name.
        bits: how long ids are.
        k: how many of the nearest to find.
        alpha: how many to ask at once, on each path.
        paths: d.
        strict: rule 2.
        max_queries: how many peers one path asks at most; by default four times k.

    Attributes:
        done: whether nothing is left to ask or to wait for; up to date only after `next`.
    """

    def __init__(
        self,
        target: int,
        seeds: Iterable[Contact],
        *,
        own_id: int = -1,
        bits: int = MAX_BITS,
        k: int = K,
        alpha: int = ALPHA,
        paths: int = 1,
        strict: bool = False,
        max_queries: int | None = None,
    ) -> None:
        if min(k, alpha, paths) < 1:
            raise UsageError("k, alpha and the number of paths must each be at least one")
        self.target, self.own_id, self.bits = target, own_id, bits
        self.k, self.alpha, self.strict = k, alpha, strict
        self.max_queries = max_queries or QUERIES_PER_K * k
        self.state: dict[int, State] = {}
        self.failures = 0
        self._contacts: dict[int, Contact] = {}  # every peer that answered
        self._path_of: dict[int, Path] = {}
        self.paths = [Path() for _ in range(paths)]
        self._open_paths, self.done = paths, False
        self._has_asked_again = False
        for i, seed in enumerate(closest_first(target, list(seeds))):
            if seed.address not in self.paths[i % paths].addresses:
                self._learn(self.paths[i % paths], seed)

    @property
    def queries(self) -> int:
        """How many peers were asked."""
        return sum(path.asked for path in self.paths)

    @property
    def rounds(self) -> int:
        """How many rounds the longest path took; only a strict lookup has rounds."""
        return max(path.round for path in self.paths)

    @property
    def closest(self) -> list[Contact]:
        """The k nearest of all peers that answered, nearest first."""
        nearest = sorted(self._contacts, key=self.target.__xor__)[: self.k]
        return [self._contacts[ident] for ident in nearest]

    def next(self) -> list[Contact]:
        """The contacts to ask now. Call it at the start, and after every `answered` and `failed`."""
        chosen: list[Contact] = []
        for path in self.paths:
            if not path.ended:
                chosen += self._ask(path)
        return chosen

    def _ask(self, path: Path) -> list[Contact]:
        if self.strict and path.waiting:
            return []
        free = min(self.alpha - len(path.waiting) + len(path.slow), self.max_queries - path.asked)
        if self.strict and path.round and path.distances[0] >= path.nearest:
            free = self.max_queries - path.asked  # rule 2: no nearer peer, so all that are left, at once
        chosen = self._unasked(path, free)
        if chosen:
            path.round += 1
            path.nearest = path.distances[0]
        for contact in chosen:
            self.state[contact.id] = State.ASKED
            self._path_of[contact.id] = path
            path.waiting.add(contact.id)
            path.asked += 1
        if not path.waiting:
            path.ended = True
            self._open_paths -= 1
            self.done = self._open_paths == 0
        return chosen

    def _unasked(self, path: Path, count: int) -> list[Contact]:
        """The nearest of the path's k living candidates that were not asked yet, at most `count` of them."""
        unasked: list[Contact] = []
        if count <= 0:
            return unasked
        living, has_failed = 0, State.FAILED  # an enum's members are looked up slowly
        for contact in path.candidates:
            state = self.state.get(contact.id)
            if state is None:
                unasked.append(contact)
                if len(unasked) == count:
                    break
            elif state is has_failed or self._path_of[contact.id] is not path:
                continue  # rule 3
            living += 1
            if living == self.k:
                break
        return unasked

    def answered(self, contact: Contact, named: Iterable[Contact] = ()) -> bool:
        """Takes a response, even one that comes after `failed`.

        Args:
            contact: the peer that answered.
            named: the contacts in the response.

        Returns:
            Whether we had asked it.
        """
        path = self._path_of.get(contact.id)
        if path is None or self.state.get(contact.id) is State.ANSWERED:
            return False
        self.state[contact.id] = State.ANSWERED
        path.waiting.discard(contact.id)
        path.slow.discard(contact.id)
        self._contacts[contact.id] = contact
        if not path.ended:
            known, teller = path.addresses, contact.address
            for other in islice(named, self.k):  # rule 4
                address = other.address
                if address not in known and acceptable(address, teller):  # asked here: most of them are known
                    self._learn(path, other)
        return True

    def slow(self) -> None:
        """Notes that the responses that are awaited are slow. Rule 2."""
        for path in self.paths:
            path.slow |= path.waiting

    def failed(self, ident: int) -> None:
        """Notes that a peer did not answer in time."""
        path = self._path_of.get(ident)
        if path is not None and self.state.get(ident) is State.ASKED:
            self.state[ident] = State.FAILED
            path.waiting.discard(ident)
            path.slow.discard(ident)
            self.failures += 1
            at = bisect_left(path.distances, ident ^ self.target)
            if at < len(path.candidates) and path.candidates[at].id == ident:
                path.addresses.discard(path.candidates[at].address)  # another id may live there
                if ident in path.moved:
                    self._move(path, at, path.moved.pop(ident))

    def ask_again(self, wanted: int) -> bool:
        """Has the peers that failed asked once more, if too few have answered. It does so only once.

        Args:
            wanted: how many are enough.

        Returns:
            Whether there is anybody to ask.
        """
        if self._has_asked_again or len(self._contacts) >= wanted:
            return False
        self._has_asked_again = True
        for path in self.paths:
            for contact in path.candidates:
                is_failed = self.state.get(contact.id) is State.FAILED and self._path_of[contact.id] is path
                if not is_failed or contact.address in path.addresses:  # another id lives there
                    continue
                del self.state[contact.id]
                path.addresses.add(contact.address)
                path.asked -= 1
                self.failures -= 1
                self._open_paths += path.ended
                path.ended = self.done = False
        return not self.done

    def _move(self, path: Path, at: int, contact: Contact) -> None:
        """Rule 6: a candidate that has failed is to be asked again, at another address."""
        if contact.address not in path.addresses:
            path.addresses.add(contact.address)
            path.candidates[at] = contact
            del self.state[contact.id]

    def _learn(self, path: Path, contact: Contact) -> None:
        if contact.id == self.own_id or contact.id >> self.bits:
            return
        distance = contact.id ^ self.target
        at = bisect_left(path.distances, distance)
        if at < len(path.distances) and path.distances[at] == distance:
            if contact.address == path.candidates[at].address:
                return
            if self.state.get(contact.id) is State.FAILED:
                self._move(path, at, contact)
            else:
                path.moved[contact.id] = contact
            return
        path.addresses.add(contact.address)
        path.distances.insert(at, distance)
        path.candidates.insert(at, contact)
        if len(path.candidates) > CANDIDATES_PER_K * self.k:
            path.distances.pop()
            path.candidates.pop()
