"""A feed and the peers it is replicated with: replications over streams, with asyncio. A driver.

Give it to whoever calls::

    shared = SharedFeed(open_core("my-feed"))
    async with TcpListener(lambda stream: shared.replicate(stream, initiator=False), port=4001):
        ...

and fetch one block of many, with the 17 or so nodes that prove it::

    shared = SharedFeed(Hypercore(key))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(shared.replicate(await connect_tcp(host, 4001), initiator=True))
        print(await shared.get(70_000))

Rules
    1. Reading never waits for writing: two peers that give each other large blocks at once do not wait for
       each other.
    2. A peer that takes nothing of what we send for 20 seconds is left, as is one that sends nothing.
    3. An error of `replicate` is about that peer alone; the stream is reset, and others are asked for what it
       owed.
    4. When `replicate` is over, or is cancelled, no task of it is left, and its stream is closed.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import os
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Protocol

from p2plib.data.hypercore import secure
from p2plib.data.hypercore.core import Hypercore
from p2plib.data.hypercore.events import BlockRefused, BlockStored, ReplicationStats
from p2plib.data.hypercore.machine import ANSWER_TIMEOUT_S, Replication
from p2plib.data.hypercore.secure import FeedChannel, FeedHandshake
from p2plib.data.hypercore.tree import MAX_LENGTH
from p2plib.data.hypercore.wishes import Wishes
from p2plib.errors import (
    DecodeError,
    EndOfStream,
    HandshakeFailed,
    PeerTimeout,
    StreamReset,
    Truncated,
    UsageError,
)
from p2plib.identity.exchange import ExchangeKey
from p2plib.identity.secret import Random
from p2plib.protocol.buffers import Bell
from p2plib.protocol.framing import read_frame
from p2plib.protocol.stream import Stream
from p2plib.protocol.tasks import end_tasks

HANDSHAKE_TIMEOUT_S = 10.0
PIECE_BYTES = 64 * 1024  # written at a time: a peer that is slow takes one now and then


class FeedCipher(Protocol):
    """What stands between a replication and its stream."""

    def encrypt(self, data: bytes) -> bytes:
        """What we write, as it goes over the wire."""

    def decrypt(self, data: bytes) -> bytes:
        """What came over the wire, as they wrote it."""


class PlainFeedChannel:
    """No cipher: for tests, and for streams that are secure already."""

    def encrypt(self, data: bytes) -> bytes:
        """The same bytes."""
        return data

    def decrypt(self, data: bytes) -> bytes:
        """The same bytes."""
        return data


class SharedFeed:
    """A feed, and all peers that it is replicated with.

    Args:
        core: the feed; closing it is the caller's business.
        everything: whether to fetch every block; otherwise only what `get` asks for.

    Attributes:
        core: the feed.
        wishes: what is to be fetched.
    """

    def __init__(self, core: Hypercore, *, everything: bool = False) -> None:
        self.core = core
        self.wishes = Wishes(core, everything=everything)
        self._sessions = dict[Replication, Bell]()
        self._changed = Bell()
        self._arrivals = dict[int, Bell]()  # rung when a block comes that a `get` waits for
        self._waiting = collections.Counter[int]()  # how many of them wait for it

    def __repr__(self) -> str:
        return f"SharedFeed({self.core!r}, {len(self._sessions)} peers)"

    def append(self, contents: Iterable[bytes] | bytes) -> int:
        """Appends to a feed of our own, and tells the peers; as `Hypercore.append`."""
        first = self.core.append(contents)
        if self.core.length > first:
            self._announce(first, self.core.length - first)
            self._changed.ring()
        return first

    async def get(self, block: int) -> bytes:
        """A block; waits until a peer has sent it, however long that takes.

        Args:
            block: its number.

        Raises:
            UsageError: no feed has a block of this number.
            StoreCorrupt: what is stored is not what was proven.
        """
        if not 0 <= block < MAX_LENGTH:
            raise UsageError(f"blocks are numbered from 0 to {MAX_LENGTH - 1}, and not {block}")
        if not self.core.has(block):
            arrival = self._arrivals.setdefault(block, Bell())
            self._waiting[block] += 1
            self.wishes.add(block)
            self._ask()
            try:
                while not self.core.has(block):
                    await arrival.wait()
            finally:
                self._waiting[block] -= 1
                if not self._waiting[block]:
                    del self._waiting[block], self._arrivals[block]
                    self.wishes.drop(block)
        return self.core.get(block)

    async def until(self, condition: Callable[[Hypercore], bool]) -> None:
        """Waits until something holds of the feed; it is looked at after each new block.

        Args:
            condition: for example `lambda core: core.length > 9`.
        """
        while not condition(self.core):
            await self._changed.wait()

    async def replicate(
        self,
        stream: Stream,
        *,
        initiator: bool,
        encrypted: bool = True,
        uploads: bool = True,
        downloads: bool = True,
        live: bool = True,
        static: ExchangeKey | None = None,
        random: Random = os.urandom,
    ) -> ReplicationStats:
        """Replicates over a stream, until one of the sides ends it. The stream is closed then.

        Args:
            stream: carries it.
            initiator: whether we dialled.
            encrypted: whether to encrypt, and to have the other peer prove that it knows the feed's key.
            uploads: whether to answer requests.
            downloads: whether to ask.
            live: whether to stay when there is nothing left to give or to take.
            static: our key in the handshake, which names us to the other peer; a new one if it is None.
            random: gives so many unpredictable bytes, for the handshake.

        Returns:
            What was counted.

        Raises:
            RemoteError: the other peer broke a rule, forged a block, or does not know the feed's key.
            HandshakeFailed: as such, there is no secure channel with it.
            PeerTimeout: it owed us an answer for too long.
            StreamReset: it broke the stream off.
        """
        async with stream:
            cipher: FeedCipher = PlainFeedChannel()
            ours = theirs = b""
            if encrypted:
                machine = FeedHandshake(initiator=initiator, static=static, random=random)
                channel = await _shake_hands(stream, machine)
                cipher, ours = channel, channel.capability(self.core.key)
                theirs = channel.remote_capability(self.core.key)
            session = Replication(
                self.core,
                asyncio.get_running_loop().time(),
                wishes=self.wishes if downloads else None,
                uploads=uploads,
                live=live,
                capability=ours,
                remote_capability=theirs,
            )
            self._sessions[session] = Bell()
            try:
                await _both(
                    session, self._read(session, stream, cipher, live), self._write(session, stream, cipher)
                )
            finally:
                self._take_events(session)  # what came before an error has come
                del self._sessions[session]
                session.release()
                self._ask()
        return session.stats

    async def _read(self, session: Replication, stream: Stream, cipher: FeedCipher, live: bool) -> None:
        loop = asyncio.get_running_loop()
        while not session.is_closed:
            data = await stream.read()
            if not data:
                session.end_of_stream()
                return
            session.receive(cipher.decrypt(data), loop.time())
            self._take_events(session)
            if not live and session.is_content:
                session.finish()
            self._sessions[session].ring()

    def _take_events(self, session: Replication) -> None:
        is_refused = False
        while session.events:
            match session.events.popleft():
                case BlockStored(block):
                    self._announce(block, 1, but=session)
                    self._changed.ring()
                    if block in self._arrivals:
                        self._arrivals[block].ring()
                case BlockRefused():
                    is_refused = True
        if is_refused:
            self._ask()

    async def _write(self, session: Replication, stream: Stream, cipher: FeedCipher) -> None:
        loop, bell = asyncio.get_running_loop(), self._sessions[session]
        while True:
            while piece := session.to_send(loop.time()):
                await _write_all(stream, cipher, piece)
                session.handle_timer(loop.time())  # one that keeps us busy still owes us answers
            if session.is_closed:
                return
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(session.deadline):
                    await bell.wait()
            session.handle_timer(loop.time())

    def _announce(self, start: int, length: int, but: Replication | None = None) -> None:
        for session, bell in self._sessions.items():
            if session is not but:
                session.announce(start, length)
                bell.ring()

    def _ask(self) -> None:
        """Has all peers asked for what is wished for."""
        now = asyncio.get_running_loop().time()
        for session, bell in self._sessions.items():
            session.ask(now)
            bell.ring()


async def _shake_hands(stream: Stream, machine: FeedHandshake) -> FeedChannel:
    """Runs the handshake; raises HandshakeFailed or PeerTimeout."""
    try:
        async with asyncio.timeout(HANDSHAKE_TIMEOUT_S):
            await stream.write(machine.to_send())
            while not machine.is_finished:
                machine.receive(await read_frame(stream, secure.FRAMES))
                await stream.write(machine.to_send())
    except TimeoutError:
        raise PeerTimeout(
            f"{stream.remote} did not finish the handshake in {HANDSHAKE_TIMEOUT_S:g} s"
        ) from None
    except (EndOfStream, Truncated, StreamReset, DecodeError):
        raise HandshakeFailed(f"{stream.remote} hung up during the handshake, or sent none") from None
    return machine.channel


async def _write_all(stream: Stream, cipher: FeedCipher, data: bytes) -> None:
    for at in range(0, len(data), PIECE_BYTES):
        part = cipher.encrypt(data[at : at + PIECE_BYTES])
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                await stream.write(part)
        except TimeoutError:
            raise PeerTimeout(f"{stream.remote} has taken nothing for {ANSWER_TIMEOUT_S:g} s") from None


async def _both(
    session: Replication, reading: Coroutine[Any, Any, None], writing: Coroutine[Any, Any, None]
) -> None:
    """Reads and writes until one of the two ends; when the feed was closed, what is left to say is said."""
    reader, writer = asyncio.ensure_future(reading), asyncio.ensure_future(writing)
    try:
        await asyncio.wait((reader, writer), return_when=asyncio.FIRST_COMPLETED)
        if reader.done() and reader.exception() is None and session.is_closed:
            await asyncio.wait((writer,))
    finally:
        await end_tasks(reader, writer)
    for task in (reader, writer):
        if not task.cancelled():
            task.result()
