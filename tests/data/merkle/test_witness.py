"""Witnesses: an honest log is followed, a split view is caught, and nobody is accused without proof."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2plib.data.merkle import proofs, witness
from p2plib.data.merkle.checkpoint import Checkpoint, NoteKey, sign_checkpoint
from p2plib.data.merkle.tree import EMPTY_ROOT, AppendOnlyTree
from p2plib.data.merkle.witness import SplitView, Witness, prove_split, read_split
from p2plib.errors import DecodeError, Forked, InvalidProof, RemoteError, SignatureError, UsageError
from p2plib.identity.keys import SecretKey
from p2plib.wire import cbor

NAME = "example.com/photos"
SECRET, OTHER = (SecretKey.from_seed(bytes([n]) * 32) for n in (1, 2))
KEY = NoteKey(NAME, SECRET.public)
LEAVES = [b"%d" % number for number in range(12)]
TRUE = AppendOnlyTree(LEAVES)
FALSE = AppendOnlyTree([*LEAVES[:5], b"another", *LEAVES[6:]])  # what Ben is shown: leaf 5 differs


def head(tree: AppendOnlyTree, size: int, secret: SecretKey = SECRET, origin: str = NAME) -> bytes:
    return sign_checkpoint(Checkpoint(origin, size, tree.root(size)), NAME, secret).raw


def path(tree: AppendOnlyTree, old: int, size: int) -> list[bytes]:
    return proofs.prove_consistency(tree, old, size)


def test_a_log_that_only_grows_is_followed() -> None:
    ana = Witness(KEY)
    assert (ana.size, ana.hear(head(TRUE, 3))) == (0, True)
    assert not ana.hear(head(TRUE, 3))
    assert ana.hear(head(TRUE, 8), path(TRUE, 3, 8))
    assert not ana.hear(head(TRUE, 5), path(TRUE, 5, 8))  # an older one, and consistent
    assert (ana.size, ana.head, ana.split) == (8, head(TRUE, 8), b"")
    again = Witness(KEY, head=ana.head)
    assert again.size == 8


def test_the_empty_tree_is_the_beginning_of_all() -> None:
    ana = Witness(KEY)
    assert ana.hear(head(TRUE, 0))
    assert ana.hear(head(TRUE, 4))
    assert not ana.hear(head(TRUE, 0))


@pytest.mark.fault("F117")
def test_two_roots_of_one_size_convict() -> None:
    ana, ben = Witness(KEY), Witness(KEY)
    ana.hear(head(TRUE, 7))
    ben.hear(head(FALSE, 7))
    with pytest.raises(Forked, match="two histories") as caught:
        ana.hear(ben.head)
    split = read_split(caught.value.proof, KEY)
    assert {split.first, split.second} == {ana.head, ben.head}
    ben.convict(caught.value.proof)
    for each in (ana, ben):
        assert each.split == caught.value.proof
        with pytest.raises(Forked):
            each.hear(head(TRUE, 8), path(TRUE, 7, 8))


def test_before_the_trees_part_nobody_can_tell() -> None:
    ana = Witness(KEY)
    ana.hear(head(TRUE, 3))
    assert ana.hear(head(FALSE, 5), path(FALSE, 3, 5))


@pytest.mark.fault("F117")
@given(st.integers(6, 12), st.integers(6, 12), st.booleans())
def test_two_sizes_convict_when_somebody_has_the_leaves(one: int, other: int, swap: bool) -> None:
    first, second = head(TRUE, one), head(FALSE, other)
    tree = FALSE if other >= one else TRUE
    pair = (second, first) if swap else (first, second)
    if one == other:
        tree = TRUE
    split = prove_split(*pair, KEY, tree)
    assert read_split(split.raw, KEY) == split
    ana = Witness(KEY, head=first)
    ana.convict(split.raw)
    with pytest.raises(Forked):
        ana.hear(first)


@pytest.mark.fault("F117")
def test_what_does_not_fit_convicts_nobody() -> None:
    ana = Witness(KEY)
    ana.hear(head(TRUE, 7))
    for false_path in ([], path(TRUE, 7, 9), path(FALSE, 7, 10), path(FALSE, 7, 9)[:-1], [bytes(32)] * 4):
        with pytest.raises(InvalidProof):
            ana.hear(head(FALSE, 9), false_path)
    with pytest.raises(InvalidProof):
        ana.hear(head(FALSE, 6), path(FALSE, 6, 7))
    for root in (bytes(32), bytes(31), b"", 7, "a" * 32):
        with pytest.raises(InvalidProof):
            ana.hear(head(TRUE, 8), path(TRUE, 7, 8)[1:], root)  # type: ignore[arg-type]
    with pytest.raises(SignatureError):
        ana.hear(head(FALSE, 7, OTHER))
    with pytest.raises(InvalidProof, match="a head of"):
        ana.hear(head(FALSE, 7, origin="example.com/another"))
    with pytest.raises(DecodeError):
        ana.hear(b"")
    assert (ana.head, ana.split) == (head(TRUE, 7), b"")


MOST = 64
LONG = AppendOnlyTree(b"%d" % number for number in range(MOST))


@functools.cache
def forked_at(place: int) -> AppendOnlyTree:
    """The long tree with another leaf at this place."""
    return AppendOnlyTree(b"other" if number == place else b"%d" % number for number in range(MOST))


@functools.cache
def signed(tree: AppendOnlyTree, size: int) -> bytes:
    return head(tree, size)


def caught(ana: Witness, shown: bytes, between: list[bytes], root: bytes | None = None) -> SplitView:
    """What convicts the log when its witness is shown this head; anybody with the key can read it."""
    with pytest.raises(Forked, match="two histories") as error:
        ana.hear(shown, between, root)
    assert ana.split == error.value.proof
    split = read_split(error.value.proof, KEY)
    assert {ana.head, shown} == {split.first, split.second}
    return split


def shown_both(place: int, small: int, large: int) -> None:
    """One witness is shown a head of each history, in both orders, whichever of the two goes on."""
    assert place < small <= large
    for one, goes_on in ((LONG, forked_at(place)), (forked_at(place), LONG)):
        first, second = signed(one, small), signed(goes_on, large)
        between = path(goes_on, small, large) if small < large else []
        root = goes_on.root(small) if small.bit_count() == 1 else None
        later = caught(Witness(KEY, head=first), second, between, root)
        earlier = caught(Witness(KEY, head=second), first, between, root)
        assert later == earlier
        if small < large:
            assert later == prove_split(first, second, KEY, goes_on)


@pytest.mark.fault("F117")
@given(st.lists(st.integers(1, MOST), min_size=2, max_size=2), st.integers(0, MOST - 1))
def test_a_split_view_is_caught_when_both_heads_and_a_path_are_there(sizes: list[int], place: int) -> None:
    small, large = sorted(sizes)
    if place < small:
        shown_both(place, small, large)
    else:  # the smaller tree is the beginning of both: nobody can tell yet
        ana = Witness(KEY, head=signed(LONG, small))
        assert ana.hear(signed(forked_at(place), large), path(forked_at(place), small, large)) == (
            small < large
        )


@pytest.mark.slow
@pytest.mark.fault("F117")
def test_every_fork_up_to_64_leaves_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(witness, "open_head", functools.cache(witness.open_head))  # or Ed25519 takes minutes
    for small in range(1, MOST + 1):
        for place in range(small):
            for large in {small, small + 1, 2 * small - 1, 2 * small, 2 * small + 1, 63, 64}:
                if small <= large <= MOST:
                    shown_both(place, small, large)


@pytest.mark.fault("F117")
def test_a_path_from_a_power_of_two_needs_the_root_that_it_begins_with() -> None:
    """All leaves of the smaller tree are one node of the larger, and a path starts beside it."""
    shown, between = head(FALSE, 12), path(FALSE, 8, 12)
    ana = Witness(KEY, head=head(TRUE, 8))
    for root in (None, TRUE.root(8), TRUE.root(7), bytes(32)):
        with pytest.raises(InvalidProof, match="does not lead to the root of all 12 leaves"):
            ana.hear(shown, between, root)
    assert ana.split == b""
    assert caught(ana, shown, between, FALSE.root(8)).root == FALSE.root(8)


@pytest.mark.fault("F117")
@given(st.integers(0, MOST), st.integers(0, MOST), st.data())
@settings(max_examples=200)
def test_no_lie_about_a_path_convicts_an_honest_log(ours: int, theirs: int, data: st.DataObject) -> None:
    """A liar can bring true heads and any path: of other sizes, of another tree, cut, changed, made up."""
    ana = Witness(KEY, head=signed(LONG, ours))
    other = data.draw(st.sampled_from([LONG, forked_at(data.draw(st.integers(0, MOST - 1)))]))
    sizes = st.integers(1, MOST)
    small, large = sorted(data.draw(st.sampled_from([(ours, theirs), (data.draw(sizes), data.draw(sizes))])))
    between = path(other, small, large) if small else []
    for _ in range(data.draw(st.integers(0, 2))):
        at = data.draw(st.integers(0, len(between)))
        scrap = data.draw(st.sampled_from([[], between[:1], [EMPTY_ROOT], [b""], [other.root(large)]]))
        between[at : at + data.draw(st.integers(0, 2))] = scrap
    root = data.draw(st.sampled_from([None, b"", EMPTY_ROOT, LONG.root(ours), other.root(small)]))
    with contextlib.suppress(InvalidProof):
        assert ana.hear(signed(LONG, theirs), between, root) == (theirs > ours)
    assert ana.split == b""
    assert ana.size in (ours, theirs)


def test_an_older_copy_of_the_file_forgets_and_a_peer_reminds_it() -> None:
    """The copy is led into the other history. A peer that has a head of before the crash convicts the log."""
    peer = Witness(KEY, head=head(TRUE, 7))  # what Ana had, too, before the copy was restored
    ana = Witness(KEY, head=head(TRUE, 5))
    assert ana.hear(head(FALSE, 9), path(FALSE, 5, 9))
    assert caught(ana, peer.head, path(FALSE, 7, 9)).first == peer.head


def test_a_path_of_views_is_kept_as_bytes() -> None:
    buffers = [bytearray(each) for each in path(FALSE, 7, 9)]
    ana = Witness(KEY, head=head(TRUE, 7))
    split = caught(ana, head(FALSE, 9), [memoryview(each) for each in buffers])  # type: ignore[misc]
    assert split.path == tuple(path(FALSE, 7, 9))


def test_a_root_that_the_empty_tree_has_not() -> None:
    forged = sign_checkpoint(Checkpoint(NAME, 0, bytes(32)), NAME, SECRET).raw
    with pytest.raises(InvalidProof, match="empty tree"):
        Witness(KEY).hear(forged)


def test_an_honest_log_is_not_convicted() -> None:
    for one in range(13):
        for other in range(13):
            with pytest.raises(UsageError):
                prove_split(head(TRUE, one), head(TRUE, other), KEY, TRUE)
    with pytest.raises(UsageError, match="not the tree"):
        prove_split(head(TRUE, 6), head(TRUE, 9), KEY, FALSE)
    with pytest.raises(UsageError, match="not the tree"):
        prove_split(head(TRUE, 6), head(FALSE, 9), KEY, AppendOnlyTree(LEAVES[:8]))
    with pytest.raises(SignatureError):
        prove_split(head(TRUE, 7), head(FALSE, 7, OTHER), KEY, TRUE)


def good() -> SplitView:
    return prove_split(head(TRUE, 6), head(FALSE, 11), KEY, FALSE)


def changed(**members: object) -> bytes:
    split = good()
    value = {"first": split.first, "path": list(split.path), "root": split.root, "second": split.second}
    return cbor.encode({**value, **members})  # type: ignore[dict-item]


def test_a_false_proof_is_refused() -> None:
    split = good()
    assert changed() == split.raw
    wrong: list[tuple[type[RemoteError], bytes]] = [
        (InvalidProof, changed(root=TRUE.root(6))),  # that is what was signed: no contradiction
        (InvalidProof, changed(root=bytes(32))),  # the path does not start there
        (InvalidProof, changed(path=list(split.path[:-1]))),
        (InvalidProof, changed(path=[*split.path[:-1], bytes(32)])),
        (InvalidProof, changed(root=b"")),
        (DecodeError, changed(first=split.second, second=split.first)),
        (DecodeError, changed(first="text")),
        (DecodeError, changed(path=b"")),
        (DecodeError, changed(more=b"")),
        (DecodeError, cbor.encode([1])),
        (DecodeError, cbor.encode(5)),
        (DecodeError, cbor.encode(["path", "root", "first", "second"])),
        (InvalidProof, changed(first=split.second, root=bytes(32))),  # one head twice
        (InvalidProof, changed(first=split.second, root=FALSE.root(11), path=[])),
        (DecodeError, split.raw[:-1]),
        (DecodeError, bytes(witness.MAX_SPLIT_BYTES + 1)),
        (SignatureError, changed(second=head(FALSE, 11, OTHER))),
        (InvalidProof, changed(second=head(FALSE, 11, origin="example.com/another"))),
    ]
    ana = Witness(KEY)
    for error, raw in wrong:
        with pytest.raises(error):
            ana.convict(raw)
    assert not ana.split


def test_proofs_about_another_log_of_that_key() -> None:
    log = Witness(KEY, "go.sum database tree")
    assert log.hear(head(TRUE, 2, origin="go.sum database tree"))
    with pytest.raises(InvalidProof):
        log.convict(good().raw)


@pytest.mark.fault("F117")
def test_what_was_stored_is_not_believed_without_a_look() -> None:
    """A damaged file must not make an honest log a liar for good."""
    proof = good().raw
    convinced = Witness(KEY, head=head(TRUE, 6), split=proof)
    with pytest.raises(Forked) as caught:
        convinced.hear(head(TRUE, 7), path(TRUE, 6, 7))
    assert caught.value.proof == proof
    for shown in (head(TRUE, 7), b"garbage"):
        with pytest.raises(Forked):
            Witness(KEY, split=proof).hear(shown)  # one that has no head, either
    wrong: list[tuple[type[RemoteError], bytes]] = [
        (DecodeError, b"garbage"),
        (DecodeError, proof[:-1]),
        (InvalidProof, changed(root=TRUE.root(6))),
        (SignatureError, changed(first=head(TRUE, 6, OTHER))),
    ]
    for error, split in wrong:
        with pytest.raises(error):
            Witness(KEY, split=split)
    with pytest.raises(DecodeError):
        Witness(KEY, head=head(TRUE, 6)[:-1])


@pytest.mark.parametrize("view", [bytearray, memoryview])
def test_a_buffer_that_changes_later_changes_no_memory(view: Callable[[bytes], bytes]) -> None:
    ana, buffer = Witness(KEY), bytearray(head(TRUE, 7))
    shown = buffer if view is bytearray else memoryview(buffer)
    assert ana.hear(shown)  # type: ignore[arg-type]
    buffer[:] = bytes(len(buffer))
    assert ana.head == head(TRUE, 7)
    assert Witness(KEY, head=view(ana.head)).head == ana.head
    with pytest.raises(Forked) as caught:
        ana.hear(view(head(FALSE, 7)))
    assert read_split(view(caught.value.proof), KEY).raw == caught.value.proof
    proof = bytearray(caught.value.proof)
    ben = Witness(KEY)
    ben.convict(proof if view is bytearray else memoryview(proof))  # type: ignore[arg-type]
    proof[:] = bytes(len(proof))
    assert ben.split == caught.value.proof


@pytest.mark.parametrize("wrong", ["a" * 32, 5, None, [0] * 32])
def test_a_path_of_other_things_proves_nothing(wrong: Any) -> None:
    ana = Witness(KEY, head=head(TRUE, 6))
    with pytest.raises(InvalidProof):
        ana.hear(head(TRUE, 8), [wrong] * len(path(TRUE, 6, 8)))
    assert (ana.size, ana.split) == (6, b"")


@given(st.data())
def test_a_changed_proof_of_a_split_is_refused_by_name(data: st.DataObject) -> None:
    proof = bytearray(good().raw)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(proof) - 1))
        proof[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=2))
    if proof == good().raw:
        return
    with pytest.raises((DecodeError, SignatureError, InvalidProof)):
        read_split(bytes(proof), KEY)


@pytest.mark.fault("F117")
def test_forged_heads_before_and_after_the_true_one() -> None:
    forged = head(TRUE, 7).replace(b"\n7\n", b"\n8\n")
    ana = Witness(KEY)
    for wrong in (forged, head(TRUE, 7, OTHER), b""):
        with pytest.raises((DecodeError, SignatureError)):
            ana.hear(wrong)
    assert (ana.size, ana.head) == (0, b"")
    assert ana.hear(head(TRUE, 7))
    for wrong in (forged, head(FALSE, 7, OTHER), b""):
        with pytest.raises((DecodeError, SignatureError)):
            ana.hear(wrong, path(TRUE, 7, 8))
    assert ana.hear(head(TRUE, 8), path(TRUE, 7, 8))
    with pytest.raises(InvalidProof):
        ana.convict(changed(root=TRUE.root(6)))
    assert ana.split == b""


def test_a_proof_of_a_split_of_the_largest_size_can_be_read() -> None:
    longest = witness.SplitView(bytes(witness.MAX_NOTE_BYTES), bytes(witness.MAX_NOTE_BYTES), bytes(32))
    longest = witness.SplitView(longest.first, longest.second, longest.root, (bytes(32),) * 65)
    assert witness._decode(longest.raw) == longest
    assert len(longest.raw) <= witness.MAX_SPLIT_BYTES < len(longest.raw) + 64
    with pytest.raises(DecodeError, match="something follows"):
        witness._decode(bytes(witness.MAX_SPLIT_BYTES))
    with pytest.raises(DecodeError, match="the most"):
        witness._decode(bytes(witness.MAX_SPLIT_BYTES + 1))
