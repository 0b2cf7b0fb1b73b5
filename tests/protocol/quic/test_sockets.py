"""Dialling and listening: what a socket says, who is refused, and addresses that may be forged."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from p2plib.errors import CannotListen, Closed, HandshakeFailed, PeerTimeout, Unreachable, UsageError
from p2plib.protocol.quic import sockets
from p2plib.protocol.quic.driver import QuicConnection
from p2plib.protocol.quic.machine import Machine, configure
from p2plib.protocol.quic.sockets import PROVE_ABOVE, QuicListener, dial
from p2plib.sim import Constant, Internet, Link
from tests.protocol.quic import pairs
from tests.protocol.quic.pairs import ALICE, BOB, opened

pytest.importorskip("aioquic")

FORGED = ("192.0.2.66", 6666)


def first_datagram(machine: Machine | None = None) -> bytes:
    """What a client sends first."""
    machine = machine or Machine(configure(ALICE, is_client=True))
    machine.connect(("192.0.2.2", 2222), now=0.0)
    return machine.datagrams_to_send(0.0)[0][0]


async def handler(connection: QuicConnection) -> None:
    await connection.handshake()
    await connection.wait_closed()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_a_connection_over_either_family(host: str) -> None:
    async def main() -> None:
        async with pairs.connections(host) as (near, far):
            await opened(near, far)
            assert near.remote_address[0] == far.remote_address[0]

    asyncio.run(main())


def test_nobody_listens_there() -> None:
    async def main() -> None:
        async with QuicListener(handler, BOB) as listener:
            host, port = listener.address
        with pytest.raises(Unreachable, match=f"no connection to 127.0.0.1:{port}: .*refused"):
            await dial(ALICE, host, port)
        with pytest.raises(Closed, match="not open"):
            _ = listener.address

    asyncio.run(main())


def test_of_a_names_addresses_one_that_answers_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        async with pairs.listening() as (listener, _):
            _, port = listener.address
            found = [(2, 2, 17, "", (host, port)) for host in ("127.0.0.7", "127.0.0.1")]

            async def look_up(*_: Any, **__: Any) -> Any:
                return found

            monkeypatch.setattr(loop, "getaddrinfo", look_up)
            async with await dial(ALICE, "bob.example", port) as connection:
                assert connection.remote_address == ("127.0.0.1", port)

    asyncio.run(main())


def test_a_name_that_there_is_not() -> None:
    async def main(net: Any) -> None:
        with pytest.raises(Unreachable, match=r"no connection to nobody\.example:4001"):
            await net.host("ana").run(dial(ALICE, "nobody.example", 4001))

    Internet(seed=1).run(main)


@pytest.mark.fault("F040")
def test_nobody_answers() -> None:
    async def main(net: Any) -> None:
        ana, ben = net.host("ana"), net.host("ben")
        net.cut([ana], [ben])
        with pytest.raises(PeerTimeout, match="did not finish the handshake in 10 s"):
            await ana.run(dial(ALICE, ben.address, 4001))
        assert net.time == pytest.approx(10, abs=0.1)

    Internet(seed=1, link=Link(Constant(0.02))).run(main)


def test_a_port_that_somebody_has() -> None:
    async def main() -> None:
        async with QuicListener(handler, BOB) as listener:
            with pytest.raises(CannotListen, match=r"cannot listen at 127\.0\.0\.1:\d+: .*in use"):
                await QuicListener(handler, BOB, *listener.address).__aenter__()

    asyncio.run(main())


@pytest.mark.finding("M5")
def test_all_interfaces_of_one_family() -> None:
    """As most nodes are set up: one port at "0.0.0.0" and at "::"."""

    async def main() -> None:
        async with QuicListener(handler, BOB, "0.0.0.0") as four:
            _, port = four.address
            assert ("127.0.0.1", port) in four.addresses
            async with QuicListener(handler, BOB, "::", port) as six:
                assert ("::1", port) in six.addresses
                for host, listener in (("127.0.0.1", four), ("::1", six)):
                    async with await dial(ALICE, host, port):
                        assert listener.connections == 1

    asyncio.run(main())


@pytest.mark.finding("W10")
@pytest.mark.parametrize("host", ["a" * 300, "a..b", "\0", "é" * 70 + ".example"])
def test_what_can_be_no_host(host: str) -> None:
    async def main() -> None:
        with pytest.raises(Unreachable, match="no connection to"):
            await dial(ALICE, host, 4001)
        with pytest.raises(CannotListen, match="cannot listen at"):
            await QuicListener(handler, BOB, host).__aenter__()

    asyncio.run(main())


@pytest.mark.finding("W10")
@pytest.mark.parametrize("port", [-1, 65_536])
def test_what_can_be_no_port(port: int) -> None:
    async def main() -> None:
        with pytest.raises(UsageError, match="a port is 0 to 65535"):
            await dial(ALICE, "127.0.0.1", port)
        with pytest.raises(UsageError, match="a port is 0 to 65535"):
            await QuicListener(handler, BOB, "127.0.0.1", port).__aenter__()

    asyncio.run(main())


def test_at_most_so_many_connections() -> None:
    async def main() -> None:
        async with QuicListener(handler, BOB, max_connections=2) as listener:
            ours = [await dial(ALICE, *listener.address) for _ in range(2)]
            with pytest.raises(PeerTimeout):
                await dial(ALICE, *listener.address, timeout_s=0.2)
            while not listener.failures["too many connections"]:
                await asyncio.sleep(0.001)
            assert listener.connections == 2
            await ours[0].close()
            while listener.connections == 2:
                await asyncio.sleep(0.001)
            ours.append(await dial(ALICE, *listener.address))
            await asyncio.gather(*(each.close() for each in ours))
        assert not listener._routes

    asyncio.run(main())


def test_what_a_handler_raises() -> None:
    async def raises(connection: QuicConnection) -> None:
        await connection.handshake()
        raise errors.pop()

    errors: list[Exception] = [KeyError("ours"), UsageError("ours, too"), HandshakeFailed("theirs")]

    async def main() -> None:
        seen: list[str] = []
        asyncio.get_running_loop().set_exception_handler(
            lambda _, context: seen.append(repr(context["exception"]))
        )
        async with QuicListener(raises, BOB) as listener:
            for _ in range(3):
                async with await dial(ALICE, *listener.address) as connection:
                    await connection.wait_closed()
            assert listener.failures == {"HandshakeFailed": 1}
            assert seen == ["UsageError('ours, too')", "KeyError('ours')"]

    asyncio.run(main())


def test_leaving_the_block_closes_what_is_open() -> None:
    async def main() -> None:
        before = asyncio.all_tasks()
        async with QuicListener(handler, BOB) as listener:
            connection = await dial(ALICE, *listener.address)
            late = listener._receive
        await connection.wait_closed()
        await connection.close()
        late(first_datagram(), FORGED)  # which the socket had taken already
        assert listener.connections == 0
        assert asyncio.all_tasks() == before

    asyncio.run(main())


# Addresses that may be forged


class Noting:
    """Stands for a listener's socket, and keeps what is sent."""

    def __init__(self, listener: QuicListener) -> None:
        assert listener._wire is not None
        self.sent: list[tuple[bytes, Any]] = []
        self._right = listener._wire.transport
        listener._wire.transport = self  # type: ignore[assignment]

    def sendto(self, data: bytes, address: Any) -> None:
        self.sent.append((data, address))
        if address[0] != FORGED[0]:
            self._right.sendto(data, address)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._right, name)


