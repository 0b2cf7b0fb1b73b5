"""What learners of lab 1 wrote: wrong answers for each task, with words of the hint that helps then.

Each source is a cell as it would stand in the notebook. It is run after `PRELUDE`, as the notebook's first
cells are, and defines the task's name.
"""

from __future__ import annotations

from tests.labs.lab01_identity.learners import names, odds, opening, reading, spelling
from tests.labs.proving import learner

ANSWERS = [*odds.ANSWERS, *opening.ANSWERS, *spelling.ANSWERS, *names.ANSWERS, *reading.ANSWERS]

PRELUDE = """
import hashlib, math, random, unicodedata
from p2plib.errors import DecodeError, RemoteError, SignatureError, WeakKey
from p2plib.identity.keys import PublicKey, SecretKey
from p2plib.wire import varint
from p2plib.labs.lab01_identity.feed import Post
from p2plib.labs.lab01_identity.names import to_proquint
from p2plib.labs.lab01_identity.envelope import open_envelope
from p2plib.labs.lab01_identity.relay import AHEAD, read_entry
from p2plib.labs.lab01_identity.rotation import Following, follow
from p2plib.labs.lab01_identity.skeleton import TWINS, skeleton
CONSONANTS, VOWELS = "bdfghjklmnprstvz", "aiou"
ROTATION = "lab01/rotation/1"
FEED = "lab01/feed/1"
SHAPE = ((CONSONANTS, 4), (VOWELS, 2), (CONSONANTS, 4), (VOWELS, 2), (CONSONANTS, 4))
"""
LEAST = 4  # wrong answers for each task

written = learner(PRELUDE)
