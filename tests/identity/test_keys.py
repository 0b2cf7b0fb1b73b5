"""Keys: the RFCs' vectors, one verdict from three sources on 1077 published cases, contexts."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from p2plib.errors import DecodeError, SignatureError, UsageError, WeakKey
from p2plib.identity import edge_cases, edwards
from p2plib.identity.exchange import ExchangeKey
from p2plib.identity.keys import PublicKey, SecretKey, broken_rule, with_context

SEED = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
# RFC 8032, section 7.1, TEST 1024: the message of 1023 bytes.
MESSAGE_1024 = (
    "08b8b2b733424243760fe426a4b54908632110a66c2f6591eabd3345e3e4eb98fa6e264bf09efe12ee50f8f54e9f77b1"
    "e355f6c50544e23fb1433ddf73be84d879de7c0046dc4996d9e773f4bc9efe5738829adb26c81b37c93a1b270b20329d"
    "658675fc6ea534e0810a4432826bf58c941efb65d57a338bbd2e26640f89ffbc1a858efcb8550ee3a5e1998bd177e93a"
    "7363c344fe6b199ee5d02e82d522c4feba15452f80288a821a579116ec6dad2b3b310da903401aa62100ab5d1a36553e"
    "06203b33890cc9b832f79ef80560ccb9a39ce767967ed628c6ad573cb116dbefefd75499da96bd68a8a97b928a8bbc10"
    "3b6621fcde2beca1231d206be6cd9ec7aff6f6c94fcd7204ed3455c68c83f4a41da4af2b74ef5c53f1d8ac70bdcb7ed1"
    "85ce81bd84359d44254d95629e9855a94a7c1958d1f8ada5d0532ed8a5aa3fb2d17ba70eb6248e594e1a2297acbbb39d"
    "502f1a8c6eb6f1ce22b3de1a1f40cc24554119a831a9aad6079cad88425de6bde1a9187ebb6092cf67bf2b13fd65f270"
    "88d78b7e883c8759d2c4f5c65adb7553878ad575f9fad878e80a0c9ba63bcbcc2732e69485bbc9c90bfbd62481d9089b"
    "eccf80cfe2df16a2cf65bd92dd597b0707e0917af48bbb75fed413d238f5555a7a569d80c3414a8d0859dc65a46128ba"
    "b27af87a71314f318c782b23ebfe808b82b0ce26401d2e22f04d83d1255dc51addd3b75a2b1ae0784504df543af8969b"
    "e3ea7082ff7fc9888c144da2af58429ec96031dbcad3dad9af0dcbaaaf268cb8fcffead94f3c7ca495e056a9b47acdb7"
    "51fb73e666c6c655ade8297297d07ad1ba5e43f1bca32301651339e22904cc8c42f58c30c04aafdb038dda0847dd988d"
    "cda6f3bfd15c4b4c4525004aa06eeff8ca61783aacec57fb3d1f92b0fe2fd1a85f6724517b65e614ad6808d6f6ee34df"
    "f7310fdc82aebfd904b01e1dc54b2927094b2db68d6f903b68401adebf5a7e08d78ff4ef5d63653a65040cf9bfd4aca7"
    "984a74d37145986780fc0b16ac451649de6188a7dbdf191f64b5fc5e2ab47b57f7f7276cd419c17a3ca8e1b939ae49e4"
    "88acba6b965610b5480109c8b17b80e1b7b750dfc7598d5d5011fd2dcc5600a32ef5b52a1ecc820e308aa342721aac09"
    "43bf6686b64b2579376504ccc493d97e6aed3fb0f9cd71a43dd497f01f17c0e2cb3797aa2a2f256656168e6c496afc5f"
    "b93246f6b1116398a346f1a641f3b041e989f7914f90cc2c7fff357876e506b50d334ba77c225bc307ba537152f3f161"
    "0e4eafe595f6d9d90d11faa933a15ef1369546868a7f3a45a96768d40fd9d03412c091c6315cf4fde7cb68606937380d"
    "b2eaaa707b4c4185c32eddcdd306705e4dc1ffc872eeee475a64dfac86aba41c0618983f8741c5ef68d3a101e8a3b8ca"
    "c60c905c15fc910840b94c00a0b9d0"
)
# RFC 8032, section 7.1: seed, public key, message, signature.
RFC_8032 = {
    "TEST 1": (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
        "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    "TEST 2": (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    "TEST 3": (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
        "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
    "TEST 1024": (
        "f5e5767cf153319517630f226876b86c8160cc583bc013744c6bf255f5cc0ee5",
        "278117fc144c72340f67d0f2316e8386ceffbf2b2428c9c51fef7c597f1d426e",
        MESSAGE_1024,
        "0aab4c900501b3e24d7cdf4663326a3a87df5e4843b2cbdb67cbf6e460fec350"
        "aa5371b1508f9f4528ecea23c436d94b5e8fcd4f681e30a6ac00a9704a188a03",
    ),
    "TEST SHA(abc)": (
        "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
        "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b589"
        "09351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704",
    ),
}


@pytest.mark.parametrize(("seed", "public", "message", "signature"), RFC_8032.values(), ids=RFC_8032)
def test_rfc_8032(seed: str, public: str, message: str, signature: str) -> None:
    key, data = SecretKey.from_seed(bytes.fromhex(seed)), bytes.fromhex(message)
    assert key.public.hex() == public
    assert key.sign_raw(data).hex() == signature == edwards.sign(bytes.fromhex(seed), data).hex()
    key.public.verify_raw(data, bytes.fromhex(signature))


# One verdict from three sources


def independent_oracle(public: bytes, message: bytes, signature: bytes) -> bool:
    """The rule again, by arithmetic alone: no list of encodings, no libsodium."""
    if len(signature) != 64:
        return False
    for raw in (public, signature[:32]):
        try:
            point = edwards.decompress(raw, canonical=False)
        except DecodeError:
            return False
        if edwards.compress(point) != raw or 8 * point == edwards.NEUTRAL:
            return False
    return edwards.verify_cofactorless(public, message, signature)


def all_three_agree(public: bytes, message: bytes, signature: bytes, valid: bool) -> None:
    assert (broken_rule(public, message, signature) is None) == valid
    assert independent_oracle(public, message, signature) == valid


@pytest.mark.fault("F001")
@pytest.mark.fault("F004")
def test_wycheproof_ed25519(shared_vectors: Path) -> None:
    groups = json.loads((shared_vectors / "wycheproof" / "ed25519_test.json").read_text())["testGroups"]
    tests = [(group["publicKey"]["pk"], test) for group in groups for test in group["tests"]]
    assert len(tests) == 151
    for public, test in tests:
        message, signature = bytes.fromhex(test["msg"]), bytes.fromhex(test["sig"])
        all_three_agree(bytes.fromhex(public), message, signature, test["result"] == "valid")
        if "SignatureMalleability" in test["flags"] and len(signature) == 64:
            assert "rule 2" in (broken_rule(bytes.fromhex(public), message, signature) or "")


@pytest.mark.fault("F002")
@pytest.mark.fault("F003")
def test_ed25519_speccheck(shared_vectors: Path) -> None:
    tests = json.loads((shared_vectors / "ed25519-speccheck" / "cases.json").read_text())
    assert len(tests) == 12
    for number, test in enumerate(tests):
        # The authors' table of results has one V in the row "Dalek strict", and that is case 3.
        public, message, signature = (bytes.fromhex(test[k]) for k in ("pub_key", "message", "signature"))
        all_three_agree(public, message, signature, valid=number == 3)


@pytest.mark.fault("F002")
@pytest.mark.fault("F003")
def test_cctv_ed25519(shared_vectors: Path) -> None:
    tests = json.loads((shared_vectors / "cctv-ed25519" / "ed25519vectors.json").read_text())
    assert len(tests) == 914
    forbidden = {"low_order_A", "low_order_R", "non_canonical_A", "non_canonical_R", "low_order_residue"}
    valid = 0
    for test in tests:
        expected = not forbidden & set(test["flags"] or ())
        valid += expected
        all_three_agree(
            bytes.fromhex(test["key"]), test["msg"].encode(), bytes.fromhex(test["sig"]), expected
        )
    assert valid == 43


@pytest.mark.fault("F002")
def test_our_own_edge_cases() -> None:
    for case in edge_cases.cases():
        ours = broken_rule(case.public, case.message, case.signature) is None
        assert independent_oracle(case.public, case.message, case.signature) == ours


@settings(deadline=None, max_examples=50)
@given(st.binary(min_size=32, max_size=32), st.binary(max_size=100))
def test_an_independent_library_signs_and_verifies_alike(seed: bytes, message: bytes) -> None:
    ours, theirs = SecretKey.from_seed(seed), Ed25519PrivateKey.from_private_bytes(seed)
    assert ours.sign_raw(message) == theirs.sign(message)
    assert ours.public.raw == theirs.public_key().public_bytes_raw()


@settings(deadline=None, max_examples=50)
@given(st.binary(max_size=50), st.data())
def test_one_changed_bit_is_noticed(message: bytes, data: st.DataObject) -> None:
    key = SecretKey.from_seed(SEED)
    whole = key.sign_raw(message) + message
    bit = data.draw(st.integers(0, 8 * len(whole) - 1))
    changed = bytearray(whole)
    changed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(SignatureError):
        key.public.verify_raw(bytes(changed[64:]), bytes(changed[:64]))


# Keys and sizes


@pytest.mark.fault("F004")
@pytest.mark.parametrize("size", [0, 1, 31, 33, 64, 10_000])
def test_public_keys_of_other_sizes(size: int) -> None:
    with pytest.raises(DecodeError, match=f"32 bytes, not {size}"):
        PublicKey(bytes(size))
    assert "rule 1" in (broken_rule(bytes(size), b"", bytes(64)) or "")


@pytest.mark.fault("F004")
@pytest.mark.parametrize("size", [0, 1, 32, 63, 65, 10_000])
def test_signatures_of_other_sizes(size: int) -> None:
    key = SecretKey.from_seed(SEED)
    with pytest.raises(SignatureError, match=f"rule 1: a signature is 64 bytes, not {size}") as caught:
        key.public.verify("p2plib/test", b"", bytes(size))
    assert caught.value.rule.startswith("rule 1")


@pytest.mark.fault("F004")
@pytest.mark.parametrize("raw", ["text", bytearray(32), memoryview(bytes(32)), 5, None])
def test_public_keys_and_signatures_are_bytes(raw: object) -> None:
    with pytest.raises(UsageError, match="a public key is bytes"):
        PublicKey(raw)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="a message is bytes"):
        SecretKey.from_seed(SEED).public.verify_raw(raw, bytes(64))  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="a signature is bytes"):
        SecretKey.from_seed(SEED).public.verify_raw(b"", raw)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="an X25519 public key is bytes"):
        ExchangeKey.from_bytes(SEED).shared_secret(raw)  # type: ignore[arg-type]


@pytest.mark.fault("F002")
@pytest.mark.parametrize("raw", sorted(edwards.SMALL_ORDER_ENCODINGS))
def test_small_order_public_keys(raw: bytes) -> None:
    with pytest.raises(WeakKey, match="small order"):
        PublicKey(raw)


@pytest.mark.fault("F003")
def test_public_keys_that_are_no_points() -> None:
    case = next(case for case in edge_cases.cases() if case.name == "A not on the curve")
    with pytest.raises(DecodeError, match="no point"):
        PublicKey(case.public)
    with pytest.raises(DecodeError, match="not canonical"):
        PublicKey((edwards.PRIME + 3).to_bytes(32, "little"))


def test_public_keys_are_values() -> None:
    key = SecretKey.from_seed(SEED).public
    assert key == PublicKey(key.raw)
    assert len({key, PublicKey(key.raw)}) == 1
    assert repr(key) == "PublicKey(d75a980182b10ab7…)"
    assert key.hex() == key.raw.hex()
    other = SecretKey.from_seed(bytes(32)).public
    assert sorted([key, other]) == sorted([other, key])
    assert pickle.loads(pickle.dumps(key)) == key
    with pytest.raises(AttributeError):
        key.raw = bytes(32)  # type: ignore[misc]


def test_generate_takes_its_randomness_as_an_argument() -> None:
    asked: list[int] = []

    def random(size: int) -> bytes:
        asked.append(size)
        return SEED

    assert SecretKey.generate(random) == SecretKey.from_seed(SEED)
    assert ExchangeKey.generate(random) == ExchangeKey.from_bytes(SEED)
    assert asked == [32, 32]
    assert SecretKey.generate() != SecretKey.generate()
    with pytest.raises(UsageError, match="32 bytes, not 5"):
        SecretKey.generate(lambda size: bytes(5))


def test_secret_keys_are_values() -> None:
    key = SecretKey.from_seed(SEED)
    assert key == SecretKey.from_seed(SEED)
    assert key != SecretKey.from_seed(bytes(32))
    assert key != ExchangeKey.from_bytes(SEED)
    assert key != SEED
    assert key.expose_seed() == SEED
    with pytest.raises(TypeError, match="unhashable"):
        hash(key)
    with pytest.raises(UsageError, match="generate"):
        SecretKey()
    with pytest.raises(UsageError, match="does not change"):
        key.public = SecretKey.from_seed(bytes(32)).public
    with pytest.raises(UsageError, match="does not change"):
        del key.public


# Contexts


def test_the_bytes_that_are_signed() -> None:
    assert with_context("p2plib/test", b"hi") == b"\x0bp2plib/test\x02hi"
    assert with_context("x", bytes(300)) == b"\x01x\xac\x02" + bytes(300)
    key = SecretKey.from_seed(SEED)
    assert key.sign("p2plib/test", b"hi") == key.sign_raw(b"\x0bp2plib/test\x02hi")


@pytest.mark.fault("F012")
def test_a_signature_is_not_valid_in_another_context() -> None:
    key = SecretKey.from_seed(SEED)
    signature = key.sign("p2plib/post", b"pay Bob 5")
    key.public.verify("p2plib/post", b"pay Bob 5", signature)
    for context, message in [
        ("p2plib/payment", b"pay Bob 5"),
        ("p2plib/post", b"pay Bob 50"),
        ("p", b"pay Bob 5"),
    ]:
        with pytest.raises(SignatureError, match="rule 5"):
            key.public.verify(context, message, signature)
    with pytest.raises(SignatureError):
        key.public.verify_raw(b"pay Bob 5", signature)


CONTEXTS = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=64)


@pytest.mark.fault("F012")
@given(CONTEXTS, st.binary(max_size=40), CONTEXTS, st.binary(max_size=40))
def test_no_two_contexts_and_messages_share_their_bytes(c1: str, m1: bytes, c2: str, m2: bytes) -> None:
    first, second = with_context(c1, m1), with_context(c2, m2)
    assert (first == second) == ((c1, m1) == (c2, m2))
    # Nor does one begin the other, so that nothing can be appended to what was signed.
    assert first == second or not first.startswith(second)


@pytest.mark.parametrize("context", ["", "x" * 65, "tab\t", "line\n", "\x7f", "é", "\N{ROCKET}", "nul\0"])
def test_contexts_that_are_none(context: str) -> None:
    with pytest.raises(UsageError, match="a context"):
        SecretKey.from_seed(SEED).sign(context, b"")


def test_context_and_message_in_the_wrong_order() -> None:
    with pytest.raises(UsageError, match="a context is text, not bytes"):
        SecretKey.from_seed(SEED).sign(b"message", "context")  # type: ignore[arg-type]
