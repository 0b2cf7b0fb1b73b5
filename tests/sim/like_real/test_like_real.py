"""The simulated internet does what a real Linux does, but for what is listed."""

from __future__ import annotations

import inspect

import pytest

from tests.sim.like_real.compare import all_cases, in_simulator, on_linux, why_no_real_machines
from tests.sim.like_real.differences import DIFFERENCES, listed
from tests.sim.like_real.words import plain

FAMILIES = ("bind", "broadcast", "close", "dual", "multicast", "reuse", "send")


@pytest.mark.slow
def test_what_is_listed_and_nothing_else_differs() -> None:
    reason = why_no_real_machines()
    if reason is not None:
        pytest.skip(reason)
    linux, simulator = on_linux(), in_simulator()
    assert list(linux) == list(simulator)
    different = [name for name in linux if linux[name] != simulator[name]]
    assert different == [name for name in linux if name in listed()], "differences.py: list it or take it out"


def test_there_are_cases_of_every_family() -> None:
    cases = all_cases()
    assert {name.partition(".")[0] for name in cases} >= set(FAMILIES)
    assert set(DIFFERENCES) <= set(cases)
    assert all_cases("bind.same_port_twice").keys() == {"bind.same_port_twice"}
    assert not any(name.partition(".")[2].startswith("_") for name in cases)
    assert all(inspect.signature(case).parameters.keys() == {"here", "there"} for case in cases.values())


def test_the_simulated_side_repeats() -> None:
    assert in_simulator("send") == in_simulator("send")


def test_what_is_observed_is_said_in_plain_words() -> None:
    assert plain((b"text", ("127.0.0.1", 40_000))) == ["text", ["127.0.0.1", "ephemeral"]]
    assert plain(OSError(98, "in use")) == "OSError EADDRINUSE"
    assert plain(bytes(100)) == "100 bytes"
