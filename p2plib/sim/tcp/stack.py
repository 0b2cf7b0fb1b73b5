"""TCP of a host as a whole: which endpoint a segment is for, and what becomes of them all at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from p2plib.sim.packet import Address, Flag, Segment
from p2plib.sim.tcp.endpoint import TcpEndpoint
from p2plib.sim.tcp.listener import TcpListener
from p2plib.sim.tcp.states import refusal

if TYPE_CHECKING:
    from p2plib.sim.host import Host


def receive_segment(host: Host, source: Address, destination: Address, segment: Segment) -> None:
    """Takes a segment that reached a host: to its connection, else to who listens, else it is refused.

    Args:
        source: where it comes from, as this host sees it.
        destination: the address of this host that it arrived at.
    """
    endpoint = host.ports.tcp.get((destination, source))
    if endpoint is not None:
        endpoint.receive(segment)
        return
    listener = host.ports.listener(destination, source) if segment.flags == Flag.SYN else None
    if listener is not None:
        listener.receive_syn(destination, source, segment)
    elif answer := refusal(segment):  # RFC 9293, 3.10.7.1
        host.send_segment(destination, source, answer)


def close_everything(host: Host) -> None:
    """Closes what is open, as a process that exits does, and tells the holders.

    Listeners are gone at once. Connections end with a FIN behind what the kernel has taken, or with a RST
    if bytes were left unread; the host answers for them until the other sides have acknowledged.
    """
    for endpoint in list(host.ports.endpoints):
        if isinstance(endpoint, TcpEndpoint | TcpListener):
            tell = endpoint.on_ready
            endpoint.close()
            if tell is not None:
                tell()
