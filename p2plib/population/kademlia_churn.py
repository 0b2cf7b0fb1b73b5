"""A Kademlia network while peers come and go: which lookups are right, and which values are found.

The peers are the machines of `p2plib.topology.kademlia.machine`, connected by datagrams that take 20 to 80 ms
(`machines`). Their number stays the same: for each peer that leaves, without a word, a newcomer with a new id
arrives, and joins through a random peer. Sessions are exponential, as in Rhea et al., "Handling Churn in a
DHT" (USENIX 2004); those are the hardest, for age says nothing about which peers stay.

What is measured
    find    of a random id by a random peer that has joined: whether the nearest peer that it finds is the
            nearest of all that have joined and are still there.
    get     of a value that a random peer published once, by a random peer that has joined. Its publisher
            may be gone; it survives because its holders republish it (rule 3 of `maintenance`).

Vocabulary::

    median_s   the median session, in seconds
    settled    of a peer: its machine has reported that it has joined
"""

from __future__ import annotations

import bisect
import math
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from p2plib.errors import UsageError
from p2plib.machine.addresses import Address
from p2plib.population.machines import Crowd, address_of
from p2plib.topology.kademlia.machine import Kademlia
from p2plib.topology.kademlia.parts import FindDone, GetDone, Joined, JoinFailed, PutDone, Settings
from p2plib.topology.kademlia.store import key_of

# The paper refreshes and republishes every hour, for peers that stay for hours; here half of all may be new
# after 84 seconds, and eight holders of a value must not all be gone before one of them republishes it.
CHURN = Settings(k=8, refresh_s=60.0, republish_s=60.0, fresh_s=30.0)
BETWEEN_JOINS_S = 0.05  # at the start
SETTLE_S = 30.0  # for the last of them to join
PATIENCE_S = 30.0  # a search that takes longer counts as not found

Progress = Callable[[int, int], None]


@dataclass(slots=True)
class Results:
    """What became of the searches.

    Args:
        finds, found: how many finds there were, and how many ended at the right peer.
        gets, got: how many gets there were, and how many returned the value.
        find_s: how long each find that ended took, in seconds.
        timeouts: how many of the peers that each find asked did not answer.
        arrivals: how many newcomers came; `stranded`: how many of them could not join and tried again.
        datagrams: how many were sent, per second and peer.
    """

    finds: int = 0
    found: int = 0
    gets: int = 0
    got: int = 0
    find_s: list[float] = field(default_factory=list)
    timeouts: list[int] = field(default_factory=list)
    arrivals: int = 0
    stranded: int = 0
    datagrams: float = 0.0


