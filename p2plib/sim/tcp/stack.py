"""TCP of a whole host: which endpoint a segment is for, and how all of them are closed at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from p2plib.sim.packet import Address, Flag, Segment
from p2plib.sim.tcp.endpoint import TcpEndpoint
from p2plib.sim.tcp.listener import TcpListener
from p2plib.sim.tcp.states import refusal

if TYPE_CHECKING:
    from p2plib.sim.host import Host

_SYN = Flag.SYN


def receive_segment(host: Host, source: Address, destination: Address, segment: Segment) -> None:
    """Pass a segment that has reached a host to its connection or to a listener, or refuse it with a RST.

    Args:
        host: the host.
        source: where the segment comes from, as this host sees it.
        destination: the address of this host at which it arrived.
        segment: the segment.
    """
    listener = host.ports.listener(destination, source) if segment.flags == _SYN else None
    endpoint = host.ports.tcp.get((destination, source))
    if endpoint is not None and (listener is None or not endpoint.gives_way_to(segment)):
        endpoint.receive(segment)
    elif listener is not None:
        listener.receive_syn(destination, source, segment)
    elif answer := refusal(segment):  # RFC 9293, 3.10.7.1
        host.send_segment(destination, source, answer)


def close_everything(host: Host) -> None:
    """Close everything that is open, as the exit of a process does, and notify the holders.

    Listeners are gone at once. Connections end with a FIN after what the kernel has taken, or with a RST if
    bytes were left unread; the host answers for them until the other sides have acknowledged.
    """
    for endpoint in list(host.ports.endpoints):
        if isinstance(endpoint, TcpEndpoint | TcpListener):
            tell = endpoint.on_ready
            endpoint.close()
            if tell is not None:
                tell()
