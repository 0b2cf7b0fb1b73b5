"""Mesh: everybody keeps a link to everybody, up to a cap."""

from p2plib.topology.mesh.machine import (
    Entered,
    Gone,
    JoinRejected,
    LinkBack,
    LinkLost,
    Mesh,
    NoAnswer,
    links,
)

__all__ = ["Entered", "Gone", "JoinRejected", "LinkBack", "LinkLost", "Mesh", "NoAnswer", "links"]
