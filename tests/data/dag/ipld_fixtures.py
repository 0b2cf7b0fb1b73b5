"""The published fixtures of IPLD's codecs: one value a folder, written by each codec, each file named by its
identifier."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

# Links to objects of Git, by SHA-1. Such a digest proves nothing any more, and our identifiers refuse it.
SHA1 = frozenset({"cid-arrayof", "cid-mapof", "cid-z8mWaJ1dZ9fH5EetPuRsj8jj26pXsgpsr"})


def positive(vectors: Path) -> dict[str, dict[str, tuple[str, bytes]]]:
    """For each value, for each codec: the identifier as text, and the block."""
    found = {}
    for folder in sorted((vectors / "ipld-codec-fixtures" / "fixtures").iterdir()):
        if folder.is_dir():
            files = [(path.name.rpartition("."), path.read_bytes()) for path in folder.iterdir()]
            found[folder.name] = {codec: (text, data) for (text, _, codec), data in files}
    return found


def negative(vectors: Path, codec: str, kind: str = "decode") -> list[dict[str, Any]]:
    """What a codec must refuse to decode or to encode."""
    folder = vectors / "ipld-codec-fixtures" / "negative-fixtures" / codec / kind
    return [row for path in sorted(folder.iterdir()) for row in json.loads(path.read_text("utf8"))]
