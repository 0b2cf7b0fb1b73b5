"""Our `/noise` and js-libp2p's, live: the handshake both ways, peer ids, early muxer data, and what follows.

multistream-select is spoken here by hand, so that nothing but the handshake is judged; the whole connection,
with yamux and what runs on it, is another test's.
"""

from __future__ import annotations

import contextlib
from typing import Any

import pytest

from p2plib.errors import HandshakeFailed, StreamReset, WrongPeer
from p2plib.identity import ids
from p2plib.identity.keys import SecretKey
from p2plib.protocol import secure
from p2plib.protocol.conformance import read_all
from p2plib.protocol.noise.libp2p import PROTOCOL_ID, NoiseHandshake
from p2plib.protocol.secure import SecureStream
from p2plib.protocol.stream import Stream
from p2plib.protocol.tcp import connect_tcp
from p2plib.wire import varint
from tests.interop import listening
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


async def expect(stream: Stream, *texts: str) -> None:
    wanted = b"".join(map(line, texts))
    assert await stream.read_exactly(len(wanted)) == wanted


async def told(stream: SecureStream) -> dict[str, Any]:
    """Who is there, and how they begin to speak yamux."""
    header = await stream.read_exactly(YAMUX_HEADER_BYTES)
    return {"remote": ids.peer_id(stream.remote_key), "muxer": stream.muxer, "yamux": header[:4].hex()}


async def reach(port: int) -> Stream:
    """A connection on which both are about to shake hands."""
    below = await connect_tcp("127.0.0.1", port)
    await below.write(line(MULTISTREAM) + line(PROTOCOL_ID))
    await expect(below, MULTISTREAM, PROTOCOL_ID)
    return below


async def dial(port: int, promised: str, muxers: list[str]) -> dict[str, Any]:
    """Dial them as far as the muxer."""
    below = await reach(port)
    try:
        stream = await secure.noise(below, OURS, initiator=True, expected=ids.parse(promised), muxers=muxers)
    except WrongPeer as wrong:
        return {"wrong peer": str(wrong), "is closed": below.is_closed}
    async with stream:
        if stream.muxer is None:
            await stream.write(line(MULTISTREAM) + line(YAMUX))
            await expect(stream, MULTISTREAM, YAMUX)
        return await told(stream)


async def dial_and_change(port: int, place: int) -> dict[str, Any]:
    """Dial them, with a byte of our last message changed on its way; return how they took it."""
    below = await reach(port)
    machine = NoiseHandshake(OURS, initiator=True)
    await below.write(machine.to_send())
    while not machine.is_finished:
        machine.receive(await below.read_exactly(machine.need_bytes))
    last = bytearray(machine.to_send())
    last[place] ^= 1
    await below.write(bytes(last))
    async with below:
        with contextlib.suppress(StreamReset):  # how they hang up
            return {"answered": len(await read_all(below))}
    return {"answered": 0}


@pytest.mark.parametrize("muxers", [[], [YAMUX], ["/other/1.0.0", YAMUX]])
def test_we_dial_them(muxers: list[str]) -> None:
    with Namespace() as net, ForeignPeer("libp2p.mjs", namespace=net) as peer:
        where = peer.ask("listen")
        answer = net.run_together(dial, where["port"], where["id"], muxers)
        assert answer["remote"] == where["id"]
        assert answer["muxer"] == (YAMUX if muxers else None)
        assert answer["yamux"] in YAMUX_BEGINS
        assert peer.next_event() == ("connected", ids.peer_id(OURS.public))


@pytest.mark.fault("F043")
def test_we_do_not_say_who_we_are_to_another_peer_than_the_one_that_we_dialled() -> None:
    with Namespace() as net, ForeignPeer("libp2p.mjs", namespace=net) as peer:
        where = peer.ask("listen")
        answer = net.run_together(dial, where["port"], ids.peer_id(STRANGER.public), [])
        assert "but the peer that answered is" in answer["wrong peer"]
        assert answer["is closed"]
        assert peer.ask("peers") == []


@pytest.mark.fault("F042")
@pytest.mark.parametrize("place", [2, 40, 60, -1])
def test_they_notice_a_changed_byte_of_ours(place: int) -> None:
    with Namespace() as net, ForeignPeer("libp2p.mjs", namespace=net) as peer:
        where = peer.ask("listen")
        assert net.run_together(dial_and_change, where["port"], place) == {"answered": 0}
        assert peer.ask("peers") == []


async def listen(muxers: list[str], expected: str | None) -> dict[str, Any]:
    """Be dialled by them as far as the muxer."""

    async def talk(below: Stream) -> dict[str, Any]:
        await expect(below, MULTISTREAM)
        await below.write(line(MULTISTREAM))
        await expect(below, PROTOCOL_ID)
        await below.write(line(PROTOCOL_ID))
        promised = ids.parse(expected) if expected else None
        try:
            stream = await secure.noise(below, OURS, initiator=False, expected=promised, muxers=muxers)
        except (HandshakeFailed, WrongPeer) as failed:
            return {"failed": str(failed).removeprefix(below.remote), "is closed": below.is_closed}
        if stream.muxer is None:
            await expect(stream, MULTISTREAM)
            await stream.write(line(MULTISTREAM))
            await expect(stream, YAMUX)
            await stream.write(line(YAMUX))
        return await told(stream)

    result: dict[str, Any] = await listening.serve_once(talk)
    return result


def address(promised: SecretKey = OURS) -> str:
    return f"/ip4/127.0.0.1/tcp/{listening.PORT}/p2p/{ids.peer_id(promised.public)}"


@pytest.mark.parametrize("muxers", [[], [YAMUX]])
def test_they_dial_us(muxers: list[str]) -> None:
    with Namespace() as net, ForeignPeer("libp2p.mjs", namespace=net) as peer:
        own = peer.ask("listen")["id"]
        ours, theirs = listening.called_by(net, listen, (muxers, None), peer, address=address())
        assert ours["remote"] == own
        assert ours["muxer"] == (YAMUX if muxers else None)
        assert ours["yamux"] in YAMUX_BEGINS
        assert theirs == {"peer": ids.peer_id(OURS.public), "encryption": "/noise", "muxer": YAMUX}


@pytest.mark.fault("F043")
def test_they_do_not_go_on_with_another_peer_than_the_one_that_they_dialled() -> None:
    with Namespace() as net, ForeignPeer("libp2p.mjs", namespace=net) as peer:
        ours, theirs = listening.called_by(net, listen, ([], None), peer, address=address(STRANGER))
        assert ours == {"failed": " hung up during the handshake", "is closed": True}
        assert isinstance(theirs, PeerRefused)
        assert "does not match expected remote identity key" in str(theirs)


@pytest.mark.fault("F043")
def test_we_do_not_go_on_with_another_peer_than_the_one_that_we_expect() -> None:
    with Namespace() as net, ForeignPeer("libp2p.mjs", namespace=net) as peer:
        promised = ids.peer_id(STRANGER.public)
        ours, _ = listening.called_by(net, listen, ([], promised), peer, address=address())
        assert "but the peer that answered is" in ours["failed"]
        assert ours["is closed"]
