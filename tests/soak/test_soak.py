"""The soak tests run a few seeds here, and notice what they are for: lost bytes, and what is left over."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import socket
from collections.abc import AsyncGenerator, Callable
from random import Random

import pytest

from p2plib.errors import Leak, NotFound, Refusal
from p2plib.protocol.stream import Stream
from p2plib.protocol.tcp import TcpStream
from p2plib.sim import Constant, Internet, Link
from p2plib.topology.kademlia.copies import Copies
from p2plib.topology.kademlia.driver import KademliaPeer
from p2plib.topology.kademlia.parts import PutDone
from p2plib.topology.kademlia.searches import Search
from tests.soak import __main__ as command
from tests.soak import nodes
from tests.soak import streams as soak_streams
from tests.soak.calls import Desk
from tests.soak.nodes import Server
from tests.soak.overlays import overlays
from tests.soak.streams import streams
from tests.soak.worlds import Failed, Scenario, Simulated, World, run_simulated


@pytest.mark.finding("W1")
@pytest.mark.parametrize("kind", command.KINDS)
@pytest.mark.parametrize("place", command.RUNS)
def test_a_few_seeds(kind: str, place: str) -> None:
    for seed in (1, 2):
        command.RUNS[place](command.KINDS[kind], seed)


def _failure(scenario: Scenario, *, is_lossless: bool = True) -> str:
    """What a scenario fails with, seed by seed until it does."""

    async def main(net: Internet) -> None:
        await scenario(Simulated(net, is_lossless=is_lossless), Random(net.seed))

    loss = 0.0 if is_lossless else 0.02
    link = Link(Constant(0.02), loss=loss, reorder=loss, duplicate=loss)
    for seed in range(20):
        try:
            Internet(seed, link=link).run(main)
        except Exception as error:
            return repr(command.first(error))
    return ""


async def _closes_at_once(stream: TcpStream) -> None:
    stream._wire.incoming.clear()
    stream._transport.close()
    while not stream._wire.is_lost:
        await stream._wire.changed.wait()


@pytest.mark.finding("W1")
def test_a_close_that_loses_bytes_fails_a_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soak_streams, "CHOICES", ["tcp"])  # QUIC draws its own keys, so no seed repeats it
    run_simulated(streams, 27)
    monkeypatch.setattr(TcpStream, "_finish", _closes_at_once)
    with pytest.raises(ExceptionGroup) as caught:
        run_simulated(streams, 27)
    assert "closed well, and" in str(command.first(caught.value))


async def _gets_another(peer: KademliaPeer, key: int) -> bytes:
    return b"another"


async def _finds_nothing(peer: KademliaPeer, key: int) -> bytes:
    raise NotFound("nothing")


async def _boasts(peer: KademliaPeer, key: int, value: bytes) -> PutDone:
    done: PutDone = await peer.peer.outcome(peer.machine.put, key, value)
    return dataclasses.replace(done, copies=done.copies + 1)


def _tells_nobody(copies: Copies, search: Search, now: float) -> None:
    search.tokens.clear()
    SEND_COPIES(copies, search, now)


SEND_COPIES = Copies.send


@pytest.mark.parametrize(
    ("where", "name", "broken", "is_lossless", "what"),
    [
        (KademliaPeer, "get", _gets_another, False, "another value"),
        (KademliaPeer, "get", _finds_nothing, False, "NotFound"),
        (KademliaPeer, "get", _finds_nothing, True, "NotFound"),
        (KademliaPeer, "put", _boasts, False, "according to the put"),
        (Copies, "send", _tells_nobody, True, "PeerTimeout"),
    ],
)
def test_a_peer_that_does_not_do_what_it_says_fails_a_seed(
    where: type, name: str, broken: object, is_lossless: bool, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _failure(overlays, is_lossless=is_lossless) == ""
    monkeypatch.setattr(where, name, broken)
    assert what in _failure(overlays, is_lossless=is_lossless)


async def _reverses_nothing(desk: Desk, data: bytes, caller: object) -> bytes:
    return data


async def _skips_a_number(desk: Desk, count: int, caller: object) -> AsyncGenerator[int, None]:
    for number in range(1, count):
        yield number


async def _refuses(desk: Desk, data: bytes, caller: object) -> bytes:
    raise Refusal("no")


@pytest.mark.parametrize(
    ("name", "broken", "what"),
    [
        ("_reverse", _reverses_nothing, "had a"),
        ("_count", _skips_a_number, "of a subscription came after"),
        ("_reverse", _refuses, "CallFailed"),
    ],
)
def test_a_service_that_answers_something_else_fails_a_seed(
    name: str, broken: object, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Desk, name, broken)
    assert what in _failure(nodes.nodes)


def test_a_stream_that_is_read_in_part_fails_a_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def keeps_a_part(server: Server, stream: Stream, connection: object) -> None:
        server.kept[await stream.read_exactly(nodes.NAME_BYTES)] = await stream.read(10)

    monkeypatch.setattr(Server, "_keep", keeps_a_part)
    assert "arrived" in _failure(nodes.nodes, is_lossless=False)


async def _leaves_a_task(world: World, random: Random) -> None:
    async with world.connections() as connect:
        one, other = await connect()
        one.reset()
        other.reset()
    asyncio.get_running_loop().create_task(asyncio.Event().wait(), name="left")


KEPT: list[socket.socket] = []


async def _leaves_a_socket(world: World, random: Random) -> None:
    with world.ana if isinstance(world, Simulated) else contextlib.nullcontext():
        KEPT.append(socket.socket())


@pytest.mark.parametrize(("scenario", "what"), [(_leaves_a_task, "task"), (_leaves_a_socket, "socket")])
@pytest.mark.parametrize("run", command.RUNS.values())
def test_what_is_left_fails_a_seed(
    run: Callable[[Scenario, int], None], scenario: Scenario, what: str
) -> None:
    with pytest.raises((Leak, Failed), match=f"{what}s? "):
        run(scenario, 1)
    while KEPT:
        KEPT.pop().close()


def test_a_seed_that_fails_is_told_with_the_command_that_repeats_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def fails(world: World, random: Random) -> None:
        raise Failed("a promise was broken")

    monkeypatch.setitem(command.KINDS, "streams", fails)
    assert command.main(["streams", "--seeds", "7-8", "--on", "simulated"]) == 1
    said = capsys.readouterr().out
    assert "seed 7, simulated: Failed('a promise was broken')" in said
    assert "python -m tests.soak streams --on simulated --seeds 8-8" in said
    assert "2 seeds from 7 on, 2 failed" in said
    assert command.main(["streams", "--seeds", "7", "--minutes", "0"]) == 0
