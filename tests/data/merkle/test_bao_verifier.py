"""Bao's verifier: what is right comes out at once, and nothing that is wrong comes out at all."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.data.merkle import bao, bao_verifier, blake3
from p2plib.data.merkle.bao import BaoTree, ReadAt, reader
from p2plib.data.merkle.bao_verifier import BaoBytes, BaoVerifier
from p2plib.data.merkle.blake3 import Engine
from p2plib.errors import DecodeError, InvalidProof, RemoteError, Truncated, UsageError, WrongContent
from tests.data.merkle.test_bao import PUBLISHED_SLICES, engine, published, published_input

__all__ = ["engine", "published"]  # fixtures


def fed(verifier: BaoVerifier, encoded: bytes, step: int = 1 << 30) -> bytes:
    """What a verifier gives for an encoding that arrives in pieces."""
    for at in range(0, len(encoded), step):
        verifier.receive(encoded[at : at + step])
    verifier.end()
    return joined(verifier.take())


def joined(proven: list[BaoBytes]) -> bytes:
    for one, following in pairwise(proven):
        assert one.start + len(one.data) == following.start
    return b"".join(part.data for part in proven)


def flipped(data: bytes, offset: int, bit: int = 0) -> bytes:
    changed = bytearray(data)
    changed[offset] ^= 1 << bit
    return bytes(changed)


def refused(root: bytes, encoded: bytes, content: bytes, *asked: int, step: int = 1 << 30) -> None:
    """A changed encoding raises, and whatever came out before is true."""
    verifier = BaoVerifier(root, *asked)
    with pytest.raises(RemoteError):
        fed(verifier, encoded, step)
    for part in verifier.take():
        assert content[part.start : part.start + len(part.data)] == part.data
    assert not verifier.is_complete
    assert verifier.proven_size_bytes is None


@pytest.mark.parametrize("step", [100, 1 << 30])
def test_published_encodings_and_their_corruptions(
    published: dict[str, Any], engine: Engine, step: int
) -> None:
    for case in published["encode"]:
        content, root = published_input(case["input_len"]), bytes.fromhex(case["bao_hash"])
        encoded = bao.encode(content)
        assert fed(BaoVerifier(root, engine=engine), encoded, step) == content
        for offset in case["corruptions"]:
            refused(root, flipped(encoded, offset), content, step=step)


def test_published_outboards_and_their_corruptions(published: dict[str, Any]) -> None:
    for case in published["outboard"]:
        content, root = published_input(case["input_len"]), bytes.fromhex(case["bao_hash"])
        outboard = bao.outboard(content)
        assert woven_and_fed(reader(outboard), reader(content), root, len(content)) == content
        for offset in case["outboard_corruptions"]:
            changed = reader(flipped(outboard, offset))
            with pytest.raises(RemoteError):
                woven_and_fed(changed, reader(content), root, len(content))
        for offset in case["input_corruptions"]:
            changed = reader(flipped(content, offset))
            with pytest.raises(WrongContent):
                woven_and_fed(reader(outboard), changed, root, len(content))


def woven_and_fed(outboard: ReadAt, content: ReadAt, root: bytes, size: int) -> bytes:
    return fed(BaoVerifier(root), b"".join(bao.slice_outboard(outboard, content, 0, size)))


@pytest.mark.slow
def test_published_slices_and_their_corruptions(published: dict[str, Any]) -> None:
    slices = corruptions = 0
    for case in published["slice"]:
        content, root = published_input(case["input_len"]), bytes.fromhex(case["bao_hash"])
        for one in case["slices"]:
            asked = one["start"], one["len"]
            cut = bao.slice_of(content, *asked)
            assert fed(BaoVerifier(root, *asked), cut, 333) == content[asked[0] : sum(asked)]
            for offset in one["corruptions"]:
                refused(root, flipped(cut, offset), content, *asked)
                corruptions += 1
            slices += 1
    assert slices == PUBLISHED_SLICES
    assert corruptions > slices


def test_published_seeks(published: dict[str, Any]) -> None:
    """To seek is to take a slice from there to the end."""
    for case in published["seek"]:
        content = published_input(case["input_len"])
        tree = BaoTree.of(content)
        for offset in case["seek_offsets"]:
            cut = b"".join(tree.encoded(reader(content), offset, len(content)))
            assert fed(BaoVerifier(tree.root, offset), cut) == content[offset:]


@pytest.mark.fault("F118")
@pytest.mark.parametrize(
    "size", [0, 1, 65, *(pytest.param(n, marks=pytest.mark.slow) for n in (1024, 1025, 2049, 3073))]
)
def test_every_byte_counts(size: int) -> None:
    content = random.Random(size).randbytes(size)
    encoded, root = bao.encode(content), blake3.digest(content)
    for offset in range(len(encoded)):
        refused(root, flipped(encoded, offset, offset % 8), content)


@pytest.mark.fault("F118")
@pytest.mark.parametrize("size", [0, 1, 1025])
def test_cut_anywhere_and_continued_with_anything(size: int) -> None:
    content = random.Random(size).randbytes(size)
    encoded, root = bao.encode(content), blake3.digest(content)
    for kept in range(len(encoded)):
        verifier = BaoVerifier(root)
        verifier.receive(encoded[:kept])
        with pytest.raises(Truncated, match=f"ends after {kept} bytes"):
            verifier.end()
    for more in (b"\0", b"x" * 5_000):
        verifier = BaoVerifier(root)
        with pytest.raises(WrongContent, match="more follows"):
            verifier.receive(encoded + more)
        assert joined(verifier.take()) == content
        assert not verifier.is_complete
    verifier = BaoVerifier(root)
    verifier.receive(encoded)
    with pytest.raises(WrongContent, match="more follows"):
        verifier.receive(b"\0")


@given(st.data())
def test_any_slice_in_pieces_of_any_size(data: st.DataObject) -> None:
    content = random.Random(data.draw(st.integers(0, 99))).randbytes(data.draw(st.integers(0, 20_000)))
    start, length = data.draw(st.integers(0, 22_000)), data.draw(st.integers(0, 22_000))
    tree = BaoTree.of(content)
    cut = b"".join(tree.encoded(reader(content), start, length))
    verifier = BaoVerifier(tree.root, start, length)
    assert fed(verifier, cut, data.draw(st.integers(1, 5_000))) == content[start : start + length]
    assert verifier.is_complete
    if start + length > len(content) or (start + max(1, length)) > len(content):
        assert verifier.proven_size_bytes == len(content)


@pytest.mark.parametrize("chunks", [1, 2, 3, 5, 64, 100])
def test_every_kilobyte_is_out_before_the_next_comes(chunks: int) -> None:
    content = random.Random(chunks).randbytes(1024 * chunks)
    encoded, verifier, out = bao.encode(content), BaoVerifier(blake3.digest(content)), 0
    levels = (chunks - 1).bit_length()
    for at in range(len(encoded)):
        verifier.receive(encoded[at : at + 1])
        out += len(joined(verifier.take()))
        assert at + 1 - out <= 8 + 64 * min(chunks, levels + out // 1024) + 1023
    assert out == len(content)


@pytest.mark.fault("F118")
def test_a_lie_is_caught_at_its_own_node_and_the_truth_before_it_stays() -> None:
    content = random.Random(3).randbytes(16 * 1024)
    encoded, root = bao.encode(content), blake3.digest(content)
    in_fifth = encoded.index(content[5 * 1024 : 5 * 1024 + 50]) + 7
    verifier = BaoVerifier(root)
    with pytest.raises(WrongContent, match="chunk of 1024 bytes from byte 5120 on, at offset") as first:
        fed(verifier, flipped(encoded, in_fifth), 1)
    assert joined(verifier.take()) == content[: 5 * 1024]
    with pytest.raises(WrongContent) as again:
        verifier.receive(b"more")
    assert again.value is first.value
    with pytest.raises(WrongContent):
        verifier.end()
    verifier = BaoVerifier(root)
    with pytest.raises(InvalidProof, match="the parent of bytes 0 to 8191, at offset 72 "):
        verifier.receive(flipped(encoded, 80))
    assert verifier.take() == []
    verifier = BaoVerifier(blake3.digest(b"another"))
    with pytest.raises(InvalidProof, match="at offset 8 of the encoding"):
        verifier.receive(encoded[:72])


@pytest.mark.fault("F118")
@pytest.mark.parametrize("claimed", [0, 1, 2047, 2048, 2050, 3072, 4096, 10**12])
def test_a_lying_size_never_shows(claimed: int) -> None:
    content = random.Random(9).randbytes(2049)
    encoded, root = bao.encode(content), blake3.digest(content)
    lying = claimed.to_bytes(8, "little") + encoded[8:]
    for more in (b"", bytes(5_000)):
        refused(root, lying + more, content)


def test_a_slice_from_the_middle_does_not_prove_the_size() -> None:
    """Bytes that are proven are true under any size; the size itself is not, and is not shown."""
    content = random.Random(9).randbytes(4096)
    cut, root = bao.slice_of(content, 0, 10), blake3.digest(content)
    lying = (4095).to_bytes(8, "little") + cut[8:]
    for slice_ in (cut, lying):
        verifier = BaoVerifier(root, 0, 10)
        assert fed(verifier, slice_) == content[:10]
        assert verifier.proven_size_bytes is None
    verifier = BaoVerifier(root, 0, 10, size_bytes=4096)
    with pytest.raises(WrongContent, match="promises 4095 bytes of content, which has 4096"):
        verifier.receive(lying)


@pytest.mark.fault("F118")
def test_a_size_above_the_limit_is_refused_with_the_header() -> None:
    verifier = BaoVerifier(bytes(32), max_size_bytes=1000)
    verifier.receive((1001).to_bytes(8, "little")[:7])
    with pytest.raises(DecodeError, match="promises 1001 bytes, and at most 1000") as refused_:
        verifier.receive(b"\0")
    assert refused_.value.offset == 0
    with pytest.raises(DecodeError, match="are allowed"):
        BaoVerifier(bytes(32)).receive(b"\xff" * 8)


@pytest.mark.fault("F118")
def test_a_stream_that_never_ends_is_refused_at_once_and_holds_nothing() -> None:
    verifier = BaoVerifier(blake3.digest(b"something"))
    verifier.receive((2**40).to_bytes(8, "little"))
    with pytest.raises(InvalidProof, match="offset 8 "):
        verifier.receive(bytes(64))


def test_a_batch_is_believed_up_to_its_first_wrong_node(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bao_verifier, "BATCH_BYTES", 5_000)
    content = random.Random(4).randbytes(50_000)
    encoded, root = bao.encode(content), blake3.digest(content)
    assert fed(BaoVerifier(root), encoded) == content
    for offset in range(8, len(encoded), 997):
        verifier = BaoVerifier(root)
        with pytest.raises((WrongContent, InvalidProof)):
            verifier.receive(flipped(encoded, offset))
        out = joined(verifier.take())
        assert out == content[: len(out)]
        assert len(out) > offset - 1024 - 64 * (50 + 2)


@pytest.mark.slow
@pytest.mark.parametrize("step", [16_384, 1 << 20, 1 << 30])
def test_megabytes_with_both_engines(step: int, engine: Engine) -> None:
    content = random.Random(5).randbytes((2 << 20) + 77)
    encoded = bao.encode(content)
    assert fed(BaoVerifier(blake3.digest(content), engine=engine), encoded, step) == content


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(UsageError, match="the root has 32 bytes, not 31"):
        BaoVerifier(bytes(31))
    with pytest.raises(UsageError, match="begin at -1"):
        BaoVerifier(bytes(32), -1)
    with pytest.raises(UsageError, match="have -1 bytes"):
        BaoVerifier(bytes(32), 0, -1)


def test_numbers_that_make_no_sense_are_refused_here_and_not_blamed_on_the_stranger() -> None:
    for size, most in ((-1, 10), (None, -1), (11, 10)):
        with pytest.raises(UsageError, match="at most"):
            BaoVerifier(bytes(32), size_bytes=size, max_size_bytes=most)
    with pytest.raises(UsageError, match="there is no engine numpi"):
        BaoVerifier(bytes(32), engine="numpi")  # type: ignore[arg-type]


@pytest.mark.parametrize("chunks", [1, 2, 40])
def test_an_accident_in_the_middle_proves_nothing_and_loses_nothing(
    chunks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory that runs out while a batch is hashed: its nodes are still to be verified."""
    content = random.Random(7).randbytes(1024 * chunks)
    encoded, verifier = bao.encode(content), BaoVerifier(blake3.digest(content))
    monkeypatch.setattr(bao_verifier, "BATCH_BYTES", 5_000)
    calls = 0

    def exhausted(*arguments: Any, **names: Any) -> bytes:
        nonlocal calls
        calls += 1
        if calls % 2 == 0:
            raise MemoryError
        return real(*arguments, **names)

    real = blake3.chunk_values
    with monkeypatch.context() as patch:
        patch.setattr(blake3, "chunk_values", exhausted)
        for part in (encoded, b"", b""):
            try:
                verifier.receive(part)
            except MemoryError:
                assert not verifier.is_complete
                assert verifier.proven_size_bytes is None
    verifier.receive(b"")
    assert verifier.is_complete
    assert joined(verifier.take()) == content
    verifier.end()


