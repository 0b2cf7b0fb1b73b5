"""The plain-Python curve: published points, the group's laws, and libsodium as an oracle."""

from __future__ import annotations

import nacl.bindings
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2plib.errors import DecodeError, UsageError
from p2plib.identity import edwards
from p2plib.identity.edwards import BASE, NEUTRAL, ORDER, ORDER_EIGHT, PRIME, compress, decompress

SCALARS = st.integers(0, ORDER - 1)
slow = settings(deadline=None, max_examples=20)

# RFC 8032, section 5.1: the base point's coordinates.
BASE_X = 15112221349535400772501151409588531511454012693041857206046113283949847762202
BASE_Y = 46316835694926478169428394003475163141307993866256225615783033603165251855960

# The encodings of the eight points, and the six others, as the studies of this curve list them.
CANONICAL = {
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
}
NOT_CANONICAL = {
    "0100000000000000000000000000000000000000000000000000000000000080",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
}


def test_the_base_point() -> None:
    assert BASE.affine() == (BASE_X, BASE_Y)
    assert ORDER * BASE == NEUTRAL
    assert compress(BASE).hex() == "58" + "66" * 31


def test_the_eight_points_and_their_fourteen_encodings() -> None:
    assert {compress(point).hex() for point in edwards.SMALL_ORDER_POINTS} == CANONICAL
    assert {raw.hex() for raw in edwards.SMALL_ORDER_ENCODINGS} == CANONICAL | NOT_CANONICAL
    assert all(point.has_small_order() for point in edwards.SMALL_ORDER_POINTS)
    orders = [next(i for i in range(1, 9) if i * point == NEUTRAL) for point in edwards.SMALL_ORDER_POINTS]
    assert orders == [1, 8, 4, 8, 2, 8, 4, 8]


def test_orders() -> None:
    assert not BASE.has_small_order()
    assert not BASE.has_mixed_order()
    assert (BASE + ORDER_EIGHT).has_mixed_order()
    assert not ORDER_EIGHT.has_mixed_order()


@slow
@given(SCALARS, SCALARS)
def test_group_laws(a: int, b: int) -> None:
    A, B = a * BASE, b * BASE
    assert A + B == B + A == (a + b) * BASE
    assert A - A == NEUTRAL
    assert A + NEUTRAL == A
    assert -a * BASE == -A
    assert (A == B) == (a == b)
    assert hash(A + NEUTRAL) == hash(A)
    x, y = A.affine()
    assert (-x * x + y * y - 1 - edwards.D * x * x * y * y) % PRIME == 0


@slow
@given(st.integers(1, ORDER - 1), st.integers(0, 7))
def test_compress_and_back(a: int, i: int) -> None:
    point = a * BASE + i * ORDER_EIGHT
    raw = compress(point)
    assert edwards.is_canonical(raw)
    assert decompress(raw) == point


@slow
@given(st.integers(1, ORDER - 1))
def test_libsodium_multiplies_alike(a: int) -> None:
    raw = nacl.bindings.crypto_scalarmult_ed25519_base_noclamp(a.to_bytes(32, "little"))
    assert compress(a * BASE) == raw


@slow
@given(st.integers(2, PRIME - 2), st.booleans())
def test_libsodium_finds_the_same_points(y: int, sign: bool) -> None:
    raw = (y | sign << 255).to_bytes(32, "little")
    try:
        point = decompress(raw)
    except DecodeError:
        assert not nacl.bindings.crypto_core_ed25519_is_valid_point(raw)
        return
    assert compress(point) == raw
    honest = not point.has_small_order() and not point.has_mixed_order()
    assert nacl.bindings.crypto_core_ed25519_is_valid_point(raw) == honest


@slow
@given(st.binary(min_size=32, max_size=32), st.binary(max_size=200))
def test_libsodium_signs_alike(seed: bytes, message: bytes) -> None:
    public, secret = nacl.bindings.crypto_sign_seed_keypair(seed)
    signature = edwards.sign(seed, message)
    assert signature == nacl.bindings.crypto_sign(message, secret)[:64]
    assert edwards.verify_cofactorless(public, message, signature)
    assert edwards.verify_cofactored(public, message, signature)
    assert edwards.verify_cofactored(public, message, signature, canonical=False)


@slow
@given(st.binary(min_size=32, max_size=32), st.binary(min_size=1, max_size=20), st.data())
def test_no_verifier_takes_a_changed_signature(seed: bytes, message: bytes, data: st.DataObject) -> None:
    a, _ = edwards.expand_seed(seed)
    public, signature = compress(a * BASE), edwards.sign(seed, message)
    bit = data.draw(st.integers(0, 8 * 64 - 1))
    changed = bytearray(signature)
    changed[bit // 8] ^= 1 << bit % 8
    assert not edwards.verify_cofactorless(public, message, bytes(changed))
    assert not edwards.verify_cofactored(public, message, bytes(changed))
    assert not edwards.verify_cofactored(public, message, bytes(changed), canonical=False)
    assert not edwards.verify_cofactorless(public, message + b"!", signature)
    assert not edwards.verify_cofactored(public, message + b"!", signature)


@pytest.mark.fault("F003")
@pytest.mark.parametrize("raw", sorted(NOT_CANONICAL))
def test_non_canonical_encodings(raw: str) -> None:
    data = bytes.fromhex(raw)
    assert not edwards.is_canonical(data)
    with pytest.raises(DecodeError, match="not canonical"):
        decompress(data)
    assert decompress(data, canonical=False).has_small_order()


@pytest.mark.fault("F003")
def test_all_nineteen_numbers_above_p_are_refused() -> None:
    for y in range(PRIME, 2**255):
        for sign in (0, 1):
            raw = (y | sign << 255).to_bytes(32, "little")
            assert not edwards.is_canonical(raw)
            with pytest.raises(DecodeError):
                decompress(raw)
            try:
                point = decompress(raw, canonical=False)
            except DecodeError:
                continue
            assert compress(point) != raw


@pytest.mark.fault("F004")
@pytest.mark.parametrize("size", [0, 31, 33, 64])
def test_sizes(size: int) -> None:
    with pytest.raises(DecodeError, match="32 bytes"):
        decompress(bytes(size))
    public, signature = compress(BASE), bytes(64)
    if size != 64:
        assert not edwards.verify_cofactorless(public, b"", bytes(size))
        assert not edwards.verify_cofactored(public, b"", bytes(size))
    assert not edwards.verify_cofactorless(bytes(size), b"", signature)
    assert not edwards.verify_cofactored(bytes(size), b"", signature)
    with pytest.raises(UsageError):
        edwards.expand_seed(bytes(size))
