"""Datagrams for many: multicast groups, and broadcast, on a LAN.

Rules, all of them Linux's:
    1. A socket joins a group at one interface, its host's card or the loopback. What is sent to a group
       through an interface reaches the hosts that have a member of the group there.
    2. A host that gets such a datagram gives it to every socket that is bound to its port and either to its
       address or to all: to members, and to sockets that did not join as well, unless IP_MULTICAST_ALL is
       off, as it is in an IPv6 socket for IPv4 groups. All hosts are members of 224.0.0.1 and ff02::1.
    3. The sender's own host gets a multicast if it is a member, unless the sender has IP_MULTICAST_LOOP off;
       it always gets a broadcast, and everything sent through its loopback. With IP_MULTICAST_TTL 0 no other
       host gets it.
    4. The interface is that of the address that the sender is bound to, else IP_MULTICAST_IF, else the card.
    5. A broadcast is sent to 255.255.255.255, to the last address of the LAN's network, or within the host to
       127.255.255.255; it needs SO_BROADCAST.
    6. The public internet carries neither: "no route". A datagram that no socket gets is dropped too, with
       "nobody listens"; each copy that a host gets is a packet of its own in the trace.

What differs: no router carries multicast from LAN to LAN, whatever its TTL; members are known at once,
without IGMP; there is no source-specific multicast (RFC 4607); a socket bound to the card's address sends
through the card even if IP_MULTICAST_IF is the loopback.
"""

from __future__ import annotations

import errno
import socket
import struct
from typing import TYPE_CHECKING, Any

from p2plib.sim.capture.trace import Route
from p2plib.sim.packet import NO_ROUTE, NOT_LISTENING, Address
from p2plib.sim.sockets.kernel import CARD_INDEX, LOOPBACK_INDEX, number
from p2plib.sim.sockets.names import BROADCAST, is_group, is_loopback

if TYPE_CHECKING:
    from p2plib.sim.host import Host
    from p2plib.sim.sockets.datagrams import UdpEndpoint

LOOPBACK_BROADCAST = "127.255.255.255"
ALL_HOSTS = ("224.0.0.1", "ff02::1")
MOST_GROUPS = 20  # of one socket: Linux's net.ipv4.igmp_max_memberships
IP_MULTICAST_ALL, IPV6_MULTICAST_ALL = 49, 29  # Linux's numbers; Python has no names for them

_V4, _V6 = socket.IPPROTO_IP, socket.IPPROTO_IPV6
_JOINS = {(_V4, socket.IP_ADD_MEMBERSHIP), (_V6, socket.IPV6_JOIN_GROUP)}
_LEAVES = {(_V4, socket.IP_DROP_MEMBERSHIP), (_V6, socket.IPV6_LEAVE_GROUP)}
_LOOP = {_V4: socket.IP_MULTICAST_LOOP, _V6: socket.IPV6_MULTICAST_LOOP}
_HOPS = {_V4: socket.IP_MULTICAST_TTL, _V6: socket.IPV6_MULTICAST_HOPS}
_INTERFACE = {_V4: socket.IP_MULTICAST_IF, _V6: socket.IPV6_MULTICAST_IF}
_ALL = {_V4: IP_MULTICAST_ALL, _V6: IPV6_MULTICAST_ALL}

DEFAULTS = {(level, option): 1 for options in (_LOOP, _HOPS, _ALL) for level, option in options.items()}


def is_broadcast(host: Host, ip: str) -> bool:
    """Whether an address is a broadcast on the LAN of a host, or on its loopback."""
    return ip in (BROADCAST, LOOPBACK_BROADCAST) or ip == host.realm.broadcast


def is_for_many(host: Host, ip: str) -> bool:
    """Whether an address is a multicast group or, seen from a host, a broadcast."""
    return is_group(ip) or is_broadcast(host, ip)


# Membership


