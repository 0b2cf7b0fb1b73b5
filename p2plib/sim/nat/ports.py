"""Which external ports a NAT tries for a new mapping, the best first (RFC 4787, 4.2). Pure.

Rules
    1. Ports below 1024 for inside ports below 1024, the others for the others (REQ-3a), and of those the ones
       of the inside port's parity (REQ-4). When they are all taken, those of the other parity; then any in
       the NAT's range: a recommendation is not worth a refusal.
    2. Within each of these sets the search begins where `Ports` says and goes upward, then round.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from p2plib.sim.nat.behaviour import NatBehaviour, Ports

WELL_KNOWN = 1024  # the ports below it are the well-known ones


def ports_to_try(behaviour: NatBehaviour, wanted: int, last: int, rng: Random | None) -> Iterator[int]:
    """External ports in the order in which to look for a free one; some come up more than once.

    Args:
        wanted: the inside port, 0 to 65535.
        last: the external port that was given away last.
        rng: where `Ports.RANDOM` draws from; one draw for each call.
    """
    if behaviour.ports is Ports.PRESERVING:
        start = wanted
    elif behaviour.ports is Ports.SEQUENTIAL or rng is None:
        start = last + 1
    else:
        start = rng.randint(*behaviour.port_range)
    for ports in _candidates(behaviour, wanted):
        yield from _upward(ports, start)


def _candidates(behaviour: NatBehaviour, wanted: int) -> Iterator[range]:
    """Rule 1."""
    low, high = behaviour.port_range
    if wanted < WELL_KNOWN:
        first, last = low, min(high, WELL_KNOWN - 1)
    else:
        first, last = max(low, WELL_KNOWN), high
    if behaviour.keep_parity:
        yield range(first + (first - wanted) % 2, last + 1, 2)
    yield range(first, last + 1)
    yield range(low, high + 1)


def _upward(ports: range, start: int) -> Iterator[int]:
    """These ports once each: from the first that is not below *start*, then round."""
    below = max(0, -((ports.start - start) // ports.step))
    yield from ports[below:]
    yield from ports[:below]
