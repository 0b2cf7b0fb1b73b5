"""Lab 2: Neighbours. TO WRITE which tasks.

A later lab picks up what the reader kept::

    from p2plib.labs import lab02_neighbours as neighbours
    decode = neighbours.mine("decode")
"""

from __future__ import annotations

from p2plib.labs import Lab
from p2plib.labs.lab02_neighbours.tasks import DECODE, ENCODE, LENGTH

LAB = Lab("neighbours", LENGTH, ENCODE, DECODE)
check, judge, keep, mine = LAB.check, LAB.judge, LAB.keep, LAB.mine
