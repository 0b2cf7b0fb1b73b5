"""Lab 6: thousands of Kademlia peers in memory, to be asked. Some are dead, and some lie.

A crowd has no sockets and no clock. `Asking` is what a lookup is given: it puts a question to several peers
at once, counts rounds and messages, and objects to what a lookup must not do. Tables are as long-running
peers have them: all buckets full, or as full as there are peers for them. A peer's table is drawn when the
peer is first asked; drawing late is the same as drawing early.

Vocabulary::

    round     one call of an `Asking`: some peers are asked at once, and all of them answer or stay silent
    message   one question to one peer
    fake      a contact that a liar made up; behind it sits the liar again, and names fakes that are nearer
"""

from __future__ import annotations

import functools
import heapq
import random
from bisect import bisect_left
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from p2plib.labs.engine.tasks import Wrong
from p2plib.labs.engine.words import describe
from p2plib.machine.addresses import Contact
from p2plib.topology.kademlia.table import BITS, closest_first

# The paper, sections 2.2 and 2.3; the limit is that of `p2plib.topology.kademlia.lookup`.
K, ALPHA, LIMIT = 20, 3, 80
PORT = 4000
FAKE_DISTANCE = 1 << 40  # fakes begin here: nearer than anybody honest, and a trillion steps from the end
FLOOD = 500  # contacts in an answer of a liar that floods


def address_of(place: int) -> tuple[str, int]:
    """The address of a crowd's peer: each in a /24 of its own."""
    return f"10.{place >> 8 & 255}.{place & 255}.{1 + place % 200}", PORT


class Crowd:
    """Many peers that know of one another.

    Args:
        count: how many, up to 60,000.
        k: contacts in a bucket, and in an answer.
        seed: of the ids and the tables.
    """

    def __init__(self, count: int = 4000, *, k: int = K, seed: int = 6) -> None:
        rng = random.Random(seed)
        self.k, self.seed = k, seed
        self.ids = sorted(rng.getrandbits(BITS) for _ in range(count))
        places = rng.sample(range(60_000), count)
        self.peers = [Contact(ident, address_of(at)) for ident, at in zip(self.ids, places, strict=True)]
        self.everybody = frozenset(self.peers)
        self._tables: dict[int, list[Contact]] = {}

    def table(self, own_id: int) -> list[Contact]:
        """Whom a peer with an id knows, whether it is of the crowd or not."""
        if own_id not in self._tables:
            rng, known = random.Random(own_id ^ self.seed), []
            for bit in range(BITS - 1, -1, -1):
                low = (own_id >> bit ^ 1) << bit
                first, last = bisect_left(self.ids, low), bisect_left(self.ids, low + (1 << bit))
                places = range(first, last)
                known += [self.peers[i] for i in rng.sample(places, min(self.k, len(places)))]
                if not self._has_others(own_id, bit):
                    break
            self._tables[own_id] = known
        return self._tables[own_id]

    def _has_others(self, own_id: int, bit: int) -> bool:
        low = own_id >> bit << bit
        first, last = bisect_left(self.ids, low), bisect_left(self.ids, low + (1 << bit))
        return any(self.ids[i] != own_id for i in range(first, last))

    def named(self, own_id: int, target: int) -> list[Contact]:
        """What a peer with an id answers: the k nearest to a target that it knows, nearest first."""
        return closest_first(target, self.table(own_id))[: self.k]

    def nearest(self, target: int, count: int, but: Collection[Contact] = ()) -> list[Contact]:
        """The peers nearest to a target in truth, nearest first, without some."""
        left = [peer for peer in self.peers if peer not in but] if but else self.peers
        return heapq.nsmallest(count, left, key=lambda peer: peer.id ^ target)

    def some(self, part: float, seed: int) -> frozenset[Contact]:
        """A part of the peers, at random."""
        return frozenset(random.Random(seed).sample(self.peers, round(part * len(self.peers))))


@functools.cache
def the_crowd(count: int = 4000, k: int = K) -> Crowd:
    """The crowd of this lab; made once."""
    return Crowd(count, k=k)


def fakes(target: int, beyond: int, count: int) -> list[Contact]:
    """Contacts that a liar made up, each at an address of its own.

    Args:
        target: what is looked for.
        beyond: they are nearer to it than this distance, by one, two, ...
        count: how many.
    """
    return [
        Contact(target ^ d, (f"172.{16 + (d >> 16 & 15)}.{d >> 8 & 255}.{d & 255}", PORT))
        for d in range(beyond - 1, max(beyond - 1 - count, 0), -1)
    ]


