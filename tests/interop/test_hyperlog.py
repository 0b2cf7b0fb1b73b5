"""npm's hyperlog, live: replicas that were written apart end the same, whoever dials."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from p2plib.data.hyperlog import messages, nodes
from p2plib.data.hyperlog.driver import replicate
from p2plib.data.hyperlog.graph import Hyperlog
from p2plib.data.hyperlog.messages import HyperlogHandshake, HyperlogHave, HyperlogSend, SentHeads
from p2plib.errors import PeerTimeout
from p2plib.protocol.conformance import read_all
from p2plib.protocol.stream import Stream
from p2plib.protocol.tcp import connect_tcp
from tests.interop import listening
from tests.interop.namespace import Namespace
from tests.interop.peers import ForeignPeer, PeerRefused

pytestmark = pytest.mark.interop

NODES = 300


def grown(name: str, count: int, seed: int) -> Hyperlog:
    """A replica with links at random, and values of any bytes."""
    draw, graph = random.Random(seed), Hyperlog(name)
    for number in range(count):
        known = list(graph.walk())
        links = draw.sample(known, min(len(known), draw.randrange(5)))
        graph.add(links, number.to_bytes(4, "big") + draw.randbytes(draw.randrange(64)))
    return graph


def shown(graph: Hyperlog) -> list[dict[str, Any]]:
    return [
        {"log": n.log, "seq": n.seq, "key": n.key, "links": list(n.links), "value": n.value.hex()}
        for n in graph.walk()
    ]


def state(graph: Hyperlog) -> dict[str, Any]:
    return {"nodes": shown(graph), "heads": list(graph.heads())}


def by_entry(shown_nodes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(shown_nodes, key=lambda node: (node["log"], node["seq"]))


def is_causal(shown_nodes: list[dict[str, Any]]) -> bool:
    seen = set[str]()
    for node in shown_nodes:
        if not seen.issuperset(node["links"]):
            return False
        seen.add(node["key"])
    return True


def agree(ours: dict[str, Any], peer: ForeignPeer, name: str) -> None:
    """Both replicas have the same entries, keys, links, values and heads, and both orders are causal."""
    theirs = peer.ask("dump", name=name)
    assert by_entry(ours["nodes"]) == by_entry(theirs)
    assert sorted(ours["heads"]) == sorted(peer.ask("heads", name=name))
    assert is_causal(ours["nodes"])
    assert is_causal(theirs)


async def dial(port: int, count: int, mode: str = "sync") -> dict[str, Any]:
    graph = grown("python", count, 1)
    async with asyncio.timeout(listening.TIMEOUT_S):
        stats = await replicate(await connect_tcp("127.0.0.1", port), graph, mode=mode)
    return state(graph) | {"sent": stats.sent, "received": stats.received}


async def listen(count: int) -> dict[str, Any]:
    graph = grown("python", count, 1)

    async def talk(stream: Stream) -> dict[str, Any]:
        stats = await replicate(stream, graph)
        return state(graph) | {"sent": stats.sent, "received": stats.received}

    answer: dict[str, Any] = await listening.serve_once(talk)
    return answer


@pytest.mark.parametrize(("ours", "theirs"), [(NODES, NODES), (NODES, 0), (0, NODES), (0, 0), (1, 1)])
def test_we_dial_them(ours: int, theirs: int) -> None:
    with Namespace() as net, ForeignPeer("hyperlog.js", namespace=net) as peer:
        peer.ask("create", name="js")
        peer.ask("grow", name="js", count=theirs, seed=5)
        port = peer.ask("listen", name="js")["port"]
        answer = net.run_together(dial, port, ours)
        assert peer.next_event() == ("replicated", "js")
        assert (answer["sent"], answer["received"]) == (ours, theirs)
        agree(answer, peer, "js")


def test_they_dial_us() -> None:
    with Namespace() as net, ForeignPeer("hyperlog.js", namespace=net) as peer:
        peer.ask("create", name="js")
        peer.ask("grow", name="js", count=NODES, seed=6)
        answer, _ = listening.called_by(net, listen, (NODES,), peer, name="js", port=listening.PORT)
        assert (answer["sent"], answer["received"]) == (NODES, NODES)
        agree(answer, peer, "js")


@pytest.mark.parametrize(
    ("ours", "theirs", "sent", "received"),
    [("pull", "sync", 0, 9), ("sync", "pull", 7, 0), ("push", "pull", 7, 0), ("pull", "push", 0, 9),
     ("sync", "push", 0, 9), ("push", "sync", 7, 0)],
)  # fmt: skip
def test_one_way_only(ours: str, theirs: str, sent: int, received: int) -> None:
    with Namespace() as net, ForeignPeer("hyperlog.js", namespace=net) as peer:
        peer.ask("create", name="js")
        peer.ask("grow", name="js", count=9, seed=7)
        port = peer.ask("listen", name="js", mode=theirs)["port"]
        answer = net.run_together(dial, port, 7, ours)
        assert (answer["sent"], answer["received"]) == (sent, received)
        assert len(peer.ask("dump", name="js")) == 9 + sent


async def fork_and_merge(port: int) -> dict[str, Any]:
    """Take their root, write apart from them, meet again, and merge."""
    graph = Hyperlog("python")
    async with asyncio.timeout(listening.TIMEOUT_S):
        await replicate(await connect_tcp("127.0.0.1", port), graph)
        root = next(graph.walk())
        graph.add([root], b"ours")
        await replicate(await connect_tcp("127.0.0.1", port), graph)
        heads = len(graph.heads())
        graph.append(b"merged by python")
        await replicate(await connect_tcp("127.0.0.1", port), graph)
    return state(graph) | {"heads before": heads}


def test_two_writers_fork_and_merge() -> None:
    with Namespace() as net, ForeignPeer("hyperlog.js", namespace=net) as peer:
        peer.ask("create", name="js")
        root = peer.ask("append", name="js", hex=b"root".hex())
        peer.ask("add", name="js", links=[root["key"]], hex=b"left".hex())
        peer.ask("add", name="js", links=[root["key"]], hex=b"right".hex())
        port = peer.ask("listen", name="js")["port"]
        answer = net.run_together(fork_and_merge, port)
        assert answer["heads before"] == 3
        agree(answer, peer, "js")
        assert len(answer["heads"]) == 1
        merged_by_them = peer.ask("append", name="js", hex="00ff")
        assert merged_by_them["links"] == answer["heads"]


def test_keys_are_the_same_for_every_value() -> None:
    with ForeignPeer("hyperlog.js") as peer:
        peer.ask("create", name="js")
        links: list[str] = []
        for value in (b"hello", b"\x00", b"\xff\xfe", b"1\n", bytes(70_000)):
            theirs = peer.ask("add", name="js", links=links, hex=value.hex())
            assert theirs["key"] == nodes.key_of(links, value)
            links = [theirs["key"], *links]


async def live(port: int) -> list[dict[str, Any]]:
    """Stay until their late node has come, after ours has gone."""
    graph, came = Hyperlog("python"), asyncio.Event()
    graph.watch(lambda entry: came.set() if entry.node.value == b"their answer" else None)
    stream = await connect_tcp("127.0.0.1", port)
    task = asyncio.create_task(
        replicate(stream, graph, live=True, when_synced=lambda: graph.append(b"our question"))
    )
    async with asyncio.timeout(listening.TIMEOUT_S):
        await came.wait()
    task.cancel()
    await asyncio.wait([task])
    return shown(graph)


def test_live_both_ways() -> None:
    """Their script answers our node as soon as it has it."""
    with Namespace() as net, ForeignPeer("hyperlog.js", namespace=net) as peer:
        peer.ask("create", name="js")
        peer.ask("grow", name="js", count=3, seed=1)
        peer.ask("answerTo", name="js", question=b"our question".hex(), answer=b"their answer".hex())
        port = peer.ask("listen", name="js", live=True)["port"]
        ours = net.run_together(live, port)
        assert by_entry(ours) == by_entry(peer.ask("dump", name="js"))
        assert len(ours) == 5


async def lie(port: int) -> str:
    """Send them a node under a key that is not its own."""
    node = nodes.HyperlogNode("0" * 64, (), b"lie", "python", 1)
    stream = await connect_tcp("127.0.0.1", port)
    for message in (HyperlogHandshake(), HyperlogHave("python", 1), SentHeads(), HyperlogSend(node, 1)):
        await stream.write(messages.frame(message))
    async with asyncio.timeout(listening.TIMEOUT_S):
        said = await read_all(stream)
    stream.reset()
    return said.hex()


def test_they_refuse_what_we_refuse() -> None:
    with Namespace() as net, ForeignPeer("hyperlog.js", namespace=net) as peer:
        peer.ask("create", name="js")
        port = peer.ask("listen", name="js")["port"]
        net.run_together(lie, port)
        assert peer.next_event() == ("failed", "Checksum mismatch")
        assert peer.ask("dump", name="js") == []


async def forge_and_follow(port: int) -> list[str]:
    """A forged number 2 of a log, then the true log with numbers 2 and 3."""
    true = Hyperlog("ana")
    first = true.append(b"1")
    forger = Hyperlog("mal")
    forger.insert(first)
    forger.insert(nodes.make([first.key], b"forged", "ana", 2))
    await replicate(await connect_tcp("127.0.0.1", port), forger)
    true.append(b"2")
    true.append(b"3")
    try:
        await replicate(await connect_tcp("127.0.0.1", port), true, silence_timeout_s=1)
        return ["synced"]
    except PeerTimeout:
        return ["they wait for a node that they never ask for"]


def test_a_forged_entry_cuts_its_victim_off() -> None:
    """What the page on feeds says of the module; with signatures of the application it would have noticed."""
    with Namespace() as net, ForeignPeer("hyperlog.js", namespace=net) as peer:
        peer.ask("create", name="js")
        port = peer.ask("listen", name="js")["port"]
        said = net.run_together(forge_and_follow, port)
        assert said == ["they wait for a node that they never ask for"]
        assert [bytes.fromhex(n["value"]) for n in peer.ask("dump", name="js")] == [b"1", b"forged"]


def test_they_refuse_a_node_with_unknown_links() -> None:
    """And keep no half of it: the operation fails."""
    with ForeignPeer("hyperlog.js") as peer:
        peer.ask("create", name="js")
        with pytest.raises(PeerRefused):
            peer.ask("add", name="js", links=["0" * 64], hex="00")
