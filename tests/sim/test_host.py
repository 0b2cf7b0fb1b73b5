"""Hosts: which code runs where, crashes, shutdowns and restarts."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import sys
from collections.abc import Callable
from typing import Any

import pytest

from p2plib.errors import HostDown, UsageError
from p2plib.sim import Internet, Link, current_host
from tests.sim.small import Mailbox, mailbox

FAST = Link(latency=0.01)


def run(main: Callable[[Internet], Any], **named: Any) -> Any:
    return Internet(seed=3, link=FAST, **named).run(main)


def test_tasks_and_callbacks_know_their_host() -> None:
    async def who(delay: float) -> list[str]:
        loop, seen = asyncio.get_running_loop(), []
        loop.call_later(delay, lambda: seen.append(current_host().name))
        await asyncio.sleep(2 * delay)
        seen.append(await asyncio.create_task(_name()))
        return seen

    async def main(net: Internet) -> Any:
        ana, ben = net.host("ana"), net.host("ben")
        both = await asyncio.gather(ana.run(who(0.1)), ben.run(who(0.15)))
        with ana:
            with ben:
                inner = current_host().name
            outer = current_host().name
        with pytest.raises(UsageError, match="runs on no host"):
            current_host()
        return both, inner, outer

    assert run(main) == ([["ana", "ana"], ["ben", "ben"]], "ben", "ana")


async def _name() -> str:
    return current_host().name


class Counter:
    """A program that counts on disk, and writes down what it lives through."""

    def __init__(self, *, sync: bool) -> None:
        self.sync, self.log = sync, []  # type: ignore[var-annotated]

    async def __call__(self) -> None:
        host = current_host()
        count = int(host.disk.read("count")) if "count" in host.disk.names() else 0
        self.log.append(f"start at {count}")
        try:
            while True:
                await asyncio.sleep(1)
                count += 1
                host.disk.write("count", str(count).encode())
                if self.sync:
                    host.disk.sync()
        except asyncio.CancelledError:
            self.log.append("cancelled")
            raise
        finally:
            self.log.append("cleaned up")


@pytest.mark.parametrize(
    ("sync", "lose_disk", "expected"),
    [(True, False, "start at 5"), (False, False, "start at 0"), (True, True, "start at 0")],
)
def test_a_crash_runs_not_one_line_more_and_keeps_what_was_synced(
    sync: bool, lose_disk: bool, expected: str
) -> None:
    counter = Counter(sync=sync)

    async def main(net: Internet) -> list[str]:
        ana = net.host("ana")
        ana.start(counter)
        await asyncio.sleep(5.5)
        ana.crash(lose_disk=lose_disk)
        assert not ana.is_up
        await asyncio.sleep(10)
        before = list(counter.log)
        gc.collect()
        ana.restart()
        await asyncio.sleep(2.5)
        return [*before, *counter.log]

    assert run(main) == ["start at 0", "start at 0", expected]
    assert counter.log[2:4] == ["cancelled", "cleaned up"], "the second incarnation, at the end of the run"


def test_a_shutdown_lets_programs_clean_up_and_a_restart_runs_them_again() -> None:
    counter = Counter(sync=False)

    async def main(net: Internet) -> None:
        ana = net.host("ana")
        ana.start(counter)
        await asyncio.sleep(3.5)
        await ana.stop()
        assert not ana.is_up
        ana.restart()
        with pytest.raises(UsageError, match="is up"):
            ana.restart()
        await asyncio.sleep(0.5)

    run(main)
    assert counter.log == ["start at 0", "cancelled", "cleaned up", "start at 3", "cancelled", "cleaned up"]


def test_who_waits_for_a_host_is_told_that_it_went_down() -> None:
    async def main(net: Internet) -> list[str]:
        ana, seen = net.host("ana"), []
        net.at(3.0, lambda _: ana.crash())
        for _ in range(2):
            try:
                await ana.run(asyncio.sleep(100))
            except HostDown as error:
                seen.append(str(error))
        return seen

    assert run(main) == ["ana went down at 3 s", "ana is down"]


def test_a_crashed_host_hears_nothing_and_its_ports_are_free_after_a_restart() -> None:
    async def main(net: Internet) -> Any:
        ana, ben = net.host("ana"), net.host("ben")
        one, other = await mailbox(ana, 1), await mailbox(ben, 2, echo=True)
        one.send(b"before", (ben.address, 2))
        await asyncio.sleep(1)
        ben.crash()
        one.send(b"down", (ben.address, 2))
        await asyncio.sleep(1)
        ben.restart()
        one.send(b"up, but nobody listens", (ben.address, 2))
        await asyncio.sleep(1)
        again = await mailbox(ben, 2, echo=True)
        one.send(b"again", (ben.address, 2))
        await asyncio.sleep(1)
        one.close()
        again.close()
        return one.data, other.lost, net.trace.dropped()

    data, lost, dropped = run(main)
    assert data == [b"before", b"again"]
    assert lost == [], "a crash says nothing to the programs of the machine"
    assert dropped == {"host down": 1, "nobody listens": 1}


@pytest.mark.fault("F157")
def test_a_handler_that_raises_harms_nobody_else() -> None:
    class Bad(Mailbox):
        def datagram_received(self, data: bytes, addr: Any) -> None:
            super().datagram_received(data, addr)
            if data == b"bad":
                raise ValueError("cannot read this")

    async def main(net: Internet) -> list[bytes]:
        ana, ben = net.host("ana"), net.host("ben")
        one = await mailbox(ana, 1)
        with ben:
            _, bad = await asyncio.get_running_loop().create_datagram_endpoint(Bad, ("0.0.0.0", 2))
        for data in (b"good", b"bad", b"good again"):
            one.send(data, (ben.address, 2))
        await asyncio.sleep(1)
        one.close()
        bad.close()
        return bad.data

    net = Internet(link=FAST, strict=False)
    assert net.run(main) == [b"good", b"bad", b"good again"]
    assert len(net.leaks) == 1
    assert net.leaks[0].startswith("ben: datagram_received raised: ValueError('cannot read this')")


def test_start_wants_something_that_can_be_run_again() -> None:
    async def main(net: Internet) -> None:
        coroutine = asyncio.sleep(1)
        with pytest.raises(UsageError, match="async function"):
            net.host("ana").start(coroutine)  # type: ignore[arg-type]
        coroutine.close()

    run(main)


class Recorder(asyncio.Protocol):
    """Writes down, with the time, what happens to a connection."""

    def __init__(self, log: list[tuple[float, str]]) -> None:
        self.log = log

    def note(self, what: str) -> None:
        self.log.append((round(asyncio.get_running_loop().time(), 6), what))

    def eof_received(self) -> bool:
        self.note("eof")
        return False

    def connection_lost(self, error: Exception | None) -> None:
        self.note(f"lost: {error!r}")


def test_run_wants_a_coroutine_and_says_where_one_has_raised() -> None:
    async def visit() -> None:
        raise OSError("the shop is closed")

    async def main(net: Internet) -> None:
        ana, ben = net.host("ana"), net.host("ben")
        with pytest.raises(UsageError, match="with the parentheses"):
            await ana.run(visit)  # type: ignore[arg-type]
        with pytest.raises(OSError, match="closed") as raised:
            await ben.run(ana.run(ana.run(visit())))
        assert raised.value.__notes__ == ["raised on the host ana", "raised on the host ben"]

    Internet().run(main)


async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


async def plain_server() -> None:
    await asyncio.start_server(hold, "0.0.0.0", 80)
    await asyncio.Event().wait()


async def waiting_server() -> None:
    """Waits at its end until its clients have gone, as Python does since 3.12.1."""
    async with await asyncio.start_server(hold, "0.0.0.0", 80) as server:
        await server.serve_forever()


@pytest.mark.parametrize(("program", "heard_s"), [(plain_server, 2.01), (waiting_server, 12.01)])
def test_a_shutdown_is_heard_at_the_other_end_and_the_port_can_be_used_again(
    program: Callable[[], Any], heard_s: float
) -> None:
    async def main(net: Internet) -> list[tuple[float, str]]:
        server, ana, log = net.host("server"), net.host("ana"), list[tuple[float, str]]()
        loop = asyncio.get_running_loop()
        server.start(program)
        await asyncio.sleep(1)
        with ana:
            await loop.create_connection(lambda: Recorder(log), "server", 80)
        await asyncio.sleep(2 - net.time)
        await server.stop()
        assert not server.is_up
        assert not server.tcp
        server.restart()
        await asyncio.sleep(1)
        with ana:
            transport, _ = await loop.create_connection(lambda: Recorder([]), "server", 80)
        transport.close()
        await asyncio.sleep(1)
        await server.stop()
        return log

    assert run(main) == [(heard_s, "eof"), (heard_s, "lost: None")]


def test_a_shutdown_whose_last_words_are_lost_says_them_again() -> None:
    async def main(net: Internet) -> list[tuple[float, str]]:
        server, ana, log = net.host("server"), net.host("ana"), list[tuple[float, str]]()
        server.start(plain_server)
        await asyncio.sleep(1)
        with ana:
            await asyncio.get_running_loop().create_connection(lambda: Recorder(log), "server", 80)
        await asyncio.sleep(1)
        net.block(server, ana)
        net.at(net.time + 0.1, lambda _: net.unblock(server, ana))
        await server.stop()
        assert not server.is_up
        await asyncio.sleep(1)
        return log

    assert [what for _, what in run(main)] == ["eof", "lost: None"]


def test_a_program_that_waits_for_a_task_of_its_host_ends_after_it() -> None:
    ended: list[str] = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("task")

    async def program() -> None:
        task = asyncio.create_task(work())
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.wait({task})
            ended.append("program")

    async def main(net: Internet) -> float:
        ana = net.host("ana")
        ana.start(program)
        await asyncio.sleep(1)
        await ana.stop(grace_s=2)
        return net.time

    assert run(main) == 3.0, "the program has two seconds, and the task ends at once"
    assert ended == ["task", "program"]


def test_a_shutdown_ends_all_that_runs_on_the_host() -> None:
    ended: list[str] = []

    async def work(name: str) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(name)

    async def main(net: Internet) -> str:
        ana = net.host("ana")
        ana.start(work, "started")
        with ana:
            task = asyncio.create_task(work("a task"))
        awaited = asyncio.create_task(ana.run(work("awaited")))
        await asyncio.sleep(1)
        await ana.stop()
        assert task.cancelled()
        with pytest.raises(HostDown) as caught:
            await awaited
        return str(caught.value)

    assert run(main) == "ana went down at 1 s"
    assert ended == ["started", "awaited", "a task"]


def test_what_does_not_let_itself_be_cancelled_is_killed() -> None:
    ticks: list[float] = []

    async def stubborn() -> None:
        while True:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(1)
            ticks.append(asyncio.get_running_loop().time())

    async def main(net: Internet) -> float:
        ana = net.host("ana")
        ana.start(stubborn)
        await asyncio.sleep(0.5)
        await ana.stop(grace_s=2)
        stopped_s = net.time
        await asyncio.sleep(10)
        return stopped_s

    assert run(main) == 2.5
    assert max(ticks) <= 2.5


def test_a_power_cut_in_the_midst_of_a_shutdown_and_a_program_that_stops_its_own_host() -> None:
    async def slow() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(5)

    async def suicide() -> None:
        await asyncio.sleep(1)
        await current_host().stop()

    async def main(net: Internet) -> list[bool]:
        ana, ben = net.host("ana"), net.host("ben")
        ana.start(slow)
        ben.start(suicide)
        await asyncio.sleep(0.5)
        net.at(2.0, lambda _: ana.crash())
        net.at(3.0, lambda _: ana.restart())
        await ana.stop()
        await ana.stop() if not ana.is_up else None
        return [ana.is_up, ben.is_up]

    assert run(main) == [True, False]


def test_a_host_that_was_started_again_in_the_midst_of_its_shutdown_stays_on() -> None:
    async def main(net: Internet) -> bool:
        server, ana = net.host("server"), net.host("ana")
        server.start(plain_server)
        await asyncio.sleep(1)
        with ana:
            await asyncio.get_running_loop().create_connection(lambda: Recorder([]), "server", 80)
        await asyncio.sleep(1)
        net.block(server, ana)
        net.at(net.time + 1, lambda _: server.crash())
        net.at(net.time + 1.01, lambda _: server.restart())
        await server.stop()
        ana.crash()
        return server.is_up

    assert run(main)


class Odd:
    """As numpy's arrays: == has no truth."""

    def __eq__(self, other: object) -> Any:
        raise ValueError("the truth value is ambiguous")

    __hash__ = None  # type: ignore[assignment]


