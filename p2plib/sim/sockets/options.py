"""Socket options as on Linux: what `setsockopt` takes, and what `getsockopt` returns before and after.

Rules:

* An option that is set is kept in the socket's `options`, as a number, or as bytes if it is a structure; the
  kernel's objects look there. What they do not look at is remembered and has no effect.
* Multicast memberships go to the endpoint at once.
* The sizes of buffers are doubled, as Linux does, and kept within Linux's usual bounds.
* An option of another kind of socket, or one that Linux does not have, is ENOPROTOOPT or EOPNOTSUPP.

The numbers that Python does not name are Linux's own (`p2plib.sim.sockets.constants`).
"""

from __future__ import annotations

import errno
import socket
import struct
from typing import Any

from p2plib.sim.sockets.constants import (
    IP_PKTINFO,
    IP_RECVERR,
    IPV6_RECVPKTINFO,
    SO_ACCEPTCONN,
    SO_DOMAIN,
    SO_PROTOCOL,
    SO_RCVLOWAT,
    SO_REUSEADDR,
    SO_REUSEPORT,
    SO_SNDLOWAT,
    TCP_KEEPCNT,
    TCP_KEEPIDLE,
    TCP_KEEPINTVL,
    TCP_LINGER2,
    TCP_MAXSEG,
    TCP_QUICKACK,
    TCP_SYNCNT,
)
from p2plib.sim.sockets.interfaces import interfaces_of
from p2plib.sim.sockets.opened import Opened, fail

SOL, IP, IP6 = socket.SOL_SOCKET, socket.IPPROTO_IP, socket.IPPROTO_IPV6
TCP, UDP = socket.IPPROTO_TCP, socket.IPPROTO_UDP
RCVBUF, SNDBUF = (SOL, socket.SO_RCVBUF), (SOL, socket.SO_SNDBUF)
LINGER, ERROR = (SOL, socket.SO_LINGER), (SOL, socket.SO_ERROR)
_TYPE, _LISTENS = (SOL, socket.SO_TYPE), (SOL, SO_ACCEPTCONN)
_DOMAIN, _PROTOCOL = (SOL, SO_DOMAIN), (SOL, SO_PROTOCOL)
_READ_ONLY = (_TYPE, _LISTENS, _DOMAIN, _PROTOCOL, ERROR, (SOL, SO_SNDLOWAT))
_LARGEST_BUFFER = 425_984  # twice the defaults of net.core.rmem_max and wmem_max
_SMALLEST_BUFFER = {RCVBUF: 2304, SNDBUF: 4608}

MEMBERSHIPS = (
    (IP, socket.IP_ADD_MEMBERSHIP), (IP, socket.IP_DROP_MEMBERSHIP),
    (IP6, socket.IPV6_JOIN_GROUP), (IP6, socket.IPV6_LEAVE_GROUP),
)  # fmt: skip
_MULTICAST_IF = (IP, socket.IP_MULTICAST_IF)
_INTERFACES = (_MULTICAST_IF, (IP6, socket.IPV6_MULTICAST_IF))

_V6ONLY = (IP6, socket.IPV6_V6ONLY)
_TTL = (IP, socket.IP_TTL)

# The options there are: the names that Python has, and the numbers that Linux has assigned so far.
_KNOWN = {
    level: {getattr(socket, name) for name in dir(socket) if name.startswith(prefix)} | {*range(1, last + 1)}
    for level, prefix, last in (
        (SOL, "SO_", 82), (TCP, "TCP_", 44), (IP, "IP_", 52), (IP6, "IPV6_", 80), (UDP, "UDP_", 104),
    )
}  # fmt: skip
# The smallest and the largest value of an option.
_BOUNDS = {
    _TTL: (-1, 255),
    (TCP, TCP_KEEPIDLE): (1, 32_767),
    (TCP, TCP_KEEPINTVL): (1, 32_767),
    (TCP, TCP_KEEPCNT): (1, 127),
    (TCP, TCP_SYNCNT): (1, 127),
    (TCP, TCP_MAXSEG): (88, 32_767),
}

