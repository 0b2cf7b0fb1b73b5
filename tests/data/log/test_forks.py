"""Proofs of a fork: portable, of one encoding, and never false."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2plib.data.log import forks
from p2plib.data.log.validate import ClassicFormat
from p2plib.errors import DecodeError, InvalidEntry, UsageError
from p2plib.wire import cbor
from tests.data.log.shelf import ANA, CLASSIC, MAL, chain, open_feed

ENTRIES = chain(5)
OTHERS = ENTRIES[:2] + chain(3, said="other", after=ENTRIES[:2])
ONE, OTHER, NEXT = (CLASSIC.parse(raw) for raw in (ENTRIES[2], OTHERS[2], OTHERS[3]))
SAME_NUMBER = forks.prove(CLASSIC, ONE, OTHER)
NOT_EXTENDING = forks.prove(CLASSIC, ONE, NEXT)


@pytest.mark.fault("F110", "F117")
@pytest.mark.parametrize("proof", [SAME_NUMBER, NOT_EXTENDING])
def test_a_proof_convinces_anybody_with_the_authors_key(proof: forks.ForkProof) -> None:
    assert forks.read(proof.raw, CLASSIC, ANA.public) == proof
    assert proof.sequence == 3
    assert forks.is_about(proof.raw) == ANA.public
    assert open_feed().freeze(proof.raw)


def test_both_ways_round_it_is_one_proof() -> None:
    assert forks.prove(CLASSIC, OTHER, ONE) == SAME_NUMBER
    assert forks.prove(CLASSIC, NEXT, ONE) == NOT_EXTENDING


def test_what_does_not_contradict_proves_nothing() -> None:
    mals = CLASSIC.parse(chain(3, secret=MAL)[2])
    for one, other in ((ONE, ONE), (OTHER, NEXT), (ONE, CLASSIC.parse(ENTRIES[4])), (ONE, mals)):
        assert not forks.contradicts(one, other)
        with pytest.raises(UsageError):
            forks.prove(CLASSIC, one, other)


def members(**changes: object) -> bytes:
    value = {
        "author": ANA.public.raw,
        "first": SAME_NUMBER.first,
        "format": "classic",
        "second": SAME_NUMBER.second,
    }
    return cbor.encode({**value, **changes})  # type: ignore[dict-item]


def unsigned(raw: bytes) -> bytes:
    value = json.loads(raw)
    value["timestamp"] += 1
    return CLASSIC.parse(json.dumps(value).encode()).raw


@pytest.mark.fault("F110")
@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (members(second=SAME_NUMBER.first), "do not contradict"),
        (members(first=SAME_NUMBER.second, second=SAME_NUMBER.first), "wrong order"),
        (members(second=unsigned(SAME_NUMBER.second)), "^signature|wrong order"),
        (members(first=unsigned(SAME_NUMBER.first)), "^signature|wrong order"),
        (members(first=NOT_EXTENDING.second, second=NOT_EXTENDING.first), "wrong order"),
        (members(first=ENTRIES[0], second=ENTRIES[1]), "do not contradict"),
        (members(first=ENTRIES[0], second=ENTRIES[4]), "do not contradict"),
        (members(second=chain(3, secret=MAL)[2]), "another author's"),
        (members(author=MAL.public.raw), "another author"),
        (members(author=b"short"), "another author"),
        (members(format="entry"), "another format"),
        (members(format=b"classic"), "another type"),
        (members(first="text"), "another type"),
        (members(first=b""), "^json"),
        (members(first=b"{}"), "^order"),
        (members(first=json.dumps(json.loads(SAME_NUMBER.first)).encode()), "canonical form"),
        (members(more=1), "a map of"),
        (cbor.encode([]), "a map of"),
        (cbor.encode({}), "a map of"),
        (SAME_NUMBER.raw + b"\0", "proof"),
        (SAME_NUMBER.raw[:-1], "proof"),
        (b"", "proof"),
        (b"\x5b\xff\xff\xff\xff\xff\xff\xff\xff", "proof"),
        (b"\x9f" * 100_000, "proof"),
    ],
)
def test_a_false_proof_is_refused_and_changes_nothing(raw: bytes, why: str) -> None:
    feed = open_feed()
    feed.extend(ENTRIES)
    with pytest.raises(InvalidEntry, match=why):
        feed.freeze(raw)
    assert (feed.fork, len(feed)) == (None, 5)


def test_another_networks_entries_prove_nothing_here() -> None:
    private = ClassicFormat(bytes(32))
    made = [private.create(ANA, None, {"type": "test", "text": said}, 1) for said in ("one", "other")]
    proof = forks.prove(private, *made)
    assert forks.read(proof.raw, private, ANA.public) == proof
    with pytest.raises(InvalidEntry, match=r"^signature"):
        forks.read(proof.raw, CLASSIC, ANA.public)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(SAME_NUMBER.raw) - 1), st.integers(1, 255))
def test_every_changed_byte_spoils_it(place: int, change: int) -> None:
    raw = bytearray(SAME_NUMBER.raw)
    raw[place] ^= change
    with pytest.raises(InvalidEntry):
        forks.read(bytes(raw), CLASSIC, ANA.public)


@pytest.mark.parametrize(
    "raw", [b"", b"\xa0", cbor.encode({"author": b"x"}), cbor.encode({"author": 1}), b"\xff", bytes(200_000)]
)
def test_what_names_no_author(raw: bytes) -> None:
    with pytest.raises(DecodeError):
        forks.is_about(raw)
