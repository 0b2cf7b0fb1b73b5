"""Run the cases on both sides and compare what was observed."""

from __future__ import annotations

import asyncio
import functools
import gc
import importlib
import inspect
import pkgutil
import subprocess
from collections.abc import Callable
from typing import Any

from tests.interop.namespace import Namespace, unshare_command, why_no_namespace
from tests.sim.like_real import cases, machines
from tests.sim.like_real.words import plain

CASE_LIMIT_S = 60.0
ALL_LIMIT_S = 900.0  # real ones: twenty seconds on an idle machine

Case = Callable[[machines.Machine, machines.Machine], Any]


@functools.cache
def why_no_real_machines() -> str | None:
    """Say in one sentence why there is nothing to compare with here; None when there is."""
    reason = why_no_namespace()
    if reason is not None:
        return reason
    command = unshare_command()
    assert command is not None
    cable = [*command, "ip", "link", "add", "seg0", "type", "veth", "peer", "name", "seg1"]
    if subprocess.run(cable, capture_output=True).returncode != 0:
        return "this kernel has no virtual Ethernet (veth), by which two network namespaces could be joined"
    return None


def all_cases(only: str = "") -> dict[str, Case]:
    """Find the cases, in the order of their families' names and of their files.

    Args:
        only: a family, or the whole name of a case; all of them if it is empty.

    Returns:
        The function of each case, by "family.case".
    """
    found = {}
    for part in sorted(pkgutil.iter_modules(cases.__path__), key=lambda part: part.name):
        module = importlib.import_module(f"{cases.__name__}.{part.name}")
        for name, function in vars(module).items():
            if inspect.iscoroutinefunction(function) and function.__module__ == module.__name__:
                found[f"{part.name}.{name}"] = function
    chosen = {name: case for name, case in found.items() if not name.rpartition(".")[2].startswith("_")}
    return {name: case for name, case in chosen.items() if only in ("", name, name.partition(".")[0])}


async def observed(case: Case, here: machines.Machine, there: machines.Machine) -> Any:
    """Run one case; what it observed, or what it raised where it should not have."""
    try:
        return plain(await asyncio.wait_for(case(here, there), CASE_LIMIT_S))
    except Exception as error:
        return [f"raised {type(error).__name__}: {error}".split("\n")[0]]


def run_real_cases(only: str = "") -> dict[str, Any]:
    """Run the cases on two real network stacks; to be called in a network namespace of its own."""
    here, there = machines.real()
    found = {}
    for name, case in all_cases(only).items():
        found[name] = asyncio.run(observed(case, here, there))
        gc.collect()  # what a case left open is closed with it
    return found


def on_linux(only: str = "") -> dict[str, Any]:
    """Run the cases in a private network namespace; what each observed, by the case's name."""
    with Namespace(timeout_s=ALL_LIMIT_S) as namespace:
        found: dict[str, Any] = namespace.run_together(run_real_cases, only, timeout_s=ALL_LIMIT_S)
    return found


def in_simulator(only: str = "") -> dict[str, Any]:
    """Run each case in a simulated internet of its own; what it observed, by the case's name."""
    return {name: simulate(case) for name, case in all_cases(only).items()}


def simulate(case: Case) -> Any:
    """Run one case in a simulated internet."""
    net, here, there = machines.simulated()

    async def main(_: Any) -> Any:
        return await net.hosts["here"].run(observed(case, here, there))

    try:
        return net.run(main)
    except Exception as error:
        return [f"the run raised {type(error).__name__}: {error}".split("\n")[0]]
