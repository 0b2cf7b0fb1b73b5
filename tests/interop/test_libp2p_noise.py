"""Our `/noise` and js-libp2p's, live: the handshake both ways, peer ids, early muxer data, and what follows.

multistream-select is spoken here by hand, so that nothing but the handshake is judged; the whole connection,
with yamux and what runs on it, is another test's.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest

from p2plib.errors import WrongPeer
from p2plib.identity import ids
from p2plib.identity.keys import SecretKey
from p2plib.protocol.libp2p_noise import PROTOCOL_ID, NoiseHandshake
from p2plib.wire import varint
from tests.interop import machines
from tests.interop.namespace import Namespace
from tests.interop.peers import ForeignPeer, PeerRefused

pytestmark = pytest.mark.interop

OURS = SecretKey.from_seed(bytes([1]) * 32)
STRANGER = SecretKey.from_seed(bytes([3]) * 32)
MULTISTREAM, YAMUX = "/multistream/1.0.0", "/yamux/1.0.0"
YAMUX_HEADER_BYTES = 12
# How they begin to speak yamux: version 0; a ping, or data or a window update that opens a stream; flag SYN.
YAMUX_BEGINS = ("00020001", "00000001", "00010001")


def line(text: str) -> bytes:
    raw = text.encode() + b"\n"
    return varint.encode(len(raw)) + raw


async def expect(reader: asyncio.StreamReader, text: str) -> None:
    got = await reader.readexactly(len(line(text)))
    assert got == line(text), got


async def dial(port: int, promised: str, muxers: list[str], changed_byte: int | None) -> dict[str, Any]:
    """Dial them as far as the muxer; perhaps with a byte of our last message changed on its way."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    async with asyncio.timeout(machines.TIMEOUT_S):
        writer.write(line(MULTISTREAM) + line(PROTOCOL_ID))
        await expect(reader, MULTISTREAM)
        await expect(reader, PROTOCOL_ID)
        machine = NoiseHandshake(OURS, initiator=True, expected=ids.parse(promised), muxers=muxers)
        if changed_byte is not None:
            writer.write(machine.to_send())
            while not machine.is_finished:
                machine.receive(await reader.readexactly(machine.need_bytes))
            last = bytearray(machine.to_send())
            last[changed_byte] ^= 1
            writer.write(last)
            rest = b""
            with contextlib.suppress(ConnectionResetError):  # how they hang up
                rest = await reader.read()
            writer.close()
            return {"answered": len(rest)}
        try:
            await machines.shake_hands(machine, reader, writer)
        except WrongPeer as wrong:
            writer.close()
            return {"wrong peer": str(wrong), "left to send": len(machine.to_send())}
        seal, opener = machine.channel()
        said = b""
        if machine.muxer is None:
            writer.write(seal.seal(line(MULTISTREAM) + line(YAMUX)))
            wanted = line(MULTISTREAM) + line(YAMUX)
            said = await machines.read(opener, reader, len(wanted))
            assert said[: len(wanted)] == wanted
            said = said[len(wanted) :]
        if len(said) < YAMUX_HEADER_BYTES:
            said += await machines.read(opener, reader, YAMUX_HEADER_BYTES - len(said))
        writer.close()
        return {
            "remote": ids.peer_id(machine.remote),
            "muxer": machine.muxer,
            "yamux": said[:4].hex(),
        }


@pytest.mark.parametrize("muxers", [[], [YAMUX], ["/other/1.0.0", YAMUX]])
def test_we_dial_them(muxers: list[str]) -> None:
    with Namespace() as net, ForeignPeer("libp2p.mjs", namespace=net) as peer:
        where = peer.ask("listen")
        answer = net.run_together(dial, where["port"], where["id"], muxers, None)
        assert answer["remote"] == where["id"]
        assert answer["muxer"] == (YAMUX if muxers else None)
        assert answer["yamux"] in YAMUX_BEGINS
        assert peer.next_event() == ("connected", ids.peer_id(OURS.public))


