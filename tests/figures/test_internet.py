"""Drawings made from packets: what they are called, who is drawn, what is told, and what is refused."""

from __future__ import annotations

import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace
from typing import Any

import pytest

from p2plib import figures
from p2plib.errors import UsageError
from p2plib.figures.packets import Ends, is_pure_ack, times
from p2plib.figures.palette import BAD, colour
from p2plib.figures.table import Table
from p2plib.sim.capture.trace import Traffic
from p2plib.sim.packet import Address, Flag, Packet, Segment

SVG = "{http://www.w3.org/2000/svg}"
AT: dict[str, Address] = {
    name: (f"192.0.2.{i}", 4000) for i, name in enumerate(["ana", "ben", "cy", "dan"], 1)
}
S, A, P, F, R = Flag.SYN, Flag.ACK, Flag.PSH, Flag.FIN, Flag.RST


def sent(
    number: int, sender: str, receiver: str, at: float, late: float | None, data: bytes = b"hi", **more: Any
) -> Packet:
    """A datagram; *late* is None where it never arrives."""
    told: dict[str, Any] = {
        "source": AT[sender],
        "destination": AT.get(receiver, ("192.0.2.99", 1)),
        "kind": "udp",
    }
    arrives = None if late is None else at + late
    told |= {"fate": "lost"} if late is None else {}
    return Packet(number, at, arrives, sender, receiver, data=data, **{**told, **more})


def tcp(
    number: int, flags: Flag, at: float, data: bytes = b"", late: float | None = 0.05, back: bool = False
) -> Packet:
    ends = ("ben", "ana") if back else ("ana", "ben")
    return sent(number, *ends, at, late, data, kind="tcp", segment=Segment(flags, 1, 1, 9000, data))


HANDSHAKE = [
    tcp(0, S, 0.0),
    tcp(1, S | A, 0.05, back=True),
    tcp(2, A, 0.1),
    tcp(3, P | A, 0.1, b"GET / of nobody", late=None),
    tcp(4, P | A, 0.4, b"GET / of nobody"),
    tcp(5, F | A, 0.5, back=True),
]


# ---- What packets are called


@pytest.mark.parametrize(
    ("packet", "label", "contents"),
    [
        (tcp(0, S, 0), "SYN", "SYN"),
        (tcp(0, S | A, 0), "SYN ACK", "SYN ACK"),
        (tcp(0, A, 0), "ACK", "ACK"),
        (tcp(0, P | A, 0, b"x"), "1 byte", "“x”"),
        (tcp(0, P | A | F, 0, bytes(1460)), "1,460 bytes FIN", "FIN 00 00 00 00 00 00 00 00 …"),
        (tcp(0, F | A, 0), "FIN", "FIN"),
        (tcp(0, R, 0), "RST", "RST"),
        (tcp(0, R | A, 0), "RST", "RST"),
        (tcp(0, Flag(0), 0), "nothing", ""),
        (sent(0, "ana", "ben", 0, 1, b""), "0 bytes", ""),
        (sent(0, "ana", "ben", 0, 1, b"a" * 20), "20 bytes", "“" + "a" * 20 + "”"),
        (sent(0, "ana", "ben", 0, 1, b"a" * 21), "21 bytes", "“" + "a" * 20 + "…”"),
        (sent(0, "ana", "ben", 0, 1, b"a\x1b[31m"), "6 bytes", "61 1b 5b 33 31 6d"),
        (sent(0, "ana", "ben", 0, 1, b"12345678\xff"), "9 bytes", "31 32 33 34 35 36 37 38 …"),
    ],
)
def test_names(packet: Packet, label: str, contents: str) -> None:
    assert figures.packet_label(packet) == label
    assert figures.packet_contents(packet) == contents


def test_pure_acknowledgements() -> None:
    assert [is_pure_ack(packet) for packet in HANDSHAKE] == [False, False, True, False, False, False]
    assert not is_pure_ack(sent(0, "ana", "ben", 0, 1))


