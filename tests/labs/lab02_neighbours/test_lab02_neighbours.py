"""Lab 2: no mutant passes, DNS libraries of others agree, and the parts do what the lab says of them."""

from __future__ import annotations

import asyncio
import random
import struct
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.discovery.mdns import packets
from p2plib.discovery.mdns.names import DomainName
from p2plib.discovery.mdns.records import ResourceRecord, Srv
from p2plib.errors import DecodeError
from p2plib.labs.lab02_neighbours import LAB
from p2plib.labs.lab02_neighbours.answering import (
    BUDGET,
    LOSS,
    LOSSY_BUDGET,
    PEERS,
    Answering,
    segment,
    within_budget,
)
from p2plib.labs.lab02_neighbours.calling import any_lists, call_plan
from p2plib.labs.lab02_neighbours.hearing import NAME, Neighbours, any_story
from p2plib.labs.lab02_neighbours.packets import (
    SRV,
    Record,
    any_packet,
    any_refusal,
    read_name,
    read_packet,
    with_known,
    write_question,
    write_records,
)
from p2plib.labs.lab02_neighbours.segment import GROUP, PORT, Member, Parts, multicast_socket
from p2plib.labs.lab02_neighbours.serving import any_answer, deal, is_fair, usable
from p2plib.machine.addresses import network_of
from p2plib.sim import Internet
from tests.labs.lab02_neighbours.learners import naming, newcomers, written
from tests.labs.mutating import answers
from tests.labs.proving import disguised, kept_and_taken_up, printed_in

SOLVED = answers("lab02_neighbours")


def test_the_solved_cells_are_right() -> None:
    assert list(SOLVED) == list(LAB.tasks)
    for name, source in SOLVED.items():
        assert LAB.verdict(name, written(name, source)).state == "[v]", name


OTHERS = [("read_name", source) for source in naming.RIGHT]
OTHERS += [(name, source) for name, sources in newcomers.RIGHT.items() for source in sources]


@pytest.mark.parametrize(("name", "source"), OTHERS)
def test_other_ways_to_be_right_pass(name: str, source: str) -> None:
    assert LAB.verdict(name, written(name, source)).state == "[v]"


def test_every_task_can_be_solved_in_another_style() -> None:
    assert set(newcomers.RIGHT) == set(LAB.tasks)


HIDDEN: dict[str, Callable[[random.Random], list[Any]]] = {
    "call_plan": lambda rng: [any_lists(rng.getrandbits(16))],
    "deal": lambda rng: [is_fair(rng.randrange(1, 30), rng.randrange(1, 9), 60)],
    "usable": lambda rng: [any_answer(rng.getrandbits(16))],
    "read_name": lambda rng: [any_packet(rng.getrandbits(16)), any_refusal(rng.getrandbits(16))],
    "Neighbours": lambda rng: [any_story(rng.getrandbits(16), rng.randrange(1, 9))],
    "Answering": lambda rng: [
        within_budget(rng.getrandbits(16)),
        within_budget(rng.getrandbits(16), LOSSY_BUDGET, LOSS),
    ],
}


@pytest.mark.parametrize("seed", range(2, 14))
@pytest.mark.parametrize("name", HIDDEN)
def test_cases_of_any_seed_accept_the_reference(name: str, seed: int) -> None:
    LAB.judge(name, disguised(LAB.tasks[name].reference), *HIDDEN[name](random.Random(seed)))


# Calling


@pytest.mark.fault("F063")
def test_when_all_are_dead_the_calls_become_rare_and_a_crowd_of_callers_spreads() -> None:
    addresses = [(f"203.0.{i}.1", 4000) for i in range(12)]
    plans = [call_plan(addresses[:3], addresses[3:], random.Random(seed)) for seed in range(500)]
    for plan in plans:
        assert plan[0] == (0.0, addresses[2])
        pauses = [pause_s for pause_s, _ in plan]
        assert 30 <= pauses[-1] <= 60
    fifth = [sum(pause_s for pause_s, _ in plan[:6]) for plan in plans]
    assert max(Counter(int(10 * time) for time in fifth).values()) < 25


@pytest.mark.fault("F064")
def test_a_list_full_of_one_owners_addresses_leaves_room_for_others() -> None:
    his = [(f"192.0.2.{i}", 4000) for i in range(1, 200)]
    plan = [address for _, address in call_plan(his, [("203.0.113.9", 4000)], random.Random(1))]
    assert [network_of(host) for host, _ in plan].count(network_of("192.0.2.1")) == 2
    assert ("203.0.113.9", 4000) in plan


# Serving


