"""A STUN server in a few lines (RFC 8489): it tells whoever asks from which address the question came."""

from __future__ import annotations

import asyncio
import struct
from ipaddress import IPv4Address
from typing import Any

PORT = 3478
COOKIE = 0x2112_A442
REQUEST, SUCCESS, XOR_MAPPED_ADDRESS = 0x0001, 0x0101, 0x0020


class StunServer(asyncio.DatagramProtocol):
    """Answers binding requests and nothing else."""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        kind, _, cookie = struct.unpack_from(">HHI", data)
        if (kind, cookie) != (REQUEST, COOKIE):
            return
        ip, port = int(IPv4Address(addr[0])), addr[1]
        mapped = struct.pack(">xBHI", 1, port ^ COOKIE >> 16, ip ^ COOKIE)
        attribute = struct.pack(">HH", XOR_MAPPED_ADDRESS, len(mapped)) + mapped
        header = struct.pack(">HHI", SUCCESS, len(attribute), COOKIE) + data[8:20]
        self.transport.sendto(header + attribute, addr)


async def stun_served(ip: str = "0.0.0.0") -> None:
    """Serve until cancelled."""
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        StunServer, local_addr=(ip, PORT)
    )
    try:
        await asyncio.Event().wait()
    finally:
        transport.close()
