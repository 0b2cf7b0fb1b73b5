"""The pytest plugin, run as its users run it: pytest in a process of its own."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from p2plib.sim import Internet
from p2plib.sim.pytest_plugin import _capture, _without_seed
from tests.sim.capture.test_pcap import frames

PASSES = """
import asyncio
from p2plib.sim import Internet

def test_it_runs(internet, sim_seed):
    async def main(net):
        await asyncio.sleep(3600)
        return net.seed
    assert isinstance(internet, Internet) and internet.strict
    assert internet.run(main) == internet.seed == sim_seed
    assert internet.time == 3600

def test_that_has_nothing_to_do_with_it():
    pass
"""

FAILS = """
import asyncio
import pytest
from p2plib.sim import Chaos, Internet

async def main(net):
    ana, ben = net.host("ana"), net.host("ben")
    with ana:
        transport, _ = await net.loop.create_datagram_endpoint(asyncio.DatagramProtocol, ("0.0.0.0", 0))
    transport.sendto(b"hello", (ben.address, 4000))
    await asyncio.sleep(2.5)
    transport.close()
    return ana.random.randrange(4)

def test_drawn(internet):
    assert internet.run(main) != 3

@pytest.mark.parametrize("what", ["a", "b"])
def test_drawn_twice(what, sim_seed):
    assert what == "a" or Internet(sim_seed, faults=Chaos(loss=0.1)).run(main) != 3

def test_leaves_something(internet):
    async def main(net):
        await net.loop.create_datagram_endpoint(asyncio.DatagramProtocol, ("0.0.0.0", 0))
    with net_host(internet):
        internet.run(main)

def net_host(net):
    return net.host("ana")
"""


QUIET = ["-q"]  # and without plugins that take seconds to load and do nothing here
for _name in ("cacheprovider", "nbval", "hypothesispytest", "anyio"):
    QUIET += ["-p", f"no:{_name}"]
QUIET += ["-rA"]


def run(folder: Path, source: str, *options: str) -> tuple[int, str]:
    """Run pytest on a file in a folder, with nothing of ours but what is installed."""
    (folder / "test_it.py").write_text(source)
    command = [sys.executable, "-m", "pytest", *QUIET, *options, "test_it.py"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(autouse=True)
def _installed() -> None:
    plugins = {entry.value for entry in entry_points(group="pytest11")}
    assert "p2plib.sim.pytest_plugin" in plugins, (
        "the installed package is older than pyproject.toml: pip install -c constraints.txt -e . --no-deps"
    )


def seeds_that_draw_three(seeds: range) -> list[int]:
    return [seed for seed in seeds if Internet(seed).host("ana").random.randrange(4) == 3]


def test_the_fixture_is_there_without_an_import(tmp_path: Path) -> None:
    code, said = run(tmp_path, PASSES)
    assert code == 0, said
    assert "2 passed" in said


def test_one_seed(tmp_path: Path) -> None:
    code, said = run(tmp_path, PASSES, "--sim-seed", "17")
    assert code == 0, said
    assert "seed17" not in said, "one seed changes no test's name"


def test_many_seeds_repeat_the_tests_that_use_one_and_no_others(tmp_path: Path) -> None:
    code, said = run(tmp_path, PASSES, "--sim-seed", "5", "--sim-seeds", "3")
    assert code == 0, said
    assert re.findall(r"^PASSED test_it.py::(\S+)", said, re.M) == [
        "test_it_runs[seed5]",
        "test_it_runs[seed6]",
        "test_it_runs[seed7]",
        "test_that_has_nothing_to_do_with_it",
    ]


def test_a_failure_says_how_to_run_it_again_and_that_works(tmp_path: Path) -> None:
    bad = seeds_that_draw_three(range(12))
    assert 0 < len(bad) < 12
    code, said = run(tmp_path, FAILS, "--sim-seeds", "12", "-k", "drawn")
    assert code == 1
    assert set(re.findall(r"^FAILED test_it.py::test_drawn\[seed(\d+)\]", said, re.M)) == set(map(str, bad))
    told = re.findall(r"-+ simulated internet -+\n(.*)\n(to run it again: .*)", said)
    lines = {again: state for state, again in told}
    assert len(lines) == 2 * len(bad)
    same = f"pytest {' '.join(QUIET)} -k drawn"
    again = f'to run it again: {same} "test_it.py::test_drawn" --sim-seed {bad[-1]}'
    state = re.fullmatch(
        rf"seed {bad[-1]}, 2.5 virtual seconds, 1 packets, digest ([0-9a-f]{{16}})", lines[again]
    )
    assert state, lines[again]
    twice = f'to run it again: {same} "test_it.py::test_drawn_twice[b]" --sim-seed {bad[-1]}'
    assert lines[twice] == f"seed {bad[-1]}", "of an internet that the test made itself nothing is known"

    again = again.partition("pytest ")[2]
    command = f"{shlex.quote(sys.executable)} -m pytest {again}"
    done = subprocess.run(command, shell=True, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 1
    assert f"digest {state[1]}" in done.stdout
    assert "1 failed" in done.stdout


def test_the_line_has_the_projects_own_options_and_holds_in_the_folder_of_the_run(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "conftest.py").write_text(
        "def pytest_addoption(parser):\n    parser.addoption('--before')\n    parser.addoption('--all')\n"
    )
    (tmp_path / "inner").mkdir()
    own = ["--before", "a b", "--sim-seeds=2", "--all", "test_it.py", "--sim-seed", "4"]
    code, said = run(tmp_path / "inner", "def test_it(internet): assert False", *own)
    assert code == 1
    same = f"pytest {' '.join(QUIET)} --before 'a b' --all test_it.py"
    assert re.findall("to run it again: (.*)", said) == [
        f'{same} "test_it.py::test_it" --sim-seed {seed}' for seed in (4, 5)
    ]


def test_a_passing_test_is_not_commented(tmp_path: Path) -> None:
    assert "simulated internet" not in run(tmp_path, PASSES)[1]


def test_leaks_are_errors(tmp_path: Path) -> None:
    code, said = run(tmp_path, FAILS, "-k", "leaves")
    assert code == 1
    assert "Leak" in said
    assert "seed 0, " in said


def test_no_seeds_are_refused(tmp_path: Path) -> None:
    code, said = run(tmp_path, PASSES, "--sim-seeds", "0")
    assert code == 4
    assert "1 or more" in said


@pytest.mark.parametrize(
    ("test", "plain"),
    [
        ("a.py::t[seed3]", "a.py::t"),
        ("a.py::t[seed3-x]", "a.py::t[x]"),
        ("a.py::t[x-seed3]", "a.py::t[x]"),
        ("a.py::t[x-seed3-y]", "a.py::t[x-y]"),
        ("a.py::t[seed31]", "a.py::t[seed31]"),
    ],
)
def test_the_name_without_the_seed(test: str, plain: str) -> None:
    assert _without_seed(test, 3) == plain


MARKED = """
import pytest
from p2plib.sim import Chaos, Link

