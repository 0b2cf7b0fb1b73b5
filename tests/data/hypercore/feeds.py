"""Feeds for the tests of this room."""

from __future__ import annotations

from p2plib.data.hypercore.core import Hypercore
from p2plib.identity.keys import SecretKey

AUTHOR = SecretKey.from_seed(bytes([7]) * 32)
STRANGER = SecretKey.from_seed(bytes([8]) * 32)


def content(block: int) -> bytes:
    """The content of a block: of different sizes, one of them empty."""
    return b"" if block == 2 else b"block %d " % block * (block % 5 + 1)


def feed(blocks: int, secret: SecretKey = AUTHOR) -> Hypercore:
    """An author's feed in memory, appended at once."""
    core = Hypercore.create(secret)
    core.append([content(block) for block in range(blocks)])
    return core
