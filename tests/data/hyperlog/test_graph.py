"""One replica: heads, causal order, forks of writers that merge, forks of logs that are refused."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from p2plib.data.hyperlog import nodes
from p2plib.data.hyperlog.graph import Hyperlog
from p2plib.errors import Forked, InvalidEntry, NotFound, SignatureError, UsageError


def test_append_links_to_all_heads() -> None:
    log = Hyperlog("alice")
    first = log.append(b"1")
    left, right = log.add([first], b"l"), log.add([first.key], b"r")
    assert log.heads() == (left.key, right.key)
    merged = log.append(b"m")
    assert merged.links == (left.key, right.key)
    assert log.heads() == (merged.key,)
    assert [node.seq for node in log.walk()] == [1, 2, 3, 4]
    assert log.ancestors([left.key]) == {first.key, left.key}
    assert log.get(left.key) == left


def test_two_writers_fork_and_merge() -> None:
    alice, bob = Hyperlog("alice"), Hyperlog("bob")
    root = alice.append(b"root")
    bob.insert(root)
    ours, theirs = alice.append(b"a"), bob.append(b"b")
    alice.insert(theirs)
    bob.insert(ours)
    assert set(alice.heads()) == set(bob.heads()) == {ours.key, theirs.key}
    merge = alice.append(b"both")
    bob.insert(merge)
    assert bob.heads() == alice.heads() == (merge.key,)
    assert bob.logs() == alice.logs() == {"alice": 3, "bob": 1}


def test_the_walk_is_causal_in_every_replica() -> None:
    draw = random.Random(7)
    source, order = Hyperlog("a"), Hyperlog("copy")
    for number in range(300):
        known = list(source.walk())
        links = draw.sample(known, min(len(known), draw.randrange(4)))
        source.add(links, b"%d" % number)
    for node in source.walk():
        order.insert(node)
    seen = set[str]()
    for node in order.walk():
        assert seen.issuperset(node.links)
        seen.add(node.key)
    assert len(seen) == 300


def test_one_node_may_be_in_two_logs() -> None:
    alice, bob = Hyperlog("alice"), Hyperlog("bob")
    alice.append(b"same")
    entry = alice.insert(bob.append(b"same"))
    assert entry is not None
    assert entry.change == 1
    assert alice.changes == 1
    assert alice.logs() == {"alice": 1, "bob": 1}
    assert alice.entry("bob", 1).node.log == "bob"
    assert alice.append(b"next").links == (entry.node.key,)


def test_the_same_again_is_the_same_node() -> None:
    log = Hyperlog("alice")
    assert log.add([], b"x") is log.add([], b"x")
    assert log.logs() == {"alice": 1}


def test_number_seven_of_a_log_is_one_node() -> None:
    log = Hyperlog("reader")
    log.insert(nodes.make([], b"one", "alice", 1))
    assert log.insert(nodes.make([], b"one", "alice", 1)) is None
    with pytest.raises(Forked, match="two different nodes with number 1") as caught:
        log.insert(nodes.make([], b"other", "alice", 1))
    assert nodes.key_of([], b"other").encode() in caught.value.proof


def test_nothing_goes_in_before_its_causes() -> None:
    log = Hyperlog("reader")
    late = nodes.make([nodes.key_of([], b"unknown")], b"x", "alice", 1)
    assert log.missing(late) == late.links
    with pytest.raises(UsageError, match="before what it follows"):
        log.insert(late)
    with pytest.raises(UsageError, match="before what it follows"):
        log.insert(nodes.make([], b"x", "alice", 2))
    with pytest.raises(NotFound):
        log.add(late.links, b"x")
    assert log.changes == 0


def test_a_wrong_key_is_refused() -> None:
    log = Hyperlog("reader")
    with pytest.raises(InvalidEntry, match="hash to another"):
        log.insert(replace(nodes.make([], b"x", "alice", 1), value=b"y"))


def test_verify_comes_before_anything_is_kept() -> None:
    def never(node: nodes.HyperlogNode) -> None:
        raise SignatureError("no")

    log = Hyperlog("reader", verify=never)
    with pytest.raises(SignatureError):
        log.insert(nodes.make([], b"x", "alice", 1))
    assert log.logs() == {}
    log.append(b"our own is not asked")


def test_a_million_ways_to_one_node_are_walked_once() -> None:
    """Thirty floors of two nodes that each link to both below: 2 ** 30 ways down."""
    log = Hyperlog("tower")
    floor = [log.add([], b"l"), log.add([], b"r")]
    for number in range(30):
        floor = [log.add(floor, b"%d %s" % (number, side)) for side in (b"l", b"r")]
    assert len(log.ancestors([floor[0].key])) == 61


def test_saved_and_restored() -> None:
    alice, bob = Hyperlog("alice"), Hyperlog("bob")
    one = alice.append(b"x")
    alice.append(b"y")
    for node in alice.walk():
        bob.insert(node)
    bob.insert(nodes.make([], b"x", "carol", 1))
    bob.append(b"z")
    again = Hyperlog("bob")
    again.restore(bob.save())
    assert again.logs() == bob.logs() == {"alice": 2, "carol": 1, "bob": 1}
    assert again.heads() == bob.heads()
    assert list(again.walk()) == list(bob.walk())
    assert again.append(b"w").seq == 2
    with pytest.raises(UsageError, match="only an empty"):
        again.restore([one])


def test_watchers_hear_of_entries_until_they_stop() -> None:
    log, heard = Hyperlog("a"), list[bytes]()
    stop = log.watch(lambda entry: heard.append(entry.node.value))
    log.append(b"1")
    stop()
    stop()
    log.append(b"2")
    assert heard == [b"1"]
    assert "2 nodes in 1 logs" in repr(log)


def test_reading_what_is_not_there() -> None:
    log = Hyperlog("a")
    with pytest.raises(NotFound):
        log.get("0" * 64)
    with pytest.raises(NotFound):
        log.entry("a", 1)
    with pytest.raises(UsageError):
        Hyperlog("")


def test_others_cannot_keep_us_from_writing() -> None:
    """They make more heads than a node may have links."""
    log = Hyperlog("alice")
    ours = log.append(b"ours")
    for seq in range(1, nodes.MAX_LINKS + 50):
        log.insert(nodes.make([], b"%d" % seq, "flood", seq))
    assert len(log.heads()) == nodes.MAX_LINKS + 50
    merge = log.append(b"still here")
    assert len(merge.links) == nodes.MAX_LINKS
    assert ours.key in merge.links
    assert log.entry("flood", nodes.MAX_LINKS + 49).node.key in merge.links
    assert len(log.append(b"again").links) == 52 - 1


def test_the_name_of_a_log_can_be_written() -> None:
    with pytest.raises(UsageError, match="surrogate"):
        Hyperlog("\ud800")
