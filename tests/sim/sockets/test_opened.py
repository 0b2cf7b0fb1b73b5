"""Descriptors: what a number stands for, who shares it, and how it ends."""

from __future__ import annotations

import asyncio
import socket
import warnings

import pytest

from p2plib.errors import HostDown
from p2plib.sim import Internet
from tests.sim.small import run
from tests.sim.sockets.conftest import World, simulated
from tests.sim.sockets.small_sockets import HOME, a_moment, connected, udp


def test_a_descriptor_is_handed_on(world: World) -> None:
    async def program() -> None:
        with udp() as one:
            name, number = one.getsockname(), one.fileno()
            other = one.dup()
            assert other.fileno() != number
            other.close()
            assert one.detach() == number
            assert one.fileno() == -1
            with socket.socket(fileno=number) as same:
                assert (same.fileno(), same.getsockname()) == (number, name)
                same.sendto(b"still open", name)
                await a_moment()
                assert same.recv(100) == b"still open"
                assert socket.fromfd(number, same.family, same.type).getsockname() == name
            with pytest.raises(OSError, match="Bad file descriptor"):
                socket.socket(fileno=number)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        world(program)


def test_a_socket_that_nobody_holds_closes_with_a_warning(world: World) -> None:
    async def program() -> None:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind((HOME, 0))
        name = sock.getsockname()
        kept = [sock]
        del sock
        with pytest.warns(ResourceWarning, match=r"unclosed <.*fd=.*laddr=\('127.0.0.1'"):
            kept.clear()
        with udp(address=name):
            pass

    world(program)


def test_a_watched_copy_that_is_closed_does_not_deafen_the_transport() -> None:
    async def program() -> bytes:
        async with connected() as (client, server):
            copy = client.dup()
            asyncio.get_running_loop().add_reader(copy, lambda: None)
            reader, writer = await asyncio.open_connection(sock=client)
            copy.close()
            server.send(b"hello")
            data = await asyncio.wait_for(reader.read(5), 1)
            writer.close()
            return data

    assert simulated(program) == b"hello"


def test_descriptors_repeat_and_belong_to_their_host() -> None:
    async def main(net: Internet) -> list[int]:
        numbers = []
        for name in ("ana", "ben"):
            with net.host(name), socket.socket() as one, socket.socket() as other:
                numbers += [one.fileno(), other.fileno()]
                theirs = one.dup()
        with net.hosts["ana"], pytest.raises(OSError, match="Bad file descriptor"):
            socket.socket(fileno=theirs.fileno())
        theirs.close()
        return numbers

    first = run(main)
    assert first == run(main)
    assert first == sorted(set(first))
    assert min(first) >= 1_000_000


def test_the_socket_of_a_crashed_host_is_gone() -> None:
    async def main(net: Internet) -> None:
        ana = net.host("ana")
        with ana:
            sock = socket.socket(type=socket.SOCK_DGRAM)
            sock.bind(("", 1000))
        ana.crash()
        with pytest.raises(HostDown, match="ana is down"):
            sock.getsockname()
        sock.close()
        ana.restart()
        with ana, socket.socket(type=socket.SOCK_DGRAM) as again:
            again.bind(("", 1000))

    run(main)
