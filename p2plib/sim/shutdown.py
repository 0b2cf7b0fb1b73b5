"""The end of a run: programs are cancelled, what is under way arrives, and what is left then is a leak.

A connection whose other end has gone without a word, in a crash or behind a cut, is not the fault of the
program that still waits for it. It ends as if the other machine had come back and sent a RST, and what is
left after that is a leak. What programs raise at this late RST is not reported: in the run itself none came.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
from typing import TYPE_CHECKING, Any

from p2plib.errors import Leak, TimeLimit, Unsupported
from p2plib.sim.clock.places import TOLD_AT_MOST, callback_place, is_asyncios, waiting_at
from p2plib.sim.current import CURRENT, Incarnation
from p2plib.sim.failures import note_unasked_tasks, sentence, tell_causes, who

if TYPE_CHECKING:
    from p2plib.sim.clock.loop import SimLoop
    from p2plib.sim.internet import Internet
    from p2plib.sim.tcp.endpoint import TcpEndpoint

SETTLE_S, LOOK_EVERY_S = 10.0, 0.25  # how long connections may take to close after the end, in virtual time


def finish(net: Internet) -> list[str]:
    """End a run: cancel programs, let the network settle, and clear up.

    Returns:
        What was left, and what handlers raised, one sentence each.
    """
    loop = net.loop
    began_s = loop.time()
    loop.lift_limits()
    for host in net.hosts.values():
        host.end_programs()
    loop.run_while(_always, until=began_s)
    _settle(net, began_s)
    note_unasked_tasks(loop)
    raised = len(loop.raised)
    if half_open := _half_open(net):
        for end in half_open:
            end.cut_off()
        _settle(net, loop.time())
        del loop.raised[raised:]
    left = _left(net)
    leaks = [*map(sentence, loop.raised), *(words for words, _ in left)]
    _clear(net, left)
    return leaks


def _settle(net: Internet, began_s: float) -> None:
    for look in range(1, round(SETTLE_S / LOOK_EVERY_S) + 1):
        if not _left(net):
            break
        net.loop.run_while(_always, until=began_s + look * LOOK_EVERY_S)


def _half_open(net: Internet) -> list[TcpEndpoint]:
    """Return the connections whose other end is gone or was closed, and that have not heard so."""
    ends = [end for host in net.hosts.values() for end in host.tcp.values()]
    others = {end.machine.numbers[::-1]: end for end in ends}

    def has_lost_the_other(end: TcpEndpoint) -> bool:
        other = others.get(end.machine.numbers)
        return other is None or (other.was_closed and not end.unread)  # what is unread may hold up the FIN

    return [end for end in ends if end.expects_more and has_lost_the_other(end)]


def leak_error(net: Internet) -> Leak:
    """Return the error that lists the leaks of a run; its cause is the first thing that a handler raised."""
    more = f"; and {len(net.leaks) - TOLD_AT_MOST} more" if len(net.leaks) > TOLD_AT_MOST else ""
    error = Leak("; ".join(net.leaks[:TOLD_AT_MOST]) + more)
    causes = [raised.context.get("exception") for raised in net.loop.raised]
    error.__cause__ = next((cause for cause in causes if cause is not None), None)
    return error


def _left(net: Internet) -> list[tuple[str, Any]]:
    """Return what is left: a sentence and the thing itself, in the order in which the things were made."""
    left: list[tuple[str, Any]] = []
    for task, incarnation in list(net.loop.tasks.items()):
        if not task.done() and (incarnation is None or incarnation.alive):
            left.append((f"{who(incarnation)} left a task at {waiting_at(task)}", task))
    for host in net.hosts.values():
        connections = [connection for connection in host.tcp.values() if connection.is_open]
        things = [*host.ports.endpoints, *host.listening.values(), *connections]
        left.extend((f"{host.name} left {thing.what_it_is()}", thing) for thing in dict.fromkeys(things))
    for timer in net.loop.timers():
        incarnation = timer._context.get(CURRENT)
        if (incarnation is None or incarnation.alive) and not is_asyncios(timer._callback):
            left.append((f"{who(incarnation)} left a timer for {callback_place(timer._callback)}", timer))
    return left


def abandon(net: Internet, error: BaseException) -> list[str]:
    """End a run that has failed, at once, and add to its error what had gone wrong before.

    Returns:
        What handlers, programs and background tasks had raised, one sentence each.
    """
    loop = net.loop
    note_unasked_tasks(loop)
    tell_causes(loop, error)
    raised = [sentence(one) for one in loop.raised]
    loop.lift_limits()
    _clear(net, _left(net))
    return raised


def _clear(net: Internet, left: list[tuple[str, Any]]) -> None:
    """Take away what is left, so that nothing reaches into the next run or the interpreter's end."""
    loop = net.loop
    tasks = [thing for _, thing in left if isinstance(thing, asyncio.Task)]
    for _, thing in left:
        if isinstance(thing, asyncio.Task | asyncio.Handle):
            thing.cancel()
        else:
            thing.vanish()
    with contextlib.suppress(TimeLimit, Unsupported):  # what spins, or calls from a thread, is removed below
        loop.run_while(_always, until=loop.time())
    _take_apart(loop, [*loop.frozen, *(task for task in tasks if not task.done())])
    loop.frozen.clear()
    for host in net.hosts.values():
        host.forget_programs()
        for connection in list(host.tcp.values()):
            connection.vanish()  # closed by its program, and TCP is still trying to tell the other end
    if loop.has_generators():
        loop.run_until_complete(loop.shutdown_asyncgens())


def _take_apart(loop: SimLoop, tasks: list[asyncio.Task[Any]]) -> None:
    """Close the coroutines of tasks that never run again.

    Their `finally` runs on a simulated machine that is off, for outside of the loop it would find the real
    machine and its network. What it starts never runs.
    """
    before = dict(loop.tasks)
    with loop.set_as_running():
        for task in tasks:
            _close(loop, task)
        for task in [task for task in loop.tasks if task not in before]:
            _close(loop, task)
    loop.forget_what_is_due()


def _close(loop: SimLoop, task: asyncio.Task[Any]) -> None:
    task._log_destroy_pending = False  # type: ignore[attr-defined]  # it never runs again, and we know
    incarnation = loop.tasks.pop(task, None)
    if incarnation is not None and incarnation.alive:
        incarnation = Incarnation(incarnation.host)
        incarnation.alive = False
    context, coroutine = contextvars.copy_context(), task.get_coro()
    context.run(CURRENT.set, incarnation)
    with contextlib.suppress(Exception):
        context.run(coroutine.close)


def _always() -> bool:
    return True
