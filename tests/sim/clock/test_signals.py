"""Signals of a host: handlers, what happens without one, and a shutdown that begins with SIGTERM."""

from __future__ import annotations

import asyncio
import signal
from typing import Any

import pytest

from p2plib.errors import HostDown, Unsupported, UsageError
from p2plib.sim import Internet, Link, current_host


def run(main: Any) -> Any:
    return Internet(1, link=Link(latency=0.01)).run(main)


class Service:
    """A program that ends when it gets SIGTERM, in its own time, and writes down what it lives through."""

    def __init__(self, takes_s: float) -> None:
        self.takes_s, self.log = takes_s, []  # type: ignore[var-annotated]

    async def __call__(self) -> None:
        loop, stop = asyncio.get_running_loop(), asyncio.Event()
        loop.add_signal_handler(signal.SIGTERM, stop.set)
        loop.add_signal_handler(signal.SIGHUP, self.hang_up, "again")
        self.log.append("start")
        try:
            await stop.wait()
            self.log.append("asked to end")
            await asyncio.sleep(self.takes_s)
            self.log.append("ended by itself")
        except asyncio.CancelledError:
            self.log.append("cancelled")
            raise

    def hang_up(self, word: str) -> None:
        self.log.append(f"{current_host().name} reads its settings {word}")


def test_a_handler_of_sigterm_may_stop_the_host_itself() -> None:
    tasks: list[Any] = []

    async def program() -> None:
        loop, host = asyncio.get_running_loop(), current_host()
        loop.add_signal_handler(signal.SIGTERM, lambda: tasks.append(loop.create_task(host.stop())))
        await asyncio.Event().wait()

    async def main(net: Internet) -> tuple[bool, float]:
        ana = net.host("ana")
        ana.start(program)
        await asyncio.sleep(1)
        await ana.stop()
        return ana.is_up, net.time

    assert Internet(1, max_events=1000).run(main) == (False, 1.0)
    assert len(tasks) == 1


def test_a_handler_of_sigterm_may_cut_the_power_and_the_shutdown_is_over() -> None:
    async def program() -> None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, current_host().crash)
        await asyncio.Event().wait()

    async def main(net: Internet) -> float:
        ana = net.host("ana")
        ana.start(program)
        await asyncio.sleep(1)
        await ana.stop()
        assert not ana.is_up
        return net.time

    assert run(main) == 1.0


def test_a_shutdown_that_a_power_cut_overtakes_leaves_the_next_life_alone() -> None:
    lives: list[float] = []

    async def in_the_background() -> None:
        await asyncio.Event().wait()

    async def program() -> None:
        lives.append(asyncio.get_running_loop().time())
        helper = asyncio.ensure_future(in_the_background())
        try:
            await helper
        finally:
            await asyncio.sleep(5)

    async def main(net: Internet) -> None:
        ana = net.host("ana")
        ana.start(program)
        await asyncio.sleep(1)
        net.at(2.0, lambda _: ana.crash())
        net.at(3.0, lambda _: ana.restart())
        await ana.stop()
        tasks = [task for task, its in net.loop.tasks.items() if its is ana.incarnation]
        await asyncio.sleep(20)
        assert ana.is_up
        assert lives == [0.0, 3.0]
        assert len(tasks) == 2
        assert not any(task.done() for task in tasks)
        for task in tasks:
            task.cancel()

    run(main)


@pytest.mark.parametrize(
    ("takes_s", "last", "at_s"), [(3.0, "ended by itself", 4.0), (30.0, "cancelled", 11.0)]
)
def test_a_shutdown_asks_first_and_cancels_after_a_while(takes_s: float, last: str, at_s: float) -> None:
    service = Service(takes_s)

    async def main(net: Internet) -> float:
        ana = net.host("ana")
        ana.start(service)
        await asyncio.sleep(1)
        await ana.stop()
        stopped_s = net.time
        ana.restart()
        await asyncio.sleep(1)
        assert service.log.count("start") == 2
        return stopped_s

    assert run(main) == at_s
    assert service.log[:3] == ["start", "asked to end", last]


