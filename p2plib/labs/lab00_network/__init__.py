"""Lab 0: a first network in a notebook. Two hosts, a ping, and what the network does to it, as tasks.

References, probes and what they stand on have modules of their own::

    wire         encode_ping, decode_ping
    peer_socket  a UDP socket to one peer, as the reader's functions are given it
    world        the simulated internets in which the reader's functions are tried
    answering    Responder
    asking       ping
    retry        ping_with_retry
    detector     Detector
    roundtrips   RoundTrips

A later lab takes up what the reader kept::

    from p2plib.labs import lab00_network as network
    ping_with_retry = network.mine("ping_with_retry")
"""

from __future__ import annotations

from p2plib.labs import Lab
from p2plib.labs.lab00_network.answering import RESPONDER
from p2plib.labs.lab00_network.asking import PING_TASK
from p2plib.labs.lab00_network.detector import DETECTOR
from p2plib.labs.lab00_network.retry import RETRY
from p2plib.labs.lab00_network.roundtrips import ROUND_TRIPS
from p2plib.labs.lab00_network.wire import DECODE, ENCODE

LAB = Lab("network", ENCODE, DECODE, RESPONDER, PING_TASK, RETRY, DETECTOR, ROUND_TRIPS)
check, judge, keep, mine = LAB.check, LAB.judge, LAB.keep, LAB.mine
