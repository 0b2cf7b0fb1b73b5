"""Keep-alive: notices that the peer at the other side is gone, or that nobody needs a connection. A driver.

A host that loses its power says nothing, and neither does a NAT that has forgotten a connection. TCP notices
only if something is sent, after many minutes, and whatever merely waits for news would wait forever.

Rules
    1. When nothing has come for `interval_s`, the other side is pinged. If nothing at all comes within
       `timeout_s` then, it is taken for dead. So a busy connection is never pinged, and where a ping must
       wait behind bulk data, the window updates that come show as well as a pong that the peer is there.
    2. A connection that has carried no stream for `idle_s` is no longer needed. A stream that is open,
       however silent (a subscription), keeps it.
    3. The defaults: NATs forget a silent connection after a minute or more (the hasty ones; RFC 5382 asks
       for two hours), so one ping in half a minute holds the way open. A radio that changes its cell is
       silent for ten or twenty seconds, so half a minute without an answer is needed before it counts as
       death. And to dial again costs about as much traffic as ten minutes of pings.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from dataclasses import dataclass

from p2plib.errors import Closed, PeerTimeout, UsageError
from p2plib.protocol.muxed import MuxedConnection

INTERVAL_S = 30.0
TIMEOUT_S = 30.0
IDLE_S = 600.0


@dataclass(frozen=True, slots=True)
class KeepAlive:
    """When a silent connection is ended.

    Args:
        interval_s: how long a connection may be silent before the other side is pinged, in seconds.
        timeout_s: how long its answer may take, in seconds.
        idle_s: how long a connection may be without a stream, in seconds; None means forever.

    Raises:
        UsageError: one of them is not above zero.
    """

    interval_s: float = INTERVAL_S
    timeout_s: float = TIMEOUT_S
    idle_s: float | None = IDLE_S

    def __post_init__(self) -> None:
        times = (self.interval_s, self.timeout_s, 1.0 if self.idle_s is None else self.idle_s)
        if not all(time_s > 0 for time_s in times):
            raise UsageError("the times of a keep-alive must be above zero")


class Monitor:
    """Watches one connection, once it has been started.

    Args:
        muxed: which.
        keep_alive: by which rules; None gives nothing up.

    Attributes:
        used_at: when it last carried a stream, as far as we saw, in seconds of the loop's clock.
    """

    def __init__(self, muxed: MuxedConnection, keep_alive: KeepAlive | None) -> None:
        self.used_at = 0.0
        self._muxed = muxed
        self._keep_alive = keep_alive

    def touch(self) -> None:
        """Notes that it is used just now."""
        self.used_at = asyncio.get_running_loop().time()

    async def run(self) -> str:
        """Waits until it is over, or should be ended; returns why it should be, "" if it is over."""
        keep_alive, muxed = self._keep_alive, self._muxed
        self.touch()
        try:
            if keep_alive is None:
                await muxed.wait_closed()
                return ""
            return await self._run(keep_alive)
        except Closed:
            return ""

    async def _run(self, rules: KeepAlive) -> str:
        muxed, was_idle = self._muxed, True
        clock = asyncio.get_running_loop().time
        while not muxed.is_over:
            if not (was_idle and muxed.is_idle):  # one that has just become idle was used until now
                self.touch()
            was_idle = muxed.is_idle
            unneeded_at = math.inf if rules.idle_s is None else self.used_at + rules.idle_s
            silent_at = muxed.heard_at + rules.interval_s
            if clock() >= unneeded_at:
                return f"it has carried no stream for {rules.idle_s:g} s"
            if clock() >= silent_at:
                if not await self._answers(rules.timeout_s):
                    return f"nothing came from it for {clock() - muxed.heard_at:.0f} s, not even a pong"
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(min(unneeded_at, silent_at)):
                    await muxed.wait_closed()
        return ""

    async def _answers(self, timeout_s: float) -> bool:
        """Whether anything came in answer to a ping."""
        asked_at = asyncio.get_running_loop().time()
        try:
            await self._muxed.ping(timeout_s=timeout_s)
        except PeerTimeout:
            return self._muxed.heard_at > asked_at
        return True