def test_how_long_a_shutdown_waits_can_be_said() -> None:
    service = Service(30.0)

    async def main(net: Internet) -> float:
        ana = net.host("ana")
        ana.start(service)
        await asyncio.sleep(1)
        await ana.stop(grace_s=0.5)
        return net.time

    assert run(main) == 1.5


def test_a_handler_runs_on_its_host_until_it_is_removed_and_a_new_life_has_none() -> None:
    service = Service(1.0)

    async def main(net: Internet) -> list[bool]:
        ana, loop = net.host("ana"), asyncio.get_running_loop()
        ana.start(service)
        await asyncio.sleep(1)
        for _ in range(2):
            ana.signal(signal.SIGHUP)
        ana.signal(signal.SIGCHLD)
        await asyncio.sleep(1)
        with ana:
            removed = [loop.remove_signal_handler(signal.SIGHUP) for _ in range(2)]
        ana.crash()
        ana.restart()
        return [*removed, bool(ana.incarnation.signals)]

    assert run(main) == [True, False, False]
    assert service.log[1:3] == ["ana reads its settings again"] * 2


def test_what_python_refuses_is_refused() -> None:
    async def coroutine() -> None:
        pass

    async def main(net: Internet) -> None:
        loop = asyncio.get_running_loop()
        with pytest.raises(UsageError, match="no host"):
            loop.add_signal_handler(signal.SIGTERM, print)
        with net.host("ana") as ana:
            with pytest.raises(TypeError, match="coroutines"):
                loop.add_signal_handler(signal.SIGTERM, coroutine)  # type: ignore[arg-type]
            with pytest.raises(RuntimeError, match="cannot be caught"):
                loop.add_signal_handler(signal.SIGKILL, print)
            for number, error in ((1000, ValueError), ("TERM", TypeError)):
                with pytest.raises(error):
                    loop.add_signal_handler(number, print)  # type: ignore[arg-type]
                with pytest.raises(error):
                    ana.signal(number)  # type: ignore[arg-type]
        with pytest.raises(Unsupported, match="SIGTSTP"):
            ana.signal(signal.SIGTSTP)
        ana.crash()
        with pytest.raises(HostDown):
            ana.signal(signal.SIGTERM)

    run(main)


class Lived:
    """A program with a server, and what it lives through."""

    def __init__(self) -> None:
        self.log: list[str] = []

    async def __call__(self) -> None:
        async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()
            writer.close()

        server = await asyncio.start_server(hold, "0.0.0.0", 80)
        self.log.append("start")
        try:
            await asyncio.Event().wait()
        finally:
            server.close()
            self.log.append("clean up")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGUSR1])
def test_a_signal_without_a_handler_kills_and_the_kernel_closes(number: int) -> None:
    lived = Lived()

    async def main(net: Internet) -> tuple[bytes, float]:
        server, ana = net.host("server"), net.host("ana")
        server.start(lived)
        await asyncio.sleep(1)
        with ana:
            reader, writer = await asyncio.open_connection("server", 80)
        await asyncio.sleep(1)
        began_s = net.time
        server.signal(number)
        end, after_s = await reader.read(), net.time - began_s
        writer.close()
        with ana, pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("server", 80)
        assert lived.log == ["start"]
        server.restart()
        await asyncio.sleep(0.1)
        with ana:
            _, again = await asyncio.open_connection("server", 80)
        again.close()
        await asyncio.sleep(1)
        with pytest.raises(UsageError, match="is up"):
            server.restart()
        return end, round(after_s, 6)

    assert run(main) == (b"", 0.01)
    assert lived.log == ["start", "start", "clean up", "clean up"], "both when the run was over"


def test_ctrl_c_cancels_the_programs() -> None:
    lived = Lived()

    async def main(net: Internet) -> None:
        server = net.host("server")
        task = server.start(lived)
        waits = asyncio.ensure_future(server.run(asyncio.sleep(100)))
        await asyncio.sleep(1)
        server.signal(signal.SIGINT)
        await asyncio.wait([task])
        with pytest.raises(HostDown):
            await waits
        await server.stop()

    run(main)
    assert lived.log == ["start", "clean up"]


# The module `signal`


