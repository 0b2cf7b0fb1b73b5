"""What stands in for Python's own functions, classes and constants while an internet runs.

Each subject (time and chance, sockets, signals, threads) has one `StandIns`. The first internet that runs
puts everything in, the last takes everything out again. In between, code outside of the run comes upon the
stand-ins as well, so each has to answer such code as the real thing does.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

_ABSENT = object()


class StandIns:
    """The stand-ins of one subject.

    Args:
        put_all_in: called with this object when they are needed; it calls `put_in` for each.
    """

    def __init__(self, put_all_in: Callable[[StandIns], None]) -> None:
        self._put_all_in = put_all_in
        self._lock = threading.Lock()
        self._users = 0
        self._undo = ExitStack()

    @property
    def are_in(self) -> bool:
        """Whether they stand in at this moment."""
        return self._users > 0

    def put_in(self, owner: Any, name: str, stand_in: Any) -> None:
        """Let *name* mean *stand_in* until the end, unless somebody puts another thing there meanwhile.

        Args:
            owner: the module or class in whose namespace the name is; it may lack it.
            name: the name.
            stand_in: what it means from now on.
        """
        before = vars(owner).get(name, _ABSENT)
        setattr(owner, name, stand_in)
        self._undo.callback(_take_out, owner, name, stand_in, before)

    def afterwards(self, action: Callable[[], object]) -> None:
        """Call *action* at the end, when all that is put in after this has been taken out."""
        self._undo.callback(action)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Have them stand in for as long as the block lasts, or another one that began meanwhile."""
        with self._lock:
            if self._users == 0:
                self._put_all_in(self)
            self._users += 1
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1
                if self._users == 0:
                    self._undo.close()


def _take_out(owner: Any, name: str, stand_in: Any, before: Any) -> None:
    if vars(owner).get(name, _ABSENT) is not stand_in:
        return
    if before is _ABSENT:
        delattr(owner, name)
    else:
        setattr(owner, name, before)
