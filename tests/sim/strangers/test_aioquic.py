"""aioquic in the simulated internet, as it is: HTTP/3 between its own `serve` and `connect`."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from p2plib.sim import Internet, Link
from tests.sim.certificates import Certificates, certificates

pytest.importorskip("aioquic")

PORT = 4433
PAGE = b"a page of some length. " * 2_000


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return certificates(tmp_path_factory.mktemp("papers"), "server")


async def served(papers: Certificates, ip: str = "::") -> None:
    """Answer every request with the page and the path that was asked for, until cancelled."""
    from aioquic.asyncio import QuicConnectionProtocol, serve
    from aioquic.h3.connection import H3_ALPN, H3Connection
    from aioquic.h3.events import HeadersReceived
    from aioquic.quic.configuration import QuicConfiguration

    class Web(QuicConnectionProtocol):
        http: Any = None

        def quic_event_received(self, event: Any) -> None:
            self.http = self.http or H3Connection(self._quic)
            for told in self.http.handle_event(event):
                if isinstance(told, HeadersReceived):
                    path = dict(told.headers)[b":path"]
                    self.http.send_headers(told.stream_id, [(b":status", b"200"), (b"x-path", path)])
                    self.http.send_data(told.stream_id, PAGE, end_stream=True)
                    self.transmit()

    configuration = QuicConfiguration(is_client=False, alpn_protocols=H3_ALPN)
    configuration.load_cert_chain(papers.certificate, papers.key)
    server = await serve(ip, PORT, configuration=configuration, create_protocol=Web)
    try:
        await asyncio.Event().wait()
    finally:
        server.close()


async def fetched(papers: Certificates, host: str, paths: list[str]) -> list[tuple[bytes, bytes]]:
    """Ask for some paths over one connection, all at once; the server's header and the body of each."""
    from aioquic.asyncio import QuicConnectionProtocol, connect
    from aioquic.h3.connection import H3_ALPN, H3Connection
    from aioquic.h3.events import DataReceived, HeadersReceived
    from aioquic.quic.configuration import QuicConfiguration

    class Browser(QuicConnectionProtocol):
        def __init__(self, *arguments: Any, **named: Any) -> None:
            super().__init__(*arguments, **named)
            self.http = H3Connection(self._quic)
            self.pages: dict[int, tuple[bytearray, bytearray, asyncio.Future[None]]] = {}

        async def get(self, path: str) -> tuple[bytes, bytes]:
            stream = self._quic.get_next_available_stream_id()
            names = {":method": "GET", ":scheme": "https", ":authority": host, ":path": path}
            headers = [(name.encode(), value.encode()) for name, value in names.items()]
            self.pages[stream] = bytearray(), bytearray(), asyncio.get_running_loop().create_future()
            self.http.send_headers(stream, headers, end_stream=True)
            self.transmit()
            header, body, ended = self.pages[stream]
            await ended
            return bytes(header), bytes(body)

        def quic_event_received(self, event: Any) -> None:
            for told in self.http.handle_event(event):
                header, body, ended = self.pages[told.stream_id]
                if isinstance(told, HeadersReceived):
                    header += dict(told.headers)[b"x-path"]
                elif isinstance(told, DataReceived):
                    body += told.data
                if told.stream_ended:
                    ended.set_result(None)

    configuration = QuicConfiguration(is_client=True, alpn_protocols=H3_ALPN, server_name="server")
    configuration.load_verify_locations(papers.authority)
    async with connect(host, PORT, configuration=configuration, create_protocol=Browser) as browser:
        await browser.ping()
        return list(await asyncio.gather(*(browser.get(path) for path in paths)))


def run(papers: Certificates, link: Link, *, ipv6: bool = False) -> tuple[Internet, Any]:
    async def main(net: Internet) -> Any:
        server, client = net.host("server", ipv6=ipv6), net.host("client", ipv6=ipv6)
        server.start(served, papers)
        await asyncio.sleep(0.1)
        host = server.addresses[-1] if ipv6 else "server"
        return await client.run(fetched(papers, host, ["/one", "/two"]))

    net = Internet(seed=8, link=link, max_events=1_000_000)
    return net, net.run(main)


@pytest.mark.parametrize("ipv6", [False, True])
def test_http_3(papers: Certificates, ipv6: bool) -> None:
    net, pages = run(papers, Link(latency=0.02), ipv6=ipv6)
    assert pages == [(b"/one", PAGE), (b"/two", PAGE)]
    assert {kind for _, kind in net.trace.sent()} == {"udp"}


def test_http_3_over_a_bad_link(papers: Certificates) -> None:
    net, pages = run(papers, Link(latency=0.03, jitter_s=0.01, loss=0.05))
    assert pages == [(b"/one", PAGE), (b"/two", PAGE)]
    assert net.trace.dropped()["lost"] > 3


def test_the_same_seed_gives_the_same_times(papers: Certificates) -> None:
    times = [[packet.sent_s for packet in run(papers, Link(latency=0.02))[0].trace] for _ in range(2)]
    assert times[0] == times[1]
