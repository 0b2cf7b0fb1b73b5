"""Kept: a source that is opened, used and closed for us, and tried again after each failure. A driver.

Rules
    1. What fails is tried again after a pause, which doubles from one second to a minute and is drawn at
       random between half and the whole (`p2plib.machine.retries`). A clear no is worth a longer pause,
       `REFUSED_PAUSE_S`: whoever refuses us will hardly think better of it in a second.
    2. A call that hangs has failed after `patience_s`.
    3. An error that no source may raise, and an address where no peer can be, is a bug of that source. It is
       logged with its traceback, and counts as a failure: it must not stop the other sources. So is a lookup
       that does not stop at `MAX_FOUND`.
    4. Each failure is an event, and so is the first success after failures.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

from p2plib.discovery.source import MAX_FOUND, Found, Source
from p2plib.discovery.turns import Turns
from p2plib.errors import P2PError, PeerTimeout, RequestRefused, Unreachable, UsageError
from p2plib.machine.addresses import given_address
from p2plib.machine.retries import Retries
from p2plib.machine.timers import TimerName, Timers

REFUSED_PAUSE_S = 600.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SourceFailed:
    """A source could not do something.

    Args:
        source: its name.
        doing: what: "open", "announce", "lookup", "withdraw" or "close".
        error: why.
        again_in_s: when it will be tried again, in seconds; None for never.
    """

    source: str
    doing: str
    error: P2PError
    again_in_s: float | None


@dataclass(frozen=True, slots=True)
class SourceWorks:
    """A source has done what it could not do before.

    Args:
        source: its name.
        doing: what.
    """

    source: str
    doing: str


Event = SourceFailed | SourceWorks


def _unheard(error: P2PError) -> None:
    """For those who do not want to know."""


def _checked(found: Found) -> Found:
    """What a source has found, if it can be that; `FairMerge` and whoever dials rely on it."""
    try:
        is_possible = given_address(found.address) == found.address
    except (AttributeError, TypeError, UsageError):
        is_possible = False
    if not is_possible:
        raise ValueError(f"{found!r}, which is no address of a peer")
    return found


class _Again(TimerName):
    TRY = "try again what has failed"


class _Pauses:
    """How long to wait after each failure."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._timers: Timers[_Again] = Timers()
        self._retries = Retries(rng, self._timers, _Again.TRY)
        self._retries.start(0.0, float("inf"))

    def after(self, error: P2PError, now: float) -> float:
        """The seconds to wait."""
        if isinstance(error, RequestRefused):
            return REFUSED_PAUSE_S * self._rng.uniform(0.5, 1.0)
        self._retries.failed(now)
        at = self._timers.first()
        return max(0.0, (now if at is None else at) - now)


