"""Connection gater: which peers we have anything to do with. An interface, and two lists that are gaters.

A node asks its gater three times: before it dials, when somebody connects, and once the handshake has shown
whose key is at the other side. libp2p's gaters are asked at the same points.

::

    node = Node(secret, gater=AllowList(peers=[ids.peer_id(ana), ids.peer_id(ben)]))      # a club
    node = Node(secret, gater=AllowList(hosts=["127.0.0.0/8", "::1", "192.168.0.0/16"]))  # a house
    node = Node(secret, gater=DenyList(hosts=["203.0.113.66"]))                           # all but one

Rules
    1. Whatever a gater refuses costs as little as can be: a refused host gets no handshake, a refused key no
       stream. No reason is given to what is refused.
    2. A peer's key is proved only by the handshake, so a list of peers lets strangers come as far as that.
       `p2plib.protocol.node` limits what they may cost until then.
    3. Lists may be changed at any time. Connections that are open already stay.
    4. Hosts are numeric addresses and networks of them; an IPv4 address within IPv6 counts as itself. A host
       name that is dialled is looked at once it has been looked up, together with the key.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from p2plib.errors import UsageError
from p2plib.identity import ids
from p2plib.protocol.endpoints import Endpoint

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")  # IPv4 within IPv6 (RFC 4291, 2.5.5.2)


class Gater:
    """Lets everybody through; a subclass says otherwise. Its methods are asked often and must not wait."""

    def allows_dial(self, place: Endpoint) -> bool:
        """Whether we may dial there."""
        return True

    def allows_accept(self, host: str) -> bool:
        """Whether a host may begin a handshake with us.

        Args:
            host: its numeric address.
        """
        return True

    def allows_peer(self, peer_id: str, host: str) -> bool:
        """Whether a peer that has proved its key may stay, whoever dialled.

        Args:
            peer_id: its id, as `ids.peer_id` writes it.
            host: the numeric address at which it is.
        """
        return True


class HostSet:
    """Addresses and networks of them.

    Args:
        hosts: such as "192.0.2.1", "2001:db8::/32", "127.0.0.0/8".

    Raises:
        UsageError: one of them is neither an address nor a network.
    """

    def __init__(self, hosts: Iterable[str] = ()) -> None:
        self._networks: set[_Network] = set()
        for host in hosts:
            self.add(host)

    def add(self, host: str) -> None:
        """Adds an address or a network; raises as the class does."""
        self._networks.add(_network(host))

    def discard(self, host: str) -> None:
        """Takes out what was added under this name, if it was."""
        self._networks.discard(_network(host))

    def __len__(self) -> int:
        return len(self._networks)

    def __contains__(self, host: str) -> bool:
        address = _address(host)
        return address is not None and any(address in network for network in self._networks)


def _network(host: str) -> _Network:
    try:
        network = ipaddress.ip_network(host)
        if isinstance(network, ipaddress.IPv6Network) and network.subnet_of(_MAPPED):
            address, bits = int(network.network_address) & 0xFFFFFFFF, network.prefixlen - _MAPPED.prefixlen
            return ipaddress.IPv4Network((address, bits))
        return network
    except ValueError as error:
        raise UsageError(f"a gater's hosts are IP addresses or networks: {error}") from None


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None  # a name, or what no address can be: on no list
    return getattr(address, "ipv4_mapped", None) or address


class AllowList(Gater):
    """Lets only these through.

    Args:
        peers: ids in any form of `p2plib.identity.ids`; None lets every peer through.
        hosts: addresses and networks, as `HostSet` takes them; None lets every host through.

    Raises:
        UsageError: a host is neither an address nor a network.
        DecodeError: an id is not the id of a peer.
    """

    def __init__(self, peers: Iterable[str] | None = None, hosts: Iterable[str] | None = None) -> None:
        self.peers = None if peers is None else _ids(peers)
        self.hosts = None if hosts is None else HostSet(hosts)

    def allows_dial(self, place: Endpoint) -> bool:
        """Whether the peer is on the list, and the host too if it is numeric."""
        is_name = _address(place.host) is None
        return self._has_peer(place.peer) and (is_name or self._has_host(place.host))

    def allows_accept(self, host: str) -> bool:
        """Whether the host is on the list."""
        return self._has_host(host)

    def allows_peer(self, peer_id: str, host: str) -> bool:
        """Whether both are on the list."""
        return self._has_peer(peer_id) and self._has_host(host)

    def _has_peer(self, peer_id: str | None) -> bool:
        return self.peers is None or peer_id is None or peer_id in self.peers

    def _has_host(self, host: str) -> bool:
        return self.hosts is None or host in self.hosts


class DenyList(Gater):
    """Lets everybody through but these.

    Args:
        peers: ids in any form of `p2plib.identity.ids`.
        hosts: addresses and networks, as `HostSet` takes them.

    Raises:
        UsageError: a host is neither an address nor a network.
        DecodeError: an id is not the id of a peer.
    """

    def __init__(self, peers: Iterable[str] = (), hosts: Iterable[str] = ()) -> None:
        self.peers = _ids(peers)
        self.hosts = HostSet(hosts)

    def allows_dial(self, place: Endpoint) -> bool:
        """Whether neither the peer nor the host is on the list."""
        return place.peer not in self.peers and place.host not in self.hosts

    def allows_accept(self, host: str) -> bool:
        """Whether the host is not on the list."""
        return host not in self.hosts

    def allows_peer(self, peer_id: str, host: str) -> bool:
        """Whether neither is on the list."""
        return peer_id not in self.peers and host not in self.hosts


def _ids(peers: Iterable[str]) -> set[str]:
    return {ids.canonical(peer) for peer in peers}
