"""The talking stick, tested in a simulated internet.

pytest                                          takes a few seconds
pytest --sim-seeds 200                          every test that uses a seed, under 200 of them
pytest --before --sim-seeds 20                  the first version, which fails
pytest --before --sim-seeds 20 --sim-pcap out   with a capture of each failure
"""

from __future__ import annotations

from types import ModuleType

import pytest
from meeting import meeting

from p2plib.sim import Chaos, Internet
from p2plib.sim.search import search

TEN_MINUTES_S = 600.0

# A bad evening: packets are lost, a guest's machine loses its power for a while, and the network is cut in
# two for up to twenty seconds, which is longer than a lease. The server has a battery.
BAD_EVENING = Chaos(loss=0.05, crashes=1, down_s=5.0, cuts=1, cut_s=20.0, within_s=40.0, spare=("server",))


def test_everybody_speaks_and_nobody_interrupts(internet: Internet, module: ModuleType) -> None:
    internet.run(meeting(module), time_limit_s=TEN_MINUTES_S)


@pytest.mark.internet(faults=BAD_EVENING)
def test_a_bad_evening(internet: Internet, module: ModuleType) -> None:
    internet.run(meeting(module), time_limit_s=TEN_MINUTES_S)


def test_thirty_bad_evenings(module: ModuleType) -> None:
    """As above; if one fails, the message lists the few faults that it takes and how to repeat it."""
    failure = search(meeting(module), range(30), chaos=BAD_EVENING, time_limit_s=TEN_MINUTES_S)
    assert failure is None, str(failure)
