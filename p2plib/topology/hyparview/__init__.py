"""HyParView: no structure at all, and yet connected."""

from p2plib.topology.hyparview.machine import (
    HyParView,
    Isolated,
    NeighbourDown,
    NeighbourUp,
    ViewSettings,
)

__all__ = ["HyParView", "Isolated", "NeighbourDown", "NeighbourUp", "ViewSettings"]
