"""Lab 8, the capstone's world: three peers that have Ana's feed and its pictures, in a simulated internet.

What is judged is a reader's whole program. It is given three `Stranger` objects, each a connection to a peer,
and everything that reaches its host is counted in the network's trace, whatever the program does with it. The
protocol is the lab's own; its messages are frames::

    size     of the rest, 4 bytes, big-endian
    parts    each is 4 bytes of size, and that many bytes

A request is a number, a word ("count", "entries" or "chunk") and two arguments; a response is the same
number, "yes" or "no", and what was asked for.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from p2plib.errors import NotFound
from p2plib.labs.lab08_content.asking import AT_ONCE
from p2plib.labs.lab08_content.entries import (
    ANA,
    BEN,
    HEAD_BYTES,
    SIGNATURE_BYTES,
    content_of,
    honest_log,
    sealed,
)
from p2plib.labs.lab08_content.trees import merkle_root, prove

CHUNK = 2048  # bytes of a picture's chunk; the last one may have fewer
PICTURE = (
    b"picture "  # an entry that announces a picture begins with this; then the root, and 8 bytes of size
)
ENTRIES = 60
SIZES = {5: 700, 17: 13 * CHUNK + 500, 30: 20 * CHUNK, 44: 30 * CHUNK + 1}  # by the place of the entry
AGAIN = {52: 30}  # entry 52 posts the picture of entry 30 again
BEHIND = 20  # how many entries a peer has that lacks the newest
GONE_AFTER = 20  # chunks sent before a peer hangs up
BOAST = 10**9  # entries that a boaster claims
LARGE, LIES_AT_END = (
    20,
    3,
)  # chunks: a liar is honest about small pictures, and about all of a large one but its end
MOST_QUESTIONS = 600  # to one peer; the whole content takes a sixth of that
PORT = 4000
NAMES = ("Bea", "Cem", "Dov")


def picture_of(entry: bytes) -> tuple[bytes, int] | None:
    """The root and the size in bytes of the picture that an entry announces; None if it announces none."""
    content = content_of(entry)
    if content.startswith(PICTURE) and len(content) == len(PICTURE) + 40:
        return content[-40:-8], int.from_bytes(content[-8:], "big")
    return None


@dataclass(frozen=True)
class Feed:
    """What Ana has published.

    Args:
        log: her entries.
        pictures: the chunks of each picture, by its root.
    """

    log: list[bytes]
    pictures: dict[bytes, list[bytes]]

    @property
    def size_bytes(self) -> int:
        """The size of all entries, and of each picture once."""
        return sum(map(len, self.log)) + sum(len(one) for chunks in self.pictures.values() for one in chunks)


@functools.cache
def published(seed: int) -> Feed:
    """A feed of sixty entries, five of which announce four pictures."""
    rng = Random(f"a feed {seed}")
    pictures: dict[bytes, list[bytes]] = {}
    said: dict[int, bytes] = {}
    for place, size in SIZES.items():
        data = rng.randbytes(size)
        chunks = [data[at : at + CHUNK] for at in range(0, size, CHUNK)]
        root = merkle_root(chunks)
        pictures[root] = chunks
        said[place] = PICTURE + root + size.to_bytes(8, "big")
    for place, first in AGAIN.items():
        said[place] = said[first]
    contents = [said.get(place, f"day {place}, {rng.random():.9f}".encode()) for place in range(ENTRIES)]
    return Feed(honest_log(ANA, *contents), pictures)


def packed(*parts: bytes) -> bytes:
    """A frame."""
    body = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    return len(body).to_bytes(4, "big") + body


async def next_frame(reader: asyncio.StreamReader) -> list[bytes]:
    """The parts of the next frame; raises IncompleteReadError at the end."""
    body = await reader.readexactly(int.from_bytes(await reader.readexactly(4), "big"))
    parts, at = [], 0
    while at < len(body):
        size = int.from_bytes(body[at : at + 4], "big")
        parts.append(body[at + 4 : at + 4 + size])
        at += 4 + size
    return parts


class Stranger:
    """A connection to one peer. What the peer answers may be a lie.

    Args:
        name: the peer's.
        reader, writer: the connection.
    """

    def __init__(self, name: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.name = name
        self._writer = writer
        self._waiting: dict[int, asyncio.Future[list[bytes]]] = {}
        self._asked = 0
        self._told: set[int] = set()  # numbers of the questions whose answers reached the program
        self._has_hung_up = False
        self._listener = asyncio.get_running_loop().create_task(self._listen(reader))

    def __repr__(self) -> str:
        return f"the peer {self.name}"

    async def count(self) -> int:
        """How many entries of Ana's log the peer says it has.

        Raises:
            ConnectionError: it has hung up; every later question raises this too.
        """
        [count] = await self._ask(b"count", 0, b"")
        return int.from_bytes(count, "big")

    async def entries(self, first: int, last: int) -> list[bytes]:
        """Some entries, first and last included; an honest peer sends those it has, at most fifty.

        Args:
            first, last: the numbers, from 1.

        Raises:
            ConnectionError: it has hung up.
        """
        return await self._ask(b"entries", first, last.to_bytes(8, "big"))

    async def chunk(self, root: bytes, index: int) -> tuple[bytes, list[bytes]]:
        """A chunk of a picture, and its proof.

        Args:
            root: the picture's.
            index: the chunk's place, from 0.

        Raises:
            NotFound: it says that it does not have it.
            ConnectionError: it has hung up.
        """
        chunk, *proof = await self._ask(b"chunk", index, root)
        return chunk, proof

    async def close(self) -> None:
        """Hang up."""
        self._listener.cancel()
        await asyncio.gather(self._listener, return_exceptions=True)
        self._writer.close()
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()

    async def _ask(self, word: bytes, number: int, rest: bytes) -> list[bytes]:
        self._asked += 1
        if self._has_hung_up or self._asked > MOST_QUESTIONS:
            raise ConnectionResetError(f"{self.name} has hung up")
        ours = self._asked
        waiting: asyncio.Future[list[bytes]] = asyncio.get_running_loop().create_future()
        self._waiting[ours] = waiting
        try:
            self._writer.write(packed(ours.to_bytes(4, "big"), word, number.to_bytes(8, "big"), rest))
            says, *parts = await waiting
        finally:
            self._waiting.pop(ours, None)
        self._told.add(ours)
        if says == b"no":
            raise NotFound(f"{self.name} says that it does not have it")
        return parts

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                number, *parts = await next_frame(reader)
                waiting = self._waiting.get(int.from_bytes(number, "big"))
                if waiting is not None and not waiting.done():
                    waiting.set_result(parts)
        self._has_hung_up = True
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(ConnectionResetError(f"{self.name} has hung up"))


@dataclass
class Mirror:
    """A peer that has the feed, and answers honestly or not.

    Args:
        name: its name.
        feed: what it has.
        lie: "" or what it lies about: "feed", "chunk", "swap", "proof" or "boast".
        has: how many entries it has, with their pictures.
        hangs_up_after: how many chunks it sends before it hangs up; None if it stays.
        is_silent: whether it answers the question for its count, and no other.
    """

    name: str
    feed: Feed
    lie: str = ""
    has: int = ENTRIES
    hangs_up_after: int | None = None
    is_silent: bool = False
    lied: set[int] = field(default_factory=set)  # numbers of the questions that it answered with a lie
    sent_chunks: int = 0

    async def serve(self) -> None:
        """Answer every peer that connects; runs as a host's program."""
        server = await asyncio.start_server(self._answer_all, "0.0.0.0", PORT)
        async with server:
            await server.serve_forever()

    async def _answer_all(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                number, word, place, rest = await next_frame(reader)
                if self.hangs_up_after is not None and self.sent_chunks >= self.hangs_up_after:
                    break
                if not self.is_silent or word == b"count":
                    writer.write(
                        packed(number, *self.answer(number, word, int.from_bytes(place, "big"), rest))
                    )
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    def answer(self, number: bytes, word: bytes, place: int, rest: bytes) -> list[bytes]:
        """What it says to one question."""
        ours = int.from_bytes(number, "big")
        log = self.feed.log[: self.has]
        if word == b"count":
            return [b"yes", (BOAST if self.lie == "boast" else len(log)).to_bytes(8, "big")]
        if word == b"entries":
            last = min(int.from_bytes(rest, "big"), place + AT_ONCE - 1)
            entries = log[max(place, 1) - 1 : last]
            if self.lie == "feed" and entries:
                self.lied.add(ours)
                entries = self._forged(entries)
            return [b"yes", *entries]
        known = {found[0] for entry in log if (found := picture_of(entry))}
        chunks = self.feed.pictures.get(rest, []) if rest in known else []
        if place >= len(chunks):
            return [b"no"]
        self.sent_chunks += 1
        if self.lie in LIES and place >= len(chunks) - LIES_AT_END and len(chunks) >= LARGE:
            self.lied.add(ours)
            lie: list[bytes] = LIES[self.lie](chunks, place)
            return [b"yes", *lie]
        return [b"yes", chunks[place], *prove(chunks, place)]

    def _forged(self, entries: Sequence[bytes]) -> list[bytes]:
        """Some entries, every fourth of them forged, and one more at the end."""
        sent = list(entries)
        for at in range(3, len(sent), 4):
            sent[at] = sent[at][:HEAD_BYTES] + b"buy my coins" + sent[at][-SIGNATURE_BYTES:]
        return [*sent, sealed(BEN, bytes(32), ENTRIES + 1, b"buy my coins")]


def _another_chunk(chunks: list[bytes], place: int) -> list[bytes]:
    other = bytes(byte ^ 1 for byte in chunks[place])
    return [other, *prove(chunks, place)]


def _swapped(chunks: list[bytes], place: int) -> list[bytes]:
    other = (place + 1) % len(chunks)
    if other == place:
        return _another_chunk(chunks, place)
    return [chunks[other], *prove(chunks, other)]


def _another_proof(chunks: list[bytes], place: int) -> list[bytes]:
    proof = prove(chunks, place) or [b""]
    return [chunks[place], *proof[:-1], bytes(32)]


def _longer_proof(chunks: list[bytes], place: int) -> list[bytes]:
    return [chunks[place], *prove(chunks, place), *[bytes(32)] * 20]


LIES: dict[str, Any] = {
    "chunk": _another_chunk, "swap": _swapped, "proof": _another_proof, "boast": _longer_proof,
}  # fmt: skip
