"""Storage: how long, for whom, and what goes when there is no room."""

from __future__ import annotations

import random

import pytest

from p2plib.discovery.mainline.items import ImmutableItem, MutableItem, PutRefused, sign_item
from p2plib.discovery.mainline.storage import (
    ITEM_EXPIRE_S,
    PEER_EXPIRE_S,
    REANNOUNCE_S,
    REPUBLISH_S,
    ItemStorage,
    PeerStorage,
)
from p2plib.identity.keys import SecretKey
from p2plib.machine.addresses import Address

SECRET = SecretKey.from_seed(bytes(range(32)))
ANA = "203.0.113.7"
RNG = random.Random(1)


def key(first: int) -> bytes:
    return bytes([first]) + bytes(19)


def peer(network: int, last: int = 1, port: int = 6881) -> Address:
    return f"30.{network >> 8}.{network & 255}.{last}", port


def told(storage: PeerStorage, info_hash: bytes, now: float = 0.0) -> set[Address]:
    return set(storage.peers(info_hash, now, random.Random(1), 10_000))


def code_of(storage: ItemStorage, item: ImmutableItem | MutableItem, cas: int | None = None) -> int | None:
    try:
        storage.put(item, ANA, 0.0, cas)
    except PutRefused as refused:
        return refused.code
    return None


def test_a_peer_is_told_of_until_it_expires_and_longer_if_it_announces_again() -> None:
    assert 2 * REANNOUNCE_S <= PEER_EXPIRE_S  # one announce may be lost
    peers = PeerStorage(0)
    peers.announce(key(1), peer(1), 0.0)
    peers.announce(key(1), peer(2), 1.0)
    assert told(peers, key(1), PEER_EXPIRE_S - 0.1) == {peer(1), peer(2)}
    peers.announce(key(1), peer(1), 1000.0)
    assert told(peers, key(1), PEER_EXPIRE_S + 1) == {peer(1)}
    assert told(peers, key(1), PEER_EXPIRE_S + 1000) == set()
    assert len(peers) == 0
    assert told(peers, key(2)) == set()


def test_what_nobody_asks_for_goes_as_well() -> None:
    peers, items = PeerStorage(0), ItemStorage(0)
    peers.announce(key(1), peer(1), 0.0)
    items.put(ImmutableItem(b"x"), ANA, 0.0)
    peers.forget_expired(PEER_EXPIRE_S - 1)
    items.forget_expired(ITEM_EXPIRE_S - 1)
    assert (len(peers), len(items)) == (1, 1)
    peers.forget_expired(PEER_EXPIRE_S)
    items.forget_expired(ITEM_EXPIRE_S)
    assert (len(peers), len(items)) == (0, 0)
    assert peers.info_hashes() == items.targets() == []


def test_of_many_peers_each_is_told_of_sometimes() -> None:
    peers = PeerStorage(0)
    for network in range(120):
        peers.announce(key(1), peer(network), 0.0)
    rng, seen = random.Random(2), set()
    for _ in range(20):
        some = peers.peers(key(1), 0.0, rng)
        assert len(some) == len(set(some)) == 50
        seen |= set(some)
    assert len(seen) == 120


@pytest.mark.fault("F073")
def test_a_hash_is_full_at_the_expense_of_the_most_crowded_network() -> None:
    peers = PeerStorage(0, max_of_hash=20)
    for network in range(10):
        peers.announce(key(1), peer(network), 0.0)
    for last in range(1, 255):
        peers.announce(key(1), peer(99, last), 1.0)
    kept = told(peers, key(1), 2.0)
    assert len(kept) == 20
    assert {peer(network) for network in range(10)} <= kept
    assert peer(99, 254) in kept  # its newest, not its oldest


@pytest.mark.fault("F080")
def test_a_host_that_announces_everything_pushes_out_its_own() -> None:
    peers = PeerStorage(0, max_of_host=3)
    peers.announce(key(200), peer(5), 0.0)
    for first in range(10):
        peers.announce(key(first), peer(1, first), 1.0)  # all of one /24
    assert peers.info_hashes() == [key(200), key(7), key(8), key(9)]
    peers.announce(key(7), peer(1, 7), 2.0)  # now it is the newest
    peers.announce(key(20), peer(1, 9), 2.0)
    assert peers.info_hashes() == [key(200), key(7), key(9), key(20)]


