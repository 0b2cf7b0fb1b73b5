"""Secret handshake and box stream with npm's: every published step, shs1-test as judge, live both ways."""

from __future__ import annotations

import asyncio
import collections
import hashlib
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from p2plib.errors import HandshakeFailed, Truncated
from p2plib.identity.keys import PublicKey, SecretKey
from p2plib.protocol import secure
from p2plib.protocol.conformance import read_all
from p2plib.protocol.scuttlebutt.secret_handshake import ClientHandshake, ServerHandshake
from p2plib.protocol.stream import Stream
from p2plib.protocol.tcp import connect_tcp
from tests.interop import listening
from tests.interop.namespace import Namespace, close_pipes, end
from tests.interop.peers import HERE, ForeignPeer, PeerRefused
from tests.protocol.scuttlebutt import test_stranger_scuttlebutt

pytestmark = pytest.mark.interop

NETWORK = bytes([6]) * 32
OURS = SecretKey.from_seed(bytes([1]) * 32)
THEIRS = SecretKey.from_seed(bytes([2]) * 32)
STRANGER = SecretKey.from_seed(bytes([3]) * 32)


# The published steps: test-secret-handshake 1.0.2, recorded from the reference implementation

COUNTS = {
    "initialize": 34,
    "createChallenge": 31,
    "verifyChallenge": 30,
    "clientVerifyChallenge": 14,
    "clientCreateAuth": 12,
    "serverVerifyAuth": 12,
    "clean": 12,
    "serverCreateAccept": 6,
    "clientVerifyAccept": 6,
    "toKeys": 2,
}


@pytest.fixture(scope="module")
def steps() -> dict[str, list[dict[str, Any]]]:
    file = HERE / "node_modules" / "test-secret-handshake" / "data.json"
    found = collections.defaultdict(list)
    for step in json.loads(file.read_text()):
        found[step["name"]].append(step)
    assert {name: len(those) for name, those in found.items()} == COUNTS
    assert sum(COUNTS.values()) == 159
    return found


class State:
    """A recorded state, with its values as bytes, and the machine that is in it."""

    def __init__(self, raw: dict[str, Any]) -> None:
        self.network = bytes.fromhex(raw["app_key"])
        self.local = {name: bytes.fromhex(value) for name, value in raw["local"].items() if value}
        self.remote = {name: bytes.fromhex(value) for name, value in raw["remote"].items() if value}
        self.top = {name: bytes.fromhex(value) for name, value in raw.items() if isinstance(value, str)}
        self.identity = SecretKey.from_seed(self.local["secretKey"][:32])

    @property
    def challenge(self) -> bytes:
        return self.remote["app_mac"] + self.remote["kx_pk"]

    def client(self) -> ClientHandshake:
        server = PublicKey(self.remote["publicKey"])
        machine = ClientHandshake(
            self.identity, server, network=self.network, random=lambda size: self.local["kx_sk"]
        )
        assert machine.to_send() == self.local["app_mac"] + self.local["kx_pk"]
        return machine

    def server(self) -> ServerHandshake:
        return ServerHandshake(self.identity, network=self.network, random=lambda size: self.local["kx_sk"])


def test_initialize(steps: dict[str, list[dict[str, Any]]]) -> None:
    """They draw an ephemeral key as an Ed25519 seed and turn it into X25519."""
    for step in steps["initialize"]:
        state = State(step["result"])
        drawn = SecretKey.from_seed(state.top["random"]).to_x25519()
        assert drawn.public == state.local["kx_pk"]
        assert state.server()._challenge == state.local["app_mac"] + state.local["kx_pk"]
        if "seed" in state.top:
            assert SecretKey.from_seed(state.top["seed"]).public.raw == state.local["publicKey"]


def test_to_keys(steps: dict[str, list[dict[str, Any]]]) -> None:
    for step in steps["toKeys"]:
        given = step["args"][0]
        seed = bytes.fromhex(given if isinstance(given, str) else given["secretKey"])[:32]
        assert SecretKey.from_seed(seed).public.hex() == step["result"]["publicKey"]


