"""What the tests of logs share: a store in memory that can be copied, as a backup copies it, and fresh
entries."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Self

from p2plib.data.log.feed import Feed
from p2plib.data.log.formats import head_of
from p2plib.data.log.validate import ClassicFormat
from p2plib.data.stores.interfaces import Change, OrderedStore, Put
from p2plib.errors import NotFound, StoreFull
from p2plib.identity.keys import SecretKey

ANA = SecretKey.from_seed(bytes([1]) * 32)
MAL = SecretKey.from_seed(bytes([2]) * 32)
CLASSIC = ClassicFormat()
TIME_MS = 1_514_517_067_954


class Shelf:
    """An ordered store in a dict. `full_after` says how many more writes it takes before it has no room."""

    def __init__(self, content: dict[bytes, bytes] | None = None) -> None:
        self.content = dict(content or {})
        self.full_after: int | None = None
        self.writes = 0

    def copy(self) -> Shelf:
        return Shelf(self.content)

    def get(self, key: bytes) -> bytes:
        if key not in self.content:
            raise NotFound(f"no key {key!r}")
        return self.content[key]

    def write(self, batch: Iterable[Change], *, durable: bool = True) -> None:
        if self.full_after is not None:
            if self.full_after == 0:
                raise StoreFull("no room")
            self.full_after -= 1
        self.writes += 1
        for change in batch:
            if isinstance(change, Put):
                self.content[change.key] = change.value
            else:
                self.content.pop(change.key, None)

    def scan(
        self, start: bytes = b"", end: bytes | None = None, *, reverse: bool = False, limit: int | None = None
    ) -> Iterator[tuple[bytes, bytes]]:
        keys = sorted(
            (key for key in self.content if start <= key and (end is None or key < end)), reverse=reverse
        )
        found = [(key, self.content[key]) for key in keys[:limit]]
        return iter(found)

    def close(self) -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def open_feed(store: OrderedStore | None = None, author: SecretKey = ANA) -> Feed:
    return Feed(Shelf() if store is None else store, author.public, CLASSIC)


def chain(
    count: int, *, secret: SecretKey = ANA, said: str = "entry", after: list[bytes] | None = None
) -> list[bytes]:
    """That many new entries of a log, after some that are there; the old ones are not given back."""
    head, made = None, []
    for raw in after or []:
        entry = CLASSIC.parse(raw)
        head = head_of(entry)
    for n in range(count):
        entry = CLASSIC.create(secret, head, {"type": "test", "text": f"{said} {n}"}, TIME_MS + n)
        made.append(entry.raw)
        head = head_of(entry)
    return made


def draws(seed: int) -> Callable[[int], bytes]:
    return random.Random(seed).randbytes
