"""HyParView: no structure at all, and yet connected."""

from p2plib.topology.hyparview.driver import HyParViewPeer
from p2plib.topology.hyparview.machine import HyParView
from p2plib.topology.hyparview.parts import Isolated, NeighbourDown, NeighbourUp, ViewSettings

__all__ = ["HyParView", "HyParViewPeer", "Isolated", "NeighbourDown", "NeighbourUp", "ViewSettings"]
