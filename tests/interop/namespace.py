"""A private network namespace: a place with nothing but loopback, for a foreign peer and who talks to it.

Old peer-to-peer modules greet public bootstrap nodes and bind every interface, and many cannot be told not
to. In here there is nowhere to go: a packet to any other address fails at once (ENETUNREACH), so a test can
start anything.

How it holds. `unshare` makes a network namespace and a process namespace; a shell in them brings `lo` up,
says "ready" with its process id, and then waits for the end of its standard input. Everything else enters
with `nsenter`. That shell is process 1 of its process namespace: when it ends, the kernel kills whatever
still runs in there, however deep it hid. It ends when we close its input, when its time is over, and when the
test run itself is killed.

Needs Linux, and root or user namespaces that an ordinary user may create.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).resolve().parents[2]
# No test waits so long for what comes about. These bounds end what hangs; a machine that is ten times slower
# than another must not meet them.
TIMEOUT_S = 1800.0  # the life of a namespace, which a module of tests may share
CALL_TIMEOUT_S = 120.0  # of one function inside
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 60.0

# Multicast goes to lo too, so that mDNS works between peers in here. `read` is the shell's own, so /proc/self
# is the shell; /proc is still the outer one, so the number read is the one by which the outside knows it.
HOLD = """
ip link set lo up && ip route add 224.0.0.0/4 dev lo src 127.0.0.1 || exit 1
read -r pid rest < /proc/self/stat
echo "ready $pid"
exec timeout --foreground --signal=KILL "$0" cat >/dev/null
"""
UNSHARE = ("unshare", "--net", "--pid", "--fork", "--kill-child")


class NamespaceError(Exception):
    """A namespace did not come up, or what ran in it failed; the sentence says what and shows its stderr."""


@functools.cache
def unshare_command() -> tuple[str, ...] | None:
    """Find out once how this user makes a namespace.

    Returns:
        The command, as root or through a user namespace; None where neither is allowed.
    """
    as_root = UNSHARE
    as_user = (UNSHARE[0], "--map-root-user", *UNSHARE[1:])
    for command in (as_root, as_user) if os.geteuid() == 0 else (as_user,):
        trial = subprocess.run(
            [*command, "ip", "link", "set", "lo", "up"], capture_output=True, timeout=START_TIMEOUT_S
        )
        if trial.returncode == 0:
            return command
    return None


@functools.cache
def why_no_namespace() -> str | None:
    """Say in one sentence why no namespace can be made here; None when one can."""
    if not sys.platform.startswith("linux"):
        return "network namespaces, in which foreign peers are kept, exist on Linux alone"
    for program, package in (("unshare", "util-linux"), ("nsenter", "util-linux"), ("ip", "iproute2")):
        if shutil.which(program) is None:
            return (
                f"`{program}` (Debian: {package}) is not installed, so foreign peers get no private network"
            )
    if unshare_command() is None:
        return "this user may not create a network namespace: run as root, or allow user namespaces"
    return None


class Namespace:
    """A network of one machine's loopback; a context manager that leaves no process behind.

    Args:
        timeout_s: after so many seconds everything in it is killed, whatever the test does.

    Raises:
        NamespaceError: on entering, when it does not come up.
    """

    def __init__(self, *, timeout_s: float = TIMEOUT_S) -> None:
        self.timeout_s = timeout_s
        self._holder: subprocess.Popen[bytes] | None = None
        self._enter: tuple[str, ...] = ()
        self._cleanup = contextlib.ExitStack()
        self.home = Path()

    def __enter__(self) -> Self:
        reason = why_no_namespace()
        if reason is not None:
            raise NamespaceError(reason)
        command = unshare_command()
        assert command is not None
        with contextlib.ExitStack() as undo:
            self.home = Path(undo.enter_context(tempfile.TemporaryDirectory(prefix="peer-home-")))
            errors = undo.enter_context(tempfile.TemporaryFile())
            self._holder = subprocess.Popen(
                [*command, "sh", "-c", HOLD, str(self.timeout_s)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, start_new_session=True,
            )  # fmt: skip
            undo.callback(self._end_holder)
            line = read_line(self._holder, START_TIMEOUT_S).split()
            if len(line) != 2 or line[0] != b"ready":
                self._end_holder()
                raise NamespaceError(f"the namespace did not come up{shown(errors)}")
            user = ("--user", "--preserve-credentials") if "--map-root-user" in command else ()
            self._enter = ("nsenter", f"--target={int(line[1])}", *user, "--net", "--pid", "--")
            self._cleanup = undo.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._cleanup.close()

    def _end_holder(self) -> None:
        holder = self._holder
        if holder is None:
            return
        self._holder = None
        assert holder.stdin is not None
        assert holder.stdout is not None
        holder.stdin.close()  # process 1 sees the end of its input and ends; the kernel clears the rest
        try:
            holder.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            kill_group(holder)
        holder.stdout.close()

    @property
    def is_up(self) -> bool:
        """True until it is left, or its time is over."""
        return self._holder is not None and self._holder.poll() is None

    def start(
        self, *command: str, stderr: Any, environment: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """Start a program inside, with pipes to its standard input and output.

        Args:
            command: program and arguments.
            stderr: an open file for what it says beside its protocol.
            environment: what it sees besides PATH and HOME, which is an empty folder that is removed at the
                end. Nothing else of ours is handed on.

        Raises:
            NamespaceError: when the namespace is not up (entering a dead one must never mean staying
            outside).
        """
        if not self.is_up:
            raise NamespaceError(
                f"the namespace is not up: not entered, left, or its {self.timeout_s:g} s are over"
            )
        basics = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": str(self.home)}
        return subprocess.Popen(
            [*self._enter, *command],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr,
            cwd=ROOT, env={**basics, **(environment or {})}, start_new_session=True,
        )  # fmt: skip

    def run_together(
        self, function: Callable[..., Any], *arguments: Any, timeout_s: float = CALL_TIMEOUT_S
    ) -> Any:
        """Call a Python function inside, in a fresh interpreter: the way to reach sockets that a peer opened
        in here.

        Args:
            function: a function of an importable module, plain or `async`; it is found by its name.
            arguments: values that JSON can carry.
            timeout_s: it is killed after so many seconds.

        Returns:
            What it returned, through JSON.

        Raises:
            NamespaceError: with its traceback, when it raised, or did not come back in time.
        """
        name = f"{function.__module__}:{function.__qualname__}"
        with tempfile.TemporaryFile() as errors:
            process = self.start(
                sys.executable, "-m", "tests.interop.inside", name,
                stderr=errors, environment={"PYTHONPATH": os.pathsep.join(sys.path)},
            )  # fmt: skip
            try:
                output, _ = process.communicate(json.dumps(arguments).encode(), timeout=timeout_s)
            except subprocess.TimeoutExpired:
                raise NamespaceError(f"{name} did not return in {timeout_s:g} s{shown(errors)}") from None
            finally:
                end(process)
                close_pipes(process)
            if process.returncode != 0:
                raise NamespaceError(f"{name} failed with status {process.returncode}{shown(errors)}")
            return json.loads(output)


def end(process: subprocess.Popen[bytes], grace_s: float = 0.0) -> int:
    """End a program that was started with `Namespace.start`; return its status.

    `nsenter` stays outside as the parent of the program inside. The program is killed, not `nsenter`, so that
    its parent is there to reap it: a zombie in the namespace would keep it from ending. If that is not
    enough, the whole process group goes.

    Args:
        process: the program.
        grace_s: how long it may take to end by itself.
    """
    with contextlib.suppress(subprocess.TimeoutExpired):
        return process.wait(grace_s)
    for pid in children_of(process.pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    try:
        return process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        return kill_group(process)


def close_pipes(process: subprocess.Popen[bytes]) -> None:
    """Close our ends of a process's standard input and output."""
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(BrokenPipeError):
                pipe.close()


