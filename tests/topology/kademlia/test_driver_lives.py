"""What an owner does with a peer over its lives: calls before and after, saving, restoring, looking at it."""

from __future__ import annotations

import asyncio
import inspect
import logging
import random
import textwrap
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from p2plib.errors import Closed, DecodeError, JoinRefused, NotFound, PeerTimeout, UsageError
from p2plib.machine.addresses import Address
from p2plib.sim import Internet
from p2plib.topology.kademlia import driver
from p2plib.topology.kademlia.driver import KademliaPeer
from p2plib.topology.kademlia.parts import Mode, Settings
from p2plib.topology.kademlia.saved import decode
from p2plib.topology.kademlia.store import MAX_VALUE_BYTES, key_of
from p2plib.topology.kademlia.table import NO_LIMITS
from tests.topology.kademlia.test_driver import HERE, network

SOME = HERE  # simulated hosts have addresses of one network, too


@pytest.mark.finding("T1")
@pytest.mark.parametrize(
    "addresses",
    [[("127.0.0.1", 99_999)], [("127.0.0.1", -1)], [("127.0.0.1", "53")], [("localhost", 53)], [("::1", 9)],
     ["127.0.0.1:9"], "127.0.0.1:9", ("127.0.0.1", 9), [("127.0.0.1", 9), ("0.0.0.0", 9)]],
)  # fmt: skip
def test_what_is_no_address_of_a_peer_of_our_family_is_an_error_before_anything_is_sent(
    addresses: Any,
) -> None:
    async def main() -> None:
        async with KademliaPeer.open(1, random.Random(1), settings=HERE) as peer:
            with pytest.raises(UsageError):
                await asyncio.wait_for(peer.join(addresses), 100)
            assert peer.peer.sent == 0
            assert not peer.peer.awaited
            async with KademliaPeer.open(2, random.Random(2), settings=HERE) as other:
                await peer.join([other.address])  # it is as well as before

    asyncio.run(main())


@pytest.mark.finding("T2")
def test_after_the_block_every_call_says_so_and_the_peer_can_still_be_saved() -> None:
    async def main() -> None:
        async with KademliaPeer.open(1, random.Random(1), settings=HERE) as peer:
            pass
        calls: list[Callable[[], Awaitable[object]]] = [
            lambda: peer.join([("127.0.0.1", 9)]),
            lambda: peer.find(3),
            lambda: peer.get(3),
            lambda: peer.put(key_of(b"late"), b"late"),
            lambda: peer.leave(),
            lambda: peer.test_reachability(),
        ]
        for call in calls:
            with pytest.raises(Closed):
                await asyncio.wait_for(call(), 100)
        with pytest.raises(Closed):
            peer.forget(3)
        assert peer.save()
        assert peer.stats().address == peer.address

    asyncio.run(main())


@pytest.mark.finding("T5")
def test_a_peer_that_knows_no_other_says_join_first() -> None:
    async def main() -> None:
        async with KademliaPeer.open(1, random.Random(1), settings=HERE) as peer:
            for call in (peer.get(5), peer.find(5), peer.put(key_of(b"mine"), b"mine")):
                with pytest.raises(PeerTimeout, match="knows no other: join first"):
                    await call
            assert await peer.get(key_of(b"mine")) == b"mine"  # here it is kept

    asyncio.run(main())


@pytest.mark.finding("T5")
@pytest.mark.parametrize("room_at_home", [0, 10])
def test_a_value_that_all_others_refuse_is_kept_by_nobody(room_at_home: int) -> None:
    full = Settings(k=8, limits=NO_LIMITS, max_values=0)

    async def main(net: Internet) -> None:
        late = net.host("late")
        async with network([net.host(f"peer{number}") for number in range(5)], full) as peers:
            await late.run(program(late.address, peers[0].address))

    async def program(host: str, bootstrap: Address) -> None:
        mine = Settings(k=8, limits=NO_LIMITS, max_values=room_at_home)
        async with KademliaPeer.open(9, random.Random(1), host, settings=mine) as peer:
            await peer.join([bootstrap])
            with pytest.raises(PeerTimeout, match="no other peer keeps the value, of 6 asked"):
                await peer.put(key_of(b"no room"), b"no room")

    Internet(1).run(main)


def test_a_peer_joins_as_soon_as_its_bootstrap_is_there() -> None:
    async def main(net: Internet) -> float:
        ana, ben = net.host("ana"), net.host("ben")

        async def late() -> None:
            await asyncio.sleep(20)
            async with KademliaPeer.open(2, random.Random(2), ben.address, 4000, settings=SOME):
                await asyncio.sleep(30)

        async def program() -> float:
            async with KademliaPeer.open(1, random.Random(1), ana.address, settings=SOME) as peer:
                began = peer.peer.now()
                await peer.join([(ben.address, 4000)])
                return peer.peer.now() - began

        _, took_s = await asyncio.gather(ben.run(late()), ana.run(program()))
        return took_s

    assert 20.0 < Internet(1).run(main) < 30.0


