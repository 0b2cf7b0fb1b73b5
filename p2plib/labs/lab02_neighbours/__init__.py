"""Lab 2: neighbours. Whom to call first, a name server's answers, and questions to everybody on the LAN.

References, probes and what they stand on have modules of their own::

    calling      call_plan
    serving      deal, usable
    packets      write_question, read_name, and the rest of a DNS packet
    hearing      Neighbours
    answering    Answering, and a segment of many peers on which it is judged
    segment      the reader's parts on a multicast socket

A later lab takes up what the reader kept::

    from p2plib.labs import lab02_neighbours as neighbours
    read_name = neighbours.mine("read_name")
"""

from __future__ import annotations

from p2plib.labs import Lab
from p2plib.labs.lab02_neighbours.answering import ANSWERING
from p2plib.labs.lab02_neighbours.calling import CALL_PLAN
from p2plib.labs.lab02_neighbours.hearing import NEIGHBOURS
from p2plib.labs.lab02_neighbours.packets import READ_NAME, WRITE_QUESTION
from p2plib.labs.lab02_neighbours.serving import DEAL, USABLE

LAB = Lab("neighbours", CALL_PLAN, DEAL, USABLE, WRITE_QUESTION, READ_NAME, NEIGHBOURS, ANSWERING)
check, judge, keep, mine = LAB.check, LAB.judge, LAB.keep, LAB.mine
