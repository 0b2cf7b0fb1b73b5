"""Protobuf: the encoding guide's examples, the round trip, and everything that can be wrong with bytes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.errors import DecodeError, UsageError
from p2plib.wire import protobuf
from p2plib.wire.protobuf import BYTES, FIXED32, FIXED64, VARINT, ProtoField

# From the Protocol Buffers encoding guide.
PUBLISHED = {
    "089601": (ProtoField(1, VARINT, 150),),
    "120774657374696e67": (ProtoField(2, BYTES, b"testing"),),
    "1a03089601": (ProtoField(3, BYTES, bytes.fromhex("089601")),),
}


@pytest.mark.parametrize(("raw", "fields"), PUBLISHED.items())
def test_published_examples(raw: str, fields: tuple[ProtoField, ...]) -> None:
    assert protobuf.decode(bytes.fromhex(raw)) == fields
    assert protobuf.encode(fields).hex() == raw


def test_fixed_sizes() -> None:
    fields = (ProtoField(1, FIXED64, bytes(range(8))), ProtoField(2, FIXED32, b"abcd"))
    assert protobuf.encode(fields).hex() == "09" + "0001020304050607" + "15" + "61626364"
    assert protobuf.decode(protobuf.encode(fields)) == fields


NUMBERS = st.integers(1, 2**29 - 1)
FIELDS = st.one_of(
    st.builds(ProtoField, NUMBERS, st.just(VARINT), st.integers(0, 2**64 - 1)),
    st.builds(ProtoField, NUMBERS, st.just(BYTES), st.binary(max_size=40)),
    st.builds(ProtoField, NUMBERS, st.just(FIXED64), st.binary(min_size=8, max_size=8)),
    st.builds(ProtoField, NUMBERS, st.just(FIXED32), st.binary(min_size=4, max_size=4)),
)


@given(st.lists(FIELDS, max_size=8))
def test_round_trip(fields: list[ProtoField]) -> None:
    raw = protobuf.encode(fields)
    assert protobuf.decode(raw) == tuple(fields)
    assert b"".join(part.raw for part in protobuf.dissect(raw)) == raw


@given(st.binary(max_size=40))
def test_what_is_accepted_is_the_one_encoding(raw: bytes) -> None:
    try:
        fields = protobuf.decode(raw)
    except DecodeError:
        return
    assert protobuf.encode(fields) == raw


@given(st.lists(FIELDS, min_size=1, max_size=4), st.data())
def test_a_cut_message_is_not_taken_for_a_whole_one(fields: list[ProtoField], data: st.DataObject) -> None:
    raw = protobuf.encode(fields)
    cut = data.draw(st.integers(0, len(raw) - 1))
    try:
        found = protobuf.decode(raw[:cut])
    except DecodeError:
        return
    assert found == tuple(fields[: len(found)])
    assert len(found) < len(fields)


@pytest.mark.fault("F030")
@pytest.mark.parametrize(
    ("raw", "rule", "offset"),
    [
        ("08", "ends inside a varint", 1),
        ("0880", "ends inside a varint", 2),
        ("088000", "needs fewer", 1),
        ("8800" + "01", "needs fewer", 0),
        ("08" + "ff" * 10, "longer than 10 bytes", 1),
        ("08" + "ff" * 9 + "02", "is the most", 1),
        ("0001", "no field number 0", 0),
        ("0b", "wire type 3", 0),
        ("0c", "wire type 4", 0),
        ("0e", "wire type 6", 0),
        ("0f", "wire type 7", 0),
        ("8080808010" + "00", "is the most|needs fewer|longer", 0),
        ("0a", "ends inside a varint", 1),
        ("0a05616263", "says 5 bytes, 3 are left", 1),
        ("0900", "says 8 bytes, 1 are left", 1),
        ("0d000000", "says 4 bytes, 3 are left", 1),
        ("08010a02", "says 2 bytes, 0 are left", 3),
    ],
)
def test_malformed(raw: str, rule: str, offset: int) -> None:
    with pytest.raises(DecodeError, match=rule) as caught:
        protobuf.decode(bytes.fromhex(raw))
    assert caught.value.offset == offset


@pytest.mark.fault("F021")
def test_a_size_of_exabytes_is_refused_without_allocating() -> None:
    with pytest.raises(DecodeError, match="says 1000000000000000000 bytes, 20 are left"):
        protobuf.decode(b"\x0a" + bytes.fromhex("808090bbbad6adf00d") + bytes(20))


@pytest.mark.fault("F022")
def test_nesting_costs_nothing() -> None:
    raw = b""
    for _ in range(500):
        raw = ProtoField(1, BYTES, raw).encode()
    assert protobuf.decode(raw)[0].number == 1


def test_the_number_of_fields_is_bounded() -> None:
    field = ProtoField(1, VARINT, 0).encode()
    assert len(protobuf.decode(field * protobuf.MAX_FIELDS)) == protobuf.MAX_FIELDS
    with pytest.raises(DecodeError, match="more than 4096 fields"):
        protobuf.decode(field * (protobuf.MAX_FIELDS + 1))
    with pytest.raises(DecodeError, match="more than 1 fields"):
        protobuf.decode(field * 2, max_fields=1)


FIELDS_OF_A_KEY = (ProtoField(1, VARINT, 1), ProtoField(2, BYTES, b"key"))


def test_single_fields() -> None:
    assert protobuf.number(FIELDS_OF_A_KEY, 1) == 1
    assert protobuf.content(FIELDS_OF_A_KEY, 2) == b"key"


@pytest.mark.fault("F030")
def test_single_refuses_missing_repeated_and_other_types() -> None:
    with pytest.raises(DecodeError, match="field 3 is there 0 times"):
        protobuf.content(FIELDS_OF_A_KEY, 3)
    with pytest.raises(DecodeError, match="field 1 is there 2 times"):
        protobuf.number(FIELDS_OF_A_KEY + FIELDS_OF_A_KEY[:1], 1)
    with pytest.raises(DecodeError, match="field 1 is varint, not bytes"):
        protobuf.content(FIELDS_OF_A_KEY, 1)
    with pytest.raises(DecodeError, match="field 2 is bytes, not varint"):
        protobuf.number(FIELDS_OF_A_KEY, 2)
    protobuf.only(FIELDS_OF_A_KEY, (1, 2, 3))
    with pytest.raises(DecodeError, match="field 2 is unknown"):
        protobuf.only(FIELDS_OF_A_KEY, (1,))


@pytest.mark.parametrize(
    "field",
    [
        ProtoField(0, VARINT, 1),
        ProtoField(2**29, VARINT, 1),
        ProtoField(1, 3, b""),
        ProtoField(1, VARINT, -1),
        ProtoField(1, VARINT, 2**64),
        ProtoField(1, VARINT, b"x"),
        ProtoField(1, BYTES, 1),
        ProtoField(1, FIXED32, b"12345"),
    ],
)
def test_fields_that_nobody_can_write(field: ProtoField) -> None:
    with pytest.raises(UsageError):
        field.encode()


def test_dissect_names_the_parts() -> None:
    fields = protobuf.dissect(protobuf.encode(FIELDS_OF_A_KEY), {1: "type", 2: "data"})
    assert [(f.name, f.raw.hex(), f.note) for f in fields] == [
        ("type: tag", "08", "field 1, varint"),
        ("type", "01", "1"),
        ("data: tag", "12", "field 2, bytes"),
        ("data: size", "03", "3 bytes follow"),
        ("data", "6b6579", ""),
    ]


def test_dag_pb_blocks_are_fields_and_come_back_byte_for_byte(shared_vectors: Path) -> None:
    blocks = sorted((shared_vectors / "ipld-codec-fixtures" / "fixtures").glob("*/*.dag-pb"))
    assert len(blocks) >= 15
    for path in blocks:
        raw = path.read_bytes()
        fields = protobuf.decode(raw)
        protobuf.only(fields, (1, 2))  # PBNode: Data and Links
        assert protobuf.encode(fields) == raw


def test_dag_pb_edges_are_well_formed_fields_that_break_the_schema(shared_vectors: Path) -> None:
    """The negative fixtures break dag-pb's schema, not its wire format: this codec reads all of them."""
    path = shared_vectors / "ipld-codec-fixtures" / "negative-fixtures" / "dag-pb" / "decode" / "edges.json"
    edges = json.loads(path.read_text())
    assert len(edges) == 9
    for edge in edges:
        raw = bytes.fromhex(edge["hex"])
        fields = protobuf.decode(raw)
        assert protobuf.encode(fields) == raw
        links = [field.value for field in fields if field.number == 2]
        if edge["name"] != "data between links":
            assert all(isinstance(link, bytes) and not _hash(link) for link in links)
        else:
            assert [field.number for field in fields] == [2, 1, 2]


def _hash(link: bytes) -> bytes:
    """PBLink's field 1, empty where it is missing."""
    return b"".join(bytes(field.value) for field in protobuf.decode(link) if field.number == 1)


def test_what_is_written_is_not_too_long_to_be_read() -> None:
    field = ProtoField(1, VARINT, 0)
    assert len(protobuf.decode(protobuf.encode([field] * protobuf.MAX_FIELDS))) == protobuf.MAX_FIELDS
    with pytest.raises(UsageError, match="at most 4096 fields"):
        protobuf.encode([field] * (protobuf.MAX_FIELDS + 1))
    raw = protobuf.encode([field] * 5000, max_fields=5000)
    assert len(protobuf.decode(raw, max_fields=5000)) == 5000
