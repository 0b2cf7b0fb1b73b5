"""DAG-CBOR: the published fixtures, what is refused, and PyPI's dag-cbor as a judge."""

from __future__ import annotations

import contextlib
import enum
import math
import random
import struct
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.data.dag import dag_cbor
from p2plib.data.dag.block import MAX_BLOCK_BYTES, block_of
from p2plib.data.dag.values import MAX_CONTAINERS, MAX_DEPTH, DagValue
from p2plib.errors import DecodeError, UsageError
from p2plib.wire import cid as cids
from p2plib.wire import multicodec
from p2plib.wire.cid import Cid
from tests.data.dag.ipld_fixtures import SHA1, negative, positive
from tests.data.dag.strategies import VALUES

LINK = block_of(b"hello").cid
LINK_BYTES = b"\xd8\x2a\x58\x25\x00" + cids.encode_bytes(LINK)


def shape(value: DagValue) -> object:
    """A value such that 1, 1.0 and True, and 0.0 and -0.0, are different."""
    if isinstance(value, list):
        return [shape(each) for each in value]
    if isinstance(value, dict):
        return {key: shape(each) for key, each in value.items()}
    return type(value).__name__, value, isinstance(value, float) and math.copysign(1, value)


def test_published_fixtures(shared_vectors: Path) -> None:
    fixtures = positive(shared_vectors)
    assert len(fixtures) == 128
    for name, files in fixtures.items():
        text, data = files["dag-cbor"]
        if name in SHA1:
            with pytest.raises(DecodeError, match="sha1"):
                dag_cbor.decode(data)
            continue
        value = dag_cbor.decode(data)
        assert dag_cbor.encode(value) == data, name
        assert block_of(data, multicodec.DAG_CBOR).cid == cids.parse_text(text)


@pytest.mark.fault("F025")
def test_published_negative_fixtures(shared_vectors: Path) -> None:
    rows = negative(shared_vectors, "dag-cbor")
    assert len(rows) == 1
    for row in rows:
        with pytest.raises(DecodeError, match="twice"):
            dag_cbor.decode(bytes.fromhex(row["hex"]))


@pytest.mark.parametrize(
    ("value", "encoded"),
    [
        (0, "00"), (23, "17"), (24, "1818"), (255, "18ff"), (256, "190100"), (65535, "19ffff"),
        (65536, "1a00010000"), (2**32 - 1, "1affffffff"), (2**32, "1b0000000100000000"),
        (2**64 - 1, "1b" + 8 * "ff"), (-1, "20"), (-24, "37"), (-25, "3818"), (-256, "38ff"),
        (-257, "390100"), (-(2**32), "3affffffff"), (-(2**64), "3b" + 8 * "ff"),
        (0.0, "fb0000000000000000"), (-0.0, "fb8000000000000000"), (1.0, "fb3ff0000000000000"),
        (False, "f4"), (True, "f5"), (None, "f6"), (b"", "40"), (b"\1\2", "420102"), ("", "60"),
        ("ü", "62c3bc"), ([], "80"), ([1, [2]], "82018102"), ({}, "a0"),
        ({"b": 1, "aa": 2, "a": 3, "": 4}, "a4600461610361620162616102"),
        (LINK, LINK_BYTES.hex()),
    ],
)  # fmt: skip
def test_known_forms(value: DagValue, encoded: str) -> None:
    assert dag_cbor.encode(value).hex() == encoded
    assert shape(dag_cbor.decode(bytes.fromhex(encoded))) == shape(value)


