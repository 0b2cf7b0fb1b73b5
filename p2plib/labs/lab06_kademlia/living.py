"""Lab 6, the capstone: a node that lives in a village, whatever the weather.

What is judged is a whole program, the class `Villager`; `scores` runs it in every `VillageWeather`, and
`score_table` shows what came out. A probe for each weather says what went wrong first.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

from p2plib.errors import NotFound
from p2plib.figures.table import Table
from p2plib.labs.engine.tasks import Case, Task, Wrong
from p2plib.labs.engine.words import shorten
from p2plib.labs.lab06_kademlia.crowd import K
from p2plib.labs.lab06_kademlia.fetch import fetch
from p2plib.labs.lab06_kademlia.lookup import Ask
from p2plib.labs.lab06_kademlia.table import RoutingTable
from p2plib.labs.lab06_kademlia.village import CUT, FETCHES, LifeScore, MakeVillager, VillageWeather, lived
from p2plib.machine.addresses import Contact, network_of

TO_ASK = 4  # callers after a fetch, at most: each costs a message


class Villager:
    """A peer that keeps a table and fetches values. Only a peer that has answered gets into the table.

    Args:
        own_id: its id.
        start: a few contacts to begin with.
    """

    def __init__(self, own_id: int, start: Sequence[Contact]) -> None:
        self.table = RoutingTable(own_id)
        self.start = list(start)
        self.callers: dict[bytes, Contact] = {}  # by network, not yet asked

    def heard(self, contact: Contact) -> None:
        """Somebody has called us, or so it seems: to be asked after the next fetch, one of each network."""
        if len(self.callers) < TO_ASK:
            self.callers.setdefault(network_of(contact.address[0]), contact)

    async def fetch(self, key: int, ask: Ask) -> bytes:
        """The value under a key.

        Raises:
            NotFound: nobody who was asked has it.
        """
        answered: dict[Contact, None] = {}
        silent: dict[Contact, None] = {}

        async def noting(batch: list[Contact]) -> dict[Contact, Any]:
            answers = await ask(batch)
            answered.update(dict.fromkeys(answers))
            silent.update(dict.fromkeys(one for one in batch if one not in answers))
            return answers

        try:
            return await fetch(key, self.table.closest(key, K) or self.start, noting)
        finally:
            asked = answered | silent
            if unproven := [caller for caller in self.callers.values() if caller not in asked]:
                await noting(unproven)
            self.callers.clear()
            if answered:  # if nobody answers, it is us
                for contact in silent:
                    self.table.silent(contact)
            for contact in answered:
                self.table.heard(contact)


WEATHERS = (
    VillageWeather("calm", "nobody leaves, and nobody lies", 39, 8),
    VillageWeather("loss", "one question in five stays without an answer", 36, 10, loss=0.2),
    VillageWeather(
        "churn", "40 of 300 leave between two fetches, and 40 come", 36, 10.5, churn=40, given_leave=0
    ),
    VillageWeather("liars", "one peer in five lies", 36, 11, liars=0.2),
    VillageWeather(
        "sybils", "one owner calls with forty new ids each time", 30, 13, sybils=40, given_leave=0
    ),
    VillageWeather("forged", "two hundred calls each time, from forged addresses", 36, 14, forged=200),
    VillageWeather("cut", "half of the village is out of reach for twelve fetches", 34, 11, cut=True),
    VillageWeather("outage", "nobody answers for twelve fetches", 26, 14, outage=True, given_leave=CUT[0]),
    VillageWeather(
        "storm", "loss, churn, liars and Sybils, and less of each", 28, 16, 0.1, 20, 0.1, 2, given_leave=0
    ),
)

_OWN = "begin with those in your table that are nearest to the key, and let fetch follow them"
_AGAIN = "one silence is no end: several paths, and others on each"
_LEARN = "put peers that answer into your table, and tell it who was silent: peers leave"
_PATHS = "several paths that have no peer in common, and into the table only peers that answered you"
_LIMITS = "ids are free, networks are not: of those that call from one network, ask one"
_PROOF = "anybody can forge a sender's address: a caller gets in when it has answered a question of yours"
_BACK = "after the cut those who answer now must come into your table, or you stay in your half"
_US = "if nobody at all answers, it is you: then forget nobody"
_FEW = "begin with twenty contacts at the most, stop when you have the value, and forget who was silent"
_SOME = "ask a few callers after each fetch, and let the others go: a question is a message"
_CALLERS = "your first five have left, and only a caller can lead you in: ask those that called"

MISSED = {
    "calm": _OWN, "loss": _AGAIN, "churn": _LEARN, "liars": _PATHS, "sybils": _LIMITS, "forged": _PROOF,
    "cut": _BACK, "outage": _US, "storm": _PATHS,
}  # fmt: skip


def objection(score: LifeScore) -> tuple[str, str] | None:
    """What is wrong with a score, and the hint; None if nothing is."""
    weather = score.weather
    if score.found < weather.goal:
        what = f"it got {score.found} of {FETCHES} values, the goal is {weather.goal}"
        lost = weather.given_leave == 0 and score.found == 0
        return what, _CALLERS if lost else MISSED.get(weather.name, _PATHS)
    if score.messages > weather.messages:
        what = f"it asked {score.messages:.1f} peers for a value, the budget is {weather.messages:g}"
        if weather.sybils or weather.forged:
            return what, _PATHS if weather.churn else _SOME
        return what, _LEARN if weather.churn else _FEW
    return None


def survives(weather: VillageWeather, seed: int = 1) -> Case:
    """A probe: a life in one weather finds enough, within the budget."""

    async def probe(yours: MakeVillager) -> None:
        try:
            score = await lived(yours, weather, seed)
        except Wrong as wrong:
            raise Wrong(f"{weather.name} ({weather.words}): {wrong.what}", wrong.hint) from None
        except (ValueError, IndexError, KeyError) as error:
            if isinstance(error, NotFound):
                raise
            what = f"{weather.name} ({weather.words}): it raised {type(error).__name__}: {error}"
            raise Wrong(what, "run out of contacts, and fetch raises NotFound, nothing else") from None
        if (wrong_score := objection(score)) is not None:
            raise Wrong(f"{weather.name} ({weather.words}): {wrong_score[0]}", wrong_score[1])

    return probe


async def scores(yours: MakeVillager, seed: int = 1) -> AsyncIterator[LifeScore]:
    """A program's score in each weather."""
    for weather in WEATHERS:
        yield await lived(yours, weather, seed)


async def score_table(yours: MakeVillager, seed: int = 1) -> Table:
    """A program's score in each weather, as a table."""
    rows = []
    async for score in scores(yours, seed):
        weather, wrong = score.weather, objection(score)
        rows.append(
            [
                weather.name,
                f"{score.found} of {weather.goal}",
                f"{score.messages:.1f} of {weather.messages:g}",
                "kept" if wrong is None else shorten(wrong[0], 70),
            ]
        )
    return Table(
        ["weather", "found", "messages", "budgets"],
        rows,
        title="One node in nine weathers",
        caption=f"{FETCHES} fetches each: values found and the goal; messages for one, and the budget.",
        numbers=[1, 2],
    )


VILLAGER = Task(
    "Villager",
    Villager,
    cases=[survives(weather) for weather in WEATHERS],
    hint="a table, and fetch over it; peers that answer go in, silent ones go out, callers are asked",
)