def kill_group(process: subprocess.Popen[bytes]) -> int:
    """Kill the process group that a process leads, and reap the process."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    return process.wait(STOP_TIMEOUT_S)


def children_of(parent_pid: int) -> list[int]:
    """List the processes whose parent is `parent_pid`, from /proc."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # a process that has ended meanwhile is nobody's child
            # "pid (name) state parent ...": a name may hold spaces and brackets, so count from the last one
            if int(stat.read_text().rpartition(")")[2].split()[1]) == parent_pid:
                found.append(int(stat.parent.name))
    return found


def read_line(process: subprocess.Popen[bytes], timeout_s: float) -> bytes:
    """Read one short line from a process's output; what has come so far when it ends or the time is over."""
    assert process.stdout is not None
    line, deadline = b"", time.monotonic() + timeout_s
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while not line.endswith(b"\n") and selector.select(max(0.0, deadline - time.monotonic())):
            byte = os.read(process.stdout.fileno(), 1)
            if not byte:
                break
            line += byte
    return line


def shown(errors: Any, limit_bytes: int = 4000) -> str:
    """Return the end of what was written to an open stderr file, to be put behind a sentence."""
    size_bytes = os.fstat(errors.fileno()).st_size
    tail = os.pread(errors.fileno(), limit_bytes, max(0, size_bytes - limit_bytes))
    text = tail.decode(errors="replace").strip()
    return f"; its stderr:\n{text}" if text else "; it wrote nothing on stderr"
