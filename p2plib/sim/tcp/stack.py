"""TCP of a host as a whole: which endpoint a segment is for, and what becomes of them all at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from p2plib.sim.packet import Address, Flag, Segment
from p2plib.sim.tcp.states import refusal

if TYPE_CHECKING:
    from p2plib.sim.host import Host


def receive_segment(host: Host, source: Address, destination: Address, segment: Segment) -> None:
    """Takes a segment that reached a host: to its connection, else to who listens, else it is refused.

    Args:
        source: where it comes from, as this host sees it.
        destination: the address of this host that it arrived at.
    """
    endpoint = host.tcp.get((destination, source))
    if endpoint is not None:
        endpoint.receive(segment)
        return
    everywhere = ("::" if ":" in destination[0] else "0.0.0.0"), destination[1]
    listener = host.listening.get(destination) or host.listening.get(everywhere)
    if listener is not None and segment.flags == Flag.SYN:
        listener.receive_syn(destination, source, segment)
    elif answer := refusal(segment):  # RFC 9293, 3.10.7.1
        host.send_segment(destination, source, answer)


def close_everything(host: Host) -> None:
    """Closes what is open, as a process that exits does, and tells the holders.

    Listeners are gone at once. Connections end with a FIN behind what the kernel has taken, or with a RST
    if bytes were left unread; the host answers for them until the other sides have acknowledged.
    """
    for thing in (*dict.fromkeys(host.listening.values()), *dict.fromkeys(host.tcp.values())):
        if thing.is_open:
            holder = thing.on_ready
            thing.close()
            if holder is not None:
                holder()