# Options that are on or off: any value but 0 becomes 1.
_YES_OR_NO = {
    (SOL, SO_REUSEADDR), (SOL, SO_REUSEPORT), (SOL, socket.SO_BROADCAST),
    (SOL, socket.SO_KEEPALIVE), (SOL, socket.SO_OOBINLINE), (SOL, socket.SO_DONTROUTE),
    (TCP, socket.TCP_NODELAY), (IP, socket.IP_MULTICAST_LOOP), (IP6, socket.IPV6_MULTICAST_LOOP),
    (IP6, socket.IPV6_V6ONLY), (IP6, IPV6_RECVPKTINFO), (IP, IP_PKTINFO), (IP, IP_RECVERR),
}  # fmt: skip

# The defaults that are not 0.
_AT_FIRST = {
    (SOL, SO_SNDLOWAT): 1, (SOL, SO_RCVLOWAT): 1,
    (TCP, TCP_MAXSEG): 536, (TCP, TCP_KEEPIDLE): 7200,
    (TCP, TCP_KEEPINTVL): 75, (TCP, TCP_KEEPCNT): 9,
    (TCP, TCP_SYNCNT): 6, (TCP, TCP_LINGER2): 60,
    (TCP, TCP_QUICKACK): 1, (IP, socket.IP_TTL): 64,
    (IP, socket.IP_MULTICAST_TTL): 1, (IP, socket.IP_MULTICAST_LOOP): 1,
    (IP6, socket.IPV6_UNICAST_HOPS): 64, (IP6, socket.IPV6_MULTICAST_HOPS): 1,
    (IP6, socket.IPV6_MULTICAST_LOOP): 1,
}  # fmt: skip
_BUFFERS_AT_FIRST = {
    (socket.SOCK_DGRAM, RCVBUF): 212_992, (socket.SOCK_DGRAM, SNDBUF): 212_992,
    (socket.SOCK_STREAM, RCVBUF): 131_072, (socket.SOCK_STREAM, SNDBUF): 16_384,
}  # fmt: skip


def set_option(opened: Opened, level: int, option: int, value: Any, optlen: int | None = None) -> None:
    """Set an option, as `socket.setsockopt` does.

    Raises:
        OSError: ENOPROTOOPT, EINVAL, or what the endpoint raises for a membership.
        TypeError: the value is neither a number nor bytes.
    """
    key = (int(level), int(option))
    _check_kind(opened, key, setting=True)
    if value is None:
        if optlen is None:
            raise TypeError("setsockopt() needs a length when the value is None")
        raise fail(errno.EFAULT)
    if not isinstance(value, int):
        value = bytes(memoryview(value))
    if key in MEMBERSHIPS or key in _INTERFACES:
        _multicast(opened, key, value)
    elif key in _READ_ONLY:
        raise fail(errno.ENOPROTOOPT)
    elif key == _V6ONLY and opened.end.local is not None:
        raise fail(errno.EINVAL)
    elif key == LINGER:
        if isinstance(value, int) or len(value) < 8:
            raise fail(errno.EINVAL)
        opened.set_option(key, value[:8])
    else:
        opened.set_option(key, _plain(key, value))


def _plain(key: tuple[int, int], value: int | bytes) -> int | bytes:
    """Return what is kept of a number, or of bytes that hold one."""
    if isinstance(value, bytes):
        if key[0] == IP and 1 <= len(value) < 4:  # Linux takes one byte for the options of IPv4
            value = value[0]
        elif len(value) < 4:
            raise fail(errno.EINVAL)
        elif len(value) > 4:
            return value  # a structure
        else:
            value = struct.unpack("i", value)[0]
    assert isinstance(value, int)
    if not -(2**31) <= value < 2**31:
        raise TypeError("a bytes-like object is required, not 'int'")
    if key in _SMALLEST_BUFFER:
        wanted = 2 * value if value >= 0 else _LARGEST_BUFFER  # Linux reads it as unsigned
        return max(_SMALLEST_BUFFER[key], min(wanted, _LARGEST_BUFFER))
    least, most = _BOUNDS.get(key, (value, value))
    if not least <= value <= most or (key == _TTL and value == 0):
        raise fail(errno.EINVAL)
    if key == _TTL and value == -1:
        return _AT_FIRST[_TTL]
    if key == (IP, socket.IP_MULTICAST_TTL):
        if not -1 <= value <= 255:
            raise fail(errno.EINVAL)
        return 1 if value == -1 else value
    return int(bool(value)) if key in _YES_OR_NO else value


