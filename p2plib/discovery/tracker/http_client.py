"""Asking a tracker over HTTP. A driver over aiohttp, a part of `client`.

Rules
    1. The connection goes to an address that was looked up before, so that it is known who said what.
    2. No redirect is followed: a tracker could send us to ask something of a machine in our own network.
    3. A response is read up to its limit and for `ANSWER_S` in all, whatever its headers promise.
    4. Whatever the status is, a bencoded failure reason is looked for; without one, a status that is not 200
       is a refusal with that code.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from p2plib.discovery.tracker import http_messages as wire
from p2plib.discovery.tracker.announce import Announce, Announced, Counts, TrackerFailure
from p2plib.errors import DecodeError, PeerTimeout, RequestRefused, Unreachable
from p2plib.machine.addresses import Address

if TYPE_CHECKING:
    import aiohttp

    from p2plib.discovery.tracker.client import TrackerUrl

CONNECT_S = 5.0
ANSWER_S = 12.0
OK = 200
AGENT = "p2plib"


async def announce_over_http(
    url: TrackerUrl, address: Address, announce: Announce
) -> Announced | TrackerFailure:
    """Announces over HTTP.

    Args:
        url: the tracker's.
        address: one of its addresses.
        announce: what to say.

    Raises:
        PeerTimeout: no answer within `ANSWER_S`.
        Unreachable: no connection, or it was closed without an answer.
        RequestRefused: the answer is none.
    """
    status, body = await _get(url, address, url.path, wire.encode_announce(announce))
    try:
        answer = wire.decode_announced(body)
    except DecodeError as error:
        raise _no_answer(url, status, error) from error
    if status != OK and not isinstance(answer, TrackerFailure):
        raise RequestRefused(f"{url} answered with status {status}", status)
    return answer


async def scrape_over_http(
    url: TrackerUrl, address: Address, info_hashes: tuple[bytes, ...]
) -> dict[bytes, Counts] | TrackerFailure:
    """Asks for the counts of swarms over HTTP; see `announce_over_http`."""
    path = wire.scrape_path(url.path)
    status, body = await _get(url, address, path, wire.encode_scrape(info_hashes))
    try:
        answer = wire.decode_scraped(body, info_hashes)
    except DecodeError as error:
        raise _no_answer(url, status, error) from error
    if status != OK and not isinstance(answer, TrackerFailure):
        raise RequestRefused(f"{url} answered with status {status}", status)
    return answer


def _no_answer(url: TrackerUrl, status: int, error: DecodeError) -> RequestRefused:
    if status != OK:
        return RequestRefused(f"{url} answered with status {status}", status)
    return RequestRefused(f"{url} answered with something that is no response: {error}")


async def _get(url: TrackerUrl, address: Address, path: str, query: str) -> tuple[int, bytes]:
    """The status and the body of a page."""
    import aiohttp
    from yarl import URL

    host, port = address
    where = f"[{host}]" if ":" in host else host
    target = f"{url.scheme}://{where}:{port}{path}{'&' if '?' in path else '?'}{query}"
    name = f"[{url.host}]" if ":" in url.host else url.host
    timeout = aiohttp.ClientTimeout(total=ANSWER_S, sock_connect=CONNECT_S)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, auto_decompress=False) as session,
            session.get(
                URL(target, encoded=True),
                allow_redirects=False,
                headers={"Host": f"{name}:{url.port}", "User-Agent": AGENT, "Accept-Encoding": "identity"},
                server_hostname=url.host if url.scheme == "https" else None,
            ) as response,
        ):
            return response.status, await _body(response.content)
    except TimeoutError:  # aiohttp's own is one of these, too
        raise PeerTimeout(f"{url} did not answer") from None
    except (aiohttp.ClientConnectorError, OSError) as error:
        raise Unreachable(f"no connection to {url}: {error}") from None
    except (aiohttp.ServerDisconnectedError, aiohttp.ClientPayloadError) as error:
        raise Unreachable(f"{url} hung up without an answer: {error}") from None
    except (aiohttp.ClientError, ValueError) as error:
        raise RequestRefused(f"{url} answered with something that is not HTTP: {str(error)[:200]}") from None
    finally:
        await asyncio.sleep(0)  # aiohttp closes a transport in the next step of the loop


async def _body(content: aiohttp.StreamReader) -> bytes:
    """What was sent, up to one byte more than a response may have."""
    parts, size = [], 0
    while size <= wire.MAX_RESPONSE_BYTES:
        part = await content.read(wire.MAX_RESPONSE_BYTES + 1 - size)
        if not part:
            break
        parts.append(part)
        size += len(part)
    return b"".join(parts)