def test_create_challenge(steps: dict[str, list[dict[str, Any]]]) -> None:
    for step in steps["createChallenge"]:
        machine = State(step["args"][0]).server()
        assert machine._challenge.hex() == step["result"]


def test_verify_challenge(steps: dict[str, list[dict[str, Any]]]) -> None:
    refused = 0
    for step in steps["verifyChallenge"]:
        machine = State(step["args"][0]).server()
        challenge = bytes.fromhex(step["args"][1])
        if step["result"] is None:
            with pytest.raises(HandshakeFailed):
                machine.receive(challenge)
            refused += 1
            continue
        machine.receive(challenge)
        ab = machine._agreed[0].expose()
        assert ab.hex() == step["result"]["secret"]
        assert hashlib.sha256(ab).hexdigest() == step["result"]["shash"]
    assert refused == 4


def test_client_verify_challenge(steps: dict[str, list[dict[str, Any]]]) -> None:
    refused = 0
    for step in steps["clientVerifyChallenge"]:
        machine = State(step["args"][0]).client()
        challenge = bytes.fromhex(step["args"][1])
        if step["result"] is None:
            with pytest.raises(HandshakeFailed):
                machine.receive(challenge)
            refused += 1
            continue
        machine.receive(challenge)
        result = State(step["result"])
        assert machine._agreed[1].expose() == result.top["a_bob"]
        secret2 = hashlib.sha256(result.network + machine._agreements()).digest()
        assert secret2 == result.top["secret2"]
        assert machine._hello == result.local["hello"]
    assert refused == 2


def test_client_create_auth(steps: dict[str, list[dict[str, Any]]]) -> None:
    for step in steps["clientCreateAuth"]:
        state = State(step["args"][0])
        machine = state.client()
        machine.receive(state.challenge)
        assert machine.to_send().hex() == step["result"]


def server_after(step: dict[str, Any]) -> ServerHandshake:
    state = State(step["args"][0])
    machine = state.server()
    machine.receive(state.challenge)
    assert machine.to_send() == state.local["app_mac"] + state.local["kx_pk"]
    machine.receive(bytes.fromhex(step["args"][1]))
    return machine


def client_after(step: dict[str, Any]) -> ClientHandshake:
    state = State(step["args"][0])
    machine = state.client()
    machine.receive(state.challenge)
    machine.receive(bytes.fromhex(step["args"][1]))
    return machine


def test_server_verify_auth(steps: dict[str, list[dict[str, Any]]]) -> None:
    refused = 0
    for step in steps["serverVerifyAuth"]:
        if step["result"] is None:
            with pytest.raises(HandshakeFailed):
                server_after(step)
            refused += 1
            continue
        machine, result = server_after(step), State(step["result"])
        assert machine.outcome.remote.raw == result.remote["publicKey"]
        assert machine._hello == result.remote["hello"]
        shared = hashlib.sha256(result.top["secret3"]).digest()
        key = hashlib.sha256(shared + result.remote["publicKey"]).digest()
        assert machine.outcome.send_key.expose() == key
    assert refused == 1


def test_server_create_accept(steps: dict[str, list[dict[str, Any]]]) -> None:
    verified = {
        step["result"]["local"]["app_mac"]: step for step in steps["serverVerifyAuth"] if step["result"]
    }
    for step in steps["serverCreateAccept"]:
        machine = server_after(verified[step["args"][0]["local"]["app_mac"]])
        assert machine.to_send().hex() == step["result"]


def test_client_verify_accept(steps: dict[str, list[dict[str, Any]]]) -> None:
    for step in steps["clientVerifyAccept"]:
        machine = client_after(step)
        assert machine.outcome.remote.hex() == step["result"]["remote"]["publicKey"]


def test_clean(steps: dict[str, list[dict[str, Any]]]) -> None:
    finished: dict[str, ClientHandshake | ServerHandshake] = {}
    for name, after in (("serverVerifyAuth", server_after), ("clientVerifyAccept", client_after)):
        for step in steps[name]:
            if step["result"] is not None:
                finished[step["args"][0]["local"]["app_mac"]] = after(step)
    for step in steps["clean"]:
        result = State(step["result"])
        outcome = finished[step["result"]["local"]["app_mac"]].outcome
        assert outcome.remote.raw == result.remote["publicKey"]
        assert outcome.send_key.expose() == result.top["encryptKey"]
        assert outcome.receive_key.expose() == result.top["decryptKey"]
        assert outcome.send_nonce == result.remote["app_mac"][:24]
        assert outcome.receive_nonce == result.local["app_mac"][:24]


