"""Third-party programs that were tried by hand in the simulated internet, and what became of it.

Each was tried once, in the version that is named; what works, between two hosts over a good and a lossy link.
None is a dependency of the tests, so nothing here is tested again. `table.py` has what is.
"""

from __future__ import annotations

from tests.sim.strangers.table import Outcome, Stranger

BLOCKS = "its sockets block, and one blocked call would stop every host, even in to_thread"
THREAD = "its own thread wakes the loop, and when a thread runs is up to the machine"
IN_C = "it does its networking in C and in its own threads, on the machine's real network"
OWN_LOOP = "it has its own event loop, and all hosts share asyncio's"

TRIED: tuple[Stranger, ...] = (
    Stranger(
        "tornado",
        "6.6.1",
        "HTTP server and client, WebSockets",
        Outcome.UNCHANGED,
    ),
    Stranger(
        "starlette",
        "1.10.0",
        "under uvicorn: ordinary and asynchronous handlers, a streaming answer",
        Outcome.UNCHANGED,
    ),
    Stranger(
        "fastapi",
        "0.165.0",
        "under uvicorn: ordinary and asynchronous handlers, a background task",
        Outcome.UNCHANGED,
    ),
    Stranger(
        "quart",
        "0.22.0",
        "under uvicorn: ordinary and asynchronous handlers",
        Outcome.UNCHANGED,
    ),
    Stranger(
        "quart",
        "0.22.0",
        "app.run() in a script",
        Outcome.WITH_A_CHANGE,
        "it makes its own event loop: use asyncio.run(app.run_task(...))",
    ),
    Stranger(
        "sanic",
        "25.12.1",
        "a server made by app.create_server",
        Outcome.UNCHANGED,
    ),
    Stranger(
        "httpcore",
        "1.0.9",
        "its asynchronous connection pool",
        Outcome.UNCHANGED,
    ),
    Stranger(
        "aiosmtpd",
        "1.4.6",
        "a server of its SMTP class, given to loop.create_server",
        Outcome.UNCHANGED,
    ),
    Stranger(
        "aiosmtpd",
        "1.4.6",
        "its Controller",
        Outcome.WITH_A_CHANGE,
        "a thread with a loop of its own: give the SMTP class to loop.create_server",
    ),
    Stranger(
        "aiosmtplib",
        "5.1.3",
        "a mail sent to aiosmtpd",
        Outcome.UNCHANGED,
    ),
    Stranger(
        "aioftp",
        "0.28.3",
        "server and client: folders, files up and down",
        Outcome.UNCHANGED,
    ),
    Stranger(
        "amqtt",
        "0.12.1",
        "broker and clients",
        Outcome.UNCHANGED,
    ),
    Stranger(
        "gmqtt",
        "0.8.0",
        "clients of amqtt's broker",
        Outcome.UNCHANGED,
    ),
    Stranger(
        "asyncio-dgram",
        "3.0.0",
        "server and client",
        Outcome.UNCHANGED,
    ),
    Stranger(
        "pproxy",
        "2.7.9",
        "a SOCKS5 proxy and its client",
        Outcome.UNCHANGED,
    ),
    Stranger(
        "pymodbus",
        "3.16.1",
        "its asynchronous TCP server and client",
        Outcome.UNCHANGED,
    ),
    Stranger(
        "asyncua",
        "2.1.0",
        "OPC UA server and client: a variable read and written",
        Outcome.UNCHANGED,
        "times repeat and bytes do not",
        repeats=False,
    ),
    Stranger(
        "irc",
        "20.5.0",
        "client_aio, to a server made for the trial",
        Outcome.UNCHANGED,
    ),
    Stranger(
        "asyncpg",
        "0.32.0",
        "connect and execute, to a server made for the trial",
        Outcome.UNCHANGED,
    ),
    Stranger(
        "aiomysql",
        "0.3.2",
        "connect and ping, to a server made for the trial",
        Outcome.UNCHANGED,
    ),
    Stranger(
        "pymongo",
        "4.20.1",
        "AsyncMongoClient, to a server that hangs up",
        Outcome.UNCHANGED,
        "times repeat and bytes do not",
        repeats=False,
    ),
    Stranger(
        "distributed",
        "2026.8.0",
        "scheduler, worker and client with asynchronous=True",
        Outcome.UNCHANGED,
        "times repeat and bytes do not",
        repeats=False,
    ),
    Stranger(
        "pyipv8",
        "3.2.1",
        "three peers that find each other",
        Outcome.UNCHANGED,
    ),
    Stranger(
        "aiofiles",
        "25.1.0",
        "a file written and read",
        Outcome.UNCHANGED,
        "the files are the machine's",
    ),
    Stranger(
        "slixmpp",
        "1.17.0",
        "a client that logs in, to a server made for the trial",
        Outcome.WITH_A_CHANGE,
        "it leaves its task run_filters running: cancel it, or pass strict=False",
    ),
    Stranger(
        "Twisted",
        "26.10.0",
        "TCP server and client under asyncioreactor",
        Outcome.WITH_A_CHANGE,
        "a pipe wakes its reactor, and it keeps the real time.time: make a subclass of "
        "AsyncioSelectorReactor whose installWaker and wakeUp do nothing and whose seconds() returns "
        "the loop's time(); it leaves a timer, so pass strict=False",
    ),
    Stranger(
        "uvloop",
        "0.23.0",
        "uvloop.run, uvloop.install",
        Outcome.WITH_A_CHANGE,
        "it is another event loop, in C: use asyncio.run in place of uvloop.run; uvloop.install() may "
        "stay, and does nothing",
    ),
    Stranger(
        "aiosqlite",
        "0.22.1",
        "a table in memory",
        Outcome.WITH_A_CHANGE,
        f"{THREAD}: use sqlite3 in asyncio.to_thread",
    ),
    Stranger(
        "dnspython",
        "2.9.2",
        "dns.resolver",
        Outcome.WITH_A_CHANGE,
        f"{BLOCKS}: use dns.asyncresolver",
    ),
    Stranger(
        "httpx",
        "0.28.1",
        "httpx.get",
        Outcome.WITH_A_CHANGE,
        f"{BLOCKS}: use httpx.AsyncClient",
    ),
    Stranger(
        "pymodbus",
        "3.16.1",
        "ModbusTcpClient in asyncio.to_thread",
        Outcome.WITH_A_CHANGE,
        f"{BLOCKS}: use AsyncModbusTcpClient",
    ),
    Stranger(
        "websockets",
        "15.0.1",
        "websockets.sync",
        Outcome.WITH_A_CHANGE,
        f"{BLOCKS}: use websockets.asyncio",
    ),
    Stranger(
        "requests",
        "2.34.2",
        "straight, in asyncio.to_thread, and in a script",
        Outcome.NOT,
        BLOCKS,
    ),
    Stranger(
        "urllib3",
        "2.8.0",
        "in asyncio.to_thread",
        Outcome.NOT,
        BLOCKS,
    ),
    Stranger(
        "websocket-client",
        "1.9.2",
        "in asyncio.to_thread",
        Outcome.NOT,
        BLOCKS,
    ),
    Stranger(
        "paho-mqtt",
        "2.2.0",
        "loop_forever in asyncio.to_thread, loop_start",
        Outcome.NOT,
        f"{BLOCKS}, and loop_start is a thread; gmqtt and amqtt work",
    ),
    Stranger(
        "aiomqtt",
        "2.5.1",
        "client of amqtt's broker",
        Outcome.NOT,
        "it connects with paho-mqtt's blocking socket, in a thread; gmqtt and amqtt work",
    ),
    Stranger(
        "rpyc",
        "6.0.2",
        "connect, ThreadedServer",
        Outcome.NOT,
        BLOCKS,
    ),
    Stranger(
        "Pyro5",
        "5.17",
        "Daemon and Proxy",
        Outcome.NOT,
        BLOCKS,
    ),
    Stranger(
        "aiodns",
        "4.0.4",
        "a query",
        Outcome.NOT,
        "c-ares queries in C, in its own thread; loop.getaddrinfo and dns.asyncresolver work",
    ),
    Stranger(
        "pyzmq",
        "27.3.0",
        "zmq.asyncio: a request and its reply",
        Outcome.NOT,
        IN_C,
    ),
    Stranger(
        "grpcio",
        "1.85.3",
        "grpc.aio server and client",
        Outcome.NOT,
        f"{IN_C}; grpclib works",
    ),
    Stranger(
        "psycopg",
        "3.3.9",
        "AsyncConnection",
        Outcome.NOT,
        "libpq connects in C, on the machine's real network; asyncpg works",
    ),
    Stranger(
        "gevent",
        "26.9.0",
        "gevent.socket",
        Outcome.NOT,
        "it has its own event loop, in C, with real sockets",
    ),
    Stranger(
        "trio",
        "0.35.0",
        "a connection, in a host and in a script",
        Outcome.NOT,
        f"{OWN_LOOP}; anyio on asyncio works",
    ),
    Stranger(
        "curio",
        "1.6",
        "a connection, in a host and in a script",
        Outcome.NOT,
        OWN_LOOP,
    ),
)
