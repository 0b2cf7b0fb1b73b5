"""Lab 3, task 5: the search. Ask who is nearer until nobody is, and gather peers and tokens on the way.

The nodes are those of `p2plib.labs.lab06_kademlia.crowd`, in memory: no sockets and no clock. `Asking` is
what a search is given; it counts, and objects to what a search must not do.
"""

from __future__ import annotations

import functools
import random
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any, NamedTuple

from p2plib.errors import NotFound
from p2plib.labs.engine.tasks import Case, Task, Wrong
from p2plib.labs.engine.words import describe
from p2plib.labs.lab00_network.world import asked
from p2plib.labs.lab03_dht.contacts import ALPHA, K, next_to_ask
from p2plib.labs.lab06_kademlia.crowd import FLOOD, Crowd, fakes
from p2plib.machine.addresses import Address, Contact
from p2plib.topology.kademlia.table import BITS

LIMIT = 40  # questions
NODES = 400
MESSAGES = 16.0  # the budget, on average; the reference takes 12 to 13


_FIRST = "of an answer take in the first k nodes and no more: honest nodes name no more than k"


class Reply(NamedTuple):
    """What a node answers to get_peers.

    Args:
        nodes: those near the info_hash that it knows, nearest first.
        peers: the peers for it that were announced there.
        token: to be shown when announcing; None if it gave none.
    """

    nodes: list[Contact]
    peers: list[Address]
    token: bytes | None


Ask = Callable[[list[Contact]], Awaitable[dict[Contact, Reply]]]
Found = tuple[list[Address], list[tuple[Contact, bytes]]]
FindPeers = Callable[..., Any]  # a reader's function


async def find_peers(
    info_hash: int, start: Sequence[Contact], ask: Ask, k: int = K, alpha: int = ALPHA, limit: int = LIMIT
) -> Found:
    """The peers for an info_hash, and the nodes to announce at.

    Args:
        info_hash: as a number.
        start: the nodes that are known.
        ask: puts get_peers to several at once, and returns the replies of those that answered.
        k: how many nodes are to be found, and how many of an answer count.
        alpha: how many to ask at once.
        limit: how many to ask in all.

    Returns:
        The peers, and the k nearest nodes that gave a token with it.
    """
    known, were_asked = dict.fromkeys(start), set[Contact]()
    replies: dict[Contact, Reply] = {}
    while True:
        silent = {contact for contact in were_asked if contact not in replies}
        batch = next_to_ask(info_hash, known, were_asked, silent, k, alpha)[: limit - len(were_asked)]
        if not batch:
            break
        answers = await ask(batch)
        were_asked.update(batch)
        for contact, reply in answers.items():
            replies[contact] = reply
            known.update(dict.fromkeys(reply.nodes[:k]))
    peers = dict.fromkeys(peer for reply in replies.values() for peer in reply.peers)
    tokens = [(contact, reply.token) for contact, reply in replies.items() if reply.token is not None]
    tokens.sort(key=lambda pair: pair[0].id ^ info_hash)
    return list(peers), tokens[:k]


# Nodes in memory


@functools.cache
def the_nodes(count: int = NODES) -> Crowd:
    """The nodes of this lab; made once."""
    return Crowd(count, k=K, seed=3)


def peers_at(place: int) -> list[Address]:
    """What a holder names, by its place: two peers, of which the next holder names the second, too."""
    return [(f"10.200.{place}.1", 4000), (f"10.200.{place + 1}.1", 4000)]


