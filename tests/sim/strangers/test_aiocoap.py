"""aiocoap in the simulated internet, as it is: a sensor is read, written and observed over UDP and TCP."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from p2plib.sim import Internet, Link

pytest.importorskip("aiocoap")

FORGOTTEN_S = 300  # for 247 s after a message, a node keeps its number in mind, with a timer
LONG = b"0123456789abcdef" * 500  # more than one block


async def served(bind: tuple[str, int | None], transports: list[str]) -> None:
    """Serve a thermometer that can be read, written and observed, until cancelled."""
    from aiocoap import Context, Message, resource

    class Thermometer(resource.ObservableResource):
        def __init__(self) -> None:
            super().__init__()
            self.content = b"20"

        async def render_get(self, request: Any) -> Any:
            return Message(payload=self.content)

        async def render_put(self, request: Any) -> Any:
            self.content = request.payload
            self.updated_state()
            return Message()

    site = resource.Site()
    site.add_resource(["thermometer"], Thermometer())
    context = await Context.create_server_context(site, bind=bind, transports=transports or None)
    try:
        await asyncio.Event().wait()
    finally:
        await context.shutdown()


async def asked(uri: str, transports: list[str]) -> list[Any]:
    """Read, write and observe the thermometer, and ask for what is not there."""
    from aiocoap import GET, PUT, Context, Message

    context = await Context.create_client_context(transports=transports or None)
    try:
        seen: list[Any] = []

        async def told(code: Any, path: str, **named: Any) -> Any:
            return await context.request(Message(code=code, uri=f"{uri}{path}", **named)).response

        seen.append((await told(GET, "/thermometer")).payload)
        watching = context.request(Message(code=GET, uri=f"{uri}/thermometer", observe=0))
        seen.append((await watching.response).payload)
        changes = aiter(watching.observation)
        next_change = asyncio.ensure_future(anext(changes))
        await told(PUT, "/thermometer", payload=LONG)
        seen.append(len((await next_change).payload))
        seen.append((await told(GET, "/thermometer")).payload == LONG)
        seen.append(str((await told(GET, "/nothing")).code))
        watching.observation.cancel()
        return seen
    finally:
        await context.shutdown()


def run(scheme: str, link: Link) -> tuple[Internet, list[Any]]:
    async def main(net: Internet) -> list[Any]:
        sensor, reader = net.host("sensor"), net.host("reader")
        server, client = (["tcpserver"], ["tcpclient"]) if scheme == "coap+tcp" else ([], [])
        sensor.start(served, ("0.0.0.0" if server else "::", None), server)
        await asyncio.sleep(0.1)
        seen = await reader.run(asked(f"{scheme}://sensor", client))
        await asyncio.sleep(FORGOTTEN_S)
        return seen

    net = Internet(seed=12, link=link, max_events=1_000_000)
    answers: list[Any] = net.run(main)
    return net, answers


@pytest.mark.parametrize("scheme", ["coap", "coap+tcp"])
def test_a_thermometer_is_read_written_and_observed(scheme: str) -> None:
    _, seen = run(scheme, Link(latency=0.02))
    assert seen[:2] == [b"20", b"20"]
    assert seen[3:] == [True, "4.04 Not Found"]


@pytest.mark.parametrize("scheme", ["coap", "coap+tcp"])
def test_a_thermometer_behind_a_bad_link(scheme: str) -> None:
    net, seen = run(scheme, Link(latency=0.03, jitter_s=0.01, loss=0.05))
    assert seen[3:] == [True, "4.04 Not Found"]
    assert net.trace.dropped()["lost"] > 0


def test_the_same_seed_gives_the_same_run() -> None:
    digests = [run("coap", Link(latency=0.02))[0].trace.digest() for _ in range(2)]
    assert digests[0] == digests[1]
