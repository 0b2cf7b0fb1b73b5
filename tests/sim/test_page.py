"""The page "Test your own asyncio program" says what is so: its test file and its commands. So do the tables
of the libraries, in the reference."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from p2plib.sim import Internet, Link
from p2plib.sim.capture.pcap import pcap
from p2plib.sim.command_line import parser
from tests.conftest import ROOT
from tests.sim.capture.test_pcap_tshark import tshark_says
from tests.sim.like_real.differences import DIFFERENCES
from tests.sim.strangers.table import STRANGERS, Outcome, Stranger
from tests.sim.strangers.tried import TRIED

PAGE = ROOT / "book/src/introduction/test-your-own.md"
EXAMPLE = ROOT / "examples/test-your-own"
TABLES = ROOT / "book/reference/simulated-libraries.md"
TEXT = PAGE.read_text("utf8")


def rows(header: str, text: str) -> list[str]:
    """The rows of the table with this header, without the header and the line under it."""
    lines = text[text.index(header) :].split("\n\n")[0].splitlines()
    return lines[2:]


LIBRARIES = "| library | version | what is run | how it goes |"
BY_HAND = "| library | version | what was tried | how it went |"
CASES = "| case | in the simulator |"


def library_row(stranger: Stranger) -> str:
    told = stranger.outcome.value + (f": {stranger.why}" if stranger.why else "")
    return _row(stranger.package, stranger.version, stranger.uses, told)


def difference_row(case: str, what: str) -> str:
    return _row(case, what)


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def true_rows() -> dict[str, list[str]]:
    """What the tables must be, by their headers."""
    return {
        LIBRARIES: [library_row(stranger) for stranger in STRANGERS],
        BY_HAND: [library_row(stranger) for stranger in TRIED],
        CASES: [difference_row(*difference) for difference in DIFFERENCES.items()],
    }


@pytest.mark.parametrize("header", [LIBRARIES, BY_HAND, CASES])
def test_a_table_says_what_is_tested(header: str) -> None:
    found = rows(header, TABLES.read_text("utf8"))
    assert found == true_rows()[header], "python -m tests.sim.test_page writes them anew"


def test_the_readme_names_the_libraries_that_run_unchanged() -> None:
    section = (ROOT / "README.md").read_text("utf8").split("## A simulated internet")[1].split("\n## ")[0]
    sentence = section.split("to run unchanged, on real sockets first")[1].split(";")[0].partition(": ")[2]
    named = re.split(r",\s+|\s+and\s+", sentence.strip())
    unchanged = [one.package for one in STRANGERS if one.outcome is Outcome.UNCHANGED]
    assert sorted(named) == sorted(unchanged)


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.M | re.S)


def test_the_tests_that_the_page_shows_pass(tmp_path: Path) -> None:
    project = shutil.copytree(EXAMPLE, tmp_path / "project", ignore=shutil.ignore_patterns("__pycache__"))
    (shown,) = blocks("python")
    (project / "tests" / "test_talking_stick.py").write_text(shown)
    without = [
        word for name in ("nbval", "hypothesispytest", "anyio", "xdist") for word in ("-p", f"no:{name}")
    ]
    for before, code, summary in (((), 0, "6 passed"), (("--before",), 1, " failed, ")):
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", *without, *before, "--sim-seeds", "3"],
            cwd=project, capture_output=True, text=True, timeout=300,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        )  # fmt: skip
        assert done.returncode == code, done.stdout
        assert summary in done.stdout


def test_the_ci_steps_are_the_examples() -> None:
    (shown,) = blocks("yaml")
    whole = yaml.safe_load((EXAMPLE / ".github/workflows/tests.yml").read_text("utf8"))
    steps = yaml.safe_load(shown)
    assert len(steps) == 3
    assert whole["jobs"]["simulate"]["steps"][-3:] == steps


def command_lines() -> list[list[str]]:
    lines = "".join(blocks("bash")).replace("\\\n", "").splitlines()
    return [words for line in lines if (words := shlex.split(line, comments=True))]


def test_its_command_lines_are_understood() -> None:
    commands = command_lines()
    ours = [words[3:] for words in commands if words[:3] == ["python", "-m", "p2plib.sim"]]
    assert len(ours) == 4
    for words in ours:
        parser().parse_args(words)
    assert {words[0] for words in commands} == {"python", "tshark"}


@pytest.mark.parametrize("number", range(4))
def test_its_questions_to_tshark_are_understood(number: int, tmp_path: Path) -> None:
    words = [words for words in command_lines() if words[0] == "tshark"][number][3:]
    net = Internet(3, link=Link(latency=0.04, loss=0.2))
    net.run(conversation)
    said = tshark_says(pcap(net.trace), tmp_path, *words)
    expected = ["TCP", "TCP", "Retransmission", "hello"][number]
    assert expected in said


async def conversation(net: Internet) -> None:
    """Ben says hello to a server, twenty times."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(line)
        writer.close()

    async def ask() -> None:
        reader, writer = await asyncio.open_connection("server", 80)
        for _ in range(20):
            writer.write(b"hello\n")
            await reader.readline()
        writer.close()
        await writer.wait_closed()

    with net.host("server"):
        server = await asyncio.start_server(answer, "0.0.0.0", 80)
    await net.host("ben").run(ask())
    server.close()


def test_its_options_of_pytest_are_there() -> None:
    told = re.findall(r"^\| `(--sim-\w+)", TEXT, re.M)
    plugin = (ROOT / "p2plib/sim/pytest_plugin.py").read_text("utf8")
    assert sorted(told) == sorted(set(re.findall(r'addoption\(\s*"(--[\w-]+)"', plugin)))


def write() -> None:
    """Write the tables anew."""
    text = TABLES.read_text("utf8")
    for header, true in true_rows().items():
        at = text.index(header)
        head = text[at:].splitlines()[:2]
        end = at + len("\n".join(text[at:].split("\n\n")[0].splitlines()))
        text = text[:at] + "\n".join([*head, *true]) + text[end:]
    TABLES.write_text(text, "utf8")


if __name__ == "__main__":
    write()