class KeptSource:
    """One source of several.

    Args:
        source: not entered yet. Where entering it fails, it is entered again later.
        rng: draws the pauses.
        on_event: is told what happens.
        patience_s: how long a call may say nothing.
    """

    def __init__(
        self, source: Source, rng: random.Random, on_event: Callable[[Event], None], patience_s: float
    ) -> None:
        self.source, self.name = source, source.name
        self.patience_s = patience_s
        self._rng, self._tell = rng, on_event
        # How the newest attempt to enter the source has ended: with nothing, or with an error.
        self._entered: asyncio.Future[P2PError | None] = asyncio.get_running_loop().create_future()
        self._turns = Turns()

    def turn(self, topic: bytes) -> AbstractAsyncContextManager[None]:
        """Held while a topic is announced or withdrawn here: one call after the other, in their order."""
        return self._turns.of(topic)

    @property
    def is_open(self) -> bool:
        """Whether the source has been entered."""
        return self._entered.done() and self._entered.result() is None

    async def live(self, closing: asyncio.Event) -> None:
        """Enters the source, waits until it is time to close, and leaves it."""
        loop, pauses, has_failed = asyncio.get_running_loop(), _Pauses(self._rng), False
        while not closing.is_set():
            try:
                async with self._only_ours("be opened or closed"), self.source:
                    self._entered.set_result(None)
                    if has_failed:
                        self._tell(SourceWorks(self.name, "open"))
                    await closing.wait()
            except P2PError as error:
                if self._entered.done():
                    self._tell(SourceFailed(self.name, "close", error, None))
                    return
                has_failed, pause_s = True, pauses.after(error, loop.time())
                self._entered.set_result(error)
                self._tell(SourceFailed(self.name, "open", error, pause_s))
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(pause_s):
                        await closing.wait()
                self._entered = loop.create_future()

    async def opened(self) -> Source:
        """The source, when it has been entered.

        Raises:
            P2PError: that has failed; it is being tried again.
        """
        error = await asyncio.shield(self._entered)
        if error is not None:
            raise error
        return self.source

    async def announce(self, topic: bytes, port: int) -> None:
        """Announces once, see rules 2 and 3."""
        async with self._only_ours("announce"), self._patience():
            await (await self.opened()).announce(topic, port)

    async def withdraw(self, topic: bytes) -> None:
        """Withdraws, if the source is open; a failure is an event."""
        if not self.is_open:
            return
        try:
            async with self._only_ours("withdraw"), self._patience():
                await self.source.withdraw(topic)
        except P2PError as error:
            self._tell(SourceFailed(self.name, "withdraw", error, None))

    async def look(self, topic: bytes, heard: Callable[[Found], None]) -> None:
        """Looks a topic up once, to the end.

        Args:
            topic: 20 bytes.
            heard: is given what is found, as soon as it is.
        """
        async with self._only_ours("look up"):
            async with self._patience():
                source = await self.opened()
            async with contextlib.aclosing(source.lookup(topic)) as lookup:
                for number in itertools.count():
                    async with self._patience():
                        try:
                            found = await anext(lookup)
                        except StopAsyncIteration:
                            return
                    if number == MAX_FOUND:
                        raise Unreachable(f"{self.name} does not stop after {MAX_FOUND} addresses")
                    heard(_checked(found))

    async def trying(
        self,
        doing: str,
        attempt: Callable[[], Awaitable[None]],
        on_failure: Callable[[P2PError], None] = _unheard,
    ) -> None:
        """Tries something until it has worked.

        Args:
            doing: what events call it.
            attempt: the thing itself.
            on_failure: is told of each failure.
        """
        pauses, has_failed = _Pauses(self._rng), False
        while True:
            try:
                await attempt()
            except P2PError as error:
                has_failed, pause_s = True, pauses.after(error, asyncio.get_running_loop().time())
                self.failed(doing, error, pause_s)
                on_failure(error)
                await asyncio.sleep(pause_s)
            else:
                if has_failed:
                    self._tell(SourceWorks(self.name, doing))
                return

    def failed(self, doing: str, error: P2PError, again_in_s: float | None) -> None:
        """Tells of a failure."""
        self._tell(SourceFailed(self.name, doing, error, again_in_s))

    @asynccontextmanager
    async def _patience(self) -> AsyncIterator[None]:
        """Rule 2."""
        patience = asyncio.timeout(self.patience_s)
        try:
            async with patience:
                yield
        except TimeoutError:
            if not patience.expired():  # of the source itself, and long before
                raise
            raise PeerTimeout(f"{self.name} said nothing for {self.patience_s:g} s") from None

    @asynccontextmanager
    async def _only_ours(self, doing: str) -> AsyncIterator[None]:
        """Rule 3."""
        task = asyncio.current_task()
        try:
            yield
        except P2PError:
            raise
        except asyncio.CancelledError as error:
            if task is None or task.cancelling():
                raise
            raise self._bug(doing, error) from error  # nobody has cancelled us: it awaited what it cancelled
        except Exception as error:  # rule 3: whatever it is
            raise self._bug(doing, error) from error

    def _bug(self, doing: str, error: BaseException) -> Unreachable:
        log.error("a bug of the source %s", self.name, exc_info=error)
        return Unreachable(f"{self.name} could not {doing}: it raised {error!r}")