def _multicast(opened: Opened, key: tuple[int, int], value: int | bytes) -> None:
    if opened.type == socket.SOCK_STREAM:
        if key in MEMBERSHIPS:
            raise fail(errno.EPROTO)
        raise fail(errno.EINVAL if key == _MULTICAST_IF else errno.ENOPROTOOPT)
    opened.end.set_option(*key, value)


def get_option(opened: Opened, level: int, option: int, buflen: int = 0) -> int | bytes:
    """Return an option, as `socket.getsockopt` does: a number, or *buflen* bytes at most.

    Raises:
        OSError: this kind of socket does not have it; or *buflen* is out of range.
    """
    key = (int(level), int(option))
    if not 0 <= buflen <= 1024:
        raise OSError("getsockopt buflen out of range")
    _check_kind(opened, key, setting=False)
    found = _found(opened, key)
    if buflen:
        return (struct.pack("i", found) if isinstance(found, int) else found)[:buflen]
    return found if isinstance(found, int) else int(struct.unpack("i", found[:4])[0])


def _found(opened: Opened, key: tuple[int, int]) -> int | bytes:
    if key == ERROR:
        error = opened.take_error()
        return 0 if error is None else error.errno or errno.EIO
    if key == _PROTOCOL:
        return {socket.SOCK_STREAM: TCP, socket.SOCK_DGRAM: socket.IPPROTO_UDP}[
            socket.SocketKind(opened.type)
        ]
    special = {_TYPE: opened.type, _DOMAIN: opened.family, _LISTENS: int(opened.listening)}
    if key in special:
        return int(special[key])
    if key == _MULTICAST_IF:
        return _address_of_interface(opened, opened.options.get(key, 0))
    if key in opened.options:
        return opened.options[key]  # type: ignore[no-any-return]
    if key == LINGER:
        return bytes(8)
    return _BUFFERS_AT_FIRST.get((socket.SocketKind(opened.type), key), _AT_FIRST.get(key, 0))


def _address_of_interface(opened: Opened, index: int) -> bytes:
    """Return the IPv4 address of an interface, which is what Linux returns for IP_MULTICAST_IF."""
    found = interfaces_of(opened.incarnation.host)
    addresses = [ip for card in found if card.number == index for ip, _ in card.addresses if ":" not in ip]
    return socket.inet_aton(addresses[0] if addresses else "0.0.0.0")


def _check_kind(opened: Opened, key: tuple[int, int], *, setting: bool) -> None:
    """Raise, as Linux does, if a socket has no options of that level."""
    is_stream, is_six = opened.type == socket.SOCK_STREAM, opened.family == socket.AF_INET6
    wrong = (key[0] == TCP and not is_stream) or (key[0] == IP6 and not is_six) or key[0] not in _KNOWN
    if not wrong and key[1] not in _KNOWN[key[0]]:
        raise fail(errno.ENOPROTOOPT)
    if wrong or (key[0] == UDP and is_stream):
        raise fail(errno.ENOPROTOOPT if setting or is_six else errno.EOPNOTSUPP)
    if is_stream and key in ((IP, socket.IP_MULTICAST_TTL), (IP6, socket.IPV6_MULTICAST_HOPS)) and setting:
        raise fail(errno.EINVAL if key[0] == IP else errno.ENOPROTOOPT)
