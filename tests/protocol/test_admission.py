"""Who gets a place, and who gives way: the counting, and a node that one key, or one host, tries to fill."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.errors import UsageError
from p2plib.identity.keys import SecretKey
from p2plib.protocol import ping
from p2plib.protocol.admission import Admission, Pending, Places, Refusal
from p2plib.protocol.node import Node
from p2plib.sim import Internet
from tests.protocol.test_in_the_internet import ALICE, listening_node


@dataclass(eq=False)
class Visitor:
    remote_id: str
    is_idle: bool = True
    used_at: float = 0.0


def fill(admission: Admission[Visitor], host: str, count: int, **what: Any) -> list[Visitor]:
    """Lets so many in, each with a key of its own."""
    guests = [Visitor(f"{host} {number}", **what) for number in range(count)]
    for guest in guests:
        assert admission.admit(guest, host) is None
    return guests


@pytest.mark.fault("F041")
def test_of_those_in_the_handshake_the_crowd_gives_way() -> None:
    pending = Pending[str](4)
    for name, host in (("a", "10.0.0.1"), ("b", "10.0.0.2"), ("c", "10.0.0.2"), ("d", "10.0.0.3")):
        assert pending.add(name, host) is None
    assert pending.add("e", "10.0.0.4") == ("b", False)
    for name in "aac":
        pending.discard(name)
    assert len(pending) == 2
    for name in "fg":
        assert pending.add(name, "10.0.0.4") is None
    assert pending.add("h", "10.0.0.1") == ("e", True)


@pytest.mark.finding("M2")
def test_one_key_has_so_many_places_whatever_its_hosts() -> None:
    admission = Admission[Visitor](Places(max_per_peer=3))
    mine = [Visitor("mallory", used_at=9.0 - number) for number in range(3)]
    for number, guest in enumerate(mine):
        assert admission.admit(guest, f"10.0.0.{number}") is None
    assert admission.admit(Visitor("mallory", is_idle=False), "10.0.0.9") is mine[2]  # idle the longest
    for guest in mine:
        guest.is_idle = False
    assert admission.admit(Visitor("mallory"), "10.0.0.9") is Refusal.TOO_MANY_OF_PEER
    assert admission.admit(Visitor("alice"), "10.0.0.9") is None
    admission.discard(mine[0])
    assert admission.admit(Visitor("mallory"), "10.0.0.9") is None
    assert len(admission) == 4


@pytest.mark.finding("M2")
def test_one_host_has_so_many_places_whatever_its_keys() -> None:
    admission = Admission[Visitor](Places(max_per_host=2))
    first, second = fill(admission, "2001:db8:1:2::1", 2)
    second.is_idle = False
    assert admission.room_for("2001:db8:1:2::2") is None
    assert admission.admit(Visitor("x", is_idle=False), "2001:db8:1:2::2") is first  # the same /64
    assert admission.room_for("2001:db8:1:2::3") is Refusal.TOO_MANY_OF_HOST
    assert admission.admit(Visitor("y"), "2001:db8:1:2::3") is Refusal.TOO_MANY_OF_HOST
    assert admission.admit(Visitor("y"), "2001:db8:1:3::3") is None


@pytest.mark.finding("M2")
def test_when_all_places_are_taken_the_largest_host_gives_way() -> None:
    admission = Admission[Visitor](Places(max_connections=6))
    crowd = fill(admission, "10.0.0.1", 4, is_idle=False)
    other = fill(admission, "10.0.0.2", 2)
    crowd[2].is_idle = True
    assert admission.admit(Visitor("a", is_idle=False), "10.0.0.3") is crowd[2]  # its only idle one
    assert admission.admit(Visitor("b", is_idle=False), "10.0.0.4") is crowd[0]  # else its oldest
    # 2, 2, 1, 1 now: no host has two more than the next one's would have.
    assert admission.admit(Visitor("c"), "10.0.0.3") is Refusal.TOO_MANY
    assert admission.room_for("10.0.0.4") is Refusal.TOO_MANY
    assert admission.room_for("10.0.0.5") is None
    assert admission.admit(Visitor("d"), "10.0.0.2") is other[0]  # its own that is idle


def test_a_host_with_one_connection_never_loses_it_to_another() -> None:
    admission = Admission[Visitor](Places(max_connections=50))
    for number in range(50):
        fill(admission, f"10.0.0.{number}", 1)
    assert admission.admit(Visitor("late"), "10.0.1.1") is Refusal.TOO_MANY


def test_there_is_at_least_one_place() -> None:
    for name in ("max_pending", "max_connections", "max_per_host", "max_per_peer"):
        with pytest.raises(UsageError, match="at least one place"):
            Places(**{name: 0})


VISIT = st.tuples(st.integers(0, 4), st.integers(0, 5), st.booleans(), st.floats(0, 100))


@pytest.mark.finding("M2")
@given(st.lists(VISIT, max_size=60))
def test_no_limit_is_ever_passed_and_a_crowd_never_grows_at_another_s_expense(visits: list[Any]) -> None:
    places = Places(max_connections=8, max_per_host=4, max_per_peer=3)
    admission, hosts = Admission[Visitor](places), dict[Visitor, int]()
    for host, peer, is_idle, used_at in visits:
        guest = Visitor(f"peer {peer}", is_idle, used_at)
        sizes = [list(hosts.values()).count(each) for each in range(5)]
        found = admission.admit(guest, f"10.0.0.{host}")
        if isinstance(found, Refusal):
            continue
        if found is not None:
            loser = hosts.pop(found)
            assert loser == host or found.remote_id == guest.remote_id or sizes[loser] >= sizes[host] + 2
        hosts[guest] = host
        assert len(admission) == len(hosts) <= 8
        assert all(list(hosts.values()).count(each) <= 4 for each in range(5))
        keys = [each.remote_id for each in hosts]
        assert all(keys.count(key) <= 3 for key in keys)


@pytest.mark.finding("M2")
@pytest.mark.parametrize("keys", [1, 64])
def test_a_host_that_fills_a_node_keeps_nobody_out(keys: int) -> None:
    """And with the idle limit switched off: for days."""

    async def main(net: Any) -> None:
        options = {"places": Places(max_connections=64), "keep_alive": None}
        async with listening_node(net, **options) as (bob, address):

            async def fill_up() -> None:
                nodes = [
                    Node(SecretKey.from_seed(bytes([9, number]) * 16), keep_alive=None)
                    for number in range(keys)
                ]
                for number in range(64):
                    await nodes[number % keys].dial(address)
                await asyncio.sleep(6 * 86_400)
                for node in nodes:
                    await node.close()

            filling = net.host("mallory").start(fill_up)
            await asyncio.sleep(60)
            assert len(bob.connections) == (8 if keys == 1 else 64)

            async def honest() -> None:
                for _ in range(5):
                    async with Node(ALICE) as alice, await alice.dial(address) as connection:
                        assert 0 < await ping.ping(connection) < 1
                    await asyncio.sleep(86_400)

            await net.host("alice").run(honest())
            await filling

    Internet(seed=1).run(main)
