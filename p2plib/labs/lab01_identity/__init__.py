"""Lab 1: an identity of your own. What a peer needs to be somebody, as tasks.

References, probes and foreseeable mistakes have modules of their own::

    odds                 first_collision, collision_chance
    envelope, opening    seal_envelope, open_envelope
    feed                 impostors
    spelling             to_proquint, from_proquint
    skeleton, names      skeleton, Contacts
    rotation, following  rotate, follow
    relay, reading       Reader, the capstone, and the relay that it is tried with

A later lab takes up what the reader kept::

    from p2plib.labs import lab01_identity as identity
    seal_envelope = identity.mine("seal_envelope")
"""

from __future__ import annotations

from p2plib.labs import Lab
from p2plib.labs.lab01_identity.envelope import SEAL
from p2plib.labs.lab01_identity.feed import IMPOSTORS
from p2plib.labs.lab01_identity.following import FOLLOW
from p2plib.labs.lab01_identity.names import CONTACTS
from p2plib.labs.lab01_identity.odds import COLLISION_CHANCE, FIRST_COLLISION
from p2plib.labs.lab01_identity.opening import OPEN
from p2plib.labs.lab01_identity.reading import READER
from p2plib.labs.lab01_identity.rotation import ROTATE
from p2plib.labs.lab01_identity.skeleton import SKELETON
from p2plib.labs.lab01_identity.spelling import FROM_PROQUINT, TO_PROQUINT

PROQUINTS, NAMES, ROTATION = (TO_PROQUINT, FROM_PROQUINT), (SKELETON, CONTACTS), (ROTATE, FOLLOW)
PARTS = (FIRST_COLLISION, COLLISION_CHANCE, SEAL, OPEN, IMPOSTORS, *PROQUINTS, *NAMES, *ROTATION)
LAB = Lab("identity", *PARTS, READER)
check, judge, keep, mine = LAB.check, LAB.judge, LAB.keep, LAB.mine
