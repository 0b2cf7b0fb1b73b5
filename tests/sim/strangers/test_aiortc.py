"""aiortc in the simulated internet, as it is: data channels of WebRTC between two peers behind NATs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from p2plib.sim import Host, Internet, Link
from tests.sim.strangers.stun_server import PORT, stun_served

pytest.importorskip("aiortc")

MUCH = "x" * 50_000


def peer(stun: str | None) -> Any:
    from aiortc import RTCConfiguration, RTCIceServer, RTCPeerConnection

    servers = [RTCIceServer(f"stun:{stun}:{PORT}")] if stun else []
    return RTCPeerConnection(RTCConfiguration(iceServers=servers))


async def offered(connection: Any) -> Any:
    await connection.setLocalDescription(await connection.createOffer())
    return connection.localDescription


async def answered(connection: Any, offer: Any) -> Any:
    await connection.setRemoteDescription(offer)
    await connection.setLocalDescription(await connection.createAnswer())
    return connection.localDescription


async def two_peers(ana: Host, ben: Host, stun: str | None, is_open: Callable[[], None]) -> list[str]:
    """Open a channel between two hosts, send some texts over it, and return the answers.

    Args:
        ana: one host.
        ben: the other one.
        stun: the name of a STUN server; None for none.
        is_open: called when the channel is open.
    """
    with ana:
        one = peer(stun)
        channel = one.createDataChannel("chat")
    with ben:
        other = peer(stun)
    answers: list[str] = []
    done = asyncio.get_running_loop().create_future()

    @other.on("datachannel")
    def opened(channel: Any) -> None:
        @channel.on("message")
        def shout(text: str) -> None:
            channel.send(text.upper())

    @channel.on("open")
    def begin() -> None:
        is_open()
        for text in ("hello", MUCH, "goodbye"):
            channel.send(text)

    @channel.on("message")
    def heard(text: str) -> None:
        answers.append(text)
        if len(answers) == 3:
            done.set_result(None)

    offer = await ana.run(offered(one))
    answer = await ben.run(answered(other, offer))
    await ana.run(one.setRemoteDescription(answer))
    await asyncio.wait_for(done, 60)
    await asyncio.gather(ana.run(one.close()), ben.run(other.close()))
    return answers


def run(link: Link, *, seed: int = 11) -> tuple[Internet, list[str]]:
    """Let two peers talk over a good link and then, from when the channel is open, over *link*.

    A packet that is lost in the DTLS handshake is not sent again: OpenSSL looks at the real clock for that.
    """

    async def main(net: Internet) -> list[str]:
        homes = [net.lan(name, nat="port-restricted cone") for name in ("ana's home", "ben's home")]
        ana, ben = net.host("ana", lan=homes[0]), net.host("ben", lan=homes[1])
        net.host("stun").start(stun_served)
        await asyncio.sleep(0.1)

        def is_open() -> None:
            net.link = link
            net.forget_routes()

        return await two_peers(ana, ben, "stun", is_open)

    net = Internet(seed=seed, link=Link(latency=0.02), max_events=2_000_000)
    answers: list[str] = net.run(main, time_limit_s=300)
    return net, answers


def test_a_data_channel_through_two_nats() -> None:
    _, answers = run(Link(latency=0.02))
    assert answers == ["HELLO", MUCH.upper(), "GOODBYE"]


def test_a_data_channel_over_a_bad_link() -> None:
    net, answers = run(Link(latency=0.03, jitter_s=0.01, loss=0.05, duplicate=0.02))
    assert answers == ["HELLO", MUCH.upper(), "GOODBYE"]
    assert net.trace.dropped()["lost"] > 3


def test_the_same_seed_gives_the_same_times() -> None:
    times = [[packet.sent_s for packet in run(Link(latency=0.02))[0].trace] for _ in range(2)]
    assert times[0] == times[1]
