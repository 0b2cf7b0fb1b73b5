"""Cache: the peers that were good, kept for the next start. A machine part: no file, no clock of its own.

A list that ships with a program is asked by every newcomer, and its operators see them all. A peer that has
been in the network before needs neither: yesterday's peers are tried first, and the list only if none of them
answers (Bitcoin's and Mainline's peers do the same). The cache is itself a list, written by
`p2plib.discovery.bootstrap.entries`, so it can be read, edited and shipped.

Rules
    1. A peer is kept when it has *answered us*. What others merely name is not.
    2. At most `MAX_KEPT`, and `MAX_OF_NETWORK` of one network (`p2plib.discovery.bootstrap.diversity`), or an
       attacker that answers a lot fills the cache and waits for our next start. When there is no room, the
       one that answered longest ago goes; a new one of a full network takes the place of its network's.
    3. A peer that fails `MAX_FAILURES` times in a row is forgotten.
    4. `order` is what to try: those of the cache, the latest first, then those of the list in random order,
       or the first entry of every copy of the program would get all the newcomers.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator

from p2plib.discovery.bootstrap.entries import read_list, write_list
from p2plib.errors import DecodeError
from p2plib.machine.addresses import Address, Scope, given_address, network_of, scope_of
from p2plib.wire import multiaddr
from p2plib.wire.multiaddr import Multiaddr

MAX_KEPT = 64
MAX_OF_NETWORK = 4
MAX_FAILURES = 3


class GoodPeers:
    """The addresses that answered, the latest first."""

    def __init__(self) -> None:
        self._failures: dict[Address, int] = {}  # the latest last, with failures since then

    def __len__(self) -> int:
        return len(self._failures)

    def __iter__(self) -> Iterator[Address]:
        return iter(tuple(reversed(self._failures)))

    def good(self, address: Address) -> None:
        """Notes that a peer answered. Rules 1 and 2."""
        self._failures.pop(address, None)
        self._failures[address] = 0
        same = [each for each in self._failures if _network(each) == _network(address)]
        if scope_of(address[0]) is Scope.WORLD and len(same) > MAX_OF_NETWORK:
            del self._failures[same[0]]
        elif len(self._failures) > MAX_KEPT:
            del self._failures[next(iter(self._failures))]

    def bad(self, address: Address) -> None:
        """Notes that a peer did not answer. Rule 3."""
        if address in self._failures:
            self._failures[address] += 1
            if self._failures[address] >= MAX_FAILURES:
                del self._failures[address]

    def order(self, listed: Iterable[Address], rng: random.Random) -> tuple[Address, ...]:
        """What to try, the best first, each once. Rule 4."""
        drawn = list(dict.fromkeys(listed))
        rng.shuffle(drawn)
        return tuple(dict.fromkeys((*reversed(self._failures), *drawn)))

    def save(self) -> str:
        """The cache as a list of UDP entries, the latest first."""
        return write_list([entry_of(address) for address in reversed(self._failures)])

    @classmethod
    def restore(cls, text: str) -> GoodPeers:
        """The cache that `save` wrote.

        Raises:
            DecodeError: it is no list, or not one of numeric UDP addresses.
        """
        made = cls()
        for entry in reversed(read_list(text)):
            address = datagram_address(entry)
            if address is None:
                raise DecodeError(f"{entry} is not a numeric UDP address")
            made.good(address)
        return made


def _network(address: Address) -> bytes:
    return network_of(address[0])


def entry_of(address: Address) -> Multiaddr:
    """The entry that stands for a UDP address."""
    host, port = given_address(address)
    return multiaddr.of(("ip6" if ":" in host else "ip4", host), ("udp", port))


def datagram_address(entry: Multiaddr) -> Address | None:
    """Where an entry wants datagrams; None if it is a name, or speaks something on top of UDP, or TCP."""
    parts = entry.components
    if entry.names[:2] in (("ip4", "udp"), ("ip6", "udp")) and entry.names[2:] in ((), ("p2p",)):
        return given_address((parts[0].value, int(parts[1].value)))
    return None
