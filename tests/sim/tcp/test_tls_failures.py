"""TLS that comes to nothing: certificates, arguments, time-outs, wrong partners, cancelling and crashes."""

from __future__ import annotations

import asyncio
import datetime
import signal
import ssl
from functools import partial
from pathlib import Path

import pytest

from p2plib.errors import Leak
from p2plib.sim import Host
from tests.sim.certificates import Certificates, certificates
from tests.sim.tcp.secured import Told, dial, in_a_simulation, listen, two

pytestmark = pytest.mark.usefixtures("nothing_unclosed")


async def refusals(papers: Certificates, expired: Certificates, plain_port: int = 0) -> list[str]:
    """What a client is told, certificate by certificate; and the server's protocols hear of nothing."""
    loop = asyncio.get_running_loop()
    met: list[Told] = []

    def factory() -> Told:
        met.append(Told())
        return met[-1]

    async def dial(server_papers: Certificates, context: ssl.SSLContext | bool, name: str) -> str:
        server = await loop.create_server(factory, "127.0.0.1", 0, ssl=server_papers.server())
        port = server.sockets[0].getsockname()[1]
        try:
            await loop.create_connection(Told, "127.0.0.1", port, ssl=context, server_hostname=name)
        except OSError as error:
            return f"{type(error).__name__}: {error}"
        finally:
            server.close()
            await server.wait_closed()
        return "nothing wrong"

    found = [
        await dial(papers, papers.client(), "elsewhere"),  # another name
        await dial(papers, True, "localhost"),  # an authority that nobody knows
        await dial(expired, expired.client(), "localhost"),
    ]
    assert [end.told for end in met] == [[]] * 3
    return found


def test_a_certificate_is_refused_as_on_a_real_socket(papers: Certificates, tmp_path: Path) -> None:
    # It was valid on the day that the simulated clocks show; OpenSSL asks the real one (rule 2).
    began = datetime.datetime(2023, 11, 1, tzinfo=datetime.UTC)
    expired = certificates(tmp_path, "localhost", began=began, valid=datetime.timedelta(days=30))
    real = asyncio.run(refusals(papers, expired))
    assert in_a_simulation(refusals(papers, expired)) == real
    for words, told in zip(
        ("Hostname mismatch", "unable to get local issuer", "certificate has expired"), real, strict=True
    ):
        assert told.startswith("SSLCertVerificationError")
        assert words in told


async def wrong_arguments(papers: Certificates) -> list[str]:
    loop, client, server = asyncio.get_running_loop(), papers.client(), papers.server()
    listener = await loop.create_server(Told, "127.0.0.1", 0, ssl=server)
    port = listener.sockets[0].getsockname()[1]
    plain, _ = await loop.create_connection(Told, "127.0.0.1", port)
    told = []
    for call in (
        loop.create_connection(Told, "127.0.0.1", port, server_hostname="ben"),
        loop.create_connection(Told, "127.0.0.1", port, ssl_handshake_timeout=1),
        loop.create_connection(Told, "127.0.0.1", port, ssl_shutdown_timeout=1),
        loop.create_connection(Told, "127.0.0.1", port, ssl=client, ssl_handshake_timeout=0),
        loop.create_connection(Told, "127.0.0.1", port, ssl=client, ssl_shutdown_timeout=-1),
        loop.create_connection(Told, "127.0.0.1", port, ssl=client, server_hostname="no..name"),
        loop.create_connection(Told, None, port, ssl=client),
        loop.create_server(Told, "127.0.0.1", 0, ssl=True),
        loop.create_server(Told, "127.0.0.1", 0, ssl=False),  # type: ignore[arg-type]
        loop.create_server(Told, "127.0.0.1", 0, ssl_handshake_timeout=1),
        loop.create_server(Told, "127.0.0.1", 0, ssl_shutdown_timeout=1),
        loop.start_tls(plain, Told(), None),  # type: ignore[arg-type]
        loop.start_tls(asyncio.Transport(), Told(), client),
    ):
        with pytest.raises((ValueError, TypeError)) as failure:
            await call
        told.append(f"{type(failure.value).__name__}: {str(failure.value).partition('<')[0]}")
    plain.abort()
    listener.close()
    await listener.wait_closed()
    return told


def test_arguments_that_do_not_go_together_are_refused_as_by_asyncio(papers: Certificates) -> None:
    assert in_a_simulation(wrong_arguments(papers)) == asyncio.run(wrong_arguments(papers))


def test_who_does_not_answer_the_handshake_is_given_up_in_virtual_time(papers: Certificates) -> None:
    async def main(ana: Host, ben: Host) -> None:
        loop = asyncio.get_running_loop()
        server, met = await listen(ben)  # it takes connections and says nothing
        for timeouts, seconds in (({}, 60), ({"ssl_handshake_timeout": 3}, 3)):
            began = loop.time()
            with pytest.raises(ConnectionAbortedError, match=f"longer than {seconds}(.0)? seconds"):
                await dial(ana, ssl=papers.client(), **timeouts)
            assert loop.time() - began == pytest.approx(seconds + 0.12)  # a look-up, and SYN there and back
        await asyncio.sleep(1)
        assert [end.told for end in met] == [["made", "eof", "lost NoneType"]] * 2
        server.close()

    two(main)


