"""The doctor: in the simulated internet to the millisecond, and as a command on real sockets."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib
import re
from collections.abc import AsyncGenerator

import pytest

from p2plib.discovery import commands, doctor
from p2plib.discovery.doctor import Diagnosis, diagnose, report, topic_given
from p2plib.discovery.source import Found, topic_of
from p2plib.errors import NotFound, UsageError
from p2plib.sim import Constant, Internet, Link
from tests.discovery.tiny import TinyDirectory, TinySource

CATS = topic_of("cats of Lisbon")


class Endless(TinySource):
    """Goes on looking."""

    async def lookup(self, topic: bytes) -> AsyncGenerator[Found, None]:
        await asyncio.sleep(3600)
        yield Found(("192.0.2.1", 1), self.name)


class HangsAtItsEnd(TinySource):
    """Its block takes an hour to leave."""

    async def __aexit__(self, *error: object) -> None:
        await super().__aexit__(*error)
        await asyncio.sleep(3600)


@pytest.mark.internet(link=Link(latency=Constant(0.040)))
def test_who_found_whom_how_fast_and_why_others_failed(internet: Internet) -> None:
    heard: list[str] = []
    diagnoses: list[Diagnosis] = []

    async def main(net: Internet) -> None:
        near, far, asker = net.host("near"), net.host("far"), net.host("asker")
        net.set_link(far, asker, Link(latency=Constant(0.200)))
        async with contextlib.AsyncExitStack() as stack:
            directories = []
            for host in (near, far):
                with host:
                    directories.append(await stack.enter_async_context(TinyDirectory(host.address)))
            directories[0].told[CATS] = [("192.0.2.7", 4001)]
            directories[1].told[CATS] = [("192.0.2.7", 4001), ("192.0.2.8", 4002)]
            sources = [
                TinySource(directories[0].address, "near"),
                TinySource(directories[1].address, "far"),
                TinySource(("192.0.2.200", 1), "nobody"),
                TinySource(directories[0].address, "empty"),
                Endless(directories[0].address, "endless"),
                HangsAtItsEnd(directories[0].address, "hangs"),
            ]
            with asker:
                asked = diagnose(sources[:3] + sources[4:], CATS, 10.0, heard.append)
                none = diagnose(sources[3:4], topic_of("dogs"), 10.0)
                diagnoses.extend([*await asked, *await none])

    internet.run(main)
    assert heard == [
        "  0.080 s  near: 192.0.2.7:4001, said by 198.18.0.1:7000",
        "  0.080 s  hangs: 192.0.2.7:4001, said by 198.18.0.1:7000",
        "  0.400 s  far: 192.0.2.7:4001, said by 198.18.0.2:7000",
        "  0.400 s  far: 192.0.2.8:4002, said by 198.18.0.2:7000",
        "  2.000 s  nobody: PeerTimeout: the directory at 192.0.2.200 did not answer",
    ]
    assert report(diagnoses) == [
        "near     1 peer, the first after 0.080 s, 0 found by no other; ended after 0.080 s",
        "far      2 peers, the first after 0.400 s, 1 found by no other; ended after 0.400 s",
        "nobody   nobody; failed after 2.000 s: PeerTimeout: the directory at 192.0.2.200 did not answer",
        "endless  nobody; was still looking after 10.000 s",
        "hangs    1 peer, the first after 0.080 s, 0 found by no other; ended after 0.080 s",
        "empty    nobody; ended after 0.080 s",
    ]


def test_a_topic_may_be_given_as_it_is() -> None:
    assert topic_given("cats of Lisbon", False) == CATS
    assert topic_given(CATS.hex(), True) == CATS
    for wrong, rule in (
        ("xy", "not hexadecimal"),
        ("abcd", "40 hexadecimal digits, and this has 4"),
        ("aa" * 19 + "  ", "and this has 38"),
    ):
        with pytest.raises(UsageError, match=rule):
            topic_given(wrong, True)


@pytest.fixture
def echo(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = {
        "echo": "tests.discovery.echo_part", "gone": "not_installed", "doctor": "p2plib.discovery.doctor"
    }  # fmt: skip
    monkeypatch.setattr(commands, "PARTS", parts)


@pytest.mark.usefixtures("echo")
def test_the_command_asks_real_sources(capsys: pytest.CaptureFixture[str]) -> None:
    async def ask(*words: str) -> None:
        parser = argparse.ArgumentParser()
        doctor.add_arguments(parser)
        assert parser.epilog is not None
        assert "gone needs the package not_installed" in parser.epilog
        async with TinyDirectory("127.0.0.1", 0) as directory:
            directory.told[CATS] = [("127.0.0.1", 4001)]
            where = f"127.0.0.1:{directory.address[1]}"
            await doctor.run(parser.parse_args([*words, "--directory", where]), heard.append)

    heard: list[str] = []
    asyncio.run(ask("cats of Lisbon"))
    assert heard[0] == f"looking for 'cats of Lisbon', topic {CATS.hex()}, through 1 source"
    assert "tiny0: 127.0.0.1:4001, said by 127.0.0.1:" in heard[1]
    assert re.match(r"tiny0  1 peer, the first after \d+\.\d+ s", heard[2])
    with pytest.raises(NotFound, match="no source found anybody for 'dogs'"):
        asyncio.run(ask("dogs"))


@pytest.mark.usefixtures("echo")
def test_a_package_that_is_slow_to_import_is_there_before_the_clocks_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    imported: list[str] = []
    monkeypatch.setattr(doctor, "SLOW_TO_IMPORT", ("this", "not_installed"))
    monkeypatch.setattr(importlib, "import_module", lambda name: imported.append(name))
    parser = argparse.ArgumentParser()
    doctor.add_arguments(parser)
    imported.clear()
    with pytest.raises(UsageError, match="name at least one"):
        asyncio.run(doctor.run(parser.parse_args(["cats"]), print))
    assert imported[:2] == ["this", "not_installed"]


@pytest.mark.usefixtures("echo")
def test_a_doctor_with_nobody_to_ask_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert commands.main(["doctor", "cats"]) == commands.USAGE
    assert "name at least one source to ask" in capsys.readouterr().err


def test_errors_of_a_bug_are_not_taken_for_an_illness(internet: Internet) -> None:
    class Bug(TinySource):
        async def lookup(self, topic: bytes) -> AsyncGenerator[Found, None]:
            yield Found(("192.0.2.1", 1 // 0), self.name)

    async def main(net: Internet) -> None:
        with net.host("asker"):
            await diagnose([Bug(("192.0.2.200", 1)), Endless(("192.0.2.200", 1))], CATS)

    with pytest.raises(ZeroDivisionError):
        internet.run(main)
