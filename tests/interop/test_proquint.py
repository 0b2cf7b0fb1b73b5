"""Our `npm-mirrored` dialect and the npm module proquint 0.0.1, live, in both directions."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2plib.errors import DecodeError
from p2plib.identity import proquint
from tests.interop.peers import ForeignPeer

pytestmark = pytest.mark.interop

EVERY_PAIR = b"".join(number.to_bytes(2, "big") for number in range(65_536))


@pytest.fixture(scope="module")
def npm() -> Iterator[ForeignPeer]:
    with ForeignPeer("proquint.js") as peer:
        yield peer


def test_every_word_there_is(npm: ForeignPeer) -> None:
    """All 65,536, so nothing is left to chance."""
    [words] = npm.ask("encode", hex=[EVERY_PAIR.hex()])
    assert words == proquint.encode(EVERY_PAIR, "npm-mirrored")
    assert proquint.decode(words, "npm-mirrored") == EVERY_PAIR
    assert npm.ask("decode", text=[proquint.encode(EVERY_PAIR, "npm-mirrored")]) == [EVERY_PAIR.hex()]


@settings(max_examples=10, deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=20).map(lambda half: half * 2), min_size=1, max_size=100))
def test_random_data_both_ways(npm: ForeignPeer, values: list[bytes]) -> None:
    ours = [proquint.encode(value, "npm-mirrored") for value in values]
    theirs = npm.ask("encode", hex=[value.hex() for value in values])
    assert theirs == ours
    assert npm.ask("decode", text=ours) == [value.hex() for value in values]
    assert [proquint.decode(text, "npm-mirrored") for text in theirs] == values


def test_the_paper_differs_by_mirroring_and_by_nothing_else(npm: ForeignPeer) -> None:
    [theirs] = npm.ask("encode", hex=[EVERY_PAIR.hex()])
    paper = proquint.encode(EVERY_PAIR, "paper")
    assert proquint.mirror(theirs) == paper
    assert [word[::-1] for word in theirs.split("-")] == paper.split("-")
    same = sum(a == b for a, b in zip(theirs.split("-"), paper.split("-"), strict=True))
    assert same == 1024  # the palindromes: 16 x 4 x 16


def test_the_papers_own_vector_means_something_else_to_npm(npm: ForeignPeer) -> None:
    """127.0.0.1 is lusab-babad in the paper. The module writes other words and misreads the paper's."""
    assert npm.ask("encode", hex=["7f000001"]) == ["basul-dabab"]
    assert npm.ask("decode", text=["lusab-babad"]) == ["03371000"]
    assert proquint.encode(bytes([127, 0, 0, 1])) == "lusab-babad"


def test_what_npm_accepts_and_we_refuse(npm: ForeignPeer) -> None:
    """An unknown letter is number -1 to the module, which then computes with it; ours says which letter."""
    assert npm.ask("decode", text=["bazol", "bezol"]) == ["7bc0", "7bb0"]
    with pytest.raises(DecodeError) as refused:
        proquint.decode("bezol", "npm-mirrored")
    assert refused.value.offset == 1
