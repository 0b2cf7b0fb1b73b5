"""Worlds: what the checks of `p2plib.discovery.conformance` run over, and how they make their calls.

A world is a few sources of one kind that can find each other, and what can be done to them: cut them off,
refuse them, lie to them. Each call is made on the host of its source, and what it gives is checked against
rules 4 and 6 of `p2plib.discovery.source`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from p2plib.discovery.source import MAX_FOUND, Found, Source
from p2plib.machine.addresses import MAX_PORT, Address, Scope, scope_of

T = TypeVar("T")

TRIES, BETWEEN_TRIES_S = 3, 1.0  # others were told; until the one asked first has heard may take a moment


class NotConformingSource(AssertionError):
    """A source broke a rule; the sentence begins with the name of the check."""


@dataclass(frozen=True)
class Member:
    """A source of a world.

    Args:
        source: not entered yet.
        host: the host that others see it at.
        on: gives a context in which its code runs: a simulated host, `lambda: ana`; nothing on real sockets.
    """

    source: Source
    host: str
    on: Callable[[], AbstractContextManager[Any]] = contextlib.nullcontext


@dataclass(frozen=True)
class World:
    """Sources of one kind that can find each other. All but the members may be left out.

    Args:
        members: two or more.
        can_announce: False where only the owner of a list can announce: then `announce` must refuse.
        silence_is_an_answer: True where peers with nothing to say say nothing, as with multicast, so that a
            source cannot tell an empty network from one that is cut off.
        cut: from now on no member reaches anybody.
        heal: ends the cut.
        refuse: from now on, whoever is asked refuses.
        tell: has others say to whoever asks about a topic that peers are at these addresses, true or not.
        noise: has a stranger send these bytes to wherever the members listen.
        forgotten_after_s: how long others believe what was announced and is not renewed. Only where time is
            virtual, because the checks wait for it.
    """

    members: Sequence[Member]
    can_announce: bool = True
    silence_is_an_answer: bool = False
    cut: Callable[[], Awaitable[None]] | None = None
    heal: Callable[[], Awaitable[None]] | None = None
    refuse: Callable[[], Awaitable[None]] | None = None
    tell: Callable[[bytes, Sequence[Address]], Awaitable[None]] | None = None
    noise: Callable[[bytes], Awaitable[None]] | None = None
    forgotten_after_s: float | None = None


MakeWorld = Callable[[], AbstractAsyncContextManager[World]]


class Lacking(Exception):
    """A world cannot do what a check needs."""


def needed(ability: T | None) -> T:
    """An ability of a world, or else the check is skipped."""
    if ability is None:
        raise Lacking
    return ability


def demand(holds: bool, rule: str) -> None:
    """Raises NotConformingSource with the rule if it does not hold."""
    if not holds:
        raise NotConformingSource(rule)


async def announce(member: Member, topic: bytes, port: int) -> None:
    """Announces, on the member's own host."""
    with member.on():
        await member.source.announce(topic, port)


async def withdraw(member: Member, topic: bytes) -> None:
    """Withdraws, on the member's own host."""
    with member.on():
        await member.source.withdraw(topic)


async def look_up(member: Member, topic: bytes, at_most: int = 10 * MAX_FOUND) -> list[Found]:
    """Looks a topic up on the member's own host, and checks each that it gives."""
    found: list[Found] = []
    with member.on():
        async with contextlib.aclosing(member.source.lookup(topic)) as lookup:
            async for each in lookup:
                _check_found(member, each)
                found.append(each)
                if len(found) == at_most:
                    break
    addresses = [each.address for each in found]
    demand(len(set(addresses)) == len(addresses), f"rule 4: a lookup gave an address twice: {addresses}")
    demand(len(found) <= MAX_FOUND, f"rule 6: a lookup gave more than {MAX_FOUND} addresses")
    return found


def _check_found(member: Member, found: Found) -> None:
    demand(isinstance(found, Found), f"a lookup gave {found!r}, which is no Found")
    name = member.source.name
    demand(found.source == name, f"a Found of the source {name!r} says that it is of {found.source!r}")
    host, port = found.address
    demand(0 < port <= MAX_PORT, f"rule 6: a lookup gave the port {port}")
    demand(scope_of(host) is not Scope.NOWHERE, f"rule 6: a lookup gave {host}, and no peer can be there")


async def finds(member: Member, topic: bytes, address: Address) -> bool:
    """Whether a lookup gives an address, sooner or later: there are `TRIES`."""
    for tries in range(TRIES):
        if tries:
            await asyncio.sleep(BETWEEN_TRIES_S)
        if address in [found.address for found in await look_up(member, topic)]:
            return True
    return False


async def raises(kinds: tuple[type[Exception], ...], doing: Awaitable[Any], what: str) -> None:
    """Demands that something raises an error of one of these kinds."""
    names = " or ".join(kind.__name__ for kind in kinds)
    try:
        result = await doing
    except kinds:
        return
    except NotConformingSource:
        raise
    except Exception as error:
        raise NotConformingSource(f"{what} raised {error!r}, not {names}") from error
    raise NotConformingSource(f"{what} gave {str(result)[:60]!r} and should have raised {names}")


@asynccontextmanager
async def opened(members: Sequence[Member]) -> AsyncIterator[None]:
    """Enters the blocks of sources, each on its own host, and leaves them."""
    async with contextlib.AsyncExitStack() as stack:
        for member in members:
            with member.on():
                await member.source.__aenter__()
            stack.push_async_callback(_left, member)
        yield


async def _left(member: Member) -> None:
    with member.on():
        await member.source.__aexit__(None, None, None)


def begun(member: Member, doing: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """Begins something in the background, on the member's own host."""
    with member.on():
        return asyncio.ensure_future(doing)


async def ended(task: asyncio.Task[Any]) -> BaseException | None:
    """Waits for the end of a task, and gives what it raised."""
    await asyncio.wait([task])
    return asyncio.CancelledError() if task.cancelled() else task.exception()
