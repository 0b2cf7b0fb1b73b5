"""What a yamux session reports about the other side: a dataclass for each event; `Event` is any of them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Opened:
    """The other side opened a stream: `p2plib.protocol.yamux.session.Session.accept` takes it."""

    stream_id: int


@dataclass(frozen=True, slots=True)
class Readable:
    """So many more bytes can be read."""

    stream_id: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Writable:
    """So many more bytes may be sent: the window has grown."""

    stream_id: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Ended:
    """The other side has sent its FIN: nothing follows what may still be read."""

    stream_id: int


@dataclass(frozen=True, slots=True)
class Reset:
    """The stream is over in both directions: the other side gave it up, or broke its rules."""

    stream_id: int


@dataclass(frozen=True, slots=True)
class Pong:
    """The other side has returned the ping with this value."""

    value: int


@dataclass(frozen=True, slots=True)
class GoAway:
    """The other side opens and takes no more streams; the reason is one of the codec's."""

    reason: int


Event = Opened | Readable | Writable | Ended | Reset | Pong | GoAway
