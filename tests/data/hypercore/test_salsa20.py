"""Salsa20 and its kin: the published vectors, libsodium as judge, any position, with and without numpy."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import nacl.bindings
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2plib.data.hypercore import salsa20
from p2plib.data.hypercore.salsa20 import XSalsa20, hsalsa20, keystream, salsa20_block
from p2plib.errors import UsageError
from p2plib.protocol.noise.crypto import SessionSecret

# "Cryptography in NaCl" (2009), sections 8 to 10.
SHARED = bytes.fromhex("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742")
FIRST_KEY = bytes.fromhex("1b27556473e985d462cd51197a9a46c76009549eac6474f206c4ee0844f68389")
NONCE = bytes.fromhex("69696ee955b62b73cd62bda875fc73d68219e0036b7a0b37")
SECOND_KEY = "dc908dda0b9344a953629b733820778880f3ceb421bb61b91cbd4c3e66256ce4"
FIRST_BYTES = "eea6a7251c1e72916d11c2cb214d3c252539121d8e234e652d651fa4c8cff880"

# NaCl's tests/stream.c: the SHA-256 of the first 4,194,304 bytes of that stream.
FOUR_MEBIBYTES = "662b9d0e3463029156069b12f918691a98f7dfb2ca0393c96bbfc6b1fbd630a2"

# eSTREAM, Salsa20/20, 256-bit key, set 1, vector 0: key 80 00 ... 00, IV 0; bytes 0 to 63 and 448 to 511.
ESTREAM_KEY = b"\x80" + bytes(31)
ESTREAM = {
    0: (
        "e3be8fdd8beca2e3ea8ef9475b29a6e7003951e1097a5c38d23b7a5fad9f6844"
        "b22c97559e2723c7cbbd3fe4fc8d9a0744652a83e72a9c461876af4d7ef1a117"
    ),
    448: (
        "696afcfd0cddcc83c7e77f11a649d79acdc3354e9635ff137e929933a0bd6f53"
        "77efa105a3a4266b7c0d089d08f1e855cc32b15b93784a36e56a76cc64bc8477"
    ),
}


@pytest.fixture(params=["numpy", "numbers"])
def either(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Once with arrays, once without."""
    if request.param == "numpy":
        pytest.importorskip("numpy")
    else:
        monkeypatch.setattr(salsa20, "_numpy", lambda: None)
    return


def test_the_quarter_round_of_the_specification() -> None:
    """Section 3."""
    for given_, result in (
        ((0, 0, 0, 0), (0, 0, 0, 0)),
        ((1, 0, 0, 0), (0x08008145, 0x00000080, 0x00010200, 0x20500000)),
        ((0, 1, 0, 0), (0x88000100, 0x00000001, 0x00000200, 0x00402000)),
        ((0, 0, 1, 0), (0x80040000, 0x00000000, 0x00000001, 0x00002000)),
        ((0, 0, 0, 1), (0x00048044, 0x00000080, 0x00010000, 0x20100001)),
        (
            (0xE7E8C006, 0xC4F9417D, 0x6479B4B2, 0x68C67137),
            (0xE876D72B, 0x9361DFD5, 0xF1460244, 0x948541A3),
        ),
    ):
        assert salsa20.quarter_round(*given_) == result


def test_the_double_round_of_the_specification() -> None:
    """Section 6."""
    assert salsa20.double_round([1, *[0] * 15]) == [
        0x8186A22D, 0x0040A284, 0x82479210, 0x06929051, 0x08000090, 0x02402200, 0x00004000, 0x00800000,
        0x00010200, 0x20400000, 0x08008104, 0x00000000, 0x20500000, 0xA0000040, 0x0008180A, 0x612A8020,
    ]  # fmt: skip


@pytest.mark.parametrize("at", ESTREAM)
def test_the_vectors_of_estream(either: None, at: int) -> None:
    assert salsa20_block(ESTREAM_KEY, bytes(8), at // 64).hex() == ESTREAM[at]
    assert keystream(ESTREAM_KEY, bytes(8), at, 64).hex() == ESTREAM[at]
    assert keystream(ESTREAM_KEY, bytes(8), 0, 512)[at : at + 64].hex() == ESTREAM[at]


def test_the_vectors_of_nacl(either: None) -> None:
    assert hsalsa20(SHARED, bytes(16)) == FIRST_KEY
    assert hsalsa20(FIRST_KEY, NONCE[:16]).hex() == SECOND_KEY
    assert XSalsa20(FIRST_KEY, NONCE).apply(bytes(32)).hex() == FIRST_BYTES


def test_four_mebibytes_of_nacl() -> None:
    pytest.importorskip("numpy")
    stream = XSalsa20(FIRST_KEY, NONCE)
    digest = hashlib.sha256()
    for size in (1, 63, 64, 65, 100_000, 4_194_304 - 100_193):
        digest.update(stream.apply(bytes(size)))
    assert stream.position == 4_194_304
    assert digest.hexdigest() == FOUR_MEBIBYTES


@settings(max_examples=20)
@given(st.binary(min_size=32, max_size=32), st.binary(min_size=24, max_size=24), st.binary(max_size=400))
def test_libsodium_says_the_same(key: bytes, nonce: bytes, data: bytes) -> None:
    """Its secretbox is XSalsa20 from position 32 on."""
    sealed = nacl.bindings.crypto_secretbox(data, nonce, key)[16:]
    assert XSalsa20(key, nonce, position=32).apply(data) == sealed
    assert XSalsa20(SessionSecret.from_bytes(key), nonce, position=32).apply(sealed) == data


@settings(max_examples=20)
@given(st.lists(st.integers(0, 300), max_size=6))
def test_how_it_is_cut_makes_no_difference(sizes: list[int]) -> None:
    whole = XSalsa20(FIRST_KEY, NONCE).apply(bytes(sum(sizes)))
    stream = XSalsa20(FIRST_KEY, NONCE)
    assert b"".join(stream.apply(bytes(size)) for size in sizes) == whole


@pytest.mark.parametrize("first", [0, 2**32 - 3, 2**40, 2**58 - 10])
def test_arrays_and_numbers_agree_at_any_position(first: int) -> None:
    pytest.importorskip("numpy")
    blocks = salsa20._array_blocks(ESTREAM_KEY, b"12345678", first, 6)
    assert blocks == b"".join(salsa20_block(ESTREAM_KEY, b"12345678", first + at) for at in range(6))
    assert keystream(ESTREAM_KEY, b"12345678", 64 * first + 70, 200) == blocks[70:270]


def test_sizes_are_checked() -> None:
    for act in (
        lambda: XSalsa20(bytes(31), bytes(24)),
        lambda: XSalsa20(bytes(32), bytes(8)),
        lambda: hsalsa20(bytes(32), bytes(15)),
        lambda: keystream(bytes(16), bytes(8), 0, 1),
        lambda: keystream(bytes(32), bytes(24), 0, 1),
    ):
        with pytest.raises(UsageError):
            act()
    assert "at 0" in repr(XSalsa20(bytes(32), bytes(24)))
