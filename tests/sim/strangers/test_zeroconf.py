"""zeroconf in the simulated internet, as it is: a service is found on a segment, and lost again."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from p2plib.sim import Internet, Link

pytest.importorskip("zeroconf")

KIND = "_chat._tcp.local."
NAME = f"ana.{KIND}"


async def announced(ip: str, interfaces: Any, seconds: float) -> None:
    """Offer a service for some seconds, then take it back."""
    from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

    zeroconf = AsyncZeroconf(interfaces=interfaces)
    service = AsyncServiceInfo(
        KIND,
        NAME,
        addresses=[socket.inet_aton(ip)],
        port=4000,
        properties={"room": "kitchen"},
        server="ana.local.",
    )
    await (await zeroconf.async_register_service(service))
    await asyncio.sleep(seconds)
    await (await zeroconf.async_unregister_service(service))
    await zeroconf.async_close()


async def browsed(interfaces: Any, seconds: float) -> tuple[list[str], Any]:
    """Watch what comes and goes for some seconds, and resolve the first that comes."""
    from zeroconf import Zeroconf
    from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

    seen: list[str] = []
    found: list[tuple[list[str], int | None, dict[bytes, bytes | None]]] = []
    resolving: list[asyncio.Task[None]] = []

    async def resolve(zeroconf: Zeroconf) -> None:
        service = AsyncServiceInfo(KIND, NAME)
        if await service.async_request(zeroconf, 3000):
            found.append((service.parsed_addresses(), service.port, service.properties))

    def changed(zeroconf: Any, service_type: str, name: str, state_change: Any) -> None:
        seen.append(f"{state_change.name} {name}")
        if state_change.name == "Added":
            resolving.append(asyncio.ensure_future(resolve(zeroconf)))

    zeroconf = AsyncZeroconf(interfaces=interfaces)
    browser = AsyncServiceBrowser(zeroconf.zeroconf, KIND, handlers=[changed])
    await asyncio.sleep(seconds)
    await asyncio.gather(*resolving)
    await browser.async_cancel()
    await zeroconf.async_close()
    return seen, found


def run(link: Link, interfaces: str = "their address") -> tuple[Internet, Any]:
    from zeroconf import InterfaceChoice

    async def main(net: Internet) -> Any:
        home = net.lan("home", link=link)
        ana, ben = net.host("ana", lan=home), net.host("ben", lan=home)
        choice = {"all": InterfaceChoice.All, "default": InterfaceChoice.Default}
        of_ana, of_ben = (choice.get(interfaces, [host.address]) for host in (ana, ben))
        announcing = asyncio.ensure_future(ana.run(announced(ana.address, of_ana, 5)))
        await asyncio.sleep(1)
        result = await ben.run(browsed(of_ben, 10))
        await announcing
        return result

    net = Internet(seed=9, max_events=1_000_000)
    return net, net.run(main)


@pytest.mark.parametrize("interfaces", ["all", "default", "their address"])
def test_a_service_comes_is_resolved_and_goes(interfaces: str) -> None:
    net, (seen, found) = run(Link(latency=0.001), interfaces)
    assert seen == [f"Added {NAME}", f"Removed {NAME}"]
    assert found == [([net.hosts["ana"].address], 4000, {b"room": b"kitchen"})]


def test_on_a_segment_that_loses_every_tenth_packet() -> None:
    net, (seen, found) = run(Link(latency=0.001, loss=0.1))
    assert seen[0] == f"Added {NAME}"
    assert found[0][1] == 4000
    assert net.trace.dropped()["lost"] > 0


def test_the_same_seed_gives_the_same_run() -> None:
    digests = [run(Link(latency=0.001))[0].trace.digest() for _ in range(2)]
    assert digests[0] == digests[1]
