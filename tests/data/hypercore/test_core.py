"""The feed: appending, copies in part, proofs from hand to hand, and what must not happen."""

from __future__ import annotations

import contextlib
import random as random_module

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2plib.data.hypercore import core as core_module
from p2plib.data.hypercore import flat_tree, tree
from p2plib.data.hypercore.core import MAX_BLOCK_BYTES, Hypercore
from p2plib.data.hypercore.tree import BlockProof, TreeNode
from p2plib.errors import Forked, InvalidEntry, NotFound, RemoteError, SignatureError, UsageError, WouldFork
from tests.data.hypercore.feeds import AUTHOR, STRANGER, content, feed


def test_appending() -> None:
    core = Hypercore.create(AUTHOR)
    assert core.head is None
    assert (core.length, core.byte_length, core.count) == (0, 0, 0)
    assert core.append([]) == 0
    assert core.append(b"one") == 0
    assert core.append([b"two", b"", b"four"]) == 1
    assert (core.length, core.byte_length, core.count) == (4, 10, 4)
    assert [core.get(block) for block in range(4)] == [b"one", b"two", b"", b"four"]
    assert [core.place(block) for block in range(4)] == [(0, 3), (3, 3), (6, 0), (6, 4)]
    assert core.audit() == []


def test_only_the_author_appends() -> None:
    with pytest.raises(UsageError, match="only its author"):
        Hypercore(AUTHOR.public).append(b"x")
    with pytest.raises(UsageError, match="is not the author"):
        Hypercore(AUTHOR.public, None, STRANGER)


def test_a_block_has_a_largest_size() -> None:
    core = Hypercore.create(AUTHOR)
    with pytest.raises(UsageError):
        core.append([b"x", bytes(MAX_BLOCK_BYTES + 1)])
    assert core.length == 0
    with pytest.raises(InvalidEntry):
        core.put(0, bytes(MAX_BLOCK_BYTES + 1), BlockProof(0))


