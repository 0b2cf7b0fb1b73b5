"""Items: the three vectors of BEP 44, what is refused with which code, and what no answer may smuggle in."""

from __future__ import annotations

import hashlib

import nacl.bindings
import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.discovery.mainline.items import (
    MAX_SALT_BYTES,
    MAX_SEQ,
    MAX_VALUE_BYTES,
    ImmutableItem,
    MutableItem,
    PutRefused,
    answered_immutable,
    answered_mutable,
    checked_immutable,
    sign_item,
    signed_bytes,
    target_of,
    verify,
)
from p2plib.errors import DecodeError, SignatureError, UsageError
from p2plib.identity.keys import SecretKey
from p2plib.wire import bencode

SECRET = SecretKey.from_seed(bytes(range(32)))
LONGEST = b"v" * (MAX_VALUE_BYTES - len("996:"))  # 1000 bytes in bencode

# BEP 44, "test vectors"
PUBLIC = bytes.fromhex("77ff84905a91936367c01360803104f92432fcd904a43511876df5cdf3e7e548")
EXPANDED = bytes.fromhex(
    "e06d3183d14159228433ed599221b80bd0a5ce8352e4bdf0262f76786ef1c74d"
    "b7e7a9fea2c0eb269d61e3b38e450a22e754941ac78479d6c54e1faf6037881d"
)
HELLO = b"Hello World!"
MUTABLE = [
    (
        b"",
        b"3:seqi1e1:v12:Hello World!",
        "4a533d47ec9c7d95b1ad75f576cffc641853b750",
        "305ac8aeb6c9c151fa120f120ea2cfb923564e11552d06a5d856091e5e853cff"
        "1260d3f39e4999684aa92eb73ffd136e6f4f3ecbfda0ce53a1608ecd7ae21f01",
    ),
    (
        b"foobar",
        b"4:salt6:foobar3:seqi1e1:v12:Hello World!",
        "411eba73b6f087ca51a3795d9c8c938d365e32c1",
        "6834284b6b24c3204eb2fea824d82f88883a3d95e8b4a21b8c0ded553d17d17d"
        "df9a8a7104b1258f30bed3787e6cb896fca78c58f8e03b5f18f14951a87d9a08",
    ),
]


def expanded_sign(message: bytes, expanded: bytes, public: bytes) -> bytes:
    """RFC 8032, 5.1.6 from step 2: signs with the 64 bytes that BEP 44's vectors call the private key."""
    order = 2**252 + 27742317777372353535851937790883648493

    def hashed(*parts: bytes) -> int:
        return int.from_bytes(hashlib.sha512(b"".join(parts)).digest(), "little") % order

    r = hashed(expanded[32:], message)
    R = nacl.bindings.crypto_scalarmult_ed25519_base_noclamp(r.to_bytes(32, "little"))
    s = (r + hashed(R, public, message) * int.from_bytes(expanded[:32], "little")) % order
    return R + s.to_bytes(32, "little")


@pytest.mark.parametrize(("salt", "signed", "target", "signature"), MUTABLE)
def test_the_mutable_vectors_of_bep_44(salt: bytes, signed: bytes, target: str, signature: str) -> None:
    item = MutableItem(PUBLIC, salt, 1, HELLO, bytes.fromhex(signature))
    assert item.encoded == b"12:Hello World!"
    assert item.signed == signed == signed_bytes(item.encoded, 1, salt)
    assert item.target.hex() == target == target_of(PUBLIC, salt).hex()
    verify(item)
    assert expanded_sign(signed, EXPANDED, PUBLIC).hex() == signature


def test_the_immutable_vector_of_bep_44() -> None:
    item = ImmutableItem(HELLO)
    assert item.target.hex() == "e5f96f6f38320f0f33959cb4d3d656452117aadb"
    verify(item)
    assert checked_immutable(HELLO) == item


def test_a_signed_item_is_valid_and_no_other_version_of_it_is() -> None:
    item = sign_item(SECRET, {b"a": [1, b"x"]}, 7, b"pictures")
    verify(item)
    for changed in (
        MutableItem(item.public_key, item.salt, 8, item.value, item.signature),
        MutableItem(item.public_key, item.salt, 7, {b"a": [1, b"y"]}, item.signature),
        MutableItem(item.public_key, b"picture", 7, item.value, item.signature),
        MutableItem(item.public_key, b"", 7, item.value, item.signature),
        MutableItem(PUBLIC, item.salt, 7, item.value, item.signature),
        MutableItem(item.public_key, item.salt, 7, item.value, bytes(64)),
        MutableItem(bytes(32), item.salt, 7, item.value, item.signature),  # a key of small order
    ):
        with pytest.raises(PutRefused) as refused:
            verify(changed)
        assert refused.value.code == 206


