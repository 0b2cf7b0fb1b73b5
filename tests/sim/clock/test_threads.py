"""Threads beside a run: whoever waits for one is told, and nothing hangs."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading

import pytest

from p2plib.errors import Deadlock, Unsupported
from p2plib.sim import Internet
from tests.sim.clock.runs import run


def test_a_thread_that_calls_the_loop_is_refused_and_ends_the_run() -> None:
    told: list[str] = []

    def work(loop: asyncio.AbstractEventLoop) -> None:
        try:
            loop.call_soon_threadsafe(print, "never")
        except Unsupported as error:
            told.append(str(error))

    async def program() -> None:
        thread = threading.Thread(target=work, args=(asyncio.get_running_loop(),), name="worker")
        thread.start()
        thread.join()
        await asyncio.sleep(1e9)

    async def main(net: Internet) -> None:
        await net.host("ana").run(program())

    with pytest.raises(
        Unsupported, match=r"the thread 'worker' called call_soon_threadsafe in .*work"
    ) as caught:
        run(main)
    assert "asyncio.to_thread" in str(caught.value)
    assert told == [str(caught.value)]


def test_a_thread_can_call_only_before_a_run_and_the_runs_own_thread_always() -> None:
    seen: list[str] = []
    net = Internet()
    before = threading.Thread(target=net.loop.call_soon_threadsafe, args=(seen.append, "before"))
    before.start()
    before.join()

    async def main(net: Internet) -> None:
        asyncio.get_running_loop().call_soon_threadsafe(seen.append, "inside")
        await asyncio.sleep(1)

    net.run(main)
    assert seen == ["before", "inside"]


def test_a_deadlock_names_the_threads_that_began_in_the_run() -> None:
    end = threading.Event()

    async def main(net: Internet) -> None:
        threading.Thread(target=end.wait, args=(60,), name="worker").start()
        await asyncio.Event().wait()

    outside = threading.Thread(target=end.wait, args=(60,), name="outside")
    outside.start()
    try:
        with pytest.raises(Deadlock, match=r"waits for a thread \('worker'\): .*asyncio.to_thread"):
            run(main)
    finally:
        end.set()


def test_a_deadlock_without_a_thread_says_nothing_of_threads() -> None:
    async def main(net: Internet) -> None:
        await asyncio.Event().wait()

    with pytest.raises(Deadlock) as caught:
        run(main)
    assert "waits for a thread" not in str(caught.value)


def test_what_ends_with_a_task_hears_of_its_end_also_where_the_run_fails() -> None:
    """Libraries stop their threads so; a process whose threads never end would hang at its own end."""
    stopped: list[str] = []

    async def program() -> None:
        await asyncio.Event().wait()

    async def main(net: Internet) -> None:
        task = net.host("ana").start(program)
        task.add_done_callback(lambda task: stopped.append("stopped"))
        await asyncio.Event().wait()

    with pytest.raises(Deadlock):
        run(main)
    assert stopped == ["stopped"]


def test_a_process_that_used_a_librarys_worker_threads_comes_to_its_end() -> None:
    pytest.importorskip("anyio")
    program = """
from p2plib.sim import Internet

async def main(net):
    import anyio.to_thread  # too late to be done at once
    await net.host("ana").run(anyio.to_thread.run_sync(lambda: 5))

try:
    Internet(1).run(main)
except Exception as error:
    print(type(error).__name__, "AnyIO worker thread" in str(error))
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert ended.stdout in ("Deadlock True\n", "Unsupported True\n"), ended.stderr
