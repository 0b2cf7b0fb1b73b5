"""Third-party programs in the simulated internet: which library, what of it, and how it went.

Those here are tested; `tried.py` has those that were tried by hand.

One table, in the order in which it is read: the book's page and the README show it, and `test_table.py` holds
it against what is installed and what is tested. A library that works has a test file beside this one.

`repeats` is said of connections in the clear. Over TLS, times and sizes repeat and bytes do not.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Outcome(Enum):
    """How a library fares."""

    UNCHANGED = "works"
    WITH_A_CHANGE = "works with a change"
    NOT = "does not work"


@dataclass(frozen=True)
class Stranger:
    """A library.

    Attributes:
        package: its name in the package index.
        version: the one that is tested, or was tried.
        uses: what of it a test runs, or was tried.
        outcome: how it went.
        why: what has to be changed, or what stands in the way; "" where nothing does.
        test: the module in this folder that shows it; "" for one that was tried by hand.
        repeats: whether the same seed gives the same bytes; where not, `why` says what differs.
    """

    package: str
    version: str
    uses: str
    outcome: Outcome
    why: str = ""
    test: str = ""
    repeats: bool = True


MASKS = "its client draws WebSocket masks from a Random() made when it is imported, so they differ each time"

STRANGERS: tuple[Stranger, ...] = (
    Stranger(
        "aiohttp",
        "3.14.5",
        "client and server, WebSockets, files, HTTPS, run_app",
        Outcome.UNCHANGED,
        MASKS,
        test="test_aiohttp",
        repeats=False,
    ),
    Stranger(
        "httpx",
        "0.28.1",
        "client of uvicorn and Hypercorn, HTTPS",
        Outcome.UNCHANGED,
        test="test_uvicorn",
    ),
    Stranger(
        "uvicorn",
        "0.54.0",
        "ASGI server, HTTPS, lifespan, shutdown by a signal",
        Outcome.UNCHANGED,
        test="test_uvicorn",
    ),
    Stranger(
        "hypercorn",
        "0.18.0",
        "ASGI server, HTTPS; it binds sockets of its own",
        Outcome.UNCHANGED,
        test="test_hypercorn",
    ),
    Stranger(
        "websockets",
        "17.4",
        "client and server, wss",
        Outcome.UNCHANGED,
        test="test_websockets",
    ),
    Stranger(
        "python-socketio",
        "5.18.1",
        "server under aiohttp and client, rooms, acknowledgements",
        Outcome.UNCHANGED,
        "its client is aiohttp's, so WebSocket masks differ each time",
        test="test_socketio",
        repeats=False,
    ),
    Stranger(
        "grpclib",
        "0.4.9",
        "client and server, calls of all four kinds, TLS",
        Outcome.UNCHANGED,
        test="test_grpclib",
    ),
    Stranger(
        "redis",
        "8.1.0",
        "redis.asyncio: connection pool, pipelines, publish and subscribe",
        Outcome.UNCHANGED,
        test="test_redis",
    ),
    Stranger(
        "nats-py",
        "2.16.0",
        "requests, subscriptions, drain",
        Outcome.UNCHANGED,
        test="test_nats",
    ),
    Stranger(
        "anyio",
        "4.16.0",
        "listeners, streams, TLS, UDP, task groups, time limits",
        Outcome.UNCHANGED,
        test="test_anyio",
    ),
    Stranger(
        "kademlia",
        "2.2.3",
        "200 nodes that set and get",
        Outcome.UNCHANGED,
        test="test_kademlia",
    ),
    Stranger(
        "aioquic",
        "1.7.2",
        "HTTP/3: serve and connect, over IPv4 and IPv6",
        Outcome.UNCHANGED,
        "its keys are OpenSSL's, so bytes differ; times repeat",
        test="test_aioquic",
        repeats=False,
    ),
    Stranger(
        "zeroconf",
        "0.154.0",
        "a service registered, found, resolved and withdrawn on one network segment",
        Outcome.UNCHANGED,
        test="test_zeroconf",
    ),
    Stranger(
        "aioice",
        "0.13.0",
        "two peers behind NATs, with a STUN server",
        Outcome.UNCHANGED,
        test="test_aioice",
    ),
    Stranger(
        "aiortc",
        "1.16.0",
        "data channels through two NATs",
        Outcome.UNCHANGED,
        "keys and clock are OpenSSL's: bytes differ, and packets lost in a DTLS handshake are not sent again",
        test="test_aiortc",
        repeats=False,
    ),
    Stranger(
        "aiocoap",
        "0.4.17",
        "read, written and observed, over UDP and TCP; blocks",
        Outcome.UNCHANGED,
        test="test_aiocoap",
    ),
    Stranger(
        "dnspython",
        "2.9.2",
        "its asynchronous resolver and queries, over UDP and TCP",
        Outcome.UNCHANGED,
        test="test_dns",
    ),
    Stranger(
        "dnslib",
        "0.9.26",
        "a name server's records",
        Outcome.UNCHANGED,
        test="test_dns",
    ),
    Stranger(
        "asyncssh",
        "2.24.1",
        "server and clients, a password and a key",
        Outcome.UNCHANGED,
        "its keys are OpenSSL's, so bytes differ; times repeat",
        test="test_asyncssh",
        repeats=False,
    ),
)
