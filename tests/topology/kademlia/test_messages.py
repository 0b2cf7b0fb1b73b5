"""The messages: each is a request or a response, and the largest fits a datagram."""

from __future__ import annotations

from typing import get_args

from p2plib.machine.addresses import Contact
from p2plib.machine.datagram import MAX_BYTES
from p2plib.topology.kademlia import messages as wire
from p2plib.topology.kademlia.store import MAX_VALUE_BYTES, TOKEN_BYTES

GREATEST_ID, GREATEST_TRANSACTION = 2**256 - 1, 2**64 - 1
TOKEN = bytes([255] * TOKEN_BYTES)


def test_every_message_is_a_request_or_a_response_and_none_is_both() -> None:
    requests, responses = get_args(wire.KademliaRequest), get_args(wire.KademliaResponse)
    assert {*requests, *responses} == set(wire.CODEC.by_class)
    assert len(requests) + len(responses) == len(wire.CODEC.by_class)


def test_the_largest_messages_fit_a_datagram() -> None:
    """Rule 4 of `p2plib.machine.datagram`: otherwise twenty contacts could not be named at all."""
    far = tuple(
        Contact(GREATEST_ID - number, (f"2001:db8:ffff:ffff:ffff:ffff:ffff:{number + 1:x}", 65_535))
        for number in range(wire.MAX_CONTACTS)
    )
    nodes = wire.Nodes(GREATEST_TRANSACTION, GREATEST_ID, TOKEN, far, far[0].address)
    value = bytes(MAX_VALUE_BYTES)
    store = wire.Store(GREATEST_TRANSACTION, GREATEST_ID, TOKEN, GREATEST_ID, 86_400, value, 1)
    found = wire.Found(GREATEST_TRANSACTION, GREATEST_ID, value, far[0].address)
    for message in (nodes, store, found):
        data = wire.CODEC.encode(message)
        assert len(data) <= MAX_BYTES
        assert wire.CODEC.decode(data) == message


def test_every_refusal_has_its_words() -> None:
    assert set(wire.REASONS) == {wire.ID_TAKEN, wire.BAD_TOKEN, wire.NOT_STORED, wire.CLIENT, wire.BUSY}


def test_each_request_says_whether_a_client_asks_and_each_response_where_the_request_came_from() -> None:
    for message in wire.CODEC.by_class:
        (last, _) = wire.CODEC.by_class[message].fields[-1]
        assert last == ("is_client" if message in get_args(wire.KademliaRequest) else "observed")
