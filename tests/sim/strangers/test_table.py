"""The table of third-party programs says what is installed and what is tested."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

from tests.sim.strangers.table import STRANGERS, Outcome, Stranger
from tests.sim.strangers.tried import TRIED

HERE = Path(__file__).parent
NAMES = [stranger.package for stranger in STRANGERS]


@pytest.mark.parametrize("stranger", STRANGERS, ids=NAMES)
def test_the_table_names_the_version_that_is_tested(stranger: Stranger) -> None:
    try:
        installed = version(stranger.package)
    except PackageNotFoundError:
        pytest.skip(f"{stranger.package} is not installed")
    assert installed == stranger.version


@pytest.mark.parametrize("stranger", STRANGERS, ids=NAMES)
def test_what_works_has_a_test_and_what_does_not_a_reason(stranger: Stranger) -> None:
    if stranger.outcome is Outcome.NOT:
        assert stranger.why
    else:
        assert (HERE / f"{stranger.test}.py").is_file()
    if stranger.outcome is Outcome.WITH_A_CHANGE or not stranger.repeats:
        assert stranger.why


def test_every_program_here_is_in_the_table_once() -> None:
    assert len(set(NAMES)) == len(NAMES)
    tested = {stranger.test for stranger in STRANGERS} - {""}
    about_all = {"test_table", "test_repeats"}
    assert {path.stem for path in HERE.glob("test_*.py")} - about_all == tested


@pytest.mark.parametrize("stranger", TRIED, ids=[f"{one.package}: {one.uses}" for one in TRIED])
def test_what_was_tried_by_hand_says_what_stands_in_its_way(stranger: Stranger) -> None:
    assert stranger.version
    assert stranger.test == ""
    if stranger.outcome is not Outcome.UNCHANGED or not stranger.repeats:
        assert stranger.why


def test_nothing_is_told_twice_and_what_works_and_is_tested_needs_no_trial() -> None:
    told = [(one.package.lower(), one.uses) for one in (*STRANGERS, *TRIED)]
    assert len(set(told)) == len(told)
    by_hand = {one.package for one in TRIED if one.outcome is Outcome.UNCHANGED}
    assert not by_hand & set(NAMES)
