"""Blocks that belong together, and who supplies them."""

from __future__ import annotations

from p2plib.data.blocks.bitswap.sessions import MAX_UNLED, Sessions


def test_suppliers_are_those_that_sent_something_and_are_still_here() -> None:
    sessions = Sessions()
    one, two = sessions.begin(), sessions.begin()
    assert (one, two, len(sessions)) == (1, 2, 2)
    sessions.supplied(one, "ana")
    sessions.supplied(one, "ben")
    sessions.supplied(one, "ana")
    assert (list(sessions.suppliers(one)), list(sessions.suppliers(two))) == (["ana", "ben"], [])
    sessions.forget("ana")
    assert list(sessions.suppliers(one)) == ["ben"]
    sessions.end(one)
    sessions.supplied(one, "ben")  # a block that came after the end
    assert (list(sessions.suppliers(one)), len(sessions)) == ([], 1)
    sessions.end(one)


def test_everybody_is_asked_about_its_first_blocks_until_somebody_sent_one() -> None:
    sessions = Sessions()
    session = sessions.begin()
    assert [sessions.is_unled(session) for _ in range(MAX_UNLED + 2)] == [True] * MAX_UNLED + [False] * 2
    led = sessions.begin()
    sessions.supplied(led, "ana")
    assert not sessions.is_unled(led)
    assert sessions.is_unled(0)  # no session: nobody is known to have it
