"""Routing table: the peers that a Kademlia peer knows. A data structure, with the rules for getting in.

Follows Maymounkov and Mazières, "Kademlia" (2002), sections 2.1, 2.2 and 4.1. The distance between two ids is
their XOR, read as a number. Bucket i holds peers at a distance from 2**i up to 2**(i + 1), which means peers
whose ids first differ from ours in bit i: half of all peers belong in the highest bucket, a quarter in the
next. Each bucket keeps at most k. So a table knows its own neighbourhood completely, and a handful of peers
in each part of the rest.

Rules
    1. Only a peer that has *answered* us is put in: the sender of a request need not be where it says it is.
    2. A full bucket does not throw out a living peer for a new one. The new one waits in the spares, and the
       machine asks the peer that has been silent for longest. If that peer answers, it becomes the freshest,
       and stays. (Old peers are more likely to be there tomorrow, and a flood of new ids cannot wash out a
       table.)
    3. A peer that does not answer is *doubtful*: it is not named to others, and gives up its place to the
       next peer that answers. Otherwise it is removed only after `MAX_FAILURES`, and never if it is the last
       one left: when our own link is down, all peers look dead. A peer that was removed for this is
       *forgotten* slowly: it is asked again now and then, for half of the network may have been cut off and
       come back.
    4. An id has one address, and the first to claim it keeps it until it is *gone*: asked several times for
       the sake of another that claims its id, it did not answer (`p2plib.topology.kademlia.checks`, rule 3).
       The other waits among the spares. An address has one id, the last that answered from it: the peer was
       restarted.
    5. At most `per_host` peers of one IP address, `per_network_and_bucket` of one /24 in a bucket and
       `per_network` in the table. Ids are free; an attacker has to pay for addresses.

Vocabulary::

    bucket    contacts by id, beginning with the one heard from longest ago
    spare     a newcomer that waits for a place
    doubtful  has one or more `failures` since it last answered
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from p2plib.errors import UsageError
from p2plib.machine.addresses import Address, Contact, network_of

K = 20  # so many that all of them are very unlikely to leave within an hour (section 2.2)
BITS, MAX_BITS = 160, 256
MAX_FAILURES = 5  # section 4.1
MAX_FORGOTTEN = 64


class Verdict(Enum):
    """What became of a contact that wanted to get in."""

    ADDED = "added"
    KNOWN = "heard again"
    FULL = "its bucket is full"
    OWN_ID = "it has our id"
    ID_TAKEN = "another address has its id"
    HOST_FULL = "its host has its share"
    NETWORK_FULL = "its network has its share"
    OUT_OF_RANGE = "its id has too many bits"


@dataclass(frozen=True, slots=True)
class Limits:
    """How many places one owner of addresses may take; None for no limit (for a network on one machine).

    Args:
        per_host: of one IP address, in the table.
        per_network_and_bucket: of one /24 (or /48 in IPv6), in one bucket.
        per_network: of one /24 (or /48), in the table.
    """

    per_host: int | None = 1
    per_network_and_bucket: int | None = 2
    per_network: int | None = 10


STRICT = Limits()
NO_LIMITS = Limits(None, None, None)


@dataclass(slots=True)
class Entry:
    """A contact in a bucket."""

    contact: Contact
    heard: float
    network: bytes
    failures: int = 0
    is_gone: bool = False


@dataclass(slots=True)
class Bucket:
    """One part of the table."""

    entries: dict[int, Entry] = field(default_factory=dict)
    spares: dict[int, Contact] = field(default_factory=dict)
    looked_up: float = 0.0


def closest_first(target: int, contacts: list[Contact]) -> list[Contact]:
    """Contacts in order of their distance from a target."""
    return sorted(contacts, key=lambda contact: contact.id ^ target)


def _one_more(counts: dict[Any, int], key: object) -> None:
    counts[key] = counts.get(key, 0) + 1


def _one_less(counts: dict[Any, int], key: object) -> None:
    counts[key] -= 1
    if not counts[key]:
        del counts[key]


class RoutingTable:
    """The peers that a peer knows, by distance.

    Args:
        own_id: the peer's own id, of at most `bits` bits.
        bits: how long ids are, 1 to 256.
        k: how many contacts a bucket holds.
        limits: rule 5.
        now: the time, in seconds.
    """

    def __init__(
        self, own_id: int, *, bits: int = BITS, k: int = K, limits: Limits = STRICT, now: float = 0.0
    ) -> None:
        if not 1 <= bits <= MAX_BITS or not 0 <= own_id < 1 << bits:
            raise UsageError(f"an id is 0 to 2**{bits} - 1, and 1 to {MAX_BITS} bits long")
        if k < 1:
            raise UsageError(f"a bucket holds at least one contact, not {k}")
        self.own_id, self.bits, self.k, self.limits = own_id, bits, k, limits
        self._is_limited = limits != NO_LIMITS
        self.buckets = [Bucket(looked_up=now) for _ in range(bits)]
        self.forgotten: dict[int, Contact] = {}
        self._by_address: dict[Address, int] = {}
        self._hosts: dict[str, int] = {}  # how many contacts each has
        self._networks: dict[bytes, int] = {}
        self._sound = 0  # how many are not doubtful
        self._filled = 0  # bit i is set if bucket i holds a contact

    def __len__(self) -> int:
        return len(self._by_address)

    def __iter__(self) -> Iterator[Entry]:
        for bucket in self.buckets:
            yield from bucket.entries.values()

    def bucket_of(self, ident: int) -> Bucket:
        """The bucket that an id belongs in; the id must not be our own."""
        return self.buckets[(ident ^ self.own_id).bit_length() - 1]

    @property
    def nearest_bucket(self) -> int | None:
        """The number of the lowest bucket that holds a contact, which is the nearest; None if none does."""
        return (self._filled & -self._filled).bit_length() - 1 if self._filled else None

    def find(self, ident: int) -> Entry | None:
        """The entry of an id, or None if it is not in the table."""
        return None if ident == self.own_id else self.bucket_of(ident).entries.get(ident)

    def may_enter(self, contact: Contact) -> Verdict:
        """What `answered` would return if this contact answered now; changes nothing."""
        if contact.id == self.own_id:
            return Verdict.OWN_ID
        if contact.id >> self.bits:
            return Verdict.OUT_OF_RANGE
        bucket = self.bucket_of(contact.id)
        entry = bucket.entries.get(contact.id)
        if entry and (entry.contact.address == contact.address or not entry.is_gone):
            return Verdict.KNOWN if entry.contact.address == contact.address else Verdict.ID_TAKEN
        verdict = self._within_limits(contact, bucket) if self._is_limited else Verdict.ADDED
        if verdict is Verdict.ADDED and self._is_full(bucket):
            is_replaced = self._by_address.get(contact.address) in bucket.entries  # rule 4
            return Verdict.ADDED if is_replaced else Verdict.FULL
        return verdict

    def _is_full(self, bucket: Bucket) -> bool:
        """Whether a bucket has neither a free place nor a doubtful contact that would give up its own."""
        if len(bucket.entries) < self.k:
            return False
        nobody_is_doubtful = self._sound == len(self._by_address)
        return nobody_is_doubtful or all(entry.failures == 0 for entry in bucket.entries.values())

    def _within_limits(self, contact: Contact, bucket: Bucket) -> Verdict:
        limits, host = self.limits, contact.address[0]
        network = network_of(host)
        replaced = self._replaced_by(contact)  # they would make room
        of_host = self._hosts.get(host, 0) - sum(one.contact.address[0] == host for one in replaced)
        of_network = self._networks.get(network, 0) - sum(one.network == network for one in replaced)
        if limits.per_host is not None and of_host >= limits.per_host:
            return Verdict.HOST_FULL
        if limits.per_network is not None and of_network >= limits.per_network:
            return Verdict.NETWORK_FULL
        in_bucket = limits.per_network_and_bucket
        if in_bucket is not None and of_network >= in_bucket:  # else no bucket can have so many
            entries = bucket.entries.values()
            near = [entry for entry in entries if entry.network == network and entry not in replaced]
            if len(near) >= in_bucket:
                return Verdict.NETWORK_FULL
        return Verdict.ADDED

    def _replaced_by(self, contact: Contact) -> list[Entry]:
        """The entries with this address or this id: rule 4."""
        idents = dict.fromkeys((self._by_address.get(contact.address, contact.id), contact.id))
        return [entry for ident in idents if (entry := self.find(ident))]

    def answered(self, contact: Contact, now: float) -> Verdict:
        """Takes a contact that has just answered us from its address.

        Returns:
            ADDED or KNOWN if it is in the table now; FULL if it waits in the spares: then ask `oldest`.
        """
        verdict = self.may_enter(contact)
        if verdict is Verdict.KNOWN:
            bucket = self.bucket_of(contact.id)
            entry = bucket.entries.pop(contact.id)
            self._sound += entry.failures > 0
            entry.heard, entry.failures, entry.is_gone = now, 0, False
            bucket.entries[contact.id] = entry  # last: the freshest
        elif verdict is Verdict.ADDED:
            self._put(contact, now)
        elif verdict is Verdict.FULL:
            self.wait(contact)
        return verdict

    def _put(self, contact: Contact, now: float) -> None:
        for replaced in self._replaced_by(contact):
            self.remove(replaced.contact.id)
        bucket = self.bucket_of(contact.id)
        if len(bucket.entries) >= self.k:  # rule 3: the most doubtful makes room
            self.remove(max(bucket.entries.values(), key=lambda entry: entry.failures).contact.id)
        network = network_of(contact.address[0])
        bucket.entries[contact.id] = Entry(contact, now, network)
        self._filled |= 1 << (contact.id ^ self.own_id).bit_length() - 1
        bucket.spares.pop(contact.id, None)
        self.forgotten.pop(contact.id, None)
        self._by_address[contact.address] = contact.id
        _one_more(self._hosts, contact.address[0])
        _one_more(self._networks, network)
        self._sound += 1

    def wait(self, contact: Contact) -> None:
        """Puts a contact last among the spares of its bucket; beyond k, the first drops out."""
        spares = self.bucket_of(contact.id).spares
        spares.pop(contact.id, None)
        spares[contact.id] = contact
        if len(spares) > self.k:
            del spares[next(iter(spares))]

    def oldest(self, ident: int) -> Entry | None:
        """The entry that has been silent for longest in the bucket of an id."""
        return next(iter(self.bucket_of(ident).entries.values()), None)

    def failed(self, ident: int, *, is_gone: bool = False) -> Contact | None:
        """Notes that a contact did not answer.

        Args:
            ident: its id.
            is_gone: whether another may have its id now. Rule 4.

        Returns:
            A spare that is to be asked now whether it is there, taken out of the spares: the one that has the
            same id (rule 4), otherwise the last that came; None if none waits.
        """
        entry = self.find(ident)
        if entry is None:
            return None
        self._sound -= entry.failures == 0
        entry.failures += 1
        entry.is_gone |= is_gone
        bucket = self.bucket_of(ident)
        if entry.failures >= MAX_FAILURES and self._sound:
            self.remove(ident)
            self.forgotten[ident] = entry.contact
            if len(self.forgotten) > MAX_FORGOTTEN:
                del self.forgotten[next(iter(self.forgotten))]
        may_inherit = entry.is_gone or ident not in bucket.entries
        waiting = [spare for spare in bucket.spares if spare != ident or may_inherit]
        return bucket.spares.pop(ident if ident in waiting else waiting[-1]) if waiting else None

    def remove(self, ident: int) -> None:
        """Takes a contact out."""
        bucket = self.bucket_of(ident)
        entry = bucket.entries.pop(ident)
        if not bucket.entries:
            self._filled ^= 1 << (ident ^ self.own_id).bit_length() - 1
        self._sound -= entry.failures == 0
        address = entry.contact.address
        del self._by_address[address]
        _one_less(self._hosts, address[0])
        _one_less(self._networks, entry.network)

    def closest(self, target: int, count: int, *, doubtful: bool = False, without: int = -1) -> list[Contact]:
        """The contacts nearest to a target, nearest first.

        Args:
            target: any id.
            count: how many at most.
            doubtful: whether to count those that did not answer last time.
            without: an id that is left out; by default, none.
        """
        all_will_do = doubtful or self._sound == len(self._by_address)
        found: dict[int, Entry] = {}
        for bucket in self._from(target):
            if all_will_do:
                found.update(bucket.entries)
            else:
                found |= {ident: entry for ident, entry in bucket.entries.items() if not entry.failures}
            found.pop(without, None)
            if len(found) >= count:
                break
        return [found[ident].contact for ident in sorted(found, key=target.__xor__)[:count]]

    def _from(self, target: int) -> Iterator[Bucket]:
        """The buckets in order of their distance from a target.

        A contact in bucket i has distance d ^ x, where d is our own distance from the target and the highest
        bit of x is bit i. If d has that bit too, it cancels out, and the higher it is the nearer the contact;
        if not, it is added, and the lower it is the nearer the contact.
        """
        d = target ^ self.own_id
        nearer, farther = d & self._filled, ~d & self._filled
        while nearer:
            i = nearer.bit_length() - 1
            nearer ^= 1 << i
            yield self.buckets[i]
        while farther:
            i = (farther & -farther).bit_length() - 1
            farther ^= 1 << i
            yield self.buckets[i]
