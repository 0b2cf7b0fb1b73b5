"""The messages between a newcomer and a seed. A codec, in the layout of `p2plib.machine.datagram`.

A list of addresses knows no topics. What its peers answer is up to them; ours answer these. In each,
`transaction` is picked by the peer that asks and repeated in the response.

Rules
    1. A response is never longer than the request that it answers. The sender of a request may be forged, and
       a seed that sends 400 bytes for 30 is a gift to whoever wants to flood somebody else (F079). So a
       request for peers is padded, and its padding pays for the names that it wants.
    2. To be named, a peer shows the token that it got at the same host before: so it can name itself and
       nobody else (as in BEP 5).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from p2plib.discovery.source import TOPIC_BYTES
from p2plib.machine.addresses import Address
from p2plib.machine.datagram import Codec
from p2plib.machine.fields import ADDRESS, Blob, Many, Number, Transaction

MAX_NAMED = 20  # addresses in one response; a newcomer connects to fewer
TOKEN_BYTES = 8
# The longest response: head, transaction, token, and so many IPv6 addresses, each part with its length.
ASK_BYTES = 2 + 9 + (1 + TOKEN_BYTES) + 2 + MAX_NAMED * 19

UNREADABLE, FULL, BAD_TOKEN = 1, 2, 3
REASONS = {
    UNREADABLE: "the topic is not 20 bytes, or the port is 0",
    FULL: "it keeps as many peers as it can",
    BAD_TOKEN: "the token is another host's, or too old",
}


@dataclass(slots=True)
class AskPeers:
    """Who is there for this topic? As much padding as the response may be long."""

    transaction: Transaction
    topic: Annotated[bytes, Blob(TOPIC_BYTES)]
    padding: Annotated[bytes, Blob(ASK_BYTES)]


@dataclass(slots=True)
class NamedPeers:
    """These are, as far as they told me; and a token, to be named yourself."""

    transaction: Transaction
    token: Annotated[bytes, Blob(TOKEN_BYTES)]
    peers: Annotated[tuple[Address, ...], Many(ADDRESS, MAX_NAMED)]


@dataclass(slots=True)
class TellPeer:
    """I am there, at this port of the host that you see; port 0: not any more."""

    transaction: Transaction
    topic: Annotated[bytes, Blob(TOPIC_BYTES)]
    port: Annotated[int, Number(16)]
    token: Annotated[bytes, Blob(TOKEN_BYTES)]


@dataclass(slots=True)
class SeedTold:
    """I will name you for so many seconds; `seen` is where I see you."""

    transaction: Transaction
    kept_s: Annotated[int, Number(16)]
    seen: Annotated[Address, ADDRESS]


@dataclass(slots=True)
class SeedRefused:
    """No; `reason` is one of `REASONS`."""

    transaction: Transaction
    reason: Annotated[int, Number(8)]


SeedRequest = AskPeers | TellPeer
SeedResponse = NamedPeers | SeedTold | SeedRefused

CODEC = Codec("bootstrap", 9, AskPeers, NamedPeers, TellPeer, SeedTold, SeedRefused)


def padded(ask: AskPeers) -> bytes:
    """The datagram of a request for peers, as long as the longest response. Rule 1."""
    bare = len(CODEC.encode(AskPeers(ask.transaction, ask.topic, b"")))
    room = ASK_BYTES - bare
    ask.padding = bytes(room if room < 0x80 else room - 1)  # a length above 127 takes a byte more
    return CODEC.encode(ask)
