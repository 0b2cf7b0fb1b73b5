"""A pytest plugin: the fixture `internet`, and each test that uses it run under as many seeds as you like::

    def test_nothing_is_lost(internet):
        async def main(net):
            ...
        internet.run(main)

And at the command line::

    pytest                                  with seed 0
    pytest --sim-seed 17                    with seed 17
    pytest --sim-seeds 100                  each such test a hundred times, with seeds 0 to 99
    pytest --sim-pcap FOLDER                the packets of each such test that fails, for Wireshark

A test that needs more than a plain internet says so in a mark, which takes what `Internet` takes::

    @pytest.mark.internet(link=Link(loss=0.02), faults=Chaos(crashes=1))
    def test_nothing_is_lost(internet): ...

A test that makes its own internets takes the fixture `sim_seed`, a number, and is repeated, too.

Rules:

* pytest finds this module by the package's entry point "pytest11"; there is nothing to import.
* When such a test fails, its report has the seed, how far virtual time had got, the digest of the trace, and
  how to run that test again, with the options of this run, for a project may have its own.
* This module does not import pytest, as the library must be importable without it. So the fixtures are made
  when pytest asks.
"""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path
from typing import Any

from p2plib.errors import UsageError
from p2plib.sim.capture.pcap import pcap
from p2plib.sim.internet import Internet

SECTION = "simulated internet"
DIGITS = 16  # of a digest: enough to tell runs apart by eye


def pytest_addoption(parser: Any) -> None:
    """Add the options `--sim-seed`, `--sim-seeds` and `--sim-pcap`."""
    group = parser.getgroup("p2plib", "tests in a simulated internet")
    group.addoption("--sim-seed", type=int, default=0, help="the (first) seed of each simulated internet")
    group.addoption("--sim-seeds", type=int, default=1, help="run each such test under this many seeds")
    group.addoption(
        "--sim-pcap",
        type=Path,
        metavar="FOLDER",
        help="write a capture of each failed test with `internet` to this folder",
    )


def pytest_configure(config: Any) -> None:
    """Register the fixtures and hooks, which need pytest itself."""
    import pytest

    if config.getoption("--sim-seeds") < 1:
        raise pytest.UsageError("--sim-seeds is how many seeds to try, 1 or more")
    config.addinivalue_line("markers", "internet(...): arguments of `Internet`, for the fixture `internet`")
    config.pluginmanager.register(_plugin(pytest), "p2plib-simulated-internet")


def _plugin(pytest: Any) -> Any:
    """Return the plugin object: an object because its fixtures and hooks are made by pytest's decorators."""

    captures: dict[str, str] = {}  # by name, of which test each is

    class SimulatedInternet:
        def pytest_generate_tests(self, metafunc: Any) -> None:
            """Repeat a test that uses a seed, if many were asked for."""
            first, seeds = (metafunc.config.getoption(name) for name in ("--sim-seed", "--sim-seeds"))
            if seeds > 1 and "sim_seed" in metafunc.fixturenames:
                numbers = range(first, first + seeds)
                metafunc.parametrize("sim_seed", numbers, ids=map(_id, numbers), indirect=True)

        @pytest.fixture  # type: ignore[untyped-decorator]
        def sim_seed(self, request: Any) -> int:
            """The seed of this run of the test; see `--sim-seed` and `--sim-seeds`."""
            return int(getattr(request, "param", request.config.getoption("--sim-seed")))

        @pytest.fixture  # type: ignore[untyped-decorator]
        def internet(self, sim_seed: int, request: Any) -> Internet:
            """A `p2plib.sim.Internet` of this seed, as the test's mark `internet` says if it has one."""
            mark = request.node.get_closest_marker("internet")
            return Internet(sim_seed) if mark is None else _marked(sim_seed, mark)

        @pytest.hookimpl(wrapper=True)  # type: ignore[untyped-decorator]
        def pytest_runtest_makereport(self, item: Any) -> Any:
            """Add to the report of a failed test how to run it again."""
            report = yield
            made = getattr(item, "funcargs", {})
            if report.failed and "sim_seed" in made:
                seed, net = made["sim_seed"], made.get("internet")
                told, folder = _how(item, seed, net), item.config.getoption("--sim-pcap")
                if folder is not None and isinstance(net, Internet):
                    told += f"\nits packets: {_capture(folder, item, seed, net, captures)}"
                report.sections.append((SECTION, told))
            return report

    return SimulatedInternet()


def _id(seed: int) -> str:
    return f"seed{seed}"


def _capture(folder: Path, test: Any, seed: int, net: Internet, others: dict[str, str]) -> str:
    """Write the packets of a failed test to a file named after it, and return where they are, or why not.

    Args:
        folder: where captures go.
        test: pytest's item.
        seed: that of the run.
        net: the internet.
        others: which test each capture is of, by name; a second test with the same name gets a number.
    """
    plain = re.sub(r"\W+", "-", test.name).strip("-")
    plain = plain if _id(seed) in plain else f"{plain}-{_id(seed)}"
    name, number = plain, 1
    while others.setdefault(name, test.nodeid) != test.nodeid:
        number += 1
        name = f"{plain}-{number}"
    file = folder / f"{name}.pcapng"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file.write_bytes(pcap(net.trace))
    except OSError as error:
        return f"not written: {error}"
    return str(file)


def _marked(seed: int, mark: Any) -> Internet:
    """Return the internet that a mark asks for."""
    try:
        return Internet(seed, *mark.args, **mark.kwargs)
    except TypeError as error:
        raise UsageError(
            "the mark `internet` takes what Internet takes, by name, as in "
            f"@pytest.mark.internet(link=Link(loss=0.02)): {error}"
        ) from None


def _how(item: Any, seed: int, net: Any) -> str:
    """Return the lines of the report."""
    lines = [f"seed {seed}"]
    if isinstance(net, Internet):
        lines[0] += f", {net.time:.6g} virtual seconds, {len(net.trace)} packets"
        lines[0] += f", digest {net.trace.digest()[:DIGITS]}"
    file = os.path.relpath(item.path, item.config.invocation_params.dir)
    test = f"{file}::{_without_seed(item.nodeid.partition('::')[2], seed)}"
    again = ["pytest", *map(shlex.quote, _options(item.config)), f'"{test}"', f"--sim-seed {seed}"]
    return "\n".join([*lines, f"to run it again: {' '.join(again)}"])


def _options(config: Any) -> list[str]:
    """Return the options of this run, without the files that were named and without those of seeds."""
    here = list(config.invocation_params.args)
    words = [str(word) for word in getattr(config, "workerinput", {}).get("mainargv", ["", *here])[1:]]
    for named in config.option.file_or_dir or ():
        if named in words:
            del words[len(words) - 1 - words[::-1].index(named)]  # the last, for it may be an option's value
    kept = re.sub(r"--sim-seeds?[=\0][^\0]*\0", "", "".join(f"{word}\0" for word in words))
    return kept.split("\0")[:-1]


def _without_seed(test: str, seed: int) -> str:
    """Return the name of a test without the part that --sim-seeds has added, which --sim-seed does not."""
    mark = _id(seed)
    for added, plain in ((f"[{mark}]", ""), (f"[{mark}-", "["), (f"-{mark}-", "-"), (f"-{mark}]", "]")):
        test = test.replace(added, plain)
    return test
