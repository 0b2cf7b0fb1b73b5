"""Signal: peers that know only a meeting place, and do not trust it.

::

    events        server-sent events, the form in which a hub sends
    channels      the machine of a hub: who listens where, and what is too much
    server        `SignalHub`, over HTTP, compatible with npm's signalhub
    client        `HubClient`, for either hub
    messages      what our peers say through hubs: signed, and if need be sealed
    inbox         which of those messages are to be believed
    source        `SignalSource`: announce and look up over hubs
    presence      what announcing at several places at once takes
    peer_record   libp2p's signed peer record
    rendezvous    the messages of libp2p's rendezvous
    point         the machine of a rendezvous point
    meeting       a point, and what to ask of one, over `p2plib.protocol`'s streams
    points        `RendezvousSource`: announce and look up over rendezvous points
"""

from p2plib.discovery.signal.client import HubClient
from p2plib.discovery.signal.points import RendezvousSource
from p2plib.discovery.signal.server import SignalHub
from p2plib.discovery.signal.source import SignalSource

__all__ = ["HubClient", "RendezvousSource", "SignalHub", "SignalSource"]
