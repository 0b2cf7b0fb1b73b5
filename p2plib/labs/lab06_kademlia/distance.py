"""Lab 6, tasks 1 and 2: which bucket an id belongs into, and who is nearest to a target.

The distance of two ids is their XOR, read as a number (Maymounkov and Mazières, "Kademlia", 2002, section
2.1). Its highest bit says in which half, quarter, eighth, ... of all ids the other one lies, seen from ours;
the number of that bit is the number of the bucket.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from p2plib.errors import UsageError
from p2plib.labs.engine.tasks import Mistake, Task
from p2plib.machine.addresses import Contact
from p2plib.topology.kademlia.table import BITS, closest_first


def bucket_index(own_id: int, ident: int) -> int:
    """The number of the bucket that an id belongs into.

    Args:
        own_id: whose table it is.
        ident: the other's id; both have 160 bits.

    Returns:
        From 0, for the one id that differs in the last bit alone, to 159, for the half of all ids that
        differs in the first.

    Raises:
        UsageError: they are the same.
    """
    if own_id == ident:
        raise UsageError("our own id belongs in no bucket")
    return (own_id ^ ident).bit_length() - 1


def closest(target: int, contacts: Iterable[Contact], count: int) -> list[Contact]:
    """The contacts nearest to a target by XOR, nearest first.

    Args:
        target: any id.
        contacts: in any order; they are left as they are.
        count: how many at most.
    """
    return closest_first(target, list(contacts))[:count]


# Wrong buckets


def _subtracts(own_id: int, ident: int) -> int:
    return abs(own_id - ident).bit_length() - 1


def _subtracts_unsigned(own_id: int, ident: int) -> int:
    return (ident - own_id).bit_length() - 1


def _one_too_high(own_id: int, ident: int) -> int:
    return (own_id ^ ident).bit_length()


def _from_the_top(own_id: int, ident: int) -> int:
    return BITS - (own_id ^ ident).bit_length()


def _counts_bits(own_id: int, ident: int) -> int:
    return (own_id ^ ident).bit_count()


def _counts_bits_from_zero(own_id: int, ident: int) -> int:
    return (own_id ^ ident).bit_count() - 1


def _first_byte(own_id: int, ident: int) -> int:
    return (own_id ^ ident) >> (BITS - 8)


def _lowest_bit(own_id: int, ident: int) -> int:
    distance = own_id ^ ident
    return (distance & -distance).bit_length() - 1


def _the_distance(own_id: int, ident: int) -> int:
    return own_id ^ ident


def _logarithm(own_id: int, ident: int) -> int:
    return int(math.log2(own_id ^ ident))


def _logarithm_rounded(own_id: int, ident: int) -> int:
    return round(math.log2(own_id ^ ident))


def _alone(own_id: int, ident: int) -> int:
    return ident.bit_length() - 1


def _own_gives(number: int | None) -> Any:
    def gives(own_id: int, ident: int) -> int | None:
        return number if own_id == ident else bucket_index(own_id, ident)

    return gives


_OWN = "our own id belongs in no bucket: raise ValueError, or somebody files it under the last one"
_NO_LINE = "7 and 8 are neighbours on a line, and differ in all four bits: XOR, do not subtract"
_NOT_HOW_MANY = "that counts the bits that differ; the bucket is where the highest of them is"
BUCKET_INDEX = Task(
    "bucket_index",
    bucket_index,
    cases=[
        (0, 40),
        (0, 1),
        (8, 7),
        (7, 8),
        (6, 5),
        (0, 1 << 159),
        ((1 << 100) + 1, (1 << 100) + 2),
        (0, (1 << 60) - 1),
        (3, 3),
    ],
    mistakes=[
        Mistake(_own_gives(-1), _OWN),
        Mistake(_own_gives(0), _OWN),
        Mistake(_own_gives(None), _OWN),
        Mistake(_own_gives(BITS), _OWN),
        Mistake(_subtracts, _NO_LINE),
        Mistake(_subtracts_unsigned, _NO_LINE),
        Mistake(_logarithm, "a float has 53 bits and an id 160, so a logarithm is rounded: use bit_length()"),
        Mistake(_logarithm_rounded, "a float rounds, a bucket does not: use bit_length()"),
        Mistake(_the_distance, "that is the distance; the bucket is the number of its highest bit"),
        Mistake(_one_too_high, "bits are counted from 0: a number of four bits has its highest at place 3"),
        Mistake(_from_the_top, "that is how many bits they share; the bucket counts from the other end"),
        Mistake(_counts_bits, _NOT_HOW_MANY),
        Mistake(_counts_bits_from_zero, _NOT_HOW_MANY),
        Mistake(_lowest_bit, "that is the lowest bit in which they differ; the highest one decides"),
        Mistake(_first_byte, "an id has 160 bits, and its first byte eight of them: the highest bit of all"),
        Mistake(_alone, "compare the two ids: XOR them first"),
    ],
    hint="the place of the highest bit in which the two ids differ, counted from 0",
)


# Wrong neighbours


def _peers(*idents: int) -> list[Contact]:
    return [Contact(ident, (f"10.0.{ident & 255}.1", 4000)) for ident in idents]


def _by_difference(target: int, contacts: list[Contact], count: int) -> list[Contact]:
    return sorted(contacts, key=lambda contact: abs(contact.id - target))[:count]


def _by_id(target: int, contacts: list[Contact], count: int) -> list[Contact]:
    return sorted(contacts, key=lambda contact: contact.id)[:count]


def _by_bits(target: int, contacts: list[Contact], count: int) -> list[Contact]:
    return sorted(contacts, key=lambda contact: (contact.id ^ target).bit_count())[:count]


def _by_bucket(target: int, contacts: list[Contact], count: int) -> list[Contact]:
    return sorted(contacts, key=lambda contact: (contact.id ^ target).bit_length())[:count]


def _farthest(target: int, contacts: list[Contact], count: int) -> list[Contact]:
    return sorted(contacts, key=lambda contact: contact.id ^ target, reverse=True)[:count]


def _last(target: int, contacts: list[Contact], count: int) -> list[Contact]:
    return closest_first(target, contacts)[-count:]


def _cut_first(target: int, contacts: list[Contact], count: int) -> list[Contact]:
    return closest_first(target, contacts[:count])


def _all_of_them(target: int, contacts: list[Contact], count: int) -> list[Contact]:
    return closest_first(target, contacts)


def _ids(target: int, contacts: list[Contact], count: int) -> list[int]:
    return [contact.id for contact in closest(target, contacts, count)]


def _distances(target: int, contacts: list[Contact], count: int) -> list[int]:
    return [contact.id ^ target for contact in closest(target, contacts, count)]


def _pairs(target: int, contacts: list[Contact], count: int) -> list[tuple[int, Contact]]:
    return [(contact.id ^ target, contact) for contact in closest(target, contacts, count)]


def _only_one(target: int, contacts: list[Contact], count: int) -> Contact:
    return closest(target, contacts, 1)[0]


def _in_place(target: int, contacts: list[Contact], count: int) -> list[Contact]:
    contacts.sort(key=lambda contact: contact.id ^ target)
    return contacts[:count]


def _emptied(target: int, contacts: list[Contact], count: int) -> list[Contact]:
    found: list[Contact] = []
    while contacts and len(found) < count:
        nearest = min(contacts, key=lambda contact: contact.id ^ target)
        contacts.remove(nearest)
        found.append(nearest)
    return found


CLOSEST = Task(
    "closest",
    closest,
    cases=[
        (5, _peers(4), 1),
        (7, _peers(1, 12, 6, 8, 5, 2), 2),
        (7, _peers(8, 5, 1, 6), 4),
        (8, _peers(7, 12, 9, 2), 3),
        (7, _peers(8, 6), 5),
        (7, [], 3),
        (7, _peers(3), 0),
        (1 << 159, _peers(*range(1, 60)), 20),
    ],
    mistakes=[
        Mistake(_ids, "a contact is an id and an address: return the contacts, or nobody can be asked"),
        Mistake(_distances, "return the contacts, in the order of their distances"),
        Mistake(_pairs, "sort by the distance, and return the contacts alone: sorted(..., key=...)"),
        Mistake(_only_one, "return a list of up to count contacts, even if it is one"),
        Mistake(_farthest, "the smallest distance first"),
        Mistake(_last, "the smallest distance first, and the first of those"),
        Mistake(
            _by_bucket, "within one bucket there are nearer and farther ones, too: sort by the whole XOR"
        ),
        Mistake(_cut_first, "sort all of them before you cut"),
        Mistake(_all_of_them, "count is the most that is wanted: cut the list"),
        Mistake(_in_place, "the list belongs to the caller: sorted(...) makes a new one"),
        Mistake(_emptied, "the list belongs to the caller: work on a copy"),
        Mistake(_by_bits, "the distance is the XOR as a number, not how many of its bits are set"),
        Mistake(
            _by_difference, "the distance is the XOR, not the difference: 8 is far from 7, and 1 is nearer"
        ),
        Mistake(_by_id, "sort by the distance from the target, not by the id"),
    ],
    hint="sorted by id ^ target, cut to count",
)
