"""Manners: what keeps a link quiet, each with a switch of its own, so that its worth can be measured."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Manners:
    """What a host does so that others are not disturbed (RFC 6762, sections 5.2, 6 and 7).

    All of it is on. Switch something off in a simulation, to see what a link would be like without it, and
    nowhere else.

    Args:
        waits: shared answers and first questions wait for a moment, at random.
        tells_what_it_knows: questions carry the known answers.
        believes_others: a question or an answer that another host has just sent need not be sent again.
        limits_rate: a record goes to the group at most once a second.
    """

    waits: bool = True
    tells_what_it_knows: bool = True
    believes_others: bool = True
    limits_rate: bool = True


GOOD_MANNERS = Manners()
NO_MANNERS = Manners(False, False, False, False)
