"""tools/check.py: what a change reaches is run, and nothing else; and the processor time of tests is told."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import check
import pytest
import reach
import steps

from tests import budgets
from tests.conftest import ROOT

TREE = {
    "p2plib/__init__.py": "",
    "p2plib/errors.py": "",
    "p2plib/wire/__init__.py": "",
    "p2plib/wire/varint.py": "from p2plib.errors import DecodeError",
    "p2plib/wire/cid.py": "from . import varint",
    "p2plib/sim/__init__.py": (
        "from p2plib.sim.link import Link\nfrom p2plib.sim.internet import Internet\n"
        "def __getattr__(name): return name\n"
    ),
    "p2plib/sim/link.py": "",
    "p2plib/sim/internet.py": "def later():\n    from p2plib.sim.link import Link",
    "p2plib/sim/nat/__init__.py": "",
    "p2plib/sim/nat/table.py": "",
    "tests/__init__.py": "",
    "tests/conftest.py": "",
    "tests/test_house.py": "",
    "tests/test_book.py": "",
    "tests/test_notebook_tool.py": "import notebooks",
    "tests/wire/__init__.py": "",
    "tests/wire/conftest.py": "",
    "tests/wire/test_varint.py": "from p2plib.wire.varint import encode",
    "tests/wire/test_cid.py": "from p2plib.wire import cid",
    "tests/sim/__init__.py": "",
    "tests/sim/small.py": "from p2plib.sim import Internet",
    "tests/sim/test_link.py": "from p2plib.sim import Link",
    "tests/sim/test_whole.py": "from p2plib import sim\nprint(sim)\nsim.Link",
    "tests/sim/nat/__init__.py": "",
    "tests/sim/nat/test_table.py": "from p2plib.sim.nat.table import Table",
    "tests/machine/test_dotted.py": "from p2plib import sim\nsim.Link()",
    "tests/labs/lab05_ring/test_lab05_ring.py": "from tests.sim.small import run",
    "tests/labs/lab06_kademlia/test_lab06_kademlia.py": "from p2plib.sim import Unknown",
    "tools/notebooks.py": "from handbook import build",
    "tools/handbook/__init__.py": "",
    "tools/handbook/build.py": "",
    "tools/handbook/card.html": "",
}
WIRE = {"wire/test_varint", "wire/test_cid"}
SIM = {"sim/test_link", "sim/test_whole"}
DOTTED = "machine/test_dotted"
LABS = {"labs/lab05_ring/test_lab05_ring", "labs/lab06_kademlia/test_lab06_kademlia"}
EVERY = {*WIRE, *SIM, *LABS, DOTTED, "sim/nat/test_table", "test_book", "test_notebook_tool"}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name, text in TREE.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        (["p2plib/wire/varint.py"], WIRE),
        (["p2plib/wire/cid.py"], WIRE),  # a room is reached as a whole
        (["p2plib/errors.py"], WIRE),
        (
            ["p2plib/sim/link.py"],
            {*SIM, *LABS, DOTTED},
        ),  # also through a facade, a function, a helper of tests
        (["p2plib/sim/nat/table.py"], {"sim/nat/test_table", "sim/test_whole", sorted(LABS)[1]}),
        (["p2plib/sim/internet.py"], {*SIM, *LABS}),
        (["tests/wire/test_cid.py"], WIRE),
        (["tests/wire/vectors/cid.json"], set()),
        (["tests/wire/vectors.json"], WIRE),
        (["tests/wire/conftest.py"], WIRE),
        (["tests/sim/small.py"], {*SIM, sorted(LABS)[0]}),
        (
            ["tests/conftest.py"],
            EVERY,
        ),
        (["tools/handbook/build.py"], {"test_notebook_tool"}),
        (["tools/handbook/card.html"], {"test_notebook_tool"}),
        (["book/src/identity/keys.md"], {"test_book"}),
        (["labs/src/lab05_ring.md"], {"test_book", sorted(LABS)[0]}),
        (["LICENSE"], set()),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_what_a_change_reaches(tree: Path, changed: list[str], expected: set[str]) -> None:
    found = reach.reach(reach.Imports(tree), changed)
    names = {test.removeprefix("tests/").removesuffix(".py") for test in found}
    assert names == {*expected, "test_house"}
    assert found.pop("tests/test_house.py") == "every change"
    assert set(found.values()) <= set(changed)


def test_a_module_that_is_gone_reaches_who_still_imports_it(tree: Path) -> None:
    (tree / "p2plib" / "wire" / "cid.py").unlink()
    (tree / "tests" / "labs" / "lab05_ring" / "test_lab05_ring.py").write_text("from p2plib.wire import cid")
    assert "tests/labs/lab05_ring/test_lab05_ring.py" in reach.reach(
        reach.Imports(tree), ["p2plib/wire/cid.py"]
    )


def test_no_change_reaches_nothing(tree: Path) -> None:
    assert reach.reach(reach.Imports(tree), []) == {}


def test_in_this_repository_a_leaf_reaches_little_and_the_errors_nearly_all() -> None:
    imports = reach.Imports(ROOT)
    few = reach.reach(imports, ["p2plib/identity/names.py"])
    assert "tests/identity/test_names.py" in few
    assert not any(test.startswith(("tests/sim", "tests/protocol", "tests/topology")) for test in few)
    assert len(reach.reach(imports, ["p2plib/errors.py"])) > 3 * len(few)


def git(tree: Path, *words: str) -> None:
    author = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    subprocess.run(["git", *author, *words], cwd=tree, check=True, capture_output=True)


def test_committed_staged_edited_new_and_deleted_files_have_changed(tree: Path) -> None:
    git(tree, "init", "--initial-branch", "main")
    git(tree, "add", ".")
    git(tree, "commit", "--message", "first")
    assert check.changed(tree, "HEAD") == []
    (tree / "p2plib" / "errors.py").write_text("1")
    git(tree, "commit", "--all", "--message", "second")
    (tree / "p2plib" / "wire" / "cid.py").write_text("2")
    git(tree, "add", ".")
    (tree / "p2plib" / "wire" / "varint.py").write_text("3")
    (tree / "a new one.md").write_text("4")
    (tree / "tests" / "test_book.py").unlink()
    since_second = ["a new one.md", "p2plib/wire/cid.py", "p2plib/wire/varint.py", "tests/test_book.py"]
    assert check.changed(tree, "HEAD") == since_second
    assert check.changed(tree, "HEAD~") == sorted([*since_second, "p2plib/errors.py"])
    with pytest.raises(SystemExit, match="no commit 'nonsense'"):
        check.changed(tree, "nonsense")


def test_without_a_published_main_the_last_commit_is_compared_with(tree: Path) -> None:
    git(tree, "init", "--initial-branch", "main")
    git(tree, "commit", "--allow-empty", "--message", "first")
    assert check.shared_commit(tree) == "HEAD"
    git(tree, "branch", "published")
    git(tree, "branch", "--set-upstream-to", "published")
    git(tree, "commit", "--allow-empty", "--message", "second")
    assert check.git(tree, "rev-parse", check.shared_commit(tree)) == check.git(
        tree, "rev-parse", "published"
    )


def python(program: str) -> steps.Command:
    return [sys.executable, "-c", program]


def test_a_failed_step_stops_no_other_and_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first: steps.Lane = {
        "good": [python("print('one')"), python("print('two')")],
        "bad": [python("print('three'); raise SystemExit(3)"), python("print('never')")],
        "after": [python("print('four'); print('== 12 passed, 1 skipped in 3.45s ==')")],
    }
    results = steps.run(first, {"beside": [python("print('five')")]}, root=tmp_path)
    assert [(result.name, result.succeeded) for result in results] == [
        ("good", True),
        ("bad", False),
        ("after", True),
        ("beside", True),
    ]
    printed = capsys.readouterr().out
    assert "one\ntwo\n" in printed
    for said in ("three", "four", "five"):
        assert said in printed.splitlines()
    assert "never" not in printed.splitlines()
    assert steps.report(results, 1.5) == 1
    table = capsys.readouterr().out
    assert "  bad   FAILED\n" in table
    assert "  after   12 passed, 1 skipped in 3.45s\n" in table
    assert table.endswith("steps: 3 passed, 1 failed\n")


# Budgets


def report(nodeid: str, took: float, is_slow: bool = False) -> SimpleNamespace:
    return SimpleNamespace(nodeid=nodeid, processor_s=took, is_slow=is_slow)


def test_what_is_over_its_budget_is_told_and_only_what_is_far_over_fails() -> None:
    table = {
        "quick_room_s": 15,
        "slow_test_s": 10,
        "rooms": {"tests/sim": 30},
        "files": {"tests/wire/test_big.py": 20},
    }
    measured = budgets.Budgets(table)
    for nodeid, took, is_slow in [
        ("tests/wire/test_cid.py::test_one", 8, False),
        ("tests/wire/test_cid.py::test_two", 8, False),
        ("tests/sim/test_link.py::test_one", 29, False),
        ("tests/sim/nat/test_table.py::test_one", 14, False),
        ("tests/wire/test_big.py::test_one", 19, True),
        ("tests/sim/test_link.py::test_long", 25, True),
        ("tests/sim/test_link.py::test_long", 4, True),
    ]:
        measured.pytest_runtest_logreport(report(nodeid, took, is_slow))  # type: ignore[arg-type]
    assert measured.over() == [
        "  16.0 s of processor time: quick tests of tests/wire; budget 15 s",
    ]
    assert measured.slow_ones() == [
        "  29.0 s of processor time: tests/sim/test_link.py::test_long; budget 10 s",
    ]
    session = SimpleNamespace(exitstatus=pytest.ExitCode.OK)
    measured.pytest_sessionfinish(session)  # type: ignore[arg-type]
    assert session.exitstatus == pytest.ExitCode.OK
    measured.pytest_runtest_logreport(report("tests/sim/test_link.py::test_long", 99, True))  # type: ignore[arg-type]
    measured.pytest_sessionfinish(session)  # type: ignore[arg-type]
    assert session.exitstatus == pytest.ExitCode.OK  # a test that is slow anyway fails nothing
    measured.pytest_runtest_logreport(report("tests/wire/test_cid.py::test_one", 30))  # type: ignore[arg-type]
    measured.pytest_sessionfinish(session)  # type: ignore[arg-type]
    assert session.exitstatus == pytest.ExitCode.TESTS_FAILED


BUSY = """
import time
import pytest

