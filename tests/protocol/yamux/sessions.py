"""Sessions of yamux for tests: frames, what comes out in words, and two that speak with each other."""

from __future__ import annotations

from p2plib.protocol.yamux import codec as yamux_codec
from p2plib.protocol.yamux.codec import DATA, SYN, WINDOW_UPDATE, Header
from p2plib.protocol.yamux.events import Event
from p2plib.protocol.yamux.limits import INITIAL_WINDOW_BYTES, Limits
from p2plib.protocol.yamux.session import Session
from p2plib.protocol.yamux.substream import Substream

WINDOW = INITIAL_WINDOW_BYTES


def frame(kind: int, flags: int, stream: int, length: int = 0, data: bytes = b"") -> bytes:
    return Header(kind, flags, stream, len(data) or length).encode() + data


def headers(raw: bytes) -> list[str]:
    """The frames in some bytes, in words."""
    found = []
    while raw:
        header = yamux_codec.decode(raw)
        found.append(str(header))
        raw = raw[12 + (header.length if header.kind == DATA else 0) :]
    return found


def everything(session: Session) -> bytes:
    parts = []
    while part := session.to_send():
        parts.append(part)
    return b"".join(parts)


def opened(session: Session, number: int = 1) -> Substream:
    """A stream that the other side opened and we accepted."""
    session.receive(frame(WINDOW_UPDATE, SYN, number))
    stream = session.accept()
    assert stream is not None
    assert headers(everything(session)) == [f"window update 0 ACK on stream {number}"]
    return stream


def server(**limits: int) -> Session:
    return Session(is_client=False, limits=Limits(**limits))


class Pair:
    """Two sessions, and everything that one sends given to the other."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.client = Session(is_client=True, limits=limits)
        self.server = Session(is_client=False, limits=limits)

    def exchange(self) -> list[Event]:
        events = []
        for _ in range(1000):
            there, back = self.client.to_send(), self.server.to_send()
            if not there and not back:
                return events
            events += self.server.receive(there) + self.client.receive(back)
        raise AssertionError("the two do not stop talking")

    def stream(self) -> tuple[Substream, Substream]:
        near = self.client.open()
        self.exchange()
        far = self.server.accept()
        assert far is not None
        self.exchange()
        return near, far
