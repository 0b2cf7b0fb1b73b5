"""Lab 2's solutions, as they stand in its text, with python-zeroconf on the loopback of a namespace, live."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from p2plib.labs.lab02_neighbours.packets import SRV, read_packet
from p2plib.labs.lab02_neighbours.segment import GROUP, PORT, multicast_socket
from tests.interop.namespace import Namespace
from tests.labs.lab02_neighbours.learners import written
from tests.labs.mutating import answers

pytest.importorskip("zeroconf")
pytestmark = pytest.mark.interop

SOLVED = answers("lab02_neighbours")
WHO = "ana._cats._udp.local"
PATIENCE_S = 60.0


async def asks_zeroconf() -> dict[str, Any]:
    """zeroconf has a service; the solved question asks for it, the solved reader reads the answer."""
    from zeroconf import IPVersion, ServiceInfo
    from zeroconf.asyncio import AsyncZeroconf

    write_question, read_name = (written(name, SOLVED[name]) for name in ("write_question", "read_name"))
    heard: asyncio.Queue[bytes] = asyncio.Queue()

    class Ear(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, addr: Any) -> None:
            heard.put_nowait(data)

    theirs = AsyncZeroconf(interfaces=["127.0.0.1"], ip_version=IPVersion.V4Only)
    host = socket.inet_aton("127.0.0.1")
    info = ServiceInfo("_cats._udp.local.", f"{WHO}.", 4000, addresses=[host], server="anas-mac.local.")
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(Ear, sock=multicast_socket("127.0.0.1"))
    try:
        await (await theirs.async_register_service(info))
        while not heard.empty():
            heard.get_nowait()
        question = write_question(WHO, SRV)
        async with asyncio.timeout(PATIENCE_S):
            while True:
                transport.sendto(question, (GROUP, PORT))
                raw = await heard.get()
                _, records = read_packet(raw, read_name)
                if found := [record for record in records if record.name == WHO]:
                    return {"host": found[0].host, "port": found[0].port, "compressed": b"\xc0" in raw}
    finally:
        transport.close()
        await theirs.async_close()


def test_the_solutions_ask_zeroconf_and_read_its_compressed_answer() -> None:
    with Namespace() as net:
        said = net.run_together(asks_zeroconf)
    assert said == {"host": "anas-mac.local", "port": 4000, "compressed": True}
