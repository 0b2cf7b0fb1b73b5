"""A quick build: three costs of it that nobody reads anything for, found with a profiler.

* `pybtex` asks the interpreter for the list of everything installed, once for each citation and each time
  anew; it took a twentieth of a second, and the book cites hundreds of times. The answer is remembered
  here.
* Python's collector of garbage walks through all live objects again and again while a page is unpickled,
  and a page of the reference has half a million of them. It is asked to walk more rarely.
* Every function of the library would be an entry of the table of contents, which is made anew for every
  page; the setting `toc_object_entries` in `_config.yml` leaves them out.
"""

from __future__ import annotations

import functools
import gc

import pybtex.plugin
from sphinx.application import Sphinx

OBJECTS_BEFORE_A_WALK = (200_000, 50, 50)  # Python's own are 700, 10, 10


def setup(app: Sphinx) -> dict[str, bool]:
    """Apply the first two."""
    gc.set_threshold(*OBJECTS_BEFORE_A_WALK)
    if not hasattr(pybtex.plugin._load_entry_point, "cache_info"):
        pybtex.plugin._load_entry_point = functools.cache(pybtex.plugin._load_entry_point)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
