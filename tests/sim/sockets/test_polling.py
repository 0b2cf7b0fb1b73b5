"""A look at which sockets are ready, by `select` and `poll`: the same on loopback and in the simulator."""

from __future__ import annotations

import os
import select
import sys

import pytest

from p2plib.errors import Unsupported
from p2plib.sim import Internet
from tests.sim.small import run
from tests.sim.sockets.conftest import World
from tests.sim.sockets.small_sockets import a_moment, connected, udp

polls = pytest.mark.skipif(not hasattr(select, "poll") or sys.platform != "linux", reason="there is no poll")


def test_select_looks_without_waiting(world: World) -> None:
    async def program() -> None:
        with udp() as one, udp() as other:
            assert select.select([one, other], [other], [one], 0) == ([], [other], [])
            one.sendto(b"x", other.getsockname())
            await a_moment()
            assert select.select([one, other.fileno()], [], [], 0) == ([other.fileno()], [], [])
            assert select.select([other], [], []) == ([other], [], []), "nothing has to be waited for"
        with pytest.raises(ValueError, match="file descriptor cannot be a negative integer"):
            select.select([one], [], [], 0)

    world(program)


@polls
def test_poll_looks_without_waiting(world: World) -> None:
    async def program() -> None:
        with udp() as one:
            looking = select.poll()
            looking.register(one, select.POLLIN)
            assert looking.poll(0) == []
            one.sendto(b"x", one.getsockname())
            await a_moment()
            assert looking.poll(0) == [(one.fileno(), select.POLLIN)]
            looking.modify(one.fileno(), select.POLLIN | select.POLLOUT)
            assert looking.poll() == [(one.fileno(), select.POLLIN | select.POLLOUT)]
            looking.unregister(one)
            assert looking.poll(0) == []
            with pytest.raises(FileNotFoundError):
                looking.modify(one, select.POLLIN)
            with pytest.raises(KeyError):
                looking.unregister(one)

    world(program)


@polls
def test_a_client_sees_that_a_connection_it_kept_was_closed(world: World) -> None:
    async def program() -> None:
        async with connected() as (client, server):
            looking = select.poll()
            looking.register(client, select.POLLIN)
            assert looking.poll(0) == []
            server.close()
            await a_moment()
            assert looking.poll(0) == [(client.fileno(), select.POLLIN)]

    world(program)


@polls
def test_a_wait_is_refused_and_real_descriptors_are_looked_at_too() -> None:
    async def main(net: Internet) -> None:
        with net.host("ana"), udp() as one:
            looking = select.poll()
            looking.register(reads, select.POLLIN)
            assert looking.poll(0) == []
            looking.register(one, select.POLLIN)
            with pytest.raises(Unsupported, match=r"select\.poll that has to wait"):
                looking.poll(1000)
            os.write(writes, b"x")
            assert looking.poll() == [(reads, select.POLLIN)]
            assert select.select([one, reads], [], []) == ([reads], [], [])
            number = one.fileno()
            one.close()
            assert looking.poll(0)[0] == (number, select.POLLNVAL)

    reads, writes = os.pipe()
    run(main)
    os.close(reads)
    os.close(writes)