def work():
    end = time.process_time() + 0.2
    while time.process_time() < end:
        pass

def test_quick():
    work()

@pytest.mark.slow
def test_slow():
    work()
"""


@pytest.mark.parametrize("workers", [[], ["-n", "1"]], ids=["here", "in a worker"])
def test_the_time_is_measured_where_the_test_runs_and_told_where_it_is_reported(
    tmp_path: Path, workers: list[str]
) -> None:
    table = "{'quick_room_s': 0.05, 'slow_test_s': 0.001}"
    (tmp_path / "room").mkdir()
    (tmp_path / "room" / "test_busy.py").write_text(BUSY)
    (tmp_path / "conftest.py").write_text(
        "from tests import budgets\n"
        "def pytest_configure(config):\n"
        "    config.addinivalue_line('markers', 'slow: it is')\n"
        f"    config.pluginmanager.register(budgets.Budgets({table}))\n"
    )
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "no:cacheprovider",
            "-p",
            "xdist",
            *workers,
            "--rootdir",
            tmp_path,
            "room",
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1, done.stdout
    assert "2 passed" in done.stdout
    assert "\nOVER BUDGET" in done.stdout
    assert "quick tests of room; budget 0.05 s" in done.stdout
    assert "\nslow tests: 1, " in done.stdout
    assert "fails the run" in done.stdout
    assert "room/test_busy.py::test_slow; budget 0.001 s" in done.stdout
