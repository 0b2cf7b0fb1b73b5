"""Replicating a hyperlog over any `Stream`. A driver: thin, over `p2plib.data.hyperlog.machine`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from p2plib.data.hyperlog import messages
from p2plib.data.hyperlog.graph import Hyperlog, LogEntry
from p2plib.data.hyperlog.machine import DEFAULT_LIMITS, HyperlogLimits, HyperlogStats, HyperlogSync
from p2plib.errors import EndOfStream, PeerTimeout, StreamReset, Truncated
from p2plib.protocol.buffers import Bell
from p2plib.protocol.framing import FramedStream
from p2plib.protocol.stream import Stream
from p2plib.protocol.tasks import end_tasks

SILENCE_TIMEOUT_S = 30.0


async def replicate(
    stream: Stream,
    graph: Hyperlog,
    *,
    mode: str = "sync",
    live: bool = False,
    limits: HyperlogLimits = DEFAULT_LIMITS,
    silence_timeout_s: float = SILENCE_TIMEOUT_S,
    when_synced: Callable[[], object] | None = None,
) -> HyperlogStats:
    """Runs one exchange, and closes the stream. Both sides call it; either may have dialled.

    Args:
        stream: to the other replica; it is closed at the end, and reset if something goes wrong.
        graph: ours. Several exchanges may fill it at once.
        mode: "sync", "push" (only send) or "pull" (only take).
        live: whether to go on until the other side ends, or until this is cancelled.
        limits: what the other side may make us keep.
        silence_timeout_s: for how long it may send nothing before both have the same, take nothing of what
            we send, or not end when both are through; live, it may say nothing forever.
        when_synced: called once, when both have what they wanted.

    Returns:
        What was done.

    Raises:
        RemoteError: the other side broke a rule (DecodeError, InvalidEntry, SignatureError, Forked), or ended
            before we had what it had named (Truncated).
        StreamReset: the connection broke.
        PeerTimeout: it was silent for too long.
    """
    machine = HyperlogSync(graph, mode=mode, live=live, limits=limits)
    exchange = _Exchange(stream, machine, silence_timeout_s, when_synced)
    unwatch = graph.watch(exchange.added)
    try:
        await exchange.run()
    except BaseException:
        stream.reset()
        raise
    finally:
        unwatch()
        machine.close()
    await stream.close()
    return machine.stats


class _Exchange:
    """One run of the machine: a task reads, and this one writes."""

    def __init__(
        self,
        stream: Stream,
        machine: HyperlogSync,
        silence_timeout_s: float,
        when_synced: Callable[[], object] | None,
    ) -> None:
        self._stream = stream
        self._machine = machine
        self._timeout_s = silence_timeout_s
        self._when_synced = when_synced
        self._changed = Bell()
        self._they_ended = False

    def added(self, entry: LogEntry) -> None:
        self._machine.added(entry)
        self._changed.ring()

    async def run(self) -> None:
        """Reads and writes until both are through; of two errors, the one from reading says more."""
        reading, writing = asyncio.create_task(self._read()), asyncio.create_task(self._write())
        try:
            await asyncio.wait([reading, writing], return_when=asyncio.FIRST_EXCEPTION)
            if writing.done() and isinstance(writing.exception(), StreamReset):
                await asyncio.wait([reading])  # that ends, too, and may say why
            for task in (reading, writing):
                if task.done():
                    task.result()
        finally:
            await end_tasks(reading, writing)

    async def _write(self) -> None:
        """Sends until nothing is left to be sent; then it says so."""
        while not self._machine.is_done:
            message = self._machine.next_message()
            if message is not None:
                await self._send(messages.frame(message))
            elif self._they_ended:
                break
            else:
                await self._changed.wait()
        await self._stream.close_write()

    async def _send(self, raw: bytes) -> None:
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._stream.write(raw)
        except TimeoutError:
            raise PeerTimeout(f"{self._stream.remote} took nothing for {self._timeout_s:g} s") from None

    async def _read(self) -> None:
        frames = FramedStream(self._stream, messages.FRAMES)
        machine, time = self._machine, asyncio.get_running_loop().time
        until: float | None = time() + self._timeout_s
        while True:
            try:
                async with asyncio.timeout_at(until):
                    raw = await frames.receive()
            except TimeoutError:
                if machine.is_done:
                    return  # they do not end, but nothing more is to come
                raise PeerTimeout(f"{self._stream.remote} said nothing for {self._timeout_s:g} s") from None
            except EndOfStream:
                if not machine.is_synced:
                    lack = f"before both had everything: {machine.missing} entries are missing"
                    raise Truncated(f"{self._stream.remote} ended {lack}") from None
                self._they_ended = True
                self._changed.ring()
                return
            was_synced, was_done = machine.is_synced, machine.is_done
            machine.receive(messages.decode(raw))
            if machine.is_synced and not was_synced and self._when_synced is not None:
                self._when_synced()
            self._changed.ring()
            if not was_done:  # when we are through, they have this long to end, whatever they go on saying
                until = None if machine.is_synced and machine.is_live else time() + self._timeout_s
