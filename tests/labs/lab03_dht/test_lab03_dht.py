"""Lab 3: no mutant passes, other codecs agree, and the parts do what the lab says of them."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.discovery.mainline import krpc
from p2plib.discovery.mainline.compact import pack_contacts
from p2plib.discovery.mainline.driver import MainlineNode
from p2plib.discovery.mainline.messages import GetPeersQuery
from p2plib.discovery.mainline.node_id import node_id_for
from p2plib.errors import DecodeError, PeerTimeout
from p2plib.labs.engine import feedback
from p2plib.labs.lab03_dht import LAB
from p2plib.labs.lab03_dht.bencoding import any_value, bencode
from p2plib.labs.lab03_dht.client import Client, Parts, open_socket, peers_in
from p2plib.labs.lab03_dht.contacts import any_choice, read_nodes
from p2plib.labs.lab03_dht.finding import WEATHERS, WORDS, find_one, objection, score_table, scores, survives
from p2plib.labs.lab03_dht.questions import Questions, any_talk
from p2plib.labs.lab03_dht.searching import budget, exact, find_peers, flood, liars
from p2plib.labs.lab03_dht.weather import searched
from p2plib.machine.addresses import Contact
from p2plib.sim import Internet, Link
from p2plib.wire import bencode as wire
from tests.conftest import ROOT
from tests.labs.lab03_dht.learners import others, written
from tests.labs.mutating import answers
from tests.labs.proving import disguised, kept_and_taken_up, printed_in

SOLVED = answers("lab03_dht")
HERE_ADDRESS = ("198.51.100.7", 6881)


def test_the_solved_cells_are_right() -> None:
    assert list(SOLVED) == list(LAB.tasks)
    for name, source in SOLVED.items():
        assert LAB.verdict(name, written(name, source)).state == "[v]", name


OTHERS = [(name, source) for name, sources in others.RIGHT.items() for source in sources]


@pytest.mark.parametrize(("name", "source"), OTHERS)
def test_other_ways_to_be_right_pass(name: str, source: str) -> None:
    assert LAB.verdict(name, written(name, source)).state == "[v]"


def test_every_task_can_be_solved_in_another_style() -> None:
    assert set(others.RIGHT) == set(LAB.tasks)


@pytest.mark.parametrize("cheat", others.CHEATS)
def test_a_program_knows_only_what_it_was_told(cheat: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feedback, "CASE_S", 12 * feedback.CASE_S)  # one goes through all that is in memory
    verdict = LAB.verdict("find_one", written("find_one", others.CHEATS[cheat]))
    assert verdict.state == "[x]"
    assert "that nobody had named in this search" in verdict.line


HIDDEN: dict[str, Callable[[random.Random], list[Any]]] = {
    "bencode": lambda rng: [any_value(rng.getrandbits(16))],
    "next_to_ask": lambda rng: [any_choice(rng.getrandbits(16))],
    "Questions": lambda rng: [any_talk(rng.getrandbits(16))],
    "find_peers": lambda rng: [
        exact(rng.getrandbits(16), k=rng.randrange(4, 9), alpha=rng.randrange(1, 5)),
        exact(rng.getrandbits(16), dead=0.25),
        budget(rng.getrandbits(16)),
        liars(rng.randrange(15, 40), rng.getrandbits(16)),
        flood(rng.getrandbits(16)),
    ],
}


@pytest.mark.parametrize("seed", range(2, 12))
@pytest.mark.parametrize("name", HIDDEN)
def test_cases_of_any_seed_accept_the_reference(name: str, seed: int) -> None:
    LAB.judge(name, disguised(LAB.tasks[name].reference), *HIDDEN[name](random.Random(seed)))


# Bytes, judged by others

VALUES = st.recursive(
    st.binary(max_size=20) | st.integers(1 - 2**63, 2**63 - 1),  # libtorrent reads -2**63 as 0
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.binary(max_size=5), inner, max_size=4),
    max_leaves=12,
)


@given(VALUES)
def test_libtorrent_reads_what_we_write(value: Any) -> None:
    libtorrent = pytest.importorskip("libtorrent")
    solved = written("bencode", SOLVED["bencode"])
    assert bencode(value) == solved(value) == wire.encode(value)
    assert libtorrent.bdecode(solved(value)) == value


@given(st.integers(0, 2**160 - 1), st.integers(0, 2**160 - 1))
def test_the_librarys_codec_reads_our_questions(own_id: int, info_hash: int) -> None:
    questions = written("Questions", SOLVED["Questions"])(own_id, random.Random(1))
    arguments = {b"info_hash": info_hash.to_bytes(20, "big")}
    raw = questions.ask(b"get_peers", arguments, HERE_ADDRESS)
    (transaction,) = questions.waiting
    assert krpc.decode(raw) == GetPeersQuery(transaction, own_id, info_hash, is_read_only=True)


@given(
    st.lists(
        st.tuples(st.integers(0, 2**160 - 1), st.integers(1, 254), st.integers(1024, 65_535)), max_size=9
    )
)
def test_contacts_that_the_library_packs_are_read(some: list[tuple[int, int, int]]) -> None:
    contacts = [Contact(ident, (f"203.0.{octet}.1", port)) for ident, octet, port in some]
    assert read_nodes(pack_contacts(contacts), HERE_ADDRESS) == contacts


@given(st.binary(max_size=200))
def test_bytes_that_are_no_contacts_raise_nothing_else(raw: bytes) -> None:
    try:
        contacts = read_nodes(raw, HERE_ADDRESS)
    except DecodeError:
        assert len(raw) % 26
    else:
        assert len(contacts) <= len(raw) // 26


@pytest.mark.fault("F070")
@given(st.binary(max_size=200))
def test_any_datagram_leaves_the_questions_as_they_were(raw: bytes) -> None:
    for make in (Questions, written("Questions", SOLVED["Questions"])):
        questions = make(7, random.Random(1))
        questions.ask(b"ping", {}, HERE_ADDRESS)
        before = dict(questions.waiting)
        assert questions.answer(raw, HERE_ADDRESS) is None
        assert questions.waiting == before


def test_peers_are_six_bytes_where_somebody_may_be() -> None:
    good = bytes([203, 0, 113, 5, 0x1A, 0xE1])
    values = [good, good[:5], good + b"x", 7, [good], bytes([127, 0, 0, 1, 0x1A, 0xE1]), good[:4] + b"\0\0"]
    assert peers_in(values, HERE_ADDRESS) == [("203.0.113.5", 6881)]
    assert peers_in(b"none", HERE_ADDRESS) == peers_in(None, HERE_ADDRESS) == []
    assert len(peers_in([good] * 500, HERE_ADDRESS)) == 100


# The client, among the library's nodes

PARTS = Parts(read_nodes, Questions, find_peers)
TOPIC = random.Random(7).randbytes(20)


def dht(program: Callable[..., Any], nodes: int = 12, loss: float = 0.0) -> Any:
    """Some of the library's nodes in a simulated internet, and a host for a client."""
    running: dict[int, MainlineNode] = {}

    async def be_node(number: int, host: Any, way_in: Any) -> None:
        async with MainlineNode.open(random.Random(number), host.address, 6881) as node:
            if way_in:
                await node.bootstrap([way_in])
            running[number] = node
            await asyncio.Event().wait()

    async def main(net: Internet) -> Any:
        hosts = [net.host(f"n{i}", address=f"198.18.{i}.1") for i in range(nodes)]
        me = net.host("me", address="198.19.1.1")
        first = (hosts[0].address, 6881)
        for number, host in enumerate(hosts):
            host.start(be_node, number, host, first if number else None)
            await asyncio.sleep(1)

        async def be_me() -> Any:
            rng = random.Random(99)
            async with await Client.open(PARTS, node_id_for(me.address, rng), rng) as client:
                return await program(client, first)

        said = await me.run(be_me())

        async def look() -> list[Any]:
            return [peer.address async for peer in running[5].get_peers(TOPIC)]

        return said, await hosts[5].run(look()), running

    return Internet(4, link=Link(latency=0.03, loss=loss)).run(main)


