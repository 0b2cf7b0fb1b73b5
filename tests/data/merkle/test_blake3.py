"""BLAKE3: the published vectors, all modes, all engines, the package as judge, pieces of any size."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.data.dag import hashes
from p2plib.data.merkle import blake3, blake3_arrays
from p2plib.data.merkle.blake3 import Blake3, Engine
from p2plib.errors import UsageError
from p2plib.wire import multicodec

ENGINES: list[Engine] = ["numbers", "numpy", "package"]

# The paper's reference implementation: the first 32 bytes for its counting inputs of these sizes.
KNOWN = {
    0: "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262",
    1: "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213",
    1024: "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7",
    1025: "d00278ae47eb27b34faecf67b4fe263f82d5412916c1ffd97c8cb7fb814b8444",
    31744: "62b6960e1a44bcc1eb1a611a8d6235b6b4b78f32e7abc4fb4c6cdcce94895c47",
}
KEY = b"whats the Elvish word for friend"
CONTEXT = "BLAKE3 2019-12-27 16:29:52 test vectors context"


def counting(size: int) -> bytes:
    return (bytes(range(251)) * (size // 251 + 1))[:size]


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Engine:
    if request.param != "numbers":
        pytest.importorskip("blake3" if request.param == "package" else "numpy")
    return request.param  # type: ignore[no-any-return]


@pytest.mark.parametrize("size", KNOWN)
def test_known_answers(size: int, engine: Engine) -> None:
    assert blake3.digest(counting(size), engine=engine).hex() == KNOWN[size]


def test_all_published_vectors(shared_vectors: Path, engine: Engine) -> None:
    published = json.loads((shared_vectors / "blake3" / "test_vectors.json").read_text("utf8"))
    assert (published["key"], published["context_string"]) == (KEY.decode(), CONTEXT)
    assert len(published["cases"]) == 35
    for case in published["cases"]:
        data, size = counting(case["input_len"]), len(case["hash"]) // 2
        assert size == 131
        assert blake3.digest(data, size, engine).hex() == case["hash"]
        assert blake3.keyed_digest(KEY, data, size, engine).hex() == case["keyed_hash"]
        assert blake3.derive_key(CONTEXT, data, size, engine).hex() == case["derive_key"]
        assert blake3.digest(data, engine=engine).hex() == case["hash"][:64]


@given(
    st.integers(0, 40_000),
    st.integers(0, 200),
    st.lists(st.integers(1, 20_000), max_size=8),
    st.integers(0, 2**32),
    st.sampled_from(ENGINES[:2]),
)
def test_pieces_of_any_size_are_the_whole(
    size: int, length: int, cuts: list[int], seed: int, engine: Engine
) -> None:
    if engine == "numpy":
        pytest.importorskip("numpy")
    data = random.Random(seed).randbytes(size)
    hasher, at = Blake3(engine=engine), 0
    for cut in [*cuts, size]:
        hasher.update(data[at : at + cut])
        at += cut
        assert hasher.digest(8) == blake3.digest(data[:at], 8)
    assert hasher.digest(length) == blake3.digest(data, length)


@pytest.mark.parametrize("batches", [1, 2, 3, 4, 5, 6, 7, 8, 9])
@pytest.mark.parametrize("more", [-1, 0, 1, 1024, 1025])
def test_a_hasher_joins_its_batches_as_the_tree_does(
    batches: int, more: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blake3, "BATCH_CHUNKS", 2)
    data = counting(batches * 2048 + more)
    hasher = Blake3(engine="numbers")
    for at in range(0, len(data), 900):
        hasher.update(data[at : at + 900])
    made = hasher.digest()
    monkeypatch.undo()
    assert made == blake3.digest(data, engine="numbers")


@pytest.mark.slow
def test_many_megabytes_against_the_package() -> None:
    package, numpy = pytest.importorskip("blake3"), pytest.importorskip("numpy")
    data = numpy.random.default_rng(7).bytes((17 << 20) + 3)
    hasher = Blake3(engine="numpy")
    for at in range(0, len(data), 3_000_000):
        hasher.update(data[at : at + 3_000_000])
    assert hasher.digest() == package.blake3(data).digest()
    short = data[: (5 << 20) + 1]
    assert blake3.digest(short, engine="numbers") == package.blake3(short).digest()


def test_without_packages_the_default_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    data = counting(70_000)
    expected = blake3.digest(data)
    monkeypatch.setattr(blake3, "_package", lambda: None)
    assert blake3.digest(data) == expected
    monkeypatch.setattr(blake3_arrays, "numpy", lambda: None)
    assert blake3.digest(data) == expected
    with pytest.raises(UsageError, match="package blake3 is not installed"):
        blake3.digest(data, engine="package")
    with pytest.raises(UsageError, match="numpy is not installed"):
        blake3.digest(data, engine="numpy")


def test_an_inner_node_is_not_a_root_and_a_chunk_is_not_a_parent() -> None:
    data = counting(2048)
    left, right = blake3.chunk_node(data[:1024], 0), blake3.chunk_node(data[1024:], 1)
    pair = left.chaining_value() + right.chaining_value()
    root = blake3.parent_node(pair[:32], pair[32:])
    assert root.root_bytes() == blake3.digest(data)
    assert root.chaining_value() != root.root_bytes()
    assert blake3.digest(pair) != root.root_bytes()
    assert blake3.chunk_node(pair, 0).chaining_value() != root.chaining_value()
    assert blake3.chunk_node(data[:1024], 1).chaining_value() != left.chaining_value()


def test_a_key_has_32_bytes() -> None:
    with pytest.raises(UsageError, match="32 bytes, not 31"):
        blake3.keyed_digest(bytes(31), b"")


def test_cids_may_name_it() -> None:
    assert hashes.digest(multicodec.BLAKE3, counting(1025)).digest.hex() == KNOWN[1025]


def test_the_package_shows_no_nodes() -> None:
    with pytest.raises(UsageError, match="does not show the nodes"):
        blake3.chunk_values(bytes(1024), 0, engine="package")
    with pytest.raises(UsageError, match="does not show the nodes"):
        blake3.joined(bytes(64), engine="package")


KINDS = pytest.mark.parametrize("kind", [bytearray, memoryview])


@KINDS
def test_other_kinds_of_bytes_are_the_same_bytes(kind: Callable[[bytes], bytes], engine: Engine) -> None:
    """A list of words made of a view would hold a word for each byte: a key of 32 words, and another hash."""
    data = counting(70_001)
    assert blake3.digest(kind(data), engine=engine) == blake3.digest(data)
    assert blake3.keyed_digest(kind(KEY), kind(data), engine=engine) == blake3.keyed_digest(KEY, data)
    assert blake3.derive_key(CONTEXT, kind(data), engine=engine) == blake3.derive_key(CONTEXT, data)


@KINDS
@pytest.mark.parametrize("engine", ENGINES[:2])
def test_nodes_of_other_kinds_of_bytes(kind: Callable[[bytes], bytes], engine: Engine) -> None:
    if engine == "numpy":
        pytest.importorskip("numpy")
    data = counting(60 * 1024 + 5)
    values = blake3.chunk_values(data, 3, engine="numbers")
    assert blake3.chunk_values(kind(data), 3, engine=engine) == values
    assert blake3.joined(kind(values), engine=engine) == blake3.joined(values)
    assert blake3.joined(kind(values[:32]), engine=engine) == values[:32]
    assert blake3.chunk_node(kind(data[:700]), 3) == blake3.chunk_node(data[:700], 3)
    assert blake3.parent_node(kind(values[:32]), kind(values[32:64])) == blake3.parent_node(
        values[:32], values[32:64]
    )


def test_a_view_of_wider_items_is_its_bytes() -> None:
    data = counting(3000)
    hasher = Blake3(engine="numbers")
    hasher.update(memoryview(data).cast("I"))
    assert hasher.digest() == blake3.digest(data)
    for engine in ("numbers", None):
        assert blake3.digest(memoryview(data).cast("I"), engine=engine) == blake3.digest(data)  # type: ignore[arg-type]


@pytest.mark.parametrize("length_bytes", [-1, -70])
def test_no_hash_has_less_than_no_bytes(length_bytes: int, engine: Engine) -> None:
    for hashed in (
        lambda: blake3.digest(b"", length_bytes, engine),
        lambda: blake3.keyed_digest(KEY, b"", length_bytes, engine),
        lambda: blake3.derive_key(CONTEXT, b"", length_bytes, engine),
        lambda: Blake3().digest(length_bytes),
    ):
        with pytest.raises(UsageError, match=f"0 bytes or more, not {length_bytes}"):
            hashed()


def test_an_engine_that_cannot_be_used_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also for data so short that no engine would be needed."""
    with pytest.raises(UsageError, match="does not show the nodes"):
        Blake3(engine="package")
    for unknown in (lambda: blake3.digest(b"", engine="numpi"), lambda: Blake3(engine="numpi")):  # type: ignore[arg-type]
        with pytest.raises(UsageError, match="there is no engine numpi"):
            unknown()
    monkeypatch.setattr(blake3_arrays, "numpy", lambda: None)
    for missing in (lambda: Blake3(engine="numpy"), lambda: blake3.digest(b"", engine="numpy")):
        with pytest.raises(UsageError, match="numpy is not installed"):
            missing()


def test_what_is_no_node() -> None:
    with pytest.raises(UsageError, match="at most 1024 bytes, not 1025"):
        blake3.chunk_node(bytes(1025), 0)
    for number in (-1, 2**54):
        with pytest.raises(UsageError, match=f"no chunk {number}"):
            blake3.chunk_node(b"", number)
        with pytest.raises(UsageError, match=f"no chunk {number}"):
            blake3.chunk_values(bytes(1024), number)
    for left, right in ((31, 32), (32, 33), (16, 16), (0, 64)):
        with pytest.raises(UsageError, match="32 bytes"):
            blake3.parent_node(bytes(left), bytes(right))
    with pytest.raises(UsageError, match="32 bytes for each node, not 80"):
        blake3.joined(bytes(80))
