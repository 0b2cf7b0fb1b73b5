"""The socket that a simulated transport shows: addresses, options, and calls that it does not have."""

from __future__ import annotations

import errno
import socket

import pytest

from p2plib.errors import Unsupported
from p2plib.sim import Internet
from tests.sim.small import mailbox, run


def test_it_knows_its_addresses_and_remembers_options() -> None:
    async def main(net: Internet) -> None:
        ana, ben = net.host("ana"), net.host("ben")
        boxes = [await mailbox(ana, 1000), await mailbox(ben, remote_addr=(ana.address, 1000))]
        open_to_all, connected = (box.transport.get_extra_info("socket") for box in boxes)
        assert (open_to_all.family, open_to_all.type) == (socket.AF_INET, socket.SOCK_DGRAM)
        assert open_to_all.getsockname() == ("0.0.0.0", 1000)
        with pytest.raises(OSError, match="not connected") as caught:
            open_to_all.getpeername()
        assert caught.value.errno == errno.ENOTCONN
        assert connected.getpeername() == (ana.address, 1000)
        assert connected.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) == 212_992
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        assert connected.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) == 4096
        assert (connected.fileno(), connected.gettimeout()) == (-1, 0.0)
        for box in boxes:
            box.close()

    run(main)


@pytest.mark.parametrize("call", ["send", "sendto", "recv", "bind", "connect", "accept", "dup"])
def test_calls_that_would_go_round_the_loop_are_refused(call: str) -> None:
    async def main(net: Internet) -> None:
        box = await mailbox(net.host("ana"), 1000)
        shown = box.transport.get_extra_info("socket")
        with pytest.raises(Unsupported, match=f"socket.{call} is not part"):
            getattr(shown, call)
        assert not hasattr(shown, "no_such_call")
        box.close()

    run(main)
