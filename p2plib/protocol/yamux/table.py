"""The streams of a yamux session, and which ids have been used. Part of `p2plib.protocol.yamux.session`.

The session's rules 2 and 3 are kept here: which side uses which ids, that no id is used twice, and how many
streams there may be.
"""

from __future__ import annotations

from collections import OrderedDict, deque

from p2plib.errors import Closed, DecodeError, UsageError
from p2plib.protocol.buffers import Total
from p2plib.protocol.yamux.codec import MAX_UINT32, Header
from p2plib.protocol.yamux.limits import INITIAL_WINDOW_BYTES, Limits
from p2plib.protocol.yamux.states import OpenState
from p2plib.protocol.yamux.substream import Substream

MAX_SKIPPED = 128  # ids that were skipped and may still come: peers open streams from many threads


class UsedIds:
    """Which ids the other side has used for its streams. However it picks them, little is remembered.

    Args:
        first: its first id, 1 or 2; it goes on in steps of two.
    """

    def __init__(self, first: int) -> None:
        self._first = first
        self._highest = 0
        self._skipped: OrderedDict[int, None] = OrderedDict()

    @property
    def skipped(self) -> int:
        """How many ids were skipped and may still come."""
        return len(self._skipped)

    def was_used(self, stream_id: int) -> bool:
        """Whether a stream has had this id, or may have."""
        return stream_id <= self._highest and stream_id not in self._skipped

    def use(self, stream_id: int) -> None:
        """A stream has this id now.

        Raises:
            DecodeError: an earlier stream had it.
        """
        if self.was_used(stream_id):
            raise DecodeError(f"stream {stream_id} was opened before")
        if stream_id <= self._highest:
            self._skipped.pop(stream_id)
            return
        begin = self._highest + 2 if self._highest else self._first
        for skipped in range(max(begin, stream_id - 2 * MAX_SKIPPED), stream_id, 2):
            self._skipped[skipped] = None
        self._highest = stream_id
        while len(self._skipped) > MAX_SKIPPED:
            self._skipped.popitem(last=False)


class StreamTable:
    """The streams that are alive, or that our program still works with.

    Args:
        is_client: whether we dialled; it decides whose ids are odd.
        limits: what the other side may make us spend.
    """

    def __init__(self, *, is_client: bool, limits: Limits) -> None:
        self.streams: dict[int, Substream] = {}  # that are not over
        self.in_use: dict[
            int, Substream
        ] = {}  # these, and those that are over and that our program still has
        self.unread = Total()
        self.unsent = Total()
        self.waiting: deque[Substream] = deque()  # opened by them, not accepted yet
        self.half_closed: dict[int, Substream] = {}  # closed by us and not yet by them; the oldest first
        self.refused = 0  # streams of theirs that were too many
        self.unacknowledged = 0  # streams of ours
        self._limits = limits
        self._is_client = is_client
        self._next_id = 1 if is_client else 2
        self._their_ids = UsedIds(2 if is_client else 1)
        self._theirs_in_use = 0
        self._windows_bytes = 0  # of all that are in use

    def find(self, header: Header) -> Substream | None:
        """The stream that a frame without SYN is for; None if that stream is over.

        Raises:
            DecodeError: nobody has opened it.
        """
        stream = self.streams.get(header.stream_id)
        if stream is None and not self._was_opened(header.stream_id):
            raise DecodeError(f"a {header}, which nobody has opened")
        return stream

    def open(self) -> Substream:
        """A new stream of ours.

        Raises:
            UsageError: too many are not acknowledged yet.
            Closed: all ids are used.
        """
        if not self.can_open:
            raise UsageError(f"{self.unacknowledged} of our streams are not acknowledged yet: wait for one")
        if self._next_id > MAX_UINT32:
            raise Closed("this session has used all its stream ids")
        stream = self._made(self._next_id, is_ours=True)
        self._next_id += 2
        self.unacknowledged += 1
        return stream

    @property
    def can_open(self) -> bool:
        """Whether one more stream of ours may wait for its acknowledgement."""
        return self.unacknowledged < self._limits.ack_backlog

    def receive_syn(self, stream_id: int, *, takes_more: bool) -> Substream | None:
        """A new stream of theirs, which waits to be accepted; None if it is refused.

        Args:
            stream_id: its id, picked by them.
            takes_more: False to refuse every stream.

        Raises:
            DecodeError: the id is ours, or was used before.
        """
        if self._is_ours(stream_id):
            raise DecodeError(f"the other side opened stream {stream_id}, an id that only we may use")
        self._their_ids.use(stream_id)
        limits = self._limits
        if len(self.waiting) >= limits.accept_backlog or self._theirs_in_use >= limits.max_streams:
            takes_more = False
        if not takes_more:
            self.refused += 1
            return None
        stream = self._made(stream_id, is_ours=False)
        self._theirs_in_use += 1
        self.waiting.append(stream)
        return stream

    def acknowledge(self, stream: Substream) -> None:
        """Takes the other side's ACK."""
        if stream.acknowledge():
            self.unacknowledged -= 1

    def forget_if_over(self, stream: Substream) -> None:
        """Frees what a stream holds once nothing will come or go on it, and our program has let go of it."""
        if not stream.is_over:
            return
        if self.streams.pop(stream.stream_id, None) is not None:
            self.half_closed.pop(stream.stream_id, None)
            if stream.is_ours and stream.open_state is not OpenState.ESTABLISHED:
                self.unacknowledged -= 1
            if stream.is_reset and stream in self.waiting:
                self.waiting.remove(stream)
        if not stream.is_held and self.in_use.pop(stream.stream_id, None) is not None:
            self._windows_bytes -= stream.window_bytes
            self._theirs_in_use -= not stream.is_ours

    @property
    def heaviest(self) -> Substream:
        """The stream in use that holds most of what is not read; of several, the youngest."""
        return max(reversed(self.in_use.values()), key=lambda stream: len(stream.incoming))

    def _made(self, stream_id: int, *, is_ours: bool) -> Substream:
        window_bytes = self._limits.window_bytes
        if self._windows_bytes + window_bytes > self._limits.memory_bytes:
            window_bytes = INITIAL_WINDOW_BYTES
        self._windows_bytes += window_bytes
        stream = Substream(
            stream_id, is_ours=is_ours, window_bytes=window_bytes, unread=self.unread, unsent=self.unsent
        )
        self.streams[stream_id] = self.in_use[stream_id] = stream
        return stream

    def _is_ours(self, stream_id: int) -> bool:
        return (stream_id % 2 == 1) == self._is_client

    def _was_opened(self, stream_id: int) -> bool:
        if self._is_ours(stream_id):
            return stream_id < self._next_id
        return self._their_ids.was_used(stream_id)
