"""Many walks in order made one: the heart of reading and of compaction.

>>> list(merged([iter([(b"a", b"new")]), iter([(b"a", b"old"), (b"b", None)])]))
[(b'a', b'new'), (b'b', None)]
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence

from p2plib.data.stores.log_structured.memtable import Entry


def merged(newest_first: Sequence[Iterator[Entry]], *, reverse: bool = False) -> Iterator[Entry]:
    """Several walks as one; where several have the same key, the newest entry counts.

    Args:
        newest_first: walks whose keys rise (or fall, for `reverse`), the one that overrules the others first.
        reverse: whether the walks go from the highest key to the lowest.
    """
    last: bytes | None = None
    # heapq.merge is stable: of equal keys, the one from the earlier walk comes first.
    for entry in heapq.merge(*newest_first, key=_key, reverse=reverse):
        if entry[0] != last:
            last = entry[0]
            yield entry


def alive(entries: Iterator[Entry]) -> Iterator[tuple[bytes, bytes]]:
    """The entries that are not tombstones."""
    return ((key, value) for key, value in entries if value is not None)


def _key(entry: Entry) -> bytes:
    return entry[0]
