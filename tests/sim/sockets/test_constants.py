"""The numbers that stand in where Python has no name for one."""

from __future__ import annotations

import socket
import sys
from importlib.util import find_spec, module_from_spec
from types import ModuleType

import pytest

from p2plib.sim.sockets import constants
from p2plib.sim.sockets.constants import LINUX


def numbers(module: ModuleType) -> dict[str, int]:
    return {name: value for name, value in vars(module).items() if name.isupper() and name != "LINUX"}


def where_python_has(names: dict[str, int], monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return the module as it is where the module `socket` has these constants and no others."""
    lacking = ModuleType("socket")
    vars(lacking).update(names)
    monkeypatch.setitem(sys.modules, "socket", lacking)
    spec = find_spec(constants.__name__)
    assert spec is not None
    assert spec.loader is not None
    bare = module_from_spec(spec)
    spec.loader.exec_module(bare)
    return bare


@pytest.mark.skipif(sys.platform != "linux", reason="the numbers are Linux'")
def test_the_numbers_that_stand_in_are_linuxs(monkeypatch: pytest.MonkeyPatch) -> None:
    here = {name: int(getattr(socket, name)) for name in numbers(constants) if hasattr(socket, name)}
    bare = numbers(where_python_has({}, monkeypatch))
    assert len(here) > 20
    assert {name: bare[name] for name in here} == here
    assert bare.keys() == numbers(constants).keys()


def test_where_python_has_a_number_it_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    bsds = where_python_has({"SO_REUSEADDR": 4}, monkeypatch)
    assert (bsds.SO_REUSEADDR, bsds.LINUX["SO_REUSEADDR"], bsds.SO_REUSEPORT) == (4, 4, 15)


@pytest.mark.skipif(sys.platform != "linux", reason="they are what Linux has")
def test_python_has_on_linux_what_is_put_into_its_module() -> None:
    assert {name: getattr(socket, name) for name in LINUX} == LINUX
