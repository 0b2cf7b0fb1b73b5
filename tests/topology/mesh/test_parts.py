"""Each timer of a mesh says what it is for, and a new link is up."""

from __future__ import annotations

from p2plib.machine.addresses import Contact
from p2plib.topology.mesh.parts import LinkState, Member, Timer


def test_every_timer_says_what_it_is_for() -> None:
    assert len({timer.value for timer in Timer}) == len(Timer)


def test_a_new_link_is_up_and_nobody_was_asked_about_it() -> None:
    one, other = (Member(Contact(i, ("192.0.2.1", 4000 + i))) for i in (1, 2))
    one.asked.add(7)
    assert (other.link, other.asked) == (LinkState.UP, set())
