"""libp2p's identify, `/ipfs/id/1.0.0`: who a peer is, where it listens, what it speaks. Codec and driver.

libp2p's specification "identify". The side that opens the stream says nothing; the other one sends a protobuf
message in a varint frame, and ends. Its fields::

    1 publicKey   2 listenAddrs (each)   3 protocols (each)   4 observedAddr
    5 protocolVersion   6 agentVersion   8 signedPeerRecord

Rules
    1. At most `MAX_MESSAGE_BYTES`, `MAX_ADDRESSES` and `MAX_PROTOCOLS`.
    2. The key must be the one that the peer has proved. Everything else is what it claims: `observed` is
       where it says that it sees us, and may be a lie.
    3. Unknown fields are left alone, as the specification wants it; so are addresses of kinds that
       `p2plib.wire.multiaddr` does not know, which are counted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from p2plib.errors import DecodeError, PeerTimeout, UsageError, WrongPeer
from p2plib.identity import ids
from p2plib.identity.foreign_keys import PeerKey
from p2plib.protocol.connection import Connection, StreamHandler
from p2plib.protocol.framing import VarintFrames, read_frame, write_frame
from p2plib.protocol.stream import Stream
from p2plib.wire import multiaddr, protobuf
from p2plib.wire.fields import Field
from p2plib.wire.multiaddr import Multiaddr
from p2plib.wire.protobuf import BYTES, ProtoField

PROTOCOL_ID = "/ipfs/id/1.0.0"
MAX_MESSAGE_BYTES = 8192  # as go-libp2p
MAX_ADDRESSES = 64
MAX_PROTOCOLS = 256
MAX_TEXT_BYTES = 256
TIMEOUT_S = 10.0

FRAMES = VarintFrames(MAX_MESSAGE_BYTES)
FIELD_NAMES = {
    1: "publicKey",
    2: "listenAddrs",
    3: "protocols",
    4: "observedAddr",
    5: "protocolVersion",
    6: "agentVersion",
    8: "signedPeerRecord",
}


@dataclass(frozen=True, slots=True)
class Identity:
    """What a peer says of itself.

    Args:
        key: its public key.
        addresses: where it listens.
        protocols: what it speaks on streams that others open.
        observed: at which address it sees the one it talks to; None if it does not say.
        version: the family of protocols, such as "ipfs/0.1.0".
        agent: the program, such as "js-libp2p/3.3.11".
        unknown_addresses: how many addresses it named of kinds that we do not know.
    """

    key: PeerKey
    addresses: tuple[Multiaddr, ...] = ()
    protocols: tuple[str, ...] = ()
    observed: Multiaddr | None = None
    version: str = ""
    agent: str = ""
    unknown_addresses: int = 0


def encode(identity: Identity) -> bytes:
    """The message, without its frame.

    Raises:
        UsageError: it is larger than others would read.
    """
    fields = [ProtoField(1, BYTES, ids.encode_public_key(identity.key))]
    fields += [ProtoField(2, BYTES, address.encode()) for address in identity.addresses]
    fields += [ProtoField(3, BYTES, name.encode()) for name in identity.protocols]
    if identity.observed is not None:
        fields.append(ProtoField(4, BYTES, identity.observed.encode()))
    fields += [ProtoField(5, BYTES, identity.version.encode()), ProtoField(6, BYTES, identity.agent.encode())]
    raw = protobuf.encode(fields)
    if len(raw) > MAX_MESSAGE_BYTES:
        raise UsageError(f"what we say of ourselves has {len(raw)} bytes; {MAX_MESSAGE_BYTES} is the most")
    return raw


def decode(raw: bytes) -> Identity:
    """What a message says.

    Raises:
        DecodeError: it breaks a rule of the module's head.
        WeakKey: its key is of small order.
    """
    fields = protobuf.decode(raw)
    key = ids.decode_peer_key(protobuf.content(fields, 1))
    names = tuple(_text(value) for value in _all(fields, 3, MAX_PROTOCOLS))
    addresses, unknown = _addresses(_all(fields, 2, MAX_ADDRESSES))
    observed, _ = _addresses(_all(fields, 4, 1))
    version, agent = ("".join(map(_text, _all(fields, number, 1))) for number in (5, 6))
    return Identity(key, addresses, names, observed[0] if observed else None, version, agent, unknown)


def dissect(raw: bytes) -> tuple[Field, ...]:
    """The parts of a message."""
    return protobuf.dissect(raw, FIELD_NAMES)


def _all(fields: tuple[ProtoField, ...], number: int, most: int) -> list[bytes]:
    values = [field.value for field in fields if field.number == number]
    if len(values) > most:
        raise DecodeError(f"{FIELD_NAMES[number]} is there {len(values)} times, where {most} is the most")
    for value in values:
        if isinstance(value, int):
            raise DecodeError(f"{FIELD_NAMES[number]} is bytes, not a number")
    return values  # type: ignore[return-value]


def _text(raw: bytes) -> str:
    if len(raw) > MAX_TEXT_BYTES:
        raise DecodeError(f"a text of {len(raw)} bytes, where {MAX_TEXT_BYTES} is the most")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise DecodeError("a text is UTF-8") from None


def _addresses(values: list[bytes]) -> tuple[tuple[Multiaddr, ...], int]:
    known = []
    for value in values:
        try:
            known.append(multiaddr.decode(value))
        except DecodeError:
            continue
    return tuple(known), len(values) - len(known)


def handler(describe: Callable[[Connection], Identity]) -> StreamHandler:
    """What answers on `PROTOCOL_ID`.

    Args:
        describe: what we say of ourselves to the peer at the other side.
    """

    async def handle(stream: Stream, connection: Connection) -> None:
        await write_frame(stream, FRAMES, encode(describe(connection)))

    return handle


async def identify(connection: Connection, *, timeout_s: float = TIMEOUT_S) -> Identity:
    """Asks a peer who it is.

    Raises:
        WrongPeer: it names another key than the one that it has proved.
        DecodeError: what it says breaks a rule.
        PeerTimeout: it did not say it in time.
        NoCommonProtocol: it does not say it to anybody.
    """
    try:
        async with asyncio.timeout(timeout_s):
            stream, _ = await connection.open_stream(PROTOCOL_ID, timeout_s=timeout_s)
            async with stream:
                found = decode(await read_frame(stream, FRAMES))
    except TimeoutError as error:
        if isinstance(error, PeerTimeout):
            raise
        raise PeerTimeout(f"{connection.remote} did not say who it is within {timeout_s:g} s") from None
    if found.key != connection.remote_key:
        raise WrongPeer(f"{connection.remote} has proved {connection.remote_key!r} and says {found.key!r}")
    return found
