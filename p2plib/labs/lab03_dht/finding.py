"""Lab 3, the capstone: find one living peer, with few datagrams, whatever the weather.

What is judged is a whole program: one async function that is given an info_hash and four addresses, opens a
socket and comes back with the address of a peer that answered its greeting. `scores` runs it in every
`Weather` and `score_table` shows what came out; a probe for each weather says what went wrong first.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator, Sequence

from p2plib.errors import DecodeError, NotFound
from p2plib.figures.table import Table
from p2plib.labs.engine.tasks import Case, Task, Wrong
from p2plib.labs.lab03_dht.client import Datagrams, open_socket, peers_in
from p2plib.labs.lab03_dht.contacts import read_nodes
from p2plib.labs.lab03_dht.questions import Questions
from p2plib.labs.lab03_dht.weather import HELLO, HERE, LIMIT, SEARCHES, FindOne, Score, Weather, searched
from p2plib.machine.addresses import Address

AT_ONCE, PATIENCE_S, TRIES = 4, 0.4, 3
SILENCE_BITS = 4  # a node that was silent is as good as one sixteen times as far away


async def find_one(info_hash: bytes, bootstrap: list[Address], rng: random.Random) -> Address:
    """The address of a peer that has answered a greeting.

    Args:
        info_hash: what it is to be a peer for.
        bootstrap: addresses of nodes, of which some may be dead and others lie.
        rng: draws everything that is left to chance.

    Raises:
        NotFound: no node that was asked knows a living peer.
    """
    async with await open_socket() as socket:
        return await _Finding(info_hash, bootstrap, rng, socket).run()


class _Finding:
    """One search: a path from each bootstrap node, so that a liar spoils the path on which it is met.

    A path knows what was named on it, and takes one address of each host.
    """

    def __init__(
        self, info_hash: bytes, bootstrap: Sequence[Address], rng: random.Random, socket: Datagrams
    ) -> None:
        self.info_hash, self.socket = info_hash, socket
        self.target = int.from_bytes(info_hash, "big")
        self.questions = Questions(rng.getrandbits(160), rng)
        self.paths: list[dict[Address, int]] = [{address: 1 << 160} for address in bootstrap]
        self.path_of = {address: number for number, address in enumerate(bootstrap)}
        self.hosts = {host for host, _ in bootstrap}
        self.peers: dict[Address, None] = {}
        self.tries: dict[Address, int] = {}
        self.due: dict[Address, float] = {}
        self.done: set[Address] = set()
        self.turn, self.left = 0, LIMIT

    async def run(self) -> Address:
        loop = asyncio.get_running_loop()
        while True:
            for address in [one for one, until in self.due.items() if until <= loop.time()]:
                del self.due[address]
            while len(self.due) < AT_ONCE and self.left:
                chosen = self._next()
                if chosen is None:
                    break
                self._ask(chosen)
                self.left -= 1
                self.due[chosen] = loop.time() + PATIENCE_S
            if not self.due:
                raise NotFound("no node that was asked knows a living peer")
            try:
                async with asyncio.timeout_at(min(self.due.values())):
                    datagram, source = await self.socket.receive()
            except TimeoutError:
                continue
            if datagram == HERE + self.info_hash and source in self.peers:
                return source
            self._take(datagram, source)

    def _next(self) -> Address | None:
        """Whom to ask: a peer, or the nearest of the next path; each silence puts a node farther away."""
        if peers := [peer for peer in self.peers if self._is_free(peer)]:
            return min(peers, key=lambda peer: self.tries.get(peer, 0))
        for _ in self.paths:
            self.turn = (self.turn + 1) % len(self.paths)
            path = self.paths[self.turn]
            if free := [address for address in path if self._is_free(address)]:
                return min(free, key=lambda one: path[one] << SILENCE_BITS * self.tries.get(one, 0))
        return None

    def _is_free(self, address: Address) -> bool:
        return self.tries.get(address, 0) < TRIES and address not in self.due and address not in self.done

    def _ask(self, address: Address) -> None:
        self.tries[address] = self.tries.get(address, 0) + 1
        if address in self.peers:
            self.socket.send(HELLO + self.info_hash, address)
        else:
            self.socket.send(
                self.questions.ask(b"get_peers", {b"info_hash": self.info_hash}, address), address
            )

    def _take(self, datagram: bytes, source: Address) -> None:
        answer = self.questions.answer(datagram, source)
        if answer is None:
            return
        self.due.pop(source, None)
        self.done.add(source)
        self.peers.update(dict.fromkeys(peers_in(answer.get(b"values"), source)))
        raw, path = answer.get(b"nodes"), self.path_of[source]
        try:
            nodes = read_nodes(raw, source) if isinstance(raw, bytes) else []
        except DecodeError:
            return
        for contact in nodes[:8]:
            if contact.address[0] not in self.hosts:
                self.hosts.add(contact.address[0])
                self.path_of[contact.address] = path
                self.paths[path][contact.address] = contact.id ^ self.target


# Weathers, and what goes wrong in them

WEATHERS = (
    Weather("calm", 12, 16, 1.0),
    Weather("loss", 12, 24, 1.8, loss=0.2),
    Weather("dead", 12, 18, 1.2, dead=1 / 3),
    Weather("ghosts", 12, 32, 2.5, liars=0.2, ghosts=True, babbles=True),
    Weather("fakes", 12, 24, 1.5, liars=0.2, fakes=True),
    Weather("forgers", 12, 20, 1.2, liars=0.3, forges=True),
    Weather("storm", 11, 32, 2.5, 0.1, 0.2, 0.15, fakes=True, ghosts=True, forges=True, babbles=True),
)
WORDS = {
    "calm": "nothing is lost, and nobody lies",
    "loss": "one datagram in five is lost",
    "dead": "a third of the nodes is dead",
    "ghosts": "one node in five names peers that are not there, or answers with nonsense",
    "fakes": "one node in five names nodes that it made up",
    "forgers": "three nodes in ten forge answers from another address",
    "storm": "all of that, and a little less of each",
}

_FOLLOW = "ask the nodes that were named, the nearest to the info_hash first, until somebody names a peer"
_AGAIN = "what was silent may have been lost: ask it again, after all the others"
_GREET = "anybody can name an address: greet it, and return it only when it has answered"
_GO_ON = "a peer that does not answer is none: go on with the others, and with the nodes"
_HOSTS = "one liar has many ports and any id: ask one address of each host, and keep several paths apart"
_FORGED = "an answer counts if its transaction waits and it comes from the address that was asked"
_FEWER = "few at once, the nearest first, and none that has answered already"
_WAIT = "a round trip takes 0.1 to 0.2 s: wait for no silence much longer, and ask others meanwhile"

FAILED = {
    "trap": ("it returned a peer that only forged answers name", _FORGED),
    "ghost": ("it returned an address where no peer is", _GREET),
}
NOBODY = {"calm": _FOLLOW, "loss": _AGAIN, "dead": _AGAIN, "ghosts": _GO_ON, "fakes": _HOSTS}
DEAR = {"fakes": _HOSTS, "storm": _HOSTS, "ghosts": "greet a silent peer again only after others, and nodes"}


def objection(score: Score) -> tuple[str, str] | None:
    """What is wrong with a score, and the hint; None if nothing is."""
    weather, found = score.weather, score.count("found")
    if found < weather.goal:
        for outcome, (what, hint) in FAILED.items():
            if times := score.count(outcome):
                return f"{times} of {SEARCHES} times {what}", hint
        late = score.count("late")
        what = (
            f"{late} of {SEARCHES} searches did not end within 30 s"
            if late
            else f"it found {found} of {SEARCHES}"
        )
        slow = _HOSTS if weather.fakes else _WAIT
        return what, slow if late else NOBODY.get(weather.name, _AGAIN)
    if score.datagrams > weather.datagrams:
        what = f"it sent {score.datagrams:.1f} datagrams a search, the budget is {weather.datagrams:g}"
        return what, DEAR.get(weather.name, _FEWER)
    if score.seconds > weather.seconds:
        return f"it took {score.seconds:.2f} s a search, the budget is {weather.seconds:g}", _WAIT
    return None


def survives(weather: Weather, seed: int = 1) -> Case:
    """A probe: searches in one weather find enough, within both budgets."""

    def probe(yours: FindOne) -> None:
        score, _ = searched(yours, weather, seed)
        if (wrong := objection(score)) is not None:
            raise Wrong(f"{weather.name} ({WORDS[weather.name]}): {wrong[0]}", wrong[1])

    return probe


def _absent(yours: FindOne) -> None:
    score, _ = searched(yours, WEATHERS[0], is_absent=True)
    (search,) = score.searches
    if search.outcome == "ghost":
        raise Wrong("nobody has it, and it returned an address", _GREET)
    if search.outcome != "nobody" or search.datagrams > LIMIT:
        what = f"nobody has it, and it sent {search.datagrams} datagrams in {search.seconds:.0f} s"
        raise Wrong(what, f"after {LIMIT} datagrams give up: raise NotFound")


def _all_dead(yours: FindOne) -> None:
    score, _ = searched(yours, Weather("all dead", 0, 0, 0, dead=1.0), is_absent=True)
    if score.searches[0].outcome == "late":
        hint = (
            "a datagram may be lost: put asyncio.timeout around what waits, and give up when nobody is left"
        )
        raise Wrong("all nodes are dead, and it waits without end", hint)
    if score.searches[0].outcome != "nobody":
        raise Wrong(
            "all nodes are dead, and it did not give up", "when nobody is left to ask: raise NotFound"
        )


def scores(yours: FindOne, seed: int = 1) -> Iterator[Score]:
    """A program's score in each weather."""
    for weather in WEATHERS:
        yield searched(yours, weather, seed)[0]


def score_table(yours: FindOne, seed: int = 1) -> Table:
    """A program's score in each weather, as a table."""
    rows = []
    for score in scores(yours, seed):
        weather, wrong = score.weather, objection(score)
        rows.append(
            [
                weather.name,
                f"{score.count('found')} of {SEARCHES}",
                f"{score.datagrams:.1f} of {weather.datagrams:g}",
                f"{score.seconds:.2f} of {weather.seconds:g}",
                "kept" if wrong is None else wrong[0],
            ]
        )
    return Table(
        ["weather", "found", "datagrams", "seconds", "budgets"],
        rows,
        title="One program in seven weathers",
        caption=f"Each row is {SEARCHES} searches; datagrams and seconds are averages, next to the budget.",
        numbers=[1, 2, 3],
    )


FIND_ONE = Task(
    "find_one",
    find_one,
    cases=[survives(WEATHERS[0]), _absent, _all_dead, *(survives(weather) for weather in WEATHERS[1:])],
    hint="ask, greet, wait a little, ask others; believe nobody; stop at the first peer that answers",
)