def join(endpoint: UdpEndpoint, group: str, interface: int = 0) -> None:
    """Join a socket to a group.

    Args:
        endpoint: the socket.
        group: a multicast address.
        interface: its number; 0 for the card.

    Raises:
        OSError: EINVAL, it is not a group; ENODEV, there is no such interface; EADDRINUSE, it has joined
            already; ENOBUFS, it has joined too many.
    """
    if not is_group(group):
        raise OSError(errno.EINVAL, f"Invalid argument: {group} is not a multicast group")
    if interface not in (0, LOOPBACK_INDEX, CARD_INDEX):
        raise OSError(errno.ENODEV, f"No such device: there is no interface {interface}")
    key = group, interface or CARD_INDEX
    if endpoint.groups is None:
        endpoint.groups = {}
    if key in endpoint.groups:
        raise OSError(errno.EADDRINUSE, f"Address already in use: this socket has joined {group} already")
    if len(endpoint.groups) >= MOST_GROUPS and ":" not in group:
        raise OSError(
            errno.ENOBUFS, f"No buffer space available: a socket can join at most {MOST_GROUPS} groups"
        )
    endpoint.groups[key] = None
    if key[1] == CARD_INDEX:
        members = endpoint.host.realm.groups.setdefault(group, {})
        members[endpoint.host] = members.get(endpoint.host, 0) + 1


def leave(endpoint: UdpEndpoint, group: str, interface: int = 0) -> None:
    """Let a socket leave a group.

    Raises:
        OSError: EADDRNOTAVAIL, it has not joined it.
    """
    key = group, interface or CARD_INDEX
    if endpoint.groups is None or key not in endpoint.groups:
        raise OSError(
            errno.EADDRNOTAVAIL, f"Cannot assign requested address: this socket has not joined {group}"
        )
    del endpoint.groups[key]
    if key[1] == CARD_INDEX:
        members = endpoint.host.realm.groups[group]
        members[endpoint.host] -= 1
        if not members[endpoint.host]:
            del members[endpoint.host]


def leave_all(endpoint: UdpEndpoint) -> None:
    """Let a socket leave all its groups: it was closed."""
    for group, interface in list(endpoint.groups or ()):
        leave(endpoint, group, interface)


# Options


def set_option(endpoint: UdpEndpoint, level: int, option: int, value: Any) -> bool:
    """Carry out a multicast option, if this is one that does something or has to be checked.

    Returns:
        Whether it was one; the socket remembers the others.

    Raises:
        OSError: as `join` and `leave`; EADDRNOTAVAIL, there is no such interface.
    """
    if (level, option) in _JOINS:
        join(endpoint, *request(endpoint.host, level, value))
    elif (level, option) in _LEAVES:
        leave(endpoint, *request(endpoint.host, level, value, errno.EADDRNOTAVAIL))
    elif level in _INTERFACE and option == _INTERFACE[level]:
        endpoint.options[level, option] = _interface_of(endpoint.host, level, value)
    else:
        return False
    return True


def request(host: Host, level: int, value: Any, wrong: int = errno.ENODEV) -> tuple[str, int]:
    """Return the group and the interface of a request to join: `ip_mreq`, `ip_mreqn` or `ipv6_mreq`.

    Raises:
        OSError: EINVAL, it is too short; *wrong*, no interface has that address.
    """
    value = b"" if isinstance(value, int) else bytes(value)
    if len(value) < (20 if level == _V6 else 8):
        raise OSError(errno.EINVAL, "Invalid argument: a request to join has a group and an interface")
    if level == _V6:
        return socket.inet_ntop(socket.AF_INET6, value[:16]), struct.unpack("@I", value[16:20])[0]
    group, address = socket.inet_ntoa(value[:4]), socket.inet_ntoa(value[4:8])
    index = number(value[8:12]) if len(value) >= 12 else 0
    return group, index or _index_of(host, address, wrong)


def _index_of(host: Host, address: str, wrong: int) -> int:
    """Return the number of the interface that has an address; 0 for "0.0.0.0"."""
    if address == "0.0.0.0":
        return 0
    if not host.ports.is_own(address):
        raise OSError(wrong, f"no interface of {host.name} has the address {address}")
    return LOOPBACK_INDEX if is_loopback(address) else CARD_INDEX


