"""Our own address, by vote: how many liars it takes."""

from __future__ import annotations

import pytest

from p2plib.discovery.mainline.outside import MAX_VOTERS, QUORUM, Outside
from p2plib.errors import UsageError

OURS, LIE = "203.0.113.7", "198.51.100.9"


def voter(network: int, last: int = 1) -> str:
    return f"30.{network >> 8}.{network & 255}.{last}"


def test_four_networks_agree() -> None:
    outside = Outside()
    for network in range(QUORUM):
        assert outside.agreed is None
        outside.heard(OURS, voter(network))
    assert outside.agreed == OURS


def test_a_liar_with_a_whole_network_is_one_voter() -> None:
    outside = Outside()
    for last in range(1, 255):
        outside.heard(LIE, voter(77, last))
    assert outside.agreed is None
    for network in range(QUORUM):
        outside.heard(OURS, voter(network))
    assert outside.agreed == OURS


def test_in_a_tie_nothing_is_agreed_on() -> None:
    outside = Outside()
    for network in range(8):
        outside.heard(OURS if network % 2 else LIE, voter(network))
    assert outside.agreed is None


def test_the_last_vote_of_a_network_counts() -> None:
    outside = Outside()
    for network in range(5):
        outside.heard(LIE, voter(network))
        outside.heard(OURS, voter(network))
    assert outside.agreed == OURS


def test_a_new_address_wins_once_enough_networks_have_seen_it() -> None:
    outside = Outside()
    for network in range(100):
        outside.heard(OURS, voter(network))
    for network in range(100, 100 + MAX_VOTERS // 2):
        outside.heard("203.0.113.8", voter(network))
    assert outside.agreed is None  # it is a tie
    outside.heard("203.0.113.8", voter(200))
    assert outside.agreed == "203.0.113.8"


def test_the_network_that_is_forgotten_is_the_one_longest_unheard() -> None:
    outside = Outside()
    for network in range(MAX_VOTERS):
        outside.heard(OURS if network < MAX_VOTERS // 2 + 1 else LIE, voter(network))
    for network in range(MAX_VOTERS // 2 + 1):
        outside.heard(OURS, voter(network))  # heard again: now the liars are the oldest
    for network in range(100, 104):
        outside.heard(LIE, voter(network))
    assert outside.agreed == OURS


@pytest.mark.parametrize(
    ("claimed", "from_host"),
    [
        ("10.0.0.1", "30.1.2.3"),  # an address of some local network, said by somebody outside
        ("127.0.0.1", "30.1.2.3"),
        ("0.0.0.0", "30.1.2.3"),
        ("239.1.2.3", "30.1.2.3"),
        ("2600::1", "30.1.2.3"),
        ("30.1.2.3", "2600::1"),
        ("255.255.255.255", "127.0.0.1"),
    ],
)
def test_what_cannot_be_our_address_is_not_heard(claimed: str, from_host: str) -> None:
    outside = Outside()
    outside.heard(claimed, from_host)
    assert outside.not_heard == 1
    for network in range(QUORUM - 1):
        outside.heard(OURS, voter(network))
    assert outside.agreed is None


def test_on_one_machine_loopback_addresses_are_heard() -> None:
    outside = Outside()
    for network in range(QUORUM):
        outside.heard("127.9.0.9", f"127.{network}.0.1")
    assert outside.agreed == "127.9.0.9"


def test_what_is_no_address_is_the_callers_mistake() -> None:
    with pytest.raises(UsageError):
        Outside().heard("me", "30.1.2.3")
