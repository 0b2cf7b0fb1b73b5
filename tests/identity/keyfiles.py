"""Key files for tests, and randomness that counts."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from p2plib.identity import keyfile
from p2plib.identity.keyfile import CHEAPEST
from p2plib.identity.keys import SecretKey

ALICE = SecretKey.from_seed(hashlib.sha256(b"alice").digest())
BOB = SecretKey.from_seed(hashlib.sha256(b"bob").digest())
PASSPHRASE = "correct horse battery staple"
OTHER = "Tr0ub4dor&3"


def counting() -> Callable[[int], bytes]:
    calls = iter(range(1000))
    return lambda size: hashlib.shake_256(bytes([next(calls)])).digest(size)


RAW = keyfile.encode(ALICE, PASSPHRASE, cost=CHEAPEST, random=counting())


def file_of(path: Path, raw: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(raw)
    path.chmod(mode)
    return path
