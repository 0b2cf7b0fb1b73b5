"""Lab 6, task 5: the lookup. Ask who is nearer, among thousands of peers, on a budget.

Follows Maymounkov and Mazières, "Kademlia" (2002), section 2.3, in rounds: alpha of the nearest are asked at
once, and the next alpha when all of them have answered or were given up. It ends when the k nearest that are
not silent have answered. `p2plib.topology.kademlia.lookup` is the library's own, as a machine.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from p2plib.labs.engine.tasks import Case, Task, Wrong
from p2plib.labs.engine.words import describe
from p2plib.labs.lab00_network.world import asked
from p2plib.labs.lab06_kademlia.bucket import who
from p2plib.labs.lab06_kademlia.crowd import ALPHA, LIMIT, Asking, Crowd, K, the_crowd
from p2plib.labs.lab06_kademlia.distance import closest
from p2plib.machine.addresses import Contact
from p2plib.topology.kademlia.table import BITS

Ask = Callable[[list[Contact]], Awaitable[dict[Contact, Any]]]
Lookup = Callable[..., Any]  # a reader's function

LOOKUPS = 25  # a probe's; a mean over so many is within a twentieth of the mean over all
ROUNDS, MESSAGES = 9.0, 25.0  # budgets, on average; the reference takes 7.8 and 22.2
DEAD_ROUNDS, DEAD_MESSAGES = 14.0, 38.0  # with a third dead; the reference takes 11.8 and 32.9
SURE, MISSED = (
    14,
    9,
)  # of 14 x 25 nearest living; the reference misses 4 at most, silence mistaken for life 21
NEAR = 8  # so many a single liar must not hide


async def lookup(
    target: int, start: Sequence[Contact], ask: Ask, k: int = K, alpha: int = ALPHA, limit: int = LIMIT
) -> list[Contact]:
    """The peers nearest to a target, found by asking.

    Args:
        target: any id.
        start: whom we know already.
        ask: puts the question "whom do you know near the target?" to several peers at once. It returns what
            they named, by who answered; a silent peer is missing there.
        k: how many to find.
        alpha: how many to ask at once.
        limit: how many to ask in all.

    Returns:
        The k nearest of all who answered, nearest first.
    """
    known, was_asked = dict.fromkeys(start), set[Contact]()
    silent, answered = set[Contact](), list[Contact]()
    while True:
        nearest = closest(target, (contact for contact in known if contact not in silent), k)
        batch = [contact for contact in nearest if contact not in was_asked][
            : min(alpha, limit - len(was_asked))
        ]
        if not batch:
            return closest(target, answered, k)
        answers = await ask(batch)
        was_asked.update(batch)
        for contact in batch:
            if contact in answers:
                answered.append(contact)
                known.update(dict.fromkeys(answers[contact][:k]))
            else:
                silent.add(contact)


# Probes


def question(crowd: Crowd, rng: random.Random) -> tuple[int, list[Contact]]:
    """A random target, and whom a random newcomer would begin with."""
    own_id, target = rng.getrandbits(BITS), rng.getrandbits(BITS)
    return target, crowd.named(own_id, target)


async def found(yours: Lookup, ask: Asking, start: list[Contact], *rest: Any) -> list[Contact]:
    """Run a reader's lookup; what it returned, if that is a list of contacts who answered, nearest first.

    Args:
        yours: the lookup.
        ask: what it is given.
        start: whom it begins with.
        rest: k, alpha and limit, as far as they are given.

    Raises:
        Wrong: it asked, or answered, what it must not.
    """
    before = list(start)
    try:
        got = await asked(yours(ask.target, start, ask, *rest), "lookup")
    except (KeyError, TypeError, AttributeError) as error:
        raise ask.complaint or _crash(error) or error from None
    if ask.complaint is not None:
        raise ask.complaint
    if start != before:
        raise Wrong("it changed the list start", "that list is the caller's: work on a copy")
    if ask.changed:
        raise Wrong(
            "it changed a list that a peer had answered with", "a peer may hand out its own table: copy it"
        )
    return _contacts(got, ask, rest[0] if rest else K)


def _crash(error: Exception) -> Wrong | None:
    if isinstance(error, KeyError):
        hint = "a peer that did not answer is not in answers: look before you take"
        return Wrong("it raised KeyError where somebody was silent", hint)
    if "coroutine" in str(error):
        return Wrong("it took what ask returns before it was there", "an await before ask(...)")
    return None


def _contacts(got: Any, ask: Asking, k: int) -> list[Contact]:
    if got is None:
        raise Wrong("it returned None", "is a return missing?")
    if not isinstance(got, list) or not all(isinstance(contact, Contact) for contact in got):
        raise Wrong(f"it returned {describe(got)}", "return a list of contacts, nearest first")
    if len(got) > k:
        raise Wrong(f"it returned {len(got)} contacts, where {k} are wanted", "cut the result to k")
    if any(contact not in ask.answered for contact in got):
        hint = "to be named is not to be there: return only those who answered you"
        raise Wrong("it returned somebody who had not answered", hint)
    if len(set(got)) < len(got):
        raise Wrong("it returned somebody twice", "each peer once")
    if got != closest(ask.target, got, k):
        if got == sorted(got, key=lambda contact: abs(contact.id - ask.target)):
            raise Wrong("its result is in the order of the difference", "nearest by XOR: use your closest")
        raise Wrong("its result is not in the order of the distance", "nearest first: use your closest")
    return got


def _is_true(got: list[Contact], ask: Asking, k: int, what: str) -> None:
    truth = ask.crowd.nearest(ask.target, k, ask.silent)
    missed = len(set(truth) - set(got))
    if missed:
        raise Wrong(f"{what}: it missed {missed} of the {k} nearest", _missed(truth, got, ask, k))


def _missed(truth: list[Contact], got: list[Contact], ask: Asking, k: int) -> str:
    if len(ask.answered) < k and ask.silent:
        return _NEXT
    if len(ask.answered) < k:
        return "it stopped early: go on until the k nearest that you know of have all answered"
    if any(contact in ask.answered and contact not in got for contact in truth):
        return "it met nearer ones than it returned: choose the k nearest of all who answered"
    return "take in whom every answer names, and choose anew from all that you know, by XOR"


_NEXT = "a silent peer does not count among the k: the next one moves up, so forget nobody who was named"


def exact(seed: int, *, peers: int = 4000, k: int = K, alpha: int = ALPHA, what: str = "") -> Case:
    """A probe: one lookup finds the k nearest.

    Args:
        seed: of newcomer and target.
        peers: how many there are.
        k, alpha: given to the lookup.
        what: what is special, for whoever misses somebody.
    """

    async def probe(yours: Lookup) -> None:
        crowd = the_crowd(peers)
        target, start = question(crowd, random.Random(seed))
        ask = Asking(crowd, start, target, width=alpha, limit=LIMIT)
        got = await found(yours, ask, start, k, alpha)
        _is_true(got, ask, k, what or f"among {peers} peers")

    return probe


async def _nobody(yours: Lookup) -> None:
    ask = Asking(the_crowd(50), [], 7)
    if got := await found(yours, ask, []):
        raise Wrong(f"knowing nobody it found {who(got[0])}", "there is nobody to begin with: return []")


async def _one_silent(yours: Lookup) -> None:
    crowd = the_crowd(50)
    target, start = question(crowd, random.Random(5))
    ask = Asking(crowd, start, target, silent={start[0], start[2]})
    got = await found(yours, ask, start, 8)
    _is_true(got, ask, 8, "two of those it began with were silent")


async def _all_silent(yours: Lookup) -> None:
    crowd = the_crowd(50)
    target, start = question(crowd, random.Random(6))
    ask = Asking(crowd, start, target, silent=crowd.peers, limit=LIMIT)
    await found(yours, ask, start)
    if len(ask.asked) < len(start):
        hint = "a silent peer makes room for the next: ask on as long as you know somebody"
        raise Wrong(f"with everybody silent it gave up after {len(ask.asked)} of {len(start)}", hint)


def budget(seed: int, rounds: float = ROUNDS, messages: float = MESSAGES) -> Case:
    """A probe: many lookups among 4,000 peers find all of the k nearest, within two budgets on average."""

    async def probe(yours: Lookup) -> None:
        crowd, rng = the_crowd(), random.Random(seed)
        asks = []
        for _ in range(LOOKUPS):
            target, start = question(crowd, rng)
            asks.append(Asking(crowd, start, target))
            _is_true(await found(yours, asks[-1], start), asks[-1], K, "among 4000 peers")
        _within(asks, rounds, messages, "")

    return probe


def _within(asks: list[Asking], rounds: float, messages: float, among: str) -> None:
    took = sum(ask.messages for ask in asks) / len(asks)
    if took > messages:
        hint = "whoever is not among the k nearest need not be asked: choose anew after every round"
        raise Wrong(f"{among}it took {took:.1f} messages, the budget is {messages:g}", hint)
    took = sum(ask.rounds for ask in asks) / len(asks)
    if took > rounds:
        hint = "ask alpha of them at once: in one batch, in one await"
        raise Wrong(f"{among}it took {took:.1f} rounds, the budget is {rounds:g}", hint)


def third_dead(seed: int, part: float = 1 / 3) -> Case:
    """A probe: a third of all peers is dead, and the nearest living ones are found, within two budgets."""

    async def probe(yours: Lookup) -> None:
        crowd, rng, asks, missed = the_crowd(), random.Random(seed), [], 0
        silent = crowd.some(part, seed)
        for _ in range(LOOKUPS):
            target, start = question(crowd, rng)
            asks.append(Asking(crowd, start, target, silent=silent))
            got = await found(yours, asks[-1], start)
            missed += len(set(crowd.nearest(target, SURE, silent)) - set(got[:SURE]))
        if missed > MISSED:
            what = f"a third dead: of {LOOKUPS * SURE} living nearest it missed {missed}"
            raise Wrong(what, _NEXT)
        _within(asks, DEAD_ROUNDS, DEAD_MESSAGES, "a third dead: ")

    return probe


def liars(limit: int, seed: int = 8) -> Case:
    """A probe: liars who name nearer and nearer fakes do not keep a lookup busy forever."""

    async def probe(yours: Lookup) -> None:
        crowd = the_crowd()
        target, start = question(crowd, random.Random(seed))
        ask = Asking(crowd, start, target, limit=limit, liars=set(start[:5]))
        await found(yours, ask, start, K, ALPHA, limit)

    return probe


def flood(seed: int = 9) -> Case:
    """A probe: one liar answers with 500 contacts, none of which is there."""

    async def probe(yours: Lookup) -> None:
        crowd = the_crowd()
        target, start = question(crowd, random.Random(seed))
        ask = Asking(crowd, start, target, liars={start[1]}, flooding=True, limit=LIMIT)
        got = await found(yours, ask, start)
        missed = len(set(crowd.nearest(target, NEAR, {start[1]})) - set(got))
        if missed:
            what = f"one liar named 500 fakes: it missed {missed} of the {NEAR} nearest"
            raise Wrong(
                what, "of an answer take in the first k and no more: honest peers name no more than k"
            )

    return probe


LOOKUP = Task(
    "lookup",
    lookup,
    cases=[
        _nobody,
        exact(1, peers=50, k=8, what="among 50 peers"),
        exact(2),
        exact(3, k=5, alpha=2, what="k = 5 and alpha = 2"),
        _one_silent,
        _all_silent,
        budget(4),
        third_dead(7),
        liars(LIMIT),
        liars(40),
        flood(),
    ],
    hint="the k nearest known that are not silent; of those, alpha not yet asked; until there are none",
)
