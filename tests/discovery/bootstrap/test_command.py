"""The command of a seed, its look at a list, and the doctor's view of seeds."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
from pathlib import Path

import pytest

from p2plib.discovery.bootstrap import command
from p2plib.discovery.bootstrap.source import BootstrapSource
from p2plib.discovery.source import topic_of
from p2plib.errors import DecodeError, UsageError
from tests.discovery.bootstrap.test_entries import OUTLINE

CATS = topic_of("cats")


def parsed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    command.add_source_arguments(parser)
    return parser.parse_args(words)


def test_a_seed_says_where_it_listens_and_what_it_hears() -> None:
    lines: list[str] = []

    async def main() -> None:
        running = asyncio.ensure_future(command.run(parsed(), lines.append))
        while not lines:
            await asyncio.sleep(0.01)
        host, port = lines[0].removeprefix("listening on ").split(":")
        entry = f"/ip4/{host}/udp/{port}"
        async with BootstrapSource([entry]) as ana:
            await ana.announce(CATS, 4001)
            (asking,) = command.sources(parsed("--bootstrap", entry))
            async with asking:
                assert [found.address async for found in asking.lookup(CATS)] == [("127.0.0.1", 4001)]
            await ana.withdraw(CATS)
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running

    asyncio.run(main())
    topic = CATS.hex()[:8]
    said = [line.split(" ", 1)[1] for line in lines[1:]]
    assert said == [
        f"asks for {topic}, and is told of 0",
        f"is there for {topic}, at port 4001",
        f"asks for {topic}, and is told of 1",
        f"asks for {topic}, and is told of 1",
        f"is no longer there for {topic}",
    ]


def test_a_look_at_lists(tmp_path: Path) -> None:
    (tmp_path / "outline.json").write_text(OUTLINE)
    lines: list[str] = []
    with pytest.raises(DecodeError, match=r"outline\.json is no list of peers: ',' expected between items"):
        asyncio.run(command.run(parsed("--check", str(tmp_path / "outline.json")), lines.append))
    assert lines[0].startswith("line 2: ")
    assert "    tcp://, a URL: written as a multiaddr" in lines
    fixed = lines[lines.index("fixed:") + 1 :]
    (tmp_path / "fixed.json").write_text("\n".join(fixed), encoding="utf-8-sig")
    lines.clear()
    command.check(str(tmp_path / "fixed.json"), lines.append)
    assert lines == ["a list of 3 peers, as it should be"]
    (tmp_path / "one.json").write_text('["/ip4/192.0.2.1/udp/4001"]')
    command.check(str(tmp_path / "one.json"), lines.append)
    assert lines[-1] == "a list of 1 peer, as it should be"
    lines.clear()
    (tmp_path / "none.json").write_text("hello")
    with pytest.raises(DecodeError):
        command.check(str(tmp_path / "none.json"), lines.append)
    assert "fixed:" not in lines
    (tmp_path / "bytes").write_bytes(b"\xff")
    with pytest.raises(UsageError, match="is no text in UTF-8, from its byte 0 on"):
        command.check(str(tmp_path / "bytes"), lines.append)
    with pytest.raises(UsageError, match=r"cannot read .*: No such file"):
        command.check(str(tmp_path / "nothing"), lines.append)


def test_no_entry_no_source() -> None:
    assert command.sources(parsed()) == []
    with pytest.raises(UsageError, match="--bootstrap"):
        command.sources(parsed("--bootstrap", "127.0.0.1:4000"))
