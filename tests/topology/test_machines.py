"""What holds for every machine here: whatever arrives, it does not raise, and it has no clock of its own."""

from __future__ import annotations

import ast
import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2plib.machine.addresses import Contact
from p2plib.machine.datagram import Codec
from p2plib.machine.machine import Machine
from p2plib.population.machines import address_of
from p2plib.topology import random_walk as walk
from p2plib.topology.hyparview import messages as hyparview_messages
from p2plib.topology.hyparview.machine import HyParView
from p2plib.topology.kademlia import messages as kademlia_messages
from p2plib.topology.kademlia.machine import Kademlia
from p2plib.topology.kademlia.parts import Settings
from p2plib.topology.mesh import messages as mesh_messages
from p2plib.topology.mesh.machine import Mesh
from p2plib.topology.random_walk import RandomWalk
from p2plib.topology.ring import messages as ring_messages
from p2plib.topology.ring.chord import Chord
from p2plib.topology.ring.machine import Ring
from p2plib.topology.ring.parts import RingSettings
from tests.conftest import ROOT
from tests.machine.test_datagram import messages

OWN, OTHER = Contact(5, address_of(5)), Contact(9, address_of(9))


def kademlia() -> Kademlia:
    made = Kademlia(OWN.id, random.Random(1), settings=Settings(bits=8, k=2))
    made.join([OTHER.address], 0.0)
    return made


def ring(kind: type[Ring]) -> Ring:
    made = kind(OWN, random.Random(1), settings=RingSettings(bits=8, r=2))
    made.create(0.0, [OTHER])
    return made


def mesh() -> Mesh:
    made = Mesh(OWN, random.Random(1), cap=4)
    made.join([OTHER.address], 0.0)
    return made


def hyparview() -> HyParView:
    made = HyParView(OWN, random.Random(1))
    made.join([OTHER.address], 0.0)
    return made


MACHINES: dict[str, tuple[Callable[[], Any], Codec]] = {
    "kademlia": (kademlia, kademlia_messages.CODEC),
    "ring": (lambda: ring(Ring), ring_messages.CODEC),
    "chord": (lambda: ring(Chord), ring_messages.CODEC),
    "mesh": (mesh, mesh_messages.CODEC),
    "hyparview": (hyparview, hyparview_messages.CODEC),
    "random_walk": (lambda: RandomWalk(OWN, random.Random(1), lambda: [OTHER]), walk.CODEC),
}


@pytest.mark.fault("F030", "F070")
@pytest.mark.parametrize("name", MACHINES)
@settings(max_examples=60)
@given(data=st.data())
def test_nothing_that_arrives_makes_it_raise(name: str, data: st.DataObject) -> None:
    """Any message of its own, from strangers and from the peer it asked, with transactions it waits for."""
    make, codec = MACHINES[name]
    machine: Machine[Any] = make()
    now, seen = 0.0, [1]
    for _ in range(data.draw(st.integers(1, 12))):
        message = data.draw(messages(codec))
        fields = {field: getattr(message, field) for field, _ in codec.by_class[type(message)].fields}
        fields["sender"] = data.draw(st.sampled_from([OWN.id, OTHER.id, 77, fields.get("sender", 3)]))
        if "transaction" in fields:
            fields["transaction"] = data.draw(st.sampled_from(seen))
        raw = codec.encode(type(message)(**fields))
        machine.receive(raw, data.draw(st.sampled_from([OTHER.address, address_of(77)])), now)
        machine.receive(data.draw(st.binary(max_size=40)), OTHER.address, now)
        for out, _ in machine.to_send():
            seen.append(getattr(codec.decode(out), "transaction", 1))
        machine.events()
        now += data.draw(st.sampled_from([0.0, 0.05, 2.0, 400.0]))
        machine.on_timer(now)
        at = machine.timer()
        assert at is None or at > now


@pytest.mark.parametrize("name", MACHINES)
def test_the_same_calls_give_the_same_datagrams(name: str) -> None:
    def run() -> list[Any]:
        machine, out = MACHINES[name][0](), []
        for second in range(0, 1200, 7):
            machine.on_timer(float(second))
            out.append((machine.to_send(), machine.timer(), machine.events()))
        return out

    assert run() == run()


LIBRARY = ROOT / "p2plib"
DRIVERS = ("driver", "peer", "udp", "awaited", "member")
WITHOUT_IO = [
    path
    for room in ("topology", "machine")
    for path in sorted((LIBRARY / room).rglob("*.py"))
    if path.stem not in DRIVERS
]


@pytest.mark.parametrize("path", WITHOUT_IO, ids=lambda path: str(path.relative_to(LIBRARY)))
def test_no_clock_no_dice_no_sockets(path: Any) -> None:
    """Time and randomness are arguments; `random.Random` is a type, and `socket` only spells addresses.

    Only the drivers and their parts know asyncio.
    """
    for node in ast.walk(ast.parse(path.read_text("utf8"))):
        if isinstance(node, ast.Import):
            assert not {"time", "asyncio", "threading", "secrets"} & {alias.name for alias in node.names}
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.value.id == "random":
                assert node.attr == "Random"
            if node.value.id == "socket":
                assert node.attr in ("AF_INET", "AF_INET6", "inet_pton", "inet_ntop")
