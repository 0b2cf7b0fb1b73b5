"""tshark as a judge: our packets in a file, and what a program that knows nothing of us makes of them.

    says = dissect([query, response], target=("127.0.0.1", 53))
    assert [packet.protocols[-1] for packet in says] == ["dns", "dns"]
    assert not any(packet.is_malformed for packet in says)

The capture file is written by hand, so nothing is captured and no right is needed: a header of the old pcap
format, and raw IP packets (LINKTYPE_RAW) with UDP or TCP in them. A port that tshark does not know is given a
protocol with `decode_as`, as in "udp.port==6991,bt-dht".

tshark reassembles a TCP stream if its packets are there in order, so `dissect_stream` writes the handshake,
too; its answers are those for the packets with data.
"""

from __future__ import annotations

import ipaddress
import itertools
import json
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Address = tuple[str, int]

PROGRAM = "tshark"
TIMEOUT_S = 180.0
LINKTYPE_RAW = 101  # a packet begins with its IPv4 or IPv6 header
UDP, TCP = 17, 6
ACK, PSH, SYN = 0x10, 0x08, 0x02
SEGMENT_BYTES = 1_400  # what a stream is cut into, so that the judge has something to put together
FIRST_S = 1_700_000_000
CARRIERS = ("raw", "ip", "ipv6", "udp", "tcp", "frame", "data")  # the layers that are not a protocol of ours
ASKER: Address = ("127.0.0.1", 50_001)
ASKED: Address = ("127.0.0.1", 50_002)


@dataclass(frozen=True, slots=True)
class Datagram:
    """A datagram whose addresses matter, as those of multicast DNS do."""

    data: bytes
    source: Address = ASKER
    target: Address = ASKED


@dataclass(frozen=True, slots=True)
class Dissected:
    """What tshark says of one packet.

    Args:
        protocols: the layers above UDP or TCP, such as ("bt-dht",); none where it knows of none.
        is_malformed: whether it could not be read to its end.
        complaints: what its experts say of it, warnings and errors alone.
        layers: the whole tree, as tshark prints it in JSON.
    """

    protocols: tuple[str, ...]
    is_malformed: bool
    complaints: tuple[str, ...]
    layers: dict[str, Any]

    def values(self, field: str) -> list[Any]:
        """What each field of a name, such as "dns.qry.name", holds, in the packet's order."""
        return list(_found(self.layers, field))


def why_no_tshark() -> str | None:
    """Say in one sentence why tshark cannot judge here; None when it can. For `peers.demand_peers`."""
    return (
        None if shutil.which(PROGRAM) else "tshark (Debian: tshark), a judge of our packets, is not installed"
    )


def dissect(
    datagrams: Iterable[bytes | Datagram],
    *,
    source: Address = ASKER,
    target: Address = ASKED,
    decode_as: Sequence[str] = (),
) -> list[Dissected]:
    """Ask tshark about UDP datagrams, one after another.

    Args:
        datagrams: what each carries, or whole `Datagram`s, which have addresses of their own.
        source: where those that are only bytes come from.
        target: where they go; a port that tshark knows needs no `decode_as`.
        decode_as: such as "udp.port==6991,bt-dht".

    Returns:
        One answer a datagram.
    """
    whole = [item if isinstance(item, Datagram) else Datagram(item, source, target) for item in datagrams]
    packets = [_ip(item.source, item.target, UDP, _udp(item)) for item in whole]
    return _asked(packets, decode_as)


def dissect_stream(
    messages: Iterable[tuple[bool, bytes]],
    *,
    client: Address = ASKER,
    server: Address = ASKED,
    decode_as: Sequence[str] = (),
) -> list[Dissected]:
    """Ask tshark about one TCP connection.

    Args:
        messages: what was sent, in order; each with whether the client sent it.
        client: who connected.
        server: to whom.
        decode_as: such as "tcp.port==7001,bittorrent".

    Returns:
        One answer for each segment with data. A message that spans several is dissected in the last of them.
    """
    ends = {True: (client, server), False: (server, client)}
    sent = {True: 1_000, False: 5_000}  # sequence numbers
    segments: list[tuple[bool, int, bytes]] = [(True, SYN, b""), (False, SYN | ACK, b""), (True, ACK, b"")]
    for is_clients, data in messages:
        pieces = range(0, len(data), SEGMENT_BYTES)
        segments += [(is_clients, PSH | ACK, data[at : at + SEGMENT_BYTES]) for at in pieces]
    packets = []
    for is_clients, flags, data in segments:
        acknowledged = sent[not is_clients] if flags & ACK else 0
        tcp = _tcp(*ends[is_clients], sent[is_clients], acknowledged, flags, data)
        packets.append(_ip(*ends[is_clients], TCP, tcp))
        sent[is_clients] += len(data) + bool(flags & SYN)
    return _asked(packets, decode_as)[3:]


