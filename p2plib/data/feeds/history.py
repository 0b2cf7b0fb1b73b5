"""createHistoryStream: one author's log from a number on, over muxrpc. Codec and driver, both sides.

The Scuttlebutt Protocol Guide, "createHistoryStream", as npm's `ssb-db` 20.4 answers it. A source with one
argument, an object::

    id      whose log, "@....ed25519"
    seq     the first number that is wanted, included (also `sequence`); 0 and 1 are the beginning
    limit   how many at the most; -1 for all
    live    whether to go on with what comes later
    old     whether to send what is there already; true if it is left out
    keys    whether each item is {"key": id, "value": message, "timestamp": ms}; true if it is left out.
            If not, an item is the message alone
    values  whether the message is sent; if not, an item is the id alone

Rules
    1. What we serve is what we keep: of another author, the stream is empty, as npm's is.
    2. What comes is checked as any entry of a log is, by `p2plib.data.log.feed`; the id that a peer says is
       never looked at. The first wrong entry ends the stream, and those before it stay.
    3. A log that has been erased in part ends, for others, before the first erased entry.
    4. An answer goes on. Up to `MAX_IDLE_ITEMS` may be numbers that it sent before, or npm's sign; a peer
       that sends more would keep us for ever, and give us nothing.
    5. Nobody can know that there is no more: a peer that stops early looks like one that has no more.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from p2plib.data.feeds.shelf import FeedShelf
from p2plib.data.log import quick_json
from p2plib.data.log.classic import ClassicMessage
from p2plib.data.log.feed import ErasedEntry
from p2plib.data.log.formats import MAX_SEQUENCE
from p2plib.data.log.validate import MAX_RAW_BYTES
from p2plib.errors import DecodeError, InvalidEntry, NotFound, P2PError, PeerTimeout, Refusal
from p2plib.identity import ids
from p2plib.identity.keys import PublicKey
from p2plib.protocol.muxrpc import methods
from p2plib.protocol.muxrpc.driver import Muxrpc
from p2plib.protocol.muxrpc.frames import Body, json_bytes
from p2plib.protocol.muxrpc.methods import MuxrpcMethod
from p2plib.wire.canonical_json import Value

NAME = "createHistoryStream"
SILENCE_TIMEOUT_S = 30.0
BATCH_ENTRIES = 256  # that have come together are written together: a disk is asked once for all of them
MAX_IDLE_ITEMS = 1024
SYNC: Value = {"sync": True}  # npm's sign that what follows is live

ClassicShelf = FeedShelf[ClassicMessage, Value]


@dataclass(frozen=True, slots=True)
class HistoryOptions:
    """What a call of createHistoryStream asks for.

    Args:
        author: whose log.
        seq: the first number.
        limit: how many at the most; None for all.
        live: whether to go on with what comes later.
        old: whether to send what is there already.
        keys: whether to say ids.
        values: whether to send messages.
    """

    author: PublicKey
    seq: int = 1
    limit: int | None = None
    live: bool = False
    old: bool = True
    keys: bool = True
    values: bool = True

    def encode(self) -> dict[str, Value]:
        """The argument of the call."""
        limit = -1 if self.limit is None else self.limit
        author = ids.ssb_feed_id(self.author)
        said: dict[str, Value] = {"id": author, "seq": self.seq, "limit": limit, "live": self.live}
        return said | {"old": self.old, "keys": self.keys, "values": self.values}


def read_options(said: object) -> HistoryOptions:
    """What an argument asks for.

    Raises:
        DecodeError: it asks for nothing that there could be.
    """
    if not isinstance(said, dict):
        raise DecodeError("the argument of createHistoryStream is an object")
    author = said.get("id")
    if not isinstance(author, str) or not author.startswith("@"):
        raise DecodeError("id is a feed id")
    seq = _whole(said, "sequence" if "sequence" in said else "seq", 1)
    limit = _whole(said, "limit", -1)
    flags = {name: _flag(said, name, name != "live") for name in ("live", "old", "keys", "values")}
    return HistoryOptions(ids.parse(author), max(seq, 1), None if limit < 0 else limit, **flags)


def _whole(said: dict[str, Any], name: str, default: int) -> int:
    value = said.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int) or not -1 <= value <= MAX_SEQUENCE:
        raise DecodeError(f"{name} is a whole number")
    return value


def _flag(said: dict[str, Any], name: str, default: bool) -> bool:
    value = said.get(name)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise DecodeError(f"{name} is true or false")
    return value


# The side that is asked


def serve(shelf: ClassicShelf) -> MuxrpcMethod:
    """The method that answers from a shelf; open to anybody, as npm's is."""

    async def answer(rpc: Muxrpc, said: Value = None) -> AsyncIterator[Body]:
        try:
            wanted = read_options(said)
        except P2PError as error:
            raise Refusal("Error", str(error)) from None
        async for message in stored(shelf, wanted):
            yield item_of(message, wanted)

    return methods.source(answer, is_public=True)


