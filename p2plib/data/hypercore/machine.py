"""Replication of one feed with one other peer, over any ordered stream of bytes. A machine.

What hypercore 9 and its protocol do, for one feed and one channel. Both sides are equal; each may give, take,
or both::

    us                                        them
    OpenFeed discovery key, capability   ->
                                        <-   OpenFeed
    WantBlocks 0 to 1,048,576            ->
                                        <-   HaveBlocks the last one; HaveBlocks with a bit field
    RequestBlock 7, digest               ->                                    up to 16 of them
                                        <-   BlockData 7, its nodes, a signature
                                        <-   HaveBlocks 9                      the feed has grown

How to use it: give `receive` what came, and call `handle_timer` when `deadline` is due; after each of them,
and after `announce` or new wishes, send what `to_send` gives until it gives nothing, and take the `events`.
An error that `receive` or `handle_timer` raises ends the connection; it is the other peer's fault. Call
`release` when it is over.

Rules
    1. A block is kept only when it proves itself. One that does not is `InvalidEntry` or `SignatureError`:
       this peer forged it, or passed it on unchecked. `Forked` is the author's doing.
    2. What nobody asked for is dropped, unread; 64 times, then the peer is one that floods us.
    3. At most 16 requests of ours are out, as hypercore has it. A peer that has some of them and sends
       nothing for 20 seconds is left: `PeerTimeout`. So is one that says nothing at all, or does not open the
       feed, for as long; one that has kept a single block back for 320 seconds, whatever else it sent; and
       one that says for 20 that our own feed is longer, and does not show it. We say something every 10.
    4. At most 1024 requests of theirs wait. They are answered one at a time, as the stream takes them.
    5. What they say they have costs us bounded memory (`p2plib.data.hypercore.remote`), and is a claim: only
       a block that proves itself makes the feed longer.
    6. With encryption, they must prove that they know the feed's key: `capability`.
    7. A peer that takes nothing more and one that gives nothing more part: `CloseFeed`. Live peers stay.
"""

from __future__ import annotations

import collections
import contextlib
import hmac
from collections.abc import Iterable, Iterator

from p2plib.data.hypercore import messages, rle
from p2plib.data.hypercore.bitfield import BLOCKS_PER_PAGE
from p2plib.data.hypercore.core import Hypercore
from p2plib.data.hypercore.events import (
    BlockRefused,
    BlockStored,
    FeedClosed,
    FeedOpened,
    RemoteLength,
    ReplicationEvent,
    ReplicationStats,
)
from p2plib.data.hypercore.messages import (
    BlockData,
    CancelBlock,
    CloseFeed,
    FeedExtension,
    FeedMessage,
    FeedOptions,
    FeedStatus,
    HaveBlocks,
    OpenFeed,
    RequestBlock,
    Unassigned,
    UnhaveBlocks,
    UnwantBlocks,
    WantBlocks,
)
from p2plib.data.hypercore.remote import REGION_BLOCKS, RemoteBlocks
from p2plib.data.hypercore.tree import BlockProof
from p2plib.data.hypercore.wishes import Wishes
from p2plib.errors import DecodeError, HandshakeFailed, InvalidEntry, NotFound, PeerTimeout
from p2plib.protocol.framing import FrameDecoder

CHANNEL = 1  # our number for the feed; hypercore begins at 1, too
MAX_REQUESTS = 16
MAX_WAITING = 1024
MAX_UNASKED = 64
ANSWER_TIMEOUT_S = 20.0
SIGN_OF_LIFE_S = 10.0


