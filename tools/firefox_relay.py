#!/usr/bin/env python3
"""Firefox, and between it and playwright a relay for two things that Firefox does not know yet.

tools/browsers.py has playwright start this file in place of Firefox. It starts the Firefox that
HANDBOOK_FIREFOX names with the arguments that it was given, and hands on every message of WebDriver BiDi
between the two. What Firefox 153 lacks:

- `emulation.setMediaFeaturesOverride`, by which playwright sets a page's colours, is an unknown command. The
  relay sets the preference that decides them instead: for all pages at once, and tests open one at a time.
- The name that tells one download from another is left out. The relay puts the address in its place.

Once Firefox has both, this file can go.

Sources: the W3C's working draft "WebDriver BiDi"; Firefox's StaticPrefList.yaml for the preference.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import re
import sys

from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

LISTENING = re.compile(rb"WebDriver BiDi listening on (ws://\S+)")
UNKNOWN = "emulation.setMediaFeaturesOverride"
PREFERENCE = "layout.css.prefers-color-scheme.content-override"
COLOURS = {"dark": 0, "light": 1}
AS_THE_SYSTEM = 2
DOWNLOADS = ("browsingContext.downloadWillBegin", "browsingContext.downloadEnd")
# Both ends are on this machine, which may be busy for long.
UNLIMITED = {"max_size": None, "ping_interval": None}


class Relay:
    """What passes between one client and Firefox.

    Args:
        client: the connection of playwright.
        firefox: a connection to Firefox of its own.
    """

    def __init__(self, client: ServerConnection, firefox: ClientConnection) -> None:
        self._client, self._firefox = client, firefox
        self._ids = itertools.count(2**48)  # the client counts from 1
        self._waiting: dict[int, asyncio.Future[dict]] = {}

    async def run(self) -> None:
        """Hand on messages until an end hangs up."""
        ends = [asyncio.create_task(self._to_firefox()), asyncio.create_task(self._to_client())]
        try:
            done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            for end in done:
                end.result()
        finally:
            for end in ends:
                end.cancel()

    async def _to_firefox(self) -> None:
        async for text in self._client:
            question = json.loads(text)
            if question["method"] != UNKNOWN:
                await self._firefox.send(text)
                continue
            await self._set_colours(question["params"]["features"].get("prefers-color-scheme"))
            await self._client.send(json.dumps({"type": "success", "id": question["id"], "result": {}}))

    async def _to_client(self) -> None:
        async for text in self._firefox:
            message = json.loads(text)
            if message.get("id") in self._waiting:
                self._waiting.pop(message["id"]).set_result(message)
                continue
            if message.get("method") in DOWNLOADS:
                message["params"].setdefault("download", message["params"]["url"])
                text = json.dumps(message)
            await self._client.send(text)

    async def _set_colours(self, scheme: str | None) -> None:
        """Set the preference, from a script in a window of Firefox's own."""
        tree = await self._ask("browsingContext.getTree", {"moz:scope": "chrome"})
        value = COLOURS.get(scheme or "", AS_THE_SYSTEM)
        script = {
            "expression": f"Services.prefs.setIntPref({PREFERENCE!r}, {value})",
            "target": {"context": tree["contexts"][0]["context"]},
            "awaitPromise": False,
        }
        await self._ask("script.evaluate", script)

    async def _ask(self, method: str, parameters: dict) -> dict:
        """What Firefox answers to a question of the relay's own."""
        number = next(self._ids)
        answered = self._waiting[number] = asyncio.get_running_loop().create_future()
        await self._firefox.send(json.dumps({"id": number, "method": method, "params": parameters}))
        answer = await answered
        if answer["type"] != "success":
            raise RuntimeError(f"{method}: Firefox answers {answer}")
        return answer["result"]


async def main() -> int:
    """Start Firefox and relay; end with it."""
    command = [os.environ["HANDBOOK_FIREFOX"], "--remote-allow-system-access", *sys.argv[1:]]
    firefox = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
    while not (found := LISTENING.search(line := await firefox.stderr.readline())):
        sys.stderr.buffer.write(line)
        if not line:
            return await firefox.wait()

    async def meet(client: ServerConnection) -> None:
        async with connect(found[1].decode() + client.request.path, **UNLIMITED) as inside:
            with contextlib.suppress(ConnectionClosed):
                await Relay(client, inside).run()

    async with serve(meet, "127.0.0.1", 0, **UNLIMITED) as server:
        port = server.sockets[0].getsockname()[1]
        print(f"WebDriver BiDi listening on ws://127.0.0.1:{port}", file=sys.stderr, flush=True)
        while line := await firefox.stderr.readline():
            sys.stderr.buffer.write(line)
        return await firefox.wait()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
