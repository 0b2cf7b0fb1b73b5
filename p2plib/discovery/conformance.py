"""What every `Source` must do, as a suite that anybody can run over an implementation of their own.

::

    from p2plib.discovery.worlds import Member, World

    @asynccontextmanager
    async def make_world():               # fresh sources that can find each other, taken down at the end
        yield World([Member(ana, "192.0.2.1"), Member(ben, "192.0.2.2")], cut=..., heal=...)

    await check_source(make_world)

Each check is named after the rule of `p2plib.discovery.source` that it checks, and takes a fresh world. What
breaks a rule raises `NotConformingSource`, with the name of the check and what happened. What a world cannot
do, such as to lie, is left out of it, and the checks that need it are skipped.

It runs in the simulated internet and on real sockets. On real sockets, give sources that wait for seconds
where they would wait for minutes, because a check that nobody answers waits as long as its source does.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any

from p2plib.discovery.source import MAX_FOUND, topic_of
from p2plib.discovery.worlds import (
    Lacking,
    MakeWorld,
    NotConformingSource,
    World,
    announce,
    begun,
    demand,
    ended,
    finds,
    look_up,
    needed,
    opened,
    raises,
    withdraw,
)
from p2plib.errors import Closed, PeerTimeout, RequestRefused, Unreachable, UsageError
from p2plib.machine.addresses import MAX_PORT, Address

TIMEOUT_S = 600.0  # for one check; in virtual time it costs nothing, and on real sockets give less
PAUSES_S = (0.0, 0.001, 0.01, 0.05, 0.1, 0.3, 1.0)  # how long a call has run when it is cancelled
MAX_STEPS = 12  # of the event loop, after each of which a call is cancelled as well
# How long a call has run alone when the next is made, and whether what it said in that time is lost.
LAGS = ((0.0, False), (0.05, False), (0.05, True))
NOBODY = (PeerTimeout, Unreachable)  # the two ways to say that nobody was reached
TOLD = (*NOBODY, RequestRefused)  # all that a source may raise about others

CATS, DOGS, NONE = topic_of("cats of Lisbon"), topic_of("dogs of Porto"), topic_of("nobody has this")

# What no source may give: no peer can be there. Strangers say it all the same.
LIES: list[Address] = [
    ("0.0.0.0", 4000),
    ("224.0.0.251", 5353),
    ("255.255.255.255", 4000),
    ("169.254.7.7", 4000),
    ("192.0.2.77", 0),
]
NOISE = [b"", b"\x00", b"d1:a", b"\xff" * 40, b"l" * 300, bytes(range(256)) * 4, b"GET / HTTP/1.1\r\n\r\n"]


async def check_rule_1_a_block_that_does_nothing(world: World) -> None:
    async with opened(world.members):
        pass


async def check_rule_1_a_block_that_fails_while_calls_wait(world: World) -> None:
    member = world.members[0]

    async def fails() -> None:
        async with member.source:
            calls.extend([begun(member, look_up(member, NONE)), begun(member, look_up(member, CATS))])
            if world.can_announce:
                calls.append(begun(member, announce(member, CATS, 4001)))
            await asyncio.sleep(0.001)
            raise KeyError("of the block")

    async with opened(world.members[1:]):
        calls: list[asyncio.Task[Any]] = []
        await raises((KeyError,), begun(member, fails()), "an error in the block")
        for call in calls:
            error = await ended(call)
            demand(
                error is None or isinstance(error, (Closed, *TOLD)),
                f"a call that waited when its block was left raised {error!r}, not Closed",
            )


async def check_rule_2_announced_is_found(world: World) -> None:
    if not world.can_announce:
        raise Lacking
    ana, ben, *_ = world.members
    async with opened(world.members):
        await announce(ana, CATS, 4001)
        for other in world.members[1:]:
            demand(await finds(other, CATS, (ana.host, 4001)), "who has announced is not found")
        await announce(ben, CATS, 4002)
        demand(
            await finds(ana, CATS, (ben.host, 4002)), "the second that announced is not found by the first"
        )


async def check_rule_2_topics_are_kept_apart(world: World) -> None:
    if not world.can_announce:
        raise Lacking
    ana, ben, *_ = world.members
    async with opened(world.members):
        await announce(ana, CATS, 4001)
        await announce(ana, DOGS, 4002)
        demand(await finds(ben, DOGS, (ana.host, 4002)), "the second topic of a peer is not found")
        found = [each.address for each in await look_up(ben, CATS)]
        demand((ana.host, 4002) not in found, "a lookup gave what was announced for another topic")
        await withdraw(ana, DOGS)
        demand(await finds(ben, CATS, (ana.host, 4001)), "withdrawing a topic took another with it")


async def check_rule_2_a_new_port(world: World) -> None:
    if not world.can_announce:
        raise Lacking
    ana, ben, *_ = world.members
    async with opened(world.members):
        await announce(ana, CATS, 4001)
        await announce(ana, CATS, 4009)
        demand(await finds(ben, CATS, (ana.host, 4009)), "announced again, and the new port is not found")
        if world.forgotten_after_s is not None:
            await asyncio.sleep(3 * world.forgotten_after_s)
            found = [each.address for each in await look_up(ben, CATS)]
            demand((ana.host, 4001) not in found, "the port before the last is still renewed")


async def check_rule_2_it_is_renewed_until_withdrawn(world: World) -> None:
    forgotten_after_s = needed(world.forgotten_after_s)
    ana, ben, *_ = world.members
    async with opened(world.members):
        await announce(ana, CATS, 4001)
        await asyncio.sleep(3.2 * forgotten_after_s)
        demand(await finds(ben, CATS, (ana.host, 4001)), "what was announced was not renewed in time")
        await withdraw(ana, CATS)
        await asyncio.sleep(3 * forgotten_after_s)
        found = [each.address for each in await look_up(ben, CATS)]
        demand((ana.host, 4001) not in found, "what was withdrawn is still renewed")


async def check_rule_2_the_last_call_counts(world: World) -> None:
    if not world.can_announce:
        raise Lacking
    ana, ben, *_ = world.members
    async with opened(world.members):
        last: dict[bytes, list[Address]] = {}  # what the last call for each topic has announced
        for lag_s, is_lost in LAGS:
            if is_lost and not (world.cut and world.heal):
                continue
            overlap = partial(_overlap, world, lag_s, is_lost)
            topic, other = (topic_of(f"{what}, {lag_s} {is_lost}") for what in ("announced", "withdrawn"))
            await overlap(announce(ana, topic, 4001), announce(ana, topic, 4002))
            await overlap(withdraw(ana, topic), announce(ana, topic, 4003))
            await overlap(announce(ana, other, 4001), withdraw(ana, other))
            last |= {topic: [(ana.host, 4003)], other: []}
            demand(await finds(ben, topic, (ana.host, 4003)), "what the last call announced is not found")
        if world.forgotten_after_s is not None:
            await asyncio.sleep(3 * world.forgotten_after_s)
            for topic, addresses in last.items():
                for address in addresses:
                    demand(await finds(ben, topic, address), "what the last call announced is not renewed")
                others = {each.address for each in await look_up(ben, topic)} - {*addresses}
                demand(not others, f"{others} is renewed, where the last call left {addresses}")


async def _overlap(
    world: World,
    lag_s: float,
    is_lost: bool,
    first: Coroutine[Any, Any, None],
    second: Coroutine[Any, Any, None],
) -> None:
    """Makes two calls of the first member, the second while the first waits.

    Args:
        world: the world.
        lag_s: how long the first runs alone, in seconds.
        is_lost: whether what the first says in that time is lost, so that it is said again, after the second
            has spoken.
        first: a call.
        second: a call.
    """
    ana = world.members[0]
    if is_lost:
        await needed(world.cut)()
    earlier = begun(ana, first)
    await asyncio.sleep(lag_s)
    if is_lost:
        await needed(world.heal)()
    later = begun(ana, second)
    error = await ended(earlier)
    is_usual = error is None or isinstance(error, TOLD)
    demand(is_usual, f"a call that another may have overtaken raised {error!r}")
    error = await ended(later)
    demand(error is None, f"the last of calls that overlap raised {error!r}")


async def check_rule_2_withdraw_raises_nothing(world: World) -> None:
    ana = world.members[0]
    async with opened(world.members):
        await withdraw(ana, NONE)
        if world.can_announce:
            await announce(ana, CATS, 4001)
        await withdraw(ana, CATS)
        await withdraw(ana, CATS)
        if world.can_announce and world.cut:
            await announce(ana, DOGS, 4002)
            await world.cut()
            await withdraw(ana, DOGS)


async def check_rule_2_what_cannot_be_announced(world: World) -> None:
    ana = world.members[0]
    async with opened(world.members):
        if not world.can_announce:
            await raises((RequestRefused,), announce(ana, CATS, 4001), "announcing where nobody can")
        for port in (0, -1, MAX_PORT + 1):
            await raises((UsageError,), announce(ana, CATS, port), f"announcing the port {port}")
        for topic in (b"", b"cats", CATS + b"!"):
            await raises((UsageError,), announce(ana, topic, 4001), f"announcing {topic!r}")
            await raises((UsageError,), look_up(ana, topic), f"looking up {topic!r}")


async def check_rule_3_nobody_is_reached(world: World) -> None:
    cut = needed(world.cut)
    ana = world.members[0]
    async with opened(world.members):
        await cut()
        if world.silence_is_an_answer:
            with contextlib.suppress(*NOBODY):
                demand(not await look_up(ana, CATS), "a lookup found somebody where nobody is reached")
            return
        await raises(NOBODY, look_up(ana, CATS), "a lookup that reaches nobody")
        if world.can_announce:
            await raises(NOBODY, announce(ana, CATS, 4001), "an announce that reaches nobody")


async def check_rule_3_what_failed_may_be_tried_again(world: World) -> None:
    cut, heal = needed(world.cut), needed(world.heal)
    if not world.can_announce:
        raise Lacking
    ana, ben, *_ = world.members
    async with opened(world.members):
        await cut()
        for doing in (look_up(ana, CATS), announce(ana, CATS, 4001), look_up(ben, CATS)):
            with contextlib.suppress(*NOBODY):
                await doing
        await heal()
        with contextlib.suppress(*NOBODY):
            await announce(ana, CATS, 4001)  # it may be the first to notice that its connection is dead
        await announce(ana, CATS, 4001)
        demand(await finds(ben, CATS, (ana.host, 4001)), "not found after the network came back")


async def check_rule_3_a_clear_no(world: World) -> None:
    refuse = needed(world.refuse)
    ana = world.members[0]
    async with opened(world.members):
        await refuse()
        await raises((RequestRefused,), look_up(ana, CATS), "a lookup that is refused")
        if world.can_announce:
            await raises((RequestRefused,), announce(ana, CATS, 4001), "an announce that is refused")


async def check_rule_4_lookups_at_once(world: World) -> None:
    ana, ben, *_ = world.members
    async with opened(world.members):
        if world.can_announce:
            await announce(ana, CATS, 4001)
        elif world.tell:
            await world.tell(CATS, [(ana.host, 4001)])
        for _ in range(2):
            lookups = [begun(ben, look_up(ben, topic)) for topic in (CATS, NONE, CATS, DOGS, CATS)]
            results = await asyncio.gather(*lookups)
            demand(not results[1] and not results[3], "lookups at the same time got each other's results")
            if world.can_announce or world.tell:
                found = [each.address for each in results[0] + results[2] + results[4]]
                demand((ana.host, 4001) in found, "of several lookups at once, none found the peer")


async def check_rule_5_nothing_found_is_an_answer(world: World) -> None:
    async with opened(world.members):
        for member in world.members:
            found = await look_up(member, NONE)
            demand(not found, f"a lookup for what nobody has gave {found}")


async def check_rule_6_lies_are_filtered(world: World) -> None:
    tell = needed(world.tell)
    ana = world.members[0]
    async with opened(world.members):
        true = (world.members[1].host, 4005)
        await tell(CATS, [*LIES, true, true])
        demand(await finds(ana, CATS, true), "a true address among false ones is not found")
        demand(ana.source.ignored.total() > 0, "what was dropped is not counted in `ignored`")


async def check_rule_6_a_flood_is_bounded(world: World) -> None:
    tell = needed(world.tell)
    ana = world.members[0]
    host = world.members[1].host
    async with opened(world.members):
        await tell(CATS, [(host, 2000 + number) for number in range(3 * MAX_FOUND)])
        with contextlib.suppress(*TOLD):  # so long an answer may itself be refused
            await look_up(ana, CATS)


async def check_rule_7_noise(world: World) -> None:
    noise = needed(world.noise)
    ana, ben, *_ = world.members
    async with opened(world.members):
        calls: list[asyncio.Task[Any]] = [begun(ana, look_up(ana, CATS)), begun(ben, look_up(ben, DOGS))]
        if world.can_announce:
            calls.append(begun(ana, announce(ana, CATS, 4001)))
        for raw in NOISE:
            await noise(raw)
            await asyncio.sleep(0.01)
        for call in calls:
            error = await ended(call)
            demand(
                error is None or isinstance(error, TOLD), f"what strangers sent made a call raise {error!r}"
            )
        if world.can_announce:
            await announce(ana, CATS, 4001)
            demand(await finds(ben, CATS, (ana.host, 4001)), "not found after strangers had made noise")


async def check_rule_8_a_lookup_may_be_left(world: World) -> None:
    ana, ben, *_ = world.members
    async with opened(world.members):
        if world.can_announce:
            await announce(ana, CATS, 4001)
        elif world.tell:
            await world.tell(CATS, [(ana.host, 4001)])
        for _ in range(3):
            await look_up(ben, CATS, at_most=1)
        if world.can_announce or world.tell:
            demand(await finds(ben, CATS, (ana.host, 4001)), "not found after lookups that were left early")


async def check_rule_8_calls_may_be_cancelled(world: World) -> None:
    ana, ben, *_ = world.members
    calls: list[Callable[[], Coroutine[Any, Any, Any]]] = [lambda: look_up(ana, CATS)]
    if world.can_announce:
        calls += [lambda: announce(ana, CATS, 4001), lambda: withdraw(ana, CATS)]
    async with opened(world.members):
        for call in calls:
            for steps in range(MAX_STEPS):
                await _cancelled(begun(ana, call()), steps, 0.0)
            for pause_s in PAUSES_S:
                await _cancelled(begun(ana, call()), 0, pause_s)
        if world.can_announce:
            await announce(ana, CATS, 4003)
            demand(await finds(ben, CATS, (ana.host, 4003)), "not found after calls that were cancelled")


async def check_rule_8_what_was_cancelled_can_be_withdrawn(world: World) -> None:
    forgotten_after_s = needed(world.forgotten_after_s)
    ana, ben, *_ = world.members
    async with opened(world.members):
        for steps in range(MAX_STEPS):
            if steps % 2:
                await announce(ana, CATS, 4001)
            await _cancelled(begun(ana, announce(ana, CATS, 4002)), steps, 0.0)
            await _cancelled(begun(ana, withdraw(ana, CATS)), steps // 2, 0.0)
            await withdraw(ana, CATS)
        await asyncio.sleep(3 * forgotten_after_s)
        found = [each.address for each in await look_up(ben, CATS)]
        demand(
            (ana.host, 4001) not in found, "what was announced before a call that was cancelled is renewed"
        )
        demand((ana.host, 4002) not in found, "what an announce that was cancelled announced is renewed")


async def _cancelled(task: asyncio.Task[Any], steps: int, pause_s: float) -> None:
    """Cancels a call after some steps of the loop and some time."""
    for _ in range(steps):
        await asyncio.sleep(0)
    await asyncio.wait([task], timeout=pause_s)
    task.cancel()
    error = await ended(task)
    demand(
        error is None or isinstance(error, (asyncio.CancelledError, *TOLD)),
        f"a call that was cancelled raised {error!r}",
    )


async def check_rule_9_after_the_block(world: World) -> None:
    ana = world.members[0]
    async with opened(world.members):
        pass
    await raises((Closed,), look_up(ana, CATS), "a lookup after the block")
    await raises((Closed,), announce(ana, CATS, 4001), "an announce after the block")
    await raises((Closed,), withdraw(ana, CATS), "a withdraw after the block")


Check = Callable[[World], Awaitable[None]]
CHECKS: list[Check] = [value for name, value in list(globals().items()) if name.startswith("check_rule_")]


async def run_check(check: Check, make_world: MakeWorld, *, timeout_s: float = TIMEOUT_S) -> bool:
    """Runs one check over a fresh world.

    Args:
        check: one of `CHECKS`.
        make_world: as for `check_source`.
        timeout_s: how long it may take.

    Returns:
        Whether the world could do what the check needs; False if the check was skipped.

    Raises:
        NotConformingSource: the source breaks the rule, or leaves a task behind.
    """
    name, before = check.__name__, asyncio.all_tasks()
    could = True
    try:
        async with asyncio.timeout(timeout_s):
            async with make_world() as world:
                try:
                    await check(world)
                except Lacking:
                    could = False
    except TimeoutError:
        raise NotConformingSource(f"{name}: still waiting after {timeout_s:g} s") from None
    except NotConformingSource as error:
        raise NotConformingSource(f"{name}: {error}") from error
    except Exception as error:
        raise NotConformingSource(f"{name}: raised {error!r}") from error
    finally:
        left = asyncio.all_tasks() - before
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left)
    demand(not left, f"{name}: rule 1: {len(left)} tasks were left behind: {left}")
    return could


async def check_source(make_world: MakeWorld, *, timeout_s: float = TIMEOUT_S) -> list[str]:
    """Runs every check, each over a fresh world.

    Args:
        make_world: called for each check; gives an async context manager of a `World` whose sources are not
            entered. What it starts must be gone when the block is left.
        timeout_s: how long a check may take.

    Returns:
        The names of the checks that were skipped, because the world could not do what they need.

    Raises:
        NotConformingSource: at the first rule that is broken.
    """
    return [check.__name__ for check in CHECKS if not await run_check(check, make_world, timeout_s=timeout_s)]