@given(
    seq=st.integers(0, MAX_SEQ),
    salt=st.binary(max_size=MAX_SALT_BYTES),
    value=st.recursive(
        st.integers(-(2**63), 2**63) | st.binary(max_size=20),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.binary(max_size=3), inner, max_size=3),
        max_leaves=6,
    ),
)
def test_what_is_signed_is_what_arrives(seq: int, salt: bytes, value: bencode.Value) -> None:
    item = sign_item(SECRET, value, seq, salt)
    arrived = bencode.decode(item.encoded)
    again = answered_mutable(item.target, salt, item.public_key, seq, arrived, item.signature)
    assert again == item
    assert again.value == value
    assert hash(again) == hash(item)


@pytest.mark.fault("F077")
@pytest.mark.parametrize(
    ("item", "code"),
    [
        (ImmutableItem(LONGEST + b"v"), 205),
        (MutableItem(PUBLIC, b"", 1, LONGEST + b"v", bytes(64)), 205),
        (ImmutableItem([0] * 333), 205),  # 999 bytes of numbers, and the list round them
        (MutableItem(PUBLIC, bytes(65), 1, b"", bytes(64)), 207),
        (MutableItem(PUBLIC, b"", 1, HELLO, bytes(64)), 206),
        (MutableItem(PUBLIC, b"", -1, HELLO, bytes(64)), 203),
        (MutableItem(PUBLIC, b"", MAX_SEQ + 1, HELLO, bytes(64)), 203),
        (MutableItem(PUBLIC[:31], b"", 1, HELLO, bytes(64)), 203),
        (MutableItem(PUBLIC, b"", 1, HELLO, bytes(63)), 203),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_is_refused_and_with_which_code(item: ImmutableItem | MutableItem, code: int) -> None:
    with pytest.raises(PutRefused) as refused:
        verify(item)
    assert refused.value.code == code
    assert refused.value.sentence


def test_the_longest_that_is_not_refused() -> None:
    verify(ImmutableItem(LONGEST))
    verify(sign_item(SECRET, LONGEST, MAX_SEQ, bytes(MAX_SALT_BYTES)))
    verify(sign_item(SECRET, b"", 0))


@pytest.mark.parametrize(
    ("value", "seq", "salt"),
    [
        (LONGEST + b"v", 1, b""),
        (HELLO, -1, b""),
        (HELLO, MAX_SEQ + 1, b""),
        (HELLO, True, b""),
        (HELLO, "1", b""),
        (HELLO, 1, bytes(65)),
        ("text", 1, b""),
    ],
    ids=repr,
)
def test_what_cannot_be_signed_is_the_callers_mistake(value: bencode.Value, seq: int, salt: bytes) -> None:
    with pytest.raises(UsageError):
        sign_item(SECRET, value, seq, salt)


def test_a_value_that_nobody_would_store_is_the_callers_mistake() -> None:
    with pytest.raises(UsageError, match="1000"):
        checked_immutable(LONGEST + b"v")


@pytest.mark.fault("F078")
def test_an_answer_with_another_value_is_not_an_item() -> None:
    target = ImmutableItem(HELLO).target
    assert answered_immutable(target, HELLO).value == HELLO
    others: list[bencode.Value] = [b"Hello World?", [HELLO], b""]
    for other in others:
        with pytest.raises(DecodeError, match="not the target"):
            answered_immutable(target, other)
    long = ImmutableItem(LONGEST + b"v")
    with pytest.raises(DecodeError, match="1000"):
        answered_immutable(long.target, long.value)


@pytest.mark.fault("F078")
def test_an_answer_by_another_key_or_for_another_salt_is_not_an_item() -> None:
    item, thief = sign_item(SECRET, HELLO, 3, b"s"), sign_item(SecretKey.from_seed(bytes(32)), b"?", 9, b"s")

    def answered(salt: bytes, from_item: MutableItem, signature: bytes) -> MutableItem:
        return answered_mutable(
            item.target, salt, from_item.public_key, from_item.seq, from_item.value, signature
        )

    assert answered(b"s", item, item.signature) == item
    with pytest.raises(DecodeError, match="not the target"):
        answered(b"s", thief, thief.signature)
    with pytest.raises(DecodeError, match="not the target"):
        answered(b"t", item, item.signature)
    with pytest.raises(SignatureError):
        answered(b"s", item, thief.signature)
    with pytest.raises(DecodeError, match="sig has 64 bytes"):
        answered(b"s", item, b"")
    # The salt could be taken for a part of the key: the sizes are checked, so it is not.
    with pytest.raises(DecodeError, match="k has 32 bytes"):
        answered_mutable(item.target, b"", item.public_key + b"s", 3, HELLO, item.signature)
