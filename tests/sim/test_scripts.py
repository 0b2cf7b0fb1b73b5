"""Scripts of each kind, and what they find around them: the modules, the arguments, `asyncio.run`."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from p2plib.errors import SimulationError, Unsupported, UsageError
from p2plib.sim import Internet
from p2plib.sim.scripts import (
    Program,
    is_for_an_internet,
    parse_program,
    run_for_internet,
    run_ordinary,
    run_programs,
)

FOREVER = float("inf")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def script(text: str, name: str = "script.py") -> Path:
    Path(name).write_text("import asyncio, sys\n" + dedent(text))
    return Path(name)


# What a command line says of hosts


def test_programs_are_read() -> None:
    shop, other = script("", "shop.py"), script("", "other.py")
    assert parse_program("a=serve", shop) == Program(("a",), shop, "serve", ())
    assert parse_program("a, b=buy 2 'two words'", shop) == Program(
        ("a", "b"), shop, "buy", ("2", "two words")
    )
    assert parse_program("a=other.py --port 80", shop) == Program(("a",), other, "", ("--port", "80"))
    assert parse_program("a=other.py:serve x=1", None) == Program(("a",), other, "serve", ("x=1",))


@pytest.mark.parametrize(
    "told", ["", "a", "a=", "=serve", "a,=serve", "a=gone.py", "a=gone.py:serve", "a=serve"]
)
def test_what_says_nothing_of_hosts_is_refused(told: str) -> None:
    with pytest.raises(UsageError):
        parse_program(told, None)


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("async def main(net): ...", True),
        ("async def main(net, *more): ...", True),
        ("async def main(): ...", False),
        ("async def main(loop): ...", False),
        ("def main(net): ...", False),
        ("class A:\n    async def main(net): ...", False),
        ("async def main(net: ...", False),
    ],
)
def test_a_script_for_an_internet_is_known_by_its_main(text: str, is_one: bool) -> None:
    assert is_for_an_internet(script(text)) is is_one


# The kinds of script


def test_an_ordinary_script_goes_on_after_each_run(capsys: pytest.CaptureFixture[str]) -> None:
    net = Internet(1)
    run_ordinary(
        net,
        script("""
            async def main(word):
                await asyncio.sleep(60)
                return word, asyncio.get_running_loop().time()
            if __name__ == "__main__":
                print(asyncio.run(main("one")))
                with asyncio.Runner(debug=True) as runner:
                    print(runner.run(main("two")))
                print(sys.argv)
            """),
        ["--fast"],
        FOREVER,
    )
    assert capsys.readouterr().out == "('one', 60.0)\n('two', 120.0)\n['script.py', '--fast']\n"
    assert list(net.hosts) == ["script"]


def test_the_time_limit_is_for_each_run() -> None:
    with pytest.raises(SimulationError, match="30"):
        run_ordinary(Internet(), script("asyncio.run(asyncio.sleep(60))"), [], 30.0)


def test_what_a_program_leaves_running_is_cancelled_as_asyncio_run_does(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = """
        async def tick():
            try:
                await asyncio.sleep(1e9)
            finally:
                print("cancelled")
        async def main():
            main.task = asyncio.create_task(tick())
            await asyncio.sleep(1)
        asyncio.run(main())
        print("done")
        """
    net = Internet()
    run_ordinary(net, script(text), [], FOREVER)
    assert capsys.readouterr().out == "cancelled\ndone\n"
    assert net.time == 1


def test_what_raises_as_it_is_cancelled_is_told() -> None:
    text = """
        async def tick():
            try:
                await asyncio.sleep(1e9)
            finally:
                1 / 0
        async def main():
            main.task = asyncio.create_task(tick())
            await asyncio.sleep(1)
        asyncio.run(main())
        """
    with pytest.raises(SimulationError, match=r"a task raised as it was cancelled: ZeroDivisionError"):
        run_ordinary(Internet(), script(text), [], FOREVER)


def test_an_ordinary_script_that_runs_nothing_is_a_mistake() -> None:
    with pytest.raises(UsageError, match=r"without calling asyncio\.run"):
        run_ordinary(Internet(), script("print"), [], FOREVER)


@pytest.mark.parametrize(
    "way", ["asyncio.new_event_loop()", "asyncio.get_event_loop()", "asyncio.Runner().get_loop()"]
)
def test_other_ways_to_a_loop_are_refused(way: str) -> None:
    with pytest.raises(Unsupported, match="asyncio"):
        run_ordinary(Internet(), script(way), [], FOREVER)


@pytest.mark.parametrize(
    "call", ["socket.create_connection(('127.0.0.1', 1))", "socket.getaddrinfo('localhost', 1)"]
)
def test_outside_of_asyncio_run_a_script_does_not_reach_the_real_network(call: str) -> None:
    with pytest.raises(Unsupported, match=r"called by a script outside asyncio\.run"):
        run_ordinary(Internet(), script(f"import socket\n{call}"), [], FOREVER)
    socket.getaddrinfo("127.0.0.1", 1)  # and it is over with the script


def test_what_a_library_does_as_it_is_imported_is_no_harm() -> None:
    """urllib3 binds a socket to see whether there is IPv6; loops make pairs."""
    text = """
        import socket
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
        one, other = socket.socketpair()
        one.send(b"x"); one.close(); other.close()
        asyncio.run(asyncio.sleep(1))
        """
    run_ordinary(Internet(), script(text), [], FOREVER)


def test_a_program_that_imports_anyio_as_it_is_loaded_has_its_work_done_at_once() -> None:
    pytest.importorskip("anyio")
    code = r"""
