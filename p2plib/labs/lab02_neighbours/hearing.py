"""Lab 2, task 6: what a peer has heard on its LAN, until when it holds, and what it can leave unasked.

A record holds for as many seconds as it says, a goodbye takes it away (RFC 6762, section 10.1, which gives
it one more second), and what is known already is said along with the next question, so that nobody repeats
it (section 7.1).
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from p2plib.labs.engine.tasks import Case, Task, Wrong
from p2plib.labs.engine.words import describe
from p2plib.labs.lab02_neighbours.packets import Record

GOODBYE_S = 1.0
MOST_TTL_S = 4500  # RFC 6762, section 10: 75 minutes is what records live as a rule
MOST = 256  # records that are held

MakeNeighbours = Callable[..., Any]  # a reader's class


class Neighbours:
    """The peers for one name that were heard on this LAN.

    Args:
        name: what they are peers for.
        most: how many records are held.
    """

    def __init__(self, name: str, most: int = MOST) -> None:
        self.name, self.most = name, most
        self._held: dict[tuple[str, int], tuple[float, float]] = {}  # until when, and for how long in all

    def heard(self, record: Record, now: float) -> None:
        """A record has come; one for another name is none of ours."""
        if record.name.lower() != self.name.lower():
            return
        self._forget(now)
        peer = record.host, record.port
        if record.ttl == 0:
            if peer in self._held:
                self._held[peer] = min(self._held[peer][0], now + GOODBYE_S), float("inf")
        elif peer in self._held or len(self._held) < self.most:
            ttl = min(record.ttl, MOST_TTL_S)
            self._held[peer] = now + ttl, ttl

    def _forget(self, now: float) -> None:
        self._held = {peer: held for peer, held in self._held.items() if held[0] > now}

    def present(self, now: float) -> list[tuple[str, int]]:
        """Host and port of every peer that is here now, sorted."""
        return sorted(peer for peer, (until, _) in self._held.items() if until > now)

    def known(self, now: float) -> list[Record]:
        """What need not be told: records with half their time left or more, sorted by host and port."""
        return [
            Record(self.name, int(until - now), *peer)
            for peer, (until, ttl) in sorted(self._held.items())
            if until - now >= ttl / 2
        ]


# Stories: "0 ana 120" says that at 0 seconds a record of ana came that holds 120 seconds


NAME = "cats.local"


def record(who: str, ttl: int, name: str = NAME) -> Record:
    """The record of a peer; "ana:5000" is on another port."""
    host, _, port = who.partition(":")
    return Record(name, ttl, f"{host}.local", int(port or 4000))


def told(yours: MakeNeighbours, text: str, *rest: Any) -> Any:
    """Neighbours that have heard a story: "0 ana 120, 5 ben 60"."""
    neighbours = yours(NAME, *rest)
    for said in filter(None, text.split(", ")):
        now, who, ttl = said.split(" ")
        try:
            neighbours.heard(record(who, int(ttl)), float(now))
        except KeyError:
            raise Wrong(f"{text}: it raised KeyError", _STRANGER if ttl == "0" else _NEW) from None
    return neighbours


_STRANGER = "a goodbye from a peer that is not here changes nothing: look before you take"
_NEW = "a peer that is heard for the first time is not held yet: look before you take"


def shown(peers: Any) -> str:
    """Peers as their names: "ana ben"."""
    try:
        return " ".join(
            host.removesuffix(".local") + ("" if port == 4000 else f":{port}") for host, port in peers
        )
    except (TypeError, ValueError, AttributeError):
        return describe(peers)


def here(text: str, now: float, expected: str, hint: str, *rest: Any) -> Case:
    """A probe: who is here after a story.

    Args:
        text: the story.
        now: when to look.
        expected: who is here then: "ana ben".
        hint: for whoever says something else.
        rest: how many records at most, where that is given.
    """

    def probe(yours: MakeNeighbours) -> None:
        got = told(yours, text, *rest).present(now)
        if not isinstance(got, list) or not all(isinstance(one, tuple) and len(one) == 2 for one in got):
            raise Wrong(f"present returned {describe(got)}", "a list of pairs: host and port")
        if shown(got) != expected:
            limit = f" (at most {rest[0]} held)" if rest else ""
            has, wanted = shown(got) or "nobody", expected or "nobody"
            what = f"{text}; at {now:g} s{limit} it has {has}, expected {wanted}"
            raise Wrong(what, _SORTED if sorted(has.split()) == sorted(wanted.split()) else hint)

    return probe


def knows(text: str, now: float, expected: str, hint: str) -> Case:
    """A probe: which records are known well enough after a story: "ana 90, ben 31"."""

    def probe(yours: MakeNeighbours) -> None:
        got = told(yours, text).known(now)
        if not isinstance(got, list) or not all(isinstance(one, Record) for one in got):
            raise Wrong(f"known returned {describe(got)}", "a list of records: Record(name, ttl, host, port)")
        if any(type(one.ttl) is not int for one in got):
            raise Wrong(
                "a record in known has a ttl that is not an int",
                "a packet has room for whole seconds: int(...)",
            )
        said = ", ".join(f"{shown([one[2:]])} {one.ttl}" for one in got)
        if said != expected:
            what = f"{text}; at {now:g} s it knows {said or 'nothing'}, expected {expected or 'nothing'}"
            raise Wrong(what, _why_known(got, text, now, hint))
        if any(one.name != NAME for one in got):
            raise Wrong("a record in known has another name", "the name is the one that you were made with")

    return probe


def _why_known(got: list[Record], text: str, now: float, hint: str) -> str:
    if [one.host for one in got] != sorted(one.host for one in got):
        return _SORTED
    return hint


def _other_names(yours: MakeNeighbours) -> None:
    neighbours = yours(NAME)
    neighbours.heard(record("ana", 120, "dogs.local"), 0)
    if neighbours.present(1):
        raise Wrong(
            "a record for dogs.local came, and is among the cats", "look at record.name: it must be ours"
        )
    neighbours.heard(record("ben", 120, "Cats.LOCAL"), 0)
    if shown(neighbours.present(1)) != "ben":
        raise Wrong("a record for Cats.LOCAL was left out", "in DNS, upper and lower case are the same name")
    neighbours.heard(record("ben", 0, "dogs.local"), 2)
    if shown(neighbours.present(4)) != "ben":
        raise Wrong("a goodbye for dogs.local took a cat away", "a goodbye must be for our name, too")


def _upper_case(yours: MakeNeighbours) -> None:
    neighbours = yours("CATS.local")
    neighbours.heard(record("ana", 120), 0)
    if shown(neighbours.present(1)) != "ana":
        raise Wrong("made for CATS.local it left out cats.local", "put both names into lower case")


def _apart(yours: MakeNeighbours) -> None:
    first, other = yours(NAME), yours(NAME)
    first.heard(record("ana", 120), 0)
    if other.present(1):
        raise Wrong("two Neighbours had the same records", "what is held belongs to self, made in __init__")


def _looking_changes_nothing(yours: MakeNeighbours) -> None:
    neighbours = told(yours, "0 ana 120")
    neighbours.present(500.0)
    neighbours.known(500.0)
    if shown(neighbours.present(1.0)) != "ana":
        raise Wrong(
            "after a look at what is here at 500 s, nobody is here at 1 s", "present and known only look"
        )


def flood(yours: MakeNeighbours) -> None:
    """A probe: somebody on the LAN names thousands of peers."""
    neighbours = told(yours, "0 ana 120")
    for number in range(3000):
        neighbours.heard(Record(NAME, 120, f"x{number}.local", 4000), 1)
    got = neighbours.present(2)
    if len(got) < MOST:
        raise Wrong(
            f"3000 peers were named, and it holds {len(got)}",
            "there is room for 256, unless most says otherwise",
        )
    if len(got) > MOST:
        raise Wrong(
            f"3000 peers were named, and it holds {len(got)}",
            "hold no more than most: a flood costs its sender nothing",
        )
    if ("ana.local", 4000) not in got:
        raise Wrong("a flood threw out ana", "when there is no room left, the new one stays out")
    neighbours.heard(record("ana", 120), 60)
    neighbours.heard(record("ben", 120), 140)
    if shown(neighbours.present(140)) != "ana ben":
        raise Wrong("after the flood had run out it had no room for ben", "what has run out holds no place")


def any_story(seed: int, most: int = 4) -> Case:
    """A probe: a long story, told to the reader's class and the library's."""

    def probe(yours: MakeNeighbours) -> None:
        rng, now = random.Random(seed), 0.0
        mine, expected = yours(NAME, most), Neighbours(NAME, most)
        for step in range(1, 300):
            now += rng.choice((0, 0.5, 1, 2, 5))
            said = record(rng.choice("abcdefg"), rng.choice((0, 2, 4, 10, 60, 99_999)))
            mine.heard(said, now)
            expected.heard(said, now)
            then = now + rng.choice((0, 0.5, 1, 3))
            where = f"in a story of 300, after {step}, "
            for name in ("present", "known"):
                got, want = getattr(mine, name)(then), getattr(expected, name)(then)
                if got != want:
                    what = f"{where}{name} gave {describe(got)}, expected {describe(want)}"
                    raise Wrong(what, "tell yours the same story by hand, and print after every step")

    return probe


_SORTED = "sorted: by host, then by port"
_GONE = "a record holds for ttl seconds: at the end of them it is gone"
_BYE = "ttl 0 is a goodbye: the peer is gone one second later"
_HALF = "only what has half its time left or more need not be told again"

NEIGHBOURS = Task(
    "Neighbours",
    Neighbours,
    cases=[
        here("0 ana 120", 1, "ana", "what was heard is here"),
        _apart,
        here("0 ana 120, 3 ben 60", 4, "ana ben", "what was heard is here"),
        here("0 ben 120, 3 ana 60", 4, "ana ben", _SORTED),
        here("", 4, "", "nobody was heard: []"),
        here("0 ana 120, 5 ana 120", 6, "ana", "a peer that is heard again is here once"),
        here("0 ana 120, 1 ana:5000 120", 6, "ana ana:5000", "another port of a host is another peer"),
        here("0 ana 120", 119.5, "ana", _GONE),
        here("0 ana 120", 120, "", _GONE),
        here("0 ana 120, 100 ana 120", 130, "ana", "heard again, its time begins again"),
        here("0 ana 120, 10 ana 20", 31, "", "the record heard last counts, even if it holds for less"),
        here(
            "0 ana 120, 10 ana 0", 10.5, "ana", "another peer may still say that it is here: wait one second"
        ),
        here("0 ana 120, 10 ana 0", 11, "", _BYE),
        here("0 ana 11, 10.5 ana 0", 11.2, "", "a goodbye does not make a peer stay longer"),
        here("0 ana 120, 10 ana 0, 10.5 ana 120", 60, "ana", "heard again after its goodbye, it is here"),
        here("0 ana 120, 10 ana 0, 10.8 ana 0", 11.1, "", "a second goodbye does not restart the clock"),
        here("0 ana 0", 0.5, "", "a goodbye from a peer that is not here changes nothing"),
        here("0 ana 120, 10 ben 0", 12, "ana", "a goodbye is one peer's: the others stay"),
        here("0 ana 120, 1 ana:5000 120, 10 ana:5000 0", 12, "ana", "a goodbye takes one host and port away"),
        here("0 ana 9999999", 4499, "ana", "4500 seconds are allowed"),
        here("0 ana 9999999", 4500, "", "whatever it says, no record holds longer than 4500 seconds"),
        _other_names,
        _upper_case,
        knows("0 ana 120", 10, "ana 110", "known gives records with the seconds that are left as their ttl"),
        knows("0 ben 60, 0 ana 120", 10, "ana 110, ben 50", "every record that has half its time left"),
        knows("0 ana 120", 61, "", _HALF),
        knows("0 ana 120", 60, "ana 60", "half is enough"),
        knows("0 ana 120", 10.3, "ana 109", "whole seconds, rounded down"),
        knows("0 ana 5", 2.75, "", "half of 5 seconds is 2.5, and there are 2.25 left: round nothing before"),
        knows("0 ana 5", 2.25, "ana 2", "there are 2.75 of 5 seconds left: compare first, and round then"),
        knows("0 ana 120, 50 ana 120", 70, "ana 100", "heard again, its time begins again"),
        knows("0 ana 120, 5 ana 20", 10, "ana 15", "half of the time that the record heard last had"),
        knows("0 ana 9999999", 2000, "ana 2500", "half of the time that it may hold"),
        knows("0 ana 120, 10 ana 0", 10, "", "a peer that says goodbye is not to be passed on"),
        knows("0 ana 2, 0.5 ana 0", 0.6, "", "a peer that says goodbye is not to be passed on"),
        knows("0 ana 2", 5, "", "what has run out is not known"),
        here("0 ana 120, 0 ben 120, 0 cy 120", 1, "ana ben", "when most are held, what is new stays out", 2),
        here("0 ana 120, 0 ben 9, 20 cy 120", 21, "ana cy", "what has run out holds no place", 2),
        here("0 ana 20, 20 ben 60", 21, "ben", "a record has run out at the end of its ttl, not after it", 1),
        here(
            "0 ana 120, 10 ana 0, 10.5 ben 60",
            10.6,
            "ana",
            "a peer that says goodbye keeps its place until it is gone: it may be heard again",
            1,
        ),
        here(
            "0 ana 120, 0 ben 20, 9 ana 120, 10 ben 60",
            60,
            "ana ben",
            "a peer that is here already needs no new place",
            2,
        ),
        here("0 ana 120, 0 ben 20, 9 ana 0", 10.5, "ben", "a goodbye needs no place", 2),
        _looking_changes_nothing,
        flood,
        any_story(1),
    ],
    hint="by host and port: until when, and for how long in all",
)
