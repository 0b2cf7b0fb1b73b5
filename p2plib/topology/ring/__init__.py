"""A ring, where each peer keeps a link to the next, and Chord, which adds fingers."""

from p2plib.topology.ring.chord import Chord
from p2plib.topology.ring.driver import RingPeer
from p2plib.topology.ring.machine import Ring
from p2plib.topology.ring.parts import (
    FindDone,
    FindFailed,
    IdTaken,
    Joined,
    JoinFailed,
    Left,
    Lost,
    RingInconsistent,
    RingSettings,
)

__all__ = [
    "Chord",
    "FindDone",
    "FindFailed",
    "IdTaken",
    "JoinFailed",
    "Joined",
    "Left",
    "Lost",
    "Ring",
    "RingInconsistent",
    "RingPeer",
    "RingSettings",
]
