"""What a tracker grants and refuses, whatever carries the question."""

from __future__ import annotations

import random

import pytest

from p2plib.discovery.tracker.announce import Announce, Counts, Event
from p2plib.discovery.tracker.core import TrackerCore, TrackerHeard
from p2plib.discovery.tracker.pace import Allowance
from p2plib.discovery.tracker.swarms import SwarmLimits
from p2plib.errors import Refusal, UsageError
from p2plib.machine.addresses import MAX_PORT

HASH, ADA, BEN = bytes(range(20)), "192.0.2.1", "192.0.2.2"


def announce(number: int = 1, **changes: object) -> Announce:
    return Announce(HASH, number.to_bytes(20, "big"), 6881, **changes)  # type: ignore[arg-type]


def test_a_peer_hears_of_the_others() -> None:
    heard: list[TrackerHeard] = []
    core = TrackerCore(random.Random(1), on_heard=heard.append)
    core.announce(announce(1, left=0, event=Event.STARTED), ADA, "udp", 0.0)
    swarm, packed = core.announce(announce(2), BEN, "http", 1.0)
    assert swarm is not None
    assert swarm.counts() == Counts(1, 0, 1)
    assert packed == [bytes([192, 0, 2, 1, 0x1A, 0xE1])]
    assert core.granted == 2
    assert str(heard[0]) == f"udp started 192.0.2.1:6881 {HASH.hex()} a seeder"
    assert str(heard[1]) == f"http update 192.0.2.2:6881 {HASH.hex()} a leecher"


@pytest.mark.parametrize(("host", "most"), [("192.0.2.{}", 200), ("2001:db8:{:x}::1", 66)])
def test_a_response_fits_into_one_packet(host: str, most: int) -> None:
    core = TrackerCore(random.Random(1), limits=SwarmLimits(ports_of_host=1000))
    for number in range(1, 250):
        core.announce(announce(number), host.format(number), "udp", 0.0)
    _, packed = core.announce(announce(250, numwant=2**31 - 1), host.format(250), "udp", 0.0)
    assert len(packed) == most
    assert 20 + len(b"".join(packed)) <= 1232
    _, packed = core.announce(announce(250), host.format(250), "udp", 0.0)
    assert len(packed) == 50


@pytest.mark.parametrize("interval_s", [-5, 0, 2**31])
def test_an_interval_that_no_message_could_carry(interval_s: int) -> None:
    with pytest.raises(UsageError, match="an interval is 1 to"):
        TrackerCore(random.Random(1), interval_s=interval_s)


def test_refusals_say_why_and_are_counted() -> None:
    core = TrackerCore(random.Random(1), allowance=Allowance(4, 1), limits=SwarmLimits(ports_of_host=1))
    core.announce(announce(), ADA, "udp", 0.0)
    nowhere = announce()
    nowhere.port = 0
    with pytest.raises(Refusal, match="port 0"):
        core.announce(nowhere, ADA, "udp", 0.0)
    second = announce()
    second.port = MAX_PORT
    with pytest.raises(Refusal, match="1 ports in this swarm"):
        core.announce(second, ADA, "udp", 0.0)
    with pytest.raises(Refusal, match="1 to 74"):
        core.scrape([], ADA, 0.0)
    with pytest.raises(Refusal, match="too often: 1 a second"):
        core.announce(announce(), ADA, "udp", 0.0)
    with pytest.raises(Refusal, match="too often"):
        core.scrape([HASH], ADA, 0.5)
    with pytest.raises(Refusal, match=r"nobody can connect to a peer at 224\.0\.0\.1"):
        core.announce(announce(), "224.0.0.1", "udp", 0.0)
    assert core.refused == {"port": 1, "too many": 1, "scrape": 1, "pace": 2, "host": 1}
    assert core.granted == 1


def test_silence_is_noticed_when_somebody_asks() -> None:
    core = TrackerCore(random.Random(1), interval_s=100)
    core.announce(announce(), ADA, "udp", 0.0)
    assert core.scrape([HASH, bytes(20)], BEN, 259.0) == [Counts(0, 0, 1), Counts()]
    assert core.scrape([HASH], BEN, 261.0) == [Counts()]