def test_a_program_is_started_twice_with_the_same_arguments_of_any_kind() -> None:
    seen: list[str] = []

    async def program(argument: Odd, seconds: float) -> None:
        await asyncio.sleep(seconds)
        seen.append(current_host().name)

    async def main(net: Internet) -> None:
        ana, odd = net.host("ana"), Odd()
        for _ in range(2):
            ana.start(program, odd, 1.0)
        await asyncio.sleep(2)
        ana.start(program, odd, 1.0)
        ana.start(program, odd, 9.0)
        await asyncio.sleep(2)
        ana.crash()
        ana.restart()
        await asyncio.sleep(10)

    run(main)
    assert seen == ["ana"] * 4, "a restart runs again what ran, and not what had ended"


def test_a_host_keeps_nothing_of_what_it_has_run() -> None:
    async def main(net: Internet) -> tuple[int, int]:
        ana = net.host("ana")
        for _ in range(100):
            await ana.run(asyncio.sleep(0.01))
        return len(ana.incarnation.ended), len(ana._awaited)

    assert run(main) == (0, 0)


@pytest.mark.parametrize("where", ["task", "background", "callback", "datagram", "signal"])
@pytest.mark.parametrize("code", [None, 0, 3])
def test_a_program_that_exits_ends_what_runs_on_its_host_and_nothing_else(
    where: str, code: int | None
) -> None:
    seen: list[str] = []

    def leave(*_: Any) -> None:
        sys.exit(code)

    async def leave_soon() -> None:
        await asyncio.sleep(0)
        leave()

    async def program() -> None:
        await asyncio.start_server(hold, "0.0.0.0", 80)  # and nobody closes it: the process's end does
        box = await mailbox(current_host(), 4000)
        try:
            if where == "task":
                leave()
            elif where == "background":
                seen_to = asyncio.create_task(leave_soon())
                await asyncio.Event().wait()
                del seen_to
            elif where == "callback":
                asyncio.get_running_loop().call_soon(leave)
            elif where == "datagram":
                box.datagram_received = leave  # type: ignore[method-assign]
                box.transport.set_protocol(box)
                box.send(b"x", ("127.0.0.1", 4000))
            else:
                signal.signal(signal.SIGTERM, leave)
                current_host().signal(signal.SIGTERM)
            await asyncio.Event().wait()
        finally:
            seen.append("cleaned up")

    async def main(net: Internet) -> None:
        ana, ben = net.host("ana"), net.host("ben")
        ana.start(program)
        ben.start(asyncio.sleep, 20)
        await asyncio.sleep(15)
        assert ana.is_up
        ana.restart()
        await asyncio.sleep(1)
        assert seen == ["cleaned up"], "it had ended, and a restart does not run it again"

    net = Internet(1, strict=False)
    net.run(main)
    assert [leak.split(" in ")[0] for leak in net.leaks] == (
        [] if not code else ["ana: a program exited: SystemExit(3)"]
    )