@pytest.mark.fault("F025")
@pytest.mark.parametrize(
    ("encoded", "rule", "offset"),
    [
        ("", "end inside", 0), ("18", "end inside", 1), ("1a0001", "end inside", 3), ("6161ff"[:2], "end", 1),
        ("fb00", "end inside", 2), ("42ff", "end inside", 2), ("8201", "end inside|items", None),
        ("a161", "items|end inside", None), ("a16161", "end inside", 3), ("a1636161", "end inside", 4),
        ("a162c3", "end inside", 3), ("a2626363016261", "end inside", 7),
        ("d82a", "end inside", 2), ("d82a5825", "end inside", 4), ("62c3", "end inside", 2),
        (LINK_BYTES[:-1].hex(), "end inside", 40), ("d82a430001", "end inside", 5),
        ("0000", "follows the value", 1), ("f6f6", "follows the value", 1),
        ("9fff", "indefinite", 0), ("bfff", "indefinite", 0), ("5f4101ff", "indefinite", 0),
        ("7f6161ff", "indefinite", 0), ("1f", "indefinite", 0), ("1c", "no argument with the code 28", 0),
        ("1e", "no argument with the code 30", 0), ("81fc", "simple values", 1), ("ff", "simple values", 0),
        ("1817", "shorter", 0), ("190017", "shorter", 0), ("1900ff", "shorter", 0),
        ("1a0000ffff", "shorter", 0), ("1b00000000ffffffff", "shorter", 0), ("3817", "shorter", 0),
        ("3900ff", "shorter", 0), ("3a0000ffff", "shorter", 0), ("5801ff", "shorter", 0),
        ("780161", "shorter", 0), ("980100", "shorter", 0), ("b8016161f6", "shorter", 0),
        ("a178016101", "shorter", 1),
        ("a2616101616102", "twice", 4), ("a2616201616102", "out of order", 4),
        ("a262616101616202", "out of order", 5), ("a10102", "keys of a map must be text", 1),
        ("a1416102", "keys of a map must be text", 1), ("a161ff02", "UTF-8", None),
        ("61ff", "UTF-8", 1), ("8262c328f6", "UTF-8", 2), ("7818" + 23 * "61" + "ff", "UTF-8", 25),
        ("63eda080", "UTF-8", 1),
        ("f97e00", "8 bytes", 0), ("f93c00", "8 bytes", 0), ("fa7f800000", "8 bytes", 0),
        ("fb7ff0000000000000", "finite", 0), ("fbfff0000000000000", "finite", 0),
        ("fb7ff8000000000000", "finite", 0), ("fb7ff0000000000001", "finite", 0),
        ("f7", "simple values", 0), ("e0", "simple values", 0), ("f820", "simple values", 0),
        ("c000", "one tag is 42", 0), ("d9d9f700", "one tag is 42", 0), ("d82b40", "tag is 42", 0),
        ("d9002a40", "one tag is 42", 0), ("d82a6100", "a link is bytes", 2), ("d82a00", "is bytes", 2),
        ("d82a40", "begin with a zero", 2), ("d82a4101", "begin with a zero", 2),
        ("d82a4100", "varint", 4), ("d82a450001551200", "cut from 32", None),
        ("9b0000000100000000", "items, where 0", 0), ("bb0000000100000000", "items, where 0", 0),
        ("9a00010000" + 9 * "00", "items, where 9", 0), ("5b7fffffffffffffff", "end inside", 9),
        ("7bffffffffffffffff", "end inside", 9), ("a17bffffffffffffffff00", "end inside", 11),
    ],
)  # fmt: skip
def test_refused(encoded: str, rule: str, offset: int | None) -> None:
    with pytest.raises(DecodeError, match=rule) as raised:
        dag_cbor.decode(bytes.fromhex(encoded))
    if offset is not None:
        assert raised.value.offset == offset


@pytest.mark.fault("F119")
def test_depth_is_bounded_both_ways() -> None:
    deep: DagValue = 0
    for _ in range(MAX_DEPTH):
        deep = {"a": [deep]} if isinstance(deep, list) and len(deep) > 1 else [deep]
    raw = dag_cbor.encode(deep)
    assert raw == b"\x81" * MAX_DEPTH + b"\0"
    assert dag_cbor.decode(raw) == deep
    with pytest.raises(UsageError, match="nested"):
        dag_cbor.encode([deep])
    for bomb in (b"\x81" * 100_000, b"\xa1\x60" * 100_000, b"\x81" * (MAX_DEPTH + 1) + b"\0"):
        with pytest.raises(DecodeError, match="nested"):
            dag_cbor.decode(bomb)
    knot: list[DagValue] = []
    knot.append(knot)
    with pytest.raises(UsageError, match="within itself"):
        dag_cbor.encode(knot)


