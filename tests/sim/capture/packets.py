"""Packets made by hand, for the tests of headers and captures."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from p2plib.sim.packet import Address, Packet, Segment

# No port here is one behind which tshark looks for another protocol.
ANA, BEN = ("192.0.2.1", 40_000), ("198.51.100.7", 40_001)
ANA6, BEN6 = ("2001:db8::1", 40_000), ("2001:db8::2", 40_001)


def datagram(data: bytes = b"hi", source: Address = ANA, destination: Address = BEN, **more: Any) -> Packet:
    told: dict[str, Any] = {"number": 0, "sent_s": 0.0, "arrives_s": 0.05, "sender": "ana", "receiver": "ben"}
    return Packet(source=source, destination=destination, kind="udp", data=data, **{**told, **more})


def stream(segment: Segment, **more: Any) -> Packet:
    return replace(datagram(segment.data, **more), kind="tcp", segment=segment)
