"""Stores that are closed once, by hand or at the end of a `with`: what those of blobs and of blocks share."""

from __future__ import annotations

from types import TracebackType
from typing import ClassVar, Self

from p2plib.errors import Closed


class Closable:
    """A store that can be closed once. What it has to let go of, its subclasses say."""

    kind: ClassVar[str] = "store"  # what messages call it

    def __init__(self) -> None:
        self._is_closed = False

    def _demand_open(self) -> None:
        if self._is_closed:
            raise Closed(f"this {self.kind} was closed")

    def _end_all(self) -> None:
        """Ends what is under way in it; called once, before `_let_go`."""

    def _let_go(self) -> None:
        """Lets go of files and locks; called once."""

    def close(self) -> None:
        """End what is under way, and let go of files and locks. Repeating it does nothing."""
        if not self._is_closed:
            self._is_closed = True
            self._end_all()
            self._let_go()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
