"""Several addresses of one peer: which is taken, what is left of the others, and what is said of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from p2plib.errors import P2PError, PeerTimeout, Unreachable, UsageError
from p2plib.protocol.dialling import STAGGER_S, Attempt, first_of
from p2plib.sim import Internet


class FakeConnection:
    def __init__(self, name: str) -> None:
        self.name = name
        self.closed = ""

    async def close(self, reason: str) -> None:
        await asyncio.sleep(1)
        self.closed = reason


class Attempts:
    """Attempts that take so long and then succeed, or raise; it keeps what became of each."""

    def __init__(self) -> None:
        self.began: dict[str, float] = {}
        self.made: dict[str, FakeConnection] = {}

    def __call__(self, name: str, takes_s: float, error: P2PError | None = None) -> Attempt:
        async def attempt() -> Any:
            self.began[name] = asyncio.get_running_loop().time()
            await asyncio.sleep(takes_s)
            if error is not None:
                raise error
            self.made[name] = FakeConnection(name)
            return self.made[name]

        return attempt


def run(main: Callable[[Attempts], Awaitable[None]]) -> None:
    async def program(net: Any) -> None:
        await main(Attempts())

    Internet(seed=1).run(program)


def test_the_first_that_stands_is_taken_and_the_others_are_given_up() -> None:
    async def main(attempts: Attempts) -> None:
        tried = {
            "silent": attempts("silent", 10),
            "good": attempts("good", 1),
            "late": attempts("late", 5),
        }
        assert (await first_of(tried)) is attempts.made["good"]  # type: ignore[comparison-overlap]
        assert attempts.began == {"silent": 0, "good": STAGGER_S, "late": 2 * STAGGER_S}
        await asyncio.sleep(20)
        assert list(attempts.made) == ["good"]

    run(main)


def test_a_failure_begins_the_next_at_once() -> None:
    async def main(attempts: Attempts) -> None:
        tried = {
            "refused": attempts("refused", 0.01, Unreachable("refused")),
            "good": attempts("good", 0.1),
            "spare": attempts("spare", 1),
        }
        await first_of(tried)
        assert attempts.began == {"refused": 0, "good": 0.01}

    run(main)


def test_of_two_at_once_one_is_closed() -> None:
    async def main(attempts: Attempts) -> None:
        gate = asyncio.Event()
        asyncio.get_running_loop().call_later(1, gate.set)

        def behind_the_gate(name: str) -> Attempt:
            async def attempt() -> Any:
                await gate.wait()
                return await attempts(name, 0)()

            return attempt

        found: Any = await first_of({name: behind_the_gate(name) for name in "ab"})
        (other,) = (each for each in attempts.made.values() if each is not found)
        assert (found.closed, other.closed) == ("", "another address answered sooner")

    run(main)


def test_if_none_will_do_it_says_why_of_each() -> None:
    async def main(attempts: Attempts) -> None:
        tried = {
            "/a": attempts("a", 1, Unreachable("refused")),
            "/b": attempts("b", 0.1, PeerTimeout("late")),
        }
        problems = {"/c": UsageError("no TCP port")}
        with pytest.raises(Unreachable) as caught:
            await first_of(tried, problems)
        assert str(caught.value) == "none of the 3 addresses worked: /c: no TCP port; /b: late; /a: refused"
        with pytest.raises(PeerTimeout, match="late"):
            await first_of({"/b": tried["/b"]})
        with pytest.raises(UsageError, match="no TCP port"):
            await first_of({}, problems)

    run(main)


@pytest.mark.fault("F051")
def test_whoever_is_cancelled_leaves_no_attempt() -> None:
    async def main(attempts: Attempts) -> None:
        dialling = asyncio.ensure_future(first_of({"a": attempts("a", 10), "b": attempts("b", 10)}))
        await asyncio.sleep(1)
        dialling.cancel()
        await asyncio.wait([dialling])
        await asyncio.sleep(20)
        assert dialling.cancelled()
        assert not attempts.made

    run(main)


def test_a_bug_is_no_reason_to_try_the_next() -> None:
    async def main(attempts: Attempts) -> None:
        async def breaks() -> Any:
            raise KeyError("ours")

        with pytest.raises(KeyError):
            await first_of({"a": attempts("a", 1), "b": breaks})
        await asyncio.sleep(20)
        assert not attempts.made

    run(main)
