"""Lab 6, task 4: the routing table. Buckets, and at the door the rules that an attacker has to pass.

Ids cost nothing and addresses do, so places are counted by address: the same three limits as in
`p2plib.topology.kademlia.table`. And an id has the address that had it first.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from typing import Any

from p2plib.labs.engine.tasks import Case, Task, Wrong
from p2plib.labs.lab06_kademlia.bucket import Bucket, shown, who
from p2plib.labs.lab06_kademlia.crowd import K
from p2plib.labs.lab06_kademlia.distance import bucket_index, closest
from p2plib.machine.addresses import Contact, network_of
from p2plib.topology.kademlia.table import BITS

PER_HOST, PER_NETWORK_AND_BUCKET, PER_NETWORK = 1, 2, 10
EVERYBODY = 100_000  # more than a table holds

MakeTable = Callable[..., Any]  # a reader's class


class RoutingTable:
    """Whom a peer knows, by distance.

    Args:
        own_id: the peer's own id, of 160 bits.
        k: how many contacts a bucket holds.
        limited: whether places are counted by address; not where all peers are on one machine.
    """

    def __init__(self, own_id: int, k: int = K, limited: bool = True) -> None:
        self.own_id, self.limited = own_id, limited
        self.buckets = [Bucket(k) for _ in range(BITS)]

    def heard(self, contact: Contact) -> Contact | None:
        """A contact has just answered us: take it in if it may. Returns whom to ask now, or None."""
        if contact.id == self.own_id:
            return None
        bucket = self.buckets[bucket_index(self.own_id, contact.id)]
        if contact not in bucket.contacts and not self._may_enter(contact, bucket):
            return None
        return bucket.heard(contact)

    def _may_enter(self, contact: Contact, bucket: Bucket) -> bool:
        if any(other.id == contact.id for other in bucket.contacts):
            return False
        if not self.limited:
            return True
        host, network = contact.address[0], network_of(contact.address[0])
        known = [other.address[0] for other in self._everybody()]
        if known.count(host) >= PER_HOST:
            return False
        near = sum(network_of(other.address[0]) == network for other in bucket.contacts)
        everywhere = sum(network_of(host) == network for host in known)
        return near < PER_NETWORK_AND_BUCKET and everywhere < PER_NETWORK

    def _everybody(self) -> list[Contact]:
        return [contact for bucket in self.buckets for contact in bucket.contacts]

    def silent(self, contact: Contact) -> Contact | None:
        """A contact did not answer when we asked it. Returns whom to ask now, or None."""
        if contact.id == self.own_id:
            return None
        return self.buckets[bucket_index(self.own_id, contact.id)].silent(contact)

    def closest(self, target: int, count: int) -> list[Contact]:
        """The contacts in the table that are nearest to a target, nearest first."""
        return closest(target, self._everybody(), count)


# Probes. Own id is 0, so that peer 9 (1001 in binary) belongs into bucket 3.


def at(number: int, host: str, port: int = 4000) -> Contact:
    """Peer 9 at an address."""
    return Contact(number, (host, port))


def far(number: int) -> Contact:
    """A peer in a network of its own."""
    return at(number, f"10.{number & 255}.{number >> 8 & 255}.1")


def _table(
    yours: MakeTable, contacts: Iterable[Contact], k: int = 3, limited: bool = True
) -> tuple[Any, Any]:
    """A table of the peer with id 0 that has heard some contacts, and what the last call returned."""
    table, answer = (yours(0, k) if limited else yours(0, k, limited=False)), None
    for contact in contacts:
        answer = _spared(table.heard, contact)
    return table, answer


def _spared(call: Callable[..., Any], contact: Contact) -> Any:
    """Call heard or silent; our own id, which has no bucket, is a hint of its own."""
    try:
        return call(contact)
    except ValueError:
        if contact.id:
            raise
        hint = "somebody may claim our own id: look at that before you ask for its bucket"
        raise Wrong("it raised ValueError for a contact with our own id", hint) from None


def holds(contacts: list[Contact], expected: str, what: str, hint: str, k: int = 3) -> Case:
    """A probe: who is in a table that has heard some contacts.

    Args:
        contacts: in the order in which they are heard.
        expected: who is in the table then, nearest to id 0 first, such as "1 2 9".
        what: happened, for whoever has somebody else.
        hint: for them, too.
        k: of a bucket.
    """

    def probe(yours: MakeTable) -> None:
        table, _ = _table(yours, contacts, k)
        _has(table, expected, what, hint)

    return probe


def _has(table: Any, expected: str, what: str, hint: str) -> None:
    got = shown(table.closest(0, EVERYBODY))
    if got != (expected or "nobody"):
        raise Wrong(f"{what}: it knows {got}, expected {expected or 'nobody'}", hint)


def _asks(answer: Any, expected: Contact | None, what: str, hint: str) -> None:
    if answer != expected:
        raise Wrong(f"{what}: it returned {who(answer)}, expected {who(expected)}", hint)


def _passes_on(yours: MakeTable) -> None:
    table, answer = _table(yours, map(far, (8, 9, 10, 1, 11)))
    _has(table, "1 8 9 10", "peers 8, 9, 10, 1 and 11, k = 3", "8 to 15 belong in bucket 3, which is full")
    hint = "a full bucket wants its oldest contact asked: return what bucket.heard returns"
    _asks(answer, far(8), "the fourth in a bucket of three", hint)
    answer = table.silent(far(8))
    _asks(answer, far(11), "after peer 8 was silent", "return what bucket.silent returns")
    _has(table, "1 9 10", "after peer 8 was silent", "tell the bucket of a contact that it was silent")


def _heard_again(yours: MakeTable) -> None:
    table, _ = _table(yours, map(far, (8, 9, 10)))
    table.heard(far(8))
    hint = "a contact that is in the table already is no newcomer: its own place must not count against it"
    _asks(table.heard(far(11)), far(9), "peers 8, 9, 10, again 8, then 11", hint)


def _any_target(yours: MakeTable) -> None:
    table, _ = _table(yours, map(far, (1, 2, 5, 8, 12)))
    for target, count, expected in ((15, 3, "12 8 5"), (6, 3, "5 2 1"), (13, 4, "12 8 5 1"), (0, 2, "1 2")):
        try:
            got = shown(table.closest(target, count))
        except ValueError:
            hint = "our own id is a target like any other: it has no bucket, but neighbours"
            raise Wrong(
                f"closest({target}, {count}) raised ValueError, and {target} is our own id", hint
            ) from None
        if got != expected:
            what = f"knowing 1 2 5 8 12, closest({target}, {count}) gave {got}, expected {expected}"
            hint = (
                "the nearest may sit in any bucket: look at all contacts, and sort by the target, not our id"
            )
            raise Wrong(what, hint)


def _impostor(yours: MakeTable) -> None:
    thief = at(9, "10.7.7.7")
    table, answer = _table(yours, [far(9), thief])
    got = [contact.address[0] for contact in table.closest(9, 9)]
    if got != [far(9).address[0]]:
        what = f"a second peer with the id of peer 9: the table has {' and '.join(got) or 'neither'}"
        raise Wrong(what, f"an id has one address, the one that had it first ({far(9).address[0]})")
    _asks(answer, None, "a second peer with the id of peer 9", "it is turned away, and nobody is asked")
    table.silent(thief)
    _has(
        table,
        "9",
        "then the thief was silent",
        "that was not the contact that we know: compare whole contacts",
    )


def _thief_waits(yours: MakeTable) -> None:
    contacts = [*map(far, (8, 9, 10)), at(9, "10.7.7.7")]
    table, answer = _table(yours, contacts)
    hint = "turn it away before the bucket hears of it, or it waits and moves in later"
    _asks(answer, None, "a full bucket, and a second peer with the id of peer 9", hint)
    answer = table.silent(far(10))
    _asks(answer, None, "then peer 10 was silent", hint)


def _own_silence(yours: MakeTable) -> None:
    table, _ = _table(yours, [far(1)])
    _spared(table.silent, at(0, "10.7.7.7"))
    _has(table, "1", "somebody with our id was silent", "that is no contact of ours")


def _leaves(yours: MakeTable) -> None:
    first, second, third = (at(number, f"10.1.1.{number}") for number in (8, 9, 10))
    table, _ = _table(yours, [first, second, third])
    table.silent(first)
    table.heard(third)
    _has(
        table,
        "9 10",
        "of three from one network one left, and the one without a place came again",
        "a contact that has left no longer counts: count those that are there",
    )


def _no_wait(yours: MakeTable) -> None:
    contacts = [at(8, "10.1.1.8"), at(9, "10.1.1.9"), far(10), at(11, "10.1.1.11")]
    table, answer = _table(yours, contacts)
    hint = "whoever is turned away does not wait either, and nobody is asked because of it"
    _asks(answer, None, "a full bucket, and a third peer of a network in it", hint)
    _asks(table.silent(far(10)), None, "then a contact was silent", hint)


def _on_one_machine(yours: MakeTable) -> None:
    contacts = [at(number, "127.0.0.1", 4000 + number) for number in (1, 8, 9, 10)]
    table, _ = _table(yours, [*contacts, at(1, "127.0.0.1", 5000), at(0, "127.0.0.1", 5001)], limited=False)
    _has(
        table,
        "1 8 9 10",
        "four peers on one machine, limited=False",
        "without limits addresses are not counted; ids are still unique, and ours is ours",
    )


def flood(seed: int = 1, honest: int = 60, ids: int = 3000) -> Case:
    """A probe: some honest peers, then thousands of ids from one network.

    Args:
        seed: of the ids.
        honest: how many in networks of their own.
        ids: how many from one /24.
    """

    def probe(yours: MakeTable) -> None:
        rng, table = random.Random(seed), yours(0)
        friends = [at(rng.getrandbits(BITS), f"10.{i}.0.1") for i in range(honest)]
        for friend in friends:
            table.heard(friend)
        before = set(table.closest(0, EVERYBODY))
        for i in range(ids):
            table.heard(at(rng.getrandbits(BITS), f"192.0.2.{i % 254 + 1}", 1024 + i))
        known = table.closest(0, EVERYBODY)
        if lost := len(before - set(known)):
            raise Wrong(
                f"a flood of {ids} ids threw out {lost} of {len(before)} old contacts",
                "only the silent leave",
            )
        places = len(known) - len(before)
        if places > PER_NETWORK:
            raise Wrong(
                f"{ids} ids of one network took {places} places", f"{PER_NETWORK} are the most, in the table"
            )
        if places < 2:
            raise Wrong("nobody of a busy network got a place", "up to ten of a network may enter")

    return probe


def any_table(seed: int, steps: int = 400) -> Case:
    """A probe: a long story of few ids and fewer addresses, told to the reader's table and the library's."""

    def probe(yours: MakeTable) -> None:
        rng, table, expected = random.Random(seed), yours(0, 3), RoutingTable(0, 3)
        for step in range(1, steps + 1):
            number = rng.choice((rng.randrange(1, 40), 1 << rng.randrange(20)))
            contact = at(
                number, f"10.{rng.randrange(4)}.{number % 5}.{rng.randrange(1, 9)}", rng.choice((4000, 4001))
            )
            if rng.random() < 0.3 and (known := expected.closest(number, 3)):
                contact = rng.choice(known)
            name = "heard" if rng.random() < 0.8 else "silent"
            got, want = getattr(table, name)(contact), getattr(expected, name)(contact)
            where = (
                f"in a story of {steps}, after {step}, {name} of peer {contact.id} at {contact.address[0]}"
            )
            _has(table, shown(expected.closest(0, EVERYBODY)), where, _STORY)
            _asks(got, want, where, _STORY)

    return probe


_STORY = "tell the same to a table of yours, and print closest(0, 99) after every step"
_HOST = "one IP address has one place, whatever ids and ports it has"
_NEAR = "two of one /24 in a bucket are enough: network_of(contact.address[0]) tells"

ROUTING_TABLE = Task(
    "RoutingTable",
    RoutingTable,
    cases=[
        holds([*map(far, (9, 1, 4))], "1 4 9", "peers 9, 1 and 4 were heard", "each into its own bucket"),
        _any_target,
        _passes_on,
        holds(
            [far(1), at(0, "10.7.7.7")],
            "1",
            "somebody with our own id",
            "nobody else has our id: turn it away",
        ),
        _heard_again,
        _impostor,
        _thief_waits,
        _own_silence,
        holds([at(1, "10.1.1.1"), at(9, "10.1.1.1", 5000)], "1", "two ids at one host", _HOST),
        holds(
            [at(8, "10.1.1.1"), at(9, "10.1.1.2"), at(10, "10.1.1.3")],
            "8 9",
            "three of a network in one bucket",
            _NEAR,
        ),
        holds(
            [at(8, "10.1.1.1"), at(9, "10.1.1.2"), at(1, "10.1.1.3")],
            "1 8 9",
            "three of a network in two buckets",
            "two in each bucket, ten in the table: count them apart",
        ),
        holds(
            [at(8, "10.1.1.1"), at(9, "10.1.2.1"), at(10, "10.1.3.1")],
            "8 9 10",
            "three networks that begin alike",
            "a /24 is three bytes: network_of tells",
        ),
        holds(
            [at(number, f"10.1.1.{number}") for number in (2, 3, 4, 5, 8, 9, 16, 17, 32, 33, 64)],
            "2 3 4 5 8 9 16 17 32 33",
            "eleven of one network in six buckets",
            "ten places of the whole table",
        ),
        holds(
            [at(8 + i, f"2001:db8:1:{i}::1") for i in range(3)],
            "8 9",
            "three of an IPv6 network in one bucket",
            "network_of knows IPv6, too: there it is the /48",
        ),
        _no_wait,
        holds(
            [*map(far, (8, 9, 10)), at(11, "10.1.1.11"), at(1, "10.1.1.11", 5000)],
            "1 8 9 10",
            "a full bucket, for which peer 11 waits, and then peer 1 at peer 11's host",
            "whoever waits has no place yet: count the contacts of the buckets, not those that wait",
        ),
        _leaves,
        _on_one_machine,
        flood(),
        any_table(3),
    ],
    hint="our own id, taken ids, full hosts, full networks: turn away first, then let the bucket hear",
)
