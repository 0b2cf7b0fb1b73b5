"""Lab 8: logs and pictures that nobody can change, on a disk that forgets, among peers that lie.

References, probes and foreseeable mistakes have modules of their own::

    entries, forging          append, verified
    records, crashing, disk   append_record, recover, and a file that forgets what was not synced
    asking, accepting         missing, accept
    liars                     peers that leave out, reorder, repeat, forge and fork
    trees, paths, proving     merkle_root, prove, proven
    cutting, sharing          where a file is cut; ChunkStore, in which files share their chunks
    strangers, weathers       three peers in a simulated internet, and what may be wrong with them
    mirroring                 mirror, the capstone

A later lab takes up what the reader kept::

    from p2plib.labs import lab08_content as content
    accept = content.mine("accept")
"""

from __future__ import annotations

from p2plib.labs import Lab
from p2plib.labs.lab08_content.accepting import ACCEPT
from p2plib.labs.lab08_content.asking import MISSING
from p2plib.labs.lab08_content.crashing import APPEND_RECORD, RECOVER
from p2plib.labs.lab08_content.entries import APPEND
from p2plib.labs.lab08_content.forging import VERIFIED
from p2plib.labs.lab08_content.mirroring import MIRROR
from p2plib.labs.lab08_content.paths import PROVE
from p2plib.labs.lab08_content.proving import PROVEN
from p2plib.labs.lab08_content.sharing import CHUNK_STORE
from p2plib.labs.lab08_content.trees import MERKLE_ROOT

LAB = Lab(
    "content",
    APPEND, VERIFIED, APPEND_RECORD, RECOVER, MISSING, ACCEPT,
    MERKLE_ROOT, PROVE, PROVEN, CHUNK_STORE, MIRROR,
)  # fmt: skip
check, judge, keep, mine = LAB.check, LAB.judge, LAB.keep, LAB.mine
