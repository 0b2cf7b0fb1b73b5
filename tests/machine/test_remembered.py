"""What is remembered is not worked out again, errors are not remembered, and there is an end to it."""

from __future__ import annotations

import pytest

from p2plib.machine import remembered as module
from p2plib.machine.remembered import remembered


def test_each_argument_is_worked_out_once() -> None:
    asked: list[int] = []

    def double(number: int) -> int:
        asked.append(number)
        return 2 * number

    doubled = remembered(double)
    assert [doubled(number) for number in (1, 2, 1, 2)] == [2, 4, 2, 4]
    assert asked == [1, 2]


def test_an_error_is_raised_each_time() -> None:
    asked: list[int] = []

    def refuse(number: int) -> int:
        asked.append(number)
        raise ValueError(number)

    refused = remembered(refuse)
    for _ in range(2):
        with pytest.raises(ValueError, match="7"):
            refused(7)
    assert asked == [7, 7]


def test_all_are_forgotten_when_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REMEMBERED", 3)
    asked: list[int] = []

    def same(number: int) -> int:
        asked.append(number)
        return number

    remember = remembered(same)
    for number in (1, 2, 3, 1, 4, 4, 1):
        assert remember(number) == number
    assert asked == [1, 2, 3, 4, 1]
