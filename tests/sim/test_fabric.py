"""Packets on their way through NATs and cuts. What a NAT does by itself is in tests/sim/nat."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from p2plib.errors import UsageError
from p2plib.sim import Host, Internet, Link
from p2plib.sim.nat.behaviour import PRESETS, Way, can_connect
from tests.sim.small import Mailbox, mailbox

FAST = Link(latency=0.01)


def run(main: Callable[[Internet], Any], **named: Any) -> Any:
    return Internet(seed=3, link=FAST, **named).run(main)


async def seen_from_outside(host: Host, box: Mailbox, server: Mailbox) -> Any:
    """Ask a server under which address it sees us, as STUN does."""
    box.send(host.name.encode(), (server.transport.host.address, 3478))
    await asyncio.sleep(1)
    return next(addr for _, data, addr in reversed(server.got) if data == host.name.encode())


@pytest.mark.parametrize("here", PRESETS)
@pytest.mark.parametrize("there", PRESETS)
def test_hole_punching_works_where_theory_says_so(here: str, there: str) -> None:
    async def main(net: Internet) -> bool:
        stun = await mailbox(net.host("stun"), 3478, echo=True)
        lans = net.lan("here", nat=here), net.lan("there", nat=there)
        hosts = [net.host(name, lan=lan) for name, lan in zip(("ana", "ben"), lans, strict=True)]
        boxes = [await mailbox(host, 4000) for host in hosts]
        seen = [await seen_from_outside(host, box, stun) for host, box in zip(hosts, boxes, strict=True)]
        for _ in range(3):
            boxes[0].send(b"punch", seen[1])
            boxes[1].send(b"punch", seen[0])
            await asyncio.sleep(1)
        for box in boxes:  # answer whoever was heard, at the address that it was heard from
            for _, data, addr in list(box.got):
                if data == b"punch":
                    box.send(b"answer", addr)
        await asyncio.sleep(1)
        for box in (stun, *boxes):
            box.close()
        return all({b"punch", b"answer"} & set(box.data) for box in boxes)

    assert run(main) == (can_connect(PRESETS[here], PRESETS[there]) is not Way.RELAY)


def test_a_host_behind_two_nats_reaches_out_and_is_answered_and_the_trace_shows_both_ends() -> None:
    async def main(net: Internet) -> Any:
        server = await mailbox(net.host("server"), 53, echo=True)
        carrier = net.lan("carrier", nat="carrier-grade")
        home = net.lan("home", behind=carrier)
        ana = net.host("ana", lan=home)
        box = await mailbox(ana, 4000)
        box.send(b"hello", (net.hosts["server"].address, 53))
        box.send(b"nobody", ("203.0.113.77", 53))
        await asyncio.sleep(1)
        box.close()
        server.close()
        return ana.address, server.got[0][2][0], box.got[0][1:], list(net.trace)

    address, seen, answer, packets = run(main)
    assert address.startswith("192.168.")
    assert seen.startswith("198.18.")
    assert answer == (b"hello", ("198.18.0.1", 53))
    out, lost, back = packets
    assert (out.source, out.seen_source[0], out.destination) == ((address, 4000), seen, ("198.18.0.1", 53))
    assert (back.receiver, back.destination[0], back.seen_destination) == ("ana", seen, (address, 4000))
    assert (lost.fate, lost.receiver) == ("no such host", "")
    assert 0.01 < out.arrives_s - out.sent_s < 0.013


def test_an_unasked_packet_is_refused_by_the_nat_and_two_behind_one_nat_meet_by_hairpin() -> None:
    async def main(net: Internet) -> Any:
        stun = await mailbox(net.host("stun"), 3478, echo=True)
        home = net.lan("home", nat="full cone")
        ana, ben = net.host("ana", lan=home), net.host("ben", lan=home)
        boxes = [await mailbox(host, 4000) for host in (ana, ben)]
        stun.send(b"unasked", (home.gateway.nat.external[0], 4000))
        await asyncio.sleep(1)
        seen = await seen_from_outside(ben, boxes[1], stun)
        boxes[0].send(b"by hairpin", seen)
        boxes[0].send(b"straight", (ben.address, 4000))
        await asyncio.sleep(1)
        for box in (stun, *boxes):
            box.close()
        return boxes[1].data, net.trace.dropped()

    data, dropped = run(main)
    assert sorted(data) == [b"ben", b"by hairpin", b"straight"]
    assert dropped == {"no mapping": 1}


@pytest.mark.fault("F086")
def test_a_mapping_expires_and_a_keepalive_keeps_it() -> None:
    async def main(net: Internet) -> list[bytes]:
        server = await mailbox(net.host("server"), 1)
        ana = net.host("ana", lan=net.lan("home"))
        box = await mailbox(ana, 2)
        box.send(b"hello", (net.hosts["server"].address, 1))
        await asyncio.sleep(100)
        back = server.got[0][2]
        server.send(b"after 100 s", back)
        box.send(b"keepalive", (net.hosts["server"].address, 1))
        await asyncio.sleep(119)
        server.send(b"after 219 s", back)
        await asyncio.sleep(121)
        server.send(b"after 340 s", back)
        await asyncio.sleep(1)
        box.close()
        server.close()
        return box.data

    assert run(main) == [b"after 100 s", b"after 219 s"]


def test_a_cut_is_between_hosts_whatever_nats_lie_between() -> None:
    async def main(net: Internet) -> Any:
        server = await mailbox(net.host("server"), 1, echo=True)
        ana = net.host("ana", lan=net.lan("home"))
        box = await mailbox(ana, 2)
        box.send(b"one", (net.hosts["server"].address, 1))
        await asyncio.sleep(1)
        net.block(net.hosts["server"], ana)
        box.send(b"two", (net.hosts["server"].address, 1))
        await asyncio.sleep(1)
        box.close()
        server.close()
        return server.data, box.data, net.trace.dropped()

    assert run(main) == ([b"one", b"two"], [b"one"], {"cut off": 1})


def test_the_trace_knows_when_a_packet_arrived_behind_a_nat_or_a_download() -> None:
    async def main(net: Internet) -> Any:
        server = await mailbox(net.host("server"), 53, echo=True)
        slow = net.host("slow", lan=net.lan("home"), download_bytes_per_s=1000.0)
        box = await mailbox(slow, 4000)
        for address in (net.hosts["server"].address, slow.address):
            box.send(bytes(72), (address, 53 if address != slow.address else 4000))  # 100 bytes with headers
        await asyncio.sleep(1)
        box.close()
        server.close()
        arrived = [packet.arrives_s for packet in net.trace if packet.receiver == "slow"]
        return sorted(arrived), sorted(at for at, _, _ in box.got)

    in_trace, heard = run(main)
    assert in_trace == heard
    assert heard == pytest.approx([0.000_02, 0.010_5 + 0.010_5 + 0.1]), "the host itself has no download"


def test_a_nats_address_that_another_host_got_leads_to_that_host() -> None:
    async def main(net: Internet) -> Any:
        server = await mailbox(net.host("server"), 53)
        home = net.lan("home", nat="full cone")
        boxes = []
        for name in ("ana", "ben"):
            boxes.append(await mailbox(net.host(name, lan=home), 4000))
            boxes[-1].send(b"hello", (net.hosts["server"].address, 53))
            await asyncio.sleep(1)
            server.send(name.encode(), server.got[-1][2])
            await asyncio.sleep(1000)  # longer than a NAT remembers
        for box in (server, *boxes):
            box.close()
        return [box.data for box in boxes], [addr for _, _, addr in server.got]

    data, seen = run(main)
    assert seen[0] == seen[1], "it gave the address again"
    assert data == [[b"ana"], [b"ben"]]


def test_a_nat_that_does_not_exist_is_told_with_those_that_do() -> None:
    with pytest.raises(UsageError, match="full cone, restricted cone"):
        Internet().lan("home", nat="conical")
