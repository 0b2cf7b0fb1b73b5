"""What all kernel objects of a simulated host have in common, and how programs see addresses.

Rules:
    1. A kernel object is an *endpoint*: a UDP socket, one end of a TCP connection, or a TCP listener. An
       asyncio transport or a simulated `socket.socket` holds it, and calls it as a program calls the kernel.
    2. Inside the kernel an IPv4 address is an IPv4 address. A program that holds an AF_INET6 socket sees and
       writes it as a v4-mapped one, `::ffff:10.0.0.1` (RFC 4291, 2.5.5.2); `shown_to` and `Names.resolve`
       translate.
    3. Every host has two interfaces: the loopback, and one card in the LAN or the internet that it is on.

Vocabulary: the *holder* is the transport or socket that has an endpoint; *own* addresses are the host's.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from p2plib.sim.packet import Address
from p2plib.sim.sockets.names import MAPPED

if TYPE_CHECKING:
    from p2plib.sim.current import Incarnation
    from p2plib.sim.host import Host

Options = dict[tuple[int, int], Any]
LOOPBACK_INDEX, CARD_INDEX = 1, 2  # numbers of the interfaces "lo" and "eth0"


class Endpoint(Protocol):
    """One object of a host's kernel.

    Attributes:
        host: the host whose kernel it is in.
        incarnation: the life of the host that it belongs to.
        family: AF_INET or AF_INET6.
        options: what was set, by (level, option).
        local: its own address; None before it is bound.
        remote: its peer's address; None if it has no peer.
        on_ready: called when `readable` or `writable` may have turned true, or an error is pending. The
            endpoint calls it directly; the holder switches to its own context itself.
    """

    host: Host
    incarnation: Incarnation
    family: int
    options: Options
    local: Address | None
    remote: Address | None
    on_ready: Callable[[], None] | None

    @property
    def readable(self) -> bool:
        """Whether there is something to receive; the end of a stream and an error count."""

    @property
    def writable(self) -> bool:
        """Whether it would take data to send."""

    def take_error(self) -> OSError | None:
        """Return the pending error (SO_ERROR) and clear it; None if there is none."""

    def close(self) -> None:
        """Close it for the holder; the kernel finishes by itself what is still to be done."""

    def vanish(self) -> None:
        """Disappear without a word: the machine has crashed."""

    def what_it_is(self) -> str:
        """Describe what it is and where it was made, for an error."""


def shown_to(family: int, address: Address) -> Any:
    """Return an address as a socket of that family shows it: (ip, port), or with IPv6 (ip, port, 0, 0)."""
    if family == socket.AF_INET:
        return address
    ip, port = address
    return (ip if ":" in ip else MAPPED + ip), port, 0, 0


def family_of(ip: str) -> int:
    """Return the address family of an IP address: AF_INET or AF_INET6."""
    return socket.AF_INET6 if ":" in ip else socket.AF_INET


def number(value: Any) -> int:
    """Return an option's value as a number: given as an int, or as the bytes of a C int."""
    if isinstance(value, int):
        return int(value)
    return int.from_bytes(bytes(value)[:4], "little", signed=True)


def is_on(endpoint: Endpoint, level: int, option: int) -> bool:
    """Whether an option is set to anything but 0."""
    value = endpoint.options.get((level, option))
    return value is not None and number(value) != 0
