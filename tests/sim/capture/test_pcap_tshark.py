"""Capture files read by tshark, which knows nothing of us."""

from __future__ import annotations

import asyncio
import functools
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from p2plib.sim import Internet, Link
from p2plib.sim.capture.pcap import pcap
from p2plib.sim.packet import Flag, Packet, Segment
from tests.sim.capture.packets import ANA, ANA6, BEN, BEN6, datagram, stream
from tests.sim.capture.test_pcap import frames

SECONDS = 60


@functools.cache
def tshark() -> str:
    program = shutil.which("tshark")
    if program is None:
        if os.environ.get("CI"):
            pytest.fail("CI must have tshark: .ci/run installs it")
        pytest.skip("no tshark on this machine (Debian: apt-get install tshark)")
    return program


def tshark_says(raw: bytes, folder: Path, *arguments: str) -> str:
    """What tshark says about a file, its checksums verified."""
    file = folder / "run.pcapng"
    file.write_bytes(raw)
    checks = [word for name in ("ip", "udp", "tcp") for word in ("-o", f"{name}.check_checksum:TRUE")]
    done = subprocess.run(
        [tshark(), "-n", "-r", str(file), *checks, *arguments],
        capture_output=True, text=True, timeout=SECONDS, env={**os.environ, "HOME": str(folder), "TZ": "UTC"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def fields(raw: bytes, folder: Path, *names: str) -> list[list[str]]:
    asked = [word for name in names for word in ("-e", name)]
    lines = tshark_says(raw, folder, "-T", "fields", "-E", "separator=|", *asked).splitlines()
    return [line.split("|") for line in lines]


def complaints(raw: bytes, folder: Path) -> str:
    """Packets that tshark finds malformed, cut short, or with a checksum that is not good (1)."""
    wrong = " || ".join(
        ["_ws.malformed", "_ws.short", "ip.checksum.status != 1", "udp.checksum.status != 1",
         "tcp.checksum.status != 1", "_ws.expert.severity >= 8388608"]
    )  # fmt: skip
    return tshark_says(raw, folder, "-Y", wrong)


SENT = [(ANA, BEN, b"hi"), (BEN, ANA, b""), (ANA6, BEN6, bytes(range(256))), (ANA, BEN, b"x" * 65_507)]


def test_datagrams_as_sent(tmp_path: Path) -> None:
    raw = pcap(
        [
            datagram(data, one, other, number=i, sent_s=i / 8, sender=f"host {one[0]}")
            for i, (one, other, data) in enumerate(SENT)
        ]
        + [datagram(number=9, sent_s=3, arrives_s=None, fate="lost")]
    )
    assert complaints(raw, tmp_path) == ""
    names = ("frame.time_epoch", "frame.interface_name", "ip.src", "ipv6.src", "ip.dst", "ipv6.dst",
             "udp.srcport", "udp.dstport", "udp.payload", "frame.comment", "udp.checksum.status")  # fmt: skip
    rows = fields(raw, tmp_path, *names)
    for i, ((one, other, data), row) in enumerate(zip(SENT, rows, strict=False)):
        v6 = ":" in one[0]
        assert row == [
            f"{1_700_000_000 + i / 8:.9f}", f"host {one[0]}",
            "" if v6 else one[0], one[0] if v6 else "", "" if v6 else other[0], other[0] if v6 else "",
            str(one[1]), str(other[1]), data.hex(), "", "1",
        ]  # fmt: skip
    assert (rows[4][1], rows[4][9]) == ("ana", "lost")


def test_a_wrong_checksum_is_seen(tmp_path: Path) -> None:
    """tshark notices: one bit of the data is flipped in the file."""
    raw = bytearray(pcap([datagram(b"hello")]))
    raw[raw.index(b"hello")] ^= 1
    assert complaints(bytes(raw), tmp_path)


QUESTION, ANSWER = b"GET / of nobody\r\n" * 40, bytes(range(256)) * 9
S, A, P, F = Flag.SYN, Flag.ACK, Flag.PSH, Flag.FIN


def conversation() -> list[Packet]:
    """One TCP connection: handshake, a question, an answer whose first part is lost and sent again, FINs."""
    q, a, near, far = len(QUESTION), len(ANSWER), ANA, BEN
    first, second = ANSWER[:1460], ANSWER[1460:]
    x, y = 2**32 - 3, 7_000  # the sequence numbers wrap round
    told = [
        ("ana", Segment(S, x, 0, 65_535)),
        ("ben", Segment(S | A, y, x + 1, 65_535)),
        ("ana", Segment(A, x + 1, y + 1, 262_144)),
        ("ana", Segment(P | A, x + 1, y + 1, 262_144, QUESTION)),
        ("ben", Segment(A, y + 1, (x + 1 + q) % 2**32, 262_144, first)),
        ("ben", Segment(A, y + 1, (x + 1 + q) % 2**32, 262_144, first)),
        ("ben", Segment(P | A | F, y + 1461, (x + 1 + q) % 2**32, 262_144, second)),
        ("ana", Segment(F | A, (x + 1 + q) % 2**32, y + 2 + a, 262_144)),
        ("ben", Segment(A, y + 2 + a, (x + 2 + q) % 2**32, 262_144)),
    ]
    lost = 4
    return [
        stream(
            segment, number=i, sender=who, receiver="ben" if who == "ana" else "ana", sent_s=i * 0.04,
            source=near if who == "ana" else far, destination=far if who == "ana" else near,
            arrives_s=None if i == lost else i * 0.04 + 0.02, fate="lost" if i == lost else "",
        )
        for i, (who, segment) in enumerate(told)
    ]  # fmt: skip


def test_a_conversation_is_followed_to_the_same_bytes(tmp_path: Path) -> None:
    packets = conversation()
    raw = pcap(packets, as_seen_by="receiver")
    assert complaints(raw, tmp_path) == ""
    lines = tshark_says(raw, tmp_path, "-q", "-z", "follow,tcp,raw,0").splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("Node 1"))
    parts = [
        line for line in lines[at + 1 :] if set(line.strip()) <= set("0123456789abcdef") and line.strip()
    ]
    assert b"".join(bytes.fromhex(line) for line in parts if not line.startswith("\t")) == QUESTION
    assert b"".join(bytes.fromhex(line.strip()) for line in parts if line.startswith("\t")) == ANSWER


def test_flags_numbers_and_windows(tmp_path: Path) -> None:
    packets = conversation()
    raw = pcap(packets)
    rows = fields(raw, tmp_path, "tcp.flags", "tcp.seq_raw", "tcp.ack_raw", "tcp.window_size", "tcp.len")
    told = [packet.segment for packet in packets if packet.segment]
    assert [[int(a, 16), *map(int, rest)] for a, *rest in rows] == [
        [int(s.flags), s.seq, s.ack, s.window, len(s.data)] for s in told
    ]
    again = fields(raw, tmp_path, "tcp.analysis.retransmission", "frame.comment", "frame.interface_name")
    assert [row[1:] for row in again[4:6]] == [["lost", "ben"], ["", "ben"]]
    assert [i for i, row in enumerate(again) if row[0]] == [5]


@pytest.mark.slow
def test_a_whole_run(tmp_path: Path) -> None:
    """A server, a host behind a NAT and one with IPv6: what the simulated internet sends, with losses."""

    async def main(net: Internet) -> None:
        server = net.host("server", ipv6=True)
        ana = net.host("ana", lan=net.lan("home"))
        dan = net.host("dan", ipv6=True)

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(await reader.readexactly(20_000))
            await writer.drain()
            writer.close()
            await writer.wait_closed()

        async def ask(address: str) -> bytes:
            reader, writer = await asyncio.open_connection(address, 47_000)
            writer.write(BIG)
            got = await reader.read(-1)
            writer.close()
            await writer.wait_closed()
            return got

        with server:
            listening = await asyncio.start_server(answer, ["0.0.0.0", "::"], 47_000)
        assert await ana.run(ask(server.address)) == BIG
        assert await dan.run(ask(next(one for one in server.addresses if ":" in one))) == BIG
        listening.close()
        await listening.wait_closed()
        await asyncio.sleep(5)

    net = Internet(seed=3, link=Link(latency=0.05, loss=0.05))
    net.run(main)
    packets = list(net.trace)
    for view in ({}, {"as_seen_by": "receiver"}, {"host": "server"}, {"host": "ana"}):
        raw = pcap(packets, **view)  # type: ignore[arg-type]
        assert len(frames(raw)) > 30
        assert complaints(raw, tmp_path) == ""
    for stream_number in ("0", "1"):
        followed = tshark_says(
            pcap(packets, host="server"), tmp_path, "-q", "-z", f"follow,tcp,raw,{stream_number}"
        )
        back = [bytes.fromhex(line.strip()) for line in followed.splitlines() if line.startswith("\t")]
        assert b"".join(back) == BIG
    lost = fields(pcap(packets), tmp_path, "frame.comment")
    assert sum(row == ["lost"] for row in lost) == net.trace.dropped()["lost"] > 0


BIG = bytes(i % 251 for i in range(20_000))


def test_json_shows_the_link_type(tmp_path: Path) -> None:
    ((first,)) = json.loads(tshark_says(pcap([datagram()]), tmp_path, "-T", "json"))
    layers = first["_source"]["layers"]
    assert layers["frame"]["frame.encap_type"] == "7", "WTAP_ENCAP_RAW_IP"
    assert layers["frame"]["frame.protocols"].startswith("raw:ip:udp")
