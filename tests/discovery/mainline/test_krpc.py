"""KRPC against the messages that BEP 5, 42 and 44 print, and against everything that is none."""

from __future__ import annotations

import contextlib
import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.discovery.mainline import krpc
from p2plib.discovery.mainline.krpc import BadQuery
from p2plib.discovery.mainline.messages import (
    WANT_IPV4,
    WANT_IPV6,
    AnnounceQuery,
    AnyKrpc,
    FindNodeQuery,
    GetPeersQuery,
    GetQuery,
    KrpcError,
    KrpcResponse,
    PingQuery,
    PutQuery,
    SampleQuery,
    UnknownQuery,
)
from p2plib.errors import DecodeError
from p2plib.machine.addresses import Contact
from p2plib.wire import bencode

A, B = (int.from_bytes(text, "big") for text in (b"abcdefghij0123456789", b"mnopqrstuvwxyz123456"))

# The examples of BEP 5; those with contacts in them are not real there ("def456...").
BEP5: list[tuple[AnyKrpc, bytes]] = [
    (PingQuery(b"aa", A), b"d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe"),
    (KrpcResponse(b"aa", B), b"d1:rd2:id20:mnopqrstuvwxyz123456e1:t2:aa1:y1:re"),
    (
        FindNodeQuery(b"aa", A, B),
        b"d1:ad2:id20:abcdefghij01234567896:target20:mnopqrstuvwxyz123456e1:q9:find_node1:t2:aa1:y1:qe",
    ),
    (
        GetPeersQuery(b"aa", A, B),
        b"d1:ad2:id20:abcdefghij01234567899:info_hash20:mnopqrstuvwxyz123456e1:q9:get_peers1:t2:aa1:y1:qe",
    ),
    (
        KrpcResponse(
            b"aa", A, token=b"aoeusnth", peers=(("97.120.106.101", 11893), ("105.100.104.116", 28269))
        ),
        b"d1:rd2:id20:abcdefghij01234567895:token8:aoeusnth6:valuesl6:axje.u6:idhtnmee1:t2:aa1:y1:re",
    ),
    (
        AnnounceQuery(b"aa", A, B, 6881, b"aoeusnth", implied_port=True),
        b"d1:ad2:id20:abcdefghij012345678912:implied_porti1e9:info_hash20:mnopqrstuvwxyz1234564:porti6881e"
        b"5:token8:aoeusnthe1:q13:announce_peer1:t2:aa1:y1:qe",
    ),
    (
        KrpcError(b"aa", 201, "A Generic Error Ocurred"),
        b"d1:eli201e23:A Generic Error Ocurrede1:t2:aa1:y1:ee",
    ),
]


@pytest.mark.parametrize(("message", "data"), BEP5, ids=lambda each: type(each).__name__)
def test_the_examples_of_bep_5(message: AnyKrpc, data: bytes) -> None:
    assert krpc.encode(message) == data
    assert krpc.decode(data) == message


def test_put_of_bep_44() -> None:
    put = PutQuery(
        b"aa", A, b"tok", b"Hello World!", key=bytes(32), salt=b"foobar", seq=4, signature=bytes(64), cas=3
    )
    said: Any = bencode.decode(krpc.encode(put))
    assert said[b"q"] == b"put"
    assert said[b"a"] == {
        b"cas": 3,
        b"id": b"abcdefghij0123456789",
        b"k": bytes(32),
        b"salt": b"foobar",
        b"seq": 4,
        b"sig": bytes(64),
        b"token": b"tok",
        b"v": b"Hello World!",
    }
    assert krpc.decode(krpc.encode(put)) == put


