"""The constants of the socket interface that not every Python has: Python's own value, or else Linux's.

Python has a constant only if the system does. In Pyodide even SO_REUSEADDR is missing, and other systems lack
others. A simulated host has them all, for it does what Linux does.

`LINUX` are those that Python has on every Linux but not in Pyodide. During a run they are in the module
`socket` on every system, so that programs find them (`p2plib.sim.sockets.module`).

Errors are another matter: they have the numbers of Python's module `errno`, and Pyodide's are not Linux's.

The numbers are from the sources of Linux: include/linux/socket.h (AF, MSG), include/linux/net.h (SOCK), and
in include/uapi: asm-generic/socket.h (SO), linux/in.h (IP), linux/in6.h (IPV6), linux/tcp.h (TCP). Those of
EAI and AI are from glibc's netdb.h.
"""

from __future__ import annotations

import socket


def _number(name: str, linux: int) -> int:
    return int(getattr(socket, name, linux))


AF_UNIX = _number("AF_UNIX", 1)
SOCK_NONBLOCK = _number("SOCK_NONBLOCK", 0x800)
SOCK_CLOEXEC = _number("SOCK_CLOEXEC", 0x80000)

SO_REUSEADDR = _number("SO_REUSEADDR", 2)
SO_REUSEPORT = _number("SO_REUSEPORT", 15)
SO_RCVLOWAT = _number("SO_RCVLOWAT", 18)
SO_SNDLOWAT = _number("SO_SNDLOWAT", 19)
SO_ACCEPTCONN = _number("SO_ACCEPTCONN", 30)
SO_PROTOCOL = _number("SO_PROTOCOL", 38)
SO_DOMAIN = _number("SO_DOMAIN", 39)

IP_PKTINFO = _number("IP_PKTINFO", 8)
IP_RECVERR = _number("IP_RECVERR", 11)
IPV6_RECVERR = _number("IPV6_RECVERR", 25)
IPV6_RECVPKTINFO = _number("IPV6_RECVPKTINFO", 49)
IPV6_PKTINFO = _number("IPV6_PKTINFO", 50)

TCP_MAXSEG = _number("TCP_MAXSEG", 2)
TCP_KEEPIDLE = _number("TCP_KEEPIDLE", 4)
TCP_KEEPINTVL = _number("TCP_KEEPINTVL", 5)
TCP_KEEPCNT = _number("TCP_KEEPCNT", 6)
TCP_SYNCNT = _number("TCP_SYNCNT", 7)
TCP_LINGER2 = _number("TCP_LINGER2", 8)
TCP_QUICKACK = _number("TCP_QUICKACK", 12)

# All are plain numbers, as the "and" of Python's enum flags is slow.
MSG_PEEK = _number("MSG_PEEK", 0x2)
MSG_CTRUNC = _number("MSG_CTRUNC", 0x8)  # there was no room for ancillary data
MSG_TRUNC = _number("MSG_TRUNC", 0x20)
MSG_DONTWAIT = _number("MSG_DONTWAIT", 0x40)
MSG_ERRQUEUE = _number("MSG_ERRQUEUE", 0x2000)  # what an ICMP packet reported of one that was sent

AI_V4MAPPED = _number("AI_V4MAPPED", 0x8)
AI_NUMERICSERV = _number("AI_NUMERICSERV", 0x400)
EAI_ADDRFAMILY = _number("EAI_ADDRFAMILY", -9)
EAI_NODATA = _number("EAI_NODATA", -5)

LINUX = {"AF_UNIX": AF_UNIX, "SO_REUSEADDR": SO_REUSEADDR, "SO_REUSEPORT": SO_REUSEPORT}
