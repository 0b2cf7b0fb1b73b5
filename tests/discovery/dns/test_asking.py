"""Asking: forged answers, silence, nobody there, and answers that are too long for a datagram."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.discovery.dns.asking import MAX_WRONG, ask, taken
from p2plib.discovery.mdns.packets import RESPONSE, DnsPacket, Question, encode
from p2plib.discovery.mdns.records import RecordType
from p2plib.errors import PeerTimeout, Unreachable
from p2plib.sim import Internet
from tests.discovery.dns.world import PORT, a_zone, name, record, served, swarm

QUERY = DnsPacket((Question(name("seed.p2p.test"), RecordType.A),), id=0x1234)
TRUE = replace(QUERY, flags=RESPONSE, answers=(record("seed.p2p.test", "192.0.2.7"),))
FORGED = replace(QUERY, flags=RESPONSE, answers=(record("seed.p2p.test", "192.0.2.66"),))


class Answering(asyncio.DatagramProtocol):
    """A name server that answers with whatever a test wants."""

    def __init__(self, answers: Callable[[bytes], list[bytes]]) -> None:
        self.answers = answers

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, address: Any) -> None:
        for answer in self.answers(data):
            self.transport.sendto(answer, address)


@asynccontextmanager
async def answering(host: Any, answers: Callable[[bytes], list[bytes]]) -> AsyncIterator[tuple[str, int]]:
    with host:
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: Answering(answers), local_addr=(host.address, PORT)
        )
    try:
        yield host.address, PORT
    finally:
        transport.close()


def hosts_of(answer: DnsPacket) -> list[Any]:
    return [each.data.host for each in answer.answers]  # type: ignore[union-attr]


def test_what_is_an_answer() -> None:
    ignored: Counter[str] = Counter()
    assert taken(encode(TRUE), QUERY, ignored) == TRUE
    assert (
        taken(encode(replace(TRUE, questions=(), answers=(), flags=RESPONSE | 1)), QUERY, ignored) is not None
    )
    assert not ignored
    wrong = [
        b"\x00",
        encode(replace(TRUE, id=0x1235)),
        encode(QUERY),
        encode(replace(TRUE, questions=(Question(name("other.p2p.test"), RecordType.A),))),
        encode(replace(TRUE, flags=RESPONSE | 5 << 11)),
        encode(replace(TRUE, questions=())),
    ]
    assert [taken(each, QUERY, ignored) for each in wrong] == [None] * 6
    assert ignored == {"malformed": 1, "another id": 2, "another question": 2, "no question": 1}


@given(st.binary(max_size=200))
def test_whatever_arrives_is_taken_or_counted(raw: bytes) -> None:
    ignored: Counter[str] = Counter()
    assert (taken(raw, QUERY, ignored) is None) == (ignored.total() == 1)


def test_a_forged_copy_before_and_after_the_true_one(internet: Internet) -> None:
    """The forger cannot see the id, so it guesses; the true answer still counts when it comes later."""

    async def main(net: Internet) -> None:
        guesses = [encode(replace(FORGED, id=guess)) for guess in range(MAX_WRONG - 1)]
        async with answering(net.host("server"), lambda _: [*guesses, encode(TRUE), *guesses]) as server:
            ignored: Counter[str] = Counter()
            with net.host("asker"):
                answer = await ask(server, QUERY, 2.0, ignored)
            assert hosts_of(answer) == ["192.0.2.7"]
            assert ignored == {"another id": MAX_WRONG - 1}

    internet.run(main)


def test_another_host_cannot_answer(internet: Internet) -> None:
    """The socket is connected to the server, so what comes from elsewhere is not even seen."""

    async def main(net: Internet) -> None:
        there, forger, here = net.host("server"), net.host("forger"), net.host("asker")
        seen: list[Any] = []

        def silent(data: bytes) -> list[bytes]:
            seen.append(data)
            return []

        async with answering(there, silent) as server:
            with here:
                asking = asyncio.ensure_future(ask(server, QUERY, 2.0, Counter()))
            await asyncio.sleep(0.5)
            source = next(packet.source for packet in net.trace if packet.sender == "asker")
            with forger:
                transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
                    asyncio.DatagramProtocol, local_addr=(forger.address, PORT)
                )
            transport.sendto(encode(FORGED), source)
            with pytest.raises(PeerTimeout):
                await asking
            transport.close()
            assert len(seen) == 1

    internet.run(main)


def test_somebody_who_guesses_makes_us_ask_by_tcp(internet: Internet) -> None:
    async def main(net: Internet) -> None:
        there = net.host("server")
        guesses = [encode(replace(FORGED, id=guess)) for guess in range(MAX_WRONG)]
        async with served(a_zone([record("seed.p2p.test", "192.0.2.7")]), there) as server:
            server.peer.machine.receive = lambda data, address, now: [  # type: ignore[method-assign]
                server.peer.machine._send(each, address) for each in guesses
            ]
            ignored: Counter[str] = Counter()
            with net.host("asker"):
                answer = await ask(server.address, QUERY, 2.0, ignored)
            assert hosts_of(answer) == ["192.0.2.7"]
            assert ignored["somebody guesses answers"] == 1

    internet.run(main)


def test_an_answer_that_was_cut_is_asked_for_by_tcp(internet: Internet) -> None:
    async def main(net: Internet) -> None:
        async with served(a_zone(swarm(500), hand=500), net.host("server")) as server:
            with net.host("asker"):
                answer = await ask(server.address, QUERY, 2.0, Counter())
            assert len(answer.answers) == 500

    internet.run(main)


def test_silence_and_nobody_there(internet: Internet) -> None:
    async def main(net: Internet) -> None:
        there, here = net.host("server"), net.host("asker")
        with here:
            with pytest.raises((Unreachable, PeerTimeout), match=there.address):
                await ask((there.address, PORT), QUERY, 2.0, Counter())
            async with answering(there, lambda _: []) as server:
                with pytest.raises(PeerTimeout, match="did not answer in 2 s"):
                    await ask(server, QUERY, 2.0, Counter())

    internet.run(main)


def test_nobody_listens_on_real_sockets() -> None:
    async def main() -> None:
        async with served(a_zone()) as server:
            pass
        with pytest.raises(Unreachable):
            await ask(server.address, QUERY, 5.0, Counter())

    asyncio.run(main())


@pytest.mark.parametrize("said", [b"", b"\x00", b"\xff\xffabc", b"\x00\x02ab", b"\x00\x00"], ids=repr)
def test_a_server_that_talks_nonsense_over_tcp(internet: Internet, said: bytes) -> None:
    async def main(net: Internet) -> None:
        there, here = net.host("server"), net.host("asker")

        async def nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(100)
            writer.write(said)
            writer.close()

        cut = encode(replace(QUERY, flags=RESPONSE | 0x0200))
        async with answering(there, lambda _: [cut]) as address:
            with there:
                server = await asyncio.start_server(nonsense, *address)
            async with server:
                with here, pytest.raises((Unreachable, PeerTimeout)):
                    await ask(address, QUERY, 2.0, Counter())

    internet.run(main)


@pytest.mark.parametrize("after_s", [0.0, 0.01, 0.05, 0.1, 0.2])
def test_it_can_be_cancelled_anywhere(internet: Internet, after_s: float) -> None:
    async def main(net: Internet) -> None:
        async with served(a_zone(swarm(500), hand=500), net.host("server")) as server:
            with net.host("asker"):
                asking = asyncio.ensure_future(ask(server.address, QUERY, 2.0, Counter()))
            await asyncio.sleep(after_s)
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)

    internet.run(main)