def _kept(answer: Any) -> Any:
    return answer if isinstance(answer, bytes) else tuple(answer)


class Asking:
    """What a lookup asks through: `answers = await ask(batch)`.

    Args:
        crowd: who can be asked.
        start: whom the lookup was given; whom nobody has named cannot be asked.
        target: what it looks for.
        width: how many may be asked at once.
        limit: how many may be asked in all.
        silent: who is dead.
        liars: who names fakes. A fake names fakes, too.
        flooding: whether a liar names hundreds of them, which do not answer.

    Attributes:
        rounds: calls so far.
        messages: questions so far.
        asked: to whom, in order.
    """

    def __init__(
        self,
        crowd: Crowd,
        start: Iterable[Contact],
        target: int,
        *,
        width: int = ALPHA,
        limit: int | None = None,
        silent: Collection[Contact] = (),
        liars: Collection[Contact] = (),
        flooding: bool = False,
    ) -> None:
        self.crowd, self.target, self.width, self.limit = crowd, target, width, limit
        self.silent, self.liars, self.flooding = silent, liars, flooding
        self.rounds = self.messages = 0
        self.asked: list[Contact] = []
        self.batches: list[list[Contact]] = []
        self.answered: dict[Contact, Any] = {}
        self.complaint: Wrong | None = None
        self._handed_out: dict[Contact, Any] = {}
        self._known = set(start)

    async def __call__(self, batch: Sequence[Contact]) -> dict[Contact, Any]:
        """Ask some peers at once; those that answer are in the dictionary, with what they named."""
        if self.complaint is None:
            self.complaint = self._misuse(batch)
        if self.complaint is not None:  # also if the lookup caught it the first time, and asks on
            raise self.complaint
        self.rounds += 1
        self.messages += len(batch)
        self.batches.append(list(batch))
        answers = {}
        for contact in batch:
            self.asked.append(contact)
            if contact not in self.silent and (contact in self.crowd.everybody or not self.flooding):
                answers[contact] = self._answer(contact)
                if not isinstance(answers[contact], bytes):
                    self._known.update(answers[contact])
        self.answered.update({contact: _kept(answer) for contact, answer in answers.items()})
        self._handed_out.update(answers)
        return answers

    @property
    def changed(self) -> bool:
        """Whether somebody changed an answer after it was given."""
        return any(_kept(answer) != self.answered[contact] for contact, answer in self._handed_out.items())

    def _answer(self, contact: Contact) -> Any:
        if contact in self.crowd.everybody and contact not in self.liars:
            return self.honest_answer(contact)
        return self.lie(contact)

    def honest_answer(self, contact: Contact) -> Any:
        """What an honest peer says."""
        return self.crowd.named(contact.id, self.target)

    def lie(self, contact: Contact) -> Any:
        """What a liar says."""
        beyond = FAKE_DISTANCE if contact in self.crowd.everybody else contact.id ^ self.target
        return fakes(self.target, beyond, FLOOD if self.flooding else self.crowd.k)

    def _misuse(self, batch: Any) -> Wrong | None:
        if isinstance(batch, Contact):
            return Wrong("it asked a contact where a list of contacts is expected", "await ask([contact])")
        try:
            wanted = list(batch)
        except TypeError:
            return Wrong(f"it asked {describe(batch)}", "ask takes a list of contacts")
        if not all(isinstance(contact, Contact) for contact in wanted):
            return Wrong("it asked what is not a contact", "ask takes contacts: an id alone has no address")
        if not wanted:
            return Wrong("it asked nobody", "when nobody is left to ask, the search is over: return")
        if len(wanted) > self.width:
            what = f"it asked {len(wanted)} at once, where {self.width} is the most"
            return Wrong(what, "cut the batch to alpha")
        if len(set(wanted)) < len(wanted) or set(wanted) & set(self.asked):
            return Wrong("it asked one peer twice", "remember whom you asked, answered or not")
        if not set(wanted) <= self._known:
            return Wrong("it asked somebody whom nobody has named", "ask whom you were given or told of")
        if self.limit is not None and self.messages + len(wanted) > self.limit:
            what = f"it asked more than {self.limit} peers, which was the limit"
            return Wrong(what, "count whom you ask, also in the last batch: liars never run out of names")
        return None