class Asking:
    """What a search asks through: `answers = await ask(batch)`.

    Args:
        crowd: who can be asked.
        start: whom the search was given; whom nobody has named cannot be asked.
        target: the info_hash.
        holders: the nodes where peers are announced.
        width: how many may be asked at once.
        limit: how many may be asked in all.
        silent: which are dead.
        liars: which name fakes, hundreds at a time where `flooding`.
        without_token: which give no token.
        empty_token: which give one of no bytes.
        k: how many nodes of an answer count.

    Attributes:
        rounds, messages: calls and questions so far.
        answered: the replies so far.
    """

    def __init__(
        self,
        crowd: Crowd,
        start: Sequence[Contact],
        target: int,
        *,
        holders: Sequence[Contact] = (),
        width: int = ALPHA,
        limit: int = LIMIT,
        silent: Collection[Contact] = (),
        liars: Collection[Contact] = (),
        flooding: bool = False,
        without_token: Collection[Contact] = (),
        empty_token: Collection[Contact] = (),
        k: int = K,
    ) -> None:
        self.crowd, self.target, self.holders = crowd, target, holders
        self.width, self.limit, self.silent, self.liars = width, limit, silent, liars
        self.flooding, self.without_token, self.empty_token = flooding, without_token, empty_token
        self.k = k
        self.rounds = self.messages = 0
        self.batches: list[list[Contact]] = []
        self.answered: dict[Contact, Reply] = {}
        self.complaint: Wrong | None = None
        self._were_asked: set[Contact] = set()
        self._known, self._counts = set(start), set(start)

    async def __call__(self, batch: Sequence[Contact]) -> dict[Contact, Reply]:
        """Ask some nodes at once; those that answer are in the dictionary."""
        self.complaint = self.complaint or self._misuse(batch)
        if self.complaint is not None:  # also if the search caught it the first time, and asks on
            raise self.complaint
        self.rounds += 1
        self.messages += len(batch)
        self.batches.append(list(batch))
        self._were_asked.update(batch)
        answers = {contact: self._reply(contact) for contact in batch if self._is_there(contact)}
        for contact, reply in answers.items():
            self.answered[contact] = Reply(list(reply.nodes), list(reply.peers), reply.token)
            self._known.update(reply.nodes)
            self._counts.update(reply.nodes[: self.k])
        return answers

    def _is_there(self, contact: Contact) -> bool:
        return contact not in self.silent and (contact in self.crowd.everybody or not self.flooding)

    def _reply(self, contact: Contact) -> Reply:
        token = None if contact in self.without_token else b"token of %d" % (contact.id % 1000)
        if contact in self.empty_token:
            token = b""
        if contact in self.crowd.everybody and contact not in self.liars:
            place = self.holders.index(contact) if contact in self.holders else None
            peers = [] if place is None else peers_at(place)
            return Reply(self.crowd.named(contact.id, self.target), peers, token)
        beyond = 1 << 40 if contact in self.crowd.everybody else contact.id ^ self.target
        return Reply(fakes(self.target, beyond, FLOOD if self.flooding else K), [], token)

    def _misuse(self, batch: Any) -> Wrong | None:
        if not isinstance(batch, list | tuple | set | dict) or not all(isinstance(c, Contact) for c in batch):
            return Wrong(f"it asked {describe(batch)}", "ask takes a list of contacts")
        if not batch:
            return Wrong("it asked nobody", "when nobody is left to ask, the search is over")
        if len(batch) > self.width:
            return Wrong(f"it asked {len(batch)} at once, where {self.width} is the most", "pass alpha on")
        if len(set(batch)) < len(batch) or set(batch) & self._were_asked:
            return Wrong("it asked one node twice", "remember whom you asked, answered or not")
        if not set(batch) <= self._known:
            return Wrong("it asked a node that nobody has named", "ask nodes that you were given or told of")
        if not set(batch) <= self._counts:
            return Wrong(f"it took in more than the first {self.k} nodes of an answer", _FIRST)
        if self.messages + len(batch) > self.limit:
            what = f"it asked more than {self.limit} nodes, which was the limit"
            return Wrong(
                what, "count whom you ask, the silent and the last batch too: liars name without end"
            )
        return None


# Probes


def question(crowd: Crowd, rng: random.Random) -> tuple[int, list[Contact]]:
    """A random info_hash, and the nodes that a newcomer begins with."""
    own_id, target = rng.getrandbits(BITS), rng.getrandbits(BITS)
    return target, crowd.named(own_id, target ^ rng.getrandbits(BITS))


async def found(yours: FindPeers, ask: Asking, start: list[Contact], *rest: int) -> Found:
    """Run a reader's search; what it returned, if it is what it should be.

    Args:
        yours: the search.
        ask: what it is given.
        start: what it begins with.
        rest: k, alpha and limit, as far as they are given.

    Raises:
        Wrong: it asked, or answered, what it must not.
    """
    before = list(start)
    try:
        got = await asked(yours(ask.target, start, ask, *rest), "find_peers")
    except NotFound:
        raise Wrong(
            "it raised NotFound", "nobody and nothing found is no error: return empty lists"
        ) from None
    except (KeyError, TypeError, AttributeError) as error:
        raise ask.complaint or _crash(error) or error from None
    if ask.complaint is not None:
        raise ask.complaint
    if start != before:
        raise Wrong("it changed the list start", "that list is the caller's: work on a copy")
    return _checked(got, ask, rest[0] if rest else K)


