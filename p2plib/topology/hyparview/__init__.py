"""HyParView: no structure at all, and yet connected."""

from p2plib.topology.hyparview.machine import HyParView
from p2plib.topology.hyparview.parts import Isolated, NeighbourDown, NeighbourUp, ViewSettings

__all__ = ["HyParView", "Isolated", "NeighbourDown", "NeighbourUp", "ViewSettings"]
