"""Claims: the tie-break of RFC 6762 with its own example, the states, the next name."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.discovery.mdns.claims import MANY_CONFLICTS, Claim, ClaimState, next_label, tie_break
from p2plib.discovery.mdns.names import DomainName
from p2plib.discovery.mdns.records import A, ResourceRecord, Txt
from p2plib.discovery.mdns.service import Offer
from p2plib.errors import UsageError
from tests.discovery.mdns.dns_strategies import PLAIN_LABELS, records

NAME = DomainName.parse("MyPrinter.local")


def addresses(*hosts: str) -> list[ResourceRecord]:
    return [ResourceRecord(NAME, A(host), 120, cache_flush=True) for host in hosts]


def test_the_example_of_rfc_6762() -> None:
    """Section 8.2: 169.254.200.50 is later than 169.254.99.200, because 200 is more than 99."""
    assert tie_break(addresses("169.254.99.200"), addresses("169.254.200.50")) == -1
    assert tie_break(addresses("169.254.200.50"), addresses("169.254.99.200")) == 1


def test_bytes_are_compared_without_a_sign_and_classes_without_the_flush_bit() -> None:
    plain = [ResourceRecord(NAME, A("192.0.2.1"), 120)]
    assert tie_break(plain, addresses("192.0.2.1")) == 0
    assert tie_break(addresses("10.0.0.128"), addresses("10.0.0.127")) == 1


def test_the_list_that_goes_on_wins_and_the_order_on_the_wire_does_not_count() -> None:
    """Section 8.2.1."""
    assert tie_break(addresses("10.0.0.1", "10.0.0.2"), addresses("10.0.0.1")) == 1
    assert tie_break(addresses("10.0.0.2", "10.0.0.1"), addresses("10.0.0.1", "10.0.0.2")) == 0
    text = [ResourceRecord(NAME, Txt((b"",)), 120)]
    assert tie_break(text, addresses("255.255.255.255")) == 1  # 16 is more than 1: types come before data


@given(st.lists(records(PLAIN_LABELS), max_size=4), st.lists(records(PLAIN_LABELS), max_size=4))
def test_of_two_one_wins(ours: list[ResourceRecord], theirs: list[ResourceRecord]) -> None:
    assert tie_break(ours, theirs) == -tie_break(theirs, ours)


@pytest.mark.parametrize(
    ("label", "after"),
    [
        ("ana", "ana-2"),
        ("ana-2", "ana-3"),
        ("ana-9", "ana-10"),
        ("ana-1", "ana-1-2"),
        ("x" * 63, "x" * 61 + "-2"),
        ("ü" * 31, "ü" * 30 + "-2"),
    ],
)
def test_the_next_label(label: str, after: str) -> None:
    assert next_label(label) == after
    assert len(after.encode()) <= 63


def test_an_empty_label() -> None:
    with pytest.raises(UsageError):
        next_label("")


def test_the_states() -> None:
    """Three probes 250 ms apart, an announcement, another a second later (8.1, 8.3)."""
    claim = Claim(1, "ana", Offer(NAME.parent, 4000, "192.168.1.7").records)
    claim.begin(random.Random(1), 100.0)
    assert 100.0 <= claim.next_at <= 100.25
    times, now = [], claim.next_at
    while claim.state is not ClaimState.ESTABLISHED:
        times.append(now)
        claim.step(now)
        now = claim.next_at
    gaps = [round(after - before, 3) for before, after in pairwise(times)]
    assert gaps == [0.25, 0.25, 0.25, 1.0]


def test_after_many_conflicts_it_waits() -> None:
    """RFC 6762, section 8.1: fifteen within ten seconds."""
    claim, rng = Claim(1, "ana", lambda label: addresses("192.0.2.1")), random.Random(1)
    claim.begin(rng, 0.0)
    for count in range(MANY_CONFLICTS):
        claim.conflict(rng, count * 0.1)
        assert (claim.next_at > count * 0.1 + 4) == (count == MANY_CONFLICTS - 1)
    claim.conflict(rng, 100.0)
    assert claim.next_at > 104  # it does not matter how long ago that was
    claim.state, claim.sent = ClaimState.ANNOUNCING, 1
    claim.step(110.0)
    claim.conflict(rng, 120.0)
    assert claim.next_at < 121  # but success does


def test_what_contradicts_a_claim() -> None:
    claim = Claim(1, "ana", lambda label: [*addresses("192.0.2.1"), ResourceRecord(NAME.parent, Txt((b"",)))])
    claim.begin(random.Random(1), 0.0)
    same, other, gone = *addresses("192.0.2.1", "192.0.2.2"), ResourceRecord(NAME, A("192.0.2.3"), 0)
    text, elsewhere = ResourceRecord(NAME, Txt((b"",))), ResourceRecord(NAME.parent, Txt((b"x",)))
    assert [claim.contradicts(record) for record in (same, other, gone, text, elsewhere)] == [
        False, True, False, True, False,
    ]  # fmt: skip
    claim.state = ClaimState.ESTABLISHED
    assert [claim.contradicts(record) for record in (same, other, gone, text, elsewhere)] == [
        False, True, False, False, False,
    ]  # fmt: skip