def test_what_the_client_announces_the_librarys_nodes_find_and_it_finds_again() -> None:
    async def program(client: Client, first: Any) -> Any:
        before, tokens = await client.get_peers(TOPIC, [first])
        stored = await client.announce(TOPIC, 4000, tokens)
        after, _ = await client.get_peers(TOPIC, [first])
        return before, len(stored), after

    (before, stored, after), seen, running = dht(program)
    assert (before, stored, after) == ([], 8, [("198.19.1.1", 4000)])
    assert seen == [("198.19.1.1", 4000)]
    assert all(node.stats().contacts <= 11 for node in running.values()), "it only asks, and is in no table"


@pytest.mark.fault("F071")
def test_a_token_that_is_not_ours_stores_nothing() -> None:
    async def program(client: Client, first: Any) -> Any:
        _, tokens = await client.get_peers(TOPIC, [first])
        return await client.announce(TOPIC, 4000, [(contact, b"false") for contact, _ in tokens])

    stored, seen, _ = dht(program)
    assert (stored, seen) == ([], [])


def test_a_client_survives_loss() -> None:
    async def program(client: Client, first: Any) -> Any:
        _, tokens = await client.get_peers(TOPIC, [first, ("198.18.3.1", 6881), ("198.18.7.1", 6881)])
        return len(await client.announce(TOPIC, 4000, tokens))

    stored, seen, _ = dht(program, loss=0.1)
    assert stored >= 3
    assert seen == [("198.19.1.1", 4000)]


def test_nobody_at_the_bootstrap_address_is_said() -> None:
    async def program(client: Client, first: Any) -> Any:
        with pytest.raises(PeerTimeout):
            await client.get_peers(TOPIC, [("198.19.9.9", 6881)])

    dht(program, nodes=6)


