"""Chord: a ring with fingers, and so half of log2 N steps to any key. A machine.

Follows Stoica et al., "Chord: A Scalable Peer-to-Peer Lookup Protocol for Internet Applications" (IEEE/ACM
ToN, 2003), section IV. `ring` has the successor lists and what keeps them right; here come the fingers. They
make lookups fast and never make them right: with no finger at all a lookup walks along the successors.

Rules
    1. Finger i is the owner of the id 2**i after ours. Those that would be our first successor anyway are not
       looked up: of m fingers only about log2 N are different.
    2. Every `fingers_s` all of them are looked up again, starting with the farthest, through those known.
    3. A lookup goes to the best of fingers and successors before the key. A finger that does not answer is
       dropped at once, and the next best is asked.

Vocabulary::

    m        how many bits an id has (`bits`)
    finger   a contact about half, a quarter, an eighth ... of the circle away
"""

from __future__ import annotations

import random
from collections.abc import Iterable

from p2plib.machine.addresses import Contact
from p2plib.topology.ring.machine import DEFAULTS, Ring
from p2plib.topology.ring.parts import Place, RingSettings, Timer


class Chord(Ring):
    """One peer of a Chord ring; see `p2plib.topology.ring.machine.Ring` for how to use it."""

    def __init__(self, own: Contact, rng: random.Random, *, settings: RingSettings = DEFAULTS) -> None:
        super().__init__(own, rng, settings=settings)
        self.fingers: dict[int, Contact] = {}

    def _become_member(self, now: float) -> None:
        super()._become_member(now)
        self._again(Timer.FINGERS, self.settings.fingers_s / 10, now)

    def _links(self) -> Iterable[Contact]:
        return {*self.successors, *self.fingers.values()}

    def _find_fingers(self, now: float) -> None:
        """Rule 2."""
        self._again(Timer.FINGERS, self.settings.fingers_s, now)
        if not self.successors:
            return
        reach = (self.successors[0].id - self.own.id) % self.size
        for i in reversed(range(self.settings.bits)):
            if 1 << i <= reach:  # rule 1
                self.fingers.pop(i, None)
            else:
                self._start(Place.FINGER, (self.own.id + (1 << i)) % self.size, now, finger=i)

    def _finger_found(self, finger: int, owner: Contact) -> None:
        if owner == self.own:
            self.fingers.pop(finger, None)
        else:
            self.fingers[finger] = owner
            self._remember([owner.address])

    def _dead(self, contact: Contact, now: float) -> None:
        """Rule 3."""
        for i in [i for i, finger in self.fingers.items() if finger == contact]:
            del self.fingers[i]
        super()._dead(contact, now)