from pathlib import Path
from p2plib.sim import Internet
from p2plib.sim.scripts import parse_program, run_programs

Path("script.py").write_text("import anyio.to_thread, socket\nasync def ask():\n"
    "    print(await anyio.to_thread.run_sync(socket.gethostname))")
run_programs(Internet(), [parse_program("ana=ask", Path("script.py"))], 10)
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert ended.stdout == "ana\n", ended.stderr


def test_in_a_coroutine_the_loop_can_be_had_as_ever() -> None:
    text = """
        async def main():
            assert asyncio.get_event_loop() is asyncio.get_running_loop()
        asyncio.run(main())
        """
    run_ordinary(Internet(), script(text), [], FOREVER)


def test_a_script_for_an_internet_is_loaded_and_its_main_run(capsys: pytest.CaptureFixture[str]) -> None:
    text = """
        print(__name__ == "__main__", sys.argv)
        async def main(net):
            print(net.seed)
        """
    run_for_internet(Internet(5), script(text), ["more"], FOREVER)
    assert capsys.readouterr().out == "False ['script.py', 'more']\n5\n"


def test_a_script_for_an_internet_need_not_run_asyncio_itself() -> None:
    text = "async def main(net):\n    asyncio.run(asyncio.sleep(1))\n"
    with pytest.raises(Unsupported, match="await it there"):
        run_for_internet(Internet(5), script(text), [], FOREVER)


def programs(*told: str, seed: int = 1) -> Internet:
    net = Internet(seed)
    run_programs(net, [parse_program(one, Path("script.py")) for one in told], FOREVER)
    return net


def test_each_host_has_its_own_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    script("""
        async def main():
            await asyncio.sleep(float(sys.argv[1]))
            print(*sys.argv, len(sys.argv), sys.argv[1:], sys.argv)
        asyncio.run(main())
        print("this is not run")
        """)
    programs("ana=script.py 2 b", "ben=script.py 1", "cleo=script.py 3")
    assert capsys.readouterr().out == (
        "script.py 1 2 ['1'] ['script.py', '1']\n"
        "script.py 2 b 3 ['2', 'b'] ['script.py', '2', 'b']\n"
        "script.py 3 2 ['3'] ['script.py', '3']\n"
    )


def test_functions_of_every_sort() -> None:
    script("""
        async def slow(seconds):
            await asyncio.sleep(float(seconds))
        def old(seconds):
            asyncio.run(slow(seconds))
        def at_once():
            pass
        """)
    assert programs("a=slow 2").time == 2
    assert programs("a=old 3").time == 3
    assert programs("a=at_once").time == 0
    assert programs("a=slow 9", "b=slow 1").time == 1, "it is over when the last one's program has ended"
    assert programs("b=slow 1", "a,c=slow 9").time == 9


