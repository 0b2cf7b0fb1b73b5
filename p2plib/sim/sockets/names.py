"""Names and addresses: the look-up behind `getaddrinfo`, and the ranges that addresses are from.

Rules:

* Every host's name is known, and so are the names that `Internet.name` adds, in capitals or not and with a
  dot at the end or not. A look-up takes `delay_s`; an address needs none and takes no time, nor does a
  blocking look-up (`getaddrinfo_now`), during which no other host could do anything.
* Addresses are from ranges that the real internet sets aside: 198.18.0.0/15 (RFC 2544, for tests) and
  2001:db8::/32 (RFC 3849, for documentation) are this public internet, 192.168.0.0/16 (RFC 1918) the LANs,
  and 100.64.0.0/10 (RFC 6598) what is behind a carrier's NAT.
* Flags and errors are those of Linux: AI_PASSIVE, AI_NUMERICHOST, AI_NUMERICSERV, AI_CANONNAME, AI_V4MAPPED,
  names of services from `p2plib.sim.sockets.services`, and a port above 65,535 is taken modulo 65,536. With a
  numeric address, for which asyncio does not call `getaddrinfo`, such a port is refused (`ensure_resolved`).

What differs: "localhost" is 127.0.0.1 first and ::1 second, on every host. A number without a dot is a name.
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
from p2plib.sim.sockets.constants import AI_NUMERICSERV, AI_V4MAPPED, EAI_ADDRFAMILY, EAI_NODATA
from p2plib.sim.sockets.services import port_of, service_at

if TYPE_CHECKING:
    from p2plib.sim.clock.loop import SimLoop

PUBLIC_NETWORK, PUBLIC_NETWORK_6 = "198.18.0.0/15", "2001:db8::/32"
CARRIER_NETWORK = "100.64.0.0/10"
BROADCAST = "255.255.255.255"
LOCALHOST = ("127.0.0.1", "::1")
MAPPED = "::ffff:"  # how IPv6 writes an IPv4 address (RFC 4291, 2.5.5.2)
LARGEST_PORT = 65_535
REMEMBERED = 65_536  # addresses as text that are parsed once: those of a large internet
SCOPES = {"lo": 1, "eth0": 2}  # the interfaces of every host, by name

_STREAM = (socket.SOCK_STREAM, socket.IPPROTO_TCP, "tcp")
_DATAGRAM = (socket.SOCK_DGRAM, socket.IPPROTO_UDP, "udp")
_RAW = (socket.SOCK_RAW, 0, "")

Answer = tuple[Any, Any, int, str, Any]
Asked = tuple[Any, int, str]  # kind of socket, protocol, name of the transport


class Names:
    """The DNS of one internet.

    Args:
        loop: the loop on whose clock a look-up takes time.

    Attributes:
        zone: the addresses of each name, in lower case.
        delay_s: how long a look-up takes.
        is_down: whether look-ups fail, as when the resolver does not answer.
    """

    def __init__(self, loop: SimLoop) -> None:
        self._loop = loop
        self.zone: dict[str, tuple[str, ...]] = {}
        self.delay_s = 0.020  # a resolver nearby that knows the answer
        self.is_down = False

    def add(self, name: str, addresses: Sequence[str]) -> None:
        """Let *name* mean these addresses."""
        if not name:
            raise UsageError("a name must not be empty")
        if parsed(name) is not None or _plain(name) == "localhost":
            raise UsageError(f"no host would be found by the name {name!r}: it already stands for an address")
        if _plain(name) in self.zone:
            raise UsageError(
                f"the name {name!r} is taken in this internet; make a new Internet for another run"
            )
        self.zone[_plain(name)] = tuple(addresses)

    # One address

    def resolve(self, address: Any, family: int, call: str = "sendto()") -> Address:
        """Return an address that a program wrote as the kernel has it: a v4-mapped one as IPv4.

        Args:
            address: (ip or name, port), with more after them in IPv6; a name is looked up at once.
            family: that of the socket, AF_INET or AF_INET6.
            call: what the program called, for the error.

        Raises:
            socket.gaierror: there is no such name, or it is an address of the other family.
            OverflowError: the port is out of range.
            TypeError: it is not a string and a number.
        """
        ip, port = address[0], address[1]
        if not isinstance(ip, str) or not isinstance(port, int):
            raise TypeError(f"an address is a string and a port number, not {address[:2]!r}")
        check_port(port, call)
        six = family == socket.AF_INET6
        if ip == "":
            return ("::" if six else "0.0.0.0"), port
        if ip == "<broadcast>" and not six:
            return BROADCAST, port
        known = parsed(ip)
        if known is None or (":" in known) != six:
            known = self._of_family(ip, family, 0)[0]
        return known.removeprefix(MAPPED) if "." in known else known, port

    def lookup(self, name: str) -> tuple[str, ...]:
        """Return the addresses of a name; an address stands for itself.

        Raises:
            socket.gaierror: there is no such name, or the resolver is down.
        """
        address = parsed(name)
        if address is not None:
            return (address,)
        if _plain(name) == "localhost":
            return LOCALHOST
        if self.is_down:
            raise socket.gaierror(socket.EAI_AGAIN, f"Temporary failure in name resolution: {name!r}")
        found = self.zone.get(_plain(name))
        if found is None:
            raise socket.gaierror(socket.EAI_NONAME, f"Name or service not known: {name!r}")
        return found

    def _of_family(self, name: str, family: int, flags: int) -> list[str]:
        """Return the addresses of a name in one family, or in both if that is 0."""
        numeric = parsed(name) is not None
        found = self.lookup(name)
        same = [ip for ip in found if family in (0, socket.AF_INET6 if ":" in ip else socket.AF_INET)]
        if not same and family == socket.AF_INET6 and flags & AI_V4MAPPED:
            same = [MAPPED + ip for ip in found]
        if not same and numeric:
            raise socket.gaierror(EAI_ADDRFAMILY, f"Address family for hostname not supported: {name!r}")
        if not same:
            raise socket.gaierror(EAI_NODATA, f"No address associated with hostname: {name!r}")
        return same

    # getaddrinfo

    async def getaddrinfo(
        self, host: Any, port: Any, *, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0
    ) -> list[Answer]:
        """Look a name up, as `socket.getaddrinfo` does; it takes time, unless it is an address."""
        name = _text(host)
        if (
            name
            and not flags & socket.AI_NUMERICHOST
            and parsed(name) is None
            and _plain(name) != "localhost"
        ):
            await self._wait()
        return self.getaddrinfo_now(host, port, family, type, proto, flags)

    def getaddrinfo_now(
        self, host: Any, port: Any, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0
    ) -> list[Answer]:
        """Look a name up as `socket.getaddrinfo` does, at once and in no virtual time.

        Raises:
            socket.gaierror: there is no such name, service, family or kind of socket.
        """
        if family not in (0, socket.AF_INET, socket.AF_INET6):
            raise socket.gaierror(socket.EAI_FAMILY, "ai_family not supported")
        name = _text(host)
        if name == "" or (name is None and port in (None, "", b"")):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known: there is no name")
        ways = _ports(_kinds(type, proto), port, flags)
        canonical = name if name and flags & socket.AI_CANONNAME else ""
        answers: list[Answer] = []
        for ip in self._found(name, family, flags):
            kin = socket.AF_INET6 if ":" in ip else socket.AF_INET
            for (kind, number, _), at in ways:
                where = shown((ip, at))
                if name and "%" in name and kin == socket.AF_INET6:
                    where = (ip, at, 0, _scope(name))
                answers.append((kin, kind, number, canonical, where))
                canonical = ""
        return answers

    def _found(self, name: str | None, family: int, flags: int) -> list[str]:
        if name:
            if flags & socket.AI_NUMERICHOST and parsed(name) is None:
                raise socket.gaierror(socket.EAI_NONAME, f"Name or service not known: {name!r} is no address")
            return self._of_family(name, family, flags)
        here = ("0.0.0.0", "::") if flags & socket.AI_PASSIVE else ("::1", "127.0.0.1")
        return [ip for ip in here if family in (0, socket.AF_INET6 if ":" in ip else socket.AF_INET)]

    async def ensure_resolved(
        self,
        address: Any,
        *,
        family: int = 0,
        type: int = socket.SOCK_STREAM,
        proto: int = 0,
        flags: int = 0,
        call: str = "connect()",
    ) -> list[Answer]:
        """Look up the address that a program has passed to one of asyncio's calls.

        Args:
            address: (host, port).
            family: AF_INET, AF_INET6, or 0 for both.
            type: the kind of socket.
            proto: the protocol; 0 for any.
            flags: as in `socket.getaddrinfo`.
            call: the call that refuses a port above 65,535, for the error.

        Raises:
            OverflowError: the port is out of range.
            socket.gaierror: as `getaddrinfo`.
        """
        host, port = address[:2]
        if isinstance(port, int) and host and parsed(_text(host) or "") is not None:
            check_port(port, call)
        return await self.getaddrinfo(host, port, family=family, type=type, proto=proto, flags=flags)

    async def _wait(self) -> None:
        waiting = self._loop.create_future()
        answer = self._loop.call_later(self.delay_s, waiting.set_result, None)
        try:
            await waiting
        finally:
            answer.cancel()  # the caller may be cancelled before it comes

    # Back from an address to a name

    async def getnameinfo(self, sockaddr: Any, flags: int = 0) -> tuple[str, str]:
        """Return the names of an address and of its port."""
        return self.getnameinfo_now(sockaddr, flags)

    def getnameinfo_now(self, sockaddr: Any, flags: int = 0) -> tuple[str, str]:
        """Return the names of an address and of its port, or the numbers of those that have none.

        Raises:
            socket.gaierror: it is not an address; or it has no name, with NI_NAMEREQD.
        """
        ip, port = parsed(sockaddr[0]), sockaddr[1] % (LARGEST_PORT + 1)
        if ip is None:
            raise socket.gaierror(socket.EAI_NONAME, f"Name or service not known: {sockaddr[0]!r}")
        name = None if flags & socket.NI_NUMERICHOST else self.name_of(ip)
        if name is None and flags & socket.NI_NAMEREQD:
            raise socket.gaierror(socket.EAI_NONAME, f"Name or service not known: {ip}")
        transport = "udp" if flags & socket.NI_DGRAM else "tcp"
        service = None if flags & socket.NI_NUMERICSERV else service_at(port, transport)
        return name or ip, service or str(port)

    def name_of(self, ip: str) -> str | None:
        """Return the first name of an address; None if it has none."""
        if ip in LOCALHOST:
            return "localhost"
        return next((name for name, addresses in self.zone.items() if ip in addresses), None)


# What a program wrote


def check_port(port: int, call: str) -> None:
    """Refuse what is not a port, as Python's sockets do.

    Raises:
        OverflowError: it is below 0 or above 65,535.
    """
    if not 0 <= port <= LARGEST_PORT:
        raise OverflowError(f"{call}: port must be 0-65535.")


def _plain(name: str) -> str:
    """Return a name as the zone has it."""
    return name.lower().removesuffix(".")


def _text(host: Any) -> str | None:
    if isinstance(host, bytes | bytearray):
        return host.decode("ascii")
    if host is not None and not isinstance(host, str):
        raise TypeError("getaddrinfo() argument 1 must be string or None")
    if host is not None:
        host.encode("idna")  # as Python does, which refuses what cannot be a name
    return host


def _kinds(type: int, proto: int) -> list[Asked]:
    """Return the kinds of sockets that are asked for."""
    every = [_STREAM, _DATAGRAM] + [_RAW] * (not proto)
    kinds: list[Asked] = [each for each in every if type in (0, each[0]) and proto in (0, each[1])]
    if not kinds:
        raise socket.gaierror(socket.EAI_SOCKTYPE, "ai_socktype not supported")
    return kinds


def _ports(kinds: list[Asked], port: Any, flags: int) -> list[tuple[Asked, int]]:
    """Return each kind of socket with its port; a service may exist for one of them only."""
    if isinstance(port, bytes | bytearray):
        port = port.decode("ascii")
    if port is None or port == "":
        return [(kind, 0) for kind in kinds]
    if not isinstance(port, int | str):
        raise OSError("Int or String expected")
    text = str(int(port)) if isinstance(port, int) else port.strip()
    if text.isdecimal():
        return [(kind, int(text) % (LARGEST_PORT + 1)) for kind in kinds]
    if flags & AI_NUMERICSERV:
        raise socket.gaierror(socket.EAI_NONAME, f"Name or service not known: {text!r} is no number")
    found = [(kind, port_of(text, kind[2])) for kind in kinds]
    served = [(kind, at) for kind, at in found if at is not None]
    if not served:
        raise socket.gaierror(socket.EAI_SERVICE, f"Servname not supported for ai_socktype: {text!r}")
    return served


def _scope(name: str) -> int:
    """Return the number of the interface that an address names after its %."""
    scope = name.partition("%")[2]
    if not scope.isdecimal() and scope not in SCOPES:
        raise socket.gaierror(socket.EAI_NONAME, f"Name or service not known: {name!r}")
    return SCOPES[scope] if scope in SCOPES else int(scope)


@lru_cache(REMEMBERED)
def parsed(text: str) -> str | None:
    """Return an IP address as it is usually written, without a scope; None if the text is not one."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return _of_parts(text)
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return f"{MAPPED}{address.ipv4_mapped}"
    return str(address)


def _of_parts(text: str) -> str | None:
    """Return an IPv4 address that is written in an older way, such as "127.1"; None if it is not one.

    A number without a dot is a host's name here, though Linux takes it for an address.
    """
    if "." not in text or not set(text) <= set("0123456789abcdefABCDEFxX."):
        return None
    try:
        return socket.inet_ntoa(socket.inet_aton(text))
    except OSError:
        return None


def is_loopback(address: str) -> bool:
    """Whether an address is the host itself: 127.0.0.0/8 or ::1."""
    return address.startswith("127.") or address == "::1"


@lru_cache(REMEMBERED)
def is_group(address: str) -> bool:
    """Whether an address is a multicast group: 224.0.0.0/4 or ff00::/8."""
    return ipaddress.ip_address(address).is_multicast
