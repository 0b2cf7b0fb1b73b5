"""What the nodes of a soak can be asked: calls that take their time or are refused, and subscriptions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from random import Random

from p2plib.errors import CallFailed, PeerTimeout, Refusal
from p2plib.protocol.conformance import pattern
from p2plib.protocol.connection import Connection
from p2plib.protocol.rpc import BYTES, JSON, Call, Client, Service, Subscription
from p2plib.protocol.rpc.messages import TOO_LATE
from tests.soak.worlds import demand

PROTOCOL = "/calls/1"
REVERSE = Call("reverse", request=BYTES, response=BYTES)
COUNT: Subscription[int, int] = Subscription("count", request=JSON, response=JSON)
TOO_SHORT, SHORT_BYTES = "too short", 10
SIZES = (SHORT_BYTES, 3000, 70_000, 300_000)


class Desk:
    """The service of one server.

    Args:
        pause_s: the longest pause of a handler, in seconds.

    Attributes:
        busy: how many handlers are at work.
    """

    def __init__(self, pause_s: float) -> None:
        self.service = Service(PROTOCOL)
        self.busy = 0
        self._pause_s = pause_s
        self.service.add(REVERSE, self._reverse)
        self.service.add_subscription(COUNT, self._count)

    async def _reverse(self, data: bytes, caller: Connection) -> bytes:
        self.busy += 1
        try:
            if len(data) <= SHORT_BYTES:
                raise Refusal(TOO_SHORT, "nothing to reverse")
            await asyncio.sleep(self._pause_s * (data[0] % 5) / 4)
            return data[::-1]
        finally:
            self.busy -= 1

    async def _count(self, count: int, caller: Connection) -> AsyncGenerator[int, None]:
        self.busy += 1
        try:
            for number in range(count):
                yield number
                if number % 16 == 0:
                    await asyncio.sleep(self._pause_s / 8)
        finally:
            self.busy -= 1


async def call(client: Client, random: Random, pause_s: float, timeout_s: float) -> None:
    """Calls; demands the response that belongs to the request, or the refusal."""
    sent = pattern(random.choice(SIZES), random.randrange(250))
    is_hasty = random.random() < 0.2
    try:
        got = await client.call(REVERSE, sent, timeout_s=pause_s / 2 if is_hasty else timeout_s)
    except PeerTimeout:
        if not is_hasty:
            raise
        return
    except CallFailed as error:
        if is_hasty and error.code == TOO_LATE:
            return
        if error.code != TOO_SHORT or len(sent) > SHORT_BYTES:
            raise
        return
    demand(len(sent) > SHORT_BYTES, "a call that is refused had a response")
    demand(got == sent[::-1], f"a call with {len(sent)} bytes had another response, of {len(got)}")


async def subscribe(client: Client, random: Random, timeout_s: float) -> None:
    """Subscribes; demands all values in their order, up to the end or to where it leaves."""
    count = random.choice((0, 1, 40, 400))
    leaves_after = random.choice((1, 10, 1000))
    seen = 0
    async with client.subscribe(COUNT, count, timeout_s=timeout_s) as numbers:
        async for number in numbers:
            demand(number == seen, f"number {number} of a subscription came after {seen} others")
            seen += 1
            if seen == leaves_after:
                return
    demand(seen == count, f"a subscription ended after {seen} of {count} values")