def test_a_script_that_gives_its_host_nothing_to_run_is_a_mistake() -> None:
    script("print")
    with pytest.raises(UsageError, match="name a function of it"):
        programs("a=script.py")


# What a run finds, and what it leaves


def test_every_run_has_the_script_and_its_neighbours_anew() -> None:
    Path("neighbour.py").write_text("count = 0\n")
    text = """
        import neighbour
        count = 0
        async def add():
            global count
            count += 1
            neighbour.count += 1
            assert (count, neighbour.count) == (1, 1)
        """
    script(text)
    for _ in range(2):
        programs("a=add")
    assert "neighbour" not in sys.modules


def test_classes_of_a_script_are_found_by_their_modules() -> None:
    text = """
        from __future__ import annotations
        from dataclasses import dataclass
        from typing import get_type_hints
        import asyncio, pickle
        @dataclass
        class Order:
            what: str
        async def check():
            await asyncio.sleep(1)
            assert pickle.loads(pickle.dumps(Order("pen"))) == Order("pen")
            assert get_type_hints(Order) == {"what": str}
        """
    Path("script.py").write_text(dedent(text))
    programs("a=check")


def test_what_is_installed_beside_a_script_is_not_loaded_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("venv/site-packages").mkdir(parents=True)
    Path("venv/site-packages/installed.py").write_text("")
    script("""
        sys.path.insert(0, "venv/site-packages")
        import installed
        asyncio.run(asyncio.sleep(1))
        """)
    monkeypatch.setitem(sys.modules, "installed", None)  # to be put back after the test
    monkeypatch.delitem(sys.modules, "installed")
    run_ordinary(Internet(), Path("script.py"), [], FOREVER)
    assert "installed" in sys.modules


def test_an_error_of_a_program_says_on_which_host_it_was_raised() -> None:
    script("""
        async def fail():
            raise ValueError("no such setting")
        """)
    with pytest.raises(ValueError, match="no such setting") as caught:
        programs("ana=fail")
    assert "raised on the host ana" in caught.value.__notes__


@pytest.mark.parametrize("text", ["asyncio.run(asyncio.sleep(1))", "1 / 0", "sys.exit(4)"])
def test_everything_is_put_back(text: str) -> None:
    def around() -> tuple[object, ...]:
        return sys.modules["__main__"], sys.argv, list(sys.path), asyncio.run, asyncio.Runner

    before = around()
    with contextlib.suppress(ZeroDivisionError, SimulationError):
        run_ordinary(Internet(), script(text), [], FOREVER)
    assert around() == before


def test_a_script_leaves_no_bytecode(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    run_ordinary(Internet(), script("asyncio.run(asyncio.sleep(1))"), [], FOREVER)
    assert [path.name for path in folder.iterdir()] == ["script.py"]


def test_a_program_that_exits_is_over_and_the_others_are_not() -> None:
    script("""
        async def main():
            await asyncio.sleep(float(sys.argv[1]))
            sys.exit(int(sys.argv[2]))
        asyncio.run(main())
        """)
    assert programs("ana=script.py 1 0", "ben=script.py 3 0").time == 3
    assert programs("ana=script.py 3 0", "ben=script.py 1 0").time == 1
    for told in (("ana=script.py 1 2", "ben=script.py 3 0"), ("ana=script.py 3 0", "ben=script.py 1 2")):
        with pytest.raises(SimulationError, match="exited with 2"):
            programs(*told)


def test_a_program_that_exits_in_a_callback_is_over() -> None:
    script("""
        async def main():
            asyncio.get_running_loop().call_later(2, sys.exit)
            await asyncio.Event().wait()
        asyncio.run(main())
        """)
    assert programs("ana=script.py").time == 2


def test_a_script_that_runs_itself_when_a_function_of_it_is_asked_for() -> None:
    script("""
        async def main():
            pass
        asyncio.run(main())
        """)
    with pytest.raises(UsageError, match=r'function main: put that call under `if __name__ == "__main__":`'):
        programs("ana=main")


def test_words_that_are_not_closed() -> None:
    with pytest.raises(UsageError, match="No closing quotation"):
        parse_program('ana=main "x', Path("script.py"))
