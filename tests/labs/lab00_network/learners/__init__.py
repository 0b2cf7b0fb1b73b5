"""What learners of lab 0 wrote: wrong answers for each task, with words of the hint that helps then.

Each source is a cell as it would stand in the notebook; see `tests.labs.lab01_identity.learners`.
"""

from __future__ import annotations

import types
from typing import Any

from tests.labs.lab00_network.learners import answering, asking, enduring

ANSWERS = [*answering.ANSWERS, *asking.ANSWERS, *enduring.ANSWERS]

PRELUDE = """
import asyncio, itertools, struct, time
from p2plib.errors import DecodeError, PeerTimeout
from p2plib.labs.lab00_network.asking import ping
from p2plib.labs.lab00_network.peer_socket import PeerSocket, connect
from p2plib.labs.lab00_network.wire import MARK, PING, PONG, decode_ping, encode_ping
"""


def written(name: str, source: str) -> Any:
    """The function or class that a learner's cell defines."""
    module = types.ModuleType("learner")
    exec(compile(PRELUDE, "prelude", "exec"), module.__dict__)
    exec(compile(source, "cell", "exec"), module.__dict__)
    return module.__dict__[name]
