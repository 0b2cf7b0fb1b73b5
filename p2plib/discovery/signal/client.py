"""HubClient: one application's side of a hub over HTTP, npm's signalhub or ours. A driver, on aiohttp.

::

    async with HubClient("http://192.0.2.1:8080", "cats") as hub:
        async with hub.subscribe("lisbon", "porto") as messages:      # open when the block begins
            await hub.broadcast("lisbon", '{"hello": "world"}')
            async for text in messages:
                ...

Rules
    1. What a subscription gives is text that somebody sent: not parsed, not believed. There is no word on who
       sent it, nor to which of several channels.
    2. It ends when the hub ends it, or when nothing came for `SILENCE_S`, heartbeats included. The caller
       subscribes again, after a pause.
    3. Redirects are not followed: a hub must not choose whom we talk to.
    4. At most `MAX_EVENT_BYTES` of one message are read, and nothing that is compressed: a few bytes of that
       may stand for millions.
    5. A hub's cookies are not kept: they would tell it which of our requests are by one peer.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Self
from urllib.parse import quote, urlsplit

from p2plib.discovery.signal import events
from p2plib.errors import (
    Closed,
    DecodeError,
    LocalError,
    PeerTimeout,
    RequestRefused,
    Unreachable,
    UsageError,
)

if TYPE_CHECKING:
    import aiohttp

TIMEOUT_S = 10.0  # for an answer
SILENCE_S = 75.0  # two heartbeats and a half
MAX_REASON_BYTES = 1024  # of what a hub says when it refuses


def checked_url(url: str) -> str:
    """A hub's address, without the slash at its end.

    Args:
        url: such as "http://192.0.2.1:8080"; without a scheme it is http, as npm's client has it.

    Raises:
        UsageError: it is not http or https, or has no host.
    """
    whole = url if "://" in url else f"http://{url}"
    try:
        parts = urlsplit(whole)
        has_port = parts.port is None or parts.port > 0
    except ValueError:
        raise UsageError(f"{url!r} is not the address of a hub") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or not has_port or parts.query:
        raise UsageError(f"{url!r} is not the address of a hub: http or https, a host, perhaps a port")
    return whole.rstrip("/")


class HubClient:
    """A client of one hub; used with `async with`.

    Args:
        url: where the hub is; see `checked_url`.
        app: the application, a part of every channel's name.
        timeout_s: how long to wait for an answer.

    Raises:
        UsageError: the URL or the app is none.
    """

    def __init__(self, url: str, app: str, *, timeout_s: float = TIMEOUT_S) -> None:
        if not app or "/" in app:
            raise UsageError("an application's name is not empty and has no slash")
        self.url, self.app, self.timeout_s = checked_url(url), app, timeout_s
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        try:
            import aiohttp
        except ModuleNotFoundError:
            raise LocalError("for HTTP, run pip install 'p2plib[discovery]'") from None
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, force_close=True),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=self.timeout_s),
            headers={"Accept-Encoding": "identity"},
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()
            await asyncio.sleep(0)

    async def broadcast(self, channel: str, text: str) -> None:
        """Sends a message to all that listen to a channel now. That the hub took it is all that this says.

        Args:
            channel: its name, without the app.
            text: JSON, at most 64 KiB.

        Raises:
            Unreachable: there is no way to the hub, or it hung up.
            PeerTimeout: it did not answer.
            RequestRefused: it refused; the code is its HTTP status.
            Closed: the block is over.
        """
        with self._errors("take the message"):
            async with asyncio.timeout(self.timeout_s):
                request = self._open().post(
                    self._path(channel),
                    data=text.encode(),
                    headers={"Content-Type": "application/json"},
                    allow_redirects=False,
                )
                async with request as response:
                    await self._check(response)

    @contextlib.asynccontextmanager
    async def subscribe(self, *channels: str) -> AsyncIterator[AsyncGenerator[str, None]]:
        """Listens to one channel or several; the block begins when the hub has answered.

        Args:
            channels: their names, without the app.

        Raises:
            Unreachable: there is no way to the hub, or, from the generator, it hung up.
            PeerTimeout: it did not answer, or, from the generator, was silent for `SILENCE_S`.
            RequestRefused: it refused; the code is its HTTP status.
            Closed: the block is over.
        """
        async with contextlib.AsyncExitStack() as stack:
            with self._errors("answer"):
                async with asyncio.timeout(self.timeout_s):
                    request = self._open().get(
                        self._path(*channels),
                        headers={"Accept": events.MEDIA_TYPE},
                        allow_redirects=False,
                    )
                    response = await stack.enter_async_context(request)
                    await self._check(response)
                    if "Content-Encoding" in response.headers:
                        raise RequestRefused(f"{self.url} compresses what it sends, unasked")
                    if response.content_type != events.MEDIA_TYPE:
                        raise RequestRefused(f"{self.url} answers {response.content_type}, not with events")
            texts = self._texts(response)
            stack.push_async_callback(texts.aclose)
            yield texts

    async def _texts(self, response: aiohttp.ClientResponse) -> AsyncGenerator[str, None]:
        decoder = events.EventDecoder()
        while True:
            with self._errors("say anything, not even a heartbeat,"):
                async with asyncio.timeout(SILENCE_S):
                    data = await response.content.readany()
            if not data:
                raise Unreachable(f"{self.url} has ended the subscription")
            try:
                arrived = decoder.receive(data)
            except DecodeError as error:
                raise RequestRefused(f"{self.url} sends what cannot be read: {error}") from None
            for event in arrived:
                yield event.data

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise Closed("this client of a hub is closed")
        return self._session

    def _path(self, *channels: str) -> str:
        if not channels or not all(channels) or any("," in each for each in channels):
            raise UsageError("a channel has a name, without a comma")
        return (
            f"{self.url}/v1/{quote(self.app, safe='')}/{','.join(quote(each, safe='') for each in channels)}"
        )

    async def _check(self, response: aiohttp.ClientResponse) -> None:
        if response.status != 200:
            said = (await response.content.read(MAX_REASON_BYTES)).decode("utf-8", "replace")
            raise RequestRefused(f"{self.url} refused, status {response.status}: {said}", response.status)

    @contextlib.contextmanager
    def _errors(self, what: str) -> Iterator[None]:
        """aiohttp's errors as ours."""
        import aiohttp

        try:
            yield
        except TimeoutError:
            raise PeerTimeout(f"{self.url} did not {what} in time") from None
        except (aiohttp.ClientError, OSError) as error:
            if self._session is None:
                raise Closed("this client of a hub is closed") from None
            raise Unreachable(f"{self.url}: {error or type(error).__name__}") from None
