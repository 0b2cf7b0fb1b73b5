"""Digests: what the one who asks has, and what is left out for it."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from p2plib.data.hypercore import flat_tree
from p2plib.data.hypercore.bitfield import BlockBits
from p2plib.data.hypercore.core import Hypercore
from p2plib.data.hypercore.digest import digest_of, known_by_digest
from tests.data.hypercore.feeds import AUTHOR, content, feed


def bits_of(*nodes: int) -> BlockBits:
    bits = BlockBits()
    for node in nodes:
        bits.set_node(node)
    return bits


def test_known_answers() -> None:
    """Computed by npm hypercore 9.12.0, as its `feed.digest(block)`."""
    assert digest_of(0, bits_of(), 8) == 0
    assert digest_of(0, bits_of(0), 8) == 1
    assert digest_of(0, bits_of(2), 8) == 0b10
    assert digest_of(0, bits_of(3), 8) == 0b1001
    assert digest_of(0, bits_of(5, 3), 8) == 0b1101
    assert digest_of(0, bits_of(2, 5, 3), 8) == 1
    assert digest_of(0, bits_of(2, 1), 8) == 1
    assert digest_of(6, bits_of(4, 1), 4) == 0b110


def test_what_a_digest_says() -> None:
    assert known_by_digest(0, 0) == set()
    assert known_by_digest(0, 1) == {0}
    assert known_by_digest(0, 0b10) == {2}
    assert known_by_digest(0, 0b1001) == {3}
    assert known_by_digest(0, 0b1101) == {3, 5}
    assert known_by_digest(6, 0b110) == {4, 1}


def test_no_digest_takes_long() -> None:
    assert len(known_by_digest(2**40, 2**64 - 1)) <= 64


def test_siblings_that_are_there_are_left_out() -> None:
    """A copy of three blocks asks for the fourth, which makes one tree of their two."""
    author, copy = feed(3), Hypercore(AUTHOR.public)
    copy.put(0, content(0), author.prove(0))
    author.append(content(3))
    digest = copy.digest(3)
    assert digest == 0b110
    proof = author.prove(3, digest)
    assert proof.nodes == ()
    assert len(proof.signature) == 64
    assert copy.put(3, content(3), proof)
    assert [node.index for node in author.prove(3, 0b10).nodes] == [1]


@settings(max_examples=60)
@given(st.integers(1, 70), st.data())
def test_a_proof_for_a_digest_is_enough_and_no_more(length: int, data: st.DataObject) -> None:
    """A copy that has some blocks gets another one: it believes it, and is sent nothing that it has."""
    author, copy = feed(length), Hypercore(AUTHOR.public)
    order = data.draw(st.permutations(range(length)))
    for block in order[:12]:
        proof = author.prove(block, copy.digest(block))
        has = [node.index for node in proof.nodes if copy.storage.bits.has_node(node.index)]
        roots = set(flat_tree.full_roots(length))
        assert set(has) <= roots, "only a full root may come again"
        assert copy.put(block, content(block), proof)
        assert copy.get(block) == content(block)
