"""What learners of lab 6 wrote: wrong answers for each task, with words of the hint that helps then.

Each source is a cell as it would stand in the notebook; see `tests.labs.lab01_identity.learners`.
"""

from __future__ import annotations

from tests.labs.lab06_kademlia.learners import buckets, living, searching
from tests.labs.proving import learner

ANSWERS = [*buckets.ANSWERS, *searching.ANSWERS, *living.ANSWERS]

PRELUDE = """
import asyncio, math, random
from collections import deque
from p2plib.errors import NotFound, PeerTimeout
from p2plib.labs.lab06_kademlia.bucket import Bucket
from p2plib.labs.lab06_kademlia.distance import bucket_index, closest
from p2plib.labs.lab06_kademlia.lookup import lookup
from p2plib.labs.lab06_kademlia.fetch import fetch
from p2plib.labs.lab06_kademlia.table import RoutingTable
from p2plib.labs.lab06_kademlia.table import RoutingTable as Right
from p2plib.machine.addresses import Contact, network_of
from p2plib.topology.kademlia.store import key_of
"""
LEAST = 10  # wrong answers for each task
HALF = {
    "Bucket": "class Bucket:\n    def __init__(self, k=20):\n"
    "        self.k, self.contacts, self.waiting = k, [], []\n"
    "    def heard(self, contact):\n        raise NotImplementedError\n"
    "    def silent(self, contact):\n        raise NotImplementedError\n",
    "RoutingTable": "class RoutingTable:\n    def __init__(self, own_id, k=20, limited=True):\n        pass\n"
    "    def heard(self, contact):\n        raise NotImplementedError\n",
    "lookup": "async def lookup(target, start, ask, k=20, alpha=3, limit=80):\n"
    "    raise NotImplementedError\n",
    "fetch": "async def fetch(key, start, ask):\n    raise NotImplementedError\n",
}

written = learner(PRELUDE)
