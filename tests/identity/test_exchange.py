"""X25519 keys: the vectors of RFC 7748 and Wycheproof, sizes, and keys of low order."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st

from p2plib.errors import DecodeError, UsageError, WeakKey
from p2plib.identity import edwards
from p2plib.identity.exchange import ExchangeKey
from p2plib.identity.keys import PublicKey, SecretKey

SEED = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
# RFC 7748, section 5.2, and section 6.1 from both sides: private key, the other's public key, shared secret.
RFC_7748 = [
    (
        "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
        "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
        "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552",
    ),
    (
        "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
        "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
        "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957",
    ),
    (
        "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a",
        "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f",
        "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742",
    ),
    (
        "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb",
        "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
        "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742",
    ),
]


@pytest.mark.parametrize(("private", "public", "shared"), RFC_7748)
def test_rfc_7748(private: str, public: str, shared: str) -> None:
    key = ExchangeKey.from_bytes(bytes.fromhex(private))
    assert key.shared_secret(bytes.fromhex(public)).hex() == shared


def test_rfc_7748_public_keys() -> None:
    (alice, bob_public, _), (bob, alice_public, _) = RFC_7748[2:]
    assert ExchangeKey.from_bytes(bytes.fromhex(alice)).public.hex() == alice_public
    assert ExchangeKey.from_bytes(bytes.fromhex(bob)).public.hex() == bob_public


def test_rfc_7748_iterated() -> None:
    """Section 5.2: the result becomes the private key, and the old private key the public one."""
    k = u = b"\x09" + bytes(31)
    after = {}
    for i in range(1, 1001):
        k, u = ExchangeKey.from_bytes(k).shared_secret(u), k
        after[i] = k.hex()
    assert after[1] == "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079"
    assert after[1000] == "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51"


@pytest.mark.fault("F005")
def test_wycheproof_x25519(shared_vectors: Path) -> None:
    """Our policy on "acceptable": an all-zero secret is refused, everything else is computed."""
    groups = json.loads((shared_vectors / "wycheproof" / "x25519_test.json").read_text())["testGroups"]
    tests = [test for group in groups for test in group["tests"]]
    assert len(tests) == 518
    weak = 0
    for test in tests:
        key = ExchangeKey.from_bytes(bytes.fromhex(test["private"]))
        if "ZeroSharedSecret" in test["flags"]:
            weak += 1
            with pytest.raises(WeakKey):
                key.shared_secret(bytes.fromhex(test["public"]))
        else:
            assert key.shared_secret(bytes.fromhex(test["public"])).hex() == test["shared"]
    assert weak == 31


@pytest.mark.fault("F005")
@pytest.mark.parametrize("u", [0, 1, 2**255 - 20, 2**255 - 19, 2**255 - 18])
def test_low_order_exchange_keys(u: int) -> None:
    """u = 0, 1, -1, and the two that are 0 and 1 again: no secret comes out (RFC 7748, section 6.1)."""
    with pytest.raises(WeakKey, match="small order"):
        ExchangeKey.from_bytes(SEED).shared_secret(u.to_bytes(32, "little"))


@pytest.mark.fault("F004")
@pytest.mark.parametrize("size", [0, 31, 33])
def test_exchange_keys_of_other_sizes(size: int) -> None:
    with pytest.raises(DecodeError, match="32 bytes"):
        ExchangeKey.from_bytes(SEED).shared_secret(bytes(size))
    with pytest.raises(UsageError, match="32 bytes"):
        ExchangeKey.from_bytes(bytes(size))


@settings(deadline=None, max_examples=30)
@given(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
def test_both_sides_agree_and_so_does_an_independent_library(a: bytes, b: bytes) -> None:
    alice, bob = ExchangeKey.from_bytes(a), ExchangeKey.from_bytes(b)
    secret = alice.shared_secret(bob.public)
    assert secret == bob.shared_secret(alice.public)
    theirs = X25519PrivateKey.from_private_bytes(a).exchange(X25519PublicKey.from_public_bytes(bob.public))
    assert secret == theirs


@settings(deadline=None, max_examples=30)
@given(st.binary(min_size=32, max_size=32))
def test_ed25519_keys_become_x25519_keys(seed: bytes) -> None:
    key = SecretKey.from_seed(seed)
    assert key.to_x25519().public == key.public.to_x25519()
    # RFC 7748, section 4.1: u = (1 + y) / (1 - y)
    y = int.from_bytes(key.public.raw, "little") & ~edwards.SIGN_BIT
    u = (1 + y) * pow(1 - y, -1, edwards.PRIME) % edwards.PRIME
    assert key.public.to_x25519() == u.to_bytes(32, "little")


@pytest.mark.fault("F002")
def test_mixed_order_keys_have_no_exchange_key() -> None:
    mixed = PublicKey(edwards.compress(edwards.BASE + edwards.ORDER_EIGHT))
    with pytest.raises(WeakKey, match="mixed order"):
        mixed.to_x25519()
