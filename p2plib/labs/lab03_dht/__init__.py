"""Lab 3: Dht. TO WRITE which tasks.

A later lab picks up what the reader kept::

    from p2plib.labs import lab03_dht as dht
    decode = dht.mine("decode")
"""

from __future__ import annotations

from p2plib.labs import Lab
from p2plib.labs.lab03_dht.tasks import DECODE, ENCODE, LENGTH

LAB = Lab("dht", LENGTH, ENCODE, DECODE)
check, judge, keep, mine = LAB.check, LAB.judge, LAB.keep, LAB.mine
