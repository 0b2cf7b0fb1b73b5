"""Foreign peers: programs that are not ours, started in a private network and asked questions.

    with ForeignPeer("proquint.js") as peer:
        words = peer.ask("encode", hex="7f000001")

A peer is a script in `node/` that calls `serve({...})` from `node/serve.js` with a table of operations. It
runs inside a `Namespace` (its own, or one shared with others), so it can reach nothing but loopback.
Questions and answers are lines of JSON on its standard input and output; what it says on stderr is kept apart
and shown when something fails. Every wait has an end, and nothing of it is left when the `with` block is
left, whichever way.

Where Node, the installed modules or namespaces are missing, `demand_peers` skips a test with one sentence
that says why. On a CI machine (the environment says CI=true) that is a failure instead: there, a skip would
hide that nothing was checked.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import functools
import json
import os
import selectors
import shutil
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import pytest

from tests.interop.namespace import TIMEOUT_S, Namespace, close_pipes, end, shown, why_no_namespace

HERE = Path(__file__).resolve().parent
NODE_SCRIPTS = HERE / "node"
INSTALL = "npm ci --ignore-scripts --no-audit --no-fund"
ASK_TIMEOUT_S = 120.0  # it ends what hangs; a busy machine must not meet it
GRACE_S = 1.0  # a peer that sees the end of its input ends by itself; one that does not is killed
MAX_LINE_BYTES = 16 * 1024 * 1024  # an answer larger than this is a runaway, not an answer
CHUNK_BYTES = 65_536


class PeerError(Exception):
    """A foreign peer broke, hung or answered nonsense; its stderr is in the message."""


class PeerRefused(PeerError):
    """A foreign peer is well, and its operation raised an error: a verdict, which a test may expect."""


def why_modules_missing(folder: Path = HERE) -> str | None:
    """Say why the modules of the manifest are not all installed as pinned; None when they are."""
    manifest = json.loads((folder / "package.json").read_text(encoding="utf-8"))
    for name, pinned in manifest["dependencies"].items():
        try:
            module = (folder / "node_modules" / name / "package.json").read_text(encoding="utf-8")
        except FileNotFoundError:
            return f"the npm module {name} is not installed: run `{INSTALL}` in tests/interop"
        installed = json.loads(module)["version"]
        if installed != pinned.rpartition("@")[2]:  # of "npm:name@version", which an alias is
            return (
                f"the npm module {name} is {installed} and must be {pinned}: run `{INSTALL}` in tests/interop"
            )
    return None


@functools.cache
def why_no_peers() -> str | None:
    """Say in one sentence why foreign peers cannot run here; None when they can."""
    if shutil.which("node") is None:
        return "Node.js, on which foreign peers run, is not installed"
    return why_no_namespace() or why_modules_missing()


def demand_peers(reason: str | None, environment: Mapping[str, str] = os.environ) -> None:
    """Let a test go on when foreign peers can run; otherwise skip it, and on a CI machine fail it."""
    if reason is None:
        return
    if environment.get("CI", "").lower() in ("1", "true", "yes"):
        pytest.fail(f"a CI machine must have its foreign peers: {reason}", pytrace=False)
    pytest.skip(reason)


class ForeignPeer:
    """One foreign program, asked one question at a time; used with `with` or `async with`.

    Args:
        script: file name in `tests/interop/node/`, or a path.
        arguments: what the script finds in `process.argv`.
        namespace: an entered `Namespace` to share with others; by default the peer makes its own and takes it
        down. timeout_s: its whole life, when the namespace is its own. environment: variables that it sees
        besides PATH and HOME.
    """

    def __init__(
        self,
        script: str | Path,
        *arguments: str,
        namespace: Namespace | None = None,
        timeout_s: float = TIMEOUT_S,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.script = NODE_SCRIPTS / script
        self._environment = environment
        self._arguments = arguments
        self._given = namespace
        self._timeout_s = timeout_s
        self._cleanup = contextlib.ExitStack()
        self._lock = threading.Lock()
        self._received = bytearray()
        self._events: collections.deque[tuple[str, Any]] = collections.deque()
        self._asked = 0

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as undo:
            self.namespace = self._given or undo.enter_context(Namespace(timeout_s=self._timeout_s))
            self._errors = undo.enter_context(tempfile.TemporaryFile())
            self._process = self.namespace.start(
                "node",
                str(self.script),
                *self._arguments,
                stderr=self._errors,
                environment=self._environment,
            )
            undo.callback(self._end)
            for pipe in (self._process.stdin, self._process.stdout):
                os.set_blocking(pipe.fileno(), False)  # type: ignore[union-attr]
            self._cleanup = undo.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._cleanup.close()

    async def __aenter__(self) -> Self:
        return await asyncio.to_thread(self.__enter__)

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self._cleanup.close)

    def _end(self) -> None:
        assert self._process.stdin is not None
        if self._lock.acquire(blocking=False):
            self._process.stdin.close()
            end(self._process, GRACE_S)
        else:
            # A thread still waits for an answer (a cancelled `ask_async`). It sees the peer's end and lets
            # go; the pipes are closed only then.
            end(self._process)
            self._lock.acquire()
        close_pipes(self._process)
        self._lock.release()

    def ask(self, operation: str, timeout_s: float = ASK_TIMEOUT_S, /, **arguments: Any) -> Any:
        """Ask the peer to do one thing and wait for its answer.

        Args:
            operation: a name in the table that its script serves.
            timeout_s: how long to wait for the answer.
            arguments: values that JSON can carry.

        Returns:
            The operation's result.

        Raises:
            PeerRefused: the operation raised an error.
            PeerError: the peer ended, did not answer in time, or answered nonsense.
        """
        deadline = time.monotonic() + timeout_s
        with self._lock:
            self._asked += 1
            request = {"id": self._asked, "op": operation, "arguments": arguments}
            self._write(json.dumps(request).encode() + b"\n", deadline)
            while True:
                message = self._next_message(deadline, f"to answer {operation!r}")
                if "event" in message:
                    self._events.append((message["event"], message.get("data")))
                elif message.get("id") != self._asked:
                    raise self._error(f"answered {message!r}, and was asked request {self._asked}")
                elif "error" in message:
                    raise PeerRefused(f"{self.script.name} refused {operation!r}: {message['error']}")
                else:
                    return message["result"]

    async def ask_async(self, operation: str, timeout_s: float = ASK_TIMEOUT_S, /, **arguments: Any) -> Any:
        """Do what `ask` does without holding up the event loop."""
        return await asyncio.to_thread(self.ask, operation, timeout_s, **arguments)

    def next_event(self, timeout_s: float = ASK_TIMEOUT_S) -> tuple[str, Any]:
        """Return the next thing that the peer told of its own accord, as (event, data); wait for it."""
        deadline = time.monotonic() + timeout_s
        with self._lock:
            if not self._events:
                message = self._next_message(deadline, "to tell an event")
                if "event" not in message:
                    raise self._error(f"answered {message!r}, and was not asked")
                self._events.append((message["event"], message.get("data")))
            return self._events.popleft()

    def _error(self, what: str) -> PeerError:
        late = "" if self.namespace.is_up else f" (the namespace's {self.namespace.timeout_s:g} s are over)"
        return PeerError(f"{self.script.name} {what}{late}{shown(self._errors)}")

    def _write(self, data: bytes, deadline: float) -> None:
        assert self._process.stdin is not None
        rest = memoryview(data)
        while rest:
            self._wait(self._process.stdin, selectors.EVENT_WRITE, deadline, "to read a request")
            try:
                rest = rest[os.write(self._process.stdin.fileno(), rest[:CHUNK_BYTES]) :]
            except BrokenPipeError:
                raise self._error("ended before it read a request") from None

    def _next_message(self, deadline: float, purpose: str) -> dict[str, Any]:
        assert self._process.stdout is not None
        while (end_of_line := self._received.find(b"\n")) < 0:
            if len(self._received) > MAX_LINE_BYTES:
                raise self._error(f"sent a line of more than {MAX_LINE_BYTES} bytes")
            self._wait(self._process.stdout, selectors.EVENT_READ, deadline, purpose)
            chunk = os.read(self._process.stdout.fileno(), CHUNK_BYTES)
            if not chunk:
                raise self._error("ended and left a question open")
            self._received += chunk
        line = bytes(self._received[:end_of_line])
        del self._received[: end_of_line + 1]
        try:
            message = json.loads(line)
        except ValueError:
            message = None
        if not isinstance(message, dict):
            raise self._error(f"sent a line that is no JSON object: {line[:200]!r}")
        return message

    def _wait(self, pipe: Any, event: int, deadline: float, purpose: str) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(pipe, event)
            if not selector.select(max(0.0, deadline - time.monotonic())):
                raise self._error(f"took too long {purpose}")
