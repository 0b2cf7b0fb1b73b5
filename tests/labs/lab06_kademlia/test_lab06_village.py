"""Lab 6, the capstone: the library's villager has room in every budget, and each weather is what it says."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from p2plib.labs.lab06_kademlia.living import WEATHERS, Villager, objection, score_table
from p2plib.labs.lab06_kademlia.village import CUT, FETCHES, Village, lived
from p2plib.machine.addresses import network_of

BY_NAME = {weather.name: weather for weather in WEATHERS}


class Settler:
    """Trusts its first contacts for life."""

    def __init__(self, own_id: int, start: list[Any]) -> None:
        self.start = start

    def heard(self, contact: Any) -> None:
        pass

    async def fetch(self, key: int, ask: Any) -> bytes:
        return await Villager(0, self.start).fetch(key, ask)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 5])
def test_the_librarys_villager_keeps_all_budgets_with_room(seed: int) -> None:
    for weather in WEATHERS:
        score = asyncio.run(lived(Villager, weather, seed))
        assert objection(score) is None, weather.name
        assert score.messages <= 0.83 * weather.messages, weather.name


@pytest.mark.parametrize("seed", range(1, 9))
def test_the_storm_alone_refuses_a_peer_that_learns_nothing(seed: int) -> None:
    wrong = objection(asyncio.run(lived(Settler, BY_NAME["storm"], seed)))
    assert wrong is not None
    assert "the goal is 28" in wrong[0]


def test_a_life_is_the_same_every_time() -> None:
    first, second = (asyncio.run(lived(Villager, BY_NAME["storm"])) for _ in range(2))
    assert first == second


def test_each_weather_is_what_it_says() -> None:
    churn, sybils, cut, outage = (Village(BY_NAME[name], 1) for name in ("churn", "sybils", "cut", "outage"))
    before = set(churn.peers)
    for turn in range(FETCHES):
        churn.change(turn)
    assert len(churn.peers) == len(before)
    assert len(before & set(churn.peers)) < 30
    assert not set(churn.given) & set(churn.peers)
    callers = sybils.callers(20)
    assert len(callers) == 40
    assert len({network_of(one.address[0]) for one in callers}) == 1
    assert 100 < len(cut.silent(CUT[0])) < 200
    assert not cut.silent(CUT[-1] + 1)
    assert outage.silent(CUT[0]) == set(outage.peers)


def test_the_table_says_in_which_weather_a_program_fails() -> None:
    rows = {row[0]: row[-1] for row in asyncio.run(score_table(Settler)).rows}
    assert list(rows) == [weather.name for weather in WEATHERS]
    assert rows["calm"] == "kept"
    assert "values, the goal is 36" in rows["churn"]
