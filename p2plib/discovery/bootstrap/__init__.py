"""Bootstrap: how a newcomer finds its first peer, from a list that ships with the program.

::

    entries      lists of multiaddrs: a strict reader, a kind one that says what it fixed, a writer
    diversity    which addresses to believe in first, so that no one teller decides
    cache        the peers that were good, tried before the list
    messages     what a newcomer and a seed say to each other
    seed         the machine of a peer that stands in lists
    newcomer     the machine of a peer that asks
    source       `BootstrapSource`: a driver that asks, tells, tries again
"""

from p2plib.discovery.bootstrap.cache import GoodPeers
from p2plib.discovery.bootstrap.diversity import spread
from p2plib.discovery.bootstrap.entries import entries_of, fix_list, read_list, write_list
from p2plib.discovery.bootstrap.seed import Seed
from p2plib.discovery.bootstrap.source import BootstrapSource

__all__ = [
    "BootstrapSource",
    "GoodPeers",
    "Seed",
    "entries_of",
    "fix_list",
    "read_list",
    "spread",
    "write_list",
]