@pytest.mark.fault("F043")
def test_we_do_not_say_who_we_are_to_another_peer_than_the_one_that_we_dialled() -> None:
    with Namespace() as net, ForeignPeer("libp2p.mjs", namespace=net) as peer:
        where = peer.ask("listen")
        answer = net.run_together(dial, where["port"], ids.peer_id(STRANGER.public), [], None)
        assert "promised was" in answer["wrong peer"]
        assert answer["left to send"] == 0
        assert peer.ask("peers") == []


@pytest.mark.fault("F042")
@pytest.mark.parametrize("changed_byte", [2, 40, 60, -1])
def test_they_notice_a_changed_byte_of_ours(changed_byte: int) -> None:
    with Namespace() as net, ForeignPeer("libp2p.mjs", namespace=net) as peer:
        where = peer.ask("listen")
        assert net.run_together(dial, where["port"], where["id"], [], changed_byte) == {"answered": 0}
        assert peer.ask("peers") == []


async def listen(muxers: list[str], expected: str | None) -> dict[str, Any]:
    """Be dialled by them as far as the muxer."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> dict[str, Any]:
        await expect(reader, MULTISTREAM)
        writer.write(line(MULTISTREAM))
        await expect(reader, PROTOCOL_ID)
        writer.write(line(PROTOCOL_ID))
        promised = ids.parse(expected) if expected else None
        machine = NoiseHandshake(OURS, initiator=False, expected=promised, muxers=muxers)
        try:
            await machines.shake_hands(machine, reader, writer)
        except WrongPeer:
            return {"failed": "wrong peer"}
        except (ConnectionResetError, asyncio.IncompleteReadError):
            return {"failed": "they hung up"}
        seal, opener = machine.channel()
        said = b""
        if machine.muxer is None:
            said = await machines.read(opener, reader, len(line(MULTISTREAM)))
            writer.write(seal.seal(line(MULTISTREAM)))
            wanted = line(MULTISTREAM) + line(YAMUX)
            said += await machines.read(opener, reader, len(wanted) - len(said))
            writer.write(seal.seal(line(YAMUX)))
            assert said[: len(wanted)] == wanted
            said = said[len(wanted) :]
        if len(said) < YAMUX_HEADER_BYTES:
            said += await machines.read(opener, reader, YAMUX_HEADER_BYTES - len(said))
        return {
            "remote": ids.peer_id(machine.remote),
            "muxer": machine.muxer,
            "yamux": said[:4].hex(),
        }

    result: dict[str, Any] = await machines.serve_once(talk)
    return result


def address(promised: SecretKey = OURS) -> str:
    return f"/ip4/127.0.0.1/tcp/{machines.PORT}/p2p/{ids.peer_id(promised.public)}"


@pytest.mark.parametrize("muxers", [[], [YAMUX]])
def test_they_dial_us(muxers: list[str]) -> None:
    with Namespace() as net, ForeignPeer("libp2p.mjs", namespace=net) as peer:
        own = peer.ask("listen")["id"]
        ours, theirs = machines.called_by(net, listen, (muxers, None), peer, address=address())
        assert ours["remote"] == own
        assert ours["muxer"] == (YAMUX if muxers else None)
        assert ours["yamux"] in YAMUX_BEGINS
        assert theirs == {"peer": ids.peer_id(OURS.public), "encryption": "/noise", "muxer": YAMUX}


@pytest.mark.fault("F043")
def test_they_do_not_go_on_with_another_peer_than_the_one_that_they_dialled() -> None:
    with Namespace() as net, ForeignPeer("libp2p.mjs", namespace=net) as peer:
        ours, theirs = machines.called_by(net, listen, ([], None), peer, address=address(STRANGER))
        assert ours == {"failed": "they hung up"}
        assert isinstance(theirs, PeerRefused)
        assert "does not match expected remote identity key" in str(theirs)


@pytest.mark.fault("F043")
def test_we_do_not_go_on_with_another_peer_than_the_one_that_we_expect() -> None:
    with Namespace() as net, ForeignPeer("libp2p.mjs", namespace=net) as peer:
        promised = ids.peer_id(STRANGER.public)
        ours, _ = machines.called_by(net, listen, ([], promised), peer, address=address())
        assert ours == {"failed": "wrong peer"}
