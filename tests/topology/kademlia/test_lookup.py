"""Lookups without messages: against a static network of routing tables, against liars, and by hand."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.errors import UsageError
from p2plib.machine.addresses import Contact
from p2plib.population.machines import address_of
from p2plib.topology.kademlia.lookup import Lookup
from p2plib.topology.kademlia.table import RoutingTable, closest_first

BITS = 32


def contact(ident: int) -> Contact:
    return Contact(ident, (f"20.{ident >> 16 & 255}.{ident >> 8 & 255}.{ident & 255}", 1024 + ident % 60_000))


def ids(contacts: list[Contact]) -> list[int]:
    return [peer.id for peer in contacts]


class World:
    """Static peers with full tables, dead ones among them."""

    def __init__(self, n: int, k: int, seed: int = 1, dead: float = 0.0) -> None:
        rng = random.Random(seed)
        idents = rng.sample(range(1 << BITS), n)
        self.contacts = [Contact(ident, address_of(i)) for i, ident in enumerate(idents)]
        self.dead = {peer.id for peer in self.contacts[1:] if rng.random() < dead}
        self.tables = {peer.id: RoutingTable(peer.id, bits=BITS, k=k) for peer in self.contacts}
        for table in self.tables.values():
            for peer in rng.sample(self.contacts, n):
                table.answered(peer, 0.0)

    def run(self, lookup: Lookup, named: Callable[[Contact], list[Contact]] | None = None) -> int:
        """Answers everything, in the order of asking; returns the greatest number under way at once."""
        under_way, most = lookup.next(), 0
        while under_way:
            most = max(most, len(under_way))
            asked = under_way.pop(0)
            if asked.id in self.dead or asked.id not in self.tables:
                lookup.failed(asked.id)
            else:
                table = self.tables[asked.id]
                lookup.answered(asked, named(asked) if named else table.closest(lookup.target, lookup.k))
            under_way += lookup.next()
        assert lookup.done
        return most

    def living(self, target: int, count: int) -> list[Contact]:
        return closest_first(target, [peer for peer in self.contacts if peer.id not in self.dead])[:count]

    def lookup(self, target: int, **how: int) -> Lookup:
        own = self.contacts[0]
        k = how.get("k", 8)
        return Lookup(target, self.tables[own.id].closest(target, k), own_id=own.id, **{"k": k, **how})  # type: ignore[arg-type]


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("dead", [0.0, 0.3])
def test_it_finds_the_nearest_that_live(strict: bool, dead: float) -> None:
    world, rng = World(300, 8, dead=dead), random.Random(2)
    exact = 0
    for _ in range(60):
        target = rng.getrandbits(BITS)
        lookup = world.lookup(target, strict=strict)
        most = world.run(lookup)
        assert most <= 8 if strict else most <= 3
        assert lookup.queries <= 32
        expected = [peer for peer in world.living(target, 9) if peer.id != world.contacts[0].id][:8]
        exact += lookup.closest[: 3 if dead else 8] == expected[: 3 if dead else 8]
    assert exact >= (54 if dead else 60)  # the dead take places in answers that name eight


def test_rounds_of_a_strict_lookup_by_hand() -> None:
    """Section 2.3: alpha at a time; when a round brings nobody nearer, all that are left of the k nearest."""
    seeds = [contact(ident) for ident in (16, 17, 18, 19, 20)]
    lookup = Lookup(0, seeds, k=5, alpha=2, strict=True)
    assert ids(lookup.next()) == [16, 17]
    assert lookup.answered(seeds[0], [contact(8)])
    assert lookup.next() == []  # the round is not over
    assert lookup.answered(seeds[1])
    assert ids(lookup.next()) == [8, 18]
    assert lookup.answered(contact(8))
    assert lookup.answered(seeds[2])
    assert ids(lookup.next()) == [19]  # one is left: 20 is the sixth
    assert lookup.answered(seeds[3])
    assert lookup.next() == []
    assert lookup.done
    assert (lookup.rounds, lookup.queries, lookup.failures) == (3, 5, 0)
    assert ids(lookup.closest) == [8, 16, 17, 18, 19]


def test_all_that_are_left_are_asked_at_once() -> None:
    seeds = [contact(ident) for ident in range(16, 24)]
    lookup = Lookup(0, seeds, k=8, alpha=2, strict=True)
    for peer in lookup.next():
        lookup.answered(peer)
    assert ids(lookup.next()) == [18, 19, 20, 21, 22, 23]


def test_a_loose_lookup_does_not_wait_for_the_slow() -> None:
    seeds = [contact(ident) for ident in range(16, 24)]
    lookup = Lookup(0, seeds, k=8, alpha=3)
    assert ids(lookup.next()) == [16, 17, 18]
    lookup.answered(seeds[2], [contact(1)])
    assert ids(lookup.next()) == [1]
    lookup.failed(16)
    assert ids(lookup.next()) == [19]


def test_a_late_answer_still_counts() -> None:
    peer, other = contact(16), contact(17)
    lookup = Lookup(0, [peer, other], k=2, alpha=2)
    lookup.next()
    lookup.failed(16)
    assert lookup.answered(peer, [contact(3)])
    assert not lookup.answered(peer)
    assert not lookup.answered(contact(99))
    assert [asked.id for asked in lookup.next()] == [3]
    assert lookup.closest == [peer]


@pytest.mark.fault("F075")
@pytest.mark.parametrize("paths", [1, 3])
def test_a_chain_of_invented_nearer_peers_ends(paths: int) -> None:
    """Every answer names ever nearer peers, which answer too: the liar has all the addresses of the world."""
    target, asked = 0, 0
    lookup = Lookup(target, [contact(ident) for ident in range(2**30, 2**30 + 8)], k=8, paths=paths)
    under_way = lookup.next()
    while under_way:
        peer = under_way.pop()
        asked += 1
        assert asked <= 4 * 8 * paths
        lookup.answered(peer, [contact(max(1, peer.id - 7919 * i - i)) for i in range(1, 1000)])
        under_way += lookup.next()
    assert lookup.done
    assert all(len(path.candidates) <= 24 for path in lookup.paths)


@pytest.mark.fault("F075")
def test_one_address_is_one_peer_whatever_ids_it_invents() -> None:
    seed, liar = contact(2**20), ("192.0.2.66", 4000)
    lookup = Lookup(0, [seed], k=8)
    lookup.next()
    lookup.answered(seed, [Contact(ident, liar) for ident in range(1, 8)])
    assert ids(lookup.next()) == [1]
    lookup.failed(1)  # nobody of that id lives there; then the address is free for its true id
    lookup.answered(seed)
    assert lookup.next() == []


def test_an_id_that_is_too_long_is_ignored() -> None:
    seed, longest = contact(2**15), contact(2**16 - 1)
    lookup = Lookup(0, [seed], bits=16, k=8)
    lookup.next()
    lookup.answered(seed, [contact(2**16), longest, contact(2**200 + 1)])
    assert lookup.next() == [longest]


@pytest.mark.fault("F075")
def test_an_invented_id_does_not_hide_who_lives_at_its_address() -> None:
    first, liar, honest = contact(2**20), contact(2**20 + 1), contact(5)
    lookup = Lookup(0, [first, liar], k=8, alpha=1)
    assert lookup.next() == [first]
    lookup.answered(first, [Contact(1, honest.address)])
    assert ids(lookup.next()) == [1]
    lookup.failed(1)  # honest answered, under its own id
    assert lookup.next() == [liar]
    lookup.answered(liar, [honest])
    assert lookup.next() == [honest]


def test_paths_are_disjoint_and_each_finds_its_way() -> None:
    world, rng = World(300, 8), random.Random(3)
    for _ in range(20):
        target = rng.getrandbits(BITS)
        lookup = world.lookup(target, paths=4, alpha=1)
        world.run(lookup)
        assert lookup.queries == len(lookup._path_of) == len(lookup.state)  # nobody was asked twice
        assert all(path.asked for path in lookup.paths)
        nearest = next(peer for peer in world.living(target, 2) if peer.id != world.contacts[0].id)
        assert lookup.closest[0] == nearest


@pytest.mark.fault("F075")
def test_disjoint_paths_get_past_liars() -> None:
    """A fifth of all peers name only invented ones; 4 paths find far more often who has the value."""
    found, world = {}, World(300, 8, seed=5)
    liars = {peer.id for peer in world.contacts[1:] if random.Random(peer.id).random() < 0.2}
    for paths in (1, 4):
        rng, hits = random.Random(4), 0
        for _ in range(60):
            target = rng.getrandbits(BITS)

            def named(peer: Contact, target: int = target) -> list[Contact]:
                if peer.id in liars:
                    return [contact(target ^ i) for i in range(1, 9)]  # nobody is there
                return world.tables[peer.id].closest(target, 8)

            honest = next(peer for peer in world.living(target, 9) if peer.id not in liars)
            lookup = world.lookup(target, paths=paths, alpha=1, max_queries=6)
            world.run(lookup, named)
            hits += honest in lookup.closest or honest.id == world.contacts[0].id
        found[paths] = hits
    assert found[1] < 40
    assert found[4] > 54


def test_who_was_asked_by_another_path_is_none_of_a_paths_own_k() -> None:
    seeds = [contact(16), contact(17)]
    lookup = Lookup(0, seeds, k=2, alpha=1, paths=2)
    assert lookup.next() == seeds
    lookup.answered(seeds[0], [seeds[1], contact(18)])
    assert ids(lookup.next()) == [18]


@given(
    st.lists(st.integers(0, 40), max_size=12), st.integers(1, 4), st.integers(1, 4), st.booleans(), st.data()
)
def test_it_ends_and_never_asks_twice(
    seeds: list[int], k: int, alpha: int, strict: bool, data: st.DataObject
) -> None:
    """Whatever comes back, in whatever order."""
    lookup = Lookup(7, map(contact, seeds), own_id=3, k=k, alpha=alpha, strict=strict)
    asked, under_way = [], lookup.next()
    while under_way:
        peer = under_way.pop(data.draw(st.integers(0, len(under_way) - 1)))
        asked.append(peer.id)
        if data.draw(st.booleans()):
            lookup.answered(peer, map(contact, data.draw(st.lists(st.integers(0, 40), max_size=6))))
        else:
            lookup.failed(peer.id)
        under_way += lookup.next()
    assert lookup.done
    assert len(asked) == len(set(asked)) == lookup.queries <= 4 * k
    assert 3 not in asked
    assert len(lookup.closest) <= k


def test_an_answer_names_at_most_k() -> None:
    seed = contact(50)
    lookup = Lookup(0, [seed], k=2, alpha=9)
    lookup.next()
    lookup.answered(seed, [contact(40), contact(41), contact(1)])
    assert ids(lookup.next()) == [40, 41]
    with pytest.raises(UsageError):
        Lookup(0, [], k=0)


def test_slow_ones_do_not_count_until_they_answer_or_fail() -> None:
    peers = [contact(ident) for ident in range(1, 9)]
    lookup = Lookup(0, peers, k=8, alpha=2)
    assert lookup.next() == peers[:2]
    lookup.slow()
    assert lookup.next() == peers[2:4]
    assert lookup.next() == []
    lookup.answered(peers[0])
    assert lookup.next() == []  # a slow one has answered: still two are under way
    lookup.answered(peers[2])
    assert lookup.next() == peers[4:5]
    lookup.failed(peers[1].id)
    lookup.failed(peers[3].id)
    assert lookup.next() == peers[5:6]


@pytest.mark.finding("T7", "T8")
def test_what_a_liar_names_is_asked_only_where_a_peer_can_be() -> None:
    hosts = ["127.0.0.1", "0.0.0.0", "255.255.255.255", "224.0.0.1", "169.254.1.1", "10.0.5.1", "192.168.0.1"]
    hosts += ["::1", "::", "fe80::1", "ff02::1", "fd00::1", "2001:db8::1"]
    named = [Contact(ident, (host, 4000)) for ident, host in enumerate(hosts, 1)]
    named += [Contact(100, ("198.51.100.1", 53)), Contact(101, ("198.51.100.1", 4000))]
    seed = Contact(2**20, ("192.0.2.1", 4000))
    lookup = Lookup(0, [seed], k=len(named))
    lookup.next()
    lookup.answered(seed, named)
    assert lookup.next() == [Contact(101, ("198.51.100.1", 4000))]


@pytest.mark.finding("T8")
def test_on_one_machine_or_site_peers_name_each_other() -> None:
    for host in ("127.0.0.1", "10.0.0.1", "::1", "fd00::1"):
        seed, other = Contact(8, (host, 4000)), Contact(1, (host, 4001))
        lookup = Lookup(0, [seed])
        lookup.next()
        lookup.answered(seed, [other])
        assert lookup.next() == [other]


@pytest.mark.finding("T3")
@pytest.mark.parametrize("is_named_late", [False, True])
def test_a_peer_that_is_gone_from_one_address_is_asked_at_the_other(is_named_late: bool) -> None:
    """Some still name the address that it had before it was restarted, others the new one."""
    seeds, old, new = [contact(16), contact(17)], contact(1), Contact(1, ("20.9.9.9", 4000))
    lookup = Lookup(0, seeds, alpha=1)
    assert lookup.next() == seeds[:1]
    lookup.answered(seeds[0], [old])
    assert lookup.next() == [old]
    if is_named_late:
        lookup.failed(1)
        assert lookup.next() == seeds[1:]
        lookup.answered(seeds[1], [new])
    else:
        lookup.alpha = 2
        assert lookup.next() == seeds[1:]
        lookup.answered(seeds[1], [new, old])
        assert lookup.next() == []
        lookup.failed(1)
    assert lookup.next() == [new]
    lookup.answered(old)  # late, and the end of it
    assert lookup.closest[0] == old
    assert not lookup.answered(new)
    assert lookup.next() == []
    assert lookup.done
