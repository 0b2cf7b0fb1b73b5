"""Lab 0, task 2: the half that answers. The reference, and what an answering peer must and must not do."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Sequence
from typing import Any

from p2plib.errors import DecodeError
from p2plib.labs.engine.tasks import Case, Task, Wrong
from p2plib.labs.lab00_network.peer_socket import PeerSocket, connect
from p2plib.labs.lab00_network.wire import PING, PONG, decode_ping, encode_ping
from p2plib.labs.lab00_network.world import PORT, serve, world
from p2plib.sim import Internet, Link

MakeResponder = Callable[[], Any]  # a reader's class
QUIET_S = 5.0  # what has not come by then does not come


class Responder(asyncio.DatagramProtocol):
    """Answers every ping with a pong of the same number, and is silent about everything else."""

    def connection_made(self, transport: Any) -> None:
        """The socket is there."""
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        """Answer, if it is a ping."""
        try:
            kind, number = decode_ping(data)
        except DecodeError:
            return
        if kind == PING:
            self.transport.sendto(encode_ping(PONG, number), addr)


def _served(yours: MakeResponder, main: Callable[[Internet, Any], Any], **named: Any) -> Any:
    """Run something against the reader's responder on Ben."""
    if isinstance(yours, type) and inspect.iscoroutinefunction(getattr(yours, "datagram_received", None)):
        hint = "asyncio calls datagram_received and does not await it: use a plain def"
        raise Wrong("its datagram_received is an async function, which never runs", hint)

    async def whole(net: Internet) -> Any:
        responder = await serve(net.hosts["ben"], yours)
        transport = next(iter(net.hosts["ben"].udp.values()))
        try:
            return await main(net, responder)
        finally:
            transport.close()

    return world(whole, **named)[0]


async def _exchange(net: Internet, host: str, datagrams: Sequence[bytes]) -> list[bytes]:
    """Send datagrams from a host to Ben, a tenth of a second apart; return what came back."""

    async def on_host() -> list[bytes]:
        async with await connect((net.hosts["ben"].address, PORT)) as socket:
            for data in datagrams:
                socket.send(data)
                await asyncio.sleep(0.1)
            return await _all(socket)

    return list(await net.hosts[host].run(on_host()))


async def _all(socket: PeerSocket) -> list[bytes]:
    got: list[bytes] = []
    try:
        async with asyncio.timeout(QUIET_S):
            while True:
                got.append(await socket.receive())
    except TimeoutError:
        return got


def _compare(got: list[bytes], asked: Sequence[bytes], numbers: Sequence[int]) -> None:
    """Whether the replies are the pongs of these numbers, in their order."""
    if not got:
        hint = "self.transport.sendto(encode_ping(PONG, number), addr) sends the answer"
        if list(numbers) == [0]:
            raise Wrong("ping number 0 was not answered", "0 is a number like any other")
        raise Wrong("a ping was not answered", hint)
    if got == list(asked):
        raise Wrong("it sent the ping back unchanged", "the answer is of kind PONG")
    if len(got) > len(numbers):
        raise Wrong(f"it sent {len(got)} answers to {_pings(numbers)}", "one ping, one pong")
    if len(got) < len(numbers):
        hint = "every ping is answered, even a second one"
        if len(set(numbers)) < len(numbers):
            hint += " of the same number: the first answer may have been lost"
        raise Wrong(f"it sent {len(got)} answer{'s'[: len(got) != 1]} to {_pings(numbers)}", hint)
    for data, number in zip(got, numbers, strict=True):
        try:
            kind, answered = decode_ping(data)
        except DecodeError as error:
            raise Wrong(f"its answer is not a ping datagram: {error}", "make it with encode_ping") from None
        if kind != PONG:
            raise Wrong("its answer is a ping", "the answer is of kind PONG")
        if answered != number:
            raise Wrong(
                f"the answer to ping {number} has number {answered}", "answer with the number that was asked"
            )


def _pings(numbers: Sequence[int]) -> str:
    return "one ping" if len(numbers) == 1 else f"{len(numbers)} pings"


def answers(*numbers: int, **named: Any) -> Case:
    """A probe: pings of these numbers are answered, each once, in their order."""

    def probe(yours: MakeResponder) -> None:
        asked = [encode_ping(PING, number) for number in numbers]

        async def main(net: Internet, responder: Any) -> None:
            _compare(await _exchange(net, "ana", asked), asked, numbers)

        _served(yours, main, **named)

    return probe


def _two_askers(yours: MakeResponder) -> None:
    async def main(net: Internet, responder: Any) -> None:
        net.host("cleo")
        async with asyncio.TaskGroup() as group:
            tasks = {
                host: group.create_task(_exchange(net, host, [encode_ping(PING, n) for n in numbers]))
                for host, numbers in {"ana": (1, 2), "cleo": (7, 8)}.items()
            }
        for host, numbers in {"ana": [1, 2], "cleo": [7, 8]}.items():
            got = [decode_ping(data)[1] for data in tasks[host].result()]
            if got != numbers:
                hint = "answer whoever sent this datagram, at addr: remember nothing from before"
                raise Wrong(f"with two askers, {host.capitalize()} asked {numbers} and got {got}", hint)

    _served(yours, main)


def silent(what: str, hint: str, *datagrams: bytes) -> Case:
    """A probe: these datagrams are not answered, and a ping after them is."""

    def probe(yours: MakeResponder) -> None:
        async def main(net: Internet, responder: Any) -> None:
            got = await _exchange(net, "ana", [*datagrams, encode_ping(PING, 77)])
            if len(got) > 1:
                raise Wrong(f"it answered {what}", hint)
            if not got:
                raise Wrong(
                    f"after {what} it stopped answering", "go on: the next datagram may be from a friend"
                )

        _served(yours, main)

    return probe


GARBAGE = (
    b"",
    b"p2p",
    b"hello, is it me?",
    b"p2p\1\0\0\0\1\0",
    b"P2P\1\0\0\0\1",
    b"p2p\3\0\0\0\1",
    b"p2p\1" + bytes(500),
)


def _answered_through_noise(yours: MakeResponder) -> None:
    """On a link that loses, doubles and turns bits: whatever whole ping arrives is answered."""

    async def main(net: Internet, responder: Any) -> tuple[int, int]:
        got = await _exchange(net, "ana", [encode_ping(PING, number) for number in range(60)])
        arrived = 0
        for packet in net.trace:
            if packet.sender == "ana" and not packet.fate:
                arrived += 1
        return arrived, len(got)

    arrived, got = _served(yours, main, seed=4, link=Link(latency=0.04, loss=0.2, corrupt=0.1))
    if not arrived * 0.5 < got <= arrived:
        raise Wrong(f"of {arrived} datagrams that reached it, it answered {got}", "every whole ping, once")


_PONG_LOOP = "answer only questions: two peers that answer answers never stop"
RESPONDER = Task(
    "Responder",
    Responder,
    cases=[
        answers(1),
        answers(5, 6, 2**32 - 1),
        answers(0),
        answers(7, 7),
        _two_askers,
        silent("garbage", "ignore whatever decode_ping refuses, and send nothing", *GARBAGE),
        silent("a pong", _PONG_LOOP, encode_ping(PONG, 3)),
        _answered_through_noise,
    ],
    hint="decode; if it is a ping, send a pong of its number to addr",
)