class ChurningKademlia:
    """Peers that come and go.

    Args:
        peers: how many there are at all times.
        median_s: the median session, in seconds; None if no peer leaves.
        seed: for everything random.
        settings: those of every peer.
        values: how many values are published before any peer leaves.
    """

    def __init__(
        self,
        peers: int,
        median_s: float | None,
        *,
        seed: int = 0,
        settings: Settings = CHURN,
        values: int = 50,
    ) -> None:
        if peers < 2 or (median_s is not None and median_s <= 0):
            raise UsageError("there must be at least two peers, and median_s must be more than 0")
        self.rng, self.settings, self.median_s = random.Random(f"{seed} churn"), settings, median_s
        self.crowd: Crowd[Kademlia] = Crowd(seed)
        self.settled: list[int] = []  # ids, sorted
        self.at: dict[int, Address] = {}
        self._ends: list[tuple[float, int]] = []  # (when, id)
        self._joining: dict[int, Address] = {}
        self._arrived = 0
        self._results = Results()
        for _ in range(peers):
            self._arrive()
            self.crowd.run(BETWEEN_JOINS_S)
            self._settle()
        self.crowd.run(SETTLE_S)
        self._settle()
        self.values = [b"value %d" % number for number in range(values)]
        for value in self.values:
            self._outcome(self.rng.choice(self.settled), PutDone, "put", key_of(value), value)
        if median_s is not None:
            self._ends = sorted((self._end(), ident) for ident in self.at)

    def run(self, seconds: float, *, every_s: float = 1.0, progress: Progress | None = None) -> Results:
        """Lets peers come and go, and searches in turn, each time for one id and one value.

        Args:
            seconds: for how long.
            every_s: how much time passes between two searches of a kind.
            progress: called with (seconds done, seconds) after each.
        """
        done, begin, sent, came = Results(), self.crowd.now, self.crowd.datagrams, self._arrived
        self._results = done
        while self.crowd.now < begin + seconds:
            self.wait(every_s)
            self._find(done)
            if self.values:
                self._get(done)
            if progress:
                progress(round(min(self.crowd.now - begin, seconds)), round(seconds))
        done.arrivals = self._arrived - came
        done.datagrams = (self.crowd.datagrams - sent) / (self.crowd.now - begin) / len(self.at)
        return done

    def halve(self, within_s: float, part: float = 0.5) -> None:
        """Lets a fraction of all peers leave within so many seconds, with nobody in their place."""
        gone = self.rng.sample(sorted(self.at), round(part * len(self.at)))
        for ident in gone:
            self.crowd.run(within_s / len(gone))
            self._settle()
            self._depart(ident)

    # Coming and going -------------------------------------------------------------------------------------

    def _end(self) -> float:
        assert self.median_s is not None
        return self.crowd.now + self.rng.expovariate(math.log(2) / self.median_s)

    def _seed(self) -> int:
        """A peer's seed: the hash of a float from 0 to 1 where hashes have 61 bits; a browser's have 31."""
        return int(self.rng.random() * 2**53) * 2**8 % (2**61 - 1)

    def _arrive(self) -> None:
        ident, address = self.rng.getrandbits(self.settings.bits), address_of(self._arrived)
        self._arrived += 1
        machine = Kademlia(ident, random.Random(self._seed()), now=self.crowd.now, settings=self.settings)
        self.at[ident] = self.crowd.add(machine, address)
        if len(self.at) == 1:
            self.settled.append(ident)
        else:
            self._joining[ident] = address
            self._join(ident)

    def _join(self, ident: int) -> None:
        bootstrap = [self.at[self.rng.choice(self.settled)] for _ in range(2)]
        self.crowd.call(self.at[ident], "join", bootstrap)

    def _depart(self, ident: int) -> None:
        self.crowd.crash(self.at.pop(ident))
        self._joining.pop(ident, None)
        at = bisect.bisect_left(self.settled, ident)
        if self.settled[at : at + 1] == [ident]:
            del self.settled[at]

    def _settle(self) -> None:
        """A peer that has joined counts from now on; one that could not join tries elsewhere."""
        for ident, address in list(self._joining.items()):
            for event in self.crowd.events(address):
                if isinstance(event, Joined):
                    del self._joining[ident]
                    bisect.insort(self.settled, ident)
                elif isinstance(event, JoinFailed):
                    self._results.stranded += 1
                    self._join(ident)

    def wait(self, seconds: float) -> None:
        """Lets time pass, in which peers leave and come when they are due."""
        until = self.crowd.now + seconds
        while self._ends and self._ends[0][0] <= until and len(self.settled) > 1:
            when, ident = self._ends.pop(0)
            self.crowd.run(max(0.0, when - self.crowd.now))
            self._settle()
            if ident in self.at:
                self._depart(ident)
            self._arrive()
            newcomer = next(reversed(self.at))
            bisect.insort(self._ends, (self._end(), newcomer))
        self.crowd.run(max(0.0, until - self.crowd.now))
        self._settle()

    # Searching --------------------------------------------------------------------------------------------

    def _outcome(self, ident: int, kind: type, method: str, *arguments: Any) -> Any:
        """Starts a search and lets time pass until it ends; None if it takes too long or its peer leaves."""
        address = self.at[ident]
        self.crowd.events(address)
        number = self.crowd.call(address, method, *arguments)
        begin, told = self.crowd.now, deque[Any]()
        while self.crowd.now < begin + PATIENCE_S and address in self.crowd.machines:
            told.extend(self.crowd.events(address))
            for event in told:
                if isinstance(event, kind) and event.number == number:  # type: ignore[attr-defined]
                    return event
            self.wait(0.05)
        return None

    def _find(self, done: Results) -> None:
        target, asker = self.rng.getrandbits(self.settings.bits), self.rng.choice(self.settled)
        begin = self.crowd.now
        event = self._outcome(asker, FindDone, "find", target)
        if event is None and asker not in self.at:
            return  # the asker itself left
        done.finds += 1
        if event is not None:
            done.find_s.append(self.crowd.now - begin)
            done.timeouts.append(event.failures)
            named = {contact.id for contact in event.closest[:1]} | ({asker} if asker in self.at else set())
            done.found += min(self.settled, key=target.__xor__) in named

    def _get(self, done: Results) -> None:
        value, asker = self.rng.choice(self.values), self.rng.choice(self.settled)
        event = self._outcome(asker, GetDone, "get", key_of(value))
        if event is None and asker not in self.at:
            return
        done.gets += 1
        done.got += event is not None and event.value == value