def test_an_exit_cancels_all_tasks_at_once_and_a_power_cut_meanwhile_is_one() -> None:
    cancelled: list[float] = []

    async def slow() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.append(asyncio.get_running_loop().time())
            await asyncio.sleep(5)

    async def program() -> None:
        task = asyncio.create_task(slow())
        await asyncio.sleep(1)
        assert not task.done()
        sys.exit()

    async def main(net: Internet) -> None:
        ana = net.host("ana")
        ana.start(program)
        await asyncio.sleep(2)
        ana.crash()
        await asyncio.sleep(20)
        assert not ana.is_up

    run(main)
    assert cancelled == [1.0]


def test_who_waits_for_a_program_hears_of_its_exit() -> None:
    async def leave() -> None:
        sys.exit(4)

    async def main(net: Internet) -> None:
        await net.host("ana").run(leave())

    with pytest.raises(SystemExit) as caught:
        run(main)
    assert caught.value.code == 4


@pytest.mark.parametrize("down", ["crashed", "stopped"])
def test_a_host_that_is_down_starts_nothing(down: str) -> None:
    async def note() -> None:
        ran.append(current_host().name)

    async def main(net: Internet) -> None:
        ana = net.host("ana")
        if down == "crashed":
            ana.crash()
        else:
            await ana.stop()
        with pytest.raises(HostDown, match="ana is down, and starts nothing"):
            ana.start(note)
        ana.restart()
        await asyncio.sleep(1)
        assert ran == []  # what was refused is not run by the restart
        await ana.start(note)

    ran: list[str] = []
    run(main)
    assert ran == ["ana"]