@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_the_stranger_s_buffer_may_be_used_again(kind: type) -> None:
    content = random.Random(8).randbytes(3_000)
    encoded, verifier = bao.encode(content), BaoVerifier(blake3.digest(content))
    buffer = bytearray(700)
    for at in range(0, len(encoded), 700):
        part = encoded[at : at + 700]
        buffer[: len(part)] = part
        verifier.receive(kind(buffer)[: len(part)])
        buffer[:] = bytes(700)
    verifier.end()
    assert joined(verifier.take()) == content


@pytest.mark.fault("F118")
@pytest.mark.parametrize("asked", [(0, 0), (0, 1), (1024, 1), (2048, 9000), (5000, 1), (2**63, 2**63)])
def test_no_size_but_the_true_one_is_ever_proven(asked: tuple[int, int]) -> None:
    """True nodes under a header that lies: what comes out is true, and the wrong size never does."""
    sizes = [0, 1, 1024, 1025, 2048, 2049, 4096, 4097, 2**63, 2**64 - 1]
    for size in (0, 1024, 1025, 2049, 4096):
        content = random.Random(size).randbytes(size)
        cut, root = bao.slice_of(content, *asked), blake3.digest(content)
        for claimed in sizes:
            verifier = BaoVerifier(root, *asked, max_size_bytes=2**64)
            lies = claimed != size
            try:
                verifier.receive(claimed.to_bytes(8, "little") + cut[8:])
                verifier.end()
            except RemoteError:
                assert lies
            for part in verifier.take():
                assert part.data == content[part.start : part.start + len(part.data)]
                assert part.data
            assert verifier.proven_size_bytes in (None, size)
            if not lies:
                assert verifier.is_complete
                reaches_the_end = asked[0] + max(1, asked[1]) > (size - 1) // 1024 * 1024
                assert (verifier.proven_size_bytes == size) == reaches_the_end


