"""The usual messages: the same as `krpc` has it key by key, in both directions, and never more."""

from __future__ import annotations

import random
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2plib.discovery.mainline import krpc, usual
from p2plib.discovery.mainline.messages import (
    AnnounceQuery,
    FindNodeQuery,
    GetPeersQuery,
    GetQuery,
    KrpcError,
    KrpcResponse,
    PingQuery,
    PutQuery,
    SampleQuery,
)
from p2plib.errors import DecodeError, UsageError
from p2plib.machine.addresses import contact_of

IDS = st.integers(0, 2**160 - 1)
TRANSACTIONS = st.sampled_from([b"12345678", b"aa", b"abcd", b"x", b"1:t2:zz", b"e1:t8:12"])
VERSIONS = st.sampled_from([b"", b"P2\x00\x01", b"LT", b"1:y1"])
TOKENS = st.sampled_from([b"8 bytes!", b"four", b"t" * 20, b"five5", b"8:token8"])
ADDRESSES = st.builds(
    lambda a, b, port: (f"{a}.0.{b}.1", port),
    st.integers(11, 99),
    st.integers(0, 255),
    st.integers(1, 65_535),
)
CONTACTS = st.lists(st.builds(contact_of, st.tuples(IDS, ADDRESSES)), max_size=9).map(tuple)
VALUES = st.sampled_from(
    [b"", b"v" * 996, 7, [b"a", 1], {b"a": b"e1:t8:12345678"}, b"e1:q3:put1:t2:aa1:y1:qe"]
)
WANT = st.sampled_from([(), (b"n4",)])
MUTABLE = {
    "key": st.sampled_from([None, b"", b"k" * 32]),
    "seq": st.none() | st.integers(0, 2**63 - 1),
    "signature": st.sampled_from([None, b"", b"s" * 64]),
}
ONLY_ASKS = st.booleans()


def query(kind: Any, *arguments: Any, **more: Any) -> Any:
    return st.builds(kind, TRANSACTIONS, IDS, *arguments, version=VERSIONS, is_read_only=ONLY_ASKS, **more)


MESSAGES = st.one_of(
    query(PingQuery),
    query(FindNodeQuery, IDS, WANT),
    query(GetPeersQuery, IDS, WANT),
    query(GetQuery, IDS, st.none() | st.just(4), WANT),
    query(PutQuery, TOKENS, VALUES, salt=st.sampled_from([b"", b"salt", b"s" * 65]), **MUTABLE),
    query(PutQuery, TOKENS, VALUES, cas=st.just(3)),
    query(AnnounceQuery, IDS, st.integers(1, 65_535), TOKENS),
    query(SampleQuery, IDS),
    st.builds(
        KrpcResponse,
        TRANSACTIONS,
        IDS,
        nodes=st.none() | CONTACTS,
        token=st.none() | TOKENS,
        peers=st.just(()) | st.lists(ADDRESSES, max_size=3).map(tuple),
        value=st.none() | VALUES,
        observed=st.none() | ADDRESSES | st.just(("2600::1", 7)),
        samples=st.none() | st.just((1, 2)),
        version=VERSIONS,
        **MUTABLE,
    ),
    st.builds(KrpcError, TRANSACTIONS, st.just(203), st.just("no")),
)


@settings(max_examples=150)
@given(MESSAGES)
def test_what_is_written_is_what_krpc_writes_and_is_read_the_same(message: Any) -> None:
    data = krpc._encode(message)
    assert usual.encode(message) in (None, data)
    assert usual.decode(data) in (None, krpc._decode(data))


@settings(max_examples=150)
@given(MESSAGES, st.integers(0, 2**32), st.integers(1, 3))
def test_what_krpc_refuses_is_not_usual_and_what_it_reads_means_the_same(
    message: Any, seed: int, changes: int
) -> None:
    rng, data = random.Random(seed), bytearray(krpc._encode(message))
    for _ in range(changes):
        at = rng.randrange(len(data))
        if rng.random() < 0.5:
            data[at] = rng.choice(b"0123456789:deil\x00\xff")
        elif rng.random() < 0.5:
            del data[at]
        else:
            data.insert(at, rng.choice(b"0123456789:deil"))
    read = usual.decode(bytes(data))
    try:
        expected = krpc._decode(bytes(data))
    except DecodeError:
        expected = None
    assert read is None or read == expected