def test_a_socket_hears_what_came_before_it_was_asked() -> None:
    async def main() -> Any:
        async with await open_socket("127.0.0.1") as one, await open_socket("127.0.0.1") as other:
            one.send(b"first", other.address)
            one.send(b"second", other.address)
            got = [await other.receive(), await other.receive()]
            return [data for data, source in got if source == one.address]

    assert asyncio.run(main()) == [b"first", b"second"]


# The capstone


@pytest.mark.slow
@pytest.mark.fault("F075")
@pytest.mark.parametrize("program", ["reference", "solution"])
def test_programs_keep_all_budgets_whatever_the_seed(program: str) -> None:
    yours = find_one if program == "reference" else written("find_one", SOLVED["find_one"])
    for seed in range(20, 24):
        for score in scores(yours, seed):
            assert objection(score) is None, (seed, score.weather.name, objection(score))


def test_each_weather_does_what_its_name_says() -> None:
    """Seen by a program that only asks the bootstrap nodes, and writes down what comes back."""
    heard: dict[str, list[Any]] = {}

    def watcher(name: str) -> Any:
        async def find(info_hash: bytes, bootstrap: Any, rng: random.Random) -> Any:
            async with await open_socket() as socket:
                questions = Questions(1, rng)
                for address in bootstrap:
                    socket.send(questions.ask(b"get_peers", {b"info_hash": info_hash}, address), address)
                while True:
                    try:
                        async with asyncio.timeout(1):
                            datagram, source = await socket.receive()
                    except TimeoutError:
                        return bootstrap[0]
                    answer = questions.answer(datagram, source)
                    heard.setdefault(name, []).append((source in bootstrap, answer))

        return find

    for weather in WEATHERS:
        searched(watcher(weather.name), weather, 2)
    count = {name: len(said) for name, said in heard.items()}
    assert count["calm"] == 48
    assert count["loss"] < 40
    assert count["dead"] < 40
    assert any(not known for known, _ in heard["forgers"])
    assert all(answer is None for known, answer in heard["forgers"] if not known)
    assert any(answer[b"values"] == b"none" for _, answer in heard["ghosts"] if b"values" in answer)
    assert set(count) == set(WORDS)


def test_scores_are_the_same_every_time_and_the_table_says_what_broke() -> None:
    assert list(scores(find_one, 3)) == list(scores(find_one, 3))
    table = score_table(find_one, 3)
    assert [row[-1] for row in table.rows] == ["kept"] * len(WEATHERS)

    async def gives_up(info_hash: bytes, bootstrap: Any, rng: random.Random) -> Any:
        return bootstrap[0]

    assert score_table(gives_up, 3).rows[0][-1] == "12 of 12 times it returned an address where no peer is"


def test_the_text_says_the_budgets_that_hold() -> None:
    text = (ROOT / "labs/src/lab03_dht.md").read_text("utf-8")
    for weather in WEATHERS:
        (row,) = re.findall(
            rf"^\| {weather.name} \|.*\| (\d+)(?: of 12)? \| (\d+) \| ([\d.]+) \|$", text, re.M
        )
        assert row == (f"{weather.goal}", f"{weather.datagrams:g}", f"{weather.seconds:.1f}"), weather.name


def test_what_a_program_raises_in_a_handler_is_said() -> None:
    async def find(info_hash: bytes, bootstrap: Any, rng: random.Random) -> Any:
        class Hears(asyncio.DatagramProtocol):
            def datagram_received(self, data: bytes, addr: Any) -> None:
                raise ZeroDivisionError("in a handler")

        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(Hears, local_addr=("0.0.0.0", 0))
        transport.sendto(
            Questions(1, rng).ask(b"get_peers", {b"info_hash": info_hash}, bootstrap[0]), bootstrap[0]
        )
        await asyncio.sleep(1)
        transport.close()
        return bootstrap[0]

    line = LAB.verdict("find_one", find).line
    assert "it raised ZeroDivisionError in a callback, where nobody catches it: in a handler" in line


def test_a_program_that_is_no_program_is_told_so_under_a_grader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NBGRADER_EXECUTION", "validate")

    async def stub(info_hash: bytes, bootstrap: Any, rng: random.Random) -> Any:
        raise NotImplementedError

    with pytest.raises(AssertionError, match="not written yet"):
        LAB.check("find_one", stub)
    with pytest.raises(AssertionError, match="the library's"):
        LAB.judge("find_one", find_one, survives(WEATHERS[0]))


# Keeping


def test_what_is_kept_is_taken_up_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The solved notebook's answers and checks, run as a notebook does; then a later lab asks for them."""
    kept_and_taken_up(LAB, "lab03_dht", tmp_path, monkeypatch, capsys)


def test_the_notebook_announced_itself_to_the_librarys_nodes() -> None:
    assert "node 13 finds [('198.19.1.1', 4000)]" in printed_in("lab03_dht")