@pytest.mark.fault("F052")
def test_a_crowd_of_forged_addresses_keeps_nobody_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Past `PROVE_ABOVE` of them, an address has to be proved first; whoever is there does so."""

    async def main() -> None:
        async with QuicListener(handler, BOB) as listener:
            noting = Noting(listener)
            for number in range(3 * PROVE_ABOVE):
                listener._receive(first_datagram(), (FORGED[0], 1000 + number))
            assert listener.connections == len(listener._unproved) == PROVE_ABOVE
            to_strangers = [data for data, address in noting.sent if address[0] == FORGED[0]]
            bytes_to_each = sum(map(len, to_strangers)) / (3 * PROVE_ABOVE)
            assert bytes_to_each <= 3 * 1200, "RFC 9000, 8.1: three times what came"
            async with await dial(ALICE, *listener.address, expected=BOB.public) as connection:
                assert await connection.ping() > 0
                assert len(listener._unproved) == PROVE_ABOVE
        assert not listener._unproved

    asyncio.run(main())


@pytest.mark.fault("F052")
def test_what_a_forged_address_breaks_is_not_its_owners_fault() -> None:
    """A handshake that fails before the address is proved is `Closed`; a node takes only the other for an
    offence of a host."""

    async def main() -> None:
        async with QuicListener(handler, BOB) as listener:
            Noting(listener)
            configuration = configure(ALICE, is_client=True)
            configuration.alpn_protocols = ["h3"]
            listener._receive(first_datagram(Machine(configuration)), FORGED)
            while listener.connections:
                await asyncio.sleep(0)
            assert listener.failures == {"Closed": 1}

    asyncio.run(main())


@pytest.mark.fault("F052")
def test_garbage_makes_no_connection_and_no_noise(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with pairs.listening() as (listener, arrived):
            noting = Noting(listener)
            near = await dial(ALICE, *listener.address)
            far = await arrived.get()
            name = far.machine.host_cid
            noting.sent.clear()
            data = first_datagram()
            short = b"\x40" + name
            for garbage in (b"", b"\x00", short, short + bytes(1200), b"\xff" * 1500, data[:1199]):
                listener._receive(garbage, FORGED)
            for at in range(60):
                changed = bytearray(data)
                changed[at] ^= 0x55
                listener._receive(bytes(changed), FORGED)
            assert sum(len(data) for data, _ in noting.sent) < 60 * 3 * 1200
            assert await near.ping() > 0, "and the connection whose name was abused goes on"
            await near.close()

    asyncio.run(main())
    assert logging.getLogger("quic").handlers, "aioquic's warnings of strangers go nowhere by default"


def test_the_names_of_a_connection_are_forgotten_with_it() -> None:
    async def main() -> None:
        async with pairs.listening() as (listener, arrived):
            near = await dial(ALICE, *listener.address)
            far = await arrived.get()
            await near.ping()
            assert not listener._unproved, "it has proved its address by the handshake"
            assert len(listener._routes) > 2, "the other side has been given names to use later"
            near.machine.change_connection_id()
            near.wake()
            assert await near.ping() > 0
            await near.close()
            await far.wait_closed()
            assert listener._routes == {}

    asyncio.run(main())


def test_a_refusal_in_the_middle_is_no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Anybody can forge ICMP's "nobody listens here"."""
    wires: list[Any] = []
    made = sockets._Wire

    def noting(*arguments: Any) -> Any:
        wires.append(made(*arguments))
        return wires[-1]

    monkeypatch.setattr(sockets, "_Wire", noting)

    async def main() -> None:
        async with pairs.connections() as (near, _):
            for wire in wires:
                wire.error_received(ConnectionRefusedError(111, "Connection refused"))
            assert await near.ping() > 0

    asyncio.run(main())


@pytest.mark.finding("W8")
def test_a_connection_that_comes_in_the_last_moment_is_over_with_its_listener() -> None:
    async def main() -> None:
        async with QuicListener(handler, BOB) as listener:
            listener._receive(first_datagram(), FORGED)  # its task is cancelled before it has begun
            (connection,) = set(listener._routes.values())
        assert connection._is_silent
        assert not listener._routes

    asyncio.run(main())
