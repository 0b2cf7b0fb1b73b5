"""Swarms: who is in which swarm, for how long, and how many fit. A pure part, given time and randomness.

Rules
    1. A peer is known by its address. It is listed until it stops, or until it has not announced for
       `expiry_s`: a peer that crashes says nothing.
    2. A peer is stopped by its own id only: behind one NAT, neighbours share a host, and may name a port of
       each other's by mistake. It is no protection against malice. Whoever announces a port takes it over,
       because a program that was started again has a new id.
    3. Everything has a bound, and a place that is taken is kept: a stranger who makes up a million swarms
       finds the tracker full, and the swarms that were there go on. `Refusal` says which bound it was.
    4. One owner has at most so many ports in a swarm and so many places in all, and so cannot crowd out the
       rest. Of IPv4 an owner is a host, of IPv6 a /64 (`owner_of`).
    5. A response names random peers of the asker's family, never the asker itself. A seeder has no use for
       other seeders, but is told of them all the same: some trackers count on that, and so do topics where
       nobody has "left" anything.

How random peers are picked: those of a swarm stand in a row, in random order, because each newcomer changes
places with a random one. A response is a run of them from a random place on. That is one draw of a random
number instead of fifty, and each peer is as likely as any other; only which ones come *together* repeats.

Vocabulary::

    listed   a peer that has announced, and is handed out
    row      the listed peers of one swarm and one family
"""

from __future__ import annotations

import random
from collections import Counter, OrderedDict
from dataclasses import dataclass, field

from p2plib.discovery.tracker.announce import DEFAULT_INTERVAL_S, Counts, Event
from p2plib.discovery.tracker.compact import pack_peer
from p2plib.discovery.tracker.pace import owner_of
from p2plib.errors import Refusal
from p2plib.machine.addresses import Address


@dataclass(frozen=True, slots=True)
class SwarmLimits:
    """What fits into a tracker.

    Args:
        swarms: how many swarms.
        peers: how many listed peers, in all swarms together.
        peers_of_swarm: how many in one swarm, of each family.
        ports_of_host: how many of one owner in one swarm. Rule 4.
        places_of_host: how many of one owner in all swarms together.
    """

    swarms: int = 100_000
    peers: int = 1_000_000
    peers_of_swarm: int = 100_000
    ports_of_host: int = 32
    places_of_host: int = 2_000


DEFAULT_LIMITS = SwarmLimits()


@dataclass(slots=True, eq=False)
class Listed:
    """A peer in a swarm.

    Args:
        address: where it is reached.
        packed: the same in 6 or 18 bytes.
        peer_id: the id that it announced.
        is_seeder: whether it has said that nothing is left.
        place: where it stands in its row.
        seen: when it last announced, in seconds.
        swarm: where it is listed.
    """

    address: Address
    packed: bytes
    peer_id: bytes
    is_seeder: bool
    place: int
    seen: float
    swarm: Swarm


@dataclass(slots=True, eq=False)
class Swarm:
    """The peers of one info_hash.

    Args:
        info_hash: which.
        peers: the listed ones by address, of both families.
        rows: for IPv4 and IPv6, the listed ones and their packed forms, place by place.
        ports: how many ports of each owner are listed.
        seeders: how many of the listed have everything.
        completed: how often somebody has just got everything.
        visitors: seeders and leechers that are here without an address, as browsers are; counted with the
            others.
    """

    info_hash: bytes
    peers: dict[Address, Listed] = field(default_factory=dict)
    rows: tuple[Row, Row] = field(default_factory=lambda: (Row(), Row()))
    ports: Counter[str] = field(default_factory=Counter)
    seeders: int = 0
    completed: int = 0
    visitors: list[int] = field(default_factory=lambda: [0, 0])

    def counts(self) -> Counts:
        """How many are here."""
        return Counts(
            self.seeders + self.visitors[0],
            self.completed,
            len(self.peers) - self.seeders + self.visitors[1],
        )


