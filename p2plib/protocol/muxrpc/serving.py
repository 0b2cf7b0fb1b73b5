"""Answering the calls of the other side: one task for each. A driver."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import inspect
from typing import TYPE_CHECKING

from p2plib.errors import CallFailed, Closed, Refusal
from p2plib.protocol.muxrpc.events import MuxrpcCalled
from p2plib.protocol.muxrpc.methods import MuxrpcMethod

if TYPE_CHECKING:
    from p2plib.protocol.muxrpc.driver import Muxrpc
    from p2plib.protocol.muxrpc.streams import MuxrpcStream

_FAILED = CallFailed("Error", "failed")


class Serving:
    """The handlers that run for one connection.

    Args:
        rpc: the connection.

    Attributes:
        failures: how often a handler raised what it should not, by the name of the error.
    """

    def __init__(self, rpc: Muxrpc) -> None:
        self.failures: collections.Counter[str] = collections.Counter()
        self._rpc = rpc
        self._tasks: dict[int, asyncio.Task[None]] = {}

    def begin(self, call: MuxrpcCalled) -> None:
        """Starts the handler of a call, or refuses it with the words that npm uses."""
        name = ".".join(call.name)
        method = self._rpc.methods.get(name)
        if method is None or not self._rpc.may_call(method):
            listed = ",".join(call.name)
            self._refuse(call, CallFailed("Error", f"method:{listed} is not in list of allowed methods"))
        elif method.kind != call.kind:
            self._refuse(call, CallFailed("Error", f"no {call.kind}:{name}"))
        elif not _takes(method, len(call.args)):
            self._refuse(call, CallFailed("Error", f"{name} does not take {len(call.args)} arguments"))
        else:
            # The stream must be there before the handler runs: items may have come together with the call.
            stream = self._rpc.add_stream(call.id) if call.kind in ("sink", "duplex") else None
            task = self._tasks[call.id] = asyncio.create_task(self._serve(call, method, stream))
            task.add_done_callback(lambda _: self._tasks.pop(call.id, None))

    def they_ended(self, id: int) -> None:
        """The other side has ended a stream: nobody works for a source that was dropped."""
        if id in self._tasks and id not in self._rpc.machine.open_ids:
            self._tasks[id].cancel()

    def cancel(self) -> None:
        """Cancels every handler but the one that calls this."""
        for task in self._tasks.values():
            if task is not asyncio.current_task():
                task.cancel()

    async def stop(self) -> None:
        """Cancels every handler, and waits until they have ended."""
        self.cancel()
        tasks = [task for task in self._tasks.values() if task is not asyncio.current_task()]
        if tasks:
            await asyncio.wait(tasks)

    def _refuse(self, call: MuxrpcCalled, error: CallFailed) -> None:
        if call.kind == "async":
            self._rpc.machine.answer(call.id, error)
        else:
            self._rpc.machine.end(call.id, error)

    async def _serve(self, call: MuxrpcCalled, method: MuxrpcMethod, stream: MuxrpcStream | None) -> None:
        try:
            match method.kind:
                case "async":
                    await self._answer(call, method)
                case "source":
                    await self._send_all(call, method)
                case _:
                    await method.handler(self._rpc, stream, *call.args)
            self._rpc.machine.end(call.id)
        except Refusal as refusal:
            self._tell(call, CallFailed(refusal.code, refusal.sentence))
        except Closed:  # the stream was dropped, or a connection is over: this one, or one of the handler's
            self._tell(call, _FAILED)
        except Exception as error:
            self._note(error)
            self._tell(call, _FAILED)
        self._rpc.ring()

    async def _answer(self, call: MuxrpcCalled, method: MuxrpcMethod) -> None:
        value = await method.handler(self._rpc, *call.args)
        await self._rpc.wait_for_room()
        self._rpc.machine.answer(call.id, value)

    async def _send_all(self, call: MuxrpcCalled, method: MuxrpcMethod) -> None:
        items = method.handler(self._rpc, *call.args)
        async with contextlib.aclosing(items):
            async for item in items:
                await self._rpc.wait_for_room()
                self._rpc.machine.send(call.id, item)
                self._rpc.ring()

    def _tell(self, call: MuxrpcCalled, error: CallFailed) -> None:
        with contextlib.suppress(Closed):
            self._refuse(call, error)

    def _note(self, error: Exception) -> None:
        """Counts a bug of ours; the first of each kind goes to the loop's exception handler."""
        name = type(error).__name__
        self.failures[name] += 1
        if self.failures[name] == 1:
            context = {"message": f"a muxrpc handler raised {name}", "exception": error}
            asyncio.get_running_loop().call_exception_handler(context)


def _takes(method: MuxrpcMethod, count: int) -> bool:
    """Whether a handler can be called with so many arguments of the other side's."""
    own = [None] if method.kind in ("async", "source") else [None, None]
    try:
        inspect.signature(method.handler).bind(*own, *[None] * count)
    except TypeError:
        return False
    return True
