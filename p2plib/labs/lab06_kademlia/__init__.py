"""Lab 6: a Kademlia peer. Distance, buckets, a table and a lookup, as tasks.

References, probes and what they stand on have modules of their own::

    distance     bucket_index, closest
    bucket       Bucket
    table        RoutingTable
    crowd        thousands of peers in memory, some dead, some lying
    lookup       lookup
    fetch        fetch
    node         the reader's parts on a UDP socket
    living       Villager, the capstone, and the village that it is tried in

A later lab takes up what the reader kept::

    from p2plib.labs import lab06_kademlia as kademlia
    lookup = kademlia.mine("lookup")
"""

from __future__ import annotations

from p2plib.labs import Lab
from p2plib.labs.lab06_kademlia.bucket import BUCKET
from p2plib.labs.lab06_kademlia.distance import BUCKET_INDEX, CLOSEST
from p2plib.labs.lab06_kademlia.fetch import FETCH
from p2plib.labs.lab06_kademlia.living import VILLAGER
from p2plib.labs.lab06_kademlia.lookup import LOOKUP
from p2plib.labs.lab06_kademlia.table import ROUTING_TABLE

LAB = Lab("kademlia", BUCKET_INDEX, CLOSEST, BUCKET, ROUTING_TABLE, LOOKUP, FETCH, VILLAGER)
check, judge, keep, mine = LAB.check, LAB.judge, LAB.keep, LAB.mine