async def again(
    net: Internet, host: Any, saved: bytes, *addresses: Address
) -> tuple[int, int, Address, bytes]:
    """What a restored peer has after joining: its id, contacts and address, and a value of another peer."""
    async with KademliaPeer.restore(saved, random.Random(5), settings=SOME) as peer:
        await peer.join(addresses)
        await asyncio.sleep(5)
        value = await peer.get(key_of(b"of another"))
        return peer.machine.own_id, len(peer.machine.table), peer.address, value


def test_a_restored_peer_is_back_without_its_bootstrap_and_publishes_what_it_had() -> None:
    async def main(net: Internet) -> None:
        hosts = [net.host(f"peer{number}") for number in range(24)]
        home = net.host("home")
        async with network(hosts, SOME) as peers:
            await peers[9].put(key_of(b"of another"), b"of another")
            with home:
                async with KademliaPeer.open(0xAB, random.Random(4), home.address, settings=SOME) as first:
                    with pytest.raises(PeerTimeout):
                        await first.put(key_of(b"its own"), b"its own")  # nobody is there yet
                    saved_alone = first.save()
                    await first.join([peers[0].address])
                    await asyncio.sleep(60)
                    assert await peers[5].get(key_of(b"its own")) == b"its own"
                    saved, knew = first.save(), len(first.machine.table)
            hosts[0].crash()  # its bootstrap
            own_id, knows, address, value = await home.run(again(net, home, saved))
            assert (own_id, address, value) == (0xAB, first.address, b"of another")
            assert knows >= knew - 1 >= 15
            for peer in peers[1:]:
                peer.machine.values._kept.pop(key_of(b"its own"), None)
            with pytest.raises(NotFound):
                await peers[5].get(key_of(b"its own"))
            await home.run(again(net, home, saved_alone, peers[1].address))
            assert await peers[5].get(key_of(b"its own")) == b"its own"

    Internet(1).run(main)


@pytest.mark.finding("T3")
def test_a_peer_that_crashed_and_is_restored_on_another_port_is_let_in_at_once() -> None:
    async def main(net: Internet) -> float:
        home = net.host("home")
        async with network([net.host(f"peer{number}") for number in range(6)], SOME) as peers:

            async def life(saved: bytes | None) -> bytes:
                if saved is None:
                    opened = KademliaPeer.open(0xAB, random.Random(4), home.address, settings=SOME)
                else:
                    opened = KademliaPeer.restore(saved, random.Random(5), port=0, settings=SOME)
                async with opened as peer:
                    await peer.join([peers[0].address])
                    joined.append(net.time)
                    await asyncio.sleep(5)
                    return peer.save()

            joined: list[float] = []
            first = await home.run(life(None))  # nobody is told that it is over, as in a crash
            began = net.time
            assert all(peer.machine.table.find(0xAB) for peer in peers)  # so all refuse at first
            second = await home.run(life(first))
            assert decode(second).bound != decode(first).bound
            return joined[1] - began

    assert Internet(1).run(main) < 15.0


def test_a_restored_peer_listens_and_is_reached_where_it_was_or_where_it_is_told_to() -> None:
    async def main() -> None:
        rng, public = random.Random(1), ("127.0.0.1", 4000)
        async with KademliaPeer.open(7, rng, "0.0.0.0", settings=HERE, public=public) as peer:
            saved, bound = peer.save(), peer.peer.bound
        async with KademliaPeer.restore(saved, rng, settings=HERE) as peer:
            assert (peer.peer.bound, peer.address, peer.machine.own_id) == (bound, public, 7)
        async with KademliaPeer.restore(saved, rng, "127.0.0.1", 0, settings=HERE) as peer:
            assert peer.address == peer.peer.bound != bound
        with pytest.raises(UsageError, match="the saved id has 160 bits, ids of these settings 8"):
            async with KademliaPeer.restore(saved, rng, settings=Settings(bits=8)):
                pass
        with pytest.raises(DecodeError):
            async with KademliaPeer.restore(saved[:-1], rng, settings=HERE):
                pass
        async with KademliaPeer.restore(saved, rng, settings=HERE) as peer:
            with pytest.raises(UsageError, match="at least one bootstrap address"):
                await peer.join()

    asyncio.run(main())


def test_where_all_are_clients_joining_says_so() -> None:
    """It said that nobody had answered."""
    clients = replace(HERE, mode=Mode.CLIENT)

    async def main() -> None:
        rng = random.Random(1)
        async with (
            KademliaPeer.open(1, rng, settings=clients) as one,
            KademliaPeer.open(2, rng, settings=clients) as other,
        ):
            with pytest.raises(JoinRefused, match="only clients answered, which serve nobody"):
                await other.join([one.address], within_s=0)

    asyncio.run(main())


def test_a_peer_that_is_restored_in_the_other_family_joins_by_the_addresses_it_is_given() -> None:
    async def main() -> None:
        rng = random.Random(1)
        async with (
            KademliaPeer.open(1, rng, settings=HERE) as other,
            KademliaPeer.open(2, rng, settings=HERE) as peer,
        ):
            await peer.join([other.address])
            saved = peer.save()
        async with (
            KademliaPeer.open(1, rng, "::1", settings=HERE) as other,
            KademliaPeer.restore(saved, rng, "::1", settings=HERE) as peer,
        ):
            assert peer.remembered == ()
            assert (await peer.join([other.address])).contacts == 1

    asyncio.run(main())