@pytest.mark.fault("F065")
def test_round_robin_is_fair_and_a_poisoned_answer_does_no_harm() -> None:
    peers = [str(number) for number in range(50)]
    named = Counter(peer for turn in range(500) for peer in deal(peers, turn, 8))
    expected = 500 * 8 / 50
    assert (
        sum((count - expected) ** 2 / expected for count in named.values()) < 0.1
    )  # chi-square: dealt, not drawn
    thousand = [(f"10.0.{i // 250}.{i % 250}", 0) for i in range(500)] + [
        (f"198.51.{i // 250}.{i % 250}", 0) for i in range(500)
    ]
    addresses, seconds = usable(thousand)
    assert len(addresses) == 16
    assert all(address.startswith("198.51.") for address in addresses)
    assert seconds == 30


# Packets, judged by others

LABELS = st.lists(st.text("abcxyz-ö0", min_size=1, max_size=20), min_size=1, max_size=5)


@given(LABELS, st.integers(0, 65_535))
def test_dnslib_and_dnspython_read_our_questions(labels: list[str], kind: int) -> None:
    dnslib, message = pytest.importorskip("dnslib"), pytest.importorskip("dns.message")
    raw = write_question(".".join(labels), kind)
    question = dnslib.DNSRecord.parse(raw).q
    assert [label.decode() for label in question.qname.label] == labels
    assert (question.qtype, question.qclass) == (kind, 1)
    assert message.from_wire(raw).question[0].name.labels[:-1] == tuple(label.encode() for label in labels)


@given(st.lists(LABELS, min_size=1, max_size=6))
def test_names_compressed_by_dnslib_are_read(names: list[list[str]]) -> None:
    label, buffer = pytest.importorskip("dnslib.label"), None
    buffer = label.DNSBuffer()
    for name in names:
        buffer.encode_name(label.DNSLabel([part.encode() for part in name]))
    raw, offset = bytes(buffer.data), 0
    for name in names:
        read, offset = read_name(raw, offset)
        assert read == ".".join(name)
    assert offset == len(raw)


@given(
    st.lists(st.tuples(LABELS, LABELS, st.integers(0, 65_535), st.integers(0, 9999)), min_size=1, max_size=5)
)
def test_packets_that_the_library_compresses_are_read(some: list[tuple[Any, ...]]) -> None:
    records = [Record(".".join(name), ttl, ".".join(host), port) for name, host, port, ttl in some]
    expected = tuple(
        ResourceRecord(DomainName.parse(one.name), Srv(0, 0, one.port, DomainName.parse(one.host)), one.ttl)
        for one in records
    )
    raw = packets.encode(packets.DnsPacket(answers=expected))
    assert read_packet(raw, read_name) == ([], records)
    assert packets.decode(write_records(records)).answers == expected


@pytest.mark.fault("F060")
@given(st.binary(max_size=300), st.integers(0, 320))
def test_bytes_that_are_no_name_are_refused_and_nothing_else(raw: bytes, offset: int) -> None:
    for reader in (read_name, written("read_name", SOLVED["read_name"])):
        try:
            name, after = reader(raw, offset)
        except DecodeError:
            continue
        except UnicodeDecodeError:  # a ValueError, as the task allows; the library says DecodeError
            assert reader is not read_name
            continue
        assert len(name.encode()) <= 253
        assert offset < after <= len(raw)


def test_our_answers_are_read_by_dnslib_and_what_it_writes_by_us() -> None:
    dnslib = pytest.importorskip("dnslib")
    records = [Record(NAME, 120, "ana.local", 4000), Record(NAME, 0, "ben.local", 65_535)]
    heard = dnslib.DNSRecord.parse(write_records(records))
    assert [(str(one.rname), one.ttl, str(one.rdata.target), one.rdata.port) for one in heard.rr] == [
        ("cats.local.", 120, "ana.local.", 4000),
        ("cats.local.", 0, "ben.local.", 65_535),
    ]
    reply = dnslib.DNSRecord(dnslib.DNSHeader(qr=1))
    for one in records:
        value = dnslib.SRV(0, 0, one.port, one.host)
        reply.add_answer(dnslib.RR(one.name, SRV, ttl=one.ttl, rdata=value))
    reply.add_ar(dnslib.RR("ana.local", 1, ttl=120, rdata=dnslib.A("192.168.1.7")))
    assert read_packet(reply.pack(), read_name) == ([], records)


def test_known_answers_stand_behind_the_question() -> None:
    known = [Record(NAME, 60, "ana.local", 4000)]
    packet = with_known(write_question(NAME, SRV), known)
    assert read_packet(packet, read_name) == ([NAME], known)
    for size in range(len(packet)):
        with pytest.raises(DecodeError):
            read_packet(packet[:size], read_name)


