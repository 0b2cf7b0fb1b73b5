"""Arrays: numpy, fetched when it is first used, so that the protocols need nothing but PyNaCl.

    from p2plib.topology.arrays import np

behaves like `import numpy as np`, and if numpy is missing, says how to get it.
"""

from __future__ import annotations

import importlib
from typing import Any

from p2plib.errors import LocalError


class _Later:
    """Stands for a module until one of its names is asked for."""

    def __getattr__(self, name: str) -> Any:
        try:
            module = importlib.import_module("numpy")
        except ModuleNotFoundError:
            raise LocalError("measuring many peers needs numpy: pip install 'p2plib[topology]'") from None
        return getattr(module, name)


np: Any = _Later()
