"""A host of the simulated internet: its addresses and ports, its programs, its disk, its clock, its crashes.

Rules:

* A crash is a power cut. The sockets are gone without a word, what was not synced to the disk is lost, and no
  line of the programs runs again, not even a `finally`, until the whole run is over and Python takes them
  apart. Whatever waits for the host with `run` gets `HostDown`.
* A restart is a new incarnation: the programs that `start` began run again from their beginning, with the
  disk as it is.
* `stop` is a shutdown: programs are asked to end (SIGTERM), then cancelled, and may clean up; what they left
  open is closed, and the other ends hear of it.
* A host has its own sources of randomness, from the internet's seed and its name: `random` for its programs,
  `chance` for those that draw from Python's own module `random`, `draws` for what links do to its packets,
  `luck` for what a chaos does to them.
"""

from __future__ import annotations

import asyncio
import contextvars
import errno
import signal
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from functools import cached_property
from inspect import isawaitable
from random import Random
from typing import TYPE_CHECKING, Any, TypeVar

from p2plib.errors import HostDown, UsageError
from p2plib.sim.clock.chance import Chance, node_of
from p2plib.sim.clock.signals import IGNORED, PAUSING, name_of
from p2plib.sim.current import CURRENT, Incarnation
from p2plib.sim.disk import Disk
from p2plib.sim.link import Bottleneck
from p2plib.sim.packet import Address
from p2plib.sim.realms import Realm
from p2plib.sim.sockets.ports import EVERYWHERE, Ports
from p2plib.sim.sockets.refused import refuse
from p2plib.sim.tcp.stack import close_everything

if TYPE_CHECKING:
    from p2plib.sim.internet import Internet

T = TypeVar("T")
Program = Callable[..., Coroutine[Any, Any, Any]]

GRACE_S = 10.0  # what Docker gives a container between SIGTERM and SIGKILL
CLOSING_S, LOOK_EVERY_S = 5.0, 0.05  # how long a machine that stops waits for acknowledgements of its FINs

# The host that was current before each `with host:` that is open. A context variable, as `with` blocks of
# several tasks may overlap.
_BEFORE: contextvars.ContextVar[tuple[Incarnation | None, ...]] = contextvars.ContextVar(
    "p2plib.sim.before", default=()
)


@dataclass(eq=False, slots=True)
class _Started:
    """A program that `start` has begun: each time another, also of the same function and arguments."""

    program: Program
    args: tuple[Any, ...]