# shs1-test 1.1.1: a program that talks with ours, rightly and wrongly in every way it knows

SHS1_TEST = HERE / "node_modules" / "shs1-test"


@pytest.mark.fault("F042")
@pytest.mark.fault("F043")
@pytest.mark.fault("F044")
@pytest.mark.parametrize("seed", ["1", "2"])
@pytest.mark.parametrize("role", ["server", "client"])
def test_shs1_test_is_content(tmp_path: Path, role: str, seed: str) -> None:
    program = tmp_path / role
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m tests.interop.shs1_program {role} "$@"\n')
    program.chmod(0o755)
    with Namespace() as net, tempfile.TemporaryFile() as errors:
        judge = net.start(
            "node", str(SHS1_TEST / f"test-{role}.js"), str(program), seed,
            stderr=errors, environment={"PYTHONPATH": os.pathsep.join(sys.path)},
        )  # fmt: skip
        try:
            output, _ = judge.communicate(timeout=50)
        finally:
            end(judge)
            close_pipes(judge)
        errors.seek(0)
        assert judge.returncode == 0, output.decode() + errors.read().decode()
        assert b"Failed" not in output


# Live


async def dial(port: int, server: str, network: str, sizes: list[int]) -> dict[str, Any]:
    """Call their echo, send parts of these sizes, say goodbye, and read to their goodbye."""
    below = await connect_tcp("127.0.0.1", port)
    key, net = PublicKey(bytes.fromhex(server)), bytes.fromhex(network)
    try:
        stream = await secure.shs_client(below, OURS, key, network=net)
    except HandshakeFailed as failed:
        return {"failed": str(failed).removeprefix(below.remote)}
    sent = [bytes([number % 256]) * size for number, size in enumerate(sizes)]

    async def write() -> None:
        for part in sent:
            await stream.write(part)
        await stream.close_write()

    async with stream:
        said, _ = await asyncio.gather(read_all(stream), write())
    return {"remote": stream.remote_key.hex(), "echoed": said == b"".join(sent)}


@pytest.mark.parametrize("sizes", [[], [1], [4096], [4097], [5, 10_000, 0, 3, 200_000]])
def test_we_dial_them(sizes: list[int]) -> None:
    with Namespace() as net, ForeignPeer("secret_handshake.js", namespace=net) as peer:
        port = peer.ask("listen", network=NETWORK.hex(), seed=THEIRS.expose_seed().hex())["port"]
        answer = net.run_together(dial, port, THEIRS.public.hex(), NETWORK.hex(), sizes)
        assert answer == {"remote": THEIRS.public.hex(), "echoed": True}
        assert peer.next_event() == ("accepted", OURS.public.hex())
        assert peer.next_event() == ("ended", None)


def test_the_stranger_of_the_page_dials_them() -> None:
    """The cells of the page protocol/scuttlebutt, with nothing of ours."""
    with Namespace() as net, ForeignPeer("secret_handshake.js", namespace=net) as peer:
        port = peer.ask("listen", network=NETWORK.hex(), seed=THEIRS.expose_seed().hex())["port"]
        arguments = "127.0.0.1", port, NETWORK.hex(), THEIRS.public.hex(), OURS.expose_seed().hex()
        assert net.run_together(test_stranger_scuttlebutt.call, *arguments) == "4096 True"
        assert peer.next_event() == ("accepted", OURS.public.hex())
        assert peer.next_event() == ("ended", None)


@pytest.mark.fault("F043")
def test_they_refuse_us_with_the_wrong_keys() -> None:
    with Namespace() as net, ForeignPeer("secret_handshake.js", namespace=net) as peer:
        seed = THEIRS.expose_seed().hex()
        port = peer.ask("listen", network=NETWORK.hex(), seed=seed, allow=[STRANGER.public.hex()])["port"]
        for server, network in ((STRANGER, NETWORK), (THEIRS, bytes(32)), (THEIRS, NETWORK)):
            answer = net.run_together(dial, port, server.public.hex(), network.hex(), [1])
            assert answer == {"failed": " hung up during the handshake"}
            assert peer.next_event()[0] == "refused"


