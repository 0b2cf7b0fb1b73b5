"""Batches as bytes: typed in, round trips, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.data.stores.interfaces import Change, Delete, Put
from p2plib.data.stores.log_structured import batch
from p2plib.errors import DecodeError, UsageError

TYPED = bytes.fromhex("02000000 01 03000000 616461 04000000 31383135 00 03000000 62656e")
CHANGES = st.lists(
    st.builds(Put, st.binary(min_size=1, max_size=20), st.binary(max_size=50))
    | st.builds(Delete, st.binary(min_size=1, max_size=20)),
    max_size=8,
)


def test_typed_in() -> None:
    changes = [Put(b"ada", b"1815"), Delete(b"ben")]
    assert batch.encode(changes) == TYPED
    assert batch.decode(TYPED) == changes


@given(CHANGES)
def test_round_trip_and_fields(changes: list[Change]) -> None:
    raw = batch.encode(changes)
    assert batch.decode(raw) == changes
    assert b"".join(field.raw for field in batch.dissect(raw)) == raw


@given(CHANGES, st.data())
def test_cut_or_longer_is_refused(changes: list[Change], data: st.DataObject) -> None:
    raw = batch.encode(changes)
    with pytest.raises(DecodeError):
        batch.decode(raw[: data.draw(st.integers(0, len(raw) - 1))])
    with pytest.raises(DecodeError):
        batch.decode(raw + b"\0")


@given(st.binary(max_size=60))
def test_anything_else_is_a_decode_error_or_means_itself(raw: bytes) -> None:
    try:
        changes = batch.decode(raw)
    except DecodeError:
        return
    assert batch.encode(changes) == raw


@pytest.mark.parametrize(
    ("raw", "rule"),
    [
        ("ffffffff", "no room for 4294967295"),
        ("01000000 02 01000000 61", "not 2"),
        ("01000000 00 00000000", "at least one byte"),
        ("01000000 00 ffffffff 61", "ends inside"),
        ("01000000 01 01000000 61 ffffff7f", "ends inside"),
    ],
)
def test_each_rule(raw: str, rule: str) -> None:
    with pytest.raises(DecodeError, match=rule):
        batch.decode(bytes.fromhex(raw))


def test_a_batch_has_a_largest_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "MAX_BATCH_BYTES", 20)
    with pytest.raises(UsageError, match="at most 20"):
        batch.encode([Put(b"k", bytes(100))])
