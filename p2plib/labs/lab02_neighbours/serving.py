"""Lab 2, tasks 2 and 3: what a name server deals out, and what a peer takes of an answer.

A name server that hands out peers names a few of many, with a short time to live, so that every peer gets its
turn. A peer that asks one believes little of what comes back: a resolver between them may be anybody's.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from typing import Any

from p2plib.errors import UsageError
from p2plib.labs.engine.tasks import Case, Mistake, Task, Wrong
from p2plib.labs.engine.words import describe
from p2plib.machine.addresses import Scope, scope_of

LIMIT = 16  # addresses of one answer that a peer takes
LEAST_S, MOST_S = 30, 3600  # for how long an answer may be remembered

Deal = Callable[..., Any]  # a reader's function


def deal(peers: list[str], turn: int, count: int) -> list[str]:
    """The addresses that the answer to one question names.

    Args:
        peers: all addresses, each once.
        turn: the number of the question, from 0.
        count: how many are named at most.
    """
    size = min(count, len(peers))
    return [peers[(turn * size + place) % len(peers)] for place in range(size)]


def usable(records: list[tuple[str, int]], limit: int = LIMIT) -> tuple[list[str], int]:
    """The addresses of an answer that are worth a call, and for how many seconds to remember them.

    Args:
        records: address and TTL of each, as a resolver gave them.
        limit: how many are taken at most.
    """
    taken: dict[str, int] = {}
    for address, ttl in records:
        if len(taken) < limit and address not in taken and _is_public(address):
            taken[address] = ttl
    return list(taken), min(max(min(taken.values(), default=LEAST_S), LEAST_S), MOST_S)


def _is_public(address: str) -> bool:
    try:
        return scope_of(address) is Scope.WORLD
    except UsageError:
        return False


# Probes


def _hosts(count: int) -> list[str]:
    return [f"198.51.100.{number + 1}" for number in range(count)]


def is_fair(peers: int, count: int, turns: int) -> Case:
    """A probe: after any number of questions no peer was named twice more often than another."""

    def probe(yours: Deal) -> None:
        hosts, named = _hosts(peers), Counter[str]()
        for turn in range(turns):
            answer = yours(list(hosts), turn, count)
            if not isinstance(answer, list):
                raise Wrong(f"it returned {describe(answer)}", "return a list of addresses")
            named.update(answer)
            often = [named[host] for host in hosts]
            if max(often) - min(often) > 1:
                what = (
                    f"{peers} peers, {count} in an answer: after {turn + 1} answers one was named "
                    f"{max(often)} times and another {min(often)}"
                )
                raise Wrong(what, "every peer gets its turn: begin where the answer before ended")

    return probe


def _keeps_its_list(yours: Deal) -> None:
    hosts = _hosts(5)
    yours(hosts, 3, 2)
    if hosts != _hosts(5):
        raise Wrong("it changed the list of peers", "the next question needs the same list: work on a copy")


def _deals_alone(yours: Deal) -> None:
    """Two servers of one zone must give the same answer to question 7."""
    if yours(_hosts(9), 7, 2) != yours(_hosts(9), 7, 2):
        hint = "the number of the question decides, and nothing else: no chance, nothing remembered"
        raise Wrong("asked twice for turn 7 it dealt two different answers", hint)


# Wrong ways to deal


def _deals_the_first(peers: list[str], turn: int, count: int) -> list[str]:
    return peers[:count]


def _moves_by_one(peers: list[str], turn: int, count: int) -> list[str]:
    return [peers[(turn + place) % len(peers)] for place in range(min(count, len(peers)))]


def _stops_at_the_end(peers: list[str], turn: int, count: int) -> list[str]:
    begin = turn * count % len(peers) if peers else 0
    return peers[begin : begin + count]


def _runs_off_the_end(peers: list[str], turn: int, count: int) -> list[str]:
    return peers[turn * count : turn * count + count]


def _repeats_a_few(peers: list[str], turn: int, count: int) -> list[str]:
    return [peers[(turn * count + place) % len(peers)] for place in range(count)]


def _divides_by_nobody(peers: list[str], turn: int, count: int) -> list[str]:
    size = min(count, len(peers))
    begin = turn * size % len(peers)
    return [peers[(begin + place) % len(peers)] for place in range(size)]


def _raises_for_nobody(peers: list[str], turn: int, count: int) -> list[str]:
    if not peers:
        raise ValueError
    return deal(peers, turn, count)


def _counts_turns_from_one(peers: list[str], turn: int, count: int) -> list[str]:
    return deal(peers, turn - 1, count)


def _turns_by_count(peers: list[str], turn: int, count: int) -> list[str]:
    if not peers:
        return []
    return [peers[(turn * count + place) % len(peers)] for place in range(min(count, len(peers)))]


_A_B_C = ["a", "b", "c", "d", "e"]

DEAL = Task(
    "deal",
    deal,
    cases=[
        (_A_B_C, 0, 2),
        (_A_B_C, 1, 2),
        _deals_alone,
        (_A_B_C, 4, 2),
        (_A_B_C, 2, 2),
        (_A_B_C, 7, 2),
        (["a", "b", "c"], 0, 5),
        (["a", "b", "c"], 4, 5),
        (_A_B_C, 3, 5),
        ([], 0, 4),
        ([], 3, 4),
        (_A_B_C, 1, 0),
        is_fair(7, 3, 40),
        is_fair(12, 4, 40),
        is_fair(3, 5, 10),
        _keeps_its_list,
    ],
    mistakes=[
        Mistake(_deals_the_first, "turn matters: the next answer begins where this one ended"),
        Mistake(_counts_turns_from_one, "the first question is turn 0, and its answer begins with the first"),
        Mistake(
            _moves_by_one,
            "begin with the first that the answer before did not name: a step is as long as an answer",
        ),
        Mistake(_stops_at_the_end, "an answer may go round the end: its last places go to the first peers"),
        Mistake(_runs_off_the_end, "when everybody had a turn, begin again: % len(peers) helps"),
        Mistake(_divides_by_nobody, "there may be no peers at all: then the answer is []"),
        Mistake(_raises_for_nobody, "there may be no peers at all: then the answer is []"),
        Mistake(_repeats_a_few, "no peer is twice in one answer: with few peers it is shorter"),
        Mistake(
            _turns_by_count, "an answer that names all ends with the last, so the next begins with the first"
        ),
    ],
    hint="deal as with cards: turn by turn, size by size, round and round",
)


# Wrong ways to filter


def _wrong_usable(**changes: Any) -> Callable[..., Any]:
    """A version of `usable` with one thing changed."""

    def version(records: list[tuple[str, int]], limit: int = LIMIT) -> tuple[list[str], int]:
        is_good = changes.get("is_good", _is_public)
        taken: dict[str, int] = {}
        every: list[int] = []
        for number, (address, ttl) in enumerate(records):
            if changes.get("cut_first") and number >= limit:
                break
            if not is_good(address):
                every.append(ttl)
                continue
            if changes.get("last_counts") and address in taken:
                taken[address] = ttl
            if len(taken) < changes.get("limit", limit) and address not in taken:
                taken[address] = ttl
            every.append(ttl)
        ttls = every if changes.get("all_ttls") else list(taken.values())
        chosen = changes.get("choose", min)(ttls) if ttls else changes.get("nobody", LEAST_S)
        low, high = changes.get("clamp", (LEAST_S, MOST_S))
        return list(taken), min(max(chosen, low), high)

    return version


def _crashes_on_words(records: list[tuple[str, int]], limit: int = LIMIT) -> tuple[list[str], int]:
    return usable([record for record in records if scope_of(record[0]) is Scope.WORLD], limit)


def _stops_at_words(records: list[tuple[str, int]], limit: int = LIMIT) -> tuple[list[str], int]:
    ends = next(
        (i for i, record in enumerate(records) if not _at_least(Scope.NOWHERE, record[0])), len(records)
    )
    return usable(records[:ends], limit)


def _is_not_private(address: str) -> bool:
    return _at_least(Scope.NOWHERE, address) and scope_of(address) not in (Scope.SITE, Scope.MACHINE)


def _at_least(scope: Scope, address: str) -> bool:
    try:
        return scope_of(address) >= scope
    except UsageError:
        return False


def _keeps_double(records: list[tuple[str, int]], limit: int = LIMIT) -> tuple[list[str], int]:
    good = [record for record in records if _is_public(record[0])][:limit]
    return [address for address, _ in good], min(
        max(min((ttl for _, ttl in good), default=LEAST_S), LEAST_S), MOST_S
    )


def _sorts(records: list[tuple[str, int]], limit: int = LIMIT) -> tuple[list[str], int]:
    addresses, seconds = usable(records, limit)
    return sorted(addresses), seconds


def _counts_doubles(records: list[tuple[str, int]], limit: int = LIMIT) -> tuple[list[str], int]:
    return usable([record for record in records if _is_public(record[0])][:limit], limit)


def _drops_short(records: list[tuple[str, int]], limit: int = LIMIT) -> tuple[list[str], int]:
    return usable([record for record in records if record[1] >= LEAST_S], limit)


def _clamps_inside_out(records: list[tuple[str, int]], limit: int = LIMIT) -> tuple[list[str], int]:
    addresses, _ = usable(records, limit)
    return addresses, MOST_S


def _in_floats(records: list[tuple[str, int]], limit: int = LIMIT) -> tuple[list[str], float]:
    addresses, seconds = usable(records, limit)
    return addresses, float(seconds)


_IPV6 = "an IPv6 address is one, too: scope_of knows both kinds"
_GOOD = [("203.0.113.9", 60), ("198.51.100.7", 300)]

USABLE = Task(
    "usable",
    usable,
    cases=[
        (_GOOD,),
        ([("198.51.100.7", 90), ("203.0.113.9", 60), ("2001:db8::5", 300)],),
        ([("203.0.113.9", 60), ("127.0.0.1", 60), ("10.9.9.9", 60), ("224.0.0.251", 60)],),
        ([("203.0.113.9", 60), ("127.8.0.1", 60), ("::1", 60)],),
        ([("203.0.113.9", 60), ("192.168.1.1", 60), ("10.9.9.9", 60), ("fd00::1", 60)],),
        ([("203.0.113.9", 60), ("224.0.0.251", 60), ("0.0.0.0", 60), ("169.254.1.1", 60)],),
        ([("peer.example", 60), ("203.0.113.9", 60), ("", 60), ("1.2.3", 60)],),
        ([("203.0.113.9", 300), ("10.0.0.1", 40)],),
        ([("203.0.113.9", 60), ("203.0.113.9", 60), ("203.0.113.8", 60)],),
        ([("203.0.113.9", 60), ("203.0.113.9", 40)],),
        ([(f"203.0.113.{i}", 60) for i in range(1, 21)],),
        ([*[("10.0.0.1", 60)] * 20, ("203.0.113.9", 60)],),
        ([("203.0.113.1", 60), ("203.0.113.2", 60), ("203.0.113.3", 60)], 2),
        ([("203.0.113.1", 90), ("203.0.113.2", 60), ("203.0.113.3", 40)], 2),
        ([("203.0.113.9", 60), ("203.0.113.9", 60), ("203.0.113.8", 60), ("203.0.113.7", 60)], 2),
        ([("203.0.113.9", 0)],),
        ([("203.0.113.9", 2**31 - 1)],),
        ([("10.0.0.1", 600)],),
        ([],),
    ],
    mistakes=[
        Mistake(_stops_at_words, "what is not an IP address is left out, and those after it still count"),
        Mistake(
            _crashes_on_words, "scope_of raises UsageError for what is not an IP address: leave that out"
        ),
        Mistake(
            _wrong_usable(is_good=lambda address: _at_least(Scope.SITE, address)),
            "10.9.9.9 and the like are on your own site: a stranger has no business sending you there",
        ),
        Mistake(
            _wrong_usable(is_good=lambda address: _at_least(Scope.MACHINE, address)),
            "a stranger must not make you call your own machine, or your router",
        ),
        Mistake(
            _wrong_usable(is_good=_is_not_private), "no single peer has the address of a group, or of nowhere"
        ),
        Mistake(
            _wrong_usable(is_good=lambda address: True), "ask scope_of: only Scope.WORLD is worth a call"
        ),
        Mistake(_keeps_double, "each address once"),
        Mistake(_sorts, "leave the order: the name server has dealt it so that everybody gets a turn"),
        Mistake(_wrong_usable(limit=LIMIT), "limit is an argument: it is not always 16"),
        Mistake(_wrong_usable(limit=10**9), "take at most limit addresses, however many come"),
        Mistake(_counts_doubles, "an address that comes twice takes one place, not two"),
        Mistake(_wrong_usable(cut_first=True), "filter first, then cut: those left out take no places"),
        Mistake(_wrong_usable(last_counts=True), "the first record of an address counts"),
        Mistake(_wrong_usable(all_ttls=True), "only the TTLs of the addresses that you return count"),
        Mistake(_wrong_usable(choose=max), "when the first of them is out of date, so is the answer: min"),
        Mistake(_wrong_usable(choose=lambda ttls: ttls[0]), "the smallest TTL of all that you return"),
        Mistake(
            _wrong_usable(clamp=(0, MOST_S)), "a TTL of 0 would have you ask without end: 30 seconds at least"
        ),
        Mistake(_wrong_usable(clamp=(LEAST_S, 2**40)), "a lie must not last for years: 3600 seconds at most"),
        Mistake(_wrong_usable(nobody=MOST_S), "with nothing to use, ask again soon: after 30 seconds"),
        Mistake(_wrong_usable(is_good=lambda address: _is_public(address) and ":" not in address), _IPV6),
        Mistake(
            _drops_short, "an address with a short TTL is as good as others: only the TTL is raised to 30"
        ),
        Mistake(_clamps_inside_out, "at least 30 and at most 3600: min and max are the wrong way round"),
        Mistake(_in_floats, "the second of the two is a whole number, as TTLs are"),
    ],
    hint="public addresses, each once, at most limit; the smallest TTL of these, from 30 to 3600",
)


def any_answer(seed: int) -> tuple[list[tuple[str, int]], int]:
    """A case of `usable`: records of all kinds, for hidden tests."""
    rng = random.Random(seed)
    hosts = ["203.0.113.{}", "10.0.0.{}", "127.0.0.{}", "224.0.0.{}", "2001:db8::{}", "fe80::{}", "peer{}"]
    records = [
        (rng.choice(hosts).format(rng.randrange(1, 9)), rng.choice((0, 20, 40, 600, 9999))) for _ in range(24)
    ]
    return records, rng.randrange(1, 9)