def test_what_a_program_sets_with_signal_is_its_hosts_own() -> None:
    async def main(net: Internet) -> list[Any]:
        ana, ben = net.host("ana"), net.host("ben")
        heard: list[Any] = []

        def note(number: int, frame: None) -> None:
            heard.append((current_host().name, number, frame))

        for host in (ana, ben):
            with host:
                assert signal.signal(signal.SIGTERM, note) is signal.SIG_DFL
                assert signal.getsignal(signal.SIGTERM) is note
                assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        ana.signal(signal.SIGTERM)
        await asyncio.sleep(0)
        with ben:
            signal.raise_signal(signal.SIGTERM)
            await asyncio.sleep(0)
            assert signal.signal(signal.SIGTERM, signal.SIG_IGN) is note
            signal.raise_signal(signal.SIGTERM)
            await asyncio.sleep(0)
            assert signal.signal(signal.SIGTERM, signal.SIG_DFL) is signal.SIG_IGN
            assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        return heard

    before = signal.getsignal(signal.SIGTERM)
    assert run(main) == [("ana", signal.SIGTERM, None), ("ben", signal.SIGTERM, None)]
    assert signal.getsignal(signal.SIGTERM) is before


def test_outside_of_a_host_signals_are_the_machines() -> None:
    async def main(net: Internet) -> None:
        assert signal.getsignal(signal.SIGHUP) is mine
        assert signal.signal(signal.SIGHUP, signal.SIG_DFL) is mine

    def mine(number: int, frame: Any) -> None:
        raise AssertionError("nobody sends it")

    before = signal.signal(signal.SIGHUP, mine)
    try:
        run(main)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGHUP, before)


def test_wrong_signals_are_refused_as_by_the_machine() -> None:
    async def main(net: Internet) -> None:
        with net.host("ana"):
            complain()

    def complain() -> None:
        with pytest.raises(OSError, match="Invalid argument"):
            signal.signal(signal.SIGKILL, lambda number, frame: None)
        with pytest.raises(TypeError, match="signal handler must be"):
            signal.signal(signal.SIGTERM, "nothing")  # type: ignore[arg-type]

    complain()
    run(main)


def test_a_handler_of_asyncios_may_be_set_aside_and_put_back() -> None:
    async def main(net: Internet) -> list[str]:
        ana = net.host("ana")
        heard: list[str] = []
        with ana:
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, heard.append, "first")
            before = signal.signal(signal.SIGHUP, lambda number, frame: heard.append("second"))
            ana.signal(signal.SIGHUP)
            await asyncio.sleep(0)
            signal.signal(signal.SIGHUP, before)
            ana.signal(signal.SIGHUP)
            await asyncio.sleep(0)
        return heard

    assert run(main) == ["second", "first"]


def test_pythons_own_handler_of_ctrl_c_is_what_a_host_has_at_first() -> None:
    lived = Lived()

    async def serve() -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        assert signal.signal(signal.SIGINT, signal.default_int_handler) == signal.SIG_IGN
        assert signal.getsignal(signal.SIGINT) == signal.default_int_handler
        await lived()

    async def main(net: Internet) -> None:
        server = net.host("server")
        task = server.start(serve)
        await asyncio.sleep(1)
        server.signal(signal.SIGINT)
        await asyncio.wait([task])

    run(main)
    assert lived.log == ["start", "clean up"]


def test_a_program_may_end_itself_by_the_signal_that_it_has_heard() -> None:
    """It cleans up, puts the default back and raises the signal again: the machine goes off at once then."""
    log = []

    async def serve() -> None:
        stop = asyncio.Event()
        before = signal.signal(signal.SIGTERM, lambda number, frame: stop.set())
        try:
            await stop.wait()
            await asyncio.sleep(2)
            log.append("cleaned up")
        finally:
            signal.signal(signal.SIGTERM, before)
        signal.raise_signal(signal.SIGTERM)
        await asyncio.sleep(0)
        log.append("still here")

    async def main(net: Internet) -> float:
        ana = net.host("ana")
        ana.start(serve)
        await asyncio.sleep(1)
        await ana.stop()
        assert not ana.is_up
        stopped_s = net.time
        ana.restart()
        await asyncio.sleep(1)
        await ana.stop()
        return stopped_s

    assert run(main) == 3.0
    assert log == ["cleaned up"] * 2
