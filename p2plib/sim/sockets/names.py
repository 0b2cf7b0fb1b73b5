"""Names and addresses: the look-up behind `getaddrinfo`, and who gets which address.

Rules:

* Every host's name is known, and so is what `Internet.name` adds. A look-up takes `delay_s`; what is no name
  but an address already takes no time.
* Addresses are from ranges that the real internet sets aside: 198.18.0.0/15 (RFC 2544, for tests) and
  2001:db8::/32 (RFC 3849, for documentation) are this public internet, 192.168.0.0/16 (RFC 1918) the LANs,
  and 100.64.0.0/10 (RFC 6598) what is behind a carrier's NAT.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from p2plib.errors import UsageError
from p2plib.sim.capture.trace import shown
from p2plib.sim.packet import Address

if TYPE_CHECKING:
    from p2plib.sim.clock.loop import SimLoop

PUBLIC_NETWORK, PUBLIC_NETWORK_6 = "198.18.0.0/15", "2001:db8::/32"
CARRIER_NETWORK = "100.64.0.0/10"
BROADCAST = "255.255.255.255"
MAPPED = "::ffff:"  # how IPv6 writes an IPv4 address (RFC 4291, 2.5.5.2)
REMEMBERED = 65_536  # addresses as text that are parsed once: those of a large internet


class Names:
    """The DNS of one internet.

    Args:
        loop: whose time a look-up takes.
    """

    def __init__(self, loop: SimLoop) -> None:
        self._loop = loop
        self.zone: dict[str, tuple[str, ...]] = {}
        self.delay_s = 0.020  # a resolver nearby that knows the answer
        self.is_down = False  # a look-up fails, as when the resolver does not answer

    def add(self, name: str, addresses: Sequence[str]) -> None:
        """Let *name* mean these addresses."""
        if not name or name in self.zone:
            raise UsageError(f"a name is taken once, and is not empty: {name!r}")
        self.zone[name] = tuple(addresses)

    def numeric(self, address: Any) -> Address:
        """Return an address as (IP, port); a host's name is looked up at once, as a real socket does."""
        ip, port = address[0], address[1]
        if isinstance(ip, str) and isinstance(port, int):
            if not 0 <= port <= 65_535:
                raise OverflowError("sendto(): port must be 0-65535.")
            return self.lookup(ip)[0], port
        raise TypeError("an address is a string and a port")

    def resolve(self, address: Any, family: int, call: str = "sendto()") -> Address:
        """Return an address that a program wrote, as the kernel has it: a v4-mapped one as IPv4.

        Args:
            address: (ip or name, port), with more behind them in IPv6; a name is looked up at once.
            family: that of the socket, AF_INET or AF_INET6.
            call: what the program called, for its error.

        Raises:
            socket.gaierror: no such name, or an address of the other family.
            OverflowError: the port is not one.
        """
        ip, port = address[0], address[1]
        if not isinstance(ip, str) or not isinstance(port, int):
            raise TypeError("an address is a string and a port")
        if not 0 <= port <= 65_535:
            raise OverflowError(f"{call}: port must be 0-65535.")
        six = family == socket.AF_INET6
        if ip == "":
            return ("::" if six else "0.0.0.0"), port
        if ip == "<broadcast>" and not six:
            return BROADCAST, port
        known = parsed(ip)
        if known is None:
            same = [found for found in self.lookup(ip) if (":" in found) == six]
            if not same:
                raise socket.gaierror(socket.EAI_NONAME, f"Name or service not known: {ip!r} in that family")
            known = same[0]
        elif (":" in known) != six:
            raise socket.gaierror(socket.EAI_ADDRFAMILY, "Address family for hostname not supported")
        return known.removeprefix(MAPPED) if "." in known else known, port

    def lookup(self, name: str) -> tuple[str, ...]:
        """Return the addresses of a name, or of what is an address already.

        Raises:
            socket.gaierror: nobody has that name.
        """
        if name in self.zone:
            return self.zone[name]
        if name == "localhost":
            return ("127.0.0.1", "::1")
        address = parsed(name)
        if address is None:
            raise socket.gaierror(socket.EAI_NONAME, f"Name or service not known: {name!r}")
        return (address,)

    async def getaddrinfo(
        self, host: Any, port: Any, *, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0
    ) -> list[Any]:
        """Look a name up, as `socket.getaddrinfo` does."""
        if isinstance(host, bytes):
            host = host.decode()
        if host in (None, ""):
            found: tuple[str, ...] = ("0.0.0.0", "::") if flags & socket.AI_PASSIVE else ("127.0.0.1", "::1")
        else:
            if host != "localhost" and parsed(host) is None:
                await self._ask(host)
            found = self.lookup(host)
        kinds = [
            (kind, number)
            for kind, number in (
                (socket.SOCK_STREAM, socket.IPPROTO_TCP),
                (socket.SOCK_DGRAM, socket.IPPROTO_UDP),
            )
            if type in (0, kind) and proto in (0, number)
        ]
        answers = []
        for ip in found:
            kin = socket.AF_INET6 if ":" in ip else socket.AF_INET
            if family in (0, kin):
                answers += [(kin, kind, number, "", shown((ip, int(port or 0)))) for kind, number in kinds]
        if not answers:
            raise socket.gaierror(socket.EAI_NONAME, f"Name or service not known: {host!r} in that family")
        return answers

    async def _ask(self, name: str) -> None:
        waiting = self._loop.create_future()
        self._loop.call_later(self.delay_s, waiting.set_result, None)
        await waiting
        if self.is_down:
            raise socket.gaierror(socket.EAI_AGAIN, f"Temporary failure in name resolution: {name!r}")

    async def getnameinfo(self, sockaddr: Any, flags: int = 0) -> tuple[str, str]:
        """Return the name that an address has, and its port."""
        for name, addresses in self.zone.items():
            if sockaddr[0] in addresses and not flags & socket.NI_NUMERICHOST:
                return name, str(sockaddr[1])
        return sockaddr[0], str(sockaddr[1])


@lru_cache(REMEMBERED)
def parsed(text: str) -> str | None:
    """Return an IP address as it is usually written, without a scope; None if the text is none."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return f"{MAPPED}{address.ipv4_mapped}"
    return str(address)


def is_loopback(address: str) -> bool:
    """Whether an address is the host itself: 127.0.0.0/8 or ::1."""
    return address.startswith("127.") or address == "::1"


@lru_cache(REMEMBERED)
def is_group(address: str) -> bool:
    """Whether an address is a multicast group: 224.0.0.0/4 or ff00::/8."""
    return ipaddress.ip_address(address).is_multicast
