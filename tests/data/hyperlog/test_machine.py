"""The exchange, through pairs of machines: what both end up with, and what a liar can do."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.data.hyperlog import messages, nodes
from p2plib.data.hyperlog.graph import Hyperlog
from p2plib.data.hyperlog.machine import HyperlogLimits, HyperlogSync
from p2plib.data.hyperlog.messages import (
    HyperlogHandshake,
    HyperlogHave,
    HyperlogSend,
    HyperlogWant,
    SentHeads,
    SentWants,
)
from p2plib.errors import DecodeError, Forked, InvalidEntry, RemoteError, UsageError, WouldFork


def run(a: HyperlogSync, b: HyperlogSync) -> None:
    """Carry messages both ways, as bytes, until neither has any."""
    quiet = False
    while not quiet:
        quiet = True
        for near, far in ((a, b), (b, a)):
            while (message := near.next_message()) is not None:
                quiet = False
                far.receive(messages.decode(messages.encode(message)))


def grown(name: str, number: int, seed: int, start: Hyperlog | None = None) -> Hyperlog:
    """A replica with nodes that link at random."""
    draw, graph = random.Random(seed), Hyperlog(name)
    if start is not None:
        graph.restore(start.save())
    for count in range(number):
        known = list(graph.walk())
        graph.add(draw.sample(known, min(len(known), draw.randrange(4))), b"%s %d" % (name.encode(), count))
    return graph


def same(*graphs: Hyperlog) -> bool:
    first = graphs[0]
    return all(
        graph.logs() == first.logs()
        and set(graph.heads()) == set(first.heads())
        and {node.key for node in graph.walk()} == {node.key for node in first.walk()}
        for graph in graphs
    )


@given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 10), st.integers(0, 1000))
def test_two_replicas_end_the_same(ours: int, theirs: int, common: int, seed: int) -> None:
    root = grown("root", common, seed)
    a, b = grown("a", ours, seed + 1, root), grown("b", theirs, seed + 2, root)
    near, far = HyperlogSync(a), HyperlogSync(b)
    run(near, far)
    assert near.is_done
    assert far.is_done
    assert same(a, b)
    assert (near.stats.sent, far.stats.sent) == (ours, theirs)
    assert near.stats.repeated == far.stats.repeated == 0


def test_what_is_the_same_costs_no_node() -> None:
    a = grown("a", 50, 1)
    near, far = HyperlogSync(a), HyperlogSync(grown("b", 0, 2, a))
    run(near, far)
    assert near.is_done
    assert near.stats.sent == far.stats.sent == 0


def test_push_and_pull_move_one_way() -> None:
    for modes in (("push", "sync"), ("push", "pull"), ("sync", "pull")):
        a, b = grown("a", 5, 1), grown("b", 5, 2)
        near, far = HyperlogSync(a, mode=modes[0]), HyperlogSync(b, mode=modes[1])
        run(near, far)
        assert near.is_done
        assert far.is_done
        assert b.logs() == {"a": 5, "b": 5}, modes
        assert a.logs() == {"a": 5}, modes


@pytest.mark.parametrize("mode", ["push", "pull"])
def test_two_that_only_push_or_only_pull(mode: str) -> None:
    with pytest.raises(DecodeError, match="nothing would ever come"):
        HyperlogSync(Hyperlog("a"), mode=mode).receive(HyperlogHandshake(mode))


def test_live_sends_what_goes_in_later_and_echoes_nothing() -> None:
    a, b = grown("a", 3, 1), grown("b", 3, 2)
    near, far = HyperlogSync(a, live=True), HyperlogSync(b, live=True)
    a.watch(near.added)
    b.watch(far.added)
    run(near, far)
    assert near.is_synced
    assert not near.is_done
    for number in range(5):
        a.append(b"late %d" % number)
        b.append(b"late too %d" % number)
        run(near, far)
    assert same(a, b)
    assert (near.stats.sent, far.stats.sent) == (8, 8)
    assert near.stats.repeated == 0


def test_what_goes_in_during_the_exchange_is_sent_when_it_is_live() -> None:
    a, b = grown("a", 3, 1), Hyperlog("b")
    near, far = HyperlogSync(a, live=True), HyperlogSync(b, live=True)
    a.watch(near.added)
    far.receive(near.next_message())  # type: ignore[arg-type]
    near.receive(far.next_message())  # type: ignore[arg-type]
    a.append(b"meanwhile")
    run(near, far)
    assert b.logs() == {"a": 4}
    assert near.stats.sent == 4


def test_what_both_got_from_a_third_meanwhile_is_not_sent() -> None:
    """It went in here before the other side had said that it has it."""
    a, b, third = grown("a", 2, 1), grown("b", 2, 2), grown("c", 3, 3)
    near, far = HyperlogSync(a, live=True), HyperlogSync(b, live=True)
    a.watch(near.added)
    b.watch(far.added)
    for graph in (a, b):
        for node in third.walk():
            graph.insert(node)
    run(near, far)
    assert same(a, b)
    assert (near.stats.sent, far.stats.sent) == (2, 2)
    assert near.stats.repeated == far.stats.repeated == 0


def test_a_third_replica_learns_through_the_second() -> None:
    a, b, c = grown("a", 10, 1), grown("b", 10, 2), grown("c", 10, 3)
    for x, y in ((a, b), (b, c), (a, b)):
        run(HyperlogSync(x), HyperlogSync(y))
    assert same(a, b, c)


def test_one_node_in_two_logs_is_carried_in_both() -> None:
    a, b, c = Hyperlog("a"), Hyperlog("b"), Hyperlog("c")
    a.append(b"same")
    b.append(b"same")
    b.append(b"more")
    run(HyperlogSync(a), HyperlogSync(b))
    run(HyperlogSync(b), HyperlogSync(c))
    assert same(a, b, c)
    assert c.logs() == {"a": 1, "b": 2}


def test_a_log_that_was_restored_from_an_old_copy_does_not_fork() -> None:
    """Ben has entries of Ana's that her backup does not have: she must take them back before she writes."""
    ana, ben, backup = Hyperlog("ana"), Hyperlog("ben"), Hyperlog("ana")
    ana.append(b"1")
    backup.restore(ana.save())
    ana.append(b"2")
    run(HyperlogSync(ana), HyperlogSync(ben))
    near, far = HyperlogSync(backup), HyperlogSync(ben)
    near.receive(far.next_message())  # type: ignore[arg-type]
    far.receive(near.next_message())  # type: ignore[arg-type]
    near.receive(far.next_message())  # type: ignore[arg-type]
    with pytest.raises(WouldFork, match="Replicate first"):
        backup.append(b"another 2")
    run(near, far)
    assert backup.append(b"3").seq == 3
    near.close()
    assert backup.claims == {}


