"""Tracebacks without the simulator's lines; the tests of the command show them whole."""

from __future__ import annotations

from p2plib.errors import UsageError
from p2plib.sim import Internet
from p2plib.sim.tracebacks import is_the_scripts, trimmed


def test_an_error_without_a_line_of_the_program_has_no_empty_list_of_lines() -> None:
    assert trimmed(ValueError("no")) == "ValueError: no"


def test_an_error_is_the_scripts_if_one_of_its_lines_raised_it() -> None:
    async def wrong() -> None:
        raise UsageError("no")

    async def main(net: Internet) -> None:
        await net.host("ana").run(wrong())

    async def twice(net: Internet) -> None:
        net.host("ana")
        net.host("ana")

    caught = []
    for program in (main, twice):
        try:
            Internet().run(program)
        except UsageError as error:
            caught.append(error)
    try:
        Internet().run(None)  # type: ignore[arg-type]
    except UsageError as error:
        caught.append(error)
    assert [is_the_scripts(error) for error in caught] == [True, True, False]
    assert "in wrong" in trimmed(caught[0])
    assert "internet.py" not in trimmed(caught[1])
