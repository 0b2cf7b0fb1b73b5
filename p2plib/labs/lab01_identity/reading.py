"""Lab 1, the capstone: read twelve feeds through a relay that nobody should trust, whatever the weather.

What is judged is a whole program, the class `Reader`; `scores` runs it in every `RelayWeather`, and
`score_table` shows what came out. A probe for each weather says what went wrong first.
"""

from __future__ import annotations

from collections.abc import Iterator

from p2plib.errors import RemoteError
from p2plib.figures.table import Table
from p2plib.labs.engine.tasks import Case, Task, Wrong
from p2plib.labs.engine.words import shorten
from p2plib.labs.lab01_identity.envelope import open_envelope
from p2plib.labs.lab01_identity.relay import (
    AHEAD,
    CONTEXT,
    MEMORY_BYTES,
    PEOPLE,
    POSTS,
    FeedScore,
    MakeReader,
    RelayWeather,
    followed,
    read_entry,
)
from p2plib.labs.lab01_identity.rotation import Following, follow

MOST_TRIES = 12  # requests for one post, after which its author is believed not to have written it


class Reader:
    """Follows some people, and says what they wrote: each one's posts in order, once, and nothing else.

    Args:
        people: from my name for somebody to the key in use and the promise of the next one.
    """

    def __init__(self, people: dict[str, Following]) -> None:
        self.people = dict(people)
        self.next = dict.fromkeys(people, 1)  # the number that is to be shown
        self.held: dict[str, dict[int, str]] = {name: {} for name in people}
        self.tries: dict[str, int] = dict.fromkeys(people, 0)  # for the missing ones of this moment

    def hear(self, raw: bytes) -> list[tuple[str, str]]:
        """A message has come from the relay.

        Returns:
            What can be shown now, as (my name for the author, text).
        """
        if raw[:1] == b"R":
            self._rotate(raw[1:])
            return []
        name = next((n for n, state in self.people.items() if state.key.raw == raw[1:33]), None)
        if raw[:1] != b"P" or name is None:
            return []
        try:
            entry = read_entry(open_envelope(CONTEXT, raw[1:])[1])
        except (RemoteError, ValueError):
            return []
        if 0 <= entry.number - self.next[name] < AHEAD:
            self.held[name].setdefault(entry.number, entry.text)
        shown = []
        while (number := self.next[name]) in self.held[name]:
            shown.append((name, self.held[name].pop(number)))
            self.next[name], self.tries[name] = number + 1, 0
        return shown

    def wants(self) -> list[tuple[str, int]]:
        """The posts that are missed, as (my name for the author, number); asked every few messages."""
        wanted = []
        for name, held in self.held.items():
            if held and self.tries[name] < MOST_TRIES:
                self.tries[name] += 1
                wanted += [(name, n) for n in range(self.next[name], max(held)) if n not in held]
        return wanted

    def _rotate(self, raw: bytes) -> None:
        for name, state in self.people.items():
            self.people[name] = follow(state, [raw])
            if self.people[name] != state:
                self.held[name].clear()  # signed with a key that may have been stolen


WEATHERS = (
    RelayWeather("calm", "nothing is lost, and nobody lies", 0, 200),
    RelayWeather("loss", "one post in five is lost", 80, 200, loss=0.2),
    RelayWeather("disorder", "posts arrive out of order", 60, 250, disorder=40),
    RelayWeather("replays", "everything comes twice", 0, 400, replays=True),
    RelayWeather("forgers", "forged copies come before and after each post", 0, 580, forgers=True),
    RelayWeather(
        "names", "strangers use your friends' names, and friends each other's", 0, 200, lookalikes=True
    ),
    RelayWeather("theft", "keys are stolen, and their owners rotate", 10, 250, thefts=True),
    RelayWeather("garbage", "half of what comes is not a message at all", 0, 250, garbage=True),
    RelayWeather("flood", "two thousand strangers write", 0, 200, strangers=2000),
    RelayWeather(
        "hoarder", "a friend turns bad, and signs hundreds of posts far ahead", 320, 700, hoarder=True
    ),
    RelayWeather(
        "storm",
        "all of these but disorder, and a little less of each",
        requests=80,
        verifications=1200,
        loss=0.1,
        replays=True,
        forgers=True,
        lookalikes=True,
        thefts=True,
        garbage=True,
        strangers=500,
    ),
)