@pytest.mark.internet(link=Link(latency=0.5), faults=Chaos(crashes=2), strict=False)
def test_it(internet, sim_seed):
    assert internet.link.between(sim_seed, "a", "b") == 0.5
    assert internet.faults is not None and not internet.strict and internet.seed == sim_seed

def test_of_a_plain_one(internet):
    assert internet.link == Link() and internet.faults is None and internet.strict
"""


def test_a_mark_says_what_the_internet_is_like(tmp_path: Path) -> None:
    code, said = run(tmp_path, MARKED, "--strict-markers", "--sim-seeds", "2")
    assert code == 0, said
    assert "4 passed" in said


@pytest.mark.parametrize("wrong", ["loss=0.1", "Link(loss=0.1)"])
def test_a_mark_that_makes_no_sense_says_what_it_takes(wrong: str, tmp_path: Path) -> None:
    code, said = run(
        tmp_path, MARKED.replace("link=Link(latency=0.5), faults=Chaos(crashes=2), strict=False", wrong)
    )
    assert code == 1
    assert "UsageError: the mark `internet` takes what Internet takes, by name, as in @pytest.mark" in said


def test_a_failing_test_leaves_a_capture_where_one_was_asked_for(tmp_path: Path) -> None:
    bad = seeds_that_draw_three(range(12))
    captures = ["--sim-pcap", "captures/today", "-k", "drawn"]
    code, said = run(tmp_path, FAILS, "--sim-seeds", "12", *captures)
    assert code == 1
    made = sorted(path.name for path in (tmp_path / "captures/today").iterdir())
    assert made == sorted(f"test_drawn-seed{seed}.pcapng" for seed in bad), (
        "of its own internets nothing is known"
    )
    assert f"its packets: captures/today/{made[0]}" in said
    assert len(frames((tmp_path / "captures/today" / made[0]).read_bytes())) == 1

    code, said = run(tmp_path, FAILS, "--sim-seed", str(bad[0]), "--sim-pcap", "one", "-k", "drawn")
    assert code == 1
    assert [path.name for path in (tmp_path / "one").iterdir()] == [f"test_drawn-seed{bad[0]}.pcapng"]


def item(nodeid: str) -> Any:
    return SimpleNamespace(nodeid=nodeid, name=nodeid.rpartition(":")[2])


def test_two_tests_of_one_name_have_two_captures(tmp_path: Path) -> None:
    others: dict[str, str] = {}
    tests = [item("a.py::TestOne::test_it"), item("a.py::TestTwo::test_it"), item("a.py::TestOne::test_it")]
    made = [Path(_capture(tmp_path, test, 0, Internet(), others)).name for test in tests]
    assert made == ["test_it-seed0.pcapng", "test_it-seed0-2.pcapng", "test_it-seed0.pcapng"]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(set(made))


def test_a_capture_that_cannot_be_written_raises_nothing(tmp_path: Path) -> None:
    (tmp_path / "captures").write_text("a file is in the way")
    told = _capture(tmp_path / "captures", item("a.py::test_it"), 0, Internet(), {})
    assert told.startswith("not written: ")