class Row:
    """The listed peers of one family, in random order, and their packed forms."""

    def __init__(self) -> None:
        self.listed: list[Listed] = []
        self.packed: list[bytes] = []

    def __len__(self) -> int:
        return len(self.listed)

    def add(self, peer: Listed, rng: random.Random) -> None:
        """Puts a newcomer in the place of a random one, and that one at the end."""
        self.listed.append(peer)
        self.packed.append(peer.packed)
        peer.place = len(self.listed) - 1
        self._exchange(int(rng.random() * len(self.listed)), peer.place)

    def remove(self, peer: Listed) -> None:
        """Takes one out, and puts the last into its place."""
        self._exchange(peer.place, len(self.listed) - 1)
        self.listed.pop()
        self.packed.pop()

    def some(self, count: int, rng: random.Random, but: Listed | None = None) -> list[bytes]:
        """The packed forms of up to so many random peers.

        Args:
            count: how many, at most.
            rng: draws where to begin.
            but: one that is left out.
        """
        total = len(self.packed)
        if not total or count <= 0:
            return []
        start = int(rng.random() * total) if count < total else 0
        end = start + count + 1  # one more than asked for, in case we meet the one that is left out
        run = self.packed[start:end]
        if end > total and start:
            run += self.packed[: min(start, end - total)]
        if but is not None and but.packed in run:
            run.remove(but.packed)
        return run[:count]

    def _exchange(self, one: int, other: int) -> None:
        listed, packed = self.listed, self.packed
        listed[one], listed[other] = listed[other], listed[one]
        packed[one], packed[other] = packed[other], packed[one]
        listed[one].place, listed[other].place = one, other


