"""Noise: a handshake that turns two key pairs into a private connection."""

from p2plib.protocol.noise.handshake import HandshakeState, Session

__all__ = ["HandshakeState", "Session"]
