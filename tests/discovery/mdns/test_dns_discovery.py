"""The dialect of dns-discovery: recorded bytes, the machine among others, and what strangers name."""

from __future__ import annotations

import base64
import hashlib
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.discovery.mdns.dns_discovery import (
    DnsDiscovery,
    PeerNamed,
    id_in,
    name_of,
    read_peers,
    write_answer,
    write_peers,
    write_question,
)
from p2plib.discovery.mdns.names import DomainName
from p2plib.discovery.mdns.packets import decode
from p2plib.discovery.source import topic_of
from p2plib.errors import DecodeError, UsageError
from tests.discovery.mdns.dns_strategies import packets
from tests.discovery.mdns.segment import GROUP

CATS = topic_of("cats of Lisbon").hex()
MAL = ("192.168.1.66", 5353)


def test_a_question_by_hand() -> None:
    name = b"\x28" + CATS.encode() + b"\x0ddns-discovery\x05local\x00"
    assert write_question(CATS) == bytes.fromhex("0000 0000 0001 0000 0000 0000") + name + b"\x00\x10\x00\x01"


def test_an_answer_by_hand() -> None:
    packet = decode(write_answer(CATS, b"abc", [("0.0.0.0", 4321)]))
    assert packet.flags == 0x8400
    assert str(packet) == (
        f"response\n  {CATS}.dns-discovery.local. TXT?\n"
        f"  answer: {CATS}.dns-discovery.local. 0 TXT 'token=abc' 'peers=AAAAABDh'"
    )


@given(st.lists(st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 65_535)), max_size=100))
def test_peers_there_and_back(some: list[tuple[int, int]]) -> None:
    peers = [(".".join(str(host >> shift & 255) for shift in (24, 16, 8, 0)), port) for host, port in some]
    assert read_peers([b"token=x", write_peers(peers)]) == peers


@pytest.mark.parametrize("string", [b"peers=%%%", b"peers=AAAA", b"peers=\xff"])
def test_what_are_no_peers(string: bytes) -> None:
    with pytest.raises(DecodeError):
        read_peers([string])


def test_of_very_many_peers_a_hundred_are_read() -> None:
    assert len(read_peers([b"peers=" + base64.b64encode(bytes(6) * 5000)])) == 100
    assert read_peers([b"other=1"]) == []


@pytest.mark.parametrize("peer", [("::1", 1), ("192.0.2.1", 65_536), ("ana", 1)])
def test_peers_that_cannot_be_written(peer: tuple[str, int]) -> None:
    with pytest.raises(UsageError):
        write_peers([peer])


def test_names() -> None:
    assert id_in(name_of(CATS)) == CATS
    assert id_in(DomainName.parse(f"{CATS.upper()}.DNS-discovery.local")) == CATS
    for text in ("dns-discovery.local", "x.dns-discovery.local", f"{CATS}.other.local", f"a.{CATS}.local"):
        assert id_in(DomainName.parse(text)) is None
    with pytest.raises(UsageError):
        name_of(CATS.upper())


# The machine ----------------------------------------------------------------------------------------------


class Link:
    """Machines that hear all that is sent to the group."""

    def __init__(self, *hosts: str) -> None:
        self.now = 0.0
        self.machines = {host: DnsDiscovery(host, random.Random(host)) for host in hosts}
        self.sent: list[tuple[float, str, bytes]] = []
        self.named: dict[str, list[PeerNamed]] = {host: [] for host in hosts}

    def settle(self) -> None:
        busy = True
        while busy:
            busy = False
            for host, machine in self.machines.items():
                self.named[host] += machine.events()
                for data, to in machine.to_send():
                    assert to == GROUP
                    busy = True
                    self.sent.append((self.now, host, data))
                    self.say(data, (host, 5353))

    def say(self, data: bytes, source: tuple[str, int]) -> None:
        for machine in self.machines.values():
            machine.receive(data, source, self.now)

    def run(self, seconds: float) -> None:
        end = self.now + seconds
        while True:
            self.settle()
            at, host = min(
                ((at, host) for host, each in self.machines.items() if (at := each.timer()) is not None),
                default=(end + 1, ""),
            )
            if at > end:
                self.now = end
                return
            self.now = at
            self.machines[host].on_timer(at)


ANA, BEN = "192.168.1.1", "192.168.1.2"


