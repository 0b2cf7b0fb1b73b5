"""The peerstore: ages, turns, and floods of invented peers, which stay small whoever invents them."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.discovery.peerstore import MAX_FAILURES, MAX_TELLER, MET_S, STRANGER_S, Peerstore
from p2plib.discovery.source import Found, topic_of
from p2plib.errors import NotFound, SignatureError, UsageError
from p2plib.identity import record as signed
from p2plib.identity.keys import SecretKey

NOW = 1_700_000_000.0
CATS, DOGS = topic_of("cats"), topic_of("dogs")


def address(number: int) -> tuple[str, int]:
    return f"198.51.{number >> 8}.{number & 255}", 4001


def found(number: int, teller: str = "tracker.example") -> Found:
    return Found(address(number), "tracker", teller)


def order(store: Peerstore, now_s: float = NOW, topic: bytes = CATS) -> list[tuple[str, int]]:
    return [where for where, _ in store.addresses(topic, now_s)]


def test_those_we_spoke_with_come_first_the_last_one_first_of_all() -> None:
    store = Peerstore()
    for number in range(4):
        store.heard(CATS, found(number), NOW + number)
    store.met(CATS, address(0), NOW + 10)
    store.met(CATS, address(1), NOW + 20)
    assert order(store, NOW + 20) == [address(1), address(0), address(3), address(2)]
    store.failed(CATS, address(1), NOW + 30)
    assert order(store, NOW + 30)[:2] == [address(0), address(1)]
    assert order(store, topic=DOGS) == []


def test_what_was_heard_is_forgotten_in_a_day_and_who_was_met_in_a_month() -> None:
    store = Peerstore()
    store.heard(CATS, found(1), NOW)
    store.met(CATS, address(2), NOW)
    assert order(store, NOW + STRANGER_S - 1) == [address(2), address(1)]
    assert order(store, NOW + STRANGER_S) == [address(2)]
    assert order(store, NOW + MET_S) == []
    store.heard(CATS, found(1), NOW)
    store.heard(CATS, found(1), NOW + STRANGER_S / 2)
    assert order(store, NOW + 1.4 * STRANGER_S) == [address(1)]


def test_one_that_fails_becomes_a_stranger_and_a_stranger_is_forgotten() -> None:
    store = Peerstore()
    store.heard(CATS, found(1), NOW)
    store.failed(CATS, address(1), NOW)
    assert len(store) == 0
    store.failed(CATS, address(1), NOW)
    store.met(CATS, address(2), NOW)
    for _ in range(MAX_FAILURES):
        store.failed(CATS, address(2), NOW)
    (_, entry), *_ = store.addresses(CATS, NOW)
    assert entry.met_s == 0
    store.failed(CATS, address(2), NOW)
    assert len(store) == 0


def test_a_success_wipes_out_the_failures() -> None:
    store = Peerstore()
    store.met(CATS, address(1), NOW)
    store.failed(CATS, address(1), NOW)
    store.met(CATS, address(1), NOW + 1)
    assert store.addresses(CATS, NOW + 1)[0][1].failures == 0


def test_tellers_take_turns_so_that_one_that_tells_much_does_not_come_first() -> None:
    store = Peerstore()
    for number in range(16):
        store.heard(CATS, found(number, "liar"), NOW + number)
    store.heard(CATS, found(100, "honest"), NOW)
    assert order(store).index(address(100)) == 1


@pytest.mark.fault("F064")
def test_one_teller_has_a_share_and_no_more() -> None:
    store = Peerstore(max_strangers=50, max_told=10)
    store.heard(CATS, found(9999, "honest"), NOW)
    for number in range(1000):
        store.heard(CATS, found(number, "liar"), NOW + number / 1000)
    assert len(store) == 11
    assert address(9999) in order(store)
    assert store.ignored["no more room for what this teller says"] == 990


@pytest.mark.fault("F080")
def test_a_flood_of_strangers_pushes_out_nobody_that_we_know() -> None:
    store = Peerstore(max_topics=10)
    for number in range(100):
        store.met(CATS, address(number), NOW)
    for number in range(5000):
        store.heard(CATS, found(1000 + number, f"liar {number}"), NOW)
    assert set(order(store)[:100]) == {address(number) for number in range(100)}
    assert len(store) == 100 + 128
    for number in range(1000):
        store.heard(number.to_bytes(20), found(number), NOW)
    assert len(store.topics) == 10


@pytest.mark.fault("F080")
def test_a_flood_of_signed_records_of_invented_peers_is_bounded() -> None:
    """CVE-2023-40583: each record is well signed, by a peer that exists nowhere."""
    store = Peerstore(max_records=32)
    known = SecretKey.from_seed(bytes(32))
    store.met_peer(known.public)
    assert store.keep_record(record_of(known), NOW)
    for number in range(300):
        stranger = SecretKey.from_seed(number.to_bytes(4) + bytes(28))
        if stranger.public != known.public:
            store.keep_record(record_of(stranger, expires_s=int(NOW) + 60 + number), NOW)
    assert store.records == 33
    assert len(store._raw) <= 2 * 33 + 16
    assert store.record_of(known.public, NOW) == record_of(known)


def record_of(secret: SecretKey, *, seq: int = 1, expires_s: int = int(NOW) + 600) -> bytes:
    addresses = ("/ip4/192.0.2.1/tcp/4001",)
    return signed.encode(signed.PeerRecord(secret.public, seq, addresses, expires_s), secret)


def test_records_are_verified_and_the_newest_is_kept_until_it_expires() -> None:
    store, ana = Peerstore(), SecretKey.from_seed(b"a" * 32)
    with pytest.raises(SignatureError):
        store.keep_record(record_of(ana)[:-1] + b"\x00", NOW)
    assert store.keep_record(record_of(ana, seq=2), NOW)
    assert not store.keep_record(record_of(ana, seq=1), NOW)
    assert store.record_of(ana.public, NOW) == record_of(ana, seq=2)
    with pytest.raises(NotFound):
        store.record_of(ana.public, NOW + 600)
    assert store.records == 0


def test_at_most_so_many_are_known_the_one_met_longest_ago_goes() -> None:
    store = Peerstore(max_met=3)
    for number in range(5):
        store.met(CATS, address(number), NOW + number)
    assert order(store, NOW + 5) == [address(4), address(3), address(2)]


def test_what_is_no_topic() -> None:
    with pytest.raises(UsageError, match="topic_of"):
        Peerstore().heard(b"cats", found(1), NOW)


STEPS = st.lists(
    st.tuples(st.sampled_from(["heard", "met", "failed", "later"]), st.integers(0, 40), st.integers(0, 3)),
    max_size=200,
)


@given(STEPS)
def test_the_limits_hold_whatever_happens(steps: list[tuple[str, int, int]]) -> None:
    store = Peerstore(max_topics=2, max_strangers=8, max_told=3, max_met=4)
    now_s, rng = NOW, random.Random(1)
    for what, number, teller in steps:
        topic = (CATS, DOGS, topic_of("birds"))[number % 3]
        match what:
            case "heard":
                store.heard(topic, found(number, str(teller)), now_s)
            case "met":
                store.met(topic, address(number), now_s)
            case "failed":
                store.failed(topic, address(number), now_s)
            case _:
                now_s += rng.choice([1.0, STRANGER_S / 3, MET_S / 3])
        assert len(store.topics) <= 2
        for entries in store.topics.values():
            strangers = [entry for entry in entries.values() if not entry.met_s]
            assert len(strangers) <= 8 + MAX_FAILURES
            assert len(entries) - len(strangers) <= 4
        listed = order(store, now_s, topic)
        assert len(set(listed)) == len(listed)


@pytest.mark.fault("F155")
def test_a_clock_that_was_put_back_does_not_let_the_old_push_out_the_new() -> None:
    store = Peerstore(max_strangers=4, max_met=4)
    ahead = NOW + 10 * 365 * 86_400
    for number in range(4):
        store.heard(CATS, found(number, f"teller {number}"), ahead)
        store.met(CATS, address(100 + number), ahead)
    for number in (4, 5):
        store.heard(CATS, found(number, f"teller {number}"), NOW)
        store.met(CATS, address(100 + number), NOW)
    assert order(store) == [
        *(address(100 + number) for number in (5, 4, 3, 2)),
        *(address(number) for number in (2, 3, 4, 5)),
    ]


def test_those_that_become_strangers_again_have_no_more_room_than_strangers() -> None:
    store = Peerstore(max_strangers=3)
    for number in range(10):
        store.met(CATS, address(number), NOW)
    for number in range(10):
        for _ in range(MAX_FAILURES):
            store.failed(CATS, address(number), NOW)
    assert len(store) == 3


@pytest.mark.fault("F173")
def test_where_no_peer_can_be_is_not_kept() -> None:
    store = Peerstore()
    for host, port in (("cats.example", 1), ("fe80::1%eth0", 1), ("198.51.100.1", 70_000), ("224.0.0.1", 1)):
        store.heard(CATS, Found((host, port), "tracker"), NOW)
        with pytest.raises(UsageError):
            store.met(CATS, (host, port), NOW)
    assert len(store) == 0
    assert store.ignored == {"no peer can be there": 4}
    store.heard(CATS, Found(("::ffff:198.51.100.1", 1), "tracker"), NOW)
    assert order(store) == [("198.51.100.1", 1)]


def test_what_a_stranger_calls_itself_is_cut_short() -> None:
    store = Peerstore()
    store.heard(CATS, found(1, "\udcff" + "x" * 10_000), NOW)
    ((_, entry),) = store.addresses(CATS, NOW)
    assert entry.teller == "tracker ?" + "x" * (MAX_TELLER - 9)
