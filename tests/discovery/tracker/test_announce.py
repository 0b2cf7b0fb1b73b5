"""The values of an announce: what may be sent, and what a tracker may ask of us."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.discovery.tracker.announce import (
    MAX_INTERVAL_S,
    MIN_INTERVAL_S,
    Announce,
    Event,
    checked_announce,
    checked_hashes,
    clamped,
)
from p2plib.errors import UsageError


@pytest.mark.fault("F066")
@pytest.mark.parametrize(
    ("said", "least", "kept"),
    [(0, 0, 60), (1, 0, 60), (1800, 0, 1800), (1800, 3600, 3600), (2**32 - 1, 0, 7200), (0, 2**32 - 1, 7200)],
)
def test_an_interval_is_clamped(said: int, least: int, kept: int) -> None:
    assert clamped(said, least) == kept


@given(st.integers(-(2**70), 2**70), st.integers(-(2**70), 2**70))
def test_whatever_is_said_it_is_minutes_and_not_days(said: int, least: int) -> None:
    assert MIN_INTERVAL_S <= clamped(said, least) <= MAX_INTERVAL_S


def test_the_numbers_of_events_are_those_of_bep_15() -> None:
    assert [event.name for event in sorted(Event)] == ["UPDATE", "COMPLETED", "STARTED", "STOPPED"]


@pytest.mark.parametrize(
    "changes",
    [{"info_hash": bytes(19)}, {"peer_id": bytes(21)}, {"port": 0}, {"port": 65536}, {"left": -1},
     {"uploaded": 2**63}, {"downloaded": -1}, {"numwant": -1}, {"key": -1}],
    ids=str,
)  # fmt: skip
def test_what_cannot_be_sent(changes: dict[str, object]) -> None:
    fields: dict[str, object] = {"info_hash": bytes(20), "peer_id": bytes(20), "port": 1}
    assert checked_announce(Announce(**fields))  # type: ignore[arg-type]
    with pytest.raises(UsageError):
        checked_announce(Announce(**{**fields, **changes}))  # type: ignore[arg-type]


def test_how_many_hashes_a_scrape_has() -> None:
    assert len(checked_hashes((bytes(20),) * 74)) == 74
    for hashes in ((), (bytes(20),) * 75, (bytes(21),)):
        with pytest.raises(UsageError):
            checked_hashes(hashes)