IDS = st.integers(0, 2**160 - 1)
TRANSACTIONS = st.binary(min_size=1, max_size=32)
WANTS = st.sampled_from([(), (WANT_IPV4,), (WANT_IPV6,), (WANT_IPV4, WANT_IPV6)])
VALUES = st.recursive(
    st.integers(-(2**70), 2**70) | st.binary(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.binary(max_size=4), inner, max_size=3),
    max_leaves=6,
)
SEQS = st.integers(0, 2**63 - 1)
PORTS = st.integers(1, 65535)
ADDRESSES = st.tuples(st.ip_addresses(v=4).map(str), PORTS)
MESSAGES = st.one_of(
    st.builds(PingQuery, TRANSACTIONS, IDS, version=st.binary(max_size=4), is_read_only=st.booleans()),
    st.builds(FindNodeQuery, TRANSACTIONS, IDS, IDS, WANTS),
    st.builds(GetPeersQuery, TRANSACTIONS, IDS, IDS, WANTS, is_read_only=st.booleans()),
    st.builds(GetQuery, TRANSACTIONS, IDS, IDS, st.none() | SEQS, WANTS),
    st.builds(SampleQuery, TRANSACTIONS, IDS, IDS, WANTS),
    st.builds(
        AnnounceQuery, TRANSACTIONS, IDS, IDS, st.integers(1, 65535), st.binary(max_size=20), st.booleans()
    ),
    st.builds(
        PutQuery,
        TRANSACTIONS,
        IDS,
        st.binary(max_size=20),
        VALUES,
        st.none() | st.binary(min_size=32, max_size=32),
        st.binary(max_size=70),
        st.none() | SEQS,
        st.none() | st.binary(min_size=64, max_size=64),
        st.none() | SEQS,
    ),
    st.builds(UnknownQuery, TRANSACTIONS, IDS, st.just(b"vote"), st.none() | IDS, WANTS),
    st.builds(
        KrpcResponse,
        TRANSACTIONS,
        IDS,
        nodes=st.none() | st.lists(st.builds(Contact, IDS, ADDRESSES), max_size=8).map(tuple),
        token=st.none() | st.binary(min_size=1, max_size=20),
        peers=st.lists(ADDRESSES, max_size=5).map(tuple),
        value=st.none() | VALUES,
        seq=st.none() | SEQS,
        samples=st.none() | st.lists(IDS, max_size=5).map(tuple),
        interval=st.none() | st.integers(0, 21_600),
        observed=st.none() | ADDRESSES,
    ),
    st.builds(KrpcError, TRANSACTIONS, st.integers(0, 999), st.text(max_size=50), st.none() | ADDRESSES),
)


@given(MESSAGES)
def test_there_and_back_and_dissected(message: AnyKrpc) -> None:
    data = krpc.encode(message)
    assert krpc.decode(data) == message
    assert b"".join(part.raw for part in krpc.dissect(data)) == data


@given(MESSAGES, st.data())
def test_a_changed_datagram_is_a_message_or_refused(message: AnyKrpc, data: st.DataObject) -> None:
    raw = bytearray(krpc.encode(message))
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        decoded = krpc.decode(bytes(raw))
    except DecodeError:
        return
    assert dataclasses.is_dataclass(decoded)


@given(st.binary(max_size=300))
def test_whatever_arrives_is_a_message_or_refused(raw: bytes) -> None:
    with contextlib.suppress(DecodeError):
        krpc.decode(raw)


def raw(**parts: Any) -> bytes:
    """A message by hand: its keys as they are, only sorted."""
    return bencode.encode({key.encode(): value for key, value in parts.items()})


ID = b"abcdefghij0123456789"
NO_MESSAGES = {
    "nothing": b"",
    "no dict": b"le",
    "a torn one": b"d1:ad2:id20:abcdef",
    "keys not in order": b"d1:y1:q1:t2:aae",
    "without y": raw(t=b"aa", r={b"id": ID}),
    "without t": raw(y=b"r", r={b"id": ID}),
    "t a number": raw(t=1, y=b"r", r={b"id": ID}),
    "t empty": raw(t=b"", y=b"r", r={b"id": ID}),
    "t long": raw(t=bytes(33), y=b"r", r={b"id": ID}),
    "y unknown": raw(t=b"aa", y=b"x", r={b"id": ID}),
    "r missing": raw(t=b"aa", y=b"r"),
    "r without id": raw(t=b"aa", y=b"r", r={}),
    "id short": raw(t=b"aa", y=b"r", r={b"id": ID[:19]}),
    "nodes torn": raw(t=b"aa", y=b"r", r={b"id": ID, b"nodes": bytes(25)}),
    "nodes a list": raw(t=b"aa", y=b"r", r={b"id": ID, b"nodes": []}),
    "values a string": raw(t=b"aa", y=b"r", r={b"id": ID, b"values": b"axje.u"}),
    "a value of 7 bytes": raw(t=b"aa", y=b"r", r={b"id": ID, b"values": [b"axje.uu"]}),
    "samples torn": raw(t=b"aa", y=b"r", r={b"id": ID, b"samples": bytes(21)}),
    "interval below 0": raw(t=b"aa", y=b"r", r={b"id": ID, b"interval": -1}),
    "a long token": raw(t=b"aa", y=b"r", r={b"id": ID, b"token": bytes(129)}),
    "e no list": raw(t=b"aa", y=b"e", e=b"oops"),
    "e empty": raw(t=b"aa", y=b"e", e=[]),
    "e without a sentence": raw(t=b"aa", y=b"e", e=[203]),
    "e the wrong way round": raw(t=b"aa", y=b"e", e=[b"oops", 203]),
    "too long": raw(t=b"aa", y=b"r", r={b"id": ID, b"x": bytes(2048)}),
}


