"""The second half of a put: who is asked to keep a copy, and when a put is done."""

from __future__ import annotations

import pytest

from p2plib.machine.addresses import Contact
from p2plib.population.machines import address_of
from p2plib.topology.kademlia.asking import Copy
from p2plib.topology.kademlia.copies import Copies
from p2plib.topology.kademlia.lookup import Lookup
from p2plib.topology.kademlia.messages import Store
from p2plib.topology.kademlia.parts import PutDone
from p2plib.topology.kademlia.searches import Search, SearchKind
from p2plib.topology.kademlia.store import Values, key_of
from tests.topology.kademlia.network import Outbox

BITS = 8
VALUE = b"a value"
KEY = key_of(VALUE, BITS)
NEAR = [Contact(KEY ^ distance, address_of(distance)) for distance in (1, 2, 4)]
TOKENS = {contact.id: bytes([contact.id]) for contact in NEAR}


class Sending:
    """A peer at some distance from the key, whose search has found those of `NEAR`."""

    def __init__(
        self, distance: int, kind: SearchKind, tokens: dict[int, bytes], k: int = 3, is_client: int = 0
    ) -> None:
        self.outbox = Outbox(KEY ^ distance)
        self.outbox.asker.is_client = is_client
        self.values = Values(KEY ^ distance, BITS)
        self.republished: list[tuple[int, float]] = []
        self.handed_on: list[tuple[int, float]] = []
        self.copies = Copies(
            self.values,
            self.outbox.asker,
            lambda key, now: self.republished.append((key, now)),
            self.outbox.told.append,
            lambda copies, now: self.handed_on.append((copies, now)),
        )
        lookup = Lookup(KEY, NEAR, k=k, alpha=3)
        lookup.next()
        for contact in NEAR:
            lookup.answered(contact)
        self.copies.send(Search(9, kind, lookup, VALUE, 60.5, tokens), 1.0)


def test_a_copy_goes_to_each_with_its_own_token_and_the_last_ends_the_put() -> None:
    sending = Sending(8, SearchKind.PUT, TOKENS)
    asked = sending.outbox.asked()
    assert [address for _, address in asked] == [contact.address for contact in NEAR]
    assert [message for message, _ in asked] == [
        Store(message.transaction, KEY ^ 8, TOKENS[contact.id], KEY, 60, VALUE)
        for (message, _), contact in zip(asked, NEAR, strict=True)
    ]
    assert sending.outbox.awaited() == [Copy(9, contact) for contact in NEAR]
    assert KEY not in sending.values  # three are nearer, which is as many as were wanted
    assert sending.republished == []
    for contact, is_kept in zip(NEAR, (True, False, True), strict=True):
        assert sending.outbox.told == []
        sending.copies.over(Copy(9, contact), is_kept, 2.0)
    assert sending.outbox.told == [PutDone(9, KEY, 2, 3)]
    sending.copies.over(Copy(9, NEAR[1]), True, 2.0)  # later than late
    assert sending.outbox.told == [PutDone(9, KEY, 2, 3)]


def test_a_publisher_that_is_among_the_nearest_keeps_a_copy_itself() -> None:
    for distance, k in ((3, 3), (8, 4)):  # nearer than the third; or fewer than four were found
        sending = Sending(distance, SearchKind.PUT, TOKENS, k)
        assert KEY in sending.values
        assert sending.republished == [(KEY, 1.0)]
        for contact in NEAR:
            sending.copies.over(Copy(9, contact), True, 2.0)
        assert sending.outbox.told == [PutDone(9, KEY, 4, 4, here=1)]


def test_whoever_gave_no_token_is_not_asked_and_with_nobody_left_the_put_is_done_at_once() -> None:
    sending = Sending(8, SearchKind.PUT, {NEAR[1].id: b"t", NEAR[2].id: b""})
    assert [address for _, address in sending.outbox.asked()] == [NEAR[1].address]
    sending = Sending(8, SearchKind.PUT, {})
    assert sending.outbox.asked() == []
    assert sending.outbox.told == [PutDone(9, KEY, 1, 1, here=1)]


def test_of_republishing_nobody_is_told_and_no_copy_is_kept_for_it() -> None:
    sending = Sending(3, SearchKind.REPUBLISH, TOKENS)
    assert len(sending.outbox.asked()) == 3
    assert KEY not in sending.values
    for contact in NEAR:
        sending.copies.over(Copy(9, contact), True, 2.0)
    assert sending.outbox.told == []
    assert sending.republished == []


@pytest.mark.finding("T9")
def test_of_a_value_that_is_handed_on_it_is_said_how_many_took_it_and_none_is_kept() -> None:
    sending = Sending(3, SearchKind.HAND_ON, TOKENS)
    assert KEY not in sending.values
    for contact in NEAR:
        sending.copies.over(Copy(9, contact), contact is not NEAR[1], 2.0)
    assert sending.outbox.told == []
    assert sending.handed_on == [(2, 2.0)]


@pytest.mark.finding("T6")
def test_a_client_keeps_no_copy_of_what_it_publishes() -> None:
    sending = Sending(3, SearchKind.PUT, TOKENS, is_client=1)
    assert KEY not in sending.values
    assert {message.is_client for message, _ in sending.outbox.asked()} == {1}
    for contact in NEAR:
        sending.copies.over(Copy(9, contact), True, 2.0)
    assert sending.outbox.told == [PutDone(9, KEY, 3, 3)]


def test_a_copy_that_was_given_up_and_is_there_after_all_counts_and_does_not_end_the_put_for_others() -> None:
    sending = Sending(8, SearchKind.PUT, TOKENS)
    sending.copies.over(Copy(9, NEAR[0]), False, 2.0)
    sending.copies.over(Copy(9, NEAR[0]), True, 2.0)  # late
    sending.copies.over(Copy(9, NEAR[1]), True, 2.0)
    assert sending.outbox.told == []  # the third has not answered yet
    sending.copies.over(Copy(9, NEAR[2]), True, 2.0)
    assert sending.outbox.told == [PutDone(9, KEY, 3, 3)]
