"""Lab 3: a client of the Mainline DHT, which asks strangers for peers, and a bad network to try it on.

References, probes and what they stand on have modules of their own::

    bencoding    bencode
    contacts     read_nodes, next_to_ask
    questions    Questions
    searching    find_peers, and nodes in memory that it asks
    client       the reader's parts on a UDP socket
    weather      a simulated DHT with loss, dead nodes, liars and forgers
    finding      find_one, the capstone of discovery, and its score

A later lab takes up what the reader kept::

    from p2plib.labs import lab03_dht as dht
    bencode = dht.mine("bencode")
"""

from __future__ import annotations

from p2plib.labs import Lab
from p2plib.labs.lab03_dht.bencoding import BENCODE
from p2plib.labs.lab03_dht.contacts import NEXT_TO_ASK, READ_NODES
from p2plib.labs.lab03_dht.finding import FIND_ONE
from p2plib.labs.lab03_dht.questions import QUESTIONS
from p2plib.labs.lab03_dht.searching import FIND_PEERS

LAB = Lab("dht", BENCODE, READ_NODES, NEXT_TO_ASK, QUESTIONS, FIND_PEERS, FIND_ONE)
check, judge, keep, mine = LAB.check, LAB.judge, LAB.keep, LAB.mine
