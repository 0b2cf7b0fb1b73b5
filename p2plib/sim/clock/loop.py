"""An asyncio event loop over virtual time: no real waiting, and the same program does the same every time.

Rules:

* There are two places for what is to be done: `ready` holds callbacks for now, first in, first out, and a
  heap holds events for later, ordered by time and then by when they were put there. The loop empties `ready`,
  takes the first event off the heap, sets the clock to its time, and does it. So the clock jumps from event
  to event, and never goes back.
* Which host a callback belongs to is in its context (`p2plib.sim.current`). If the machine has crashed in the
  meantime, the callback is dropped: after a power cut nothing runs, not even a `finally`.
* Python's garbage collector runs at fixed numbers of events and at no other time: what it takes apart, and
  what that sets off, is the same in every run. (It also costs less: every packet is an object.)
* Blocking work given to an executor is done at once, and takes no virtual time. Other threads do not repeat:
  one that calls the loop ends the run.
* A timer for now is due now, or a microsecond later (`p2plib.sim.clock.at_once`).
* A million events without a step of the clock are an endless loop at one instant. They are counted where the
  collector runs, so that it costs nothing.
* What a simulated internet cannot have raises `Unsupported`, with a sentence on what to do instead.

Vocabulary: an *event* is (time, order, function, argument); a *handle* is what `call_soon` and `call_later`
return, as in asyncio.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import gc
import sys
import weakref
from asyncio import events
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from heapq import heapify, heappop, heappush
from itertools import count
from typing import Any, TypeVar

from p2plib.errors import Deadlock, Livelock, TimeLimit, UsageError
from p2plib.sim.clock.at_once import AtOnce
from p2plib.sim.clock.exceptions import ExceptionCalls
from p2plib.sim.clock.handles import SimHandle, SimTimer
from p2plib.sim.clock.places import describe_spinning, describe_waiting
from p2plib.sim.clock.signals import SignalCalls
from p2plib.sim.clock.threads import Threads
from p2plib.sim.current import CURRENT, Incarnation
from p2plib.sim.sockets import refused

T = TypeVar("T")
Event = tuple[float, int, Callable[[Any], object], Any]

LAST_S = sys.float_info.max  # what is due later, as in `asyncio.sleep(math.inf)`, never happens
COLLECT_EVERY = 1_000_000  # events between two rounds of Python's garbage collector
CANCELLED_SHARE = 0.5  # sweep the heap once half of it is cancelled timers
SWEEP_FROM = 1000  # and only when that is worth the walk


class SimLoop(SignalCalls, ExceptionCalls, refused.RefusedCalls, asyncio.AbstractEventLoop):  # type: ignore[misc]  # it refuses
    """An event loop over virtual time. `Internet` makes one and gives it a network.

    Args:
        max_events: how many events a run may take before it is stopped as endless; None for no limit.
    """

    def __init__(self, max_events: int | None = None) -> None:
        super().__init__()
        self.now = 0.0  # virtual seconds since the internet began: read it, or call `time`
        self._ready: deque[SimHandle] = deque()
        self._heap: list[Event] = []
        self._next_order = count().__next__
        self._fires = self._fire  # of every timer on the heap, and of nothing else there
        self._unwanted = 0  # cancelled timers that are still on the heap
        self._running = self._closed = self._stopping = False
        self._debug, self.slow_callback_duration = False, 0.1  # of asyncio, and without effect
        self._task_factory: Any = None
        self._generators = weakref.WeakKeyDictionary[AsyncGenerator[Any, Any], None]()  # in order
        self.tasks = weakref.WeakKeyDictionary[asyncio.Task[Any], Incarnation | None]()
        self.max_events = max_events
        self.events = 0  # how many were done so far
        self._interrupted = False
        self._next_collection = COLLECT_EVERY
        self._last_event: float = float("inf")  # number of the event after which a run is stopped
        self.time_limit: float = float("inf")  # virtual second at which a run is stopped
        self.frozen: list[asyncio.Task[Any]] = []  # of machines that have crashed
        self.threads = Threads()
        self._at_once = AtOnce()
        self._stood_at = -1.0  # where the clock stood when the collector last ran

    # Time

    def time(self) -> float:
        """Return the virtual time in seconds since the internet began."""
        return self.now

    # Callbacks

    def call_soon(  # type: ignore[override]  # typeshed ties the arguments to the callback
        self, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> SimHandle:
        """Call `callback(*args)` after what is being done now, at the same virtual time."""
        handle = SimHandle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_soon_threadsafe(  # type: ignore[override]
        self, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> SimHandle:
        """Call `callback(*args)` soon. Only the thread of the run may ask; another one ends the run.

        Raises:
            Unsupported: another thread calls.
        """
        if self.threads.is_foreign():
            self._interrupted = True
            self.threads.refuse("call_soon_threadsafe")
        return self.call_soon(callback, *args, context=context)

    def call_later(  # type: ignore[override]
        self,
        delay: float,
        callback: Callable[..., object],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> SimTimer:
        """Call `callback(*args)` *delay* virtual seconds from now; at once if that is below 0."""
        return self._call_at(self.now + delay, callback, args, context)

    def call_at(  # type: ignore[override]
        self,
        when: float,
        callback: Callable[..., object],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> SimTimer:
        """Call `callback(*args)` at the virtual time *when*, in seconds; at once if that has passed."""
        return self._call_at(when, callback, args, context)

    def _call_at(
        self,
        when: float,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        context: contextvars.Context | None,
    ) -> SimTimer:
        if when != when:
            raise UsageError("a timer needs a time in seconds, and this is NaN, which is not a number")
        timer = SimTimer(callback, args, self, context)
        timer._when, timer._scheduled = when, True
        if when <= self.now:
            when = self._at_once.due_s(self.now)
        heappush(self._heap, (when, self._next_order(), self._fires, timer))
        return timer

    def schedule(self, when: float, function: Callable[[Any], object], argument: Any) -> None:
        """Put an event on the heap: cheaper than `call_at`, without a context, and not to be cancelled."""
        now = self.now
        heappush(self._heap, (when if when > now else now, self._next_order(), function, argument))

    def _fire(self, timer: SimTimer) -> None:
        timer._scheduled = False
        if timer._cancelled:
            self._unwanted -= 1
        else:
            self._run_handle(timer)

    def _timer_handle_cancelled(self, timer: asyncio.TimerHandle) -> None:
        if not timer._scheduled:  # type: ignore[attr-defined]  # of a sleep that is over
            return
        self._unwanted += 1
        if self._unwanted > max(SWEEP_FROM, len(self._heap) * CANCELLED_SHARE):
            fire = self._fires
            self._heap[:] = [
                event for event in self._heap if event[2] is not fire or not event[3]._cancelled
            ]  # in place: the running loop holds this very list
            heapify(self._heap)
            self._unwanted = 1  # this timer, which is marked as cancelled next

    def freeze(self, incarnation: Incarnation) -> None:
        """Keep the tasks of a machine that has lost its power, for Python would run their `finally`."""
        self.frozen += [task for task, its in self.tasks.items() if its is incarnation and not task.done()]

    def ready(self) -> list[SimHandle]:
        """Return the callbacks that run next, at this instant: those for now, or due timers."""
        due = [timer for timer in self.timers() if timer._when <= self.now] if not self._ready else []
        return [*self._ready, *due]

    def timers(self) -> list[SimTimer]:
        """Return the timers that are still to fire, in the order in which they will."""
        fire = self._fires
        return [
            event[3]
            for event in sorted(self._heap, key=_time_and_order)
            if event[2] is fire and not event[3]._cancelled
        ]

    # Futures and tasks

    def create_future(self) -> asyncio.Future[Any]:
        """Return a future of this loop."""
        return asyncio.Future(loop=self)

    def create_task(
        self,
        coro: Coroutine[Any, Any, T] | Any,
        *,
        name: str | None = None,
        context: contextvars.Context | None = None,
        **more: Any,
    ) -> asyncio.Task[T]:
        """Make a task of a coroutine; it belongs to the current host."""
        incarnation = CURRENT.get() if context is None else context.get(CURRENT)
        factory = self._task_factory if incarnation is None else incarnation.task_factory
        if factory is not None:
            task = factory(self, coro, **({} if context is None else {"context": context}))
            if name is not None:
                task.set_name(name)
        else:
            task = asyncio.Task(coro, loop=self, name=name, context=context, **more)
        self.tasks[task] = incarnation
        return task  # type: ignore[no-any-return]

    def set_task_factory(self, factory: Any) -> None:
        """Make tasks with `factory(loop, coroutine)`; None goes back to asyncio's own.

        Each host has its own factory, as if it had its own loop, and so has the main program.
        """
        if factory is not None and not callable(factory):
            raise TypeError("task factory must be a callable or None")
        incarnation = CURRENT.get()
        if incarnation is None:
            self._task_factory = factory
        else:
            incarnation.task_factory = factory

    def get_task_factory(self) -> Any:
        """Return what `set_task_factory` set."""
        incarnation = CURRENT.get()
        return self._task_factory if incarnation is None else incarnation.task_factory

    def run_in_executor(  # type: ignore[override]
        self, executor: Any, func: Callable[..., T], *args: Any
    ) -> asyncio.Future[T]:
        """Call `func(*args)` at once, in no virtual time, whatever the executor: threads do not repeat."""
        future: asyncio.Future[T] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:
            future.set_exception(error)
        return future

    def set_default_executor(self, executor: Any) -> None:
        """Do nothing: see `run_in_executor`."""

    # Running

    def run_until_complete(self, future: Any) -> Any:
        """Run until *future* (or a coroutine) is done, and return its result.

        Raises:
            Deadlock: nothing is left to happen that could ever finish it.
            TimeLimit: the run went past `time_limit` or `max_events`.
        """
        main = asyncio.ensure_future(future, loop=self)
        self.run_while(lambda: not main.done())
        if not main.done():
            raise Deadlock(describe_waiting(self, main) + self.threads.may_be_waited_for())
        return main.result()

    def run_forever(self) -> None:
        """Run until `stop`, or until nothing is left to happen."""
        self._stopping = False
        self.run_while(lambda: not self._stopping)

    def begin(self, time_limit_s: float) -> None:
        """Begin a run of at most *time_limit_s* virtual seconds and at most `max_events` events."""
        self.time_limit = self.now + time_limit_s
        self._last_event = float("inf") if self.max_events is None else self.events + self.max_events
        self._interrupted = False
        self._stood_at = -1.0
        self.raised.clear()
        self.threads.begin()

    def lift_limits(self) -> None:
        """Lift the limits for the end of a run, which has bounds of its own."""
        self.time_limit = self._last_event = float("inf")
        self._interrupted = False

    def interrupt(self) -> None:
        """Make the run raise KeyboardInterrupt after what is being done now; another thread may call this."""
        self._interrupted = True

    def run_while(self, wanted: Callable[[], bool], until: float | None = None) -> None:
        """Do events while *wanted*(), up to the virtual time *until* or the last event there is.

        Raises:
            TimeLimit: the run went past `time_limit` or `max_events`.
            Livelock: a million events happened at one instant.
            Unsupported: another thread called the loop.
        """
        if self._running or self._closed:
            raise RuntimeError("this loop is closed" if self._closed else "this loop is running already")
        ready, heap, run_handle = self._ready, self._heap, self._run_handle
        limit = min(self.time_limit, LAST_S if until is None else until)
        done, pause = self.events, min(self._last_event, self._next_collection)
        hooks = sys.get_asyncgen_hooks()
        sys.set_asyncgen_hooks(firstiter=self._note_generator, finalizer=self._finalize_generator)
        events._set_running_loop(self)
        self._running = True
        try:
            while wanted():
                if ready:
                    run_handle(ready.popleft())
                elif heap:
                    if heap[0][0] > limit:
                        break
                    self.now, _, function, argument = heappop(heap)
                    function(argument)
                else:
                    break
                done += 1
                if done >= pause or self._interrupted:
                    if done >= self._last_event or self._interrupted:
                        break
                    if self.now == self._stood_at:
                        raise Livelock(
                            f"{COLLECT_EVERY} events were done, and the clock still stands at "
                            f"{self.now:.6g} s: {describe_spinning(self)}"
                        )
                    self._stood_at = self.now
                    gc.collect()
                    self._next_collection = done + COLLECT_EVERY
                    pause = min(self._last_event, self._next_collection)
        finally:
            self.events = done
            self._running = False
            events._set_running_loop(None)
            sys.set_asyncgen_hooks(*hooks)
        if self._interrupted:
            self.threads.tell()
            raise KeyboardInterrupt
        if done >= self._last_event:
            raise TimeLimit(
                f"{done} events were done, at most {self.max_events} are allowed: {self._limits()}"
            )
        if limit == self.time_limit and heap and not ready and limit < heap[0][0] <= LAST_S and wanted():
            raise TimeLimit(f"{limit:.6g} virtual seconds were not enough: {describe_waiting(self)}")

    @contextlib.contextmanager
    def set_as_running(self) -> Iterator[None]:
        """Let code that is called in the block find this loop, and with it the simulated machine."""
        events._set_running_loop(self)
        try:
            yield
        finally:
            events._set_running_loop(None)

    def forget_what_is_due(self) -> None:
        """Drop the callbacks that are to be done now."""
        self._ready.clear()

    def _limits(self) -> str:
        return f"the clock stands at {self.now:.6g} s; {describe_waiting(self)}"

    def _run_handle(self, handle: SimHandle) -> None:
        """Run a callback, unless it was cancelled or its machine has crashed."""
        if handle._cancelled:
            return
        context = handle._context
        incarnation = context.get(CURRENT)
        if incarnation is not None and not incarnation.alive:
            return
        try:
            context.run(handle._callback, *handle._args)
        except asyncio.CancelledError:
            pass  # it asked a cancelled task for its exception, as asyncio.streams does before Python 3.13
        except BaseException as error:
            message = f"Exception in callback {getattr(handle._callback, '__qualname__', handle._callback)}"
            context.run(self.handle_raised, {"message": message, "exception": error, "handle": handle})

    def is_running(self) -> bool:
        """Whether the loop is running."""
        return self._running

    def is_closed(self) -> bool:
        """Whether the loop was closed."""
        return self._closed

    def stop(self) -> None:
        """Stop `run_forever` after what is being done now.

        Raises:
            Unsupported: a program on a host calls this: the loop is not its own.
        """
        if CURRENT.get() is not None:
            refused.refuse("loop.stop", "one loop runs all hosts; let the program end, or use host.stop")
        self._stopping = True

    def close(self) -> None:
        """Forget everything that was still to be done.

        Raises:
            RuntimeError: the loop is running.
        """
        if self._running:
            raise RuntimeError("Cannot close a running event loop")
        self._closed = True
        self._ready.clear()
        self._heap.clear()

    def get_debug(self) -> bool:
        """Return what `set_debug` set; False at first, whatever the environment says."""
        return self._debug

    def set_debug(self, enabled: bool) -> None:
        """Let asyncio note where futures are made. No callback is ever slow here: none takes virtual time."""
        self._debug = bool(enabled)

    # Ends

    def _note_generator(self, generator: AsyncGenerator[Any, Any]) -> None:
        self._generators[generator] = None

    def _finalize_generator(self, generator: AsyncGenerator[Any, Any]) -> None:
        self._generators.pop(generator, None)
        if not self._closed:
            self.create_task(generator.aclose())

    def has_generators(self) -> bool:
        """Whether asynchronous generators are still open."""
        return len(self._generators) > 0

    async def shutdown_asyncgens(self) -> None:
        """Close the asynchronous generators that are still open, oldest first."""
        for generator in list(self._generators):
            # One that runs waits in a program of a crashed host, which never goes on.
            if not generator.ag_running:  # type: ignore[attr-defined]
                await generator.aclose()

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """Do nothing: there is no executor."""


def in_a_run() -> bool:
    """Whether the calling code runs in a simulated loop."""
    return isinstance(events._get_running_loop(), SimLoop)


def _time_and_order(event: Event) -> tuple[float, int]:
    return event[0], event[1]
