"""Stand-ins: put in once, taken out once, in the namespace of a module or a class."""

from __future__ import annotations

from types import ModuleType, SimpleNamespace
from typing import Any

from p2plib.sim.clock.stand_ins import StandIns


class Base:
    def inherited(self) -> str:
        return "real"


class Owner(Base):
    @classmethod
    def made(cls) -> str:
        return f"real {cls.__name__}"


def test_what_was_there_is_there_again_and_what_was_absent_is_absent() -> None:
    module: Any = ModuleType("module")
    module.known = known = object()
    before = dict(vars(Owner))

    def put_in(stand_ins: StandIns) -> None:
        stand_ins.put_in(module, "known", 1)
        stand_ins.put_in(module, "lacking", 2)
        stand_ins.put_in(Owner, "made", classmethod(lambda cls: "instead"))
        stand_ins.put_in(Owner, "inherited", lambda self: "instead")

    with StandIns(put_in).in_place():
        assert (module.known, module.lacking) == (1, 2)
        assert (Owner.made(), Owner().inherited()) == ("instead", "instead")
    assert module.known is known
    assert not hasattr(module, "lacking")
    assert (Owner.made(), Owner().inherited()) == ("real Owner", "real")
    assert set(vars(Owner)) == set(before), "what is inherited is inherited again"


def test_the_first_puts_in_and_the_last_takes_out() -> None:
    seen: list[str] = []
    place = SimpleNamespace(name="real")

    def put_in(stand_ins: StandIns) -> None:
        seen.append("in")
        stand_ins.afterwards(lambda: seen.append(f"after {place.name}"))
        stand_ins.put_in(place, "name", "stand-in")

    stand_ins = StandIns(put_in)
    first, second = stand_ins.in_place(), stand_ins.in_place()
    first.__enter__()
    second.__enter__()
    assert stand_ins.are_in
    first.__exit__(None, None, None)
    assert (place.name, stand_ins.are_in, seen) == ("stand-in", True, ["in"])
    second.__exit__(None, None, None)
    assert (place.name, stand_ins.are_in, seen) == ("real", False, ["in", "after real"])
    with stand_ins.in_place():
        assert place.name == "stand-in"
    assert seen == ["in", "after real"] * 2


def test_what_somebody_else_has_put_there_meanwhile_stays() -> None:
    place = SimpleNamespace(name="real")
    stand_ins = StandIns(lambda put: put.put_in(place, "name", "stand-in"))
    with stand_ins.in_place():
        place.name = "a program's own"
    assert place.name == "a program's own"
    with stand_ins.in_place():
        del place.name
    assert not hasattr(place, "name")