def test_with_no_room_the_farthest_hash_goes_and_one_still_farther_is_refused() -> None:
    own_id = int.from_bytes(key(0b1000), "big")
    peers = PeerStorage(own_id, max_hashes=2)
    peers.announce(key(0b1001), peer(1), 0.0)
    peers.announce(key(0b0000), peer(2), 0.0)
    peers.announce(key(0b0000), peer(3), 0.0)
    peers.announce(key(0b1111), peer(4), 0.0)
    assert peers.info_hashes() == [key(0b1001), key(0b1111)]
    with pytest.raises(PutRefused) as refused:
        peers.announce(key(0b0111), peer(5), 0.0)
    assert refused.value.code == 202
    peers.announce(key(0b0111), peer(5), PEER_EXPIRE_S)  # the others have expired
    assert peers.info_hashes() == [key(0b0111)]


def test_the_farthest_is_known_also_after_room_was_free() -> None:
    peers = PeerStorage(0, max_hashes=2)
    for first in (1, 2):
        peers.announce(key(first), peer(first), 0.0)
    with pytest.raises(PutRefused):
        peers.announce(key(9), peer(9), 0.0)  # key 2 is now known as the farthest
    peers._drop(key(1), peer(1))
    peers.announce(key(8), peer(8), 0.0)
    peers.announce(key(3), peer(3), 0.0)
    assert peers.info_hashes() == [key(2), key(3)]


def test_the_farthest_item_is_known_also_after_room_was_free() -> None:
    near, middle, far, farther = sorted(
        (ImmutableItem(number) for number in range(4)), key=lambda i: i.target
    )
    items = ItemStorage(0, max_items=2)
    for item in (near, middle):
        items.put(item, ANA, 0.0)
    with pytest.raises(PutRefused):
        items.put(farther, ANA, 0.0)
    items._drop(near.target)
    items.put(farther, ANA, 0.0)
    items.put(far, ANA, 0.0)
    assert items.targets() == [middle.target, far.target]


@pytest.mark.fault("F080")
def test_a_flood_of_announces_leaves_every_bound_kept_and_the_books_in_order() -> None:
    rng, codes = random.Random(5), set()
    peers = PeerStorage(rng.getrandbits(160), max_hashes=20, max_of_hash=5, max_of_host=8)
    for step in range(5_000):
        address = (f"30.0.{rng.randrange(40)}.{rng.randrange(4)}", rng.randrange(1, 4))
        try:
            peers.announce(bytes([rng.randrange(60)]) * 20, address, float(step))
        except PutRefused as refused:
            codes.add(refused.code)
        if step % 50 == 0:
            peers.forget_expired(float(step))
        assert len(peers) <= 20
    assert codes == {202}
    kept = [(info_hash, address) for info_hash in peers.info_hashes() for address in peers._kept[info_hash]]
    counted = [entry for entries in peers._shares._of.values() for entry in entries]
    assert sorted(kept) == sorted(counted)
    assert max(len(entries) for entries in peers._shares._of.values()) <= 8
    assert max(len(peers._kept[info_hash]) for info_hash in peers.info_hashes()) <= 5


def test_an_item_is_kept_for_two_hours_and_longer_if_it_is_put_again() -> None:
    assert 2 * REPUBLISH_S <= ITEM_EXPIRE_S
    items, item = ItemStorage(0), ImmutableItem(b"x")
    items.put(item, ANA, 0.0)
    items.put(item, "198.51.100.1", 3600.0)  # anybody may keep it alive
    assert items.get(item.target, ITEM_EXPIRE_S) == item
    assert items.get(item.target, ITEM_EXPIRE_S + 3600) is None
    assert len(items) == 0


@pytest.mark.fault("F077")
def test_a_higher_seq_replaces_and_nothing_else_does() -> None:
    items, first, second = ItemStorage(0), sign_item(SECRET, b"1", 1), sign_item(SECRET, b"2", 2)
    assert code_of(items, second) is None
    assert code_of(items, first) == 302
    assert code_of(items, sign_item(SECRET, b"other", 2)) == 302
    assert code_of(items, second) is None  # the same again
    assert items.get(second.target, 0.0) == second
    assert code_of(items, sign_item(SECRET, b"3", 3)) is None
    assert code_of(items, second) == 302
    assert code_of(items, sign_item(SECRET, b"1", 1, b"salt")) is None  # another target
    assert len(items) == 2


