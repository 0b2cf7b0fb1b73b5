"""Scripts: any Python file, run in a simulated internet as if each host had been given it to run.

There are three kinds:

* A script made for a simulated internet has `async def main(net)` at its top level, the program that watches
  over the whole. It is loaded and its `main` is run.
* The programs of hosts: for each host a function of a script, or a whole script that ends in
  `asyncio.run(...)`. Each is started as its host starts, and again after a crash, as a boot would.
* An ordinary script, which has a host named after it to itself. What it gives to `asyncio.run` runs there.

Rules:

* A run loads its scripts anew, with the modules that they import from their folder, so that nothing that one
  run has changed carries over to the next.
* A script that is a host's program hands over what it gives to `asyncio.run`, and ends there: what follows
  that call is not run. An ordinary script goes on.
* `asyncio.run` ends as it does in asyncio: tasks that the program has left are cancelled.
* Any other way to get an event loop is refused, as it would lead out to the machine's own network. So is
  anything that an ordinary script sends there outside of `asyncio.run`.
"""

from __future__ import annotations

import ast
import asyncio
import shlex
import sys
from asyncio import _get_running_loop
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from inspect import isawaitable
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn, overload

from p2plib.errors import SimulationError, UsageError
from p2plib.sim.clock.stand_ins import StandIns
from p2plib.sim.clock.workers import find_anyio
from p2plib.sim.current import CURRENT
from p2plib.sim.host import Host
from p2plib.sim.internet import Internet
from p2plib.sim.sockets.module import refusing_real_network
from p2plib.sim.sockets.refused import refuse

LOADED_AS = "__simulated__"  # the name of a script of which only functions are run; not "__main__"
Run = Callable[[Coroutine[Any, Any, Any]], Any]


@dataclass(frozen=True, slots=True)
class Program:
    """A program, and the hosts that run it.

    Args:
        hosts: the hosts' names.
        script: the file.
        function: the function in it; "" for the whole file, which gives its program to `asyncio.run`.
        arguments: what the function is called with, or what the file finds in `sys.argv`.
    """

    hosts: tuple[str, ...]
    script: Path
    function: str = ""
    arguments: tuple[str, ...] = ()


def parse_program(told: str, script: Path | None) -> Program:
    """Parse the value of an option `--host`.

    Args:
        told: "NAME[,NAME...]=WHAT [ARGUMENT ...]", where WHAT is a function of *script*, FILE.py, or
            FILE.py:FUNCTION.
        script: the file that functions without a file are in, if there is one.

    Raises:
        UsageError: it does not have that form, or names a file that is not there.

    Example:
        >>> parse_program("ana,ben=client.py --port 80", None)
        Program(hosts=('ana', 'ben'), script=PosixPath('client.py'), function='', arguments=('--port', '80'))
    """
    names, _, what = told.partition("=")
    hosts = tuple(name.strip() for name in names.split(","))
    try:
        words = shlex.split(what)
    except ValueError as error:
        raise UsageError(f"{told!r} cannot be split into words: {error}") from None
    if not words or not all(hosts):
        raise UsageError(f"--host takes NAME=WHAT, as in server=serve, not {told!r}")
    file, _, function = words[0].rpartition(":")
    if words[0].endswith(".py"):
        file, function = words[0], ""
    path = Path(file) if file else script
    if path is None:
        raise UsageError(f"{told!r} names a function, but no script is given that it could be in")
    if not path.is_file():
        raise UsageError(f"there is no script {path}")
    return Program(hosts, path, function, tuple(words[1:]))


def is_for_an_internet(script: Path) -> bool:
    """Whether a script has `async def main(net)`: one argument of that name, at its top level."""
    try:
        tree = ast.parse(script.read_bytes())
    except SyntaxError:
        return False  # running it will say so, with its line
    return any(
        isinstance(part, ast.AsyncFunctionDef)
        and part.name == "main"
        and [argument.arg for argument in part.args.args] == ["net"]
        for part in tree.body
    )


# The three kinds


def run_for_internet(net: Internet, script: Path, arguments: Sequence[str], time_limit_s: float) -> None:
    """Run a script that has `async def main(net)`."""
    with started(script, [str(script), *arguments]), asyncio_run_is(_already_in_one):
        net.run(load(script, LOADED_AS).main, time_limit_s=time_limit_s)


