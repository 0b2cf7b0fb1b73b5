"""Diversity: which of many addresses to believe in first, when any of those that named them may be lying.

A seed that an attacker runs names the attacker's peers and nobody else. A newcomer that connects to the first
eight addresses it hears of is then surrounded, and sees of the network what the attacker shows it: it is
*eclipsed* (Heilman et al., 2015, did it to Bitcoin's peers). No newcomer can tell honest addresses from
others. But it can see to it that no single teller, and no single network, decides.

Rules
    1. Addresses are taken in turns: one that the first teller named, one of the second, and so on. Tellers of
       one network (a /24, or a /48 in IPv6) take one turn together, since one owner has both cheaply.
    2. At most `MAX_OF_NETWORK` addresses of one network are taken, whoever named them.
    3. Rule 2 does not count addresses of our own machine or site (`Scope`): a LAN *is* one network.

What this cannot do: if every teller is the attacker's, so is every address.

Vocabulary::

    teller    where an address was heard: the seed that named it
    network   what one owner has cheaply: a /24 of IPv4, a /48 of IPv6
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from p2plib.errors import UsageError
from p2plib.machine.addresses import Address, Scope, network_of, scope_of

MAX_OF_NETWORK = 2  # among the few peers that a newcomer connects to first


class NetworkQuota:
    """Counts addresses by network, and says which are too many of one. Rules 2 and 3.

    Args:
        most: how many of one network may pass, 1 or more.
    """

    def __init__(self, most: int = MAX_OF_NETWORK) -> None:
        if most < 1:
            raise UsageError(f"a quota lets 1 or more pass, not {most}")
        self.most = most
        self._passed: Counter[bytes] = Counter()

    def allows(self, address: Address) -> bool:
        """Whether one more address of its network may pass; if so, it is counted."""
        if scope_of(address[0]) is not Scope.WORLD:
            return True
        network = network_of(address[0])
        if self._passed[network] >= self.most:
            return False
        self._passed[network] += 1
        return True


def spread(
    named: Mapping[Address, Iterable[Address]], most: int, *, of_network: int = MAX_OF_NETWORK
) -> tuple[Address, ...]:
    """The addresses to try first, taken from all tellers in turns.

    Args:
        named: by teller, the addresses that it named, in its order.
        most: how many to take.
        of_network: rule 2.

    Returns:
        At most so many addresses, each once.
    """
    turns: dict[bytes, dict[Address, None]] = {}
    for teller, addresses in named.items():
        turns.setdefault(_turn_of(teller), {}).update(dict.fromkeys(addresses))
    waiting = [list(reversed(addresses)) for addresses in turns.values()]
    quota, taken = NetworkQuota(of_network), dict[Address, None]()
    while len(taken) < most and any(waiting):
        for addresses in filter(None, waiting):
            address = _next_allowed(addresses, taken, quota)
            if address is not None and len(taken) < most:
                taken[address] = None
    return tuple(taken)


def _turn_of(teller: Address) -> bytes:
    """Rule 1; the tellers of a LAN, or of our own machine, take a turn each."""
    if scope_of(teller[0]) is Scope.WORLD:
        return network_of(teller[0])
    return f"{teller[0]}:{teller[1]}".encode()


def _next_allowed(
    addresses: list[Address], taken: Mapping[Address, None], quota: NetworkQuota
) -> Address | None:
    while addresses:
        address = addresses.pop()
        if address not in taken and quota.allows(address):
            return address
    return None
