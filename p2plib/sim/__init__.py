"""A simulated internet for asyncio programs: `Internet`, and what you need beside it.

It needs nothing but Python::

    from p2plib.sim import Internet, Link, current_host

    async def main(net):
        ana, ben = net.host("ana"), net.host("ben")
        ...

    Internet(seed=1).run(main)
"""

from p2plib.sim.current import current_host
from p2plib.sim.faults import Chaos, Corrupt, Crash, Cut, Delay, Duplicate, Fault, Lose
from p2plib.sim.host import Host
from p2plib.sim.internet import Internet
from p2plib.sim.link import Constant, Link, LogNormal, Measured, Uniform
from p2plib.sim.packet import Address, Flag, Packet, Segment

__all__ = [
    "Address",
    "Chaos",
    "Constant",
    "Corrupt",
    "Crash",
    "Cut",
    "Delay",
    "Duplicate",
    "Fault",
    "Flag",
    "Host",
    "Internet",
    "Link",
    "LogNormal",
    "Lose",
    "Measured",
    "Packet",
    "Segment",
    "Uniform",
    "current_host",
]