def _interface_of(host: Host, level: int, value: Any) -> int:
    """Return the number of the interface that IP_MULTICAST_IF or IPV6_MULTICAST_IF names."""
    if level == _V6:
        index, wrong = number(value), errno.ENODEV
    else:
        raw = b"" if isinstance(value, int) else bytes(value)
        if len(raw) < 4:
            raise OSError(errno.EINVAL, "Invalid argument: IP_MULTICAST_IF takes an address")
        index, wrong = (number(raw[8:12]) if len(raw) >= 12 else 0), errno.EADDRNOTAVAIL
        index = index or _index_of(host, socket.inet_ntoa(raw[4:8] if len(raw) >= 8 else raw[:4]), wrong)
    if index not in (0, LOOPBACK_INDEX, CARD_INDEX):
        raise OSError(wrong, f"there is no interface {index}")
    return index


# Sending and hearing


def source_for(endpoint: UdpEndpoint, local: Address, group: str, address: Any) -> Address:
    """Return the source address for a group or broadcast (rule 4); in IPv6 a scope may name the interface."""
    level = _V6 if ":" in group else _V4
    index = number(endpoint.options.get((level, _INTERFACE[level]), 0))
    if level == _V6 and len(address) > 3 and address[3]:
        index = address[3]
    ports = endpoint.host.ports
    if is_broadcast(endpoint.host, group) and group != BROADCAST:
        return ports.source_for(local, group)
    from_loopback = is_loopback(local[0])
    if index == CARD_INDEX and from_loopback:
        raise OSError(errno.EINVAL, "Invalid argument: the card cannot send from a loopback address")
    if index == LOOPBACK_INDEX or from_loopback:
        if level == _V6:
            raise OSError(errno.ENETUNREACH, "Network is unreachable: the loopback has no IPv6 groups")
        return ports.source_for(local, "127.0.0.1")
    return ports.source_for(local, group)


def send(endpoint: UdpEndpoint, source: Address, destination: Address, data: bytes) -> None:
    """Send a datagram to every host that gets it (rules 1, 3 and 6)."""
    host, ip = endpoint.host, destination[0]
    realm, fabric = host.realm, host.net.fabric
    alone, with_loop = is_loopback(source[0]) or is_loopback(ip), True
    if is_group(ip) and not alone:
        level = _V6 if ":" in ip else _V4
        with_loop = number(endpoint.options.get((level, _LOOP[level]), 1)) != 0
        alone = number(endpoint.options.get((level, _HOPS[level]), 1)) == 0
    on_lan = realm.link is not None and not alone
    reached = False
    for receiver in _members(host, ip) if on_lan else [host]:
        mine = receiver is host
        if (with_loop if mine else on_lan) and hearers(receiver, destination, source):
            fabric.path(host, "udp", source, destination, receiver).send(data)
            reached = True
    if (realm.link is None and not alone) or not reached:
        nowhere = Route(host, None, source, destination, "udp", source, destination)
        fabric.drop(nowhere, data, NOT_LISTENING if realm.link is not None or alone else NO_ROUTE)


def _members(host: Host, ip: str) -> list[Host]:
    """Return the hosts on a host's LAN that get a datagram for *ip*."""
    if is_group(ip) and ip not in ALL_HOSTS:
        return list(host.realm.groups.get(ip, ()))
    return host.realm.hosts()


def hearers(host: Host, at: Address, source: Address) -> list[UdpEndpoint]:
    """Return the sockets of a host that get a multicast or broadcast datagram (rule 2)."""
    found = host.ports.hearers(at, source)
    if not is_group(at[0]):
        return found
    key = at[0], (LOOPBACK_INDEX if is_loopback(source[0]) else CARD_INDEX)
    if not _takes(host, *key):
        return []
    return [endpoint for endpoint in found if key in (endpoint.groups or ()) or _hears_all(endpoint, at[0])]


def _hears_all(endpoint: UdpEndpoint, group: str) -> bool:
    """Whether a socket gets groups that it has not joined; an IPv6 socket gets IPv4 ones only if it asked."""
    level = _V6 if ":" in group else _V4
    by_default = endpoint.family == socket.AF_INET or level == _V6
    return number(endpoint.options.get((level, _ALL[level]), by_default)) != 0


def _takes(host: Host, group: str, interface: int) -> bool:
    """Whether a host takes what arrives for a group at an interface."""
    if group in ALL_HOSTS:
        return True
    if interface == CARD_INDEX:
        return host in host.realm.groups.get(group, ())
    return any((group, interface) in (getattr(other, "groups", None) or ()) for other in host.ports.endpoints)
