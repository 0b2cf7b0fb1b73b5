"""IPv6 addresses to bytes and back, for a Python whose socket module is built without IPv6, such as Pyodide.

During a run these functions stand in for its `socket.inet_pton` and `socket.inet_ntop`
(`p2plib.sim.sockets.module`).
"""

from __future__ import annotations

import socket
from ipaddress import IPv6Address
from typing import Any

_real: Any = (socket.inet_pton, socket.inet_ntop)
_MAPPED, _COMPATIBLE = bytes(10) + b"\xff\xff", bytes(12)  # RFC 4291, 2.5.5


def inet_pton(family: int, text: str, /) -> bytes:
    """Return an address as bytes, as `socket.inet_pton` does.

    Raises:
        OSError: it is not an address.
    """
    if family != socket.AF_INET6:
        packed: bytes = _real[0](family, text)
        return packed
    try:
        if "%" in text:
            raise ValueError
        return IPv6Address(text).packed
    except ValueError:
        raise OSError("illegal IP address string passed to inet_pton") from None


def inet_ntop(family: int, packed: Any, /) -> str:
    """Return an address as text, as `socket.inet_ntop` does with the GNU C library.

    Raises:
        ValueError: it does not have 16 bytes.
    """
    if family != socket.AF_INET6:
        text: str = _real[1](family, packed)
        return text
    raw = bytes(packed)
    if len(raw) != 16:
        raise ValueError("invalid length of packed IP address string")
    if raw.startswith(_MAPPED):
        return f"::ffff:{socket.inet_ntoa(raw[12:])}"
    if raw.startswith(_COMPATIBLE) and any(raw[12:14]):
        return f"::{socket.inet_ntoa(raw[12:])}"
    return str(IPv6Address(raw))