def run_ordinary(net: Internet, script: Path, arguments: Sequence[str], time_limit_s: float) -> None:
    """Run an ordinary script on a host named after it.

    Raises:
        UsageError: it never called `asyncio.run`, so nothing was simulated.
    """
    host, runs = net.host(script.stem), 0

    def run(program: Coroutine[Any, Any, Any]) -> Any:
        nonlocal runs
        runs += 1
        return net.run(lambda net: host.run(as_asyncio_run(host, program)), time_limit_s=time_limit_s)

    with started(script, [str(script), *arguments]), asyncio_run_is(run), refusing_real_network():
        load(script, "__main__")
    if not runs:
        raise UsageError(
            f"{script} ended without calling asyncio.run, so nothing was simulated: let it end in"
            " asyncio.run(...), give it `async def main(net)` (the argument must be called net), or say with"
            " --host what runs its functions"
        )


def run_programs(net: Internet, programs: Sequence[Program], time_limit_s: float) -> None:
    """Run programs on hosts, until those of the last one have ended; the others are then stopped."""
    argv = {name: [str(p.script), *p.arguments] for p in programs for name in p.hosts}

    async def main(net: Internet) -> None:
        over: asyncio.Future[None] = net.loop.create_future()
        waited_for = dict.fromkeys(programs[-1].hosts)

        async def watched(host: Host, program: Program) -> None:
            try:
                await as_asyncio_run(host, begin(program))
            except Exception as error:
                failed(host, error)
                return
            except SystemExit as end:
                if end.code not in (None, 0):
                    failed(host, SimulationError(f"the program of {host.name} exited with {end.code}"))
                    return
            finally:
                ended(host)

        def failed(host: Host, error: Exception) -> None:
            error.add_note(f"raised on the host {host.name}")
            if not over.done():
                over.set_exception(error)

        def ended(host: Host) -> None:
            waited_for.pop(host.name, None)
            if not waited_for and not over.done():
                over.set_result(None)

        for program in programs:
            for name in program.hosts:
                host = net.host(name)
                host.start(watched, host, program)
        await over

    with started(programs[-1].script, _Arguments(argv)), asyncio_run_is(_hand_over):
        net.run(main, time_limit_s=time_limit_s)


# One script on one host


class _HandedOver(BaseException):
    """Raised and caught in this module: what a script gave to `asyncio.run`."""

    def __init__(self, program: Coroutine[Any, Any, Any]) -> None:
        self.program = program


def _hand_over(program: Coroutine[Any, Any, Any]) -> NoReturn:
    raise _HandedOver(program)


def _already_in_one(program: Coroutine[Any, Any, Any]) -> NoReturn:
    program.close()
    refuse("asyncio.run", "a script with `async def main(net)` is run by calling that; await it there")


async def begin(program: Program) -> Any:
    """Load the script of a program on the current host, and run the program there.

    Raises:
        UsageError: there is no such function, or the script did not call `asyncio.run`.
    """
    if program.function:
        try:
            function = getattr(load(program.script, LOADED_AS), program.function, None)
        except _HandedOver as handed:
            handed.program.close()
            raise UsageError(
                f"{program.script} calls asyncio.run while it loads, before it can be asked for its function"
                f' {program.function}: put that call under `if __name__ == "__main__":`'
            ) from None
        if function is None:
            raise UsageError(f"{program.script} has no function {program.function}")
        try:
            result = function(*program.arguments)
        except _HandedOver as handed:  # an ordinary function that calls asyncio.run
            return await handed.program
        return await result if isawaitable(result) else result
    try:
        load(program.script, "__main__")
    except _HandedOver as handed:
        return await handed.program
    raise UsageError(
        f"{program.script} ended without calling asyncio.run: let it end in asyncio.run(...), or name a"
        " function of it, as in server=server.py:serve"
    )


async def as_asyncio_run(host: Host, program: Coroutine[Any, Any, Any]) -> Any:
    """Await a host's program and, as `asyncio.run` does, cancel the tasks that it has left running."""
    loop, me, incarnation = host.net.loop, asyncio.current_task(), host.incarnation
    try:
        return await program
    finally:
        left = [
            task
            for task, its in loop.tasks.items()
            if its is incarnation and task is not me and not task.done()
        ]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        for task in left:
            if not task.cancelled() and task.exception() is not None:
                told = {"message": "a task raised as it was cancelled", "exception": task.exception()}
                loop.call_exception_handler({**told, "task": task})


