"""yamux: many streams inside one, each with its own end and its own back-pressure."""

from p2plib.protocol.yamux.driver import YamuxConnection, YamuxStream
from p2plib.protocol.yamux.limits import Limits
from p2plib.protocol.yamux.session import Session

__all__ = ["Limits", "Session", "YamuxConnection", "YamuxStream"]
