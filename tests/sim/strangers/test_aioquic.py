"""aioquic in the simulated internet, as it is: HTTP/3 between its own `serve` and `connect`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest

from p2plib.sim import Internet
from tests.sim.certificates import Certificates
from tests.sim.strangers.world import HOME, play_everywhere

pytest.importorskip("aioquic")

PAGE = b"a page of some length. " * 2_000


@asynccontextmanager
async def serving(papers: Certificates, ip: str, port: int) -> AsyncIterator[None]:
    """Answer every request with the page and the path that was asked for."""
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
    server = await serve(ip, port, configuration=configuration, create_protocol=Web)
    try:
        yield
    finally:
        server.close()


async def using(papers: Certificates, host: str, port: int) -> list[tuple[bytes, bytes]]:
    """Ask for two paths over one connection, both at once; the server's header and the body of each."""
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
    async with connect(host, port, configuration=configuration, create_protocol=Browser) as browser:
        await browser.ping()
        return list(await asyncio.gather(*(browser.get(path) for path in ("/one", "/two"))))


FOUND = [(b"/one", PAGE), (b"/two", PAGE)]


def test_http_3(papers: Certificates) -> None:
    assert play_everywhere(partial(serving, papers), partial(using, papers), repeats=False) == FOUND


def test_http_3_over_ipv6(papers: Certificates) -> None:
    async def serve() -> None:
        async with serving(papers, "::", 443):
            await asyncio.Event().wait()

    async def main(net: Internet) -> Any:
        server, client = net.host("server", ipv6=True), net.host("client", ipv6=True)
        server.start(serve)
        await asyncio.sleep(0.1)
        return await client.run(using(papers, server.addresses[-1], 443))

    net = Internet(seed=8, link=HOME, max_events=1_000_000)
    assert net.run(main) == FOUND
    assert {kind for _, kind in net.trace.sent()} == {"udp"}