class Replication:
    """One feed, one other peer.

    Args:
        core: the feed.
        now: the time, in seconds, on the clock of all calls.
        wishes: which blocks are wanted; shared by all replications of a feed, so that no block is asked for
            twice. None for a peer that only gives.
        uploads: whether to answer requests.
        live: whether to stay when there is nothing left to give or to take.
        capability: what we send as proof that we know the key, with encryption.
        remote_capability: what they must send; empty without encryption.

    Attributes:
        events: what happened, in order; whoever drives it takes them out.
        stats: what was counted.
        remote: what the other peer says that it has.
    """

    def __init__(
        self,
        core: Hypercore,
        now: float,
        *,
        wishes: Wishes | None = None,
        uploads: bool = True,
        live: bool = True,
        capability: bytes = b"",
        remote_capability: bytes = b"",
    ) -> None:
        self.core = core
        self.events = collections.deque[ReplicationEvent]()
        self.stats = ReplicationStats()
        self.remote = RemoteBlocks()
        self.is_closed = False
        self._wishes = wishes
        self._uploads, self._live = uploads, live
        self._remote_capability = remote_capability
        self._channel: int | None = None  # their number for the feed
        self._decoder = FrameDecoder(messages.FRAMES)
        self._out = collections.deque[FeedMessage]()
        self._waiting = collections.deque[RequestBlock | WantBlocks]()  # what they ask
        self._asked = dict[int, float]()  # requests of ours: when each block was asked for, oldest first
        self._claim: tuple[int, float] | None = None  # our length, and when they said that there is more
        self._they_upload = self._they_download = True
        self._they_want = self._they_want_acks = False
        self._has_finished = self._has_told = self._has_told_end = False
        self._began_at = self._heard_at = self._answered_at = self._spoke_at = now
        self._out.append(OpenFeed(core.discovery_key, capability))

    def __repr__(self) -> str:
        return f"Replication({self.core!r}, {len(self._asked)} requests out, {self.stats})"

    @property
    def is_open(self) -> bool:
        """Whether they have opened the feed, too."""
        return self._channel is not None

    @property
    def downloads(self) -> bool:
        """Whether we may still ask for blocks."""
        return self._wishes is not None and not self._has_finished

    @property
    def is_content(self) -> bool:
        """Whether they have told us what they have, and we want nothing more of it."""
        if self._wishes is None or not self._they_upload:
            return self.is_open
        return self._has_told and not self._asked and not self._wishes.leaves(self.remote)

    # What goes out

    def to_send(self, now: float) -> bytes:
        """The next piece to send, at most a block with its proof; no bytes if there is nothing to say now."""
        message = self._next_message()
        if message is not None:
            self._spoke_at = now
            return messages.encode(CHANNEL, message)
        if now >= self._spoke_at + SIGN_OF_LIFE_S and not self.is_closed:
            self._spoke_at = now
            return messages.SIGN_OF_LIFE
        return b""

    def _next_message(self) -> FeedMessage | None:
        if not self._out and self._waiting and not self.is_closed:
            asked = self._waiting.popleft()
            if isinstance(asked, RequestBlock):
                self._answer(asked)
            else:
                self._tell(asked)
        return self._out.popleft() if self._out else None

    def _answer(self, request: RequestBlock) -> None:
        block, digest = request.block, request.digest
        if request.byte_offset:
            with contextlib.suppress(NotFound):  # then the block that they guess is a step on the way
                block, digest = self.core.seek(request.byte_offset)[0], 0
        try:
            proof = self.core.prove(block, digest, wants_hash=request.wants_hash)
            value = None if request.wants_hash else self.core.get(block)
        except NotFound:
            self.stats.refused += 1
            self._out.append(UnhaveBlocks(block))
            return
        self.stats.sent_blocks += value is not None
        self._out.append(BlockData(block, value, proof.nodes, proof.signature))

    def _tell(self, want: WantBlocks) -> None:
        length = self.core.length
        if not self._has_told_end and length and self.core.has(length - 1):
            self._out.append(HaveBlocks(length - 1))
        self._has_told_end = True
        span = min(want.length or REGION_BLOCKS, REGION_BLOCKS)
        bits = rle.encode(self.core.storage.bits.data(want.start, span))
        self._out.append(HaveBlocks(want.start, span, bits))

    def announce(self, start: int, length: int = 1) -> None:
        """Tells them of blocks that are here now, if they want to be told."""
        if not (self._they_want and self._uploads) or self.is_closed:
            return
        match self._out[-1] if self._out else None:
            case HaveBlocks(first, before, None, False) if first + before == start:
                self._out[-1] = HaveBlocks(first, before + length)  # a slow peer hears of all at once
            case _:
                self._out.append(HaveBlocks(start, length))

    def finish(self) -> None:
        """Nothing more is wanted: says so, and parts unless one of the two is to stay."""
        if self.is_open and not self._has_finished and not self.is_closed:
            self._has_finished = True
            self._say_status()
            self._part_if_done()

    def close(self) -> None:
        """Says that there is nothing more about this feed. What waits for an answer is dropped."""
        if not self.is_closed:
            self.is_closed = True
            self._out.append(CloseFeed())
            self.events.append(FeedClosed())
            self.release()

    def release(self) -> None:
        """Lets others ask for what this peer was asked for. Repeating it does nothing."""
        self._waiting.clear()
        self.core.claims.pop(self, None)
        if self._wishes is not None:
            for block in self._asked:
                self._wishes.release(block)
        self._asked.clear()

    # What comes in

    def receive(self, data: bytes, now: float) -> None:
        """Takes bytes as they came.

        Raises:
            RemoteError: they break a rule of the protocol, or a block does not prove itself. The connection
                is over.
        """
        self._heard_at = now
        self._decoder.receive(data)
        while (payload := self._decoder.next_frame()) is not None:
            if payload and not self.is_closed:
                self._receive(*messages.decode(payload), now)

    def end_of_stream(self) -> None:
        """Returns if the stream may end here.

        Raises:
            Truncated: a message was cut.
        """
        self._decoder.end_of_stream()

    def _receive(self, channel: int, message: FeedMessage | FeedExtension | Unassigned, now: float) -> None:
        if isinstance(message, OpenFeed):
            self._on_open(channel, message)
        elif isinstance(message, CloseFeed) and message.discovery_key == self.core.discovery_key:
            self._on_close()
        elif channel != self._channel:
            self.stats.skipped += 1
        else:
            self._on_message(message, now)

    def _on_message(self, message: FeedMessage | FeedExtension | Unassigned, now: float) -> None:
        match message:
            case HaveBlocks():
                self._on_have(message, now)
                self.ask(now)
            case WantBlocks():
                self._on_want(message)
            case RequestBlock():
                self._on_request(message)
            case CancelBlock(block):
                self._waiting = collections.deque(
                    asked for asked in self._waiting if isinstance(asked, WantBlocks) or asked.block != block
                )
            case BlockData():
                self._on_data(message, now)
            case UnhaveBlocks(start, length):
                self.remote.set(start, length, has=False)
                self._note_claim(now)
                self._give_up([block for block in self._asked if start <= block < start + length])
            case FeedStatus(uploading, downloading):
                self._on_status(uploading, downloading)
            case FeedOptions(_, ack):
                self._they_want_acks = ack
            case UnwantBlocks():
                pass  # hypercore ignores it, too
            case CloseFeed():
                self._on_close()
            case FeedExtension() | Unassigned() | OpenFeed():
                self.stats.skipped += 1
        self._request(now)

    def _on_open(self, channel: int, message: OpenFeed) -> None:
        if message.discovery_key != self.core.discovery_key:
            self.stats.skipped += 1
            return
        if self._channel is not None:
            raise DecodeError("the feed was opened twice")
        if self._remote_capability and not hmac.compare_digest(message.capability, self._remote_capability):
            raise HandshakeFailed("the other peer does not know the feed's key")
        self._channel = channel
        self.events.append(FeedOpened())
        if not (self._uploads and self.downloads) or self.core.is_writable:
            self._say_status()
        if self.downloads:
            self._want(0)

    def _on_close(self) -> None:
        if not self.is_closed:
            self.close()

    def _on_status(self, uploading: bool, downloading: bool) -> None:
        self._they_upload, self._they_download = uploading, downloading
        if not uploading:
            self._give_up(list(self._asked))
        self._part_if_done()

    def _part_if_done(self) -> None:
        if not self._live and not self.downloads and not (self._they_download and self._uploads):
            self.close()

    def _say_status(self) -> None:
        # An author asks for nothing, unless it was restored from an old copy: hypercore says so, too.
        self._out.append(FeedStatus(self._uploads, self.downloads and not self.core.is_writable))

    # Giving

    def _on_want(self, want: WantBlocks) -> None:
        if self._uploads and want.start % BLOCKS_PER_PAGE == want.length % BLOCKS_PER_PAGE == 0:
            self._they_want = True
            self._wait(want)  # others are not answered, as hypercore does

    def _on_request(self, request: RequestBlock) -> None:
        if self._uploads:
            self._wait(request)

    def _wait(self, asked: RequestBlock | WantBlocks) -> None:
        if len(self._waiting) >= MAX_WAITING:
            raise InvalidEntry(f"more than {MAX_WAITING} requests at a time")
        self._waiting.append(asked)

    # Taking

    def _on_have(self, have: HaveBlocks, now: float) -> None:
        if have.ack:
            return
        before = self.remote.length
        if have.bitfield is not None:
            if have.start % 8:
                raise DecodeError("a bit field begins at a multiple of 8")
            self.remote.fill(have.start, have.bitfield)
            self._has_told = True
        else:
            self.remote.set(have.start, have.length)
        if self.remote.length > before:
            self.events.append(RemoteLength(self.remote.length))
        self._note_claim(now)

    def _note_claim(self, now: float) -> None:
        """Our own feed is longer there, they say: nothing is appended until that is settled."""
        self.core.claims.pop(self, None)
        if self.core.is_writable and self.downloads and self.remote.length > self.core.length:
            self.core.claims[self] = self.remote.length
            if self._claim is None or self._claim[0] < self.core.length:  # not again when it was taken back
                self._claim = self.core.length, now

    def _want(self, block: int) -> None:
        start = self.remote.ask(block)
        if start is not None:
            self._out.append(WantBlocks(start, REGION_BLOCKS))

    def ask(self, now: float) -> None:
        """Asks for what is wished for; to be called when new wishes were made."""
        if self._wishes is not None and self._may_ask():
            for region in self._wishes.unknown(self.remote):
                self._want(region)
            self._request(now)

    def _may_ask(self) -> bool:
        return self.is_open and self.downloads and self._they_upload and not self.is_closed

    def _request(self, now: float) -> None:
        if self._wishes is None or not self._may_ask():
            return
        while len(self._asked) < MAX_REQUESTS:
            if (block := self._wishes.take(self.remote)) is None:
                break
            if not self._asked:
                self._answered_at = now
            self._asked[block] = now
            self._out.append(RequestBlock(block, digest=self.core.digest(block)))

    def _forget(self, block: int) -> None:
        del self._asked[block]
        if self._wishes is not None:
            self._wishes.release(block)

    def _give_up(self, blocks: Iterable[int]) -> None:
        for block in blocks:
            self._forget(block)
            self.events.append(BlockRefused(block))

    def _on_data(self, data: BlockData, now: float) -> None:
        if data.block not in self._asked or data.value is None:
            self.stats.unasked += 1
            if self.stats.unasked > MAX_UNASKED:
                raise InvalidEntry(f"more than {MAX_UNASKED} blocks that nobody had asked for")
            return
        is_new = self.core.put(data.block, data.value, BlockProof(data.block, data.nodes, data.signature))
        self._answered_at = now
        self._forget(data.block)
        self._note_claim(now)
        if self._they_want_acks:
            self._out.append(HaveBlocks(data.block, ack=True))
        if is_new:
            self.stats.received_blocks += 1
            self.events.append(BlockStored(data.block))

    # Time

    @property
    def deadline(self) -> float:
        """When to call `handle_timer`, on the clock of the calls."""
        return min(self._spoke_at + SIGN_OF_LIFE_S, *(at for at, _ in self._limits()))

    def _limits(self) -> Iterator[tuple[float, str]]:
        yield self._heard_at + ANSWER_TIMEOUT_S, "has said nothing"
        if not self.is_open:
            yield self._began_at + ANSWER_TIMEOUT_S, "has not opened the feed"
        if self._asked:
            yield self._answered_at + ANSWER_TIMEOUT_S, f"has sent none of {len(self._asked)} blocks"
            block, asked_at = next(iter(self._asked.items()))
            yield asked_at + MAX_REQUESTS * ANSWER_TIMEOUT_S, f"has kept back block {block}, and sent others"
        if self._claim is not None and self in self.core.claims:
            yield self._claim[1] + ANSWER_TIMEOUT_S, "has said that our feed is longer, and not shown it"

    def handle_timer(self, now: float) -> None:
        """Time has passed.

        Raises:
            PeerTimeout: the other peer owes us an answer, or has been silent, for too long.
        """
        for at, what in self._limits():
            if now >= at and not self.is_closed:
                raise PeerTimeout(f"the other peer {what} for {ANSWER_TIMEOUT_S:g} s")