@pytest.mark.fault("F116")
def test_a_length_that_would_take_a_copy_down_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its author can sign any; a copy keeps a bit for each block."""
    roots = tuple(TreeNode(index, bytes(32), 1) for index in flat_tree.full_roots(2**40 + 1))
    last = tree.leaf(2**40, b"last")
    head = tree.sign(AUTHOR, (*roots[:-1], last), 2**40 + 1)
    proof = BlockProof(2**40, head.roots[:-1], head.signature)
    with pytest.raises(InvalidEntry, match="at most 268435456 blocks"):
        Hypercore(AUTHOR.public).put(2**40, b"last", proof)
    monkeypatch.setattr(core_module, "MAX_LENGTH", 5)
    with pytest.raises(UsageError):
        feed(5).append(b"sixth")


def test_a_copy_may_have_the_last_block_of_many() -> None:
    count = 2**28
    roots = tuple(TreeNode(index, bytes(32), 1) for index in flat_tree.full_roots(count - 1))
    last = tree.leaf(count - 2, b"last")
    head = tree.sign(AUTHOR, (*roots[:-1], last), count - 1)
    copy = Hypercore(AUTHOR.public)
    assert copy.put(count - 2, b"last", BlockProof(count - 2, head.roots[:-1], head.signature))
    assert copy.length == count - 1
    assert copy.audit() == []


def test_what_is_not_here() -> None:
    core, copy = feed(5), Hypercore(AUTHOR.public)
    for act in (lambda: core.get(5), lambda: core.prove(5), lambda: copy.get(0), lambda: copy.place(0)):
        with pytest.raises(NotFound):
            act()
    with pytest.raises(NotFound):
        core.get(-1)


@settings(max_examples=40)
@given(st.integers(1, 60), st.data())
def test_blocks_go_from_hand_to_hand_in_any_order(length: int, data: st.DataObject) -> None:
    author = feed(length)
    first, second = Hypercore(AUTHOR.public), Hypercore(AUTHOR.public)
    for block in data.draw(st.permutations(range(length))):
        assert first.put(block, content(block), author.prove(block, first.digest(block)))
        assert second.put(block, first.get(block), first.prove(block, second.digest(block)))
        assert second.length == length
    assert second.audit() == []
    assert second.count == length
    assert second.head == author.head


@settings(max_examples=30)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_a_copy_of_a_feed_that_grows(batches: list[int], random: object) -> None:
    """Blocks of old and new lengths, by proofs of their time; what the copy has can always be passed on."""
    author, copy = Hypercore.create(AUTHOR), Hypercore(AUTHOR.public)
    for batch in batches:
        author.append([content(author.length + at) for at in range(batch)])
        wanted = [block for block in range(author.length) if not copy.has(block)]
        for block in random.sample(wanted, min(3, len(wanted))):  # type: ignore[attr-defined]
            copy.put(block, content(block), author.prove(block, copy.digest(block)))
    for block in range(author.length):
        if copy.has(block):
            stranger = Hypercore(AUTHOR.public)
            assert stranger.put(block, copy.get(block), copy.prove(block))


@pytest.mark.fault("F115")
def test_a_block_that_comes_again_changes_nothing() -> None:
    author, copy = feed(9), Hypercore(AUTHOR.public)
    assert copy.put(4, content(4), author.prove(4))
    assert not copy.put(4, content(4), author.prove(4))
    assert not copy.put(4, content(4), BlockProof(4))
    assert copy.count == 1


@pytest.mark.fault("F116")
def test_a_forged_block_leaves_no_trace() -> None:
    author, copy = feed(9), Hypercore(AUTHOR.public)
    for wrong in (b"forged", b""):
        for proof in (author.prove(4), author.prove(4, 3), BlockProof(4)):
            with pytest.raises(RemoteError):
                copy.put(4, wrong, proof)
    with pytest.raises(InvalidEntry, match="was sent where"):
        copy.put(5, content(4), author.prove(4))
    stranger = Hypercore.create(STRANGER)
    stranger.append([content(block) for block in range(9)])
    with pytest.raises(SignatureError):
        copy.put(4, content(4), stranger.prove(4))
    assert copy.length == copy.count == 0
    assert copy.put(4, content(4), author.prove(4)), "the true one still counts"
    with pytest.raises(RemoteError):
        copy.put(4, b"forged", author.prove(4))
    assert copy.get(4) == content(4)


@pytest.mark.fault("F110")
@pytest.mark.fault("F117")
def test_a_fork_is_refused_and_what_is_here_stays() -> None:
    author, other, copy = feed(5), Hypercore.create(AUTHOR), Hypercore(AUTHOR.public)
    other.append([*(content(block) for block in range(4)), b"other", b"more"])
    copy.put(0, content(0), author.prove(0))
    with pytest.raises(Forked):
        copy.put(4, b"other", other.prove(4))
    assert copy.head == author.head


@pytest.mark.fault("F111")
def test_an_author_restored_from_an_old_copy_does_not_fork() -> None:
    author, old = feed(9), feed(5)
    old.claims["a peer"] = 9
    with pytest.raises(WouldFork):
        old.append(b"new")
    assert old.length == 5
    old.put(8, content(8), author.prove(8, old.digest(8)))
    assert old.append(b"new") == 9
    assert author.head is not None
    tenth = Hypercore(AUTHOR.public)
    tenth.put(9, b"new", old.prove(9))
    tenth.put(0, content(0), author.prove(0, tenth.digest(0)))
    assert tenth.length == 10


@pytest.mark.fault("F111")
def test_a_claim_ends_with_its_peer() -> None:
    core = feed(5)
    core.claims["a liar"] = 10**9
    del core.claims["a liar"]
    assert core.append(b"new") == 5


@pytest.mark.fault("F130")
def test_an_erased_block_is_gone_and_the_others_still_prove_themselves() -> None:
    core = feed(9)
    core.clear(4)
    core.clear(4)
    assert not core.has(4)
    with pytest.raises(NotFound):
        core.get(4)
    assert core.audit() == []
    copy = Hypercore(AUTHOR.public)
    assert copy.put(5, content(5), core.prove(5))
    assert core.append(b"new") == 9
    whole = feed(9)
    assert core.put(4, content(4), whole.prove(4, core.digest(4))), "it may be fetched again"
    assert core.get(4) == content(4)


def test_which_block_has_a_byte() -> None:
    author, copy, offset = feed(13), Hypercore(AUTHOR.public), 0
    for block in range(13):
        for place in range(len(content(block))):
            assert author.seek(offset) == (block, place)
            offset += 1
    assert offset == author.byte_length
    for act in (lambda: author.seek(offset), lambda: author.seek(-1), lambda: copy.seek(0)):
        with pytest.raises(NotFound):
            act()
    copy.put(5, content(5), author.prove(5))
    assert copy.seek(copy.place(5)[0] + 3) == (5, 3)
    with pytest.raises(NotFound, match="are not known here"):
        copy.seek(0)


def test_a_hash_is_proven_without_its_block() -> None:
    core = feed(5)
    proof = core.prove(1, wants_hash=True)
    assert [node.index for node in proof.nodes] == [2, 0, 5, 8]
    assert core.prove(1, 1, wants_hash=True).nodes == proof.nodes[:1]


@pytest.mark.fault("F117")
@pytest.mark.parametrize("blocks", [8, 9])
def test_a_fork_that_came_in_where_nothing_was_known_is_seen_later(blocks: int) -> None:
    """A shorter head of the other feed proves block 4, of which the reader knew no node."""
    one, other, reader = feed(blocks), feed(4), Hypercore(AUTHOR.public)
    other.append(b"other 4")
    assert reader.put(0, content(0), one.prove(0))
    assert reader.put(4, b"other 4", other.prove(4))
    with pytest.raises(Forked):
        reader.put(5, content(5), one.prove(5))
    with pytest.raises(Forked):
        reader.put(5, content(5), BlockProof(5, one.prove(5).nodes[:2]))  # it ends at a node that is known
    assert not reader.has(5)


@pytest.mark.fault("F116")
@settings(max_examples=300, deadline=None)
@given(st.randoms(use_true_random=False))
def test_no_change_of_a_proof_teaches_anything_false_or_accuses_the_author(
    draw: random_module.Random,
) -> None:
    feeds = {length: feed(length) for length in (1, 4, 7, 8, 13)}
    truth = {node.index: node for node in tree.grow((), [content(block) for block in range(13)])[1]}
    reader = Hypercore(AUTHOR.public)
    for _ in range(draw.randrange(4)):
        length = draw.choice(list(feeds))
        block = draw.randrange(length)
        reader.put(block, content(block), feeds[length].prove(block, draw.choice([0, reader.digest(block)])))
    length = draw.choice(list(feeds))
    block = draw.randrange(length)
    proof = feeds[length].prove(block, draw.choice([0, reader.digest(block)]))
    nodes, signature = list(proof.nodes), proof.signature
    for _ in range(draw.randint(1, 2)):
        match draw.randrange(4):
            case 0:
                nodes.insert(draw.randint(0, len(nodes)), draw.choice(list(truth.values())))
            case 1:
                nodes.insert(draw.randint(0, len(nodes)), TreeNode(draw.randrange(28), bytes(32), 9))
            case 2:
                nodes = nodes[1:]
            case _:
                signature = draw.choice([b"", bytes(64), *(each.head.signature for each in feeds.values())])
    with contextlib.suppress(InvalidEntry, SignatureError):
        reader.put(block, content(block), BlockProof(block, tuple(nodes), signature))
    assert all(truth[index] == reader.storage.node(index) for index in truth if index in reader._nodes)
    assert all(reader.get(block) == content(block) for block in reader.storage.bits.blocks())
