"""Lab 5: ring and Chord. An arc, a list, its repair, fingers, and a lookup among thousands, as tasks.

References, probes and wrong ways have modules of their own::

    arc            owns, adopt
    repair         stabilise; the ring that it repairs is in circle
    fingers        finger_points, nearer
    lookup         lookup; the peers that it asks are in crowd

A later lab takes up what the reader kept::

    from p2plib.labs import lab05_ring as ring
    lookup = ring.mine("lookup")
"""

from __future__ import annotations

from p2plib.labs import Lab
from p2plib.labs.lab05_ring.arc import ADOPT, OWNS
from p2plib.labs.lab05_ring.fingers import FINGER_POINTS, NEARER
from p2plib.labs.lab05_ring.lookup import LOOKUP
from p2plib.labs.lab05_ring.repair import STABILISE

LAB = Lab("ring", OWNS, ADOPT, STABILISE, FINGER_POINTS, NEARER, LOOKUP)
check, judge, keep, mine = LAB.check, LAB.judge, LAB.keep, LAB.mine