def test_a_claim_counts_as_long_as_its_peer_is_there() -> None:
    graph = Hyperlog("ana")
    machine = begun(graph)
    machine.receive(HyperlogHave("ana", 9))
    with pytest.raises(WouldFork):
        graph.append(b"1")
    machine.close()
    machine.close()
    assert graph.append(b"1").seq == 1


# A liar on the other side

ONE, TWO = nodes.make([], b"1", "liar", 1), nodes.make([], b"2", "liar", 2)


def begun(graph: Hyperlog | None = None, **options: Any) -> HyperlogSync:
    machine = HyperlogSync(graph or Hyperlog("victim"), **options)
    machine.receive(HyperlogHandshake())
    return machine


@pytest.mark.parametrize(
    ("said", "rule"),
    [
        ([HyperlogHandshake()], "a second handshake"),
        ([SentHeads(), SentHeads()], "a second sentHeads"),
        ([SentWants(), SentWants()], "a second sentWants"),
        ([HyperlogHave("a", 1), HyperlogHave("a", 2)], "named twice"),
        ([HyperlogHave("", 1)], "name of a log"),
        ([HyperlogWant("a", 0)], "had not named"),
        ([HyperlogSend(ONE, 1)], "nobody wanted"),
        ([HyperlogHave("liar", 1), HyperlogSend(TWO, 1)], "nobody wanted"),
        ([SentHeads(), HyperlogHave("a", 1)], "after the exchange was over"),
    ],
)
def test_what_must_not_come(said: list[messages.HyperlogMessage], rule: str) -> None:
    machine = begun()
    for message in said[:-1]:
        machine.receive(message)
    with pytest.raises(RemoteError, match=rule):
        machine.receive(said[-1])


