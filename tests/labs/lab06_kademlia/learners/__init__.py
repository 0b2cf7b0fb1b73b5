"""What learners of lab 6 wrote: wrong answers for each task, with words of the hint that helps then.

Each source is a cell as it would stand in the notebook; see `tests.labs.lab01_identity.learners`.
"""

from __future__ import annotations

import types
from typing import Any

from tests.labs.lab06_kademlia.learners import buckets, searching

ANSWERS = [*buckets.ANSWERS, *searching.ANSWERS]

PRELUDE = """
import asyncio, math, random
from collections import deque
from p2plib.errors import NotFound, PeerTimeout
from p2plib.labs.lab06_kademlia.bucket import Bucket
from p2plib.labs.lab06_kademlia.distance import bucket_index, closest
from p2plib.labs.lab06_kademlia.lookup import lookup
from p2plib.labs.lab06_kademlia.table import RoutingTable as Right
from p2plib.machine.addresses import Contact, network_of
from p2plib.topology.kademlia.store import key_of
"""


def written(name: str, source: str) -> Any:
    """The function or class that a learner's cell defines."""
    module = types.ModuleType("learner")
    exec(compile(PRELUDE, "prelude", "exec"), module.__dict__)
    exec(compile(source, "cell", "exec"), module.__dict__)
    return module.__dict__[name]
