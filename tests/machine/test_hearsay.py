"""Contacts that a sender may not name are taken out of its message, and nothing else is."""

from __future__ import annotations

import pytest

from p2plib.machine.addresses import Contact
from p2plib.machine.hearsay import Hearsay
from p2plib.population.machines import address_of
from p2plib.topology.hyparview import messages as views
from p2plib.topology.kademlia import messages as kademlia
from p2plib.topology.ring import messages as ring

FAIR = Contact(1, address_of(1))
LIES = [
    Contact(10 + i, (host, port))
    for i, (host, port) in enumerate(
        [("127.0.0.1", 4000), ("10.0.0.1", 4000), ("0.0.0.0", 4000), ("224.0.0.1", 4000), ("16.0.9.1", 53)]
    )
]


@pytest.mark.finding("T8")
def test_lists_of_contacts_lose_what_their_sender_may_not_name() -> None:
    message = ring.Nearer(7, 1, (FAIR, *LIES), (LIES[0], FAIR))
    assert Hearsay(ring.CODEC).drop(message, address_of(5)) == 6
    assert message == ring.Nearer(7, 1, (FAIR,), (FAIR,))
    leaving = ring.Leaving(7, 1, (LIES[1],), ())
    assert Hearsay(ring.CODEC).drop(leaving, address_of(5)) == 1
    assert leaving.predecessor == ()
    sample = views.Shuffled(1, tuple(LIES))
    assert Hearsay(views.CODEC).drop(sample, address_of(5)) == 5
    assert sample.sample == ()
    nodes = kademlia.Nodes(1, 2, b"token", (FAIR, LIES[3]), None)
    assert Hearsay(kademlia.CODEC).drop(nodes, address_of(5)) == 1
    assert nodes.contacts == (FAIR,)


def test_a_neighbour_on_our_own_site_may_name_others_there_and_messages_without_contacts_are_left() -> None:
    there = Contact(3, ("10.0.0.3", 4000))
    message = ring.Owner(7, 1, (there, FAIR))
    assert Hearsay(ring.CODEC).drop(message, ("10.0.0.2", 4000)) == 0
    assert message.owners == (there, FAIR)
    assert Hearsay(ring.CODEC).drop(ring.Ping(7, 1), address_of(5)) == 0
