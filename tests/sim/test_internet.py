"""An internet: cuts, blocked ways, links between hosts and regions, names and addresses of hosts."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time

import pytest

from p2plib.errors import UsageError
from p2plib.sim import Internet, Link
from tests.sim.small import FAST, mailbox, pair, run


def test_a_cut_separates_until_it_heals_and_what_is_under_way_arrives() -> None:
    async def main(net: Internet) -> tuple[list[bytes], dict[str, int]]:
        ana, ben, address = await pair(net)
        third = await mailbox(net.host("cy"), 3000)
        ana.send(b"before", address)
        with net.cut([net.hosts["ana"]], [net.hosts["ben"]]):
            ana.send(b"during", address)
            await asyncio.sleep(1)
            third.send(b"from a third", address)
            await asyncio.sleep(1)
        ana.send(b"after", address)
        await asyncio.sleep(1)
        for box in (ana, ben, third):
            box.close()
        return ben.data, net.trace.dropped()

    assert run(main) == ([b"before", b"from a third", b"after"], {"cut off": 1})


@pytest.mark.fault("F096")
def test_one_way_can_fail_alone() -> None:
    async def main(net: Internet) -> tuple[list[bytes], list[bytes]]:
        ana, ben, address = await pair(net)
        net.block(net.hosts["ana"], net.hosts["ben"])
        ana.send(b"lost", address)
        ben.send(b"hello", (net.hosts["ana"].address, 1000))
        await asyncio.sleep(1)
        net.unblock(net.hosts["ana"], net.hosts["ben"])
        ana.send(b"found", address)
        await asyncio.sleep(1)
        ana.close()
        ben.close()
        return ana.data, ben.data

    assert run(main) == ([b"hello"], [b"found"])


def test_a_host_is_on_one_side_of_a_cut() -> None:
    net = Internet()
    ana = net.host("ana")
    with pytest.raises(UsageError, match="is in two"):
        net.cut([ana], [ana])


def test_links_are_set_between_hosts_and_between_regions() -> None:
    async def main(net: Internet) -> dict[str, float]:
        here = await mailbox(net.host("here", region="eu"), 5000)
        regions = {"near": "eu", "far": "us", "friend": "us"}
        boxes = {name: await mailbox(net.host(name, region=region), 5000) for name, region in regions.items()}
        net.set_link("eu", "us", Link(latency=0.5))
        net.set_link(net.hosts["here"], net.hosts["friend"], Link(latency=0.2))
        for name in boxes:
            here.send(name.encode(), (net.hosts[name].address, 5000))
        await asyncio.sleep(2)
        for box in (here, *boxes.values()):
            box.close()
        return {name: box.got[0][0] for name, box in boxes.items()}

    assert run(main) == {"near": 0.01, "far": 0.5, "friend": 0.2}


def test_a_name_and_an_address_belong_to_one_host() -> None:
    net = Internet()
    net.host("ana", address="203.0.113.5")
    for bad in ({"name": "ana"}, {"name": "ben", "address": "203.0.113.5"}, {"name": ""}):
        with pytest.raises(UsageError):
            net.host(**bad)  # type: ignore[arg-type]
    assert net.host("cy").address.startswith("198.18.0.")


def test_what_runs_is_an_async_function() -> None:
    for wrong in ("main", lambda net: None):
        with pytest.raises(UsageError, match=r"async def main\(net\)"):
            Internet().run(wrong)  # type: ignore[arg-type]


def test_a_link_set_both_ways_is_one_and_what_is_sent_is_counted() -> None:
    async def main(net: Internet) -> list[float]:
        ana, ben, address = await pair(net)
        net.set_link(net.hosts["ana"], net.hosts["ben"], Link(latency=0.2))
        ana.send(b"hello", address)
        await asyncio.sleep(1)
        ben.send(b"back", (net.hosts["ana"].address, 1000))
        await asyncio.sleep(1)
        ana.close()
        ben.close()
        return [ben.got[0][0], round(ana.got[0][0] - 1, 9)]

    net = Internet(link=FAST)
    assert net.run(main) == [0.2, 0.2]
    counted = {who: (sums.packets, sums.size_bytes) for who, sums in net.trace.sent().items()}
    assert counted == {("ana", "udp"): (1, 5), ("ben", "udp"): (1, 4)}


def test_it_runs_in_a_loop_that_runs_already_and_without_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_threads(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")  # what a browser's Python says

    async def inner(net: Internet) -> tuple[float, bool]:
        await asyncio.sleep(100)
        return net.time, asyncio.get_running_loop() is net.loop

    async def outer() -> list[object]:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        result = Internet().run(inner)
        same = asyncio.get_running_loop() is loop and asyncio.current_task() is task
        await asyncio.sleep(0)
        return [*result, same]

    monkeypatch.setattr(threading.Thread, "start", no_threads)
    assert asyncio.run(outer()) == [100.0, True, True]


def test_an_internet_runs_inside_another_and_the_outer_one_goes_on() -> None:
    async def inner(net: Internet) -> float:
        await asyncio.sleep(5)
        return time.monotonic()

    async def main(net: Internet) -> list[float]:
        await asyncio.sleep(1)
        seen = [time.monotonic(), Internet().run(inner), time.monotonic()]
        await asyncio.sleep(1)
        return [*seen, net.time]

    assert run(main) == [1.0, 5.0, 1.0, 2.0]


@pytest.mark.parametrize("loop_runs_already", [True, False])
def test_ctrl_c_ends_a_run_at_once_and_programs_clean_up(loop_runs_already: bool) -> None:
    seen: list[str] = []

    async def program() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            seen.append("cleaned up")

    async def main(net: Internet) -> None:
        net.host("ana").start(program)
        await asyncio.sleep(3)
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.sleep(1e9)

    async def outer(net: Internet) -> None:
        net.run(main)

    net, handler = Internet(), signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        asyncio.run(outer(net)) if loop_runs_already else net.run(main)
    assert (net.time, seen) == (3.0, ["cleaned up"])
    assert signal.getsignal(signal.SIGINT) is handler


def test_an_address_is_one_however_it_is_written() -> None:
    net = Internet()
    with pytest.raises(UsageError, match="must be an IP address, not 'nonsense'"):
        net.host("ana", address="nonsense")
    assert net.host("ben", address=["198.18.0.9", "2001:DB8:0::9"]).addresses == ("198.18.0.9", "2001:db8::9")


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "127.0.0.2", "::1", "224.0.0.1", "255.255.255.255"])
def test_an_address_that_is_not_of_a_single_machine_is_no_hosts(address: str) -> None:
    with pytest.raises(UsageError, match="single machine"):
        Internet().host("ana", address=address)


@pytest.mark.parametrize("name", ["localhost", "LocalHost.", "192.0.2.1", "::1"])
def test_a_name_that_stands_for_an_address_already_is_no_hosts(name: str) -> None:
    with pytest.raises(UsageError, match="no host would be found by the name"):
        Internet().host(name)


def test_a_host_that_could_not_be_made_leaves_its_name_free() -> None:
    net = Internet()
    with pytest.raises(UsageError, match="bandwidth"):
        net.host("ana", upload_bytes_per_s=-1)
    assert net.host("ana").name == "ana"
