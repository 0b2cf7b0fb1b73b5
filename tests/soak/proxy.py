"""A TCP proxy for tests: passes bytes on late and in other pieces, and each end and reset as what it was."""

from __future__ import annotations

import asyncio
import contextlib
from random import Random
from typing import Self

from p2plib.errors import P2PError, Unreachable
from p2plib.protocol.stream import Stream
from p2plib.protocol.tcp import TcpListener, TcpStream, connect_tcp

MAX_DELAY_S = 0.003
CHUNKS = (1, 17, 1460, 20_000, 65_536)


class Proxy:
    """Stands before a listener; use it with `async with`.

    Args:
        random: draws the sizes of pieces and the delays.

    Attributes:
        target: where it passes everything on to.
    """

    def __init__(self, random: Random) -> None:
        self.target = ("127.0.0.1", 0)
        self._random = random
        self._listener = TcpListener(self._carry)

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        return self._listener.address

    async def __aenter__(self) -> Self:
        await self._listener.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._listener.__aexit__(*error)

    async def _carry(self, near: TcpStream) -> None:
        try:
            far = await connect_tcp(*self.target)
        except Unreachable:  # whoever listened there is being restarted
            near.reset()
            return
        try:
            await asyncio.gather(self._pass_on(near, far), self._pass_on(far, near))
            # Both have ended, so this closes nobody's stream too early.
            await asyncio.gather(near.close(), far.close())
        finally:
            near.reset()
            far.reset()

    async def _pass_on(self, source: Stream, sink: Stream) -> None:
        draw = self._random
        with contextlib.suppress(P2PError):
            while data := await source.read(draw.choice(CHUNKS)):
                if draw.random() < 0.3:
                    await asyncio.sleep(draw.uniform(0, MAX_DELAY_S))
                await sink.write(data)
            await sink.close_write()
            return
        source.reset()
        sink.reset()
