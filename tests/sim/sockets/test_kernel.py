"""How programs see the kernel's addresses, and the values of options."""

from __future__ import annotations

import socket
import struct

from p2plib.sim.sockets.datagrams import UdpEndpoint
from p2plib.sim.sockets.kernel import Endpoint, family_of, is_on, number, shown_to
from tests.sim.small import mailbox, run


def test_an_ipv4_address_is_shown_mapped_by_a_socket_of_ipv6() -> None:
    assert shown_to(socket.AF_INET, ("10.0.0.1", 5)) == ("10.0.0.1", 5)
    assert shown_to(socket.AF_INET6, ("10.0.0.1", 5)) == ("::ffff:10.0.0.1", 5, 0, 0)
    assert shown_to(socket.AF_INET6, ("2001:db8::1", 5)) == ("2001:db8::1", 5, 0, 0)
    assert (family_of("::"), family_of("0.0.0.0")) == (socket.AF_INET6, socket.AF_INET)


def test_an_option_is_a_number_or_the_bytes_of_a_c_int() -> None:
    values = (1, True, struct.pack("<i", 7), struct.pack("<i", -1), b"\x03", struct.pack("<2i", 5, 6))
    assert [number(value) for value in values] == [1, 1, 7, -1, 3, 5]

    async def main(net: object) -> list[bool]:
        box = await mailbox(net.host("ana"))  # type: ignore[attr-defined]
        endpoint: Endpoint = box.transport.endpoint
        assert isinstance(endpoint, UdpEndpoint)
        key = (socket.SOL_SOCKET, socket.SO_BROADCAST)
        seen = [is_on(endpoint, *key)]
        for value in (0, 1, struct.pack("<i", 0), struct.pack("<i", 1)):
            endpoint.set_option(*key, value)
            seen.append(is_on(endpoint, *key))
        box.close()
        return seen

    assert run(main) == [False, False, True, False, True]
