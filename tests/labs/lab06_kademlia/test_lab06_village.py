"""Lab 6, the capstone: the library's villager has room in every budget, and each weather is what it says."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from p2plib.labs.lab06_kademlia.crowd import K
from p2plib.labs.lab06_kademlia.distance import closest
from p2plib.labs.lab06_kademlia.fetch import fetch
from p2plib.labs.lab06_kademlia.living import TO_ASK, WEATHERS, Villager, objection, score_table
from p2plib.labs.lab06_kademlia.village import CUT, FETCHES, Village, lived
from p2plib.machine.addresses import network_of

BY_NAME = {weather.name: weather for weather in WEATHERS}


class Settler(Villager):
    """Trusts its first contacts for life."""

    def heard(self, contact: Any) -> None:
        pass

    async def fetch(self, key: int, ask: Any) -> bytes:
        return await fetch(key, self.start, ask)


class Believer(Villager):
    """Takes into its table whoever calls."""

    def heard(self, contact: Any) -> None:
        self.table.heard(contact)


class Deaf(Villager):
    """Does not care who calls."""

    def heard(self, contact: Any) -> None:
        pass


class Crowded(Villager):
    """Asks the first callers, whatever network they call from."""

    def heard(self, contact: Any) -> None:
        if len(self.callers) < TO_ASK:
            self.callers[bytes([len(self.callers)])] = contact


class Forgiving(Villager):
    """Forgets nobody that was silent."""

    def __init__(self, own_id: int, start: list[Any]) -> None:
        super().__init__(own_id, start)
        self.table.silent = lambda contact: None  # type: ignore[method-assign]


class Listing(Settler):
    """Writes down everybody that calls, and crosses out nobody."""

    def heard(self, contact: Any) -> None:
        self.start.append(contact)

    async def fetch(self, key: int, ask: Any) -> bytes:
        return await fetch(key, closest(key, self.start, K), ask)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 5])
def test_the_librarys_villager_keeps_all_budgets_with_room(seed: int) -> None:
    for weather in WEATHERS:
        score = asyncio.run(lived(Villager, weather, seed))
        assert objection(score) is None, weather.name
        assert score.messages <= 0.83 * weather.messages, weather.name


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 9))
@pytest.mark.parametrize(
    ("program", "weathers"),
    [
        (Settler, ("churn", "sybils", "storm")),
        (Deaf, ("churn", "sybils", "storm")),
        (Believer, ("forged",)),
        (Crowded, ("sybils",)),
        (Forgiving, ("churn",)),
        (Listing, ("churn", "sybils", "forged")),
    ],
)
def test_what_a_weather_is_for_it_refuses_in_every_village(
    program: Any, weathers: tuple[str, ...], seed: int
) -> None:
    for name in weathers:
        assert objection(asyncio.run(lived(program, BY_NAME[name], seed))) is not None, name


@pytest.mark.parametrize(
    ("program", "weather", "hint"),
    [
        (Deaf, "churn", "only a caller can lead you in"),
        (Believer, "forged", "anybody can forge a sender's address"),
        (Crowded, "sybils", "of those that call from one network, ask one"),
        (Forgiving, "churn", "tell it who was silent"),
    ],
)
def test_each_mistake_is_named(program: Any, weather: str, hint: str) -> None:
    wrong = objection(asyncio.run(lived(program, BY_NAME[weather])))
    assert wrong is not None
    assert hint in wrong[1]


def test_only_peers_that_have_answered_get_into_the_table() -> None:
    """The rule of the chapter, seen from outside: of all that was ever called or named, who is in it?"""
    proven: set[Any] = set()

    class Watched(Villager):
        async def fetch(self, key: int, ask: Any) -> bytes:
            async def watching(batch: list[Any]) -> dict[Any, Any]:
                answers: dict[Any, Any] = await ask(batch)
                proven.update(answers)
                return answers

            try:
                return await super().fetch(key, watching)
            finally:
                assert set(self.table.closest(key, 9999)) <= proven

    for weather in WEATHERS:
        asyncio.run(lived(Watched, weather))
        assert proven
        proven.clear()


def test_a_life_is_the_same_every_time() -> None:
    first, second = (asyncio.run(lived(Villager, BY_NAME["storm"])) for _ in range(2))
    assert first == second


def test_each_weather_is_what_it_says() -> None:
    names = ("churn", "sybils", "forged", "cut", "outage")
    churn, sybils, forged, cut, outage = (Village(BY_NAME[name], 1) for name in names)
    calm = Village(BY_NAME["calm"], 1)
    before = set(churn.peers)
    for turn in range(FETCHES):
        churn.change(turn)
        calm.change(turn)
        assert not set(churn.given) & set(churn.peers), "gone before the first fetch"
    assert len(churn.peers) == len(before)
    assert len(before & set(churn.peers)) < 30
    assert set(calm.given) <= set(calm.peers)
    called = forged.callers(0)
    assert len(called) == 203
    assert len(set(called) & set(forged.peers)) == 3
    assert set(called) - set(forged.peers) <= forged.silent(0)
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
    assert "it got 0 of 40 values, the goal is 36" in rows["churn"]
