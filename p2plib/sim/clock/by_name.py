"""Functions that modules imported by name before a run, as in `from time import monotonic`.

Such a module holds the real function itself. For as long as an internet runs, the name means the simulated
one, which answers code outside the run as the machine does. What a run imports itself is simulated anyway.

Rules:

* Python's own modules keep the real ones: `threading` measures how long it waits, and really waits.
* Names are found in a module's own namespace. What a class or a default argument holds
  (`def wait(clock=time.monotonic)`) is not found.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from p2plib.sim.clock.stand_ins import StandIns

PYTHONS_OWN = sys.stdlib_module_names - {"__main__"}
OURS = "p2plib.sim."  # it keeps the real ones, to call them
GROWS = "__main__"  # a notebook's cells add to it


class ImportedByName:
    """The names of some functions in the modules that imported them.

    Args:
        stand_ins: for each real function, the one that stands in for it.
    """

    def __init__(self, stand_ins: dict[Callable[..., Any], Callable[..., Any]]) -> None:
        self._stand_ins = {id(real): (real, stand_in) for real, stand_in in stand_ins.items()}
        self._looked_at: set[str] = set()
        self._found: dict[tuple[str, str], tuple[ModuleType, Callable[..., Any], Callable[..., Any]]] = {}

    def put_in(self, stand_ins: StandIns) -> None:
        """Let the names mean the stand-ins."""
        self._look()
        for (_, name), (module, real, stand_in) in self._found.items():
            if vars(module).get(name) is real:
                stand_ins.put_in(module, name, stand_in)

    def _look(self) -> None:
        """Look through the modules that are new since the last time."""
        for path, module in sys.modules.copy().items():  # in one step, as a finaliser may import something
            if path in self._looked_at and path != GROWS:
                continue
            self._looked_at.add(path)
            if path.partition(".")[0] in PYTHONS_OWN or path.startswith(OURS):
                continue
            for name, value in list(
                getattr(module, "__dict__", {}).items()
            ):  # some put other things in there
                if id(value) in self._stand_ins:
                    self._found[path, name] = (module, *self._stand_ins[id(value)])