async def stored(shelf: ClassicShelf, wanted: HistoryOptions) -> AsyncIterator[ClassicMessage]:
    """The messages that a call asks for, those that come later too if it is live."""
    try:
        feed = shelf.feed(wanted.author)
    except NotFound:
        return
    following = wanted.seq if wanted.old else max(wanted.seq, len(feed) + 1)
    left = wanted.limit
    while left is None or left > 0:
        for entry in feed.entries(following, None if left is None else following + left):
            if isinstance(entry, ErasedEntry):
                return
            yield entry
            following += 1
            left = None if left is None else left - 1
        if not wanted.live or feed.fork is not None:
            return
        if left != 0 and following > len(feed):
            await shelf.wait()


def item_of(message: ClassicMessage, wanted: HistoryOptions) -> Body:
    """How a message is sent."""
    if not wanted.values:
        return message.id
    value = quick_json.parse(message.raw, max_characters=MAX_RAW_BYTES)
    if not wanted.keys:
        return value
    return {"key": message.id, "value": value, "timestamp": message.timestamp}


# The side that asks


async def fetch(
    rpc: Muxrpc,
    shelf: ClassicShelf,
    author: PublicKey,
    *,
    live: bool = False,
    limit: int | None = None,
    silence_timeout_s: float = SILENCE_TIMEOUT_S,
) -> int:
    """Takes what a peer has of a log beyond what we have.

    Args:
        rpc: the connection to it.
        shelf: where the log is kept; it is followed from now on.
        author: whose log.
        live: whether to go on until the peer ends, or until this is cancelled.
        limit: how many messages to ask for; None for all.
        silence_timeout_s: how long the peer may send nothing; live, it may be silent forever.

    Returns:
        How many were new.

    Raises:
        InvalidEntry: it sent what is no next entry of this log, or the same again and again. What came before
            stays.
        Forked: the author has signed two logs; the proof is kept.
        CallFailed: it ended the stream with an error.
        PeerTimeout: it was silent for too long.
        Closed: the connection is over.
    """
    feed = shelf.follow(author)
    wanted = HistoryOptions(author, len(feed) + 1, limit, live, keys=False)
    before, asked = len(feed), limit
    following, idle = wanted.seq, 0
    async with rpc.source(NAME, wanted.encode()) as stream:
        while True:
            try:
                async with asyncio.timeout(None if live else silence_timeout_s):
                    items = [await anext(stream), *stream.ready(BATCH_ENTRIES - 1)]
            except StopAsyncIteration:
                return len(feed) - before
            except TimeoutError:
                raise PeerTimeout(f"{rpc.remote} sent nothing for {silence_timeout_s:g} s") from None
            messages = [item for item in items if item != SYNC]
            excess = asked is not None and len(messages) > asked
            shelf.extend(author, map(raw_of, messages[:asked] if excess else messages))
            if excess:
                raise InvalidEntry(f"more than the {limit} entries that were asked for")
            asked = None if asked is None else asked - len(messages)
            for item in items:
                sequence = sequence_of(item)
                idle += sequence < following
                following = max(following, sequence + 1)
            if idle > MAX_IDLE_ITEMS:
                raise InvalidEntry(f"{idle} items that say nothing new")


def sequence_of(item: Body) -> int:
    """The number that an item of a history says it has; 0 if it holds no message."""
    message = item.get("value", item) if isinstance(item, dict) else None
    sequence = message.get("sequence") if isinstance(message, dict) else None
    return sequence if isinstance(sequence, int) else 0


def raw_of(item: Body) -> bytes:
    """The bytes of the message that an item holds, with its key or without.

    Raises:
        InvalidEntry: it holds none.
    """
    if isinstance(item, dict) and "value" in item and "key" in item:
        item = item["value"]
    if not isinstance(item, dict):
        raise InvalidEntry("an item of a history is a message")
    return json_bytes(item)  # not its canonical text, which indents: that of a bomb is 250 times as long
