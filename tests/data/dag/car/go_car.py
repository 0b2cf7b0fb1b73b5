"""The published CAR files of go-car, and the inputs that its fuzzers found."""

from __future__ import annotations

import re
from pathlib import Path

_ESCAPE = re.compile(rb"\\(x[0-9a-f]{2}|u[0-9a-f]{4}|[abfnrtv\\\"'])")
_LETTERS = {b"a": 7, b"b": 8, b"f": 12, b"n": 10, b"r": 13, b"t": 9, b"v": 11, b"\\": 92, b'"': 34, b"'": 39}


def car(vectors: Path, name: str) -> bytes:
    """A file by its name."""
    (path,) = (vectors / "go-car").rglob(name)
    return path.read_bytes()


def fuzzed(vectors: Path) -> dict[str, bytes]:
    """What fuzzers gave to readers: Go's text of bytes, on the second line of each file."""
    found = {}
    for path in sorted((vectors / "go-car").rglob("fuzz/*/*")):
        line = path.read_bytes().splitlines()[1]
        assert line.startswith(b'[]byte("')
        found[f"{path.parent.name}/{path.name[:8]}"] = _ESCAPE.sub(_unescaped, line[8:-2])
    return found


def _unescaped(match: re.Match[bytes]) -> bytes:
    said = match[1]
    if said[:1] == b"x":
        return bytes.fromhex(said[1:].decode())
    if said[:1] == b"u":
        return chr(int(said[1:], 16)).encode()
    return bytes((_LETTERS[said],))