def _crash(error: Exception) -> Wrong | None:
    if isinstance(error, KeyError):
        return Wrong(
            "it raised KeyError where somebody was silent", "a node that did not answer is not in answers"
        )
    if "coroutine" in str(error):
        return Wrong("it took what ask returns before it was there", "an await before ask(...)")
    return None


def _checked(got: Any, ask: Asking, k: int) -> Found:
    shape = "a pair: a list of addresses, and a list of pairs of contact and token"
    if got is None:
        raise Wrong("it returned None", "is a return missing?")
    if not isinstance(got, tuple) or len(got) != 2 or not all(isinstance(part, list) for part in got):
        raise Wrong(f"it returned {describe(got)}", shape)
    peers, tokens = got
    if any(
        not isinstance(pair, tuple) or len(pair) != 2 or not isinstance(pair[0], Contact) for pair in tokens
    ):
        raise Wrong(f"its nodes are {describe(tokens)}", shape)
    for contact, token in tokens:
        if contact not in ask.answered:
            raise Wrong(
                "it would announce at a node that had not answered", "only those that answered gave a token"
            )
        if token is None:
            raise Wrong(
                "it would announce at a node that gave no token", "without a token nobody may announce"
            )
        if ask.answered[contact].token != token:
            raise Wrong("a node goes with the token of another", "each node takes only its own token")
    wanted = [peer for reply in ask.answered.values() for peer in reply.peers]
    _compare_peers(peers, list(dict.fromkeys(wanted)))
    givers = [contact for contact, reply in ask.answered.items() if reply.token is not None]
    nearest = sorted(givers, key=lambda contact: contact.id ^ ask.target)[:k]
    if [contact for contact, _ in tokens] != nearest:
        what = f"it would announce at {len(tokens)} nodes, and not at the {len(nearest)} nearest"
        left_out = set(nearest) - {contact for contact, _ in tokens}
        if any(ask.answered[contact].token == b"" for contact in left_out):
            raise Wrong(what, "a token of no bytes is a token: leave out only None")
        raise Wrong(what, "of those that answered with a token the k nearest, nearest first")
    return peers, tokens


def _compare_peers(peers: list[Any], wanted: list[Address]) -> None:
    if len(set(peers)) < len(peers):
        raise Wrong("it returned a peer twice", "several nodes name the same peer: each address once")
    if set(peers) != set(wanted):
        what = f"of {len(wanted)} peers that were named it returned {len(set(peers) & set(wanted))}"
        raise Wrong(what, "gather the peers of every reply, even when you have some already")
    if peers != wanted:
        raise Wrong(
            "its peers are in another order", "in the order in which they were named: a set has no order"
        )