def test_nearly_all_that_nodes_say_is_usual() -> None:
    target, node = 7, contact_of((5, ("30.0.0.1", 6881)))
    for message in (
        PingQuery(b"12345678", 1, version=b"P2\x00\x01"),
        FindNodeQuery(b"12345678", 1, target),
        GetPeersQuery(b"aa", 1, target),
        GetQuery(b"aa", 1, target),
        PutQuery(b"12345678", 1, b"8 bytes!", [b"x", 1]),
        PutQuery(b"12345678", 1, b"8 bytes!", b"x", b"k" * 32, b"salt", 9, b"s" * 64),
        KrpcResponse(b"aa", 1, nodes=(node,) * 8, token=b"8 bytes!", observed=("30.0.0.2", 7)),
        KrpcResponse(b"aa", 1, token=b"8 bytes!", peers=(("30.0.0.2", 7),) * 3),
        KrpcResponse(b"aa", 1, nodes=(), key=b"k" * 32, seq=9, signature=b"s" * 64, value=b"x"),
        KrpcResponse(b"aa", 1),
    ):
        data = usual.encode(message)
        assert data is not None
        assert data == krpc._encode(message)
        assert usual.decode(data) == message


@pytest.mark.fault("F020")
@pytest.mark.parametrize(
    "data",
    [
        b"d1:rd2:id20:" + b"i" * 20 + b"5:nodes026:" + b"n" * 26 + b"e1:t2:aa1:y1:re",  # a digit too many
        b"d1:rd2:id20:" + b"i" * 20 + b"5:nodes52:" + b"n" * 26 + b"e1:t2:aa1:y1:re",
        b"d1:rd2:id20:" + b"i" * 20 + b"5:token04:four" + b"e1:t2:aa1:y1:re",
        b"d1:rd2:id20:" + b"i" * 20 + b"1:v03:abce1:t2:aa1:y1:re",
        b"d1:rd2:id20:" + b"i" * 20 + b"1:vd1:b0:1:a0:ee1:t2:aa1:y1:re",  # keys out of order
        b"d1:ad2:id20:" + b"i" * 20 + b"6:target20:" + b"t" * 20 + b"e1:q4:ping1:t2:aa1:y1:qe",
        b"d1:ad2:id20:" + b"i" * 20 + b"6:target20:" + b"t" * 20 + b"e1:q9:get_peers1:t2:aa1:y1:qe",
        b"d1:rd2:id20:" + b"i" * 20 + b"1:v3000:" + bytes(3000) + b"e1:t2:aa1:y1:re",
    ],
    ids=lambda data: repr(data)[:60],
)
def test_what_is_not_usual(data: bytes) -> None:
    assert usual.decode(data) is None


@pytest.mark.fault("F022")
@pytest.mark.parametrize("depth", [125, 126, 127, 128])
def test_a_value_is_as_deep_as_krpc_has_it(depth: int) -> None:
    value: Any = b"x"
    for _ in range(depth):
        value = [value]
    packed = b"l" * depth + b"1:x" + b"e" * depth
    for message, begin, end in (
        (PutQuery(b"aa", 1, b"8 bytes!", value), b"5:token8:8 bytes!1:v", b"e1:q3:put1:t2:aa1:y1:qe"),
        (KrpcResponse(b"aa", 1, value=value), b"1:v", b"e1:t2:aa1:y1:re"),
    ):
        first = b"r" if isinstance(message, KrpcResponse) else b"a"
        data = b"d1:%bd2:id20:%b%b%b%b" % (first, (1).to_bytes(20, "big"), begin, packed, end)
        if depth <= 126:  # with the two dicts round it, 128
            assert usual.encode(message) == krpc._encode(message) == data
            assert usual.decode(data) == krpc._decode(data) == message
            continue
        assert usual.decode(data) is None
        for write in (usual.encode, krpc._encode):
            with pytest.raises(UsageError):
                write(message)
        with pytest.raises(DecodeError):
            krpc.decode(data)


def test_two_values_are_not_one() -> None:
    for values in (b"lelei1e", b"le1:a", b"leel1:ae", b"deedee"):
        data = HEAD + b"1:v" + values + b"e1:t2:aa1:y1:re"
        assert usual.decode(data) is None
        with pytest.raises(DecodeError):
            krpc.decode(data)


HEAD = b"d1:rd2:id20:" + b"i" * 20
ENDS = [
    b"1:v",
    b"6:valuesl",
    b"6:valuesl6:aaaaaa",
    b"6:aaaaaa",
    b"e1:t8:",
    b"e1:t8:aaaaaaaa1:y1:r",
    b"5:token8:",
]


@pytest.mark.fault("F021")
@pytest.mark.parametrize("begin", [b"1:v", b"5:nodes1820:", b"5:nodes208:" + b"n" * 208 + b"1:v"])
@pytest.mark.parametrize("one", ENDS)
@pytest.mark.parametrize("two", ENDS)
def test_no_datagram_makes_a_pattern_try_many_ways(begin: bytes, one: bytes, two: bytes) -> None:
    data = (HEAD + begin + (one + two) * 500)[:2048]
    taken_s = []
    for _ in range(10):
        begun = time.process_time()
        assert usual.decode(data) is None
        taken_s.append(time.process_time() - begun)
    assert min(taken_s) < 0.01  # where a hundredth of that is usual
