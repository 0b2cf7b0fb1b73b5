"""The conformance suite of all sources over this one, in the simulated internet and on real sockets."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from p2plib.discovery.conformance import check_source
from p2plib.discovery.dns.machine import Asked
from p2plib.discovery.dns.server import DnsServer
from p2plib.discovery.dns.source import LEASE_S, DnsSource
from p2plib.discovery.dns.zone import MAX_RECORDS, REFUSED, ZoneAnswer
from p2plib.discovery.worlds import Member, World
from p2plib.machine.addresses import Address
from p2plib.sim import Internet
from tests.discovery.dns.world import KEY, a_zone, record, served, service


def a_source(server: DnsServer, number: int, **options: Any) -> DnsSource:
    return DnsSource("p2p.test", server.address, random.Random(number), key=KEY, **options)


def tell(server: DnsServer, topic: bytes, addresses: Sequence[Address]) -> None:
    """Puts addresses, true or not, into the zone: its owner can, and so can a holder of a key."""
    for number, (host, port) in enumerate(addresses[: MAX_RECORDS - 1]):
        target = f"h{number}-{host.replace('.', '-')}.p2p.test"
        server.zone.add(service(f"{topic.hex()}.p2p.test", port, target), 0.0)
        server.zone.add(record(target, host), 0.0)


def refuse(server: DnsServer) -> None:
    machine = server.peer.machine
    machine.keys = ()
    machine.zone.answer = lambda question, now: ZoneAnswer(REFUSED)  # type: ignore[method-assign]


def simulated() -> list[str]:
    """Runs the suite in an internet of its own; returns the checks that were skipped."""

    async def main(net: Internet) -> list[str]:
        worlds = 0

        @asynccontextmanager
        async def make_world() -> AsyncIterator[World]:
            nonlocal worlds
            worlds += 1
            there, *hosts = [net.host(f"{what}-{worlds}") for what in ("server", "ana", "ben")]
            askers: list[Address] = []

            def heard(event: Any) -> None:
                if isinstance(event, Asked):
                    askers.append(event.asker)

            async with served(a_zone(hand=1_000), there, on_event=heard) as server:

                async def noise(raw: bytes) -> None:
                    """From the name server's own socket, to whoever asked lately."""
                    for asker in askers[-5:]:
                        server.peer.machine._send(raw, asker)
                    server.peer.flush()

                async def cut() -> None:
                    net.cut([there], hosts)

                async def heal() -> None:
                    net.heal()

                async def told(topic: bytes, addresses: Sequence[Address]) -> None:
                    tell(server, topic, addresses)

                async def refused() -> None:
                    refuse(server)

                members = [
                    Member(a_source(server, n), host.address, lambda host=host: host)  # type: ignore[misc]
                    for n, host in enumerate(hosts)
                ]
                yield World(
                    members,
                    cut=cut,
                    heal=heal,
                    refuse=refused,
                    tell=told,
                    noise=noise,
                    forgotten_after_s=LEASE_S,
                )
            net.heal()

        return await check_source(make_world, timeout_s=10_000)

    return Internet(11).run(main)  # type: ignore[no-any-return]


@pytest.mark.fault("F051")
def test_it_conforms_in_the_simulated_internet() -> None:
    assert simulated() == []


@pytest.mark.slow
def test_it_conforms_on_real_sockets() -> None:
    @asynccontextmanager
    async def real() -> AsyncIterator[World]:
        async with served(a_zone(hand=1_000)) as server:

            async def told(topic: bytes, addresses: Sequence[Address]) -> None:
                tell(server, topic, addresses)

            async def refused() -> None:
                refuse(server)

            members = [Member(a_source(server, n), "127.0.0.1") for n in range(2)]
            yield World(members, refuse=refused, tell=told)

    skipped = asyncio.run(check_source(real, timeout_s=60))
    assert skipped == [
        "check_rule_2_it_is_renewed_until_withdrawn",
        "check_rule_3_nobody_is_reached",
        "check_rule_3_what_failed_may_be_tried_again",
        "check_rule_7_noise",
        "check_rule_8_what_was_cancelled_can_be_withdrawn",
    ]
