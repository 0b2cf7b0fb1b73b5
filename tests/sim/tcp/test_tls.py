"""TLS over simulated connections: the same small programs tell the same story as on real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from p2plib.sim import Host, Internet, Link
from tests.conftest import ROOT
from tests.sim.certificates import Certificates
from tests.sim.tcp.secured import FAR, Told, dial, in_a_simulation, listen, two

LIMIT_S = 60

pytestmark = pytest.mark.usefixtures("nothing_unclosed")


Story = Callable[[Told, Told], Awaitable[None]]


async def closes(ours: Told, theirs: Told) -> None:
    ours.transport.write(b"bye")
    ours.transport.close()
    ours.transport.write(b"too late")


async def the_server_closes(ours: Told, theirs: Told) -> None:
    theirs.transport.write(b"that is all")
    theirs.transport.close()


async def both_close(ours: Told, theirs: Told) -> None:
    for end in (ours, theirs):
        end.transport.write(b"bye")
        end.transport.close()


async def aborts(ours: Told, theirs: Told) -> None:
    ours.transport.write(b"bye")
    await theirs.has(3)
    ours.transport.abort()


async def sends_a_lot_both_ways(ours: Told, theirs: Told) -> None:
    size = 1_000_000
    for end in (ours, theirs):
        end.transport.writelines([b"x" * (size // 4)] * 4)
    await asyncio.gather(ours.has(size), theirs.has(size))
    ours.transport.close()
    await ours.lost
    for end in (ours, theirs):  # how often a full buffer paused it is the kernel's business
        end.told[:] = [word for word in end.told if word not in ("pause", "resume")]


async def does_not_read_for_a_while(ours: Told, theirs: Told) -> None:
    theirs.transport.pause_reading()
    ours.transport.write(b"patience")
    await asyncio.sleep(0.05)
    assert not theirs.data
    theirs.transport.resume_reading()
    await theirs.has(8)
    ours.transport.close()


async def cannot_end_one_direction(ours: Told, theirs: Told) -> None:
    assert not ours.transport.can_write_eof()
    with pytest.raises(NotImplementedError):
        ours.transport.write_eof()
    ours.transport.close()


async def says_who_it_is(ours: Told, theirs: Told) -> None:
    cipher = ours.transport.get_extra_info("cipher")
    assert cipher == theirs.transport.get_extra_info("cipher")
    ours.told += [cipher[0], cipher[1], ours.transport.get_extra_info("ssl_object").version()]
    ours.told.append(str(ours.transport.get_extra_info("peercert")["subjectAltName"]))
    assert theirs.transport.get_extra_info("peercert") is None
    assert ours.transport.get_extra_info("sslcontext").check_hostname
    assert ours.transport.get_extra_info("peername")[1] == theirs.transport.get_extra_info("sockname")[1]
    ours.transport.close()


STORIES = [
    closes,
    the_server_closes,
    both_close,
    aborts,
    sends_a_lot_both_ways,
    does_not_read_for_a_while,
    cannot_end_one_direction,
    says_who_it_is,
]


async def tell(story: Story, papers: Certificates) -> list[tuple[list[str], bytes]]:
    """Plays a story between two ends on 127.0.0.1; what each was told."""
    loop = asyncio.get_running_loop()
    ends: list[Told] = []

    def factory() -> Told:
        ends.append(Told())
        return ends[0]

    server = await loop.create_server(factory, "127.0.0.1", 0, ssl=papers.server())
    port = server.sockets[0].getsockname()[1]
    _, ours = await loop.create_connection(
        Told, "127.0.0.1", port, ssl=papers.client(), server_hostname="localhost"
    )
    await asyncio.wait_for(ends[0].made, LIMIT_S)
    await asyncio.wait_for(story(ours, ends[0]), LIMIT_S)
    await asyncio.wait_for(asyncio.gather(ours.lost, ends[0].lost), LIMIT_S)
    server.close()
    await server.wait_closed()
    return [(end.told, bytes(end.data)) for end in (ours, ends[0])]


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_the_same_story(story: Story, papers: Certificates) -> None:
    assert in_a_simulation(tell(story, papers)) == asyncio.run(tell(story, papers))


async def closes_while_the_other_end_talks(ours: Told, theirs: Told) -> None:
    async def talk() -> None:
        while not theirs.transport.is_closing():
            theirs.transport.write(b"and another thing, ")
            await asyncio.sleep(0.002)

    talking = asyncio.ensure_future(talk())
    await ours.has(30)
    ours.transport.close()
    await talking
    await ours.lost
    ours.data.clear()  # how much of it came in time is chance


def test_closing_while_the_other_end_talks(papers: Certificates) -> None:
    """What was under way when ours said goodbye is an error: TLS would lose bytes that were sent.

    On a real socket it is chance whether some are: both of these outcomes are seen there.
    """
    lost = [["made", "lost SSLError"], ["made", "eof", "lost NoneType"]]
    nothing_lost = [["made", "eof", "lost NoneType"]] * 2
    simulated = in_a_simulation(tell(closes_while_the_other_end_talks, papers))
    assert [told for told, _ in simulated] == lost
    real = asyncio.run(tell(closes_while_the_other_end_talks, papers))
    assert [told for told, _ in real] in (lost, nothing_lost)


async def over_own_sockets(papers: Certificates) -> list[Any]:
    """A server and a client that make their sockets themselves, and a connection accepted by hand."""
    loop = asyncio.get_running_loop()
    heard: list[Any] = []
    ends: list[Told] = []

    def factory() -> Told:
        ends.append(Told())
        return ends[-1]

    def bound() -> socket.socket:
        made = socket.socket()
        made.setblocking(False)
        made.bind(("127.0.0.1", 0))
        return made

    async def ask(port: int) -> None:
        dialled = socket.socket()
        dialled.setblocking(False)
        await loop.sock_connect(dialled, ("127.0.0.1", port))
        transport, ours = await loop.create_connection(
            Told, sock=dialled, ssl=papers.client(), server_hostname="localhost"
        )
        await ends[-1].made
        ends[-1].transport.write(b"hello")
        await ours.has(5)
        transport.close()
        await asyncio.gather(ours.lost, ends[-1].lost)
        heard.append((ours.told, bytes(ours.data), ends[-1].told))

    listening = bound()
    server = await loop.create_server(factory, sock=listening, ssl=papers.server())
    await ask(server.sockets[0].getsockname()[1])
    server.close()
    with bound() as by_hand:
        by_hand.listen()
        asking = asyncio.ensure_future(ask(by_hand.getsockname()[1]))
        accepted, _ = await loop.sock_accept(by_hand)
        await loop.connect_accepted_socket(factory, accepted, ssl=papers.server())
        await asking
        for wrong in ({"ssl_handshake_timeout": 1.0}, {"ssl_shutdown_timeout": 1.0}):
            with pytest.raises(ValueError, match="only meaningful with ssl"):
                await loop.connect_accepted_socket(factory, by_hand, **wrong)  # type: ignore[arg-type]
    return heard


def test_sockets_of_a_programs_own_speak_tls(papers: Certificates) -> None:
    real = asyncio.run(over_own_sockets(papers))
    assert in_a_simulation(over_own_sockets(papers)) == real
    assert len(real) == 2


# What is said over it


async def serve_https(papers: Certificates, size: int) -> asyncio.Server:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while request := await reader.readline():
            while await reader.readline() != b"\r\n":
                pass
            body = request.split()[1] + b"x" * size
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            await writer.drain()
        writer.close()
        await writer.wait_closed()

    return await asyncio.start_server(answer, "0.0.0.0", 443, ssl=papers.server())


async def get(papers: Certificates, *paths: str) -> list[tuple[bytes, int]]:
    """The beginnings and lengths of pages, all over one connection."""
    reader, writer = await asyncio.open_connection("ben", 443, ssl=papers.client())
    found = []
    for path in paths:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: ben\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        body = await reader.readexactly(int(head.split()[-1]))
        found.append((body.rstrip(b"x"), len(body)))
    writer.close()
    await writer.wait_closed()
    return found


def browse(papers: Certificates, link: Link, size: int = 100_000) -> tuple[Any, Internet]:
    async def main(net: Internet) -> Any:
        ana, ben = net.host("ana"), net.host("ben")
        with ben:
            server = await serve_https(papers, size)
        found = await ana.run(get(papers, "/one", "/two"))
        server.close()
        return found

    net = Internet(seed=2, link=link)
    return net.run(main), net


def test_https_by_hand(papers: Certificates) -> None:
    found, net = browse(papers, FAR)
    assert found == [(b"/one", 100_004), (b"/two", 100_004)]
    assert b"/one" not in b"".join(packet.data for packet in net.trace)  # nobody on the way can read it


LOSSY = Link(latency=0.02, jitter_s=0.005, loss=0.03, bytes_per_s=500_000)


def test_times_and_sizes_repeat_and_bytes_do_not(papers: Certificates) -> None:
    runs = [browse(papers, LOSSY) for _ in range(2)]
    assert runs[0][0] == runs[1][0] == [(b"/one", 100_004), (b"/two", 100_004)]
    assert runs[0][1].trace.dropped()["lost"] > 3
    packets = [
        [(packet.sent_s, packet.arrives_s, packet.sender, len(packet.data)) for packet in net.trace]
        for _, net in runs
    ]
    assert packets[0] == packets[1]
    assert runs[0][1].time == runs[1][1].time
    assert runs[0][1].trace.digest() != runs[1][1].trace.digest()


async def post_office(papers: Certificates, reader: Any, writer: Any, letters: list[bytes]) -> None:
    """A mail server: in the clear until STARTTLS (RFC 3207)."""
    writer.write(b"220 ben\r\n")
    while command := await reader.readline():
        if command == b"STARTTLS\r\n":
            writer.write(b"220 go ahead\r\n")
            await writer.start_tls(papers.server())
        elif command == b"QUIT\r\n":
            break
        else:
            letters.append(command)
            writer.write(b"250 ok\r\n")
    writer.write(b"221 bye\r\n")
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()


async def send_letters(papers: Certificates, reader: Any, writer: Any, count: int) -> list[bytes]:
    heard = [await reader.readline()]
    writer.write(b"STARTTLS\r\n")
    heard.append(await reader.readline())
    await writer.start_tls(papers.client(), server_hostname="localhost")
    assert writer.get_extra_info("ssl_object").version() == "TLSv1.3"
    for number in range(count):
        writer.write(b"letter %d\r\n" % number)
        heard.append(await reader.readline())
    writer.write(b"QUIT\r\n")
    heard.append(await reader.readline())
    writer.close()
    await writer.wait_closed()
    return heard


async def mail(papers: Certificates) -> tuple[list[bytes], list[bytes]]:
    letters: list[bytes] = []
    server = await asyncio.start_server(
        lambda reader, writer: post_office(papers, reader, writer, letters), "127.0.0.1", 0
    )
    port = server.sockets[0].getsockname()[1]
    heard = await send_letters(papers, *await asyncio.open_connection("127.0.0.1", port), 3)
    server.close()
    await server.wait_closed()
    return heard, letters


def test_a_connection_turns_to_tls_in_the_middle(papers: Certificates) -> None:
    letters = [b"letter 0\r\n", b"letter 1\r\n", b"letter 2\r\n"]
    heard = [b"220 ben\r\n", b"220 go ahead\r\n", *[b"250 ok\r\n"] * 3, b"221 bye\r\n"]
    assert in_a_simulation(mail(papers)) == asyncio.run(mail(papers)) == (heard, letters)


def test_start_tls_that_fails_closes_the_connection(papers: Certificates) -> None:
    async def main(ana: Host, ben: Host) -> None:
        server, met = await listen(ben)
        transport, ours = await dial(ana)
        with ana, pytest.raises(ConnectionAbortedError, match="longer than 2"):
            await asyncio.get_running_loop().start_tls(
                transport, ours, papers.client(), server_hostname="ben", ssl_handshake_timeout=2
            )
        await asyncio.sleep(1)
        assert met[0].told == ["made", "eof", "lost NoneType"]
        server.close()

    two(main)


def test_a_big_transfer_keeps_to_the_links_speed(papers: Certificates) -> None:
    """A megabyte at 500 kB/s takes two seconds, with the records' few per cent on top."""
    found, net = browse(papers, Link(latency=0.01, bytes_per_s=500_000), size=500_000)
    assert [size for _, size in found] == [500_004] * 2
    assert 2.0 < net.time < 2.6


def test_without_the_module_ssl_all_but_tls_works() -> None:
    program = """
import sys
sys.modules["ssl"] = None  # as in Pyodide
import asyncio
from p2plib.sim import Internet

async def main(net):
    with net.host("ana"):
        server = await asyncio.start_server(lambda reader, writer: writer.close(), port=80)
        await (await asyncio.open_connection("ana", 80))[0].read()
        try:
            await asyncio.open_connection("ana", 80, ssl=True)
        except RuntimeError as error:
            print(error)
        server.close()
    await asyncio.sleep(1)

Internet(seed=1, strict=False).run(main)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert "ssl module not available" in done.stdout