@pytest.mark.fault("F077")
def test_compare_and_swap() -> None:
    items = ItemStorage(0)
    assert code_of(items, sign_item(SECRET, b"5", 5), cas=99) is None  # nothing to compare with
    assert code_of(items, sign_item(SECRET, b"6", 6), cas=4) == 301
    assert code_of(items, sign_item(SECRET, b"6", 6), cas=0) == 301
    assert code_of(items, sign_item(SECRET, b"6", 6), cas=6) == 301
    assert code_of(items, sign_item(SECRET, b"4", 4), cas=5) == 302
    assert code_of(items, sign_item(SECRET, b"6", 6), cas=5) is None
    assert code_of(items, sign_item(SECRET, b"6 too", 6), cas=5) == 301  # the second of two writers
    assert code_of(items, ImmutableItem(b"x"), cas=1) is None  # it has no seq


@pytest.mark.fault("F077")
def test_a_forged_copy_before_and_after_the_true_item() -> None:
    items, item = ItemStorage(0), sign_item(SECRET, b"true", 1)
    forged = MutableItem(item.public_key, b"", 2, b"false", item.signature)
    assert code_of(items, forged) == 206
    assert len(items) == 0
    assert code_of(items, item) is None
    assert code_of(items, forged) == 206
    assert code_of(items, MutableItem(item.public_key, b"", 1, b"true", bytes(64))) == 206
    assert items.get(item.target, 0.0) == item
    assert code_of(items, ImmutableItem(b"v" * 997)) == 205
    assert code_of(items, MutableItem(item.public_key, bytes(65), 2, b"", bytes(64))) == 207


@pytest.mark.fault("F080")
def test_items_have_room_by_host_and_over_all() -> None:
    own = ImmutableItem(b"ours")
    items = ItemStorage(int.from_bytes(own.target, "big"), max_items=6, max_of_host=2)
    items.put(own, ANA, 0.0)
    mine = [ImmutableItem(number) for number in range(5)]
    for item in mine:
        items.put(item, "198.51.100.1", 0.0)
    assert items.targets() == [own.target, mine[3].target, mine[4].target]
    refused = 0
    for number in range(100, 200):
        try:
            items.put(ImmutableItem(number), peer(number)[0], 0.0)
        except PutRefused as error:
            refused += error.code == 202
        assert len(items) <= 6
    assert items.get(own.target, 0.0) == own
    assert refused > 50
    distances = sorted(ImmutableItem(number).target for number in [3, 4, *range(100, 200)])
    nearest = sorted(distances, key=lambda target: int.from_bytes(target, "big") ^ items._farthest._own_id)
    assert set(items.targets()) == {own.target, *nearest[:5]}


def test_an_item_that_is_put_again_is_the_newest_of_its_host_and_another_host_cannot_make_it_so() -> None:
    items = ItemStorage(0, max_of_host=2)
    one, two, three, four = map(ImmutableItem, range(4))
    for item in (one, two, one, three):
        items.put(item, ANA, 0.0)
    assert items.targets() == [one.target, three.target]
    items.put(one, "198.51.100.1", 0.0)
    items.put(four, ANA, 0.0)
    assert items.targets() == [three.target, four.target]


def test_a_new_version_from_another_host_counts_for_that_one() -> None:
    items = ItemStorage(0, max_of_host=1)
    items.put(sign_item(SECRET, b"1", 1), ANA, 0.0)
    items.put(sign_item(SECRET, b"2", 2), "198.51.100.1", 0.0)
    items.put(ImmutableItem(b"x"), ANA, 0.0)
    assert len(items) == 2
    items.put(ImmutableItem(b"y"), "198.51.100.2", 0.0)
    assert sorted(items.targets()) == sorted([ImmutableItem(b"x").target, ImmutableItem(b"y").target])


def test_after_a_move_keys_are_far_from_the_new_id() -> None:
    peers, items = PeerStorage(0, max_hashes=2), ItemStorage(0, max_items=2)
    near, middle, far = sorted(map(ImmutableItem, range(3)), key=lambda item: item.target)
    for first, item in ((0x01, near), (0xF0, far)):
        peers.announce(key(first), peer(first), 0.0)
        items.put(item, ANA, 0.0)
    peers.moved(int.from_bytes(key(0xFF), "big"))
    items.moved(int.from_bytes(far.target, "big"))
    peers.announce(key(0xF7), peer(3), 0.0)
    items.put(middle, ANA, 0.0)
    assert peers.info_hashes() == [key(0xF0), key(0xF7)]
    assert items.targets() == [far.target, middle.target]
