"""Chord: a ring with fingers, which take a lookup to any key in half of log2 N steps. A machine.

Follows Stoica et al., "Chord: A Scalable Peer-to-Peer Lookup Protocol for Internet Applications" (IEEE/ACM
ToN, 2003), section IV. `machine` has the successor lists and what keeps them right; this module adds the
fingers. They make lookups fast, but it is not they that make them right: with no finger at all, a lookup
walks along the successors.

Rules
    1. Finger i is the owner of the id 2**i after ours. Those that would be our first successor anyway are not
       looked up: of m fingers only about log2 N are different.
    2. Every `fingers_s` all of them are looked up again, starting with the farthest, by way of those already
       known.
    3. A lookup goes to the finger or successor that is nearest before the key. A finger that does not answer
       is dropped at once, and the next best is asked.

The fingers themselves are `p2plib.topology.ring.fingers`.

Vocabulary::

    m        how many bits an id has (`bits`)
    finger   a contact about half, a quarter, an eighth ... of the circle away
"""

from __future__ import annotations

import random

from p2plib.machine.addresses import Contact
from p2plib.topology.ring.machine import DEFAULTS, Ring
from p2plib.topology.ring.parts import RingSettings


class Chord(Ring):
    """One peer of a Chord ring; see `p2plib.topology.ring.machine.Ring` for how to use it."""

    def __init__(self, own: Contact, rng: random.Random, *, settings: RingSettings = DEFAULTS) -> None:
        super().__init__(own, rng, settings=settings, has_fingers=True)
