"""The suite passes a source that keeps the rules, and refuses each that breaks one, by the check's name."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Self

import pytest

from p2plib.discovery import conformance
from p2plib.discovery.conformance import CHECKS, check_source, run_check
from p2plib.discovery.source import Found
from p2plib.discovery.turns import Turns
from p2plib.discovery.worlds import Member, NotConformingSource, World
from p2plib.errors import Closed, PeerTimeout, RequestRefused
from p2plib.sim import Internet
from tests.discovery.tiny import EXPIRY_S, TinyDirectory, TinySource, simulated


def test_the_tiny_source_conforms(internet: Internet) -> None:
    async def main(net: Internet) -> list[str]:
        return await check_source(partial(simulated, net))

    assert internet.run(main) == []


def test_it_conforms_on_real_sockets() -> None:
    """What a world cannot do is skipped, and said."""

    @asynccontextmanager
    async def real() -> AsyncIterator[World]:
        async with TinyDirectory("127.0.0.1", 0) as directory:
            yield World([Member(TinySource(directory.address), "127.0.0.1") for _ in range(2)])

    async def main() -> list[str]:
        checks = [check for check in CHECKS if "cancelled" not in check.__name__]
        return [check.__name__ for check in checks if not await run_check(check, real, timeout_s=20)]

    skipped = asyncio.run(main())
    assert len(skipped) == 7
    assert "check_rule_3_nobody_reached" not in skipped
    assert "check_rule_2_it_is_renewed_until_withdrawn" in skipped


class LeavesATask(TinySource):
    """check_rule_1_a_block_that_does_nothing"""

    async def __aexit__(self, *error: object) -> None:
        await super().__aexit__(*error)
        self.left = asyncio.ensure_future(asyncio.sleep(3600))


class LeavesCallersWaiting(TinySource):
    """check_rule_1_a_block_that_fails_while_calls_wait"""

    async def __aexit__(self, *error: object) -> None:
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(KeyError("closed"))
        await super().__aexit__(*error)


class TellsNobody(TinySource):
    """check_rule_2_announced_is_found"""

    async def announce(self, topic: bytes, port: int) -> None:
        self._check_open()


class MixesTopics(TinySource):
    """check_rule_2_topics_are_kept_apart"""

    async def _ask(self, topic: bytes, port: int) -> bytes:
        return await super()._ask(b"the one and only    ", port)


class KeepsTheFirstPort(TinySource):
    """check_rule_2_a_new_port"""

    async def announce(self, topic: bytes, port: int) -> None:
        if topic not in self._renewing:
            await super().announce(topic, port)


class RenewsTheOldPort(TinySource):
    """check_rule_2_a_new_port"""

    async def _renew(self, topic: bytes, port: int) -> None:
        self.first = getattr(self, "first", port)
        await super()._renew(topic, self.first)


class NeverRenews(TinySource):
    """check_rule_2_it_is_renewed_until_withdrawn"""

    async def _renew(self, topic: bytes, port: int) -> None:
        pass


class GoesOnRenewing(TinySource):
    """check_rule_2_it_is_renewed_until_withdrawn"""

    async def withdraw(self, topic: bytes) -> None:
        self._check_open()


class NoTurns(Turns):
    """Lets every call go ahead at once."""

    @asynccontextmanager
    async def of(self, topic: bytes) -> AsyncIterator[None]:
        self._check_open()
        yield


class LetsCallsRace(TinySource):
    """check_rule_2_the_last_call_counts"""

    async def __aenter__(self) -> Self:
        self._turns = NoTurns(self._check_open)
        return await super().__aenter__()


class LetsWithdrawOvertake(TinySource):
    """check_rule_2_the_last_call_counts"""

    async def withdraw(self, topic: bytes) -> None:
        if not len(self._turns):
            await super().withdraw(topic)


class KeepsToTheCallUnderWay(TinySource):
    """check_rule_2_the_last_call_counts"""

    async def announce(self, topic: bytes, port: int) -> None:
        if not len(self._turns):
            await super().announce(topic, port)


class RefusesASecondCall(TinySource):
    """check_rule_2_the_last_call_counts"""

    async def announce(self, topic: bytes, port: int) -> None:
        if len(self._turns):
            raise RequestRefused("one at a time")
        await super().announce(topic, port)


class WithdrawsWithTrouble(TinySource):
    """check_rule_2_withdraw_raises_nothing"""

    async def withdraw(self, topic: bytes) -> None:
        self._check_open()
        self._renewing.pop(topic).cancel()


class TakesAnyPort(TinySource):
    """check_rule_2_what_cannot_be_announced"""

    async def announce(self, topic: bytes, port: int) -> None:
        if port > 0:
            await super().announce(topic, port)


class SilentWhenNobodyAnswers(TinySource):
    """check_rule_3_nobody_is_reached"""

    async def _ask(self, topic: bytes, port: int) -> bytes:
        with contextlib.suppress(PeerTimeout):
            return await super()._ask(topic, port)
        return b""


class RaisesItsOwn(TinySource):
    """check_rule_3_nobody_is_reached"""

    async def _ask(self, topic: bytes, port: int) -> bytes:
        try:
            return await super()._ask(topic, port)
        except PeerTimeout:
            raise TimeoutError from None


class GivesUpForEver(TinySource):
    """check_rule_3_what_failed_may_be_tried_again"""

    failed = False

    async def _ask(self, topic: bytes, port: int) -> bytes:
        if self.failed:
            raise PeerTimeout("once is enough")
        try:
            return await super()._ask(topic, port)
        except PeerTimeout:
            self.failed = True
            raise


class SwallowsANo(TinySource):
    """check_rule_3_a_clear_no"""

    def _said(self, message: dict[bytes, Any]) -> bytes:
        with contextlib.suppress(RequestRefused):
            return super()._said(message)
        return b""


class OneAtATime(TinySource):
    """check_rule_4_lookups_at_once"""

    async def _ask(self, topic: bytes, port: int) -> bytes:
        if self._waiting and not port:
            other = next(iter(self._waiting.values()))
            await asyncio.wait([other])
            return b"" if other.cancelled() else self._said(other.result())
        return await super()._ask(topic, port)


class NothingIsAnError(TinySource):
    """check_rule_5_nothing_found_is_an_answer"""

    async def lookup(self, topic: bytes) -> AsyncGenerator[Found, None]:
        found = [each async for each in super().lookup(topic)]
        if not found:
            raise PeerTimeout("nobody has it")
        for each in found:
            yield each


class BelievesEverything(TinySource):
    """check_rule_6_lies_are_filtered"""

    def _is_possible(self, address: tuple[str, int]) -> bool:
        return True


class CountsNothing(TinySource):
    """check_rule_6_lies_are_filtered"""

    async def lookup(self, topic: bytes) -> AsyncGenerator[Found, None]:
        async for each in super().lookup(topic):
            yield each
        self.ignored.clear()


class GivesTwice(TinySource):
    """check_rule_6_lies_are_filtered"""

    async def lookup(self, topic: bytes) -> AsyncGenerator[Found, None]:
        async for each in super().lookup(topic):
            yield each
            if self.ignored:
                yield each


class GivesAnyNumber(TinySource):
    """check_rule_6_a_flood_is_bounded"""

    async def lookup(self, topic: bytes) -> AsyncGenerator[Found, None]:
        async for each in super().lookup(topic):
            yield each
            if each.address[1] == 2999:
                for port in range(3000, 3100):
                    yield Found((each.address[0], port), self.name)


class LosesHeartAtNoise(TinySource):
    """check_rule_7_noise"""

    def _arrived(self, data: bytes, address: tuple[str, int]) -> None:
        if data.startswith(b"GET"):
            for answer in self._waiting.values():
                if not answer.done():
                    answer.set_exception(ValueError("what is this?"))
        super()._arrived(data, address)


class BreaksWhenALookupIsLeft(TinySource):
    """check_rule_8_a_lookup_may_be_left"""

    async def lookup(self, topic: bytes) -> AsyncGenerator[Found, None]:
        try:
            async for each in super().lookup(topic):
                yield each
        except GeneratorExit:
            self.directory = ("192.0.2.200", 1)
            raise


class BreaksWhenCancelled(TinySource):
    """check_rule_8_calls_may_be_cancelled"""

    async def _ask(self, topic: bytes, port: int) -> bytes:
        try:
            return await super()._ask(topic, port)
        except asyncio.CancelledError:
            self.directory = ("192.0.2.200", 1)
            raise


class ForgetsBeforeItIsDone(TinySource):
    """check_rule_8_what_was_cancelled_can_be_withdrawn"""

    async def withdraw(self, topic: bytes) -> None:
        self._check_open()
        renewing = self._renewing.pop(topic, None)
        await asyncio.sleep(0.05)
        if renewing is not None:
            renewing.cancel()


class OpenAfterItsEnd(TinySource):
    """check_rule_9_after_the_block"""

    async def lookup(self, topic: bytes) -> AsyncGenerator[Found, None]:
        with contextlib.suppress(Closed):
            async for each in super().lookup(topic):
                yield each


BROKEN = [kind for kind in list(globals().values()) if isinstance(kind, type) and kind.__base__ is TinySource]


@pytest.mark.parametrize("kind", BROKEN, ids=lambda kind: kind.__name__)
def test_a_broken_source_is_refused_by_the_check_that_its_fault_is_about(kind: type[TinySource]) -> None:
    net = Internet(1, strict=False)
    named = [check for check in CHECKS if check.__name__ == kind.__doc__]
    assert named, f"there is no check called {kind.__doc__}"

    async def main(net: Internet) -> None:
        await run_check(named[0], partial(simulated, net, kind))

    with pytest.raises(NotConformingSource, match=str(kind.__doc__)):
        net.run(main)


def test_each_check_refuses_something() -> None:
    assert {check.__name__ for check in CHECKS} == {kind.__doc__ for kind in BROKEN}


def test_a_source_that_hangs_is_refused_after_a_while(internet: Internet) -> None:
    class Hangs(TinySource):
        async def __aexit__(self, *error: object) -> None:
            await super().__aexit__(*error)
            await asyncio.sleep(10 * EXPIRY_S)

    async def main(net: Internet) -> None:
        await run_check(conformance.check_rule_9_after_the_block, partial(simulated, net, Hangs), timeout_s=5)

    with pytest.raises(NotConformingSource, match="still waiting after 5 s"):
        internet.run(main)
