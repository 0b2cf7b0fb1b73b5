"""Lab 1, the capstone: the weathers do what they say, and the library's reader keeps every budget."""

from __future__ import annotations

from typing import Any

import pytest

from p2plib.labs.lab01_identity.reading import WEATHERS, Reader, objection, score_table, scores
from p2plib.labs.lab01_identity.relay import (
    MEMORY_BYTES,
    PEOPLE,
    POSTS,
    FeedEntry,
    Relay,
    followed,
    held_bytes,
    read_entry,
    write_entry,
)

BY_NAME = {weather.name: weather for weather in WEATHERS}


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 5, 9])
def test_the_librarys_reader_keeps_all_budgets_with_room(seed: int) -> None:
    for score in scores(Reader, seed):
        weather = score.weather
        assert objection(score) is None, weather.name
        assert score.requests <= 0.8 * weather.requests, weather.name
        assert score.verified <= 0.8 * weather.verifications, weather.name
        assert score.held <= 0.8 * MEMORY_BYTES, weather.name


def test_a_run_is_the_same_every_time() -> None:
    first, second = (followed(Reader, BY_NAME["loss"]) for _ in range(2))
    assert (first.requests, first.shown) == (second.requests, second.shown)


def test_each_weather_does_what_its_name_says() -> None:
    carried = {name: Relay(weather).messages() for name, weather in BY_NAME.items()}
    whole = len(PEOPLE) * POSTS
    assert len(carried["calm"]) == whole
    assert 0.7 * whole < len(carried["loss"]) < 0.9 * whole
    assert len(carried["replays"]) == 2 * whole
    assert len(set(carried["replays"])) == whole
    assert len(carried["forgers"]) == 3 * whole
    assert sum(raw[:1] == b"R" for raw in carried["theft"]) == 3 * 8
    assert len(carried["flood"]) > 3000
    assert sum(map(len, carried["hoarder"])) > 5 * MEMORY_BYTES


def test_the_table_says_in_which_weather_a_program_fails() -> None:
    class Silent:
        """Shows nothing."""

        def __init__(self, people: Any) -> None:
            pass

        def hear(self, raw: bytes) -> list[Any]:
            return []

        def wants(self) -> list[Any]:
            return []

    rows = score_table(Silent).rows
    assert [row[0] for row in rows] == [weather.name for weather in WEATHERS]
    assert rows[0][1] == "0 of 144"
    assert rows[0][-1] == "144 of 144 posts were not shown"


def test_what_an_object_holds_is_counted_wherever_it_is_kept() -> None:
    class Hoard:
        shared: dict[int, bytes] = {}  # noqa: RUF012  that is what is tested

        def __init__(self) -> None:
            self.rows = [{"text": "x" * 100}, (b"y" * 50,)]

    hoard = Hoard()
    before = held_bytes(hoard)
    assert 150 < before < 400
    Hoard.shared[1] = bytes(1000)
    assert held_bytes(hoard) >= before + 1000


def test_entries_are_read_as_they_were_written() -> None:
    entry = FeedEntry(7, "Änne", "rain")
    assert read_entry(write_entry(entry)) == entry
    for size in range(9 + 5):
        with pytest.raises(ValueError, match="entry"):
            read_entry(write_entry(entry)[:size])
