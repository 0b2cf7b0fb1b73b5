"""What a node answers about items and info_hashes; the rest is in `test_machine`."""

from __future__ import annotations

from typing import Any

import pytest

from p2plib.discovery.mainline.items import checked_immutable, sign_item
from p2plib.discovery.mainline.messages import (
    AnnounceQuery,
    GetPeersQuery,
    GetQuery,
    KrpcError,
    KrpcResponse,
    PutQuery,
    SampleQuery,
)
from p2plib.discovery.mainline.node_id import is_of
from p2plib.identity.keys import SecretKey
from tests.discovery.mainline.test_machine import KEY, ask, node, other

SECRET = SecretKey.from_seed(bytes(32))
ANA = other(3)


def put(machine: Any, item: Any, token: bytes | None = None, **more: Any) -> Any:
    target = int.from_bytes(item.target, "big")
    given = ask(machine, GetQuery(b"aa", ANA.id, target), ANA.address).token
    query = PutQuery(b"bb", ANA.id, given if token is None else token, item.value)
    if hasattr(item, "seq"):
        query.key, query.salt, query.seq = item.public_key, item.salt, item.seq
        query.signature = item.signature
    for name, value in more.items():
        setattr(query, name, value)
    return ask(machine, query, ANA.address)


def get(machine: Any, item: Any, seq: int | None = None) -> KrpcResponse:
    target = int.from_bytes(item.target, "big")
    found: KrpcResponse = ask(machine, GetQuery(b"aa", 5, target, seq), ("16.9.9.1", 4000))
    return found


@pytest.mark.fault("F071")
def test_an_immutable_item() -> None:
    machine, item = node(), checked_immutable(b"Hello World!")
    refused = put(machine, item, token=b"x" * 8)
    assert isinstance(refused, KrpcError)
    assert refused.code == 203
    assert get(machine, item).value is None
    assert isinstance(put(machine, item), KrpcResponse)
    found = get(machine, item)
    assert (found.value, found.key, found.seq) == (b"Hello World!", None, None)
    assert found.nodes == ()
    assert found.token


@pytest.mark.fault("F077")
def test_a_mutable_item_and_the_errors_of_bep_44() -> None:
    machine, first = node(), sign_item(SECRET, b"first", 1)
    assert isinstance(put(machine, first), KrpcResponse)
    found = get(machine, first)
    assert (found.value, found.key, found.seq) == (b"first", SECRET.public.raw, 1)
    newer = get(machine, first, seq=1)  # the asker has this one
    assert (newer.value, newer.key, newer.seq) == (None, None, 1)
    assert get(machine, first, seq=0).value == b"first"
    second = sign_item(SECRET, b"second", 2)
    codes = {
        301: put(machine, second, cas=7),
        302: put(machine, sign_item(SECRET, b"other", 1)),
        206: put(machine, second, signature=bytes(64)),
        207: put(machine, second, salt=bytes(65)),
        205: put(machine, checked_immutable(b"x"), value=bytes(1000)),
        203: put(machine, second, signature=None),
    }
    assert {error.code for error in codes.values()} == set(codes)
    assert all(error.code == code for code, error in codes.items())
    assert isinstance(put(machine, second, cas=1), KrpcResponse)
    assert get(machine, first).value == b"second"


def test_samples() -> None:
    machine = node()
    for number in range(30):
        machine.answers.peers.announce(number.to_bytes(20, "big"), ("16.1.1.1", 7000), 0.0)
    told = ask(machine, SampleQuery(b"aa", 5, KEY), ("16.9.9.1", 4000))
    assert told.total == 30
    assert len(told.samples) == 20
    assert 0 < told.interval <= 21_600
    again = ask(machine, SampleQuery(b"aa", 6, KEY), ("16.9.8.1", 4000), 60.0)
    assert again.samples == told.samples


def test_a_node_with_peers_names_nodes_as_well() -> None:
    machine = node()
    machine.answers.peers.announce(KEY.to_bytes(20, "big"), ("16.1.1.1", 7000), 0.0)
    found = ask(machine, GetPeersQuery(b"aa", 5, KEY), ("16.9.9.1", 4000))
    assert found.peers == (("16.1.1.1", 7000),)
    assert found.nodes == ()
    assert len(found.token) == 8


@pytest.mark.fault("F072")
def test_whoever_has_a_token_may_store_whatever_its_id() -> None:
    """BEP 42: requests of nodes whose id does not match their address are always serviced."""
    machine, address = node(), ("16.7.7.7", 4000)
    stray = next(ident for ident in range(100) if not is_of(ident, address[0]))
    token = ask(machine, GetPeersQuery(b"aa", stray, KEY), address).token
    assert isinstance(ask(machine, AnnounceQuery(b"bb", stray, KEY, 4001, token), address), KrpcResponse)
    assert ask(machine, GetPeersQuery(b"cc", stray, KEY), address).peers == ((address[0], 4001),)
    assert not len(machine.table)
