"""What is kept for others, and for whom: validators, expiry, room, and tokens."""

from __future__ import annotations

import hashlib

from p2plib.machine.addresses import Address
from p2plib.population.machines import address_of
from p2plib.topology.kademlia import messages as wire
from p2plib.topology.kademlia.store import (
    EXPIRE_S,
    MAX_TOKENS,
    MAX_VALUE_BYTES,
    TOKEN_S,
    Tokens,
    Validator,
    Values,
    key_of,
)
from tests.topology.kademlia.network import grown


def test_a_key_is_the_first_bits_of_the_sha_256() -> None:
    assert key_of(b"abc") == 0xBA7816BF8F01CFEA414140DE5DAE2223B00361A3  # FIPS 180-2, appendix B.1
    assert key_of(b"abc", 12) == 0xBA7
    assert key_of(b"abc", 256) == int(hashlib.sha256(b"abc").hexdigest(), 16)


def test_a_value_is_kept_under_its_own_key_until_it_expires() -> None:
    values = Values(own_id=0, bits=160)
    key = key_of(b"x")
    assert not values.put(key + 1, b"x", 60, 0.0)
    assert not values.put(key, b"x", 0, 0.0)
    assert not values.put(key_of(bytes(MAX_VALUE_BYTES + 1)), bytes(MAX_VALUE_BYTES + 1), 60, 0.0)
    assert values.put(key, b"x", 60, 0.0)
    kept = values.get(key, 59.9)
    assert kept is not None
    assert kept.data == b"x"
    assert values.put(key, b"x", 30, 10.0)  # handed from peer to peer: it stays until 60 all the same
    assert values.get(key, 59.9) is kept
    assert values.get(key, 60.0) is None
    assert key not in values
    assert values.put(key, b"x", 10 * EXPIRE_S, 0.0)
    assert values.get(key, EXPIRE_S - 1) is not None
    assert values.get(key, EXPIRE_S) is None


def test_with_no_room_the_farthest_key_goes() -> None:
    anything = Validator(valid=lambda key, value, bits: True)
    values = Values(own_id=0b1000, bits=4, validator=anything, max_values=2)
    assert values.put(0b1001, b"a", 60, 0.0)
    assert values.put(0b0000, b"b", 60, 0.0)
    assert values.put(0b1111, b"c", 60, 0.0)
    assert [key for key in range(16) if key in values] == [0b1001, 0b1111]
    assert not values.put(0b0111, b"d", 60, 0.0)
    assert len(values) == 2


def test_a_better_value_replaces_and_without_a_rule_none_does() -> None:
    newer = Validator(valid=lambda key, value, bits: True, better=lambda new, old: new > old)
    values = Values(own_id=0, bits=8, validator=newer)
    assert [values.put(7, value, 60, 0.0) for value in (b"2", b"1", b"3", b"2")] == [True, False, True, False]
    kept = values.get(7, 1.0)
    assert kept is not None
    assert kept.data == b"3"
    once = Values(own_id=0, bits=8, validator=Validator(valid=lambda key, value, bits: True))
    assert [once.put(7, value, 60, 0.0) for value in (b"2", b"3")] == [True, False]


def test_a_token_is_for_one_address_and_ten_minutes_at_the_most() -> None:
    tokens, ana, ben = Tokens(bytes(16)), address_of(1), address_of(2)
    first = tokens.give(ana, 0.0)
    assert tokens.give(ana, TOKEN_S - 1) == first
    assert tokens.accept(first, ana, TOKEN_S - 1)
    assert tokens.accept(first, ana, 2 * TOKEN_S - 1)
    assert not tokens.accept(first, ana, 2 * TOKEN_S)
    assert not tokens.accept(first, ben, 0.0)
    assert not tokens.accept(first, (ana[0], ana[1] + 1), 0.0)
    assert not tokens.accept(b"", ana, 0.0)
    assert tokens.give(ana, TOKEN_S) != first
    assert not Tokens(bytes(15) + b"x").accept(first, ana, 0.0)


def test_tokens_that_are_remembered_are_those_that_would_be_made_again() -> None:
    """They are few, and what a flood of addresses makes it forget is accepted all the same."""
    tokens, given = Tokens(bytes(16)), {}
    for number in range(2 * MAX_TOKENS + 3):
        given[address_of(number)] = tokens.give(address_of(number), 0.0)
        assert len(tokens._given) <= MAX_TOKENS
    assert len(set(given.values())) == len(given)
    for address, token in given.items():
        assert Tokens(bytes(16)).give(address, 1.0) == token
        assert tokens.accept(token, address, TOKEN_S)


def test_storing_needs_the_token_of_this_address() -> None:
    world, peers = grown(2)
    own, thief, key = peers[0], ("203.0.113.5", 4000), key_of(b"x")

    def said(message: object, address: Address) -> object:
        own.to_send()
        own.receive(wire.CODEC.encode(message), address, world.now)
        return wire.CODEC.decode(next(data for data, to in own.to_send() if to == address))

    nodes = said(wire.FindNode(1, 77, key), ("203.0.113.4", 4000))
    assert isinstance(nodes, wire.Nodes)
    for token, address in (
        (b"", thief),
        (bytes(8), thief),
        (nodes.token, thief),
        (nodes.token, (thief[0], 4001)),
    ):
        assert said(wire.Store(2, 77, token, key, 60, b"x"), address) == wire.Refused(
            2, own.own_id, wire.BAD_TOKEN, address
        )
    owner = ("203.0.113.4", 4000)
    assert said(wire.Store(2, 77, nodes.token, key, 60, b"y"), owner) == wire.Refused(
        2, own.own_id, wire.NOT_STORED, owner
    )
    assert said(wire.Store(2, 77, nodes.token, key, 60, b"x"), owner) == wire.Stored(2, own.own_id, owner)
    world.now += 601
    assert said(wire.Store(3, 77, nodes.token, key, 60, b"x"), owner) == wire.Refused(
        3, own.own_id, wire.BAD_TOKEN, owner
    )
