"""Which frame of a yamux session goes next: rule 6 of `p2plib.protocol.yamux.session`.

Frames without data that belong to no turn go first: answers that the other side has caused, and what we say
of our own accord. Then the streams that have something to send take turns, one frame each; a stream that has
sent one goes to the end of the queue.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterator

from p2plib.protocol.yamux.codec import HEADER_BYTES, Header
from p2plib.protocol.yamux.substream import Substream


class SendScheduler:
    """The queues of one session.

    Args:
        on_sent: called with a stream after each of its turns, before it is queued again.
    """

    def __init__(self, on_sent: Callable[[Substream], None]) -> None:
        self.progress: list[int] = []  # the ids of the streams that had something in the last batch
        self._on_sent = on_sent
        self._answers: deque[Header] = deque()
        self._announcements: deque[Header] = deque()
        self._ready: OrderedDict[int, Substream] = OrderedDict()
        self._is_stopped = False

    @property
    def has_work(self) -> bool:
        """Whether a batch may have something."""
        return bool(self._answers or self._announcements or self._ready)

    @property
    def waiting_answers(self) -> int:
        """How many frames wait to be sent that the other side has caused."""
        return len(self._answers)

    def answer(self, header: Header) -> None:
        """Queues a frame that the other side has caused, to go before all streams."""
        if not self._is_stopped:
            self._answers.append(header)

    def announce(self, header: Header) -> None:
        """Queues a frame of our own accord, to go before all streams."""
        if not self._is_stopped:
            self._announcements.append(header)

    def withdraw(self, header: Header) -> None:
        """Takes an announcement back, if it is not sent yet."""
        if header in self._announcements:
            self._announcements.remove(header)

    def enqueue(self, stream: Substream) -> None:
        """Gives a stream a turn if it has something to send; one that is queued keeps its place."""
        if stream.stream_id not in self._ready and stream.has_work and not self._is_stopped:
            self._ready[stream.stream_id] = stream

    def stop(self, last: Header) -> None:
        """Forgets everything that waits; one last frame is sent, and nothing after it."""
        self._ready.clear()
        self._answers.clear()
        self._announcements.clear()
        self._announcements.append(last)
        self._is_stopped = True

    def batch(self, max_bytes: int) -> bytes:
        """The next bytes to be sent; b"" if there are none."""
        self.progress = []
        return b"".join(self._frames(max_bytes))

    def _frames(self, room: int) -> Iterator[bytes]:
        for queue in (self._answers, self._announcements):
            while queue and room >= HEADER_BYTES:
                yield queue.popleft().encode()
                room -= HEADER_BYTES
        while self._ready and room > HEADER_BYTES:
            if self.progress and next(iter(self._ready.values())).sendable > room - HEADER_BYTES:
                return  # better whole in the next batch than in two parts
            _, stream = self._ready.popitem(last=False)
            header, parts = stream.next_frame(room - HEADER_BYTES)
            if header is not None:
                yield header.encode()
                yield from parts
                self.progress.append(stream.stream_id)
                room -= HEADER_BYTES + sum(map(len, parts))
            self._on_sent(stream)
            self.enqueue(stream)
