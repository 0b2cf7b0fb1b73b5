"""Which host a piece of code runs on: a context variable, so that tasks and callbacks inherit it.

Vocabulary: an *incarnation* is one life of a host, from its start to its crash or end. A host that restarts
has a new incarnation; what belonged to the old one never runs again.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from p2plib.errors import UsageError

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from p2plib.sim.clock.handles import SimHandle
    from p2plib.sim.host import Host
    from p2plib.sim.sockets.opened import Opened


class Incarnation:
    """One life of a host.

    Args:
        host: the host that lives it.

    Attributes:
        alive: whether its code runs.
        descriptors: the open sockets of its programs, by number.
        ended: futures of those that wait for its end.
        signals: what is called for each signal, by number.
        exception_handler: what its programs have set with `loop.set_exception_handler`; None for nothing.
        has_programs: whether its programs were started; False on a machine that stays up after its programs
            were killed.
        is_stopping: whether `Host.stop` has sent its programs SIGTERM.
        task_factory: what its programs have set with `loop.set_task_factory`; None for nothing.
    """

    __slots__ = (
        "alive", "descriptors", "ended", "exception_handler", "has_programs", "host", "is_stopping",
        "signals", "task_factory",
    )  # fmt: skip

    def __init__(self, host: Host, *, has_programs: bool = True) -> None:
        self.host, self.alive, self.has_programs = host, True, has_programs
        self.ended: dict[asyncio.Future[None], None] = {}
        self.signals: dict[int, SimHandle] = {}
        self.exception_handler: Callable[[asyncio.AbstractEventLoop, dict[str, Any]], object] | None = None
        self.is_stopping = False
        self.task_factory: Any = None
        self.descriptors: dict[int, Opened] = {}


CURRENT: ContextVar[Incarnation | None] = ContextVar("p2plib.sim.incarnation", default=None)


def current_host() -> Host:
    """Return the host on which the calling code runs.

    Raises:
        UsageError: it runs on none: it is the program that watches over the whole internet.
    """
    incarnation = CURRENT.get()
    if incarnation is None:
        raise UsageError("this runs on no host: write `with host:` around it, or start it with `host.start`")
    return incarnation.host