_ORDER = (
    f"hold what comes early, up to {AHEAD} numbers ahead, and show it when those before it have been shown"
)
_ASK = "a number missing below one that you hold was lost: name it in wants until it comes"
_AGAIN = "an answer may be lost, too: ask again the next time, but not more than a dozen times"
_VERIFY = "believe nothing before open_envelope has: neither the author, nor the number, nor the text"
_OWN_NAME = "a nickname is a claim: the key says who it is, and you say what he is called"
_OLD_KEY = "after a rotation only the new key counts: compare the envelope's author with the key in use"
_HELD = "what you hold was signed with the old key, perhaps by the thief: throw it away, and ask for it again"
_PASS = "skip what is not a message: catch RemoteError and ValueError, and return an empty list"
_STRANGER = "first check that you follow the author: a stranger is not worth a signature or any memory"
_BOUND = f"hold at most {AHEAD} numbers ahead for each person, and nothing for strangers"
_PATIENT = "ask only for numbers missing below one that you hold, and give up after a dozen tries"
_ONCE = "remember each person's next number: everything below it has been shown"

MISSED = {"loss": _ASK, "disorder": _ORDER, "forgers": _VERIFY, "theft": _HELD, "storm": _AGAIN}
FALSE = {"names": _OWN_NAME, "theft": _OLD_KEY, "hoarder": _ORDER}


def objection(score: FeedScore) -> tuple[str, str] | None:
    """What is wrong with a score, and the hint; None if nothing is."""
    weather = score.weather
    if score.raised:
        error = f": {shorten(score.marks['error'], 60)}" if "error" in score.marks else ""
        return f"{score.at} made it raise {score.raised}{error}", _PASS
    if score.false:
        return _false(score)
    if score.twice:
        return f"{score.twice} posts were shown twice", _ONCE
    if not score.is_in_order:
        return "a post was shown before an earlier one of its author", _ORDER
    if score.missing:
        what = f"{score.missing} of {len(PEOPLE) * POSTS} posts were not shown"
        hint = MISSED.get(weather.name, "show every post by the people you follow")
        return what, _AGAIN if score.requests and weather.loss else hint
    for spent, budget, what, hint in (
        (score.requests, weather.requests, "requests", _PATIENT),
        (score.verified, weather.verifications, "verified signatures", _STRANGER),
        (score.held, MEMORY_BYTES, "bytes held", _BOUND),
    ):
        if spent > budget:
            return f"{spent:,} {what}, the budget is {budget:,}", hint
    return None


def _false(score: FeedScore) -> tuple[str, str]:
    """What to say about a post that was shown and is not by whom it was said to be."""
    name, text = score.false[0]
    what = f"it showed {text!r} as {name}'s, which is not"
    if name not in PEOPLE:
        return f"it showed a post under the name {name!r}", _OWN_NAME
    if "written ahead" in text:
        return what, _HELD
    if "old key" in text:
        return what, _OLD_KEY
    if any(text in row for row in score.wanted.values()):
        return what, _OWN_NAME
    if "by Mal" in text:
        return what, _VERIFY
    return what, FALSE.get(score.weather.name, _OWN_NAME)


def survives(weather: RelayWeather, seed: int = 1) -> Case:
    """A probe: in one weather all posts are shown, and nothing else, within the budgets."""

    def probe(yours: MakeReader) -> None:
        if (wrong := objection(followed(yours, weather, seed))) is not None:
            raise Wrong(f"{weather.name} ({weather.words}): {wrong[0]}", wrong[1])

    return probe


def _two_readers(yours: MakeReader) -> None:
    """Two readers do not know of each other, and the list that they were given stays as it is."""
    first, second = (followed(yours, WEATHERS[0]) for _ in range(2))
    if first.shown != second.shown:
        raise Wrong(
            "a second reader showed something different from the first", "keep what it remembers on self"
        )


def scores(yours: MakeReader, seed: int = 1) -> Iterator[FeedScore]:
    """A program's score in each weather."""
    for weather in WEATHERS:
        yield followed(yours, weather, seed)


def score_table(yours: MakeReader, seed: int = 1) -> Table:
    """A program's score in each weather, as a table."""
    rows = []
    for score in scores(yours, seed):
        weather, wrong = score.weather, objection(score)
        rows.append(
            [
                weather.name,
                f"{len(PEOPLE) * POSTS - score.missing} of {len(PEOPLE) * POSTS}",
                str(len(score.false)),
                f"{score.requests} of {weather.requests}",
                f"{score.verified:,} of {weather.verifications:,}",
                f"{score.held / 1000:.1f} of {MEMORY_BYTES / 1000:g}",
                "kept" if wrong is None else shorten(wrong[0], 60),
            ]
        )
    return Table(
        ["weather", "shown", "false", "requests", "verified", "kB held", "budgets"],
        rows,
        title="One reader in eleven kinds of weather",
        caption="What was shown, what was shown falsely, and what it cost, next to the budget.",
        numbers=[1, 2, 3, 4, 5],
    )


READER = Task(
    "Reader",
    Reader,
    cases=[survives(WEATHERS[0]), _two_readers, *(survives(weather) for weather in WEATHERS[1:])],
    hint="whose key is it, is the envelope good, is it the next number? then show it",
)
