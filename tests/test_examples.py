"""The examples, run as a stranger would run them: their own tests, in a process of its own."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from p2plib.sim.pytest_plugin import SECTION
from tests.conftest import ROOT

EXAMPLE = ROOT / "examples" / "test-your-own"
WITHOUT = [word for name in ("nbval", "hypothesispytest", "anyio", "xdist") for word in ("-p", f"no:{name}")]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the example, away from this repository and its settings."""
    return shutil.copytree(EXAMPLE, tmp_path / "project", ignore=shutil.ignore_patterns("__pycache__"))


def run(project: Path, *words: str) -> tuple[int, str]:
    command = [sys.executable, *words]
    around = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=300, env=around)
    return done.returncode, done.stdout + done.stderr


def test_its_tests_pass(project: Path) -> None:
    code, said = run(project, "-m", "pytest", *WITHOUT, "-q", "--sim-seeds", "10")
    assert code == 0, said
    assert "21 passed" in said


def test_its_first_version_fails_and_the_failure_can_be_had_again(project: Path) -> None:
    seeds = ["--sim-seeds", "4", "--sim-pcap", "captures"]
    code, said = run(project, "-m", "pytest", *WITHOUT, "-q", "--before", *seeds)
    assert code == 1, said
    failed = re.findall(r"^FAILED tests/test_talking_stick.py::(\S+)", said, re.M)
    assert "test_thirty_bad_evenings" in failed
    assert not [name for name in failed if "everybody" in name], "without faults it passes"
    assert "loses its power" in said, "what the search has found"

    assert f"- {SECTION} -" in said
    again = re.search(r"to run it again: (pytest .* --before .*)", said)
    assert again
    assert list((project / "captures").glob("test_a_bad_evening-seed*.pcapng"))
    code, said = run(project, "-m", *shlex.split(again[1]))
    assert code == 1
    assert "1 failed" in said


def test_the_command_in_its_readme(project: Path) -> None:
    text = (EXAMPLE / "README.md").read_text("utf8")
    command = text[text.index("    python -m p2plib.sim") :].split("\n\n")[0].replace("\\\n", "")
    words = [re.sub(r"^\"|\"$", "", word) for word in re.findall(r'"[^"]*"|\S+', command)][1:]
    code, said = run(project, *words)
    assert code == 0, said
    assert len(re.findall(r"^spoke from", said, re.M)) == 2
    assert (project / "evening.pcapng").stat().st_size > 1000


def test_it_asks_for_nothing_but_the_simulator_and_pytest() -> None:
    settings = tomllib.loads((EXAMPLE / "pyproject.toml").read_text("utf8"))["project"]
    assert "dependencies" not in settings
    assert [re.split("[>=]", name)[0] for name in settings["optional-dependencies"]["test"]] == [
        "p2plib[sim]",
        "pytest",
    ]
    program = (EXAMPLE / "talking_stick.py").read_text("utf8")
    assert "p2plib" not in program, "a program knows nothing of how it is tested"


def test_its_ci_file_runs_what_the_tests_have() -> None:
    jobs = yaml.safe_load((EXAMPLE / ".github/workflows/tests.yml").read_text("utf8"))["jobs"]
    commands = [step["run"] for step in jobs["simulate"]["steps"] if "run" in step]
    assert len([command for command in commands if "--sim-seeds" in command and "--sim-pcap" in command]) == 2


def test_the_files_that_its_readme_lists_are_there() -> None:
    text = (EXAMPLE / "README.md").read_text("utf8").split("## The files")[1].split("##")[0]
    listed = re.findall(r"^    (\S+)", text, re.M)
    assert len(listed) >= 6
    assert all((EXAMPLE / name).is_file() for name in listed)