def exact(seed: int, *, count: int = NODES, k: int = K, alpha: int = ALPHA, dead: float = 0.0) -> Case:
    """A probe: one search finds the k nearest, and what they hold.

    Args:
        seed: of newcomer and info_hash.
        count: how many nodes there are.
        k, alpha: given to the search.
        dead: what part of the nodes is silent.
    """

    async def probe(yours: FindPeers) -> None:
        crowd = the_nodes(count)
        target, start = question(crowd, random.Random(seed))
        silent = crowd.some(dead, seed) - set(start) if dead else frozenset()
        nearest = crowd.nearest(target, k, silent)
        ask = Asking(crowd, start, target, holders=nearest, width=alpha, silent=silent, k=k)
        _, tokens = await found(yours, ask, start, k, alpha)
        got = {contact for contact, _ in tokens}
        missed = len(set(nearest[: k // 2]) - got)
        if missed:
            among = f"among {count} nodes" + (", some of them dead" if dead else "")
            raise Wrong(f"{among}: of the {k // 2} nearest it missed {missed}", _why_missed(ask, k))

    return probe


def _why_missed(ask: Asking, k: int) -> str:
    if len(ask.answered) < k:
        return "it stopped early: keep each node once, and go on as long as next_to_ask names somebody"
    return "take in the nodes of every reply, and choose anew from all that you know"


async def _nobody(yours: FindPeers) -> None:
    ask = Asking(the_nodes(50), [], 7)
    await found(yours, ask, [])


async def _all_silent(yours: FindPeers) -> None:
    crowd = the_nodes(50)
    target, start = random.Random(6).getrandbits(BITS), crowd.peers[:20]
    ask = Asking(crowd, start, target, silent=crowd.peers)
    await found(yours, ask, start)
    if ask.messages < len(start):
        what = f"with everybody silent it gave up after {ask.messages} of {len(start)}"
        raise Wrong(what, "a silent node makes room for the next: hand next_to_ask those that were silent")


async def _some_without_token(yours: FindPeers) -> None:
    crowd = the_nodes(50)
    target, start = question(crowd, random.Random(9))
    shy = set(crowd.nearest(target, 4)[::2])
    await found(yours, Asking(crowd, start, target, without_token=shy), start)
    strange = set(crowd.nearest(target, 4)[1::2])
    await found(yours, Asking(crowd, start, target, empty_token=strange), start)


async def _the_silent_count(yours: FindPeers) -> None:
    crowd, limit = the_nodes(50), 10
    start = crowd.peers[:20]
    ask = Asking(crowd, start, random.Random(6).getrandbits(BITS), silent=crowd.peers, limit=limit)
    await found(yours, ask, start, K, ALPHA, limit)


def budget(seed: int, messages: float = MESSAGES, searches: int = 20) -> Case:
    """A probe: many searches find the nearest of 400 nodes, within a budget on average."""

    async def probe(yours: FindPeers) -> None:
        crowd, rng, took, missed = the_nodes(), random.Random(seed), 0, 0
        for _ in range(searches):
            target, start = question(crowd, rng)
            ask = Asking(crowd, start, target)
            _, tokens = await found(yours, ask, start)
            missed += len(set(crowd.nearest(target, 4)) - {contact for contact, _ in tokens})
            took += ask.messages
        if missed > searches // 5:
            raise Wrong(f"of the four nearest in {searches} searches it missed {missed}", _why_missed(ask, K))
        if took / searches > messages:
            what = f"a search took {took / searches:.1f} questions, the budget is {messages:g}"
            raise Wrong(what, "choose anew after every batch: those behind the k nearest need no question")

    return probe


def liars(limit: int, seed: int = 8) -> Case:
    """A probe: nodes that name nearer and nearer fakes do not keep a search busy without end."""

    async def probe(yours: FindPeers) -> None:
        crowd = the_nodes()
        target, start = question(crowd, random.Random(seed))
        ask, twin = (Asking(crowd, start, target, limit=limit, liars=set(start[:4])) for _ in range(2))
        await found(yours, ask, start, K, ALPHA, limit)
        await find_peers(target, start, twin, K, ALPHA, limit)
        if ask.messages < twin.messages:
            what = f"liars named ever nearer nodes, and it asked {ask.messages} of {twin.messages}"
            raise Wrong(what, "go on until next_to_ask names nobody, or limit were asked in all")

    return probe


async def _by_default(yours: FindPeers) -> None:
    crowd = the_nodes()
    target, start = question(crowd, random.Random(10))
    ask = Asking(crowd, start, target, liars=set(start[:4]))
    await found(yours, ask, start)
    if ask.messages < LIMIT or max(map(len, ask.batches)) < ALPHA:
        widest = max(map(len, ask.batches), default=0)
        what = f"without k, alpha and limit it asked {ask.messages} in all, {widest} at once"
        at_once = "ask the whole batch at once: await ask(batch)"
        raise Wrong(what, at_once if widest == 1 else "the defaults are k=8, alpha=3, limit=40")


def flood(seed: int = 9, k: int = K) -> Case:
    """A probe: one liar answers with 500 contacts, none of which is there."""

    async def probe(yours: FindPeers) -> None:
        crowd = the_nodes()
        target, start = question(crowd, random.Random(seed))
        ask = Asking(crowd, start, target, liars={start[1]}, flooding=True, k=k)
        _, tokens = await found(yours, ask, start, k)
        missed = len(set(crowd.nearest(target, 4, {start[1]})) - {contact for contact, _ in tokens})
        if missed:
            raise Wrong(f"one liar named 500 fakes: of the four nearest it missed {missed}", _FIRST)

    return probe


FIND_PEERS = Task(
    "find_peers",
    find_peers,
    cases=[
        _nobody,
        exact(1, count=50),
        exact(2),
        exact(3, k=5, alpha=2),
        _some_without_token,
        _all_silent,
        _the_silent_count,
        exact(4, dead=0.3),
        budget(5),
        liars(LIMIT),
        liars(20),
        _by_default,
        flood(),
        flood(k=5),
    ],
    hint="next_to_ask, ask, take in nodes, peers and token; again, until nobody is to be asked",
)