def test_nothing_comes_before_the_handshake() -> None:
    with pytest.raises(DecodeError, match="the first message"):
        HyperlogSync(Hyperlog("a")).receive(SentHeads())
    with pytest.raises(UsageError):
        HyperlogSync(Hyperlog("a"), mode="both")


def test_a_log_is_sent_once_however_often_it_is_wanted() -> None:
    machine = begun(grown("a", 9, 1))
    machine.receive(HyperlogWant("a", 4))
    with pytest.raises(DecodeError, match="wanted twice"):
        machine.receive(HyperlogWant("a", 0))


def test_a_want_beyond_the_end_is_answered_with_nothing() -> None:
    machine = begun(grown("a", 9, 1))
    machine.receive(HyperlogWant("a", 2**32 - 1))
    sent = [message for message in iter(machine.next_message, None) if isinstance(message, HyperlogSend)]
    assert sent == []


@pytest.mark.fault("F127")
def test_nodes_without_causes_wait_up_to_a_cap() -> None:
    machine = begun(limits=HyperlogLimits(waiting_nodes=10))
    machine.receive(HyperlogHave("liar", 1000))
    for seq in range(2, 12):
        machine.receive(HyperlogSend(nodes.make([], b"%d" % seq, "liar", seq), 1))
    with pytest.raises(InvalidEntry, match="wait for others"):
        machine.receive(HyperlogSend(nodes.make([], b"12", "liar", 12), 1))


def test_logs_and_new_nodes_have_caps() -> None:
    machine = begun(limits=HyperlogLimits(logs=2, new_nodes=3))
    machine.receive(HyperlogHave("liar", 9))
    machine.receive(HyperlogHave("b", 9))
    with pytest.raises(InvalidEntry, match="more than 2 logs"):
        machine.receive(HyperlogHave("c", 9))
    machine.receive(HyperlogSend(ONE, 1))
    machine.receive(HyperlogSend(ONE, 1))
    machine.receive(HyperlogSend(ONE, 1))
    assert machine.stats.repeated == 2
    with pytest.raises(InvalidEntry, match="more than 3 nodes"):
        machine.receive(HyperlogSend(ONE, 1))


def test_a_node_that_waits_and_comes_again_counts() -> None:
    machine = begun(limits=HyperlogLimits(new_nodes=3))
    machine.receive(HyperlogHave("liar", 9))
    for _ in range(3):
        machine.receive(HyperlogSend(TWO, 1))
    with pytest.raises(InvalidEntry, match="more than 3 nodes"):
        machine.receive(HyperlogSend(TWO, 1))


def test_what_went_in_before_a_lie_stays() -> None:
    graph = Hyperlog("victim")
    machine = begun(graph)
    machine.receive(HyperlogHave("liar", 3))
    assert [entry.node for entry in machine.receive(HyperlogSend(ONE, 1))] == [ONE]
    assert machine.missing == 2
    with pytest.raises(InvalidEntry):
        machine.receive(HyperlogSend(nodes.HyperlogNode("0" * 64, (), b"2", "liar", 2), 1))
    assert graph.logs() == {"liar": 1}


def test_a_fork_is_noticed_where_both_branches_meet() -> None:
    """Mallory tells Alice and Bob different things under one number; when they talk, numbers agree."""
    alice, bob = Hyperlog("alice"), Hyperlog("bob")
    alice.insert(nodes.make([], b"pay alice", "mallory", 1))
    bob.insert(nodes.make([], b"pay bob", "mallory", 1))
    near, far = HyperlogSync(alice), HyperlogSync(bob)
    run(near, far)
    assert near.is_done  # the numbers are the same, so nobody noticed
    bob.insert(nodes.make([nodes.key_of([], b"pay bob")], b"thanks", "mallory", 2))
    near, far = HyperlogSync(alice), HyperlogSync(bob)
    run(near, far)
    assert not near.is_synced  # the effect came, its cause never will
    assert near.missing == 1
    with pytest.raises(Forked):
        alice.insert(bob.entry("mallory", 1).node)