class Host:
    """One machine. Made by `Internet.host`.

    Args:
        net: the internet that it is on.
        name: its name, by which others can look it up.
        addresses: its IP addresses, of the realm that it is in.
        realm: the public internet, or a LAN.
        region: where it is, for links between regions; may be empty.
        upload_bytes_per_s: what it can send; None for no limit.
        download_bytes_per_s: what it can receive; None for no limit.
    """

    def __init__(
        self,
        net: Internet,
        name: str,
        addresses: tuple[str, ...],
        realm: Realm,
        region: str = "",
        upload_bytes_per_s: float | None = None,
        download_bytes_per_s: float | None = None,
    ) -> None:
        self.net, self.name, self.addresses, self.realm, self.region = net, name, addresses, realm, region
        self.ports = Ports(self, addresses)
        self.own, self.udp = self.ports.own, self.ports.udp
        self.tcp, self.listening = self.ports.tcp, self.ports.listening
        self.upload = Bottleneck(upload_bytes_per_s) if upload_bytes_per_s else None
        self.download = Bottleneck(download_bytes_per_s) if download_bytes_per_s else None
        self.disk = Disk()
        self.clock_ahead_s = 0.0  # how wrong its wall clock is
        self.incarnation = Incarnation(self)
        self._programs: dict[_Started, None] = {}
        self._running: dict[asyncio.Task[Any], None] = {}  # of those, by `start`
        self._awaited: dict[asyncio.Future[Any], bool] = {}  # those of `run`, and whether the host ended them

    def __repr__(self) -> str:
        return f"<Host {self.name} {self.address}{'' if self.is_up else ' down'}>"

    # Each of its sources of randomness is made when it is first used: a generator weighs 2.5 KB.

    @cached_property
    def random(self) -> Random:
        """The source for its programs; `os.urandom` and `secrets` draw from it, too."""
        return Random(f"{self.net.seed}/programs/{self.name}")

    @cached_property
    def draws(self) -> Random:
        """The source for what links do to its packets."""
        return Random(f"{self.net.seed}/network/{self.name}")

    @cached_property
    def luck(self) -> Random:
        """The source for what a chaos does to its packets."""
        return Random(f"{self.net.seed}/luck/{self.name}")

    @cached_property
    def chance(self) -> Chance:
        """The source for those of its programs that draw from Python's module `random`."""
        return Chance(f"{self.net.seed}/random/{self.name}", node_of(self.address))

    @property
    def address(self) -> str:
        """Its first IP address."""
        return self.addresses[0]

    @property
    def is_up(self) -> bool:
        """Whether it runs."""
        return self.incarnation.alive

    # Programs

    def __enter__(self) -> Host:
        _BEFORE.set((*_BEFORE.get(), CURRENT.get()))
        CURRENT.set(self.incarnation)
        return self

    def __exit__(self, *error: object) -> None:
        *before, last = _BEFORE.get()
        _BEFORE.set(tuple(before))
        CURRENT.set(last)

    def start(self, program: Program, *args: Any) -> asyncio.Task[Any]:
        """Run `program(*args)`, an async function, on this host in the background.

        It runs until it ends, the host stops or crashes, or the run of the internet is over. After a crash
        and restart it runs again from its beginning, unless it had ended before.

        Returns:
            Its task.

        Raises:
            HostDown: the host is down: restart it first.
            UsageError: `program` is no function.
        """
        if not self.is_up:
            raise HostDown(f"{self.name} is down, and starts nothing: call its restart first")
        if not callable(program):
            raise UsageError(
                "start takes an async function, so that a restart can run it again; for a coroutine, use run"
            )
        entry = _Started(program, args)
        self._programs[entry] = None
        return self._launch(entry)

    def _launch(self, entry: _Started) -> asyncio.Task[Any]:
        with self:
            task: asyncio.Task[Any] = self.net.loop.create_task(entry.program(*entry.args))
        self._running[task] = None

        def ended(task: asyncio.Task[Any]) -> None:
            self._running.pop(task, None)
            self._programs.pop(entry, None)
            if not task.cancelled() and not isinstance(task.exception(), SystemExit | None):
                raised = {"message": "a program raised", "exception": task.exception(), "task": task}
                self.net.loop.call_exception_handler(raised)

        with self:
            task.add_done_callback(ended)
        return task

    async def run(self, program: Awaitable[T]) -> T:
        """Run a coroutine on this host and return its result.

        Raises:
            HostDown: the host is down, or goes down meanwhile, or is stopped.
        """
        if not isawaitable(program):
            raise UsageError("run takes a coroutine, as in `await host.run(visit())`, with the parentheses")
        if not self.is_up:
            if isinstance(program, Coroutine):
                program.close()
            raise HostDown(f"{self.name} is down")
        incarnation, gone = self.incarnation, self.net.loop.create_future()
        incarnation.ended[gone] = None
        with self:
            task: asyncio.Future[T] = asyncio.ensure_future(program)
        self._awaited[task] = is_ended_by_host = False
        try:
            await asyncio.wait((task, gone), return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            task.cancel()
            raise
        finally:
            is_ended_by_host = self._awaited.pop(task)
            incarnation.ended.pop(gone, None)
            gone.cancel()
        if not task.done() or (task.cancelled() and is_ended_by_host):
            raise HostDown(f"{self.name} went down at {self.net.time:.6g} s")
        try:
            return task.result()
        except Exception as error:
            where = f"raised on the host {self.name}"
            if where not in getattr(error, "__notes__", ()):
                error.add_note(where)
            raise

    def crash(self, *, lose_disk: bool = False) -> None:
        """Cut its power, now.

        Args:
            lose_disk: whether the disk is lost too; else what was synced is there after a restart.
        """
        if not self.is_up:
            return
        incarnation, self.incarnation.alive = self.incarnation, False
        for endpoint in list(self.ports.endpoints):
            endpoint.vanish()
        for thing in (*dict.fromkeys(self.tcp.values()), *dict.fromkeys(self.listening.values())):
            thing.vanish()
        self._running.clear()
        self.net.loop.freeze(incarnation)
        self.disk.cut_power(lost=lose_disk)
        self._end(incarnation)

    async def stop(self, *, grace_s: float = GRACE_S) -> None:
        """Shut it down: its programs may clean up, and what they leave open is closed.

        If a program has a handler for SIGTERM, it is called first, and may end the programs. Those that go on
        are cancelled, and then every other task of the host. Then the operating system closes what is still
        open, so that the other ends hear of it, and the machine is off.

        Args:
            grace_s: how many virtual seconds each of the three may take: the handler, the programs that are
                cancelled, the other tasks. What has not ended by then is killed.
        """
        if not self.is_up:
            return
        incarnation, programs = self.incarnation, dict(self._programs)
        if signal.SIGTERM in incarnation.signals and not incarnation.is_stopping:
            incarnation.is_stopping = True  # its handler may call this method, too
            self.signal(signal.SIGTERM)
            await _wait(self._running_programs(), grace_s, incarnation)  # they may kill themselves at the end
        if incarnation.alive:
            self._cancel_programs()
            await _wait(self._running_programs(), grace_s)
        if incarnation.alive:  # it may have lost its power, and perhaps begun another life
            tasks = self._tasks()
            others = [task for task in tasks if task not in self._running and task not in self._awaited]
            for task in others:
                task.cancel()
            await _wait(others, grace_s)
            await _wait(self._running_programs(), 0.0)  # those that only waited for the others
        if self.is_up and (incarnation.alive or not self.incarnation.has_programs):  # no power cut meanwhile
            self.disk.sync()
            killed = self._kill()
            await self._until_peers_know()
            if self.incarnation is killed:
                self.crash()
        if not self.incarnation.alive:
            self._programs = programs

    def signal(self, number: int) -> None:
        """Send a signal to its programs, as `kill` does.

        If `loop.add_signal_handler` has set a handler, it is called. Otherwise SIGINT cancels the programs,
        as asyncio does on Ctrl-C, and a signal that would end a process ends them at once: no line of theirs
        runs again, and the operating system closes what they had open. (The machine is still on: `restart`
        runs them again.)

        Args:
            number: the signal, such as `signal.SIGHUP`.

        Raises:
            HostDown: the host is down.
            Unsupported: the signal would pause a process.
        """
        name = name_of(number)
        if not self.is_up:
            raise HostDown(f"{self.name} is down")
        handle = self.incarnation.signals.get(number)
        if handle is not None:
            self.net.loop.call_soon(handle._callback, *handle._args, context=handle._context)
        elif name == "SIGINT":
            self._cancel_programs()
        elif name in PAUSING:
            refuse(name, "a host cannot be paused; use Internet.cut to keep it from being heard")
        elif name not in IGNORED:
            self._kill()

    def exit(self) -> None:
        """End its programs, as `sys.exit` in one of them does; they are one process.

        asyncio cancels all tasks and lets them end, and the operating system closes what is then still open.
        (The machine stays on.)
        """
        self._cancel_programs()
        others = self._tasks()
        for task in others:
            task.cancel()
        ending = self._exit([*self._running_programs(), *others])
        self.net.loop.create_task(ending, context=contextvars.Context())

    async def _exit(self, tasks: list[asyncio.Future[Any]]) -> None:
        incarnation = self.incarnation
        await _wait(tasks, GRACE_S, incarnation)
        if incarnation.alive:
            self._kill()

    def _running_programs(self) -> list[asyncio.Future[Any]]:
        """Return the tasks of `start` and `run`, except the one that asks."""
        return [task for task in (*self._running, *self._awaited) if task is not asyncio.current_task()]

    def _cancel_programs(self) -> None:
        self._awaited.update(dict.fromkeys(self._awaited, True))
        for task in self._running_programs():
            task.cancel()

    def _tasks(self) -> list[asyncio.Task[Any]]:
        """Return the tasks that run on it, programs or not, except the one that asks."""
        tasks, asks = list(self.net.loop.tasks.items()), asyncio.current_task()
        return [
            task for task, its in tasks if its is self.incarnation and not task.done() and task is not asks
        ]

    def _kill(self) -> Incarnation:
        """End its programs at once, and have the operating system close what they had open.

        Returns:
            The life with which the machine goes on.
        """
        killed, self.incarnation.alive = self.incarnation, False
        self._running.clear()
        self.net.loop.freeze(killed)
        self.incarnation = Incarnation(self, has_programs=False)
        close_everything(self)
        for endpoint in list(self.ports.endpoints):
            endpoint.vanish()
        self._end(killed)
        return self.incarnation

    async def _until_peers_know(self) -> None:
        """Wait until the other ends of its connections have heard of their end, or do not answer."""
        latest_s = self.net.time + CLOSING_S
        while self.net.time < latest_s and not all(end.is_known_to_end for end in self.tcp.values()):
            await asyncio.sleep(LOOK_EVERY_S)

    def end_programs(self) -> None:
        """Cancel its programs for good: the run is over."""
        self._programs.clear()
        for task in list(self._running):
            task.cancel()

    def forget_programs(self) -> None:
        """Forget the programs that would not be cancelled: they were closed, and never run again."""
        self._running.clear()
        self._awaited.clear()

    def _end(self, incarnation: Incarnation) -> None:
        for waiting in incarnation.ended:
            if not waiting.done():
                waiting.set_result(None)
        incarnation.ended.clear()

    def restart(self) -> None:
        """Start it again after a crash or stop, with the programs that ran when it went down."""
        if self.is_up and self.incarnation.has_programs:
            raise UsageError(f"{self.name} is up; crash or stop it first")
        self.incarnation = Incarnation(self)
        for entry in list(self._programs):
            self._launch(entry)

    # Ports and addresses

    def local(self, address: tuple[str | None, int] | None, table: dict[Any, Any], like: str = "") -> Address:
        """Return the address that a socket gets: one of this host's, with a free port if it asked for any."""
        ip, port = (None, 0) if address is None else address[:2]
        if ip in (*EVERYWHERE, "", None):
            ip = "::" if ip == "::" or ":" in like else "0.0.0.0"
        elif ip == "localhost":
            ip = "127.0.0.1"
        if ip not in EVERYWHERE and not self.ports.is_own(str(ip)):
            raise OSError(errno.EADDRNOTAVAIL, f"Cannot assign requested address: {ip} is not {self.name}'s")
        return str(ip), port or self.ports.free_port("tcp")

    def source_for(self, local: Address, destination: str) -> Address:
        """Return the source address of a packet from a socket bound to *local*."""
        return self.ports.source_for(local, destination)

    def send_segment(self, source: Address, destination: Address, segment: Any) -> None:
        """Send a TCP segment."""
        self.net.fabric.send(self, "tcp", source, destination, segment)


async def _wait(tasks: list[Any], timeout_s: float, incarnation: Incarnation | None = None) -> None:
    """Wait until tasks are done, or the life that they belong to has ended."""
    if not tasks:
        return
    all_done = asyncio.ensure_future(asyncio.wait(tasks, timeout=timeout_s))
    killed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    if incarnation is not None:
        incarnation.ended[killed] = None
    try:
        await asyncio.wait((all_done, killed), return_when=asyncio.FIRST_COMPLETED)
    finally:
        all_done.cancel()
        if incarnation is not None:
            incarnation.ended.pop(killed, None)
