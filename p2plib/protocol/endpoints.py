"""Endpoint: where to connect or to listen, as an address says it and a socket needs it. A codec.

::

    /ip4/127.0.0.1/tcp/4001                        127.0.0.1, port 4001, over TCP, in IPv4
    /dns6/example.org/udp/4001/quic-v1/p2p/12D3Koo...    QUIC, in IPv6 only, and the peer that must be there

Rules
    1. An address is a host, a transport, and perhaps a peer. The host is `ip4`, `ip6`, `ip6zone` with `ip6`,
       `dns4`, `dns6` or `dns`; the transport `tcp/<port>` or `udp/<port>/quic-v1`; the peer `p2p/<id>`.
    2. What the address says of the family is kept: `dns6` is never looked up in IPv4. `dns` alone leaves it
       to the look-up.
    3. Everything else is refused, an address through a relay for example; the error names the address.

    >>> endpoint("/dns4/localhost/tcp/80")
    Endpoint(host='localhost', port=80, family='ip4', transport='tcp', peer=None)
"""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from typing import Literal

from p2plib.errors import UsageError
from p2plib.identity import ids
from p2plib.wire import multiaddr
from p2plib.wire.multiaddr import Multiaddr

Family = Literal["ip4", "ip6"]
Transport = Literal["tcp", "quic-v1"]

_FAMILIES: dict[str, Family | None] = {"ip4": "ip4", "ip6": "ip6", "dns4": "ip4", "dns6": "ip6", "dns": None}
_SOCKET_FAMILIES = {"ip4": socket.AF_INET, "ip6": socket.AF_INET6, None: socket.AF_UNSPEC}
_TRANSPORTS: dict[tuple[str, ...], Transport] = {("tcp",): "tcp", ("udp", "quic-v1"): "quic-v1"}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to connect to, or to listen.

    Args:
        host: a name, or a numeric address; a zone of IPv6 is written after it: "fe80::1%eth0".
        port: 0 to 65535; 0 lets the machine choose where we listen.
        family: the only one that will do; None if either will.
        transport: "tcp", or "quic-v1" over UDP.
        peer: the id of the peer that must be there, in its one spelling; None if any will do.
    """

    host: str
    port: int
    family: Family | None = None
    transport: Transport = "tcp"
    peer: str | None = None

    @property
    def socket_family(self) -> int:
        """The family as `socket` has it; `AF_UNSPEC` (0) if either will do."""
        return _SOCKET_FAMILIES[self.family]

    @property
    def address(self) -> Multiaddr:
        """The address that says this; `endpoint` reads it back.

        Raises:
            DecodeError: there is none, because the host is neither an address nor a name.
        """
        port = f"tcp/{self.port}" if self.transport == "tcp" else f"udp/{self.port}/{self.transport}"
        peer = "" if self.peer is None else f"/p2p/{self.peer}"
        return multiaddr.parse(f"/{self._host()}/{port}{peer}")

    def _host(self) -> str:
        host, _, zone = self.host.partition("%")
        try:
            numeric = f"ip{ipaddress.ip_address(host).version}/{host}"
        except ValueError:
            return f"{'dns' if self.family is None else self.family.replace('ip', 'dns')}/{host}"
        return f"ip6zone/{zone}/{numeric}" if zone else numeric


def endpoint(address: Multiaddr | str) -> Endpoint:
    """What an address says to a socket.

    Raises:
        UsageError: it is an address that we can neither dial nor listen at; the sentence names it.
        DecodeError: it is not an address, or its peer is not a peer id.
    """
    if isinstance(address, str):
        address = multiaddr.parse(address)
    parts = address.components
    zone = ""
    if address.names[:2] == ("ip6zone", "ip6"):
        zone, parts = f"%{parts[0].value}", parts[1:]
    peer = None
    if parts[-1].name == "p2p":
        peer, parts = ids.canonical(parts[-1].value), parts[:-1]
    transport = _TRANSPORTS.get(tuple(part.name for part in parts[1:]))
    if transport is None or parts[0].name not in _FAMILIES:
        raise UsageError(f"{address} is not a host and a port for TCP or QUIC, with or without a peer")
    return Endpoint(parts[0].value + zone, int(parts[1].value), _FAMILIES[parts[0].name], transport, peer)


def numeric(host: str, port: int, transport: Transport = "tcp") -> Endpoint:
    """The endpoint of a socket's own numeric address.

    >>> str(numeric("::1", 4001).address)
    '/ip6/::1/tcp/4001'
    """
    return Endpoint(host, port, "ip6" if ":" in host else "ip4", transport)