def test_times_have_the_decimals_of_the_finest() -> None:
    assert times([0, 0.25, 1], "s") == ["0.00", "0.25", "1.00"]
    assert times([0, 1], "s") == ["0", "1"]
    assert times([0.00004, 0.1234567], "s") == ["0.000", "0.123"]
    assert times([0.00126, 1], "ms") == ["1.3", "1000.0"]
    assert times([], "ms") == []
    with pytest.raises(UsageError, match="not in 'min'"):
        times([1], "min")


def test_who_is_behind_an_address() -> None:
    """Ben is behind a NAT. What it refuses was for him; so was all to its address, if he is there alone."""
    outside = ("203.0.113.7", 40_000)
    out = sent(0, "ben", "ana", 0, 0.1, seen_source=outside)
    refused = sent(1, "ana", "", 0, None, destination=outside, fate="filtered")
    other_port = replace(refused, destination=(outside[0], 9))
    nobody = replace(refused, destination=("203.0.113.9", 9))
    assert [Ends([out]).of(p) for p in (out, refused, other_port, nobody)] == [
        "ana",
        "ben",
        "ben",
        "203.0.113.9",
    ]
    shared = replace(out, sender="cy", source=AT["cy"], seen_source=(outside[0], 41_000))
    ends = Ends([out, shared])
    assert [ends.of(p) for p in (refused, other_port)] == ["ben", outside[0]], "two hosts behind one address"
    inside = sent(2, "ana", "ben", 0, 0.1, destination=("203.0.113.8", 5), seen_destination=("10.0.0.2", 5))
    assert Ends([inside]).of(replace(refused, destination=("203.0.113.8", 6))) == "ben"


# ---- Sequences


def test_a_sequence_tells_its_packets() -> None:
    figure = figures.packet_sequence(HANDSHAKE, title="t", unit="ms", acks=False)
    assert figure.alt == (
        "ana to ben at 0 ms: SYN; ben to ana at 50 ms: SYN ACK; "
        "ana to ben at 100 ms: 15 bytes (lost) (lost); "
        "ana to ben at 400 ms: 15 bytes; ben to ana at 500 ms: FIN."
    )
    assert "ACK;" in figures.packet_sequence(HANDSHAKE, title="t").alt.replace("SYN ACK", "")
    assert figure.svg.count(BAD) == 1


def arrows(figure: figures.Figure) -> list[tuple[float, float, float, float]]:
    """From where to where each message's line goes."""
    found = re.findall(r'd="M([\d.]+) ([\d.]+)L([\d.]+) ([\d.]+)" fill="none"', figure.svg)
    return [(float(a), float(b), float(c), float(d)) for a, b, c, d in found]


def test_a_sequence_stands_where_it_should() -> None:
    figure = figures.packet_sequence(
        [sent(0, "ana", "ben", 0, 1), sent(1, "ana", "ben", 2, None), sent(2, "ben", "ana", 4, 1)], title="t"
    )
    first, lost, back = arrows(figure)
    assert (first[0], back[0], figure.width) == (123.0, 357.0, 480.0)
    slopes = [(y2 - y1) / abs(x2 - x1) for x1, y1, x2, y2 in (first, lost, back)]
    assert slopes[1] == pytest.approx(slopes[0], rel=0.1), "a lost one falls as the others between these two"
    assert all(slope > 0.05 for slope in slopes)
    (alone,) = arrows(figures.packet_sequence([sent(0, "ana", "ben", 0, None)], title="t"))
    assert alone[1] == alone[3], "nothing is known of its way"


