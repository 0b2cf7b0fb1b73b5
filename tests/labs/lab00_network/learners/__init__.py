"""What learners of lab 0 wrote: wrong answers for each task, with words of the hint that helps then.

Each source is a cell as it would stand in the notebook; see `tests.labs.lab01_identity.learners`.
"""

from __future__ import annotations

from tests.labs.lab00_network.learners import answering, asking, enduring
from tests.labs.proving import learner

ANSWERS = [*answering.ANSWERS, *asking.ANSWERS, *enduring.ANSWERS]

PRELUDE = """
import asyncio, itertools, struct, time
from p2plib.errors import DecodeError, PeerTimeout
from p2plib.labs.lab00_network.asking import ping
from p2plib.labs.lab00_network.peer_socket import PeerSocket, connect
from p2plib.labs.lab00_network.wire import MARK, PING, PONG, decode_ping, encode_ping
"""
LEAST = 6  # wrong answers for each task
HALF = {
    "Responder": "class Responder(asyncio.DatagramProtocol):\n"
    "    def connection_made(self, transport):\n        self.transport = transport\n"
    "    def datagram_received(self, data, addr):\n        raise NotImplementedError\n",
    "Detector": "class Detector:\n    def __init__(self, misses=3, answers=2):\n        pass\n"
    "    def sample(self, answered):\n        raise NotImplementedError\n",
    "RoundTrips": "class RoundTrips:\n    def __init__(self):\n        self.timeout_s = 1.0\n"
    "    def heard(self, round_trip_s):\n        raise NotImplementedError\n"
    "    def missed(self):\n        raise NotImplementedError\n",
}

written = learner(PRELUDE)
