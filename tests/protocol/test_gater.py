"""Who may come at all: the lists, and a node that is asked at its three points."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from p2plib.errors import DecodeError, NotAllowed, P2PError, UsageError
from p2plib.identity import ids
from p2plib.identity.keys import SecretKey
from p2plib.protocol import ping
from p2plib.protocol.endpoints import endpoint
from p2plib.protocol.gater import AllowList, DenyList, Gater, HostSet
from p2plib.protocol.node import Node
from p2plib.sim import Internet
from tests.protocol.nodes import ALICE, BOB, CAROL, two_nodes

ALICE_ID, BOB_ID, CAROL_ID = (ids.peer_id(key.public) for key in (ALICE, BOB, CAROL))


def test_hosts_and_networks_of_them() -> None:
    hosts = HostSet(["192.0.2.1", "10.0.0.0/8", "2001:db8::/32"])
    assert len(hosts) == 3
    for host in ("192.0.2.1", "10.255.0.1", "2001:db8:1::1", "::ffff:192.0.2.1"):
        assert host in hosts
    for host in ("192.0.2.2", "11.0.0.1", "2001:db9::1", "localhost", "", "fe80::1%eth0"):
        assert host not in hosts
    hosts.discard("10.0.0.0/8")
    hosts.add("fe80::/10")
    assert "10.255.0.1" not in hosts
    assert "fe80::1%eth0" in hosts
    mapped = HostSet(["::ffff:192.0.2.1", "::ffff:10.0.0.0/104"])  # IPv4 within IPv6 counts as itself
    for host in ("192.0.2.1", "::ffff:192.0.2.1", "10.255.0.1"):
        assert host in mapped
    assert "192.0.2.2" not in mapped
    mapped.discard("192.0.2.1")
    assert "::ffff:192.0.2.1" not in mapped
    for wrong in ("localhost", "10.0.0.1/8", "300.0.0.1", ""):
        with pytest.raises(UsageError, match="IP addresses or networks"):
            hosts.add(wrong)


def test_a_gater_allows_everybody() -> None:
    gater = Gater()
    assert gater.allows_dial(endpoint("/ip4/192.0.2.1/tcp/1"))
    assert gater.allows_accept("192.0.2.1")
    assert gater.allows_peer(ALICE_ID, "192.0.2.1")


def test_an_allow_list() -> None:
    some = AllowList(peers=[ids.did_key(ALICE.public)], hosts=["192.0.2.0/24"])  # an id in any form
    assert some.allows_dial(endpoint(f"/ip4/192.0.2.1/tcp/1/p2p/{ALICE_ID}"))
    assert some.allows_dial(endpoint("/ip4/192.0.2.1/tcp/1"))  # whose it is, only the handshake can say
    assert some.allows_dial(endpoint("/dns/a.example/tcp/1"))  # where it is, only the look-up
    assert not some.allows_dial(endpoint(f"/ip4/192.0.2.1/tcp/1/p2p/{BOB_ID}"))
    assert not some.allows_dial(endpoint("/ip4/203.0.113.1/tcp/1"))
    assert some.allows_accept("192.0.2.9")
    assert not some.allows_accept("203.0.113.1")
    assert some.allows_peer(ALICE_ID, "192.0.2.1")
    assert not some.allows_peer(BOB_ID, "192.0.2.1")
    assert not some.allows_peer(ALICE_ID, "203.0.113.1")
    assert not AllowList(peers=[]).allows_peer(ALICE_ID, "192.0.2.1")
    assert AllowList().allows_peer(ALICE_ID, "192.0.2.1")
    with pytest.raises(DecodeError):
        AllowList(peers=["nobody"])


def test_a_deny_list() -> None:
    most = DenyList(peers=[ALICE_ID], hosts=["192.0.2.0/24"])
    assert not most.allows_dial(endpoint(f"/ip4/203.0.113.1/tcp/1/p2p/{ALICE_ID}"))
    assert not most.allows_dial(endpoint("/ip4/192.0.2.1/tcp/1"))
    assert most.allows_dial(endpoint(f"/ip4/203.0.113.1/tcp/1/p2p/{BOB_ID}"))
    assert not most.allows_accept("192.0.2.9")
    assert most.allows_accept("203.0.113.1")
    assert not most.allows_peer(ALICE_ID, "203.0.113.1")
    assert not most.allows_peer(BOB_ID, "192.0.2.1")
    assert most.allows_peer(BOB_ID, "203.0.113.1")


@pytest.mark.finding("M3")
def test_a_node_that_dials_asks_its_gater() -> None:
    async def main() -> None:
        async with two_nodes() as (_, bob):
            address = bob.addresses[0]
            nameless = str(address).partition("/p2p/")[0]
            async with Node(CAROL, gater=DenyList(peers=[BOB_ID])) as carol:
                with pytest.raises(NotAllowed, match="does not let us dial"):
                    await carol.dial(address)
                with pytest.raises(NotAllowed, match="does not let us keep"):  # after the handshake
                    await carol.dial(nameless)
                assert not carol.connections
            async with Node(CAROL, gater=AllowList(hosts=["192.0.2.0/24"])) as carol:
                with pytest.raises(NotAllowed, match="does not let us dial"):
                    await carol.dial(nameless)
                with pytest.raises(NotAllowed, match="does not let us keep"):  # after the look-up
                    await carol.dial(nameless.replace("ip4/127.0.0.1", "dns4/localhost"))
            async with Node(CAROL, gater=AllowList(peers=[BOB_ID], hosts=["127.0.0.1"])) as carol:
                assert await ping.ping(await carol.dial(address)) > 0

    asyncio.run(main())


@pytest.mark.finding("M3")
def test_a_node_that_is_called_asks_its_gater() -> None:
    async def visit(address: Any, secret: SecretKey) -> str:
        try:
            async with Node(secret) as node, await node.dial(address) as connection:
                await ping.ping(connection)
                return "in"
        except P2PError:
            return "out"

    async def main(net: Any) -> None:
        host, mallory = net.host("bob"), net.host("mallory")
        with host:
            gater = AllowList(peers=[ALICE_ID])
            bob = Node(BOB, gater=gater)
            address = await bob.listen(f"/ip4/{host.address}/tcp/4001")
        ana = net.host("ana")
        assert await ana.run(visit(address, ALICE)) == "in"
        assert await ana.run(visit(address, CAROL)) == "out"
        assert bob.given_up == {"not allowed": 1}
        assert bob.gater.allows_accept(mallory.address)
        bob.gater = DenyList(hosts=[mallory.address])
        assert await ana.run(visit(address, CAROL)) == "in"
        assert await mallory.run(visit(address, CAROL)) == "out"
        assert bob.given_up == {"not allowed": 2}
        assert bob.scores.score(mallory.address, net.time) == 0.0
        await bob.close()

    Internet(seed=1).run(main)