def test_a_client_that_never_speaks_is_dropped_in_virtual_time(papers: Certificates) -> None:
    async def main(ana: Host, ben: Host) -> None:
        server, met = await listen(ben, ssl=papers.server(), ssl_handshake_timeout=5)
        _, ours = await dial(ana)
        await asyncio.sleep(4.9)
        assert ours.told == ["made"]
        await asyncio.sleep(0.5)
        assert ours.told == ["made", "eof", "lost NoneType"]
        assert met[0].told == []
        server.close()

    two(main)


def test_a_client_without_tls_is_dropped_and_the_next_one_served(papers: Certificates) -> None:
    async def main(ana: Host, ben: Host) -> None:
        server, met = await listen(ben, ssl=papers.server())
        plain, ours = await dial(ana)
        plain.write(b"GET / HTTP/1.1\r\n\r\n")
        await asyncio.sleep(1)
        assert ours.told[-1].startswith("lost")
        secured, _ = await dial(ana, ssl=papers.client())
        await met[1].made
        secured.close()
        await asyncio.sleep(1)
        assert [end.told for end in met] == [[], ["made", "eof", "lost NoneType"]]
        server.close()

    two(main)


def test_a_server_without_tls_is_no_partner(papers: Certificates) -> None:
    async def main(ana: Host, ben: Host) -> None:
        async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"220 ben\r\n")
            await reader.read()
            writer.close()
            await writer.wait_closed()

        with ben:
            server = await asyncio.start_server(greet, port=443)
        with pytest.raises(ssl.SSLError, match="WRONG_VERSION_NUMBER"):
            await dial(ana, ssl=papers.client())
        await asyncio.sleep(1)
        server.close()

    two(main)


def test_a_connection_that_ends_in_the_handshake_is_told(papers: Certificates) -> None:
    async def main(ana: Host, ben: Host) -> None:
        async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(10_000)
            writer.close()
            await writer.wait_closed()

        with ben:
            server = await asyncio.start_server(hang_up, port=443)
        with pytest.raises(ConnectionResetError):
            await dial(ana, ssl=papers.client())
        server.close()

    two(main)


def test_cancelling_in_the_handshake_leaves_nothing(papers: Certificates) -> None:
    async def main(ana: Host, ben: Host) -> None:
        server, met = await listen(ben, ssl=papers.server())
        for timeout_s in (0.05, 0.13, 0.19):  # before the connection is open, and twice in the handshake
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(dial(ana, ssl=papers.client()), timeout_s)
        await asyncio.sleep(1)
        assert [end.told for end in met] == [[]] * 2
        server.close()

    two(main)


IN_THE_HANDSHAKE_S = 0.15  # a look-up takes 20 ms, TCP's own handshake 100; the first flight arrives at 170


def test_a_server_that_crashes_is_missed_when_the_time_is_over(papers: Certificates) -> None:
    async def main(ana: Host, ben: Host) -> None:
        loop = asyncio.get_running_loop()
        await listen(ben, ssl=papers.server())
        dialling = asyncio.ensure_future(dial(ana, ssl=papers.client()))
        await asyncio.sleep(IN_THE_HANDSHAKE_S)
        ben.crash()
        with pytest.raises(ConnectionAbortedError, match="longer than 60"):
            await dialling
        assert loop.time() == pytest.approx(60.12)
        ben.restart()
        await listen(ben, ssl=papers.server())
        transport, ours = await dial(ana, ssl=papers.client(), ssl_shutdown_timeout=5)
        ben.crash()
        transport.write(b"are you there?")
        began = loop.time()
        transport.close()
        await ours.lost
        assert loop.time() - began == pytest.approx(5)
        assert ours.told == ["made", "lost TimeoutError"]

    two(main)


def test_a_client_that_crashes_in_the_handshake_is_dropped(papers: Certificates) -> None:
    async def main(ana: Host, ben: Host) -> None:
        server, met = await listen(ben, ssl=papers.server())
        ana.start(partial(dial, ana, ssl=papers.client()))
        await asyncio.sleep(IN_THE_HANDSHAKE_S)
        ana.crash()
        await asyncio.sleep(61)
        assert [end.told for end in met] == [[]]
        server.close()
        await server.wait_closed()

    two(main)


def test_a_server_that_is_killed_ends_the_stream_without_a_goodbye(papers: Certificates) -> None:
    """Its operating system closes what it had open; to asyncio that is an end like any other."""

    async def main(ana: Host, ben: Host) -> None:
        _, met = await listen(ben, ssl=papers.server())
        _, ours = await dial(ana, ssl=papers.client())
        await met[0].made
        ben.signal(signal.SIGKILL)
        await ours.lost
        assert ours.told == ["made", "eof", "lost NoneType"]
        await listen(ben, ssl=papers.server())
        _, ours = await dial(ana, ssl=papers.client())
        await ben.stop()
        await ours.lost
        assert ours.told == ["made", "eof", "lost NoneType"]

    two(main)


def test_who_forgets_a_connection_is_told_where_it_was_made(papers: Certificates) -> None:
    async def main(ana: Host, ben: Host) -> None:
        server, met = await listen(ben, ssl=papers.server())
        with ana:
            _, writer = await asyncio.open_connection("ben", 443, ssl=papers.client())
        met.append(writer)  # type: ignore[arg-type]  # not even collected
        server.close()

    with pytest.raises(
        Leak, match=r"ana left a TLS connection from .*443, made by .*test_tls_failures\.py:\d+"
    ):
        two(main)