def test_what_is_too_large_for_one_value_is_published_in_chunks_as_the_module_shows() -> None:
    shown = inspect.getdoc(driver) or ""
    code = textwrap.dedent(shown[shown.index("    async def put_large") : shown.index("Rules\n")])
    names: dict[str, Any] = {
        "KademliaPeer": KademliaPeer,
        "key_of": key_of,
        "MAX_VALUE_BYTES": MAX_VALUE_BYTES,
    }
    exec(code, names)

    async def main(net: Internet) -> None:
        async with network([net.host(f"peer{number}") for number in range(12)], SOME) as peers:
            for data in (b"", b"short", random.Random(1).randbytes(50 * MAX_VALUE_BYTES)):
                key = await names["put_large"](peers[3], data)
                assert await names["get_large"](peers[8], key) == data

    Internet(1).run(main)


def test_a_new_id_is_drawn_for_the_network_it_is_for() -> None:
    drawn = {KademliaPeer.new_id(random.Random(seed), Settings(bits=8)) for seed in range(2000)}
    assert drawn == set(range(256))
    assert KademliaPeer.new_id(random.Random(1)) == random.Random(1).getrandbits(160)


def test_who_joined_and_whose_id_is_taken_can_be_read_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    async def main(net: Internet) -> None:
        async with network(
            [net.host(f"peer{number}") for number in range(3)], Settings(k=8, limits=NO_LIMITS)
        ) as peers:
            host = net.host("twin")
            with host:
                taken = peers[1].machine.own_id
                async with KademliaPeer.open(taken, random.Random(1), host.address, settings=SOME) as twin:
                    joining = asyncio.ensure_future(twin.join([peers[1].address]))
                    await asyncio.sleep(5)
                    joining.cancel()

    with caplog.at_level(logging.INFO, "p2plib"):
        Internet(1).run(main)
    assert any("has our id, or says that another has" in message for message in caplog.messages)
    joined = [record for record in caplog.records if "has joined" in record.getMessage()]
    assert len(joined) == 2
    assert {record.name for record in caplog.records if record.levelno >= logging.INFO} == {joined[0].name}
    assert joined[0].name == "p2plib.topology.kademlia.driver"


@pytest.mark.finding("T9")
def test_a_peer_that_leaves_hands_its_values_on_and_can_join_again() -> None:
    async def main(net: Internet) -> None:
        async with network([net.host(f"peer{number}") for number in range(20)], SOME) as peers:
            key = key_of(b"handed on")
            await peers[3].put(key, b"handed on")
            peers[3].forget(key)
            holders = [peer for peer in peers if key in peer.machine.values]
            for holder in holders:  # all eight, one after the other
                leaving = asyncio.ensure_future(holder.leave())
                await asyncio.sleep(0)
                with pytest.raises(UsageError, match="an earlier `leave`"):
                    await holder.leave()
                left = await leaving
                assert (left.values, left.handed_on) == (1, 1)
                assert key not in holder.machine.values
                assert holder.stats().is_client
            staying = [peer for peer in peers if peer not in holders]
            for peer in staying:
                assert await peer.get(key) == b"handed on"
            assert holders[0].machine.own_id not in [
                contact.id for contact in (await staying[0].find(holders[0].machine.own_id)).closest
            ]
            await holders[0].join([staying[0].address])
            assert not holders[0].stats().is_client
            await asyncio.sleep(5)
            found = await staying[0].find(holders[0].machine.own_id)
            assert found.closest[0].id == holders[0].machine.own_id

    Internet(1).run(main)


@pytest.mark.finding("T6")
def test_a_peer_finds_out_whether_it_is_reached_and_where_others_see_it() -> None:
    async def main(net: Internet) -> None:
        hosts = [net.host(f"peer{number}", address=f"16.{number}.0.1") for number in range(12)]
        hidden = net.host("hidden", lan=net.lan("home", nat="port-restricted cone"))
        async with network(hosts, SOME) as peers:
            await asyncio.sleep(600)  # whoever was asked a moment ago is no stranger
            assert (await peers[4].test_reachability()).is_reachable
            assert (peers[4].stats().is_reachable, peers[4].stats().outer) == (True, peers[4].address)
            auto = replace(SOME, mode=Mode.AUTO)
            with hidden:
                async with KademliaPeer.open(9, random.Random(1), hidden.address, settings=auto) as peer:
                    await peer.join([peers[0].address])
                    tested = await peer.test_reachability()
                    assert not tested.is_reachable  # of so few it has asked all, so none is a stranger
                    assert tested.outer is not None
                    assert tested.outer[0] != hidden.address
                    seen = peer.stats()
                    assert (seen.is_client, seen.outer) == (True, tested.outer)
                    assert not any(other.machine.table.find(9) for other in peers)
                    assert (await peer.put(key_of(b"from inside"), b"from inside")).copies == 8
                    assert await peers[7].get(key_of(b"from inside")) == b"from inside"

    Internet(1).run(main)
