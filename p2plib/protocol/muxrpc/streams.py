"""MuxrpcStream: this side's end of a source, sink or duplex. A driver."""

from __future__ import annotations

import collections
from typing import TYPE_CHECKING, Self

from p2plib.errors import CallFailed, Closed, P2PError
from p2plib.protocol.buffers import Bell
from p2plib.protocol.muxrpc.frames import Body

if TYPE_CHECKING:
    from p2plib.protocol.muxrpc.driver import Muxrpc

_OVERHEAD_BYTES = 256  # what an item costs us beyond its bytes


class MuxrpcStream:
    """One stream. What comes is iterated, what goes is sent, as far as its kind allows:

        async with rpc.source("createHistoryStream", {...}) as stream:
            async for message in stream:
                ...

    Leaving the block ends our direction, and drops a source that has not ended.

    Attributes:
        id: the call that opened it.
        buffered_bytes: what came and was not taken yet.
        discarded: how many items were dropped because we had ended the stream.
    """

    def __init__(self, rpc: Muxrpc, id: int) -> None:
        self.id = id
        self.buffered_bytes = 0
        self.discarded = 0
        self._rpc = rpc
        self._items: collections.deque[tuple[Body, int]] = collections.deque()
        self._changed = Bell()
        self._has_ended = False
        self._problem: P2PError | None = None
        self._is_dropped = False

    # What callers use

    async def send(self, value: Body) -> None:
        """Sends an item, when there is room for it.

        Raises:
            CallFailed: the other side has ended the stream with an error.
            Closed: one of the sides has ended it, or the connection is over.
            UsageError: nothing is sent on this kind of stream, or this cannot be (an empty body, for one).
        """
        await self._rpc.wait_for_room()
        if isinstance(self._problem, CallFailed):
            raise self._problem.with_traceback(None)
        self._rpc.machine.send(self.id, value)
        self._rpc.ring()

    def end(self, error: CallFailed | None = None) -> None:
        """Ends our direction; with an error, both. May be repeated."""
        self._rpc.machine.end(self.id, error)
        self._rpc.ring()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Body:
        """The next item.

        Raises:
            StopAsyncIteration: the other side has ended its direction well.
            CallFailed: it has ended it with an error.
            Closed: we have dropped the stream, or the connection is over.
        """
        while not self._items:
            if self._problem is not None:
                raise self._problem.with_traceback(None)
            if self._has_ended:
                raise StopAsyncIteration
            if self._is_dropped:
                raise Closed("this stream was dropped")
            await self._changed.wait()
        return self._pop()

    def ready(self, most: int) -> list[Body]:
        """Up to so many items that have come already, without waiting for any."""
        return [self._pop() for _ in range(min(most, len(self._items)))]

    def _pop(self) -> Body:
        value, size = self._items.popleft()
        self.buffered_bytes -= size
        self._rpc.note_taken(self, size)
        return value

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.drop()

    def drop(self, error: CallFailed | None = None) -> None:
        """Ends our direction, and forgets what came and what still comes."""
        self._is_dropped = True
        self._clear()
        self.end(error)
        self._changed.ring()

    # What the connection calls

    def put(self, value: Body, size_bytes: int) -> None:
        """An item has come."""
        if self._is_dropped or self._has_ended:
            self.discarded += 1
            return
        size = size_bytes + _OVERHEAD_BYTES
        self._items.append((value, size))
        self.buffered_bytes += size
        self._rpc.note_buffered(self, size)
        self._changed.ring()

    def finish(self, problem: P2PError | None) -> None:
        """Nothing more comes; what came is still given."""
        if not self._has_ended:
            self._has_ended = True
            self._problem = problem
            self._changed.ring()

    def give_up(self, problem: P2PError) -> None:
        """What came is forgotten, and the reader told why."""
        self._clear()
        self._has_ended = True
        self._problem = problem
        self._changed.ring()

    def _clear(self) -> None:
        size, self.buffered_bytes = self.buffered_bytes, 0
        self._items.clear()
        self._rpc.note_taken(self, size)