class Colour(enum.IntEnum):
    RED = 300


class Name(str):
    pass


def test_cousins_of_the_types_are_written_as_the_types() -> None:
    value = (Colour.RED, Name("x"), bytearray(b"y"), memoryview(b"z"), {Name("k"): (1,)})
    assert dag_cbor.decode(dag_cbor.encode(value)) == [300, "x", b"y", b"z", {"k": [1]}]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "value",
    [math.nan, math.inf, -math.inf, 2**64, -(2**64) - 1, "\ud800", {1: 2}, {"\udfff": 1}, {True: 1}, {1, 2},
     1j, object, [object()], {"a": math.nan}],
)  # fmt: skip
def test_what_has_no_form(value: DagValue) -> None:
    with pytest.raises(UsageError):
        dag_cbor.encode(value)


@given(VALUES)
def test_round_trip(value: DagValue) -> None:
    raw = dag_cbor.encode(value)
    assert shape(dag_cbor.decode(raw)) == shape(value)


@given(st.lists(st.dictionaries(st.sampled_from(["a", "b", "cc", "dd", "é"]), st.integers(0, 2))))
def test_maps_that_share_some_of_their_keys(value: list[DagValue]) -> None:
    assert dag_cbor.decode(dag_cbor.encode(value)) == value


@pytest.mark.fault("F025")
def test_a_map_of_very_many_keys() -> None:
    many: DagValue = {f"{number:06}": number for number in range(12_000)}
    raw = dag_cbor.encode([many, many])
    assert dag_cbor.decode(raw) == [many, many]
    with pytest.raises(DecodeError, match="'011999' is there twice"):
        dag_cbor.decode(raw.replace(b"f011998", b"f011999", 1))


KINDS_OF_NUMBERS = [  # those of one size, with their extremes
    st.integers(0, 23) | st.integers(-24, -1),
    st.sampled_from([24, 255, -25, -256]) | st.integers(24, 255),
    st.sampled_from([256, 65_535, -257, -65_536]) | st.integers(-65_536, -257),
    st.sampled_from([65_536, 2**32 - 1, -65_537, -(2**32)]) | st.integers(65_536, 2**32 - 1),
    st.sampled_from([2**32, 2**64 - 1, -(2**32) - 1, -(2**64)]) | st.integers(-(2**64), -(2**32) - 1),
    st.floats(allow_nan=False, allow_infinity=False),
]


@given(st.lists(st.one_of([st.lists(kind, max_size=20) for kind in KINDS_OF_NUMBERS]), max_size=3))
def test_long_lists_of_numbers_of_one_size(runs: list[list[int | float]]) -> None:
    value: DagValue = [number for run in runs for number in run]
    assert shape(dag_cbor.decode(dag_cbor.encode([value, None]))) == shape([value, None])


@pytest.mark.parametrize("number", [24, -256, 266, -65_536, 0x0A0A0A0A, 2**40, -(2**64), 0.5, -1e300])
def test_a_run_is_taken_whole(number: float) -> None:
    found: list[DagValue] = []
    raw = dag_cbor.encode(20 * [number])
    assert dag_cbor._read_run(raw, 1, 20, found) == len(raw)
    assert found == 20 * [number]


