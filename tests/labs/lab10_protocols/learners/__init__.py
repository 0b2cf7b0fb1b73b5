"""What learners of lab 10 wrote: wrong answers for each task, with words of the hint that helps then.

Each source is a cell as it would stand in the notebook; see `tests.labs.lab01_identity.learners`.
"""

from __future__ import annotations

from tests.labs.lab10_protocols.learners import connecting, cutting, shaking, sharing, speaking, windows
from tests.labs.proving import learner

ANSWERS = [*cutting.ANSWERS, *shaking.ANSWERS, *sharing.ANSWERS, *speaking.ANSWERS, *windows.ANSWERS]
ANSWERS += connecting.ANSWERS

PRELUDE = """
import collections, hashlib, hmac, struct
from p2plib.errors import DecodeError, NoCommonProtocol, RemoteError, Tampered
from p2plib.labs.lab10_protocols.frames import Frames
from p2plib.labs.lab10_protocols.link import MOST_FRAME, PIECE, WINDOW
from p2plib.labs.lab10_protocols.mux import Mux, read_frame
from p2plib.labs.lab10_protocols.negotiation import Negotiation
from p2plib.labs.lab10_protocols.transcript import decrypt, encrypt
from p2plib.wire import varint


def frame(payload):
    return varint.encode(len(payload)) + payload
"""
LEAST = 10  # wrong answers for each task
HALF = {
    "Frames": "class Frames:\n    def __init__(self, max_bytes):\n        raise NotImplementedError\n",
    "Transcript": "class Transcript:\n    def __init__(self, name):\n        raise NotImplementedError\n",
    "Mux": "class Mux:\n    def __init__(self, window, most):\n        pass\n"
    "    def write(self, stream, data):\n        raise NotImplementedError\n",
    "Negotiation": "class Negotiation:\n    def __init__(self, names):\n        self.chosen = None\n"
    "    def begin(self):\n        raise NotImplementedError\n",
    "Window": "class Window:\n    def __init__(self, round_trip_s):\n        pass\n"
    "    def read(self, size, now):\n        raise NotImplementedError\n",
}

written = learner(PRELUDE)
