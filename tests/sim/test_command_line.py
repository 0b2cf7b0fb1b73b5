"""The command line: its units, and what is not one. What the options do is in the tests of the command."""

from __future__ import annotations

import pytest

from p2plib.sim.command_line import DAY_S, SHOWN_PACKETS, parser


@pytest.mark.parametrize(
    ("words", "name", "value"),
    [
        (["--latency", "0.04"], "latency", 0.04),
        (["--latency", "40ms"], "latency", 0.04),
        (["--latency", "3us"], "latency", 3e-6),
        (["--time-limit", "5min"], "time_limit", 300.0),
        (["--time-limit", "2h"], "time_limit", 7200.0),
        (["--time-limit", "inf"], "time_limit", float("inf")),
        ([], "time_limit", DAY_S),
        (["--loss", "2%"], "loss", 0.02),
        (["--loss", "1e-3"], "loss", 0.001),
        (["--bandwidth", "1Mbit"], "bandwidth", 125_000.0),
        (["--bandwidth", "125kB/s"], "bandwidth", 125_000.0),
        (["--seed", "-3"], "seed", -3),
        (["--trace"], "trace", SHOWN_PACKETS),
        ([], "trace", None),
    ],
)
def test_units(words: list[str], name: str, value: float | None) -> None:
    given = getattr(parser().parse_args(words), name)
    assert given == (value if value is None else pytest.approx(value))


@pytest.mark.parametrize(
    "words",
    [["--latency", "1.2.3"], ["--latency", "-1"], ["--loss", "101%"], ["--bandwidth", "1Mbyte"],
     ["--seeds", "0"], ["--seed", "1.5"], ["--los", "0.1"]],
)  # fmt: skip
def test_what_is_no_number_of_its_unit(words: list[str]) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args(words)
