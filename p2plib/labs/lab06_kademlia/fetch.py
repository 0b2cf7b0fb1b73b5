"""Lab 6, stretch: fetching a value while a fifth of all peers lie.

A peer that has the value answers with it; the others name contacts, as in a lookup. Liars name fakes that are
nearer than anybody honest, or hand out bytes of their own. The value names itself (its key is its SHA-256,
see `p2plib.topology.kademlia.store`), so a forged one shows. Against the fakes help paths that have no peer
in common: Baumgart and Mies, "S/Kademlia" (2007), section 4.4.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Sequence
from typing import Any

from p2plib.errors import NotFound
from p2plib.labs.engine.tasks import Case, Task, Wrong
from p2plib.labs.engine.words import describe
from p2plib.labs.lab00_network.world import asked
from p2plib.labs.lab06_kademlia.crowd import LIMIT, Asking, K, the_crowd
from p2plib.labs.lab06_kademlia.distance import closest
from p2plib.labs.lab06_kademlia.lookup import Ask, _crash
from p2plib.machine.addresses import Contact
from p2plib.topology.kademlia.store import key_of
from p2plib.topology.kademlia.table import BITS

PATHS = 4
PATH_LIMIT = 8  # an honest path takes two or three steps; one that takes eight was led astray
COPIES = 8
FETCHES = 60
SUCCESS, MESSAGES = 0.95, 12.0  # the budget; the reference finds 99 of 100 with 8 messages each
FORGERS = 4  # every fourth liar hands out bytes, the others name fakes

Fetch = Callable[..., Any]  # a reader's function


async def fetch(key: int, start: Sequence[Contact], ask: Ask) -> bytes:
    """The value under a key, although some peers lie.

    Args:
        key: of a value that names itself.
        start: whom we know already.
        ask: as in a lookup; a peer that has a value answers with bytes, the others with contacts.

    Raises:
        NotFound: nobody who was asked has it.
    """
    dealt = closest(key, start, len(start))
    paths = [dict.fromkeys(dealt[i::PATHS]) for i in range(PATHS)]
    was_asked: set[Contact] = set()
    for _ in range(PATH_LIMIT):
        path_of: dict[Contact, int] = {}
        for i, known in enumerate(paths):
            free = (contact for contact in known if contact not in was_asked and contact not in path_of)
            for contact in closest(key, free, 1):
                path_of[contact] = i
        if not path_of:
            break
        answers = await ask(list(path_of))
        was_asked.update(path_of)
        for contact, answer in answers.items():
            if not isinstance(answer, bytes):
                paths[path_of[contact]].update(dict.fromkeys(answer[:K]))
            elif key_of(answer) == key:
                return answer
    raise NotFound(f"nobody of {len(was_asked)} has the value")


class Fetching(Asking):
    """What a fetch asks through.

    Args:
        holders: who has the value.
        value: what they have. Otherwise as `Asking`.
    """

    def __init__(
        self,
        start: list[Contact],
        value: bytes,
        holders: Collection[Contact],
        *,
        silent: Collection[Contact] = (),
        liars: Collection[Contact] = (),
    ) -> None:
        super().__init__(the_crowd(), start, key_of(value), width=K, limit=LIMIT, silent=silent, liars=liars)
        self.value, self.holders = value, holders

    def honest_answer(self, contact: Contact) -> Any:
        """The value, or contacts."""
        return self.value if contact in self.holders else super().honest_answer(contact)

    def lie(self, contact: Contact) -> Any:
        """A forged value, or fakes."""
        return b"forged" if contact.id % FORGERS == 0 else super().lie(contact)


def fetching(rng: random.Random, **who: Any) -> tuple[Fetching, list[Contact]]:
    """A value that the peers nearest to its key hold, and a newcomer who wants it; see `Fetching`."""
    crowd, value = the_crowd(), rng.randbytes(20)
    start = crowd.named(rng.getrandbits(BITS), key_of(value))
    holders = crowd.nearest(key_of(value), COPIES)
    return Fetching(start, value, holders, **who), start


async def got_it(yours: Fetch, ask: Fetching, start: list[Contact]) -> bool:
    """Whether a reader's fetch gets the value.

    Raises:
        Wrong: it returned something else, or asked what it must not.
    """
    before = list(start)
    try:
        got = await asked(yours(ask.target, start, ask), "fetch")
    except NotFound:
        got = None
        if ask.complaint is None:
            return False
    except (KeyError, TypeError, AttributeError) as error:
        raise ask.complaint or _crash(error) or error from None
    if ask.complaint is not None:
        raise ask.complaint
    if start != before or ask.changed:
        raise Wrong(
            "it changed a list that is not its own", "start is the caller's, answers are the peers': copy"
        )
    if got is None:
        raise Wrong(
            "it returned None", "raise NotFound where nobody has it, and return the value where somebody does"
        )
    if got == b"forged":
        raise Wrong(
            "it returned a forged value", "anybody can send bytes: compare key_of(value) with the key"
        )
    if got != ask.value:
        raise Wrong(f"it returned {describe(got)}", "return the value itself, as bytes")
    return True


def gets(seed: int, times: int = 10, dead: float = 0.0) -> Case:
    """A probe: nobody lies, and the value is found every time.

    Args:
        seed: of keys and newcomers.
        times: how many.
        dead: the part of the peers that does not answer.
    """

    async def probe(yours: Fetch) -> None:
        rng, silent = random.Random(seed), the_crowd().some(dead, seed)
        for _ in range(times):
            ask, start = fetching(rng, silent=silent)
            if not await got_it(yours, ask, start):
                what = (
                    f"with {dead:.0%} dead it raised NotFound"
                    if dead
                    else "it raised NotFound, and nobody lied"
                )
                raise Wrong(
                    what, "follow the contacts that are named until somebody has it; silence ends no path"
                )

    return probe


async def _not_there(yours: Fetch) -> None:
    ask, start = fetching(random.Random(1))
    ask.holders = ()
    if await got_it(yours, ask, start):  # pragma: no cover (nobody has it)
        raise Wrong("it found what nobody has")
    if not ask.asked:
        raise Wrong("it raised NotFound and had asked nobody", "ask those you were given")


async def _runs_out(yours: Fetch) -> None:
    """A village of three, of whom nobody answers: then there is nobody left to ask."""
    rng = random.Random(9)
    ask, start = fetching(rng)
    few = start[:3]
    ask.holders, ask.silent = (), frozenset(few)
    if await got_it(yours, ask, few):  # pragma: no cover (nobody has it)
        raise Wrong("it found what nobody has")


async def _forged_first(yours: Fetch) -> None:
    """The nearest that we know hands out bytes."""
    ask, start = fetching(random.Random(2))
    ask.lie = lambda contact: b"forged"  # type: ignore[method-assign]
    ask.liars = set(closest(ask.target, start, 3))
    if not await got_it(yours, ask, start):
        raise Wrong(
            "one forged value, and it raised NotFound",
            "a forged value is a lie of one peer: go on with the others",
        )


def within_budget(seed: int, part: float = 0.2, success: float = SUCCESS, messages: float = MESSAGES) -> Case:
    """A probe: a part of all peers lies, and most fetches get the value all the same, for few messages.

    Args:
        seed: of liars, keys and newcomers.
        part: how many lie.
        success: what part must get it.
        messages: the budget for one, on average.
    """

    async def probe(yours: Fetch) -> None:
        rate, cost = await measured(yours, part, seed)
        among = f"with {part:.0%} liars"
        if rate < success:
            what = f"{among} {rate:.0%} of {FETCHES} fetches got the value, the goal is {success:.0%}"
            raise Wrong(
                what,
                "one liar spoils what it is mixed into: keep several paths apart, no peer on two of them",
            )
        if cost > messages:
            what = f"{among} it took {cost:.1f} messages, the budget is {messages:g}"
            raise Wrong(
                what,
                "ask few at once on each path, end a path that leads nowhere, stop when you have it",
            )

    return probe


async def measured(yours: Fetch, part: float, seed: int = 1, fetches: int = FETCHES) -> tuple[float, float]:
    """What part of some fetches gets the value, and how many messages each takes, on average.

    Args:
        yours: the fetch.
        part: how many of all peers lie.
        seed: of liars, keys and newcomers.
        fetches: how many.
    """
    rng, crooks, right, asks = random.Random(seed), the_crowd().some(part, seed), 0, 0
    for _ in range(fetches):
        ask, start = fetching(rng, liars=crooks)
        right += await got_it(yours, ask, start)
        asks += ask.messages
    return right / fetches, asks / fetches


FETCH = Task(
    "fetch",
    fetch,
    cases=[
        gets(1),
        _not_there,
        _runs_out,
        _forged_first,
        gets(3, dead=1 / 3),
        within_budget(4),
        within_budget(5),
    ],
    hint="several paths, each with contacts of its own; the value proves itself",
)