@pytest.mark.fault("F060")
def test_counts_that_promise_more_than_there_is_are_refused() -> None:
    with pytest.raises(DecodeError):
        read_packet(struct.pack(">6H", 0, 0x8400, 0, 65_535, 65_535, 65_535), read_name)


# The segment


@pytest.mark.fault("F062")
@pytest.mark.parametrize("seed", range(8))
def test_budgets_leave_room_and_an_eager_crowd_breaks_them(seed: int) -> None:
    assert segment(Answering, PEERS, seed=seed).answers <= 0.8 * BUDGET
    assert segment(Answering, PEERS, seed=seed, loss=LOSS).answers <= 0.8 * LOSSY_BUDGET

    class Eager(Answering):
        def asked(self, known: list[Record], now: float) -> float | None:
            return self.rng.uniform(0.02, 0.12)

    assert segment(Eager, PEERS, seed=seed).answers > 10 * BUDGET


PARTS = Parts(write_question, read_name, Neighbours, Answering)


def lan(stays: dict[str, tuple[float, float]], trouble: Any = None) -> dict[str, Any]:
    """Members on a simulated LAN, by name, as they were just before they left."""
    found: dict[str, Any] = {}

    async def live(name: str, port: int) -> None:
        begin, end = stays[name]
        await asyncio.sleep(begin)
        async with Member.open(name, port, PARTS, random.Random(port)) as member:
            seen = set()
            for _ in range(int(10 * (end - begin))):
                seen.add(shown(member))
                await asyncio.sleep(0.1)
            found[name] = (shown(member), seen, member)

    async def main(net: Internet) -> None:
        home = net.lan("home")
        for number, name in enumerate(stays):
            net.host(name, lan=home).start(live, name, 4000 + number)
        if trouble is not None:
            net.host("mallory", lan=home).start(trouble)
        await asyncio.sleep(20)

    Internet(3).run(main)
    return found


def shown(member: Member) -> str:
    return " ".join(host.removesuffix(".local") for host, _ in member.present())


def test_members_find_one_another_and_see_a_goodbye() -> None:
    found = lan({"ana": (0, 15), "ben": (1, 4), "cy": (2, 12)})
    assert [found[name][0] for name in ("ana", "ben", "cy")] == ["", "ana cy", "ana"]
    assert found["ana"][1] == {"", "ben", "ben cy", "cy"}


@pytest.mark.fault("F061")
def test_what_comes_from_another_port_or_is_no_packet_changes_nothing() -> None:
    async def trouble() -> None:
        await asyncio.sleep(3)
        loop = asyncio.get_running_loop()
        lie = write_records([Record(NAME, 120, "mallory.local", 4000), Record(NAME, 0, "ben.local", 4001)])
        transport, _ = await loop.create_datagram_endpoint(
            asyncio.DatagramProtocol, local_addr=("0.0.0.0", 0)
        )
        transport.sendto(lie, (GROUP, PORT))
        transport.close()
        sock = multicast_socket()
        transport, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, sock=sock)
        for noise in (b"", b"noise", b"\xc0\x0c" * 40, write_question(NAME, SRV)[:-1]):
            transport.sendto(noise, (GROUP, PORT))
        transport.close()

    found = lan({"ana": (0, 10), "ben": (0, 12)}, trouble)
    words, seen, ana = found["ana"]
    assert words == "ben"
    assert seen == {"", "ben"}
    assert ana.ignored == {"from another port": 1, "no DNS packet": 4}


def test_members_on_real_sockets_find_one_another() -> None:
    """The same driver on this machine's loopback; skipped where multicast does not work."""

    async def main() -> str:
        try:
            multicast_socket("127.0.0.1").close()
        except OSError as error:
            pytest.skip(f"no multicast on loopback: {error}")
        async with (
            Member.open("ana", 4000, PARTS, random.Random(1), "127.0.0.1") as ana,
            Member.open("ben", 4001, PARTS, random.Random(2), "127.0.0.1"),
        ):
            for _ in range(100):
                if ana.present():
                    return shown(ana)
                await asyncio.sleep(0.02)
            return shown(ana)

    assert asyncio.run(main()) == "ben"


# Keeping


def test_what_is_kept_is_taken_up_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The solved notebook's answers and checks, run as a notebook does; then a later lab asks for them."""
    kept_and_taken_up(LAB, "lab02_neighbours", tmp_path, monkeypatch, capsys)


def test_the_room_sees_cy_leave() -> None:
    assert "Fay sent" in printed_in("lab02_neighbours")
