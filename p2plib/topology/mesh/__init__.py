"""Mesh: everybody keeps a link to everybody, up to a cap."""

from p2plib.topology.mesh.driver import MeshPeer
from p2plib.topology.mesh.machine import Mesh, links
from p2plib.topology.mesh.parts import Entered, Gone, JoinRejected, LinkBack, LinkLost, NoAnswer

__all__ = ["Entered", "Gone", "JoinRejected", "LinkBack", "LinkLost", "Mesh", "MeshPeer", "NoAnswer", "links"]
