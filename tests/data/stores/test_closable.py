"""What is closed once."""

from __future__ import annotations

import pytest

from p2plib.data.stores.closable import Closable
from p2plib.errors import Closed


class Door(Closable):
    kind = "door"

    def __init__(self) -> None:
        super().__init__()
        self.done: list[str] = []

    def _end_all(self) -> None:
        assert self._is_closed, "what is under way could begin something new"
        self.done.append("end")

    def _let_go(self) -> None:
        self.done.append("let go")

    def knock(self) -> None:
        self._demand_open()


def test_it_is_closed_once_and_then_says_so() -> None:
    with Door() as door:
        door.knock()
        door.close()
        with pytest.raises(Closed, match="this door was closed"):
            door.knock()
    assert door.done == ["end", "let go"]


def test_an_error_in_the_block_closes_it_and_is_passed_on() -> None:
    with pytest.raises(KeyError), Door() as door:
        raise KeyError
    assert door.done == ["end", "let go"]