@pytest.mark.fault("F070")
@pytest.mark.parametrize("data", NO_MESSAGES.values(), ids=NO_MESSAGES)
def test_what_is_no_message(data: bytes) -> None:
    with pytest.raises(DecodeError) as refused:
        krpc.decode(data)
    assert not isinstance(refused.value, BadQuery)


def query(name: bytes, **arguments: Any) -> bytes:
    return raw(t=b"aa", y=b"q", q=name, a={key.encode(): value for key, value in arguments.items()})


BAD_QUERIES = {
    "no name": raw(t=b"aa", y=b"q", a={b"id": ID}),
    "no arguments": raw(t=b"aa", y=b"q", q=b"ping"),
    "no id": query(b"ping"),
    "find_node without target": query(b"find_node", id=ID),
    "a short info_hash": query(b"get_peers", id=ID, info_hash=ID[:19]),
    "port 0": query(b"announce_peer", id=ID, info_hash=ID, port=0, token=b"x"),
    "port 65536": query(b"announce_peer", id=ID, info_hash=ID, port=65536, token=b"x"),
    "announce_peer without token": query(b"announce_peer", id=ID, info_hash=ID, port=1),
    "put without v": query(b"put", id=ID, token=b"x"),
    "a short key": query(b"put", id=ID, token=b"x", v=1, k=bytes(31)),
    "want a string": query(b"get_peers", id=ID, info_hash=ID, want=b"n4"),
    "an unknown query with a bad target": query(b"vote", id=ID, target=b"x"),
    "a number of 65 bits": query(b"get", id=ID, target=ID, seq=2**64),
}


@pytest.mark.parametrize("data", BAD_QUERIES.values(), ids=BAD_QUERIES)
def test_a_query_whose_sender_should_hear_of_it(data: bytes) -> None:
    with pytest.raises(BadQuery) as refused:
        krpc.decode(data)
    assert (refused.value.transaction, refused.value.code) == (b"aa", 203)


def test_implied_port_needs_no_port_of_its_own() -> None:
    given = krpc.decode(query(b"announce_peer", id=ID, info_hash=ID, port=0, token=b"x", implied_port=1))
    assert isinstance(given, AnnounceQuery)
    assert given.implied_port


def test_what_is_left_out_of_a_message_does_no_harm() -> None:
    assert krpc.decode(
        raw(t=b"aa", y=b"r", r={b"id": ID, b"later": [1]}, p=5, v=7, ip=b"four")
    ) == KrpcResponse(b"aa", A)
    assert krpc.decode(query(b"get_peers", id=ID, info_hash=ID, want=[b"n6", b"n9", 4])) == GetPeersQuery(
        b"aa", A, A, (WANT_IPV6,)
    )


def test_ro_and_v_and_ip() -> None:
    assert b"2:roi1e" in krpc.encode(PingQuery(b"aa", A, is_read_only=True))
    assert b"1:v4:LT\x02\x11" in krpc.encode(PingQuery(b"aa", A, version=b"LT\x02\x11"))
    assert b"2:ip6:\xcb\x00\x71\x05\x1a\xe1" in krpc.encode(
        KrpcResponse(b"aa", A, observed=("203.0.113.5", 6881))
    )
    assert krpc.decode(raw(t=b"aa", y=b"q", q=b"ping", a={b"id": ID}, ro=0)) == PingQuery(b"aa", A)


def test_empty_contacts_and_an_empty_value_are_something() -> None:
    data = krpc.encode(KrpcResponse(b"aa", A, nodes=(), value=b""))
    assert b"5:nodes0:" in data
    assert b"1:v0:" in data


def test_a_drawing_says_what_is_what() -> None:
    data = krpc.encode(KrpcResponse(b"aa", A, nodes=(Contact(B, ("203.0.113.5", 6881)),), token=b"aoeusnth"))
    notes = {part.name: part.note for part in krpc.dissect(data)}
    assert notes["r.nodes"] == "1 contact"
    assert notes["r.id"] == "61626364…"
    assert notes["y"] == "a response"
    with pytest.raises(DecodeError):
        krpc.dissect(b"le")
