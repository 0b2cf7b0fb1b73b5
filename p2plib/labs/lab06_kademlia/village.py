"""Lab 6, the capstone's world: a village of three hundred, in which people come, leave, lie and are cut off.

What is judged is a reader's whole program, a class `Villager` that lives in the village for a while. It is
told who called (`heard`), and asked for one value after another (`fetch`). Between two fetches the village
changes, as its `VillageWeather` says. Everything is drawn from a seed: the same weather is the same for every
program.
"""

from __future__ import annotations

import random
from bisect import insort
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from p2plib.errors import NotFound
from p2plib.labs.engine.tasks import Wrong
from p2plib.labs.engine.words import describe
from p2plib.labs.lab00_network.world import asked
from p2plib.labs.lab06_kademlia.crowd import LIMIT, PORT, Asking, Crowd, K
from p2plib.machine.addresses import Contact
from p2plib.topology.kademlia.store import key_of
from p2plib.topology.kademlia.table import BITS

PEERS, FETCHES = 300, 40
GIVEN = 5  # contacts that a node begins with
CALLERS, CALLED = 3, 8  # peers that call a node between two of its first fetches; later nobody needs it
NAMED = 10  # contacts in an answer, and in a bucket of the village's peers
COPIES = 5  # of a value, at those nearest to its key
CUT = range(12, 24)  # the fetches during which a cut or an outage lasts
SYBIL_HOSTS = 60

MakeVillager = Callable[[int, list[Contact]], Any]  # a reader's class


@dataclass(frozen=True)
class VillageWeather:
    """What happens in a village.

    Args:
        name: one word.
        words: what happens, as the middle of a sentence.
        goal: fetches of 40 that must get the value.
        messages: the budget of questions for one fetch, on average.
        loss: the part of questions that stay without an answer.
        churn: peers that leave between two fetches; as many come.
        liars: the part of the peers that lies.
        sybils: ids of one owner that call between two fetches.
        forged: calls between two fetches from an address at which nobody lives.
        given_leave: the fetch before which the contacts that a node begins with leave; None if they stay.
        cut: whether half of the village is out of reach for a while.
        outage: whether everybody is.
    """

    name: str
    words: str
    goal: int
    messages: float
    loss: float = 0.0
    churn: int = 0
    liars: float = 0.0
    sybils: int = 0
    forged: int = 0
    given_leave: int | None = None
    cut: bool = False
    outage: bool = False


@dataclass
class LifeScore:
    """What came out of a life in one weather.

    Args:
        weather: which.
        found: fetches that got the value.
        messages: questions for one fetch, on average.
        late: values found in the last ten fetches.
    """

    weather: VillageWeather
    found: int
    messages: float
    late: int


class Village(Crowd):
    """Peers that come and leave; whom they know is right, but for those who left a moment ago.

    Args:
        weather: what happens.
        seed: of everything.
    """

    def __init__(self, weather: VillageWeather, seed: int) -> None:
        super().__init__(PEERS, k=NAMED, seed=seed)
        self.weather, self.rng = weather, random.Random(f"{weather.name} {seed}")
        self.left: set[Contact] = set()
        self.liars = set(self.rng.sample(self.peers, round(weather.liars * PEERS)))
        self.far = {peer for peer in self.peers if self.rng.random() < 0.5}  # beyond the cut
        self.sybils: list[Contact] = []
        self.nobody: set[Contact] = set()  # in whose name somebody has called
        self.ever = set(self.peers)
        honest = [one for one in self.peers if one not in self.liars]
        self.given = self.rng.sample(honest, GIVEN)

    def change(self, turn: int) -> None:
        """What happens before a fetch."""
        self.left = set()
        leaving = [self.rng.choice(self.peers) for _ in range(self.weather.churn)]
        if turn == self.weather.given_leave:
            leaving += self.given
        for gone in leaving:
            if gone not in self.everybody:
                continue
            self.peers.remove(gone)
            self.everybody -= {gone}
            self.left.add(gone)
            ident = self.rng.getrandbits(BITS)
            come = Contact(
                ident, (f"10.{self.rng.randrange(200, 256)}.{ident & 255}.{ident >> 8 & 255}", PORT)
            )
            insort(self.peers, come, key=lambda peer: peer.id)
            self.ever.add(come)
            if self.rng.random() < self.weather.liars:
                self.liars.add(come)
        self.ids = [peer.id for peer in self.peers]
        self.everybody = frozenset(self.peers)
        self._tables.clear()

    def callers(self, turn: int) -> list[Contact]:
        """Who calls a node before a fetch: some peers in the beginning, and always liars, in any order."""
        new = []
        for _ in range(self.weather.sybils):
            host = self.rng.randrange(SYBIL_HOSTS)
            new.append(
                Contact(self.rng.getrandbits(BITS), (f"192.0.2.{host + 1}", 1024 + self.rng.randrange(9999)))
            )
        self.sybils += new
        for _ in range(self.weather.forged):
            forged = (
                f"172.{self.rng.randrange(16, 32)}.{self.rng.randrange(256)}.{self.rng.randrange(1, 255)}"
            )
            new.append(Contact(self.rng.getrandbits(BITS), (forged, PORT)))
            self.nobody.add(new[-1])
        new += self.rng.sample(self.peers, CALLERS) if turn < CALLED else ()
        self.rng.shuffle(new)
        return new

    def silent(self, turn: int) -> set[Contact]:
        """Who is out of reach in a fetch."""
        if turn in CUT and self.weather.outage:
            return set(self.peers) | set(self.sybils)
        gone = self.left | self.nobody
        return self.far | gone if turn in CUT and self.weather.cut else gone


