"""Linux's error queue: what became of the datagrams of a socket that has set IP_RECVERR or IPV6_RECVERR.

Such a socket gets ECONNREFUSED if nobody listens where it has sent to, whether it is connected or not.
`recvmsg` with MSG_ERRQUEUE returns the datagram, the address that it was sent to, and as ancillary data
Linux's `sock_extended_err` with the address of the machine that reported it.
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
_PORT_UNREACHABLE = (2, 3, 3)  # of ICMP: Linux's number for its origin, type and code (RFC 792)
_PORT_UNREACHABLE_6 = (3, 1, 4)  # of ICMPv6 (RFC 4443)

Refusal = tuple[bytes, Address]  # a datagram, and where it was sent to


def wants_refusals(endpoint: Endpoint, ip: str) -> bool:
    """Whether a socket has asked for errors of datagrams to this address."""
    return is_on(endpoint, *(_SIX if ":" in ip else _FOUR))


def told_with(family: int, destination: Address) -> tuple[int, int, bytes]:
    """Return the ancillary data which reports that nobody listens at *destination*."""
    ip = destination[0]
    cause = struct.pack("=IBBBBII", errno.ECONNREFUSED, *_cause(ip), 0, 0, 0)
    if family == socket.AF_INET:
        return *_FOUR, cause + struct.pack("=HH4s8x", family, 0, socket.inet_aton(ip))
    whole = socket.inet_pton(socket.AF_INET6, ip if ":" in ip else MAPPED + ip)
    return *_SIX, cause + struct.pack("=HHI16sI", family, 0, 0, whole, 0)


def _cause(ip: str) -> Any:
    return _PORT_UNREACHABLE_6 if ":" in ip else _PORT_UNREACHABLE