class _Source(SourceFileLoader):
    """A loader that leaves no bytecode beside a script, just as Python leaves none when it runs one."""

    def set_data(self, *args: Any, **named: Any) -> None:
        """Keep nothing."""


def load(script: Path, name: str) -> ModuleType:
    """Run a script from its beginning, as a module of this name."""
    loader = _Source(name, str(script))
    spec = spec_from_loader(name, loader)
    assert spec is not None
    module = module_from_spec(spec)
    sys.modules[name] = module
    try:
        loader.exec_module(module)
        find_anyio()
    except SystemExit as end:
        if end.code not in (None, 0):
            raise SimulationError(f"the script exited with {end.code}") from end
    return module


# What scripts find around them


class _Arguments(Sequence[str]):
    """A `sys.argv` in which every host finds what its own program was given.

    Args:
        by_host: the arguments, the script's name first.
    """

    def __init__(self, by_host: Mapping[str, list[str]]) -> None:
        self._by_host = by_host

    @property
    def _here(self) -> list[str]:
        incarnation = CURRENT.get()
        return [""] if incarnation is None else self._by_host.get(incarnation.host.name, [""])

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> list[str]: ...
    def __getitem__(self, place: Any) -> Any:
        return self._here[place]

    def __len__(self) -> int:
        return len(self._here)

    def __repr__(self) -> str:
        return repr(self._here)


@contextmanager
def started(script: Path, argv: Sequence[str]) -> Iterator[None]:
    """Set up `sys.argv`, `sys.path` and modules as Python does for a script, and restore them afterwards."""
    folder = str(script.resolve().parent)
    before, argv_before, path_before = dict(sys.modules), sys.argv, list(sys.path)
    sys.argv, sys.path[:] = argv, [folder, *path_before]  # type: ignore[assignment]
    try:
        yield
    finally:
        sys.argv, sys.path[:] = argv_before, path_before
        for name in [name for name in sys.modules if sys.modules[name] is not before.get(name)]:
            if name in before:
                sys.modules[name] = before[name]
            elif name == LOADED_AS or _is_the_scripts_own(name, folder):
                del sys.modules[name]


def _is_the_scripts_own(name: str, folder: str) -> bool:
    """Whether a module lies beside the script, and is neither installed nor part of the simulator."""
    file = Path(getattr(sys.modules[name], "__file__", None) or "")
    return file.is_relative_to(folder) and "site-packages" not in file.parts and not name.startswith("p2plib")


def asyncio_run_is(run: Run) -> AbstractContextManager[None]:
    """Put *run* in place of `asyncio.run` and `asyncio.Runner`, and refuse other event loops."""

    def run_instead(main: Coroutine[Any, Any, Any], **options: Any) -> Any:
        return run(main)

    class Runner:
        """`asyncio.Runner`, whose loop is the simulated one."""

        def __init__(self, **options: Any) -> None: ...

        def __enter__(self) -> Runner:
            return self

        def __exit__(self, *error: object) -> None: ...

        def close(self) -> None:
            """Do nothing: the simulated loop goes on."""

        def run(self, coro: Coroutine[Any, Any, Any], **options: Any) -> Any:
            """Run a coroutine as `asyncio.run` does."""
            return run(coro)

        def get_loop(self) -> NoReturn:
            """Refuse: the loop exists only while something runs in it."""
            refuse("Runner.get_loop", "use the runner's `run`, and asyncio.get_running_loop in a coroutine")

    def put_in(stand_ins: StandIns) -> None:
        stand_ins.put_in(asyncio, "run", run_instead)
        stand_ins.put_in(asyncio, "Runner", Runner)
        stand_ins.put_in(asyncio, "new_event_loop", _new_loop)
        stand_ins.put_in(asyncio, "get_event_loop", _get_loop)

    return StandIns(put_in).in_place()


def _new_loop() -> NoReturn:
    refuse("asyncio.new_event_loop", "let the script give its program to asyncio.run")


def _get_loop() -> asyncio.AbstractEventLoop:
    running = _get_running_loop()
    if running is None:
        refuse("asyncio.get_event_loop outside a coroutine", "let the script give its program to asyncio.run")
    return running
