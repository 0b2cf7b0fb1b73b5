"""How a suite says that a rule is broken."""

from __future__ import annotations

import pytest

from p2plib.data.stores.rules import RuleBroken, demand, raises


def test_what_holds_is_silent_and_what_does_not_is_the_sentence() -> None:
    demand(True, "never said")
    with pytest.raises(RuleBroken, match=r"^a key is lost$"):
        demand(False, "a key is lost")


def test_an_error_of_the_right_class_or_a_kind_of_it_is_what_is_wanted() -> None:
    raises(KeyError, lambda: {}["k"], "getting")
    raises(LookupError, lambda: {}["k"], "getting")


def test_no_error_or_another_is_a_broken_rule() -> None:
    with pytest.raises(RuleBroken, match=r"^getting gave 'x+ and should have raised KeyError$"):
        raises(KeyError, lambda: "x" * 1000, "getting")
    with pytest.raises(RuleBroken, match=r"^getting raised ValueError\(.*\), not KeyError$") as caught:
        raises(KeyError, lambda: int("x"), "getting")
    assert isinstance(caught.value.__cause__, ValueError)


def test_what_ends_a_program_is_not_held_for_an_error() -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        raises(KeyError, stop, "getting")
