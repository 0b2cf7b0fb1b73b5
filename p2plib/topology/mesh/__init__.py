"""Mesh: everybody keeps a link to everybody, up to a cap."""

from p2plib.topology.mesh.machine import Entered, Gone, LineBack, LineLost, Mesh, NoAnswer, Turned, lines

__all__ = ["Entered", "Gone", "LineBack", "LineLost", "Mesh", "NoAnswer", "Turned", "lines"]
