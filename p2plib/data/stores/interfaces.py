"""What every store can do, whatever it keeps its bytes in: two protocols.

An **ordered store** is a map from bytes to bytes whose keys are in order (as bytes compare), so that a
range can be walked: the interface of LevelDB, and of npm's abstract-level. A **blob store** keeps byte
strings of any size, each written once and read many times, in pieces: the interface of npm's
abstract-blob-store.

Rules
    1. A call that returned has happened: if it was asked to be durable, a crash of the process or of the
       machine does not undo it.
    2. A batch happens whole or not at all, crash or no crash.
    3. A scan sees the store as it was when `scan` was called, whatever is written meanwhile.
    4. What is missing raises `NotFound`; what the disk refuses raises `StoreFull`; what the disk has changed
       raises `StoreCorrupt`. No call answers with None.
    5. A closed store raises `Closed`, whatever is asked of it but `close`, which may be repeated. So does the
       next step of a scan that was under way.
    6. Where waiting for the disk itself fails (fsync), nobody knows what it has kept. The write raises
       `StoreFull`, and the store takes no more writes until it is opened again: the batch in doubt is there
       then, whole, or it is not.
    7. A store is used from one thread at a time, and opened once: a second opener gets `StoreLocked`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self


@dataclass(frozen=True, slots=True)
class Put:
    """One change of a batch: from now on this key has this value.

    Args:
        key: at least one byte.
        value: any bytes, none too.
    """

    key: bytes
    value: bytes


@dataclass(frozen=True, slots=True)
class Delete:
    """One change of a batch: from now on this key has no value; one that had none stays so.

    Args:
        key: at least one byte.
    """

    key: bytes


Change = Put | Delete


class OrderedStore(Protocol):
    """A map from bytes to bytes in the order of its keys. `p2plib.data.stores.conformance` is its test."""

    def get(self, key: bytes) -> bytes:
        """The value of a key.

        Raises:
            NotFound: it has none.
            StoreCorrupt: it had one, and the disk has changed it.
            Closed: the store is closed.
        """
        ...

    def write(self, batch: Iterable[Change], *, durable: bool = True) -> None:
        """Make all these changes, in their order, or none of them.

        Args:
            batch: the changes; of several to one key the last one counts.
            durable: whether to wait until they would survive a power failure.

        Raises:
            StoreFull: there is no room, and nothing was changed (but see rule 6).
            UsageError: a key is empty, or a key or value is not bytes.
            Closed: the store is closed.
        """
        ...

    def scan(
        self, start: bytes = b"", end: bytes | None = None, *, reverse: bool = False, limit: int | None = None
    ) -> Iterator[tuple[bytes, bytes]]:
        """Walk the keys from `start` (included) to `end` (excluded), as they were when the walk began.

        Args:
            start: the first key that counts.
            end: the first key that no longer counts; None for no end.
            reverse: whether the highest key comes first.
            limit: the most that are given; None for all.

        Raises:
            UsageError: the limit is negative, or a bound is not bytes; the call itself raises it.
            StoreCorrupt: the walk came to something that the disk has changed.
            Closed: the store is closed.
        """
        ...

    def close(self) -> None:
        """Let go of files and locks. Repeating it does nothing."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
