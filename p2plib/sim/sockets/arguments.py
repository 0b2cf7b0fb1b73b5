"""The arguments of a socket's calls: addresses and data as a program writes them, and what is neither.

The errors have the words of Python's own socket module.
"""

from __future__ import annotations

import errno
import socket
from typing import Any

from p2plib.sim.sockets.constants import AF_UNIX

HIGH_WATER = 65_536  # asyncio's own: above so many bytes, a transport pauses its protocol


def checked(call: str, family: int, address: Any) -> Any:
    """Return the address that a program has passed to *call*, if it has the form of one.

    Raises:
        TypeError: it does not have that form.
    """
    if family == AF_UNIX:
        return address
    kind = "AF_INET6" if family == socket.AF_INET6 else "AF_INET"
    if not isinstance(address, tuple):
        raise TypeError(f"{call}(): {kind} address must be tuple, not {type(address).__name__}")
    if kind == "AF_INET" and len(address) != 2:
        raise TypeError("AF_INET address must be a pair (host, port)")
    if not 2 <= len(address) <= 4:
        raise TypeError("AF_INET6 address must be a tuple (host, port[, flowinfo[, scopeid]])")
    name, port = address[:2]
    if isinstance(name, bytes | bytearray):
        name = bytes(name).decode()
    if not isinstance(name, str):
        raise TypeError(f"str, bytes or bytearray expected, not {type(name).__name__}")
    if not hasattr(port, "__index__"):
        raise TypeError(f"'{type(port).__name__}' object cannot be interpreted as an integer")
    return name, port.__index__(), *address[2:]


def write_buffer_limits(high: int | None, low: int | None) -> tuple[int, int]:
    """Return the limits (low, high) of a transport's write buffer; the defaults are asyncio's.

    Raises:
        ValueError: they are not in this order, or below 0.
    """
    if high is None:
        high = HIGH_WATER if low is None else 4 * low
    if low is None:
        low = high // 4
    if not high >= low >= 0:
        raise ValueError(f"high ({high!r}) must be >= low ({low!r}) must be >= 0")
    return low, high


def joined(buffers: Any) -> bytes:
    """Return the bytes of several buffers as one."""
    return b"".join(bytes(memoryview(buffer)) for buffer in buffers)


def raw(data: Any) -> bytes:
    """Return the bytes of a buffer; a str is not a buffer.

    Raises:
        TypeError: it is not a buffer.
    """
    if isinstance(data, str) or not _is_buffer(data):
        raise TypeError(f"a bytes-like object is required, not '{type(data).__name__}'")
    return data if type(data) is bytes else bytes(memoryview(data))


def _is_buffer(data: Any) -> bool:
    try:
        memoryview(data)
    except TypeError:
        return False
    return True


def kind_of(family: int, type: int, proto: int) -> int:
    """Return SOCK_STREAM or SOCK_DGRAM, if a simulated host has sockets of that kind.

    Raises:
        OSError: the three do not fit together.
    """
    numbers: dict[int, int] = {socket.SOCK_STREAM: socket.IPPROTO_TCP, socket.SOCK_DGRAM: socket.IPPROTO_UDP}
    if type not in (*numbers, socket.SOCK_RAW, socket.SOCK_SEQPACKET, socket.SOCK_RDM):
        raise OSError(errno.EINVAL, "Invalid argument")
    if proto not in (0, numbers.get(type)):
        raise OSError(errno.EPROTONOSUPPORT, "Protocol not supported")
    return type
