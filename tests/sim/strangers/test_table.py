"""The table of third-party programs says what is installed and what is tested."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

from tests.sim.strangers.table import STRANGERS, Outcome, Stranger

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