async def echo(network: str, allowed: list[str], says_goodbye: bool) -> dict[str, Any]:
    """Be called once: echo what comes until their goodbye, and say ours, or hang up without."""

    async def talk(below: Stream) -> dict[str, Any]:
        try:
            stream = await secure.shs_server(
                below, OURS, network=bytes.fromhex(network), allows=lambda key: key.hex() in allowed
            )
        except HandshakeFailed as failed:
            return {"failed": str(failed), "is closed": below.is_closed}
        total = 0
        try:
            while said := await stream.read():
                total += len(said)
                await stream.write(said)
        except Truncated as truncated:
            return {"truncated": str(truncated), "echoed": total}
        if says_goodbye:
            await stream.close()
        else:
            await below.close_write()
        return {"remote": stream.remote_key.hex(), "echoed": total}

    result: dict[str, Any] = await listening.serve_once(talk)
    return result


def call(network: bytes = NETWORK, server: SecretKey = OURS, sizes: tuple[int, ...] = (5,)) -> dict[str, Any]:
    return {
        "network": network.hex(),
        "seed": THEIRS.expose_seed().hex(),
        "port": listening.PORT,
        "server": server.public.hex(),
        "parts": [(bytes([7]) * size).hex() for size in sizes],
    }


@pytest.mark.parametrize("sizes", [(), (1,), (4096, 4097), (5, 10_000, 3, 200_000)])
def test_they_dial_us(sizes: tuple[int, ...]) -> None:
    with Namespace() as net, ForeignPeer("secret_handshake.js", namespace=net) as peer:
        arguments = (NETWORK.hex(), [THEIRS.public.hex()], True)
        ours, theirs = listening.called_by(net, echo, arguments, peer, **call(sizes=sizes))
        assert ours == {"remote": THEIRS.public.hex(), "echoed": sum(sizes)}
        assert bytes.fromhex("".join(theirs)) == bytes([7]) * sum(sizes)


@pytest.mark.fault("F047")
def test_they_notice_that_our_stream_was_cut() -> None:
    with Namespace() as net, ForeignPeer("secret_handshake.js", namespace=net) as peer:
        arguments = (NETWORK.hex(), [THEIRS.public.hex()], False)
        ours, theirs = listening.called_by(net, echo, arguments, peer, **call())
        assert ours["echoed"] == 5
        assert isinstance(theirs, PeerRefused)
        assert "stream ended with" in str(theirs)


@pytest.mark.fault("F047")
def test_we_notice_that_their_stream_was_cut() -> None:
    with Namespace() as net, ForeignPeer("secret_handshake.js", namespace=net) as peer:
        arguments = (NETWORK.hex(), [THEIRS.public.hex()], True)
        ours, _ = listening.called_by(net, echo, arguments, peer, **call(), cut=True)
        assert ours == {"truncated": "the stream ended between two boxes, without a goodbye", "echoed": 5}


@pytest.mark.fault("F043")
@pytest.mark.parametrize(
    ("network", "server", "allowed", "reason"),
    [
        (bytes(32), OURS, THEIRS, "network's key"),
        (NETWORK, STRANGER, THEIRS, "does not open"),
        (NETWORK, OURS, STRANGER, "not let in"),
    ],
    ids=["another network", "another server", "not let in"],
)
def test_we_refuse_them_and_say_nothing(
    network: bytes, server: SecretKey, allowed: SecretKey, reason: str
) -> None:
    with Namespace() as net, ForeignPeer("secret_handshake.js", namespace=net) as peer:
        arguments = (NETWORK.hex(), [allowed.public.hex()], True)
        ours, theirs = listening.called_by(net, echo, arguments, peer, **call(network, server))
        assert reason in ours["failed"]
        assert ours["is closed"]
        assert isinstance(theirs, PeerRefused)