def test_whoever_looks_finds_whoever_announces_and_the_other_way_round() -> None:
    for first_announces in (True, False):
        link = Link(ANA, BEN)
        ana, ben = link.machines[ANA], link.machines[BEN]
        if first_announces:
            ana.announce(CATS, 4001, 0.0)
            link.run(5)
        ben.look_for(CATS, link.now)
        link.run(5)
        if not first_announces:
            assert link.named[BEN] == []
            ana.announce(CATS, 4001, link.now)
            link.run(1)
        assert link.named[BEN][-1] == PeerNamed(CATS, (ANA, 4001), ANA)
        assert link.named[ANA] == []


def test_announcing_tells_the_link_and_asks_it() -> None:
    link = Link(ANA)
    ana = link.machines[ANA]
    ana.announce(CATS, 4001, 0.0)
    link.run(1)
    said = [data for _, _, data in link.sent]
    assert said == [write_answer(CATS, ana.token_for(ANA), [("0.0.0.0", 4001)]), write_question(CATS)]


def test_it_asks_again_after_about_a_minute_until_nobody_looks() -> None:
    link = Link(BEN)
    ben = link.machines[BEN]
    ben.look_for(CATS, 0.0)
    ben.look_for(CATS, 0.0)
    link.run(600)
    count = len(link.sent)
    assert 9 <= count <= 12
    ben.stop(CATS, link.now)
    link.run(100)
    assert len(link.sent) > count
    ben.stop(CATS, link.now)
    assert ben.timer() is None


def test_after_withdrawing_it_is_silent() -> None:
    link = Link(ANA, BEN)
    ana, ben = link.machines[ANA], link.machines[BEN]
    ana.announce(CATS, 4001, 0.0)
    link.run(5)
    ana.withdraw(CATS, link.now)
    ben.look_for(CATS, link.now)
    link.run(5)
    assert link.named[BEN] == []
    assert ana.timer() is None


@pytest.mark.fault("F062")
def test_a_thousand_questions_in_a_second_get_two_answers() -> None:
    link = Link(ANA)
    link.machines[ANA].announce(CATS, 4001, 0.0)
    link.run(10)
    before = len(link.sent)
    for _ in range(1000):
        link.say(write_question(CATS), MAL)
        link.run(0.001)
    link.run(5)
    assert len(link.sent) - before == 2


def test_our_own_token_shows_an_echo() -> None:
    link = Link(ANA)
    ana = link.machines[ANA]
    ana.look_for(CATS, 0.0)
    secret = ana.token_for(MAL[0])
    assert secret == base64.b64encode(hashlib.sha256(ana._secret + b"192.168.1.66").digest())
    link.say(write_answer(CATS, secret, [("0.0.0.0", 4000)]), MAL)
    assert ana.ignored["our own"] == 1
    assert ana.events() == []


@pytest.mark.fault("F061")
def test_what_is_not_believed() -> None:
    link = Link(ANA)
    ana = link.machines[ANA]
    ana.look_for(CATS, 0.0)
    link.settle()
    peers = [
        ("8.8.8.8", 4000),
        ("192.168.1.9", 80),
        ("127.0.0.1", 4000),
        ("192.168.1.9", 4000),
        ("0.0.0.0", 4001),
    ]
    link.say(write_answer(CATS, b"x", peers), MAL)
    link.say(write_answer(CATS, b"x", peers), ("8.8.8.8", 5353))
    link.say(b"nonsense", MAL)
    link.say(write_answer(CATS, b"x", peers).replace(b"peers=", b"peers=%"), MAL)  # no base64 any more
    link.say(b"\x00" * 9001, MAL)
    link.settle()
    assert [event.address for event in link.named[ANA]] == [("192.168.1.9", 4000), (MAL[0], 4001)]
    assert ana.ignored == {
        "an address where no peer can be": 3,
        "not from this link": 1,
        "broken": 3,
        "our own": 1,
    }


@given(packets())
def test_whatever_strangers_say_nothing_is_raised(packet: object) -> None:
    from p2plib.discovery.mdns.packets import encode

    link = Link(ANA)
    link.machines[ANA].announce(CATS, 4001, 0.0)
    link.say(encode(packet), MAL)  # type: ignore[arg-type]
    link.run(2)


def test_what_cannot_be_announced() -> None:
    ana = DnsDiscovery(ANA, random.Random(1))
    for peer_id, port in (("cats", 4001), (CATS, 65_536), (CATS, -1)):
        with pytest.raises(UsageError):
            ana.announce(peer_id, port, 0.0)
    assert ana.to_send() == []
    assert not ana._announced
