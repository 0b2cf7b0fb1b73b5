"""The ring under churn: against machines of Chord, closed forms, and the ring that never changes."""

from __future__ import annotations

import bisect
import dataclasses
import random
from statistics import fmean

import pytest

from p2plib.errors import UsageError
from p2plib.machine.addresses import Address, Contact
from p2plib.population.chord import lookups
from p2plib.population.chord import ring as ring_of
from p2plib.population.machines import Crowd, address_of
from p2plib.population.ring_churn import BITS, PAPER, ChurningRing
from p2plib.topology.ring.chord import Chord
from p2plib.topology.ring.parts import FindDone, RingSettings
from p2plib.topology.ring.space import Shape, shape

SMALL = RingSettings(bits=BITS, r=6, stabilise_s=30.0, fingers_s=150.0)


class Machines:
    """Machines of Chord that come and go: they join, walk and repair with datagrams, and it takes time."""

    def __init__(self, peers: int, seed: int) -> None:
        self.rng = random.Random(seed)
        self.crowd: Crowd[Chord] = Crowd(seed, delay_s=(0.01, 0.02))
        self.ids: dict[int, Address] = {}
        self.came = 0
        founders = [self.contact() for _ in range(peers)]
        for one in founders:
            machine = Chord(one, random.Random(self.rng.random()), settings=SMALL)
            machine.create(0.0, founders)
            self.ids[one.id] = self.crowd.add(machine, one.address)
        self.crowd.run(300.0)

    def contact(self) -> Contact:
        self.came += 1
        return Contact(self.rng.getrandbits(BITS), address_of(self.came))

    def join(self) -> None:
        one, bootstrap = self.contact(), self.ids[self.rng.choice(sorted(self.ids))]
        machine = Chord(one, random.Random(self.rng.random()), settings=SMALL)
        self.crowd.add(machine, one.address)
        self.crowd.call(one.address, "join", [bootstrap])
        self.crowd.run(5.0, until=lambda: machine.member)
        self.ids[one.id] = one.address

    def leave(self) -> None:
        address = self.ids.pop(self.rng.choice(sorted(self.ids)))
        self.crowd.call(address, "leave")
        self.crowd.run(0.1)
        self.crowd.crash(address)

    def lookups(self, seconds: float) -> list[tuple[int, int, bool]]:
        """(hops, time-outs, whether it was right) of a lookup every second."""
        told = []
        end = self.crowd.now + seconds
        while self.crowd.now < end:
            self.crowd.run(1.0)
            key, living = self.rng.getrandbits(BITS), sorted(self.ids)
            done = self.find(self.ids[self.rng.choice(living)], key)
            owners = [one.id for one in done.owners]
            dead = next((i for i, one in enumerate(owners) if one in self.ids), len(owners))
            true = living[bisect.bisect_left(living, key) % len(living)]
            told.append((done.hops, done.timeouts + dead, owners[dead : dead + 1] == [true]))
        return told

    def find(self, asker: Address, key: int) -> FindDone:
        self.crowd.events(asker)
        number = self.crowd.call(asker, "find", key)
        for _ in range(2000):
            for event in self.crowd.events(asker):
                if isinstance(event, FindDone) and event.number == number:
                    return event
            self.crowd.run(0.02)
        raise AssertionError("the search does not end")


class Arrays:
    """The same with the ring of the module."""

    def __init__(self, peers: int, seed: int) -> None:
        self.ring = ChurningRing(peers, 0.0, seed=seed, settings=SMALL, jitter=0.1)
        self.join, self.leave = self.ring._join, self.ring._leave
        self.lookups(300.0)

    def lookups(self, seconds: float) -> list[tuple[int, int, bool]]:
        done = self.ring.run(seconds)
        right = [True] * (len(done.path) - done.wrong) + [False] * done.wrong
        return list(zip(done.path, done.timeouts, right, strict=True))


def lived(ring: Machines | Arrays, turns: int) -> tuple[float, float, float]:
    """Somebody comes, and ten seconds later somebody goes: means of (path, time-outs, right)."""
    told = []
    for _ in range(turns):
        ring.join()
        told += ring.lookups(10.0)
        ring.leave()
        told += ring.lookups(10.0)
    path, late, right = (fmean(column) for column in zip(*told, strict=True))
    return path, late, right


@pytest.mark.slow
def test_the_machines_do_the_same() -> None:
    """Sixty peers, and in half an hour as many have come and gone."""
    runs = [
        [lived(Arrays(60, seed), 90) for seed in range(6)],
        [lived(Machines(60, s), 90) for s in (1, 2, 3)],
    ]
    (path, late, right), (their_path, their_late, their_right) = (
        tuple(fmean(column) for column in zip(*run, strict=True)) for run in runs
    )
    assert path == pytest.approx(their_path, rel=0.04)
    assert late == pytest.approx(their_late, rel=0.2)
    assert right == pytest.approx(their_right, abs=0.008)


def test_a_ring_where_nobody_comes_or_goes_is_a_ring_at_rest() -> None:
    ring = ChurningRing(256, 0.0, seed=3)
    done = ring.run(900.0, lookups_s=2.0)
    assert done.wrong == sum(done.timeouts) == done.joins == done.departures == 0
    still = lookups(ring_of(256, 3), 4000, r=PAPER.r)  # the ring that never changes, as arrays
    assert fmean(done.path) == pytest.approx(still.path.mean(), abs=0.1)
    assert shape({peer.id: peer.successors[0].id for peer in ring.peers.values()}) is Shape.RIGHT


