"""Kademlia: buckets by XOR distance, and lookups that ask several peers at once."""

from p2plib.topology.kademlia.driver import KademliaPeer
from p2plib.topology.kademlia.lookup import Lookup
from p2plib.topology.kademlia.machine import Kademlia
from p2plib.topology.kademlia.parts import (
    Crowded,
    FindDone,
    GetDone,
    IdTaken,
    Joined,
    JoinFailed,
    Left,
    Mode,
    PutDone,
    ReachTested,
    Settings,
)
from p2plib.topology.kademlia.stats import KademliaStats
from p2plib.topology.kademlia.table import RoutingTable

__all__ = [
    "Crowded",
    "FindDone",
    "GetDone",
    "IdTaken",
    "JoinFailed",
    "Joined",
    "Kademlia",
    "KademliaPeer",
    "KademliaStats",
    "Left",
    "Lookup",
    "Mode",
    "PutDone",
    "ReachTested",
    "RoutingTable",
    "Settings",
]
