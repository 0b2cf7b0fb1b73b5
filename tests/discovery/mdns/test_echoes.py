"""Echoes: each datagram of ours is taken once when it comes back, and not for long."""

from __future__ import annotations

from p2plib.discovery.mdns.echoes import ECHO_WITHIN_S, Echoes


def test_one_copy_is_ours_and_the_next_is_not() -> None:
    echoes = Echoes()
    echoes.sent(b"hello", 0.0)
    assert not echoes.takes(b"other", 0.1)
    assert echoes.takes(b"hello", 0.1)
    assert not echoes.takes(b"hello", 0.2)


def test_what_was_sent_twice_comes_back_twice() -> None:
    echoes = Echoes()
    echoes.sent(b"hello", 0.0)
    echoes.sent(b"hello", 0.5)
    assert [echoes.takes(b"hello", 0.6) for _ in range(3)] == [True, True, False]


def test_the_same_again_after_the_first_copy_has_come_back() -> None:
    echoes = Echoes()
    echoes.sent(b"hello", 0.0)
    assert echoes.takes(b"hello", 0.1)
    echoes.sent(b"hello", 0.9)
    assert echoes.takes(b"hello", 1.2)


def test_a_copy_that_was_lost_is_not_expected_for_ever() -> None:
    echoes = Echoes()
    for number in range(1000):
        echoes.sent(b"%d" % number, number * 0.01)
    assert not echoes.takes(b"1", 20.0)
    assert len(echoes._expected) == 0
    assert ECHO_WITHIN_S == 1.0
