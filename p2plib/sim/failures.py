"""What went wrong in a run before it failed: added to the error that comes out, the earliest first.

A client that is refused, or a main program that waits in vain, is often a consequence: something was raised
earlier in a server on another host, and nobody saw it. So whatever handlers, programs and background tasks
raised is reported.

Rules:

* An error in a group is reported by itself, with its own place: what matters is inside.
* A background task that raised and was never awaited is reported too, even if something still holds it.
* The first one becomes the cause of the error that ended the run, unless the two are linked already.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from p2plib.sim.clock.places import TOLD_AT_MOST, raised_at

if TYPE_CHECKING:
    from p2plib.sim.clock.exceptions import Raised
    from p2plib.sim.clock.loop import SimLoop
    from p2plib.sim.current import Incarnation

NEVER_ASKED = "Task exception was never retrieved"  # asyncio's own words for it


def who(incarnation: Incarnation | None) -> str:
    """Return the name of the host that something happened on."""
    return "the main program" if incarnation is None else incarnation.host.name


def sentence(raised: Raised) -> str:
    """Describe what was raised in one sentence: the host, what happened, the error and its place."""
    error = raised.context.get("exception")
    what = f"{who(raised.incarnation)}: {raised.context.get('message', 'something went wrong')}"
    if error is None:
        return f"{what}: None"
    return f"{what}: {'; '.join(f'{leaf!r}{raised_at(leaf)}' for leaf in leaves(error))}"


def leaves(error: BaseException) -> Iterator[BaseException]:
    """Yield the errors in a group, however deep; of another error, itself."""
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from leaves(inner)
    else:
        yield error


def note_unasked_tasks(loop: SimLoop) -> None:
    """Note the background tasks of living hosts that raised, and whose result nobody asked for.

    asyncio itself reports them only when the task is garbage-collected, which never happens while something
    holds it.
    """
    for task, incarnation in list(loop.tasks.items()):
        lives = incarnation is None or incarnation.alive
        if lives and task.done() and getattr(task, "_log_traceback", False):
            if isinstance(task.exception(), SystemExit):
                continue  # that was reported when it happened
            unasked = {"message": NEVER_ASKED, "exception": task.exception(), "task": task}
            loop.call_exception_handler(unasked)


def tell_causes(loop: SimLoop, error: BaseException) -> None:
    """Add to the error that ended a run what had gone wrong before it."""
    own = list(leaves(error))
    before = [raised for raised in loop.raised if not _is_among(raised.context.get("exception"), own)]
    for number, raised in enumerate(before[:TOLD_AT_MOST]):
        order = "what went wrong first" if number == 0 else "then"
        error.add_note(f"{order}, at {raised.at_s:.6g} s: {sentence(raised)}")
    if len(before) > TOLD_AT_MOST:
        error.add_note(f"and {len(before) - TOLD_AT_MOST} more: see `leaks` of the internet")
    first = next((cause for raised in before if (cause := raised.context.get("exception"))), None)
    if first is not None:
        _set_cause(error, first)


def _is_among(error: BaseException | None, others: list[BaseException]) -> bool:
    return error is not None and all(any(leaf is other for other in others) for leaf in leaves(error))


def _set_cause(error: BaseException, cause: BaseException) -> None:
    """Put *cause* at the far end of the chain of causes of *error*; nowhere if they share a part of it."""
    origins = list(_chain(error))
    if not any(one is other for one in origins for other in _chain(cause)):
        origins[-1].__cause__ = cause


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: list[BaseException] = []
    following: BaseException | None = error
    while following is not None and not any(following is before for before in seen):
        yield following
        seen.append(following)
        following = following.__cause__ or (None if following.__suppress_context__ else following.__context__)
