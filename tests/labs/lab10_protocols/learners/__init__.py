"""What learners of lab 10 wrote: wrong answers for each task, with words of the hint that helps then.

Each source is a cell as it would stand in the notebook; see `tests.labs.lab01_identity.learners`.
"""

from __future__ import annotations

import types
from typing import Any

from tests.labs.lab10_protocols.learners import cutting, shaking, sharing, speaking, windows

ANSWERS = [*cutting.ANSWERS, *shaking.ANSWERS, *sharing.ANSWERS, *speaking.ANSWERS, *windows.ANSWERS]

PRELUDE = """
import collections, hashlib, hmac, struct
from p2plib.errors import DecodeError, NoCommonProtocol, RemoteError, Tampered
from p2plib.labs.lab10_protocols.transcript import decrypt, encrypt
from p2plib.wire import varint


def frame(payload):
    return varint.encode(len(payload)) + payload
"""


def written(name: str, source: str) -> Any:
    """The function or class that a learner's cell defines."""
    module = types.ModuleType("learner")
    exec(compile(PRELUDE, "prelude", "exec"), module.__dict__)
    exec(compile(source, "cell", "exec"), module.__dict__)
    return module.__dict__[name]