class Swarms:
    """Who is in which swarm.

    Args:
        rng: draws which peers are named; see `p2plib.machine.machine`.
        interval_s: after how many seconds peers are asked to announce again.
        limits: see `SwarmLimits`.

    Attributes:
        expiry_s: after how many seconds of silence a peer is taken off: two intervals and a minute, so that
            one announce may be lost.
    """

    def __init__(
        self,
        rng: random.Random,
        *,
        interval_s: int = DEFAULT_INTERVAL_S,
        limits: SwarmLimits = DEFAULT_LIMITS,
    ) -> None:
        self.rng, self.interval_s, self.limits = rng, interval_s, limits
        self.expiry_s = 2 * interval_s + 60
        self._swarms: dict[bytes, Swarm] = {}
        self._by_age: OrderedDict[Listed, None] = OrderedDict()  # the one that announced longest ago is first
        self._places: Counter[str] = Counter()

    def __len__(self) -> int:
        """How many swarms there are."""
        return len(self._swarms)

    @property
    def peers(self) -> int:
        """How many peers are listed, in all swarms together."""
        return len(self._by_age)

    def announce(
        self, info_hash: bytes, address: Address, peer_id: bytes, left: int, event: Event, now: float
    ) -> tuple[Swarm | None, Listed | None]:
        """A peer says that it is here, or that it leaves.

        Args:
            info_hash: which swarm.
            address: where it is.
            peer_id: the id that it names.
            left: how much it still lacks.
            event: why it announces.
            now: the time, in seconds.

        Returns:
            The swarm, and the peer's own entry in it, to be left out of what it is told; None where there is
            none.

        Raises:
            p2plib.errors.Refusal: rule 3.
        """
        swarm = self._swarms.get(info_hash)
        listed = swarm.peers.get(address) if swarm is not None else None
        if event is Event.STOPPED:
            if listed is not None and listed.peer_id == peer_id:  # rule 2
                self._take_off(listed)
            return self._swarms.get(info_hash), None
        if listed is None or swarm is None:
            swarm = swarm or self._new_swarm(info_hash)
            listed = self._list(swarm, address, peer_id, now)
        else:
            listed.peer_id, listed.seen = peer_id, now
            self._by_age.move_to_end(listed)
        is_seeder = left == 0
        if is_seeder is not listed.is_seeder:
            swarm.seeders += 1 if is_seeder else -1
            swarm.completed += event is Event.COMPLETED
            listed.is_seeder = is_seeder
        return swarm, listed

    def some_peers(
        self, swarm: Swarm | None, count: int, *, ipv6: bool = False, but: Listed | None = None
    ) -> list[bytes]:
        """Random peers of a swarm, packed. Rule 5.

        Args:
            swarm: which; nobody is in None.
            count: how many, at most.
            ipv6: of which family.
            but: one that is left out, the asker.
        """
        return [] if swarm is None else swarm.rows[ipv6].some(count, self.rng, but)

    def listed(self, info_hash: bytes) -> dict[Address, Listed]:
        """The peers of a swarm by address; none if there is no such swarm."""
        swarm = self._swarms.get(info_hash)
        return {} if swarm is None else swarm.peers

    def counts(self, info_hash: bytes) -> Counts:
        """How many peers of each kind a swarm has."""
        swarm = self._swarms.get(info_hash)
        return Counts() if swarm is None else swarm.counts()

    def swarm_for_visitors(self, info_hash: bytes) -> Swarm:
        """The swarm of a hash, made if need be, in which a peer without an address is counted.

        Raises:
            p2plib.errors.Refusal: rule 3.
        """
        return self._swarms.get(info_hash) or self._new_swarm(info_hash)

    def forget_if_empty(self, swarm: Swarm) -> None:
        """Forgets a swarm in which nobody is left."""
        if not swarm.peers and not any(swarm.visitors):
            self._swarms.pop(swarm.info_hash, None)

    def expire(self, now: float) -> int:
        """Takes off the peers that have not announced for `expiry_s`; returns how many. Rule 1."""
        gone = 0
        while self._by_age:
            oldest = next(iter(self._by_age))
            if oldest.seen + self.expiry_s > now:
                break
            self._take_off(oldest)
            gone += 1
        return gone

    # ------------------------------------------------------------------------------------------------------

    def _new_swarm(self, info_hash: bytes) -> Swarm:
        if len(self._swarms) >= self.limits.swarms:
            raise Refusal("full", "this tracker has no room for another swarm")
        swarm = self._swarms[info_hash] = Swarm(info_hash)
        return swarm

    def _list(self, swarm: Swarm, address: Address, peer_id: bytes, now: float) -> Listed:
        host, limits = address[0], self.limits
        owner = owner_of(host)
        row = swarm.rows[":" in host]
        try:
            if len(self._by_age) >= limits.peers or len(row) >= limits.peers_of_swarm:
                raise Refusal("full", "this tracker has no room for another peer")
            if swarm.ports[owner] >= limits.ports_of_host:
                raise Refusal("too many", f"your host has {limits.ports_of_host} ports in this swarm")
            if self._places[owner] >= limits.places_of_host:
                raise Refusal("too many", f"your host is in {limits.places_of_host} places already")
        except Refusal:
            self.forget_if_empty(swarm)
            raise
        listed = Listed(address, pack_peer(address), peer_id, False, 0, now, swarm)
        swarm.peers[address] = listed
        row.add(listed, self.rng)
        swarm.ports[owner] += 1
        self._places[owner] += 1
        self._by_age[listed] = None
        return listed

    def _take_off(self, listed: Listed) -> None:
        swarm, host = listed.swarm, listed.address[0]
        del swarm.peers[listed.address]
        swarm.rows[":" in host].remove(listed)
        swarm.seeders -= listed.is_seeder
        del self._by_age[listed]
        owner = owner_of(host)
        for counter in (swarm.ports, self._places):
            counter[owner] -= 1
            if not counter[owner]:
                del counter[owner]
        self.forget_if_empty(swarm)