def test_peers_choose_and_order_the_lifelines() -> None:
    packets = [
        sent(0, "ben", "ana", 0, 1),
        sent(1, "cy", "ana", 1, 1),
        sent(2, "ana", "", 2, None, fate="no such host"),
    ]

    def lifelines(**more: Any) -> list[str]:
        svg = ET.fromstring(figures.packet_sequence(packets, title="t", **more).svg)
        return [one.text or "" for one in svg.iter(f"{SVG}text") if one.attrib.get("font-weight") == "600"]

    assert lifelines() == ["ben", "ana", "cy", "192.0.2.99"]
    assert lifelines(peers=["ana", "ben"]) == ["ana", "ben"]
    assert lifelines(label=lambda p: "x" if p.number == 1 else None) == ["cy", "ana"]
    among = ["x", "y", "ana", "ben", "cy", "192.0.2.99"]
    assert colour("cy", among) in figures.packet_sequence(packets, title="t", among=among).svg
    assert colour("cy", among) not in figures.packet_sequence(packets, title="t", peers=["ana", "ben"]).svg


def test_a_clock_has_room() -> None:
    """Times of nine letters, once cut off by the frame."""
    packets = [sent(0, "ana", "ben", 1234.5678, 1)]
    figure = figures.packet_sequence(packets, title="t", unit="ms", peers=["ana", "ben", "cy", "dan"])
    assert "1234567.8 ms" in figure.svg
    assert arrows(figure)[0][0] > 12 * 0.6 * 13.5 + 14


# ---- Tables


def test_a_packet_table() -> None:
    packets = [
        sent(0, "ana", "ben", 0, 0.0312),
        sent(1, "ben", "ana", 0.05, None, b"\0" * 1200),
        HANDSHAKE[0],
    ]
    table = figures.packet_table(packets, title="Three packets", unit="ms", caption="Look.")
    assert table.text == (
        "Three packets\n"
        "sent (ms)  from → to  kind  bytes  what                       arrived (ms)\n"
        "---------  ---------  ----  -----  -------------------------  ------------\n"
        "      0.0  ana → ben  udp       2  “hi”                               31.2\n"
        "     50.0  ben → ana  udp   1,200  00 00 00 00 00 00 00 00 …        ✕ lost\n"
        "      0.0  ana → ben  tcp       0  SYN                                50.0\n"
        "Look."
    )
    cells = [one.text for one in ET.fromstring(table.html).iter("td")]
    assert cells[:6] == ["0.0", "ana →\u00a0ben", "udp", "2", "“hi”", "31.2"]
    assert cells[11] == "✕\u00a0lost"
    assert table._repr_mimebundle_() == {"text/html": table.html, "text/plain": table.text}
    assert "hb-scroll" not in table.html
    assert len(figures.packet_table(HANDSHAKE, title="t", acks=False).rows) == 5
    assert len(figures.packet_table(HANDSHAKE, title="t", label=lambda p: "x" if p.data else None).rows) == 2


def test_a_table_fits_a_phone(browser: Any) -> None:
    packets = [
        *HANDSHAKE,
        sent(9, "ana", "", 1, None, b"x" * 900, fate="no such host"),
        sent(8, "ana", "ben", 1, 1, b"w" * 99),
    ]
    page = browser.new_page(viewport={"width": 360, "height": 500})
    for table in (
        figures.packet_table(packets, title="t", unit="ms"),
        figures.traffic([p for p in packets for _ in range(99)], title="t"),
    ):
        page.set_content(f"<!DOCTYPE html><body style='margin:0 7px'>{table.html}</body>")
        assert page.evaluate("document.querySelector('table').getBoundingClientRect().width") <= 346
    page.close()
    wide = Table(["a"] * 12, [["eleven"] * 12], title="t")
    assert "hb-scroll" in wide.html


def test_a_table_follows_the_page() -> None:
    table = figures.packet_table(HANDSHAKE, title="t").html
    assert "color:inherit" in table
    assert not re.search(r"#[0-9a-f]{3}|black|white[^-]", table.replace("white-space", ""))


def test_hostile_cells_stay_in_their_rows() -> None:
    words = "a\nb\x1b[2J\u202ec\r\t<b>&"
    table = figures.packet_table(
        [sent(0, "ana", "ben", 0, 1)], title=words, label=lambda _: words, caption=words
    )
    assert len(table.text.splitlines()) == 5
    assert table.text.isprintable() is False  # because of its own line ends, and of nothing else:
    assert all(line.isprintable() for line in table.text.split("\n"))
    (cell,) = [one.text for one in ET.fromstring(table.html).iter("td") if "<b>" in (one.text or "")]
    assert cell == "a\ufffdb\ufffd[2J\ufffdc\ufffd\ufffd<b>&"