def test_after_a_rest_the_ring_is_right() -> None:
    ring = ChurningRing(200, 0.4, seed=4)
    ring.run(600.0)
    for peer in ring.peers.values():
        peer.preceding(peer.id)
        assert set(peer.links) == {*peer.successors, *peer.fingers.values()}  # nothing out of date
    ring.rate = 0.0
    ring.run(400.0)  # all fingers were looked up again
    assert shape({peer.id: peer.successors[0].id for peer in ring.peers.values()}) is Shape.RIGHT
    done = ring.run(600.0)
    assert done.wrong == 0
    assert fmean(done.timeouts) < 0.01
    for peer in ring.peers.values():
        assert peer.successors[0].predecessor is peer
        assert {one.id for one in peer.successors} == set(_after(ring.ids, peer.id, PAPER.r))


def _after(ids: list[int], ident: int, count: int) -> list[int]:
    at = ids.index(ident)
    return [ids[(at + i) % len(ids)] for i in range(1, count + 1)]


def test_newcomers_make_wrong_answers_and_the_peer_asked_corrects_them() -> None:
    """rate * (mean wait until its predecessor stabilises, 16.25 s) newcomers are unknown, each owning 1/n."""
    ring = ChurningRing(1000, 0.4, seed=5)
    ring.run(200.0, lookups_s=0.01)
    done = ring.run(900.0, lookups_s=20.0)
    expected = 0.4 * (30**2 + 15**2 / 3) / (2 * 30) / 1000
    assert done.wrong / len(done.path) == pytest.approx(expected, rel=0.3)
    assert done.corrected > 0.9 * done.wrong


@pytest.mark.parametrize("goodbye", [True, False])
def test_who_says_goodbye_is_forgotten_at_once(goodbye: bool) -> None:
    ring = ChurningRing(50, 0.0, seed=6, goodbye=goodbye)
    before = dict(ring.peers)
    ring._leave()
    (gone,) = set(before) - set(ring.peers)
    neighbour, following = before[gone].predecessor, before[gone].successors[0]
    assert neighbour
    assert (before[gone] in neighbour.successors) is not goodbye
    assert (following.predecessor is neighbour) is goodbye
    assert (neighbour.due == ring.now) is goodbye  # who loses its successor stabilises at once
    ring.run(60.0)
    assert neighbour.successors[0] is following  # the others find out
    assert following.predecessor is neighbour


def test_a_dead_finger_is_dropped_by_the_asker_and_tried_once() -> None:
    ring = ChurningRing(200, 0.0, seed=10, goodbye=False)
    asker = ring.peers[ring.ids[0]]
    gone = asker.fingers[max(asker.fingers)]
    gone.alive = False
    del ring.peers[gone.id]
    ring.ids.remove(gone.id)
    owners, _, timeouts = ring._walk(asker, gone.id + 1)
    assert timeouts == 1
    assert gone not in asker.fingers.values()
    assert next(one for one in owners if one.alive) is ring._owner(gone.id + 1)
    _, _, again = ring._walk(asker, gone.id + 1)
    assert again == 1  # others still name it


def test_who_is_named_and_dead_is_a_time_out() -> None:
    """Of two one is dead, and the other names it, for nothing was repaired: half of all keys, about."""
    never = dataclasses.replace(PAPER, stabilise_s=1e9, fingers_s=1e9)
    ring = ChurningRing(2, 0.0, seed=12, settings=never, goodbye=False)
    gone = ring.peers.pop(ring.ids.pop())
    gone.alive = False
    share = ((gone.id - ring.ids[0]) % 2**BITS) / 2**BITS
    done = ring.run(1000.0)
    assert set(done.timeouts) == {0, 1}
    assert fmean(done.timeouts) == pytest.approx(share, abs=0.06)
    assert done.wrong == sum(done.timeouts)


def test_a_newcomer_has_a_whole_list_from_the_start() -> None:
    ring = ChurningRing(200, 0.0, seed=11)
    before = set(ring.ids)
    ring._join()
    (ident,) = set(ring.ids) - before
    newcomer = ring.peers[ident]
    assert [one.id for one in newcomer.successors] == _after(ring.ids, ident, PAPER.r)


def test_the_fingers_age_decides_how_many_time_outs() -> None:
    late = []
    for fingers_s in (30.0, 300.0):
        ring = ChurningRing(500, 0.3, seed=7, settings=dataclasses.replace(PAPER, fingers_s=fingers_s))
        ring.run(300.0, lookups_s=0.01)
        late.append(fmean(ring.run(400.0, lookups_s=5.0).timeouts))
    assert late[1] > 2 * late[0]


def test_the_same_seed_gives_the_same_run_and_progress_is_told() -> None:
    told: list[tuple[int, int]] = []
    runs = [
        ChurningRing(100, 0.2, seed=8).run(300.0, progress=lambda done, of: told.append((done, of)))
        for _ in range(2)
    ]
    assert runs[0] == runs[1]
    assert told[-1] == (300, 300)
    assert len(told) == 200


def test_two_stay_and_what_is_refused() -> None:
    ring = ChurningRing(3, 5.0, seed=9)
    ring.run(200.0)
    assert len(ring.ids) >= 2
    for peers, rate, settings in ((1, 0.0, PAPER), (5, -1.0, PAPER), (5, 0.1, RingSettings(bits=160))):
        with pytest.raises(UsageError):
            ChurningRing(peers, rate, settings=settings)
