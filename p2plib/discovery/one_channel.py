"""One channel: a key is announced and looked up through any set of sources, and peers come as one stream::

    async with Discovery([MdnsSource(...), TrackerSource(...), MainlineSource(...)]) as discovery:
        await discovery.announce("cats of Lisbon", 4001)
        async with aclosing(discovery.peers("cats of Lisbon")) as peers:
            async for found in peers:
                ...                       # dial found.address; stop when there are enough

The idea is that of npm's discovery-channel. A driver, with `p2plib.discovery.merging` as its machine.

Rules
    1. Sources are told a topic, the hash of the key, and never the key.
    2. No source waits for another. One that is slow, hangs, fails or has a bug costs the others nothing.
    3. What fails is an event, and is tried again (`p2plib.discovery.kept`).
    4. `announce` returns when the first source has told somebody. What was announced is kept so by all
       sources until it is withdrawn, even if the call failed or was cancelled: it says what is wanted. Of
       several calls for one key the last one counts, and a source is asked for one thing after the other.
    5. Peers come once each, our own addresses never, and the sources take turns (`p2plib.discovery.merging`).
    6. After the block everything is closed, and each call that still waits raises `Closed`.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable, Sequence
from types import TracebackType
from typing import Any, Self

from p2plib.discovery.kept import Event, KeptSource
from p2plib.discovery.merging import FairMerge
from p2plib.discovery.source import Found, Source, checked_port, topic_of
from p2plib.errors import Closed, P2PError, PeerTimeout, RequestRefused, Unreachable, UsageError

PATIENCE_S = 60.0  # a source that says nothing for so long has failed
AGAIN_FIRST_S = 10.0  # after the end of the first lookup: others who begin just now are found on the second
AGAIN_S = (
    300.0  # at most: each pause is twice the one before, because a DHT of volunteers pays for each lookup
)
CLOSE_S = 10.0  # for all sources to close; one that takes longer is cancelled
TAKEN_BACK = "a later call for this key has taken the place of this one"
OWN_HOSTS = ("127.0.0.1", "::1")  # a port that we announced, at this very machine, is ours


def _unheard(event: Event) -> None:
    """For those who do not want to know."""


class _Hunt:
    """One lookup through all sources: what came and was not taken yet, and which sources still look."""

    def __init__(self, merge: FairMerge, sources: int) -> None:
        self.merge, self.looking = merge, sources
        self.errors: list[tuple[str, P2PError]] = []
        self.is_closed = False
        self.news = asyncio.Event()

    def heard(self, place: int, found: Found) -> None:
        self.merge.heard(place, found)
        self.news.set()

    def ended(self) -> None:
        self.looking -= 1
        self.news.set()

    def close(self) -> None:
        self.is_closed = True
        self.news.set()

    async def has_next(self) -> bool:
        """Waits for a peer; False when all sources have come to their end."""
        while True:
            if self.is_closed:
                raise Closed("the channel was closed")
            if self.merge.has_next():
                return True
            if not self.looking:
                return False
            self.news.clear()
            await self.news.wait()


class Discovery:
    """Finds peers through several sources.

    Args:
        sources: not entered yet; at least one.
        on_event: is told of each failure and recovery of a source.
        own_hosts: where others see this machine: found there, at a port that we announced, it is ourselves.
        own_peer: our peer id as sources write it, if they do: found under it, it is ourselves.
        rng: draws pauses.
        patience_s: how long a source may say nothing.
        again_s: the longest pause from the end of a lookup of `peers` to its next one; the first are shorter.

    Attributes:
        ignored: how much of what sources found was dropped, by reason.
        own_hosts: as given; may be added to, when a source learns how others see us.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        *,
        on_event: Callable[[Event], None] = _unheard,
        own_hosts: Iterable[str] = OWN_HOSTS,
        own_peer: str = "",
        rng: random.Random | None = None,
        patience_s: float = PATIENCE_S,
        again_s: float = AGAIN_S,
    ) -> None:
        if not sources:
            raise UsageError("to find peers, at least one source is needed")
        self.sources = tuple(sources)
        self.ignored: Counter[str] = Counter()
        self.own_hosts, self.own_peer = set(own_hosts), own_peer
        self._on_event, self._rng = on_event, rng or random.Random()
        self._patience_s, self._again_s = patience_s, again_s
        self._kept: list[KeptSource] = []
        self._lives: list[asyncio.Task[None]] = []
        self._tasks: set[asyncio.Task[None]] = set()  # announcing and looking
        self._announcing: dict[bytes, list[asyncio.Task[None]]] = {}
        self._ports: dict[bytes, int] = {}
        self._hunts: set[_Hunt] = set()
        self._is_open = False

    async def __aenter__(self) -> Self:
        self._closing, self._is_open = asyncio.Event(), True
        self._kept = [
            KeptSource(source, self._rng, self._on_event, self._patience_s) for source in self.sources
        ]
        self._lives = [asyncio.ensure_future(kept.live(self._closing)) for kept in self._kept]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_open = False
        for hunt in self._hunts:
            hunt.close()
        self._closing.set()
        try:
            await _stopped(list(self._tasks))
            await asyncio.wait(self._lives, timeout=CLOSE_S)
        finally:
            await _stopped([task for task in self._lives if not task.done()])

    def _check_open(self) -> None:
        if not self._is_open:
            raise Closed("the channel is not open: it is used with `async with`")

    def _begin(self, doing: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(doing)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def announce(self, key: str | bytes, port: int) -> None:
        """Tells others through every source that a peer for the key is here, and keeps it true. Rule 4.

        Args:
            key: a name, or bytes that name something.
            port: where the peer listens.

        Raises:
            P2PError: every source has failed: `RequestRefused` if all have refused, otherwise `PeerTimeout`
                or `Unreachable`. All try again.
            UsageError: the port cannot be one.
            Closed: the block is over, or another call has announced or withdrawn the key since.
        """
        topic, port = topic_of(key), checked_port(port)
        self._check_open()
        firsts = self._begin_announcing(topic, port)
        waiting = set(firsts)
        while waiting:
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if any(first.result() is None for first in done):
                return
        self._check_open()
        errors = [
            (kept.name, error)
            for kept, first in zip(self._kept, firsts, strict=True)
            if (error := first.result())
        ]
        if all(isinstance(error, Closed) for _, error in errors):
            raise Closed(TAKEN_BACK)
        raise _all_failed(errors)

    def _begin_announcing(self, topic: bytes, port: int) -> list[asyncio.Future[P2PError | None]]:
        """Announces through every source from now on, in place of what was announced before.

        Returns:
            For each source, how its first try will have ended.
        """
        self._stop_announcing(topic)
        self._ports[topic] = port
        firsts: list[asyncio.Future[P2PError | None]] = []
        for kept in self._kept:
            first: asyncio.Future[P2PError | None] = asyncio.get_running_loop().create_future()
            task = self._begin(self._keep_announcing(kept, topic, port, first))
            # Not in the task itself: one that is cancelled before it has begun never runs.
            task.add_done_callback(lambda _, first=first: _set(first, Closed(TAKEN_BACK)))  # type: ignore[misc]
            self._announcing.setdefault(topic, []).append(task)
            firsts.append(first)
        return firsts

    def _stop_announcing(self, topic: bytes) -> None:
        for task in self._announcing.pop(topic, []):
            task.cancel()

    async def _keep_announcing(
        self, kept: KeptSource, topic: bytes, port: int, first: asyncio.Future[P2PError | None]
    ) -> None:
        """Announces through one source until it has worked; `first` is how the first try ended."""
        async with kept.turn(topic):
            await kept.trying(
                "announce", lambda: kept.announce(topic, port), lambda error: _set(first, error)
            )
        _set(first, None)

    async def withdraw(self, key: str | bytes) -> None:
        """Stops announcing a key, everywhere; a second time does nothing. Failures are events.

        Raises:
            Closed: the block is over.
        """
        self._check_open()
        topic = topic_of(key)
        if self._ports.pop(topic, None) is None:
            return
        self._stop_announcing(topic)
        # In the background: it goes on even if this call is cancelled.
        await asyncio.wait([self._begin(self._withdraw(kept, topic)) for kept in self._kept])
        self._check_open()

    async def _withdraw(self, kept: KeptSource, topic: bytes) -> None:
        async with kept.turn(topic):
            await kept.withdraw(topic)

    def lookup(self, key: str | bytes) -> AsyncGenerator[Found, None]:
        """Looks through every source once, and ends when all have; leave it with `contextlib.aclosing`.

        Raises:
            P2PError: nobody was found, and every source has failed; as `announce` raises.
            Closed: the block is over.
        """
        return self._hunting(topic_of(key), self._look_once)

    def peers(self, key: str | bytes) -> AsyncGenerator[Found, None]:
        """Looks through every source again and again, without end; leave it with `contextlib.aclosing`.

        Raises:
            Closed: the block is over.
        """
        return self._hunting(topic_of(key), self._keep_looking)

    async def _hunting(
        self, topic: bytes, look: Callable[[int, bytes, _Hunt], Coroutine[Any, Any, None]]
    ) -> AsyncGenerator[Found, None]:
        self._check_open()
        count = len(self._kept)
        hunt = _Hunt(FairMerge(count, self._is_own, self.ignored), count)
        self._hunts.add(hunt)
        tasks = [self._begin(look(place, topic, hunt)) for place in range(count)]
        has_found = False
        try:
            while await hunt.has_next():
                has_found = True
                yield hunt.merge.take()
        finally:
            self._hunts.discard(hunt)
            await _stopped(tasks)
        if not has_found and len(hunt.errors) == count:
            raise _all_failed(hunt.errors)

    async def _look_once(self, place: int, topic: bytes, hunt: _Hunt) -> None:
        kept = self._kept[place]
        try:
            await kept.look(topic, lambda found: hunt.heard(place, found))
        except P2PError as error:
            kept.failed("lookup", error, None)
            hunt.errors.append((kept.name, error))
        finally:
            hunt.ended()

    async def _keep_looking(self, place: int, topic: bytes, hunt: _Hunt) -> None:
        kept = self._kept[place]

        async def look() -> None:
            await kept.look(topic, lambda found: hunt.heard(place, found))

        pause_s = min(AGAIN_FIRST_S, self._again_s)
        while True:
            await kept.trying("lookup", look)
            await asyncio.sleep(pause_s * self._rng.uniform(0.5, 1.0))
            pause_s = min(2 * pause_s, self._again_s)

    def _is_own(self, found: Found) -> bool:
        host, port = found.address
        if self.own_peer and found.peer == self.own_peer:
            return True
        return host in self.own_hosts and port in self._ports.values()


def _set(first: asyncio.Future[P2PError | None], outcome: P2PError | None) -> None:
    if not first.done():
        first.set_result(outcome)


async def _stopped(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Cancels tasks, and waits until they have ended."""
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)


def _all_failed(errors: Sequence[tuple[str, P2PError]]) -> P2PError:
    """One error that says why each source failed."""
    told = "; ".join(f"{name}: {error}" for name, error in errors)
    kinds = [type(error) for _, error in errors]
    if all(issubclass(kind, RequestRefused) for kind in kinds):
        return RequestRefused(f"every source has refused: {told}")
    kind = PeerTimeout if PeerTimeout in kinds else Unreachable
    return kind(f"no source has reached anybody: {told}")
