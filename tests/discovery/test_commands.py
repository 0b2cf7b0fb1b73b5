"""The command line: which part is run, how it ends, and what each end is called."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from p2plib.discovery import commands
from p2plib.discovery.commands import FAILED, FINE, PARTS, USAGE, main, part_called
from p2plib.errors import LocalError, UsageError


@pytest.fixture
def echo(monkeypatch: pytest.MonkeyPatch) -> None:
    """The parts are a tiny one, and one whose package is not installed."""
    parts = {"echo": "tests.discovery.echo_part", "gone": "not_installed_at_all.command"}
    monkeypatch.setattr(commands, "PARTS", parts)


@pytest.mark.usefixtures("echo")
def test_the_overview_has_a_line_for_each_part(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == FINE
    told = capsys.readouterr().out
    assert "  echo       a tiny directory" in told
    assert (
        "  gone       (gone needs the package not_installed_at_all: pip install 'p2plib[discovery]')" in told
    )
    assert main([]) == USAGE
    assert capsys.readouterr() == ("", told)


@pytest.mark.usefixtures("echo")
@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (["nothing"], USAGE, "there is no part called 'nothing'; there are echo, gone"),
        (["gone"], FAILED, "pip install 'p2plib[discovery]'"),
        (["echo", "--port", "1"], FAILED, "echo: port 1 is not ours"),
        (["echo", "--port", "2"], USAGE, "2 is no port"),
        (["echo", "--port", "many"], USAGE, "invalid int value"),
        (["echo", "--port", "3"], FINE, ""),
    ],
)
def test_how_it_ends(words: list[str], status: int, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == status
    assert told in capsys.readouterr().err


@pytest.mark.usefixtures("echo")
def test_the_options_of_a_part_are_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["echo", "--help"]) == FINE
    told = capsys.readouterr().out
    assert "a tiny directory" in told
    assert "--port" in told


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_one_line(number: signal.Signals) -> None:
    program = (
        "import sys; from p2plib.discovery import commands; "
        "commands.PARTS = {'echo': 'tests.discovery.echo_part'}; sys.exit(commands.main(['echo']))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout is not None
        assert running.stdout.readline().startswith("listening on 127.0.0.1:")
        running.send_signal(number)
        try:
            out, errors = running.communicate(timeout=30)
        finally:
            running.kill()  # it is gone, unless it did not listen
    assert (out, errors, running.returncode) == ("stopped\n", "", FINE)


def test_python_m_works() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "p2plib.discovery", "no such part"], capture_output=True, text=True, timeout=30
    )
    assert done.returncode == USAGE
    assert "there are bootstrap, mdns, dns, tracker, signal, dht, doctor" in done.stderr


@pytest.mark.parametrize("name", PARTS)
def test_each_part_has_what_a_part_needs(name: str) -> None:
    part = part_called(name)
    assert name == part.NAME
    assert part.SUMMARY
    assert "\n" not in part.SUMMARY


def test_a_module_of_ours_that_is_missing_is_a_bug_and_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "PARTS", {"odd": "p2plib.discovery.no_such_module"})
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        part_called("odd")


def test_the_errors_of_looking_for_a_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "PARTS", {"gone": "not_installed_at_all"})
    with pytest.raises(LocalError, match="needs the package not_installed_at_all"):
        part_called("gone")
    with pytest.raises(UsageError, match="there are gone"):
        part_called("dht")


@pytest.mark.fault("F160")
@pytest.mark.usefixtures("echo")
def test_what_a_stranger_says_cannot_draw_on_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    commands.say("here: \x1b[31mcat\r\nstopped \u202e caf\u00e9 \udcff")
    assert capsys.readouterr().out == "here: \\x1b[31mcat\\r\\nstopped \\u202e caf\u00e9 \\udcff\n"
    main(["\x1b[31m"])
    assert "\x1b" not in capsys.readouterr().err


@pytest.mark.parametrize("words", ["--help", "echo --port 0"])
def test_a_reader_that_has_gone_away_is_no_error(words: str) -> None:
    program = (
        "import sys; from p2plib.discovery import commands; "
        f"commands.PARTS = {{'echo': 'tests.discovery.echo_part'}}; "
        f"sys.exit(commands.main({words.split()!r}))"
    )
    read_end, write_end = os.pipe()
    os.close(read_end)
    done = subprocess.run(
        [sys.executable, "-c", program], stdout=write_end, stderr=subprocess.PIPE, text=True, timeout=30
    )
    os.close(write_end)
    assert (done.stderr, done.returncode) == ("", FINE)


@pytest.mark.fault("F175")
@pytest.mark.parametrize(
    "words",
    [
        "tracker --no-udp --http-port 99999", "tracker --no-udp --http-port -1", "tracker --interval 0",
        "signal --port 99999", "signal --port -1", "bootstrap --port 99999", "dns --port 99999",
        "dht --port -1",
        "dht --announce cats none", "dht --announce cats 99999", "mdns --group-port 99999",
        "doctor cats --bootstrap /ip4/127.0.0.1/udp/9 --within nan",
        "doctor cats --bootstrap /ip4/127.0.0.1/udp/9 --within -1",
        "doctor cats --bootstrap /ip4/127.0.0.1/udp/9 --within soon",
        "doctor cats\udcff --bootstrap /ip4/127.0.0.1/udp/9",
    ],
)  # fmt: skip
def test_numbers_and_names_that_make_no_sense(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words.split()) == USAGE
    told = capsys.readouterr()
    assert told.out == ""
    assert "Traceback" not in told.err


@pytest.mark.parametrize(
    "words", ["tracker --no-udp --host", "signal --host", "bootstrap --host", "dht --host"]
)
def test_the_empty_host_is_not_every_address_of_this_machine(words: str) -> None:
    assert main([*words.split(), ""]) == USAGE
