"""How a NAT behaves, in the words of RFC 4787 (UDP), RFC 5382 (TCP) and RFC 6888 (carriers). Data, no state.

A NAT makes two choices that decide whether strangers can reach whoever sits behind it, and they are
independent of each other. *Mapping* (4787, 4.1): when an inside address sends to another remote, does it keep
its external address? *Filtering* (4787, 5): from whom may a packet come in to that external address? The
names of older books (RFC 3489) mix the two:

    ====================  =============================  =============================
    old name              mapping                        filtering
    ====================  =============================  =============================
    full cone             endpoint-independent           endpoint-independent
    restricted cone       endpoint-independent           address-dependent
    port-restricted cone  endpoint-independent           address and port-dependent
    symmetric             address and port-dependent     address and port-dependent
    (no old name)         the other five pairs
    ====================  =============================  =============================

Rules of `can_connect`, which predicts whether two hosts behind two NATs reach each other over UDP. Each has
learned the other's *observed* address: where a third party, at an IP address of its own, saw it.

    1. Only endpoint-independent mapping lets a host send to its peer from the address that was observed.
    2. So b's observed address takes a's packet in if b filters nothing; or if b's mapping is
       endpoint-independent (else its opening stands at another port) and its filter asks for the IP address
       alone, or a too comes from where it was observed.
    3. b answers where the packet came from. The answer passes a's filter if b answers from the address that a
       sent to (endpoint-independent mapping), or if a's filter does not ask for the port.
    4. Rules 2 and 3 for a to b, or for b to a: connected. If it needed b to have sent first, that was a
       *punch*; if b filters nothing, *direct*. Neither way: *relay*.

Each NAT is taken to keep one external IP address per host (paired pooling). Nobody guesses ports.

Vocabulary::

    inside     the address of a host behind the NAT               10.0.0.1:4000
    external   the NAT's own address, which the world sees        198.51.100.1:4000
    remote     somebody in the world                              203.0.113.9:53
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

from p2plib.errors import UsageError


class Mapping(Enum):
    """What an external address depends on besides the inside address (RFC 4787, 4.1; REQ-1 asks for the
    first)."""

    ENDPOINT_INDEPENDENT = "endpoint-independent"
    ADDRESS_DEPENDENT = "address-dependent"
    ADDRESS_AND_PORT_DEPENDENT = "address and port-dependent"


class Filtering(Enum):
    """Who may send in through a mapping: all, IP addresses that it was used to send to, or addresses with
    port (RFC 4787, 5; REQ-8 recommends one of the first two)."""

    ENDPOINT_INDEPENDENT = "endpoint-independent"
    ADDRESS_DEPENDENT = "address-dependent"
    ADDRESS_AND_PORT_DEPENDENT = "address and port-dependent"


class Ports(Enum):
    """How the port of a new mapping is chosen (RFC 4787, 4.2.1). None of them gives one port to two mappings
    of a protocol: that would be "port overloading", which REQ-3 forbids."""

    PRESERVING = "preserving"  # the inside port if it is free, or else the next one that is
    SEQUENTIAL = "sequential"  # the next one after the last that was given away
    RANDOM = "random"  # from a drawn place upward, the first that is free


class Pooling(Enum):
    """Which of several external IP addresses a new mapping gets (RFC 4787, 4.1; REQ-2 recommends the
    first)."""

    PAIRED = "paired"  # always the same for one inside IP address
    ARBITRARY = "arbitrary"  # the next in turn for each mapping


class Hairpin(Enum):
    """What becomes of a packet from inside to one of the NAT's own external addresses (RFC 4787, 6; REQ-9
    asks for the last)."""

    NONE = "none"  # dropped
    INTERNAL_SOURCE = "internal source"  # it arrives, from the sender's inside address
    EXTERNAL_SOURCE = "external source"  # it arrives, from the sender's external address


class Way(Enum):
    """How two hosts get to speak."""

    DIRECT = "direct"  # one of them can be called (perhaps only by the other: then the call is reversed)
    PUNCH = "punch"  # both have to send first
    RELAY = "relay"  # only through somebody that both can reach


@dataclass(frozen=True, slots=True)
class NatBehaviour:
    """Everything that one NAT does differently from another. The defaults are what RFC 4787 asks for; change
    one with `dataclasses.replace`.

    Args:
        mapping: what the external address depends on.
        filtering: who may send in.
        hairpin: whether hosts behind the NAT reach each other by their external addresses.
        pooling: how external IP addresses are shared out.
        ports: how external ports are chosen.
        keep_parity: an even port stays even and an odd one odd while such a port is free (REQ-4).
        port_range: lowest and highest external port, 1 to 65535. Inside it, ports below 1024 are kept for
            inside ports below 1024 and the others for the others, while there are any (REQ-3a).
        udp_timeout_s: seconds after which an idle UDP session is forgotten. REQ-5: at least 120; 300 or more
            recommended; many devices take 30.
        refresh_on_inbound: whether packets from outside keep UDP sessions alive too. Those from inside always
            do (REQ-6).
        tcp_established_s: the same for an open TCP connection; at least 7440, which is 2 hours 4 minutes
            (5382, REQ-5).
        tcp_transitory_s: for one being opened or closed; at least 240.
        max_mappings: mappings that the table holds.
        max_sessions: sessions (mapping and remote) that the table holds.
        ports_per_subscriber: mappings that one inside IP address may have at a time, UDP and TCP together
            (6888, REQ-4); None for no quota.

    Raises:
        UsageError: a number is out of its range.
    """

    mapping: Mapping = Mapping.ENDPOINT_INDEPENDENT
    filtering: Filtering = Filtering.ADDRESS_DEPENDENT
    hairpin: Hairpin = Hairpin.EXTERNAL_SOURCE
    pooling: Pooling = Pooling.PAIRED
    ports: Ports = Ports.PRESERVING
    keep_parity: bool = True
    port_range: tuple[int, int] = (1, 65_535)
    udp_timeout_s: float = 120.0
    refresh_on_inbound: bool = False
    tcp_established_s: float = 7440.0
    tcp_transitory_s: float = 240.0
    max_mappings: int = 16_384  # ours: a home router's table, fewer than one address has ports
    max_sessions: int = 65_536  # ours: four remotes for each of them
    ports_per_subscriber: int | None = None

    def __post_init__(self) -> None:
        low, high = self.port_range
        if not 1 <= low <= high <= 65_535:
            raise UsageError(f"a range of ports lies within 1 to 65535, not {low} to {high}")
        for name in ("udp_timeout_s", "tcp_established_s", "tcp_transitory_s"):
            if not 0 < getattr(self, name) < math.inf:
                raise UsageError(f"{name} is a number of seconds above 0, not {getattr(self, name)}")
        for name in ("max_mappings", "max_sessions", "ports_per_subscriber"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UsageError(f"{name} is at least 1, not {value}")


FULL_CONE = NatBehaviour(filtering=Filtering.ENDPOINT_INDEPENDENT)
RESTRICTED_CONE = NatBehaviour(filtering=Filtering.ADDRESS_DEPENDENT)
PORT_RESTRICTED_CONE = NatBehaviour(filtering=Filtering.ADDRESS_AND_PORT_DEPENDENT)
# Ports are drawn, for a symmetric NAT that counts them up lets a stranger guess the next one.
SYMMETRIC = NatBehaviour(
    mapping=Mapping.ADDRESS_AND_PORT_DEPENDENT,
    filtering=Filtering.ADDRESS_AND_PORT_DEPENDENT,
    hairpin=Hairpin.NONE,
    ports=Ports.RANDOM,
    keep_parity=False,
)
# What RFC 6888 asks of a carrier: REQ-1 (all of 4787), REQ-2 (paired), REQ-4 (quotas), REQ-7 (no filter). The
# numbers are ours. Its REQ-8, which rests a port for 120 s before somebody else gets it, is not modelled.
CARRIER_GRADE = NatBehaviour(
    filtering=Filtering.ENDPOINT_INDEPENDENT,
    ports=Ports.RANDOM,
    port_range=(1024, 65_535),
    udp_timeout_s=300.0,
    max_mappings=1_000_000,
    max_sessions=4_000_000,
    ports_per_subscriber=1024,
)

PRESETS = {
    "full cone": FULL_CONE,
    "restricted cone": RESTRICTED_CONE,
    "port-restricted cone": PORT_RESTRICTED_CONE,
    "symmetric": SYMMETRIC,
    "carrier-grade": CARRIER_GRADE,
}


def can_connect(a: NatBehaviour, b: NatBehaviour) -> Way:
    """How a host behind NAT *a* and one behind NAT *b* get to speak over UDP; the rules stand above.

    The order of the two makes no difference.
    """
    ways = [
        Way.DIRECT if callee.filtering is Filtering.ENDPOINT_INDEPENDENT else Way.PUNCH
        for caller, callee in ((a, b), (b, a))
        if _arrives(caller, callee) and _is_answered(caller, callee)
    ]
    if Way.DIRECT in ways:
        return Way.DIRECT
    return Way.PUNCH if ways else Way.RELAY


def _comes_from_where_it_was_seen(sender: NatBehaviour) -> bool:
    return sender.mapping is Mapping.ENDPOINT_INDEPENDENT


def _arrives(caller: NatBehaviour, callee: NatBehaviour) -> bool:
    """Rule 2, once both have sent."""
    if callee.filtering is Filtering.ENDPOINT_INDEPENDENT:
        return True
    return _comes_from_where_it_was_seen(callee) and (
        callee.filtering is Filtering.ADDRESS_DEPENDENT or _comes_from_where_it_was_seen(caller)
    )


def _is_answered(caller: NatBehaviour, callee: NatBehaviour) -> bool:
    """Rule 3."""
    return (
        _comes_from_where_it_was_seen(callee) or caller.filtering is not Filtering.ADDRESS_AND_PORT_DEPENDENT
    )
