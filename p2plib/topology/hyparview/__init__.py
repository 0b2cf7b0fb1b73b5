"""HyParView: no structure at all, and connected nevertheless."""

from p2plib.topology.hyparview.machine import Alone, Down, HyParView, Up, ViewSettings

__all__ = ["Alone", "Down", "HyParView", "Up", "ViewSettings"]