def summary(answers: Iterable[Dissected]) -> list[str]:
    """Each answer in a word or two, for an assertion that shows all of them at once."""
    return [":".join(answer.protocols) + (" malformed" if answer.is_malformed else "") for answer in answers]


def _asked(packets: Sequence[bytes], decode_as: Sequence[str]) -> list[Dissected]:
    rules = itertools.chain.from_iterable(("-d", rule) for rule in decode_as)
    with tempfile.TemporaryDirectory(prefix="judged-") as folder:
        file = Path(folder) / "packets.pcap"
        file.write_bytes(_pcap(packets))
        command = [PROGRAM, "-n", "-r", str(file), "-T", "json", "--no-duplicate-keys", *rules]
        done = subprocess.run(command, capture_output=True, timeout=TIMEOUT_S, check=False)
    if done.returncode != 0:
        raise AssertionError(f"tshark ended with {done.returncode}: {done.stderr.decode(errors='replace')}")
    answers = [_answer(packet["_source"]["layers"]) for packet in json.loads(done.stdout)]
    assert len(answers) == len(packets), "tshark has not read each packet"
    return answers


def _answer(layers: dict[str, Any]) -> Dissected:
    named = layers["frame"]["frame.protocols"].split(":")
    complaints = [
        text
        for group in _found(layers, "_ws.expert")
        if isinstance(group, dict) and int(group["_ws.expert.severity"]) >= 0x600000  # PI_WARN of Wireshark
        for text in [group.get("_ws.expert.message", "")]
    ]
    malformed = any(True for _ in _found(layers, "_ws.malformed"))
    protocols = tuple(name for name in named if name not in CARRIERS and not name.startswith("_ws"))
    return Dissected(protocols, malformed, tuple(complaints), layers)


def _found(tree: object, name: str) -> Iterator[Any]:
    """Each value under a name, anywhere in a tree of JSON; a field that is there twice is a list."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            if key == name:
                yield from value if isinstance(value, list) else [value]
            else:
                yield from _found(value, name)
    elif isinstance(tree, list):
        for value in tree:
            yield from _found(value, name)


def _pcap(packets: Iterable[bytes]) -> bytes:
    """The old format, in network order: a header of 24 bytes, and one of 16 before each packet."""
    parts = [struct.pack("!IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, LINKTYPE_RAW)]
    for number, packet in enumerate(packets):
        parts.append(struct.pack("!IIII", FIRST_S + number, 0, len(packet), len(packet)) + packet)
    return b"".join(parts)


def _ip(source: Address, target: Address, protocol: int, content: bytes) -> bytes:
    """RFC 791 and RFC 8200; the checksum of IPv4 is 0, which tshark does not look at unless asked."""
    ends = ipaddress.ip_address(source[0]), ipaddress.ip_address(target[0])
    addresses = ends[0].packed + ends[1].packed
    if ends[0].version == 4:
        return (
            struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(content), 0, 0, 64, protocol, 0) + addresses + content
        )
    return struct.pack("!IHBB", 6 << 28, len(content), protocol, 64) + addresses + content


def _udp(datagram: Datagram) -> bytes:
    ports = datagram.source[1], datagram.target[1]
    return struct.pack("!HHHH", *ports, 8 + len(datagram.data), 0) + datagram.data


def _tcp(source: Address, target: Address, seq: int, ack: int, flags: int, data: bytes) -> bytes:
    """RFC 9293, without options and without a checksum."""
    return struct.pack("!HHIIBBHHH", source[1], target[1], seq, ack, 5 << 4, flags, 65_535, 0, 0) + data
