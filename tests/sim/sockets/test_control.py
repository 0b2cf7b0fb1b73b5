"""`fcntl` of a socket's descriptor, taken by name before the run as libraries do."""

from __future__ import annotations

import errno
import os
import socket

import pytest

from p2plib.errors import Unsupported
from p2plib.sim import Internet
from tests.sim.sockets.conftest import World
from tests.sim.sockets.small_sockets import raised

fcntl_module = pytest.importorskip("fcntl")
from fcntl import F_GETFD, F_GETFL, F_SETFD, F_SETFL, FD_CLOEXEC, fcntl  # noqa: E402


def test_a_socket_is_closed_on_exec_and_does_not_block(world: World) -> None:
    async def program() -> None:
        with socket.socket() as sock:
            sock.setblocking(False)
            for call in (fcntl, fcntl_module.fcntl):
                assert call(sock, F_GETFD) == FD_CLOEXEC
                assert call(sock.fileno(), F_SETFD, FD_CLOEXEC) == 0
                flags = call(sock, F_GETFL)
                assert flags & os.O_NONBLOCK
                assert call(sock, F_SETFL, flags) == 0
            number = sock.fileno()
        assert raised(lambda: fcntl(number, F_GETFD)) == (OSError, errno.EBADF)

    world(program)


def test_what_only_a_kernel_can_do_is_refused_and_files_are_as_ever() -> None:
    async def main(net: Internet) -> None:
        with net.host("ana"), socket.socket() as sock:
            with pytest.raises(Unsupported, match=r"fcntl.* of a socket .* setblocking"):
                fcntl(sock, F_SETFL, 0)
            with open(os.devnull) as file:
                assert fcntl(file, F_GETFD) == FD_CLOEXEC

    Internet(seed=1).run(main)
    assert fcntl_module.fcntl is fcntl