@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_a_root_that_changes_later_is_not_the_one_that_was_trusted(kind: type) -> None:
    content = b"fern" * 100
    root = bytearray(blake3.digest(content))
    verifier = BaoVerifier(kind(root))
    root[:] = blake3.digest(b"moss")
    assert fed(verifier, bao.encode(content)) == content


def test_a_content_may_be_as_long_as_the_limit() -> None:
    for size in (0, 10):
        content = bytes(size)
        for known in (None, size):
            verifier = BaoVerifier(blake3.digest(content), size_bytes=known, max_size_bytes=size)
            assert fed(verifier, bao.encode(content)) == content
    with pytest.raises(UsageError, match="0 to at most 10 bytes, not 11"):
        BaoVerifier(bytes(32), size_bytes=11, max_size_bytes=10)
    with pytest.raises(UsageError, match=r"0 to at most -1 bytes\Z"):
        BaoVerifier(bytes(32), max_size_bytes=-1)


def test_an_empty_content_takes_a_header_and_nothing_else() -> None:
    encoded, root = bao.encode(b""), blake3.digest(b"")
    assert encoded == bytes(8)
    for asked in ((0, 0), (0, 5), (7, 5)):
        verifier = BaoVerifier(root, *asked)
        verifier.receive(b"")
        with pytest.raises(Truncated):
            verifier.end()
        assert not verifier.is_complete
        assert fed(verifier, encoded, 3) == b""
        assert (verifier.is_complete, verifier.proven_size_bytes) == (True, 0)
        verifier.receive(b"")
        verifier.end()
    for claimed in (1, 1025):  # something is promised, and does not come
        verifier = BaoVerifier(root)
        verifier.receive(claimed.to_bytes(8, "little"))
        with pytest.raises(Truncated):
            verifier.end()
