"""Names that modules took from `time` and `os` before a run."""

from __future__ import annotations

import asyncio
import sys
import threading
from os import urandom
from time import monotonic, sleep
from time import time as wall_clock
from types import ModuleType
from typing import Any

import pytest

from p2plib.errors import Unsupported
from p2plib.sim import Internet
from p2plib.sim.clock.by_name import ImportedByName
from p2plib.sim.clock.stand_ins import StandIns

BEGAN_S = 1_700_000_000.0
kept = (monotonic,)  # not a name of the module's


async def told(net: Internet) -> list[Any]:
    await asyncio.sleep(5)
    with net.host("ana"):
        return [monotonic(), wall_clock(), urandom(4)]


def test_what_was_imported_by_name_is_simulated_during_a_run_alone() -> None:
    before = (monotonic, wall_clock, urandom, sleep)
    first, second = (Internet(seed=3, began_s=BEGAN_S).run(told) for _ in range(2))
    assert first == second
    assert first[:2] == [5.0, BEGAN_S + 5.0]
    assert (monotonic, wall_clock, urandom, sleep) == before


def test_other_threads_are_answered_by_the_machine_meanwhile() -> None:
    async def main(net: Internet) -> None:
        asked: list[float] = []
        asking = threading.Thread(target=lambda: asked.append(wall_clock()))
        asking.start()
        asking.join(10)
        assert asked[0] > BEGAN_S + 1e6

    Internet(began_s=BEGAN_S).run(main)


def test_a_sleep_imported_by_name_is_refused() -> None:
    async def main(net: Internet) -> None:
        sleep(1)

    with pytest.raises(Unsupported, match=r"time\.sleep"):
        Internet().run(main)


def test_pythons_own_modules_and_what_is_no_name_keep_the_real_one() -> None:
    async def main(net: Internet) -> list[bool]:
        return [threading._time() > 100, kept[0]() > 100]  # type: ignore[attr-defined]

    assert Internet().run(main) == [monotonic() > 100, monotonic() > 100]


def test_a_module_that_comes_later_is_looked_through_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def real() -> str:
        return "real"

    def stand_in() -> str:
        return "simulated"

    stand_ins = StandIns(ImportedByName({real: stand_in}).put_in)
    with stand_ins.in_place():
        pass
    late = ModuleType("late")
    late.ask, late.other = real, 7  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "late", late)
    with stand_ins.in_place():
        assert late.ask() == "simulated"
    assert late.ask() == "real"
    with stand_ins.in_place():
        late.ask = None  # type: ignore[attr-defined]  # a program has put something else there
    assert late.ask is None
    with stand_ins.in_place():
        assert late.ask is None
    assert late.ask is None


def test_what_a_notebook_adds_is_found_and_the_simulator_keeps_the_real_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def real() -> str:
        return "real"

    stand_ins = StandIns(ImportedByName({real: lambda: "simulated"}).put_in)
    cells, ours = ModuleType("__main__"), ModuleType("p2plib.sim.late")
    monkeypatch.setitem(sys.modules, "__main__", cells)
    monkeypatch.setitem(sys.modules, "p2plib.sim.late", ours)
    with stand_ins.in_place():
        pass
    cells.ask = ours.ask = real  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "p2plib.sim.later", ours)
    with stand_ins.in_place():
        assert (cells.ask(), ours.ask()) == ("simulated", "real")
    assert (cells.ask(), ours.ask()) == ("real", "real")
