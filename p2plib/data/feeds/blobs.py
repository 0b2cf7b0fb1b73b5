"""Blobs over muxrpc: asking for one, and saying what is wanted and what is there. Driver, both sides.

npm's `ssb-blobs` 2.0. A message holds the id of a picture; the picture itself is fetched from whoever has
it::

    blobs.get          source: the bytes of one blob, in pieces
    blobs.getSlice     source: a part of it
    blobs.has          async: true or false; a list of ids gives a list
    blobs.size         async: its bytes, or null
    blobs.createWants  source: objects {id: number}. Negative is "I want it", -1 for oneself, -2 and less on
                       behalf of others; positive is "I have it, so many bytes"

Each side calls the other's createWants, and answers a want with a have in its own.

Rules
    1. What comes is hashed while it comes, and becomes a blob of the store only if the hash is that of its
       name. A blob that is wrong, too long, of another size than was said, too slow or cut off leaves
       nothing, and the next peer that has it is asked: the one that has failed us least often. A fetch gets
       a quarter of the time that there is, so a slow liar does not use it up.
    2. A blob of more than `max_bytes` is not fetched, whatever a peer says of its size.
    3. We want nothing on behalf of others (npm does, up to three steps): a stranger cannot fill our disk.
    4. What is remembered of a peer's haves is bounded, and gone with the connection.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

from p2plib.data.stores.blobs.ids import MAX_FETCHED_BYTES, key_of_ssb_blob_id
from p2plib.data.stores.blobs.store import BlobInfo, BlobStore
from p2plib.errors import (
    Closed,
    DecodeError,
    NotFound,
    PeerTimeout,
    Refusal,
    RemoteError,
    UsageError,
    WrongContent,
)
from p2plib.protocol.buffers import Bell
from p2plib.protocol.muxrpc import methods
from p2plib.protocol.muxrpc.driver import Muxrpc
from p2plib.protocol.muxrpc.frames import Body
from p2plib.protocol.muxrpc.methods import MuxrpcMethod
from p2plib.wire.canonical_json import Value

MAX_REMEMBERED = 2048  # of one peer's haves, and of our answers that wait to be sent to it
MAX_IDS = 256  # in one call of has
SILENCE_TIMEOUT_S = 30.0
ATTEMPTS = 4  # that there is time for, if each peer is as slow as it can be
FETCH_TIMEOUT_S = 300.0  # for the whole of a blob, so that a byte now and then does not keep us


async def get(
    rpc: Muxrpc,
    store: BlobStore,
    id: str,
    *,
    size_bytes: int | None = None,
    max_bytes: int = MAX_FETCHED_BYTES,
    silence_timeout_s: float = SILENCE_TIMEOUT_S,
    timeout_s: float = FETCH_TIMEOUT_S,
) -> BlobInfo:
    """Fetches one blob from one peer into a store whose names are hashes.

    Args:
        rpc: the connection to the peer.
        store: where it goes; a store with a quota limits it further.
        id: "&....sha256".
        size_bytes: how large it must turn out to be; None if nobody said.
        max_bytes: how large it may be.
        silence_timeout_s: how long the peer may send nothing.
        timeout_s: how long all of it may take.

    Raises:
        WrongContent: the bytes are not those of this name, or too many, or too few.
        CallFailed: the peer does not give it.
        DecodeError: the id is none, or the peer sent something that is no bytes.
        PeerTimeout: it took too long.
        StoreFull: there is no room.
        Closed: the connection is over.
    """
    key = key_of_ssb_blob_id(id)
    asked: dict[str, Value] = {"key": id, "max": max_bytes}
    with store.write(key, size_bytes=size_bytes) as writer:
        try:
            async with asyncio.timeout(timeout_s), rpc.source("blobs.get", asked) as stream:
                while (piece := await _next_piece(stream, silence_timeout_s)) is not None:
                    if writer.size_bytes + len(piece) > max_bytes:
                        raise WrongContent(f"a blob of more than {max_bytes} bytes")
                    writer.write(piece)
        except TimeoutError:
            raise PeerTimeout(f"{rpc.remote} takes too long to send a blob") from None
        return writer.finish()


async def _next_piece(stream: AsyncIterator[Body], silence_timeout_s: float) -> bytes | None:
    """The next piece; None at the end."""
    async with asyncio.timeout(silence_timeout_s):
        piece = await anext(stream, None)
    if piece is not None and not isinstance(piece, bytes):
        raise DecodeError("a blob is sent as bytes")
    return piece


class _PeerBlobs:
    """What we know of one connected peer."""

    def __init__(self) -> None:
        self.users = 0  # the two directions of the exchange
        self.has: dict[str, int] = {}
        self.to_tell: dict[str, Value] = {}
        self.changed = Bell()

    def tell(self, id: str, number: int) -> None:
        if id in self.to_tell or len(self.to_tell) < MAX_REMEMBERED:
            self.to_tell[id] = number
            self.changed.ring()


class BlobExchange:
    """The blobs of one peer, offered to others and fetched from them.

    Args:
        store: whose names are hashes.
        max_bytes: the largest blob that is fetched.
        silence_timeout_s: how long a peer may send nothing in the middle of one.

    Attributes:
        failures: how often a peer was asked for a blob and gave none, or a wrong one.
    """

    def __init__(
        self,
        store: BlobStore,
        *,
        max_bytes: int = MAX_FETCHED_BYTES,
        silence_timeout_s: float = SILENCE_TIMEOUT_S,
    ) -> None:
        self.failures = 0
        self._store = store
        self._max_bytes = max_bytes
        self._silence_timeout_s = silence_timeout_s
        self._wanted: dict[str, asyncio.Lock] = {}
        self._peers: dict[Muxrpc, _PeerBlobs] = {}
        self._changed = Bell()  # a peer has something, or is there

    def methods(self) -> dict[str, MuxrpcMethod]:
        """What a connection offers: all of it to anybody, as npm's peers do."""
        return {
            "blobs.get": methods.source(self._get, is_public=True),
            "blobs.getSlice": methods.source(self._get, is_public=True),
            "blobs.has": methods.asynchronous(self._has, is_public=True),
            "blobs.size": methods.asynchronous(self._size, is_public=True),
            "blobs.createWants": methods.source(self._create_wants, is_public=True),
        }

    # What we do

    async def exchange(self, rpc: Muxrpc) -> None:
        """Hears what a peer wants and has, as long as it is connected.

        Raises:
            CallFailed: it does not take part.
            DecodeError: it says what makes no sense.
        """
        with self._joined(rpc) as peer:
            try:
                async with rpc.source("blobs.createWants") as stream:
                    async for item in stream:
                        self._hear(peer, item)
            except Closed:
                if not rpc.is_ending:
                    raise
            finally:
                peer.has.clear()

    async def want(self, id: str, *, timeout_s: float = FETCH_TIMEOUT_S) -> BlobInfo:
        """Waits until a blob is here, fetching it from whichever connected peer has it.

        Raises:
            PeerTimeout: nobody gave it in time.
            DecodeError: the id is none.
            StoreFull: there is no room for it.
        """
        key = key_of_ssb_blob_id(id)
        lock = self._wanted.setdefault(id, asyncio.Lock())
        try:
            async with asyncio.timeout(timeout_s), lock:
                if not self._store.exists(key):
                    await self._fetch(id, timeout_s / ATTEMPTS)
        except TimeoutError:
            raise PeerTimeout(f"nobody gave the blob {id} in {timeout_s:g} s") from None
        finally:
            if not lock.locked():
                self._wanted.pop(id, None)
        return BlobInfo(key, self._store.size(key))

    async def _fetch(self, id: str, attempt_s: float) -> None:
        """From one peer after the other, and from those that come later."""
        told = set[Muxrpc]()
        failed = collections.Counter[Muxrpc]()
        while True:
            for rpc, peer in self._peers.items():
                if rpc not in told:
                    peer.tell(id, -1)
                    told.add(rpc)
            found = self._who_has(id, failed)
            if found is None:
                await self._changed.wait()
                continue
            rpc, size_bytes = found
            try:
                await get(
                    rpc,
                    self._store,
                    id,
                    size_bytes=size_bytes,
                    max_bytes=self._max_bytes,
                    silence_timeout_s=self._silence_timeout_s,
                    timeout_s=attempt_s,
                )
            except (RemoteError, PeerTimeout, Closed):
                self.failures += 1
                failed[rpc] += 1
                if rpc in self._peers:
                    self._peers[rpc].has.pop(id, None)
                continue
            for peer in self._peers.values():
                peer.tell(id, self._store.size(key_of_ssb_blob_id(id)))
            return

    def _who_has(self, id: str, failed: Mapping[Muxrpc, int]) -> tuple[Muxrpc, int] | None:
        having = [rpc for rpc, peer in self._peers.items() if 0 < peer.has.get(id, 0) <= self._max_bytes]
        if not having:
            return None
        best = min(having, key=lambda rpc: failed.get(rpc, 0))
        return best, self._peers[best].has[id]

    def _hear(self, peer: _PeerBlobs, item: Body) -> None:
        if not isinstance(item, dict) or len(item) > MAX_REMEMBERED:
            raise DecodeError(f"wants are objects of at most {MAX_REMEMBERED} ids")
        for id, number in item.items():
            key = key_of_ssb_blob_id(id)
            if isinstance(number, bool) or not isinstance(number, int):
                raise DecodeError("a want is a whole number")
            if number < 0 and self._store.exists(key):
                peer.tell(id, self._store.size(key))
            elif number > 0 and (id in peer.has or len(peer.has) < MAX_REMEMBERED):
                peer.has[id] = number
                self._changed.ring()

    # What we are asked

    async def _create_wants(self, rpc: Muxrpc) -> AsyncIterator[Body]:
        with self._joined(rpc) as peer:
            yield dict.fromkeys(self._wanted, -1)
            while True:
                while not peer.to_tell:
                    await peer.changed.wait()
                told, peer.to_tell = peer.to_tell, {}
                yield told

    @contextlib.contextmanager
    def _joined(self, rpc: Muxrpc) -> Iterator[_PeerBlobs]:
        """A peer counts as long as one direction of the exchange is open."""
        peer = self._peers.setdefault(rpc, _PeerBlobs())
        peer.users += 1
        self._changed.ring()
        try:
            yield peer
        finally:
            peer.users -= 1
            if not peer.users:
                self._peers.pop(rpc, None)
            self._changed.ring()

    async def _get(self, rpc: Muxrpc, said: Value) -> AsyncIterator[Body]:
        asked = said if isinstance(said, dict) else {"key": said}
        with _refusing():
            key = _key(asked.get("key") or asked.get("id") or asked.get("hash"))
            size_bytes = self._store.size(key)
            largest = asked.get("max")
            if isinstance(largest, int) and size_bytes > largest:
                raise Refusal("Error", f"the blob has {size_bytes} bytes, but at most {largest} were allowed")
            if asked.get("size") not in (None, size_bytes):
                raise Refusal("Error", f"the blob has {size_bytes} bytes, not the {asked['size']} asked for")
            start, end = _number(asked.get("start")), _number(asked.get("end"))
            reader = self._store.read(key, start or 0, end)
        with reader:
            for piece in reader:
                yield piece

    async def _has(self, rpc: Muxrpc, said: Value) -> Body:
        with _refusing():
            if not isinstance(said, list):
                return self._store.exists(_key(said))
            if len(said) > MAX_IDS:
                raise Refusal("Error", f"at most {MAX_IDS} ids at a time")
            return [self._store.exists(_key(id)) for id in said]

    async def _size(self, rpc: Muxrpc, said: Value) -> Body:
        with _refusing():
            key = _key(said)
            return self._store.size(key) if self._store.exists(key) else None


@contextlib.contextmanager
def _refusing() -> Iterator[None]:
    """What is wrong with a question is told to whoever asked."""
    try:
        yield
    except (DecodeError, NotFound, UsageError) as error:
        raise Refusal("Error", str(error)) from None


def _key(id: Any) -> str:
    if not isinstance(id, str):
        raise DecodeError("a blob is asked for by its id")
    return key_of_ssb_blob_id(id)


def _number(value: Value) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise DecodeError("a part of a blob goes from one whole number to another")
    return value
