"""Dialling: one connection out of several addresses of a peer ("Happy Eyeballs", RFC 8305). A driver.

A peer is known by many addresses: in its house, at its router, in both families. Most of them do not work
from here, and one that does not answer takes ten seconds to say so.

Rules
    1. Attempts begin in the order given, each `STAGGER_S` after the one before, or once that has failed.
    2. The first connection that is made is taken. The other attempts are cancelled, and what they had come to
       by then is closed.
    3. If all fail, the error is that of the only one, or one that says of each why it failed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

from p2plib.errors import P2PError, Unreachable
from p2plib.protocol.connection import Connection

STAGGER_S = 0.25  # RFC 8305's advice

Attempt = Callable[[], Coroutine[Any, Any, Connection]]


async def first_of(
    attempts: Mapping[str, Attempt],
    problems: Mapping[str, P2PError] | None = None,
    *,
    stagger_s: float = STAGGER_S,
) -> Connection:
    """The first connection that is made.

    Args:
        attempts: what to try, by the address.
        problems: why other addresses are not tried, to be said as well if all fail.
        stagger_s: how long to wait for one before the next is tried too, in seconds.

    Raises:
        Unreachable: all failed; if there was only one address, its own error instead.
    """
    loop = asyncio.get_running_loop()
    waiting, running = dict(attempts), dict[asyncio.Task[Connection], str]()
    failed = dict(problems or {})
    try:
        while waiting or running:
            if waiting:
                name = next(iter(waiting))
                running[loop.create_task(waiting.pop(name)())] = name
            done, _ = await asyncio.wait(
                running, timeout=stagger_s if waiting else None, return_when=asyncio.FIRST_COMPLETED
            )
            for task in [each for each in running if each in done]:
                name = running.pop(task)
                try:
                    return task.result()
                except P2PError as error:
                    failed[name] = error
    finally:
        await _give_up(list(running))
    raise _why_not(failed)


async def _give_up(attempts: Sequence[asyncio.Task[Connection]]) -> None:
    for task in attempts:
        task.cancel()
    if attempts:
        await asyncio.wait(attempts)
    for task in attempts:
        if not task.cancelled() and task.exception() is None:
            await task.result().close("another address answered sooner")


def _why_not(problems: Mapping[str, P2PError]) -> P2PError:
    """Rule 3."""
    if len(problems) == 1:
        return next(iter(problems.values()))
    said = "; ".join(f"{name}: {error}" for name, error in problems.items())
    return Unreachable(f"none of the {len(problems)} addresses worked: {said}")