@pytest.mark.fault("F025")
@pytest.mark.parametrize(
    ("good", "bad", "rule"),
    [
        ("1818", "1817", "shorter"), ("38ff", "3800", "shorter"), ("190100", "1900ff", "shorter"),
        ("39ffff", "3900ff", "shorter"), ("1a00010000", "1a0000ffff", "shorter"),
        ("3affffffff", "3a0000ffff", "shorter"), ("1b0000000100000000", "1b00000000ffffffff", "shorter"),
        ("3b" + 8 * "ff", "3b00000000ffffffff", "shorter"),
        ("fb3ff0000000000000", "fb7ff0000000000000", "finite"),
        ("fb0000000000000000", "fbfff0000000000000", "finite"),
        ("fb0a0a0a0a0a0a0a0a", "fb7fffffffffffffff", "finite"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("place", [0, 1, 8, 11])
def test_a_number_in_a_long_list_is_held_to_every_rule(good: str, bad: str, rule: str, place: int) -> None:
    numbers = 12 * [good]
    assert dag_cbor.decode(bytes.fromhex("8c" + "".join(numbers))) == 12 * [
        dag_cbor.decode(bytes.fromhex(good))
    ]
    numbers[place] = bad
    with pytest.raises(DecodeError, match=rule) as raised:
        dag_cbor.decode(bytes.fromhex("8c" + "".join(numbers)))
    assert raised.value.offset == 1 + place * len(good) // 2


@pytest.mark.fault("F025")
def test_numbers_behind_a_list_are_not_its_own() -> None:
    nine = bytes.fromhex(9 * "190100")
    assert dag_cbor.decode(b"\x82\x88" + nine) == [8 * [256], 256]
    with pytest.raises(DecodeError, match="follows the value") as raised:
        dag_cbor.decode(b"\x88" + nine)
    assert raised.value.offset == 25
    with pytest.raises(DecodeError, match="end inside"):
        dag_cbor.decode(b"\x89" + nine[:-1])


@given(st.binary(max_size=60))
def test_any_bytes_are_refused_or_have_one_form(raw: bytes) -> None:
    try:
        value = dag_cbor.decode(raw)
    except DecodeError:
        return
    assert dag_cbor.encode(value) == raw


@given(VALUES, st.data())
def test_damaged_bytes_are_refused_or_have_one_form(value: DagValue, data: st.DataObject) -> None:
    raw = bytearray(dag_cbor.encode(value))
    raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(raw[: data.draw(st.integers(0, len(raw)))])
    for changed in (bytes(raw), cut):
        try:
            found = dag_cbor.decode(changed)
        except DecodeError:
            continue
        assert dag_cbor.encode(found) == changed


@given(VALUES)
def test_every_prefix_is_refused(value: DagValue) -> None:
    raw = dag_cbor.encode(value)
    for size in range(0, len(raw), 1 + len(raw) // 40):
        with pytest.raises(DecodeError):
            dag_cbor.decode(raw[:size])


class TestAgainstPyPI:
    """PyPI's dag-cbor, which has CIDs of its own."""

    def theirs(self, value: DagValue) -> object:
        from multiformats import CID

        if isinstance(value, list):
            return [self.theirs(each) for each in value]
        if isinstance(value, dict):
            return {key: self.theirs(each) for key, each in value.items()}
        return CID.decode(cids.encode_bytes(value)) if isinstance(value, Cid) else value

    def ours(self, value: object) -> DagValue:
        from multiformats import CID

        if isinstance(value, list):
            return [self.ours(each) for each in value]
        if isinstance(value, dict):
            return {key: self.ours(each) for key, each in value.items()}
        return cids.decode_bytes(bytes(value)) if isinstance(value, CID) else value  # type: ignore[return-value]

    @given(VALUES)
    def test_same_bytes_and_same_values(self, value: DagValue) -> None:
        judge = pytest.importorskip("dag_cbor", reason="PyPI's dag-cbor is not installed")
        raw = dag_cbor.encode(value)
        assert judge.encode(self.theirs(value)) == raw
        assert shape(self.ours(judge.decode(raw))) == shape(value)

    def test_same_verdicts_on_damaged_bytes(self) -> None:
        """Nine thousand blocks with one byte changed: both take them and say the same, or neither does."""
        judge = pytest.importorskip("dag_cbor", reason="PyPI's dag-cbor is not installed")
        draw = random.Random(16)
        value: DagValue = {
            "a": [1, -300, 70_000, 0.5, None, True],
            "bb": b"bytes",
            "ccc": {"d": "text é"},
            "long": [*range(300, 310), *(number / 7 for number in range(9))],
        }
        whole, taken = dag_cbor.encode(value), 0
        for _ in range(9000):
            raw = bytearray(whole)
            raw[draw.randrange(len(raw))] = draw.randrange(256)
            try:
                found = dag_cbor.decode(bytes(raw))
            except DecodeError:
                with pytest.raises(Exception):  # noqa: B017, PT011 - theirs has many kinds
                    judge.decode(bytes(raw))
            else:
                assert shape(judge.decode(bytes(raw))) == shape(found)
                taken += 1
        assert 1500 < taken < 7500


def test_a_float_of_every_kind() -> None:
    draw = random.Random(3)
    for _ in range(1000):
        (number,) = struct.unpack(">d", draw.randbytes(8))
        if math.isfinite(number):
            assert dag_cbor.decode(dag_cbor.encode([number])) == [number]


def full_of(item: str) -> bytes:
    """A list of one item over and over, as large as a block may be."""
    one = bytes.fromhex(item)
    count = (MAX_BLOCK_BYTES - 5) // len(one)
    return b"\x9a" + count.to_bytes(4) + one * count


@pytest.mark.fault("F119")
@pytest.mark.parametrize("item", ["80", "a0", "a16000", "818101", "a1606161"])
def test_a_block_full_of_lists_or_maps_is_refused(item: str) -> None:
    with pytest.raises(DecodeError, match="more than 262144 lists and maps"):
        dag_cbor.decode(full_of(item))


@pytest.mark.slow
@pytest.mark.fault("F119")
@pytest.mark.parametrize("item", ["a16000", "626161"])
def test_a_block_full_of_anything_takes_some_twenty_times_its_size(item: str) -> None:
    raw = full_of(item)
    tracemalloc.start()
    try:
        with contextlib.suppress(DecodeError):
            dag_cbor.decode(raw)
        assert tracemalloc.get_traced_memory()[1] < 30 * MAX_BLOCK_BYTES
    finally:
        tracemalloc.stop()


def test_as_many_lists_and_maps_as_there_may_be() -> None:
    most: DagValue = [[], {}] * (MAX_CONTAINERS // 2 - 1) + [[]]
    assert dag_cbor.decode(dag_cbor.encode(most)) == most
    with pytest.raises(UsageError, match="more than 262144"):
        dag_cbor.encode([most])


def test_any_kind_of_bytes_is_read() -> None:
    raw = dag_cbor.encode({"a": [b"x", LINK]})
    for given_as in (bytearray(raw), memoryview(raw)):
        assert dag_cbor.decode(given_as) == {"a": [b"x", LINK]}


@pytest.mark.fault("F025")
@pytest.mark.parametrize(
    ("second", "rule"),
    [
        ("6161016162026163", "follow|end inside"),
        ("616201616102616303", "out of order"),  # a known first key missing, then one too late
        ("616101616102616303", "twice"),
        ("616101616202616202", "twice"),
        ("61610161620261ff03", "UTF-8"),
        ("616101616202016103", "must be text"),
        ("6161016162026463", "end inside"),
    ],
)
def test_a_map_like_the_one_before_is_held_to_every_rule(second: str, rule: str) -> None:
    first = "a3616101616202616303"
    assert dag_cbor.decode(bytes.fromhex("82" + 2 * first)) == 2 * [{"a": 1, "b": 2, "c": 3}]
    with pytest.raises(DecodeError, match=rule):
        dag_cbor.decode(bytes.fromhex("82" + first + "a3" + second))