def test_a_table_is_regular() -> None:
    with pytest.raises(UsageError, match="a row has 1 cells, where the head has 2"):
        Table(["a", "b"], [["1"]], title="t")
    with pytest.raises(UsageError, match="at least one column"):
        Table([], [], title="t")
    with pytest.raises(UsageError, match="a title"):
        Table(["a"], [], title=" ")


# ---- Traffic


def test_traffic_of_packets() -> None:
    packets = [
        sent(0, "ben", "ana", 0, 1, b"12345"),
        sent(1, "ana", "ben", 0, None, b"123"),
        sent(2, "ana", "ben", 0, None, b"12", fate="cut off"),
        sent(3, "ana", "ben", 0, None, b"1"),
        *HANDSHAKE[:1],
    ]
    table = figures.traffic(packets, title="t")
    assert [list(row) for row in table.rows] == [
        ["ben", "udp", "1", "5", "1", "5", "–"],
        ["ana", "udp", "3", "6", "0", "0", "2 lost, 1 cut off"],
        ["ana", "tcp", "1", "0", "1", "0", "–"],
        ["all", "", "5", "11", "2", "5", "2 lost, 1 cut off"],
    ]
    assert table.total
    assert ">all<" in table.html
    assert table.html.count("font-weight:600") == 7 + 7, "heads and sums"
    assert len(figures.traffic(packets[:1], title="t").rows) == 1, "one needs no sum"


def test_traffic_of_counts() -> None:
    counts = {("ana", "udp"): Traffic(1200, 56_000), ("ben", "tcp"): Traffic(1, 2)}
    assert [list(row) for row in figures.traffic(counts, title="t").rows] == [
        ["ana", "udp", "1,200", "56,000"],
        ["ben", "tcp", "1", "2"],
        ["all", "", "1,201", "56,002"],
    ]
    table = figures.traffic(counts, dropped={"cut off": 1, "lost": 30}, title="t")
    assert [row[-1] for row in table.rows] == ["", "", "30 lost, 1 cut off"]
    assert table.head[-1] == "dropped"
    assert figures.traffic(counts, dropped={}, title="t").rows[-1][-1] == "–"


# ---- What is refused


def many(count: int) -> list[Packet]:
    return [sent(i, "ana", "ben", i, 1) for i in range(count)]


def test_refusals() -> None:
    for draw in (figures.packet_sequence, figures.packet_table, figures.traffic):
        with pytest.raises(UsageError, match="no packet to show"):
            draw([], title="t")
        with pytest.raises(UsageError, match="a title"):
            draw(many(1), title="")
    with pytest.raises(UsageError, match=r"41 arrows, where 40 are the most: .*trace.between.*acks=False"):
        figures.packet_sequence(many(41), title="t")
    assert figures.packet_sequence(many(41), title="t", limit=41)
    with pytest.raises(UsageError, match=r"1,000 rows, where 200 are the most: .*trace.between"):
        figures.packet_table(many(1000), title="t")
    with pytest.raises(UsageError, match="2 rows, where 1 are the most"):
        figures.traffic([*many(1), HANDSHAKE[0]], title="t", limit=1)
    with pytest.raises(UsageError, match="packets know why"):
        figures.traffic(many(1), dropped={}, title="t")
    for draw in (figures.packet_sequence, figures.packet_table):
        with pytest.raises(UsageError, match="not in 'h'"):
            draw(many(1), title="t", unit="h")
    with pytest.raises(UsageError, match="no packet to show"):
        figures.packet_sequence(many(1), title="t", peers=["ana", "cy"])


def test_figures_do_not_load_the_simulated_internet() -> None:
    code = "import sys, p2plib.figures; print(sorted(n for n in sys.modules if n.startswith('p2plib.sim')))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=300
    )
    assert done.stdout.strip() == "[]"
