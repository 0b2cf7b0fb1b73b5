"""What the tests of each room may take: processor time is added up while they run, and told at the end.

A room is a folder of tests; `budgets.toml` says what its quick tests may take together and what any other may
take alone. Processor time is that of the test's process and of the programs it waited for. It hardly
depends on how busy a machine is, but it does on which machine it is: what is over its budget is told, and
only a room whose quick tests are far over it fails the run. All tests of the site share one browser, which is
waited for at the very end, so of them only the test's own process counts.
"""

from __future__ import annotations

import os
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

TABLE = Path(__file__).with_name("budgets.toml")
_BEGAN: pytest.StashKey[float] = pytest.StashKey()
NOT_QUICK = ("slow", "interop", "site")
FAR = 3.0  # so many times its budget is a failure on any machine


def processor_s(item: pytest.Item) -> float:
    """Seconds of processor time of this process, and of those it has waited for unless they are shared."""
    spent = os.times()
    own = spent.user + spent.system
    is_shared = item.get_closest_marker("site") is not None
    return own if is_shared else own + spent.children_user + spent.children_system


class Budgets:
    """A pytest plugin; with xdist, the workers measure and the one that reports adds up."""

    def __init__(self, table: dict[str, Any]) -> None:
        self.quick_room_s: float = table["quick_room_s"]
        self.slow_test_s: float = table["slow_test_s"]
        self.rooms: dict[str, float] = table.get("rooms", {})
        self.files: dict[str, float] = table.get("files", {})
        self.quick: dict[str, float] = defaultdict(float)
        self.slow: dict[str, float] = defaultdict(float)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Iterator[None]:
        """Begin to measure; what a shared fixture takes counts for the test that needs it first."""
        item.stash[_BEGAN] = processor_s(item)
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
        """Put on each phase's report what it took, and whether `make check` leaves the test out."""
        report = yield
        now = processor_s(item)
        report.processor_s = now - item.stash[_BEGAN]
        report.is_slow = any(mark.name in NOT_QUICK for mark in item.iter_markers())
        item.stash[_BEGAN] = now
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add up."""
        took: float = getattr(report, "processor_s", 0.0)
        if getattr(report, "is_slow", False):
            self.slow[report.nodeid] += took
        elif took:
            self.quick[report.nodeid.partition("::")[0].rpartition("/")[0]] += took

    def over(self, times: float = 1.0) -> list[str]:
        """A line for each room whose quick tests took more than so many times its budget."""
        found = []
        for room, took in sorted(self.quick.items()):
            allowed = self.rooms.get(room, self.quick_room_s)
            if took > times * allowed:
                found.append(f"{took:6.1f} s of processor time: quick tests of {room}; budget {allowed:g} s")
        return found

    def slow_ones(self) -> list[str]:
        """A line for each other test that took more than its budget."""
        found = []
        for test, took in sorted(self.slow.items()):
            allowed = self.files.get(test.partition("::")[0], self.slow_test_s)
            if took > allowed:
                found.append(f"{took:6.1f} s of processor time: {test}; budget {allowed:g} s")
        return found

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Fail a run that was good otherwise if a room took far more than its budget."""
        if session.exitstatus == pytest.ExitCode.OK and self.over(FAR):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Print what each room took, and what is over its budget."""
        rooms = sorted(self.quick.items(), key=lambda room: -room[1])
        costly = [(room, took) for room, took in rooms if took >= 1]
        if not costly and not self.slow:
            return
        terminalreporter.section("processor time", "-")
        told = [f"{room.removeprefix('tests/')} {took:.0f}" for room, took in costly]
        terminalreporter.line(f"quick tests, seconds by room: {', '.join(told) or 'less than 1 each'}")
        if self.slow:
            terminalreporter.line(f"slow tests: {len(self.slow)}, {sum(self.slow.values()):.0f} s")
        for line in [*self.over(), *self.slow_ones()]:
            terminalreporter.line(f"OVER BUDGET {line}", red=True)
        for line in self.over(FAR):
            terminalreporter.line(f"FAR OVER BUDGET, which fails the run: {line}", red=True)


def read(path: Path = TABLE) -> Budgets:
    """The plugin with the budgets of the table."""
    return Budgets(tomllib.loads(path.read_text("utf8")))
