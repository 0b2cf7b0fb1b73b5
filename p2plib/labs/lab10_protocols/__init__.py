"""Lab 10: protocols. Frames, what a handshake agrees on, two streams over one, and a version, as tasks.

References, probes and wrong ways have modules of their own::

    frames         Frames
    transcript     Transcript; what is tried of it is in agreeing
    mux            Mux
    versions       newest_first
    negotiation    Negotiation
    window         Window

A later lab takes up what the reader kept::

    from p2plib.labs import lab10_protocols as protocols
    Frames = protocols.mine("Frames")
"""

from __future__ import annotations

from p2plib.labs import Lab
from p2plib.labs.lab10_protocols.agreeing import TRANSCRIPT
from p2plib.labs.lab10_protocols.connecting import CONNECTION
from p2plib.labs.lab10_protocols.frames import FRAMES
from p2plib.labs.lab10_protocols.mux import MUX
from p2plib.labs.lab10_protocols.negotiation import NEGOTIATION
from p2plib.labs.lab10_protocols.versions import NEWEST
from p2plib.labs.lab10_protocols.window import WINDOW

LAB = Lab("protocols", FRAMES, TRANSCRIPT, MUX, NEWEST, NEGOTIATION, WINDOW, CONNECTION)
check, judge, keep, mine = LAB.check, LAB.judge, LAB.keep, LAB.mine
