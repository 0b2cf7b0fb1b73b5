"""The overlays' datagrams: byte by byte, there and back, and what is refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.errors import DecodeError, UsageError
from p2plib.machine.addresses import Contact
from p2plib.machine.datagram import Codec, layout_of
from p2plib.machine.fields import ID, MAX_BYTES, Header, Number
from p2plib.topology import random_walk as walk
from p2plib.topology.hyparview import messages as views
from p2plib.topology.kademlia import messages as kad
from p2plib.topology.mesh import messages as mesh
from p2plib.topology.ring import messages as ring

CODECS = [kad.CODEC, ring.CODEC, mesh.CODEC, views.CODEC, walk.CODEC]
PORTS = st.integers(1, 65_535)
V4 = st.tuples(st.ip_addresses(v=4).map(str), PORTS)
V6 = st.tuples(st.ip_addresses(v=6).map(str), PORTS).filter(lambda one: not one[0].startswith("::ffff:"))
CONTACTS = st.builds(Contact, st.integers(0, 2**256 - 1), V4 | V6)
TRANSACTIONS, IDS = st.integers(0, 2**64 - 1), st.integers(0, 2**256 - 1)
VALUES = {
    "transaction": TRANSACTIONS,
    "sender": IDS,
    "target": IDS,
    "key": IDS,
    "token": st.binary(max_size=8),
    "value": st.binary(max_size=1000),
    "lifetime_s": st.integers(0, 86_400),
    "reason": st.integers(0, 255),
    "is_client": st.integers(0, 1),
    "observed": st.none() | V4 | V6,
    "contact": CONTACTS,
    "contacts": st.lists(CONTACTS, max_size=4).map(tuple),
    "owners": st.lists(CONTACTS, max_size=12).map(tuple),
    "successors": st.lists(CONTACTS, max_size=19).map(tuple),
    "members": st.lists(CONTACTS, max_size=18).map(tuple),
    "sample": st.lists(CONTACTS, max_size=16).map(tuple),
    "active": st.lists(CONTACTS, max_size=8).map(tuple),
    "passive": st.lists(CONTACTS, max_size=8).map(tuple),
    "newcomer": CONTACTS,
    "about": IDS,
    "digest": TRANSACTIONS,
    "skip": st.integers(0, 65_535),
    "total": st.integers(0, 65_535),
    "degree": st.integers(0, 65_535),
    "left": st.integers(0, 255),
    "ttl": st.integers(0, 15),
    "alive": st.integers(0, 1),
    "high": st.integers(0, 1),
    "accepted": st.integers(0, 1),
    "neighbours": st.integers(0, 1),
    "predecessor": st.lists(CONTACTS, max_size=1).map(tuple),
}

SPECIAL: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "ring": {"reason": st.binary(max_size=32)},
    "HyParView": {"origin": CONTACTS},
    "random walk": {"origin": V4 | V6},
}


@st.composite
def messages(draw: st.DrawFn, codec: Codec, kind: type[Any] | None = None) -> Any:
    """Any message of an overlay, or any of one kind."""
    one = draw(st.sampled_from(list(codec.by_kind.values()))) if kind is None else codec.by_class[kind]
    return one.message(*(draw({**VALUES, **SPECIAL.get(codec.name, {})}[name]) for name, _ in one.fields))


def test_a_question_and_its_answer_byte_by_byte() -> None:
    question = kad.FindNode(0x5E11FA7E, 0xAB, 0xFFEE)
    assert kad.CODEC.encode(question) == bytes.fromhex("01 03 04 5e11fa7e 01 ab 02 ffee 00")
    named = Contact(7, ("192.0.2.1", 4001)), Contact(0, ("2001:db8::1", 1))
    answer = kad.Nodes(0x5E11FA7E, 0, b"tok", named, ("198.51.100.7", 258))
    raw = kad.CODEC.encode(answer)
    contacts = "09 01 07 06 c0000201 0fa1" + "14 00 12 20010db8 00000000 00000000 00000001 0001"
    assert raw == bytes.fromhex("01 04 04 5e11fa7e 00 03 746f6b 1f" + contacts + "06 c6336407 0102")
    assert kad.CODEC.decode(raw) == answer
    fields = kad.CODEC.dissect(raw)
    assert b"".join(field.raw for field in fields) == raw
    assert [f.name for f in fields if f.name != "length"] == [
        "overlay",
        "kind",
        "transaction",
        "token",
        "contacts",
        "observed",
    ]
    assert fields[-3].note == "2: 7 at 192.0.2.1:4001, 0 at 2001:db8::1:1"


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.name)
@given(data=st.data())
def test_round_trip(codec: Codec, data: st.DataObject) -> None:
    message = data.draw(messages(codec))
    raw = codec.encode(message)
    assert codec.decode(raw) == message
    assert b"".join(field.raw for field in codec.dissect(raw)) == raw


@pytest.mark.fault("F030", "F033")
@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.name)
@given(data=st.data())
def test_what_decodes_is_what_would_be_written(codec: Codec, data: st.DataObject) -> None:
    """Cut short, added to, or with bytes changed: refused, or another message in its only form."""
    raw = bytearray(codec.encode(data.draw(messages(codec))))
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    changed = bytes(raw[: data.draw(st.integers(0, len(raw)))]) + data.draw(st.binary(max_size=2))
    try:
        message = codec.decode(changed)
    except DecodeError:
        return
    assert codec.encode(message) == changed


@pytest.mark.fault("F030")
@given(st.binary(max_size=80))
def test_rubbish_is_refused(raw: bytes) -> None:
    for codec in CODECS:
        try:
            message = codec.decode(raw)
        except DecodeError:
            continue
        assert codec.encode(message) == raw


@pytest.mark.fault("F021")
@pytest.mark.parametrize(
    ("raw", "rule"),
    [
        ("", "begins with an overlay and a kind"),
        ("01", "begins with an overlay and a kind"),
        ("02 01 00 00", "overlay 2; that of Kademlia is 1"),
        ("01 63 00 00", "no message of kind 99"),
        ("01 01 00", "ends inside a varint"),
        ("01 01 00 00 00 00", "1 byte follows the last field"),
        ("01 01 02 0001 00", "begins with a zero byte"),
        ("01 01 09 010203040506070809 00", "transaction of 9 bytes, where 8 is the most"),
        ("01 01 04 010203", "transaction of 4 bytes, where 3 are left"),
        ("01 01 8000 00", "which needs fewer"),
        ("01 01 ffffffffffffffff7f 00", "where 8 is the most"),
        ("01 01 00 21" + "11" * 33, "sender of 33 bytes, where 32 is the most"),
        ("01 04 00 00 00 05 04 00 02 c000", "2 bytes, not"),
        ("01 04 00 00 00 09 08 00 06 c0000201 0000", "port 0"),
        ("01 04 00 00 00 0a 09 00 06 c0000201 0fa1 00", "bytes follow the address of a contact"),
        ("01 04 00 00 00 15 14 00 12" + "00" * 10 + "ffff c0000201 0fa1", "is written in 6 bytes"),
        ("01 01 00 00 01 02", "2 bits, where 1 is the most"),
        ("01 02 00 00 02 c000", "2 bytes, not"),
        ("01 07 00 00 00 00 03 03ffff 00", "18 bits, where 17 is the most"),
    ],
)
def test_malformed(raw: str, rule: str) -> None:
    with pytest.raises(DecodeError, match=rule.replace("2 bytes, not", "an address is 6 or 18 bytes, not 2")):
        kad.CODEC.decode(bytes.fromhex(raw))


@pytest.mark.fault("F021")
def test_too_long_and_too_many() -> None:
    with pytest.raises(DecodeError, match="1233 bytes, where 1232 is the most"):
        kad.CODEC.decode(bytes(MAX_BYTES + 1))
    one = Contact(1, ("192.0.2.1", 1))
    raw = ring.CODEC.encode(ring.Nearer(0, 0, (one,) * 8, ()))
    item = raw[-11:-1]
    with pytest.raises(DecodeError, match="a list of more than 8 items"):
        ring.CODEC.decode(raw[:4] + bytes((90,)) + 9 * item + b"\x00")
    with pytest.raises(UsageError, match="a list of 9 items, where 8 is the most"):
        ring.CODEC.encode(ring.Nearer(0, 0, (one,) * 9, ()))
    with pytest.raises(UsageError, match="value of 1001 bytes, where 1000 is the most"):
        kad.CODEC.encode(kad.Found(0, 0, bytes(1001)))
    for wrong in (-1, 1 << 64):
        with pytest.raises(UsageError, match=r"a number is 0 to 2\*\*64 - 1, not"):
            kad.CODEC.encode(kad.Ping(wrong, 0))
    with pytest.raises(UsageError, match=r"a number is 0 to 2\*\*17 - 1, not 0x20000"):
        kad.CODEC.encode(kad.Store(0, 0, b"", 0, 1 << 17, b""))  # three bytes have room for more
    with pytest.raises(UsageError, match="is not an IP address"):
        ring.CODEC.encode(ring.Nearer(0, 0, (Contact(1, ("localhost", 1)),), ()))
    with pytest.raises(UsageError, match="a port is 1 to 65535, not 0"):
        ring.CODEC.encode(ring.Nearer(0, 0, (Contact(1, ("192.0.2.1", 0)),), ()))
    with pytest.raises(UsageError, match="Ping is not a message of Kademlia"):
        kad.CODEC.encode(ring.Ping(0, 0))


def test_a_field_says_its_type_on_the_wire() -> None:
    @dataclass(slots=True)
    class Odd(Header):
        target: Annotated[int, "the id that is looked for"]

    with pytest.raises(UsageError, match=r"Odd\.target is not annotated with its type on the wire"):
        layout_of(1, Odd)
    assert layout_of(3, kad.FindNode).fields == (
        ("transaction", Number(64)),
        ("sender", ID),
        ("target", ID),
        ("is_client", Number(1)),
    )


def test_kinds_are_those_of_the_first_edition() -> None:
    """A message that is put in between would change what all others mean to peers that run today."""
    names = {
        codec.name: " ".join(layout.message.__name__ for layout in codec.by_kind.values()) for codec in CODECS
    }
    assert names == {
        "Kademlia": "Ping Pong FindNode Nodes FindValue Found Store Stored Refused DialBack DialBackFor",
        "ring": "Ping Pong Step Owner Nearer Neighbours NeighboursAre Notify Leaving Done Refused",
        "mesh": "Hello Welcome Refused Who Members Ping Pong Probe Probed Goodbye",
        "HyParView": "Join Neighbour Agreed Ping Pong ForwardJoin Disconnect Shuffle Shuffled Who Names",
        "random walk": "Step Back Ended",
    }
    assert all(list(codec.by_kind) == list(range(1, len(codec.by_kind) + 1)) for codec in CODECS)


def test_the_largest_answers_fit_a_datagram() -> None:
    largest = Contact(2**256 - 1, ("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", 65_535))
    nodes = kad.Nodes(2**64 - 1, 2**256 - 1, bytes(8), (largest,) * kad.MAX_CONTACTS)
    assert len(kad.CODEC.encode(nodes)) <= MAX_BYTES
    store = kad.Store(2**64 - 1, 2**256 - 1, bytes(8), 2**256 - 1, 86_400, bytes(1000))
    assert len(kad.CODEC.encode(store)) <= MAX_BYTES
    nearer = ring.Nearer(2**64 - 1, 2**256 - 1, (largest,) * ring.MAX_NEARER, (largest,) * ring.MAX_OWNERS)
    assert len(ring.CODEC.encode(nearer)) <= MAX_BYTES
    neighbours = ring.NeighboursAre(2**64 - 1, 2**256 - 1, (largest,), (largest,) * ring.MAX_SUCCESSORS)
    assert len(ring.CODEC.encode(neighbours)) <= MAX_BYTES
