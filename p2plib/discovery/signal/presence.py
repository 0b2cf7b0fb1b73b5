"""Presence: announcing a topic at several places at once, until it is withdrawn. A part of drivers.

Rules
    1. Each place has a task of its own, which tells it and keeps it told (`stay`, the source's own business).
    2. `announce` returns when the first place has been told of the port, and raises when all have failed.
    3. A topic that is announced again gets the new port; the tasks go on and are told.
    4. A place whose task ends with an error that is not one of `TROUBLE` has a bug; `announce` raises it.
    5. A first `announce` that fails or is cancelled leaves nothing behind.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Hashable, Sequence
from typing import Any

from p2plib.errors import P2PError, PeerTimeout, RequestRefused, Unreachable

# What a source may raise about others, the most telling first.
TROUBLE = (RequestRefused, PeerTimeout, Unreachable)


def worst(troubles: Sequence[P2PError]) -> P2PError:
    """Of several, the one to raise: a refusal says most, then a silence."""
    return min(
        troubles, key=lambda error: next(i for i, kind in enumerate(TROUBLE) if isinstance(error, kind))
    )


class Presence:
    """One topic that we announce.

    Args:
        topic: 20 bytes.
        port: where we are; it may change.

    Attributes:
        asked: how often there was a reason to speak.
        port_told: the port that a place was told of last; 0 if none was.
        is_over: whether it was withdrawn.
        bug: rule 4.
        troubles: by place, the last failure of those that failed since they last worked.
    """

    def __init__(self, topic: bytes, port: int) -> None:
        self.topic, self.port = topic, port
        self.tasks: list[asyncio.Task[Any]] = []
        self.waiting = 0  # calls of `announce`
        self.asked = 0
        self.port_told = 0
        self.is_over = False
        self.bug: Exception | None = None
        self.troubles: dict[Hashable, P2PError] = {}
        self._change = asyncio.Event()

    def speak_up(self) -> None:
        """Notes that there is a reason to speak."""
        self.asked += 1
        self.wake()

    def told(self, place: Hashable, port: int) -> None:
        """Notes that a place was told of a port."""
        self.port_told = port
        self.troubles.pop(place, None)
        self.wake()

    def failed(self, place: Hashable, error: P2PError) -> bool:
        """Notes a failure; returns whether the place had worked before."""
        had_worked = place not in self.troubles
        self.troubles[place] = error
        self.wake()
        return had_worked

    def wake(self) -> None:
        """Has all that wait in `changed` look again."""
        self._change.set()
        self._change = asyncio.Event()

    async def changed(self) -> None:
        """Waits until something has happened."""
        await self._change.wait()

    async def until_asked(self, heard: int) -> None:
        """Waits until there was a reason to speak that is not among the first so many."""
        while self.asked == heard:
            await self.changed()


class Presences:
    """All topics that a source announces.

    Args:
        places: where to announce them.
        stay: tells one place, and keeps it told, until cancelled.
        spawn: makes a task that the source ends with its block.
        check_open: raises `Closed` when the block is over.
    """

    def __init__(
        self,
        places: Sequence[Any],
        stay: Callable[[Presence, Any], Coroutine[Any, Any, None]],
        spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
        check_open: Callable[[], None],
    ) -> None:
        self._places, self._stay, self._spawn, self._check_open = places, stay, spawn, check_open
        self._by_topic: dict[bytes, Presence] = {}

    async def announce(self, topic: bytes, port: int) -> None:
        """Rules 2 to 5; raises what `worst` finds, or `Closed`."""
        presence = self._by_topic.get(topic)
        if presence is None:
            presence = self._by_topic[topic] = Presence(topic, port)
            presence.tasks += [self._spawn(self._until_over(presence, place)) for place in self._places]
        presence.port = port
        presence.waiting += 1
        try:
            await self._first_told(presence)
        except BaseException:
            if presence.waiting == 1 and not presence.port_told:
                self.leave(topic)
            raise
        finally:
            presence.waiting -= 1

    def leave(self, topic: bytes) -> bool:
        """Ends the tasks of a topic; returns whether it was announced."""
        presence = self._by_topic.pop(topic, None)
        if presence is None:
            return False
        presence.is_over = True
        for task in presence.tasks:
            task.cancel()
        presence.wake()
        return True

    async def _until_over(self, presence: Presence, place: Any) -> None:
        try:
            await self._stay(presence, place)
        except Exception as error:  # rule 4: otherwise a call would wait for ever
            presence.bug = error
        finally:
            presence.wake()

    async def _first_told(self, presence: Presence) -> None:
        port = presence.port
        presence.troubles.clear()
        presence.speak_up()
        while presence.port_told != port:
            self._check_open()
            if presence.bug is not None:
                raise presence.bug
            if presence.port != port or presence.is_over:
                return  # another call has announced another port meanwhile, or withdrawn
            if len(presence.troubles) == len(self._places):
                raise worst(list(presence.troubles.values()))
            await presence.changed()
