"""tshark as a judge of our Mainline datagrams: everything that a small DHT says, and none of it malformed."""

from __future__ import annotations

import pytest

from p2plib.discovery.mainline import krpc
from p2plib.discovery.mainline.items import ImmutableItem, sign_item, target_of
from p2plib.discovery.mainline.machine import Mainline
from p2plib.discovery.mainline.messages import KrpcError, KrpcResponse, UnknownQuery
from p2plib.discovery.mainline.parts import DhtItemDone, DhtPeersDone, DhtSamples, DhtStored
from p2plib.identity.keys import SecretKey
from p2plib.machine.addresses import Address
from p2plib.population.machines import address_of
from tests.discovery.mainline.network import World
from tests.interop.peers import demand_peers
from tests.interop.tshark import ASKED, dissect, why_no_tshark

pytestmark = pytest.mark.interop

SECRET = SecretKey.from_seed(bytes(range(32)))
AS_DHT = [f"udp.port=={ASKED[1]},bt-dht"]


def everything_said(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The datagrams of a small DHT in which everything is done once, and something is refused."""
    sent: list[bytes] = []
    send = Mainline._send

    def noted(self: Mainline, data: bytes, address: Address) -> None:
        sent.append(data)
        send(self, data, address)

    monkeypatch.setattr(Mainline, "_send", noted)
    world = World(12)
    info_hash = world.nodes[3].own_id ^ 1
    world.outcome(1, DhtStored, "announce", info_hash, 4001)
    world.outcome(2, DhtPeersDone, "get_peers", info_hash)
    world.outcome(1, DhtStored, "put", ImmutableItem([b"a", {b"b": -7}]))
    world.outcome(1, DhtStored, "put", sign_item(SECRET, b"v" * 996, 1, b"salt"))
    world.nodes[2].put(sign_item(SECRET, b"w", 9, b"salt"), world.crowd.now, cas=7)
    target = int.from_bytes(target_of(SECRET.public.raw, b"salt"), "big")
    world.nodes[4].get(target, world.crowd.now, b"salt")
    for number in (2, 4):
        world.crowd.flush(address_of(number))
    world.crowd.run(20.0)
    assert {event.code for event in world.told(2, DhtStored)} == {301}
    assert [event.item is None for event in world.told(4, DhtItemDone)] == [False]
    world.outcome(4, DhtSamples, "sample", world.nodes[3].address, 0)
    unknown = UnknownQuery(b"tt", 7, b"vote", 9)
    world.nodes[3].receive(krpc.encode(unknown), ("203.0.113.9", 4001), world.crowd.now)
    return sent


def test_no_datagram_of_ours_is_malformed(monkeypatch: pytest.MonkeyPatch) -> None:
    demand_peers(why_no_tshark())
    sent = everything_said(monkeypatch)
    messages = [krpc.decode(data) for data in sent]
    said = {type(message).__name__ for message in messages}
    assert said >= {"PingQuery", "FindNodeQuery", "GetPeersQuery", "AnnounceQuery", "GetQuery", "PutQuery"}
    assert said >= {"SampleQuery", "KrpcResponse", "KrpcError"}

    judged = dissect(sent, decode_as=AS_DHT)
    assert len(judged) == len(sent)
    assert {packet.protocols for packet in judged} == {("bt-dht",)}
    assert not [packet for packet in judged if packet.is_malformed or packet.complaints]
    for message, packet in zip(messages, judged, strict=True):
        if isinstance(message, KrpcError):
            assert packet.values("bt-dht.bencoded.int") == [str(message.code)]  # it shows no more of an error
        else:
            kind = "r" if isinstance(message, KrpcResponse) else "q"
            assert packet.values("bt-dht.bencoded.string")[-2:] == ["y", kind]


def test_the_judge_sees_what_is_not_a_datagram_of_ours() -> None:
    demand_peers(why_no_tshark())
    (packet,) = dissect([b"d1:ad2:id20:short"], decode_as=AS_DHT)
    assert packet.is_malformed or packet.complaints or packet.protocols != ("bt-dht",)
