"""What learners of lab 3 wrote: wrong answers for each task, with words of the hint that helps then.

Each is the solved cell of the lab's text with one thing changed, or a cell of its own.
"""

from __future__ import annotations

from tests.labs.lab03_dht.learners import asking, others, programs, searching
from tests.labs.proving import learner

ANSWERS = [*asking.ANSWERS, *searching.ANSWERS, *programs.ANSWERS, *others.ANSWERS]

PRELUDE = """
import asyncio, random, socket
from p2plib.errors import DecodeError, NotFound
from p2plib.labs.lab03_dht.bencoding import bencode
from p2plib.labs.lab03_dht.client import open_socket, peers_in
from p2plib.labs.lab03_dht.contacts import next_to_ask, read_nodes
from p2plib.labs.lab03_dht.questions import Questions
from p2plib.labs.lab03_dht.weather import HELLO, HERE
from p2plib.machine.addresses import Address, Contact, acceptable
from p2plib.wire.bencode import decode
"""
LEAST = 10  # wrong answers for each task
HALF = {
    "Questions": "class Questions:\n    def __init__(self, own_id, rng):\n        self.waiting = {}\n"
    "    def ask(self, method, arguments, address):\n        raise NotImplementedError\n"
    "    def answer(self, datagram, source):\n        raise NotImplementedError\n",
    "find_one": "async def find_one(info_hash, bootstrap, rng):\n    raise NotImplementedError\n",
}

written = learner(PRELUDE)
