"""Linux' queue of errors: what became of the datagrams of a socket that has set IP_RECVERR or IPV6_RECVERR.

Such a socket hears that nobody listens where it has sent to, connected or not. `recvmsg` with MSG_ERRQUEUE
gives back the datagram, with the address it was sent to, and as ancillary data Linux' `sock_extended_err`
and the address of the machine that said so.
"""

from __future__ import annotations

import errno
import socket
import struct
from typing import Any

from p2plib.sim.packet import Address
from p2plib.sim.sockets.constants import IP_RECVERR, IPV6_RECVERR
from p2plib.sim.sockets.kernel import Endpoint, is_on
from p2plib.sim.sockets.names import MAPPED

_FOUR = (socket.IPPROTO_IP, IP_RECVERR)
_SIX = (socket.IPPROTO_IPV6, IPV6_RECVERR)
_PORT_UNREACHABLE = (2, 3, 3)  # of ICMP: Linux' number for its origin, type and code (RFC 792)
_PORT_UNREACHABLE_6 = (3, 1, 4)  # of ICMPv6 (RFC 4443)

Refusal = tuple[bytes, Address]  # a datagram, and where it was sent to


def wants_refusals(endpoint: Endpoint, ip: str) -> bool:
    """Whether a socket has asked to hear what becomes of datagrams to an address."""
    return is_on(endpoint, *(_SIX if ":" in ip else _FOUR))


def told_with(family: int, destination: Address) -> tuple[int, int, bytes]:
    """Return the piece of ancillary data that says that nobody listens at *destination*."""
    ip = destination[0]
    cause = struct.pack("=IBBBBII", errno.ECONNREFUSED, *_cause(ip), 0, 0, 0)
    if family == socket.AF_INET:
        return *_FOUR, cause + struct.pack("=HH4s8x", family, 0, socket.inet_aton(ip))
    whole = socket.inet_pton(socket.AF_INET6, ip if ":" in ip else MAPPED + ip)
    return *_SIX, cause + struct.pack("=HHI16sI", family, 0, 0, whole, 0)


def _cause(ip: str) -> Any:
    return _PORT_UNREACHABLE_6 if ":" in ip else _PORT_UNREACHABLE