class Errand(Asking):
    """What one fetch asks through; see `Asking`.

    Args:
        village: who can be asked.
        known: whom the node has heard of in its life; those that are named now come to them.
        value: what is looked for.
        turn: which fetch of the node's life this is.
    """

    def __init__(self, village: Village, known: set[Contact], value: bytes, turn: int) -> None:
        silent = village.silent(turn)
        super().__init__(
            village, known, key_of(value), width=K, limit=LIMIT, silent=silent, liars=village.liars
        )
        self.village, self.value = village, value
        self.holders: Collection[Contact] = village.nearest(self.target, COPIES)
        self._known = known

    async def __call__(self, batch: Any) -> dict[Contact, Any]:
        """Ask some peers at once; a lost question looks like a dead peer."""
        answers = await super().__call__(batch)
        real = self.village.everybody | set(self.village.sybils)
        made_up = [one for one in answers if one not in real and one in self.village.ever]  # left long ago
        lost = [one for one in answers if self.village.rng.random() < self.village.weather.loss]
        for one in {*made_up, *lost}:
            del answers[one]
        return answers

    def honest_answer(self, contact: Contact) -> Any:
        """The value, or contacts."""
        return self.value if contact in self.holders else super().honest_answer(contact)

    def lie(self, contact: Contact) -> Any:
        """A forged value, or fakes."""
        return b"forged" if contact.id % 4 == 0 else super().lie(contact)


async def lived(yours: MakeVillager, weather: VillageWeather, seed: int = 1) -> LifeScore:
    """Let a program live in a village, and fetch forty values.

    Args:
        yours: the reader's class.
        weather: what happens in it.
        seed: of the village.

    Raises:
        Wrong: it did what no node may do.
    """
    village = Village(weather, seed)
    known = set(village.given)
    node = yours(village.rng.getrandbits(BITS), list(village.given))
    found = late = messages = 0
    for turn in range(FETCHES):
        village.change(turn)
        for caller in village.callers(turn):
            known.add(caller)
            node.heard(caller)
        errand = Errand(village, known, village.rng.randbytes(20), turn)
        has_it = await _got(node, errand)
        found, messages = found + has_it, messages + errand.messages
        late += has_it and turn >= FETCHES - 10
    return LifeScore(weather, found, messages / FETCHES, late)


async def _got(node: Any, errand: Errand) -> bool:
    try:
        got = await asked(node.fetch(errand.target, errand), "fetch")
    except NotFound:
        got = None
        if errand.complaint is None:
            return False
    except Wrong:
        raise
    if errand.complaint is not None:
        raise errand.complaint
    if errand.changed:
        raise Wrong("it changed a list that is not its own", "answers are the peers': copy")
    if got is None:
        raise Wrong("fetch returned None", "raise NotFound where nobody has it, and return the value")
    if got == b"forged":
        raise Wrong("it returned a forged value", "compare key_of(value) with the key")
    if got != errand.value:
        raise Wrong(f"it returned {describe(got)}", "return the value itself, as bytes")
    return True
