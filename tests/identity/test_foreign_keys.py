"""Keys of other kinds: libp2p's published ones, the ways in which one may be wrong, and bounds before all."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from hypothesis import given
from hypothesis import strategies as st

from p2plib.errors import DecodeError, LocalError, RemoteError, SignatureError, UsageError
from p2plib.identity import foreign_keys, ids
from p2plib.identity.foreign_keys import ECDSA, KINDS, RSA, SECP256K1, ForeignKey
from p2plib.wire import der, multihash
from tests.identity.foreign import ALGORITHM, CURVES, lower, rsa_data, signer

# libp2p's specification, "Peer Ids and Keys", test vectors: public keys in their protobuf messages.
SPECIFICATION = {
    ECDSA: (
        "0803125b3059301306072a8648ce3d020106082a8648ce3d03010703420004de3d300fa36ae0e8f5d530899d83abab"
        "44abf3161f162a4bc901d8e6ecda020e8b6d5f8da30525e71d6851510c098e5c47c646a597fb4dcec034e9f77c409e62"
    ),
    SECP256K1: "08021221037777e994e452c21604f91de093ce415f5432f701dd8cd1a7a6fea0e630bfca99",
    RSA: (
        "080012a60430820222300d06092a864886f70d01010105000382020f003082020a0282020100e1beab071d08200bde24ee"
        "f00d049449b07770ff9910257b2d7d5dda242ce8f0e2f12e1af4b32d9efd2c090f66b0f29986dbb645dae9880089704a94"
        "e5066d594162ae6ee8892e6ec70701db0a6c445c04778eb3de1293aa1a23c3825b85c6620a2bc3f82f9b0c309bc0ab3aeb"
        "1873282bebd3da03c33e76c21e9beb172fd44c9e43be32e2c99827033cf8d0f0c606f4579326c930eb4e854395ad941256"
        "542c793902185153c474bed109d6ff5141ebf9cd256cf58893a37f83729f97e7cb435ec679d2e33901d27bb35aa0d7e205"
        "61da08885ef0abbf8e2fb48d6a5487047a9ecb1ad41fa7ed84f6e3e8ecd5d98b3982d2a901b4454991766da295ab78822a"
        "dd5612a2df83bcee814cf50973e80d7ef38111b1bd87da2ae92438a2c8cbcc70b31ee319939a3b9c761dbc13b5c086d6b6"
        "4bf7ae7dacc14622375d92a8ff9af7eb962162bbddebf90acb32adb5e4e4029f1c96019949ecfbfeffd7ac1e3fbcc6b616"
        "8c34be3d5a2e5999fcbb39bba7adbca78eab09b9bc39f7fa4b93411f4cc175e70c0a083e96bfaefb04a9580b4753c1738a"
        "6a760ae1afd851a1a4bdad231cf56e9284d832483df215a46c1c21bdf0c6cfe951c18f1ee4078c79c13d63edb6e14feaef"
        "fabc90ad317e4875fe648101b0864097e998f0ca3025ef9638cd2b0caecd3770ab54a1d9c6ca959b0f5dcbc90caeefc413"
        "5baca6fd475224269bbe1b0203010001"
    ),
}
GO_SIGNED = b"Libp2p is the _best_!"  # by go-libp2p's fixtures
MESSAGE = b"what is signed"


@pytest.mark.finding("W11")
@pytest.mark.parametrize("kind", KINDS)
def test_the_specifications_keys(kind: str) -> None:
    raw = bytes.fromhex(SPECIFICATION[kind])
    key = ids.decode_peer_key(raw)
    assert isinstance(key, ForeignKey)
    assert key.kind == kind
    assert ids.encode_public_key(key) == raw
    with pytest.raises(SignatureError):
        key.verify_raw(MESSAGE, bytes(70))


@pytest.mark.finding("W11")
@pytest.mark.parametrize(("number", "kind"), [(0, RSA), (2, SECP256K1), (3, ECDSA)])
def test_what_go_libp2p_signed(shared_vectors: Path, number: int, kind: str) -> None:
    folder = shared_vectors / "libp2p-keys-go" / "test_data"
    key = ids.decode_peer_key((folder / f"{number}.pub").read_bytes())
    assert isinstance(key, ForeignKey)
    assert key.kind == kind
    signature = (folder / f"{number}.sig").read_bytes()
    key.verify_raw(GO_SIGNED, signature)
    with pytest.raises(SignatureError, match="other message, other key, or forged"):
        key.verify_raw(GO_SIGNED + b"!", signature)


@pytest.mark.parametrize(
    ("kind", "variant"),
    [(RSA, 2048), (RSA, 3072), (RSA, 4096), *((ECDSA, curve) for curve in CURVES), (SECP256K1, "")],
)
def test_what_others_sign_is_verified(kind: str, variant: int | str) -> None:
    peer, other = signer(kind, variant), signer(kind, "" if kind != SECP256K1 else "other")
    signature = peer.sign_raw(MESSAGE)
    peer.public.verify_raw(MESSAGE, signature)
    for message, wrong in (
        (b"", signature),
        (MESSAGE, b""),
        (MESSAGE, signature[:-1]),
        (MESSAGE, signature + b"\0"),
        (MESSAGE, signature[:-1] + bytes([signature[-1] ^ 1])),
        (MESSAGE, b"\0" + signature),
    ):
        with pytest.raises(SignatureError):
            peer.public.verify_raw(message, wrong)
    if other.public != peer.public:
        with pytest.raises(SignatureError):
            other.public.verify_raw(MESSAGE, signature)
    assert ids.decode_peer_key(ids.encode_public_key(peer.public)) == peer.public


def test_a_secp256k1_signature_has_s_in_the_lower_half() -> None:
    """BIP 62: the other one is as good to OpenSSL, and would be a second signature for the same message."""
    peer = signer(SECP256K1)
    signature = peer.sign_raw(MESSAGE)
    peer.public.verify_raw(MESSAGE, lower(signature))
    with pytest.raises(SignatureError, match="upper half"):
        peer.public.verify_raw(MESSAGE, lower(signature, to_upper=True))


# Bounds


MODULUS = 2**2047 + 1
GOOD = rsa_data(MODULUS)
POINT_256 = bytes.fromhex(SPECIFICATION[ECDSA])[-65:]
P_256 = bytes.fromhex(SPECIFICATION[ECDSA])[4:]
WRONG_KEYS = {
    "RSA, 2047 bits": (RSA, rsa_data(2**2046 + 1), "RSA key: a modulus has 2048 to 8192 bits, not 2047"),
    "RSA, 8193 bits": (RSA, rsa_data(2**8192 + 1, 3), "RSA key: a modulus has 2048 to 8192 bits, not 8193"),
    "RSA, even": (RSA, rsa_data(MODULUS + 1), "this one is even"),
    "RSA, exponent 1": (RSA, rsa_data(MODULUS, 1), "an exponent must be odd, and from 3"),
    "RSA, exponent even": (RSA, rsa_data(MODULUS, 65_536), "an exponent must be odd"),
    "RSA, exponent of 32 bits": (RSA, rsa_data(MODULUS, 2**31 + 1), "from 3 to 2147483647"),
    "RSA, exponent as large": (RSA, rsa_data(MODULUS, MODULUS - 2), "an exponent must be odd"),
    "RSA, empty": (RSA, b"", "the data ends"),
    "RSA, PKCS #1": (RSA, der.sequence(der.integer(MODULUS), der.integer(3)), "rsaEncryption"),
    "RSA, something behind": (RSA, GOOD + b"\0", "1 byte follows"),
    "RSA, cut": (RSA, GOOD[:-1], "bytes, .* are left"),
    "RSA, three numbers": (
        RSA,
        der.sequence(ALGORITHM, der.bit_string(der.sequence(*map(der.integer, (MODULUS, 3, 3))))),
        "3 bytes follow",
    ),
    "RSA, an algorithm without NULL": (
        RSA,
        der.sequence(der.sequence(bytes.fromhex("06092a864886f70d010101")), der.bit_string(b"")),
        "rsaEncryption, and NULL",
    ),
    "RSA, something behind the bits": (
        RSA,
        der.sequence(ALGORITHM, der.bit_string(b""), der.integer(1)),
        "3 bytes follow",
    ),
    "RSA, bits left over": (
        RSA,
        GOOD.replace(b"\x03\x82\x01\x0f\0", b"\x03\x82\x01\x0f\1"),
        "no unused bits",
    ),
    "ECDSA, empty": (ECDSA, b"", "an uncompressed point of secp256r1, secp384r1"),
    "ECDSA, of nothing but zeros": (ECDSA, bytes(91), "an uncompressed point"),
    "ECDSA, compressed": (ECDSA, P_256[:-65] + b"\2" + POINT_256[1:33], "an uncompressed point"),
    "ECDSA, hybrid": (ECDSA, P_256[:-65] + b"\6" + POINT_256[1:], "an uncompressed point"),
    "ECDSA, something behind": (ECDSA, P_256 + b"\0", "an uncompressed point"),
    "ECDSA, another curve's name": (
        ECDSA,
        P_256.replace(bytes.fromhex("06082a8648ce3d030107"), bytes.fromhex("06082a8648ce3d030101")),
        "an uncompressed point",
    ),
    "ECDSA, as js-libp2p's module writes it": (  # no PKIX; its own nodes refuse to have such a key
        ECDSA,
        der.sequence(
            der.integer(1),
            der.element(0xA0, bytes.fromhex("06082a8648ce3d030107")),
            der.element(0xA1, der.bit_string(POINT_256)),
        ),
        "PKIX",
    ),
    "Secp256k1, empty": (SECP256K1, b"", "a compressed point is a byte 2 or 3, and 32 more"),
    "Secp256k1, uncompressed": (SECP256K1, b"\4" + bytes(64), "a compressed point"),
    "Secp256k1, first byte": (SECP256K1, b"\4" + bytes(32), "a compressed point"),
    "Secp256k1, long": (SECP256K1, b"\2" + bytes(33), "a compressed point"),
}


@pytest.mark.fault("F017")
@pytest.mark.finding("W11")
@pytest.mark.parametrize(("kind", "data", "rule"), WRONG_KEYS.values(), ids=WRONG_KEYS)
def test_wrong_keys(kind: str, data: bytes, rule: str) -> None:
    with pytest.raises(DecodeError, match=rule):
        ForeignKey(kind, data)


def test_the_largest_keys_are_taken() -> None:
    largest = rsa_data(2**8191 + 1, 2**31 - 1)
    assert len(largest) == foreign_keys.MAX_BYTES
    message = ids.encode_public_key(ForeignKey(RSA, largest))
    assert len(message) == ids.MAX_KEY_MESSAGE_BYTES
    assert ids.decode_peer_key(message) == ForeignKey(RSA, largest)
    ForeignKey(RSA, GOOD)


@pytest.mark.fault("F017")
def test_a_huge_key_is_refused_before_its_bytes_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("it was looked at")

    data = rsa_data(2**16_383 + 1)
    monkeypatch.setattr(der, "read", never)
    monkeypatch.setattr(RSAPublicNumbers, "public_key", never)
    with pytest.raises(DecodeError, match=f"a key of {len(data)} bytes, where 1063 is the most"):
        ForeignKey(RSA, data)
    with pytest.raises(DecodeError, match=r"a libp2p key of \d+ bytes, where 1068 is the most"):
        ids.decode_peer_key(b"\x08\x00\x12" + b"\x80\x80\x40" + bytes(2**20))


@pytest.mark.fault("F017")
def test_a_huge_signature_is_refused_before_any_arithmetic(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("it was looked at")

    monkeypatch.setattr(RSAPublicNumbers, "public_key", never)
    with pytest.raises(SignatureError, match="a signature of 1025 bytes, where 1024 is the most"):
        ForeignKey(RSA, GOOD).verify_raw(MESSAGE, bytes(1025))


@pytest.mark.parametrize(
    "key",
    [
        ForeignKey(SECP256K1, b"\2" + b"\xff" * 32),
        ForeignKey(SECP256K1, b"\2" + (5).to_bytes(32, "big")),  # 5³ + 7 is no square
        ForeignKey(ECDSA, P_256[:-1] + bytes([P_256[-1] ^ 1])),
        ForeignKey(ECDSA, P_256[:-64] + bytes(64)),
    ],
)
def test_a_key_that_is_no_point_has_signed_nothing(key: ForeignKey) -> None:
    with pytest.raises(SignatureError, match="not a point on the curve secp"):
        key.verify_raw(MESSAGE, encode_dss_signature(1, 1))


@given(st.sampled_from(KINDS), st.binary(max_size=300))
def test_any_bytes_are_a_key_or_a_decode_error(kind: str, data: bytes) -> None:
    try:
        key = ForeignKey(kind, data)
    except DecodeError:
        return
    with pytest.raises(SignatureError):
        key.verify_raw(MESSAGE, b"\1")


@given(st.sampled_from(KINDS), st.data())
def test_a_changed_byte_is_another_key_or_none(kind: str, data: st.DataObject) -> None:
    raw = bytearray(bytes.fromhex(SPECIFICATION[kind]))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        key = ids.decode_peer_key(bytes(raw))
    except RemoteError:
        return
    assert ids.encode_public_key(key) == raw
    assert ids.peer_id(key) != ids.peer_id(ids.decode_peer_key(bytes.fromhex(SPECIFICATION[kind])))


# Used wrongly, and without the extra


def test_kinds_and_types() -> None:
    with pytest.raises(UsageError, match="no kind of key 'DSA'; there are RSA, ECDSA, Secp256k1"):
        ForeignKey("DSA", b"")
    with pytest.raises(UsageError, match="a key is bytes, not bytearray"):
        ForeignKey(RSA, bytearray(GOOD))  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="a message is bytes, not str"):
        ForeignKey(RSA, GOOD).verify_raw("text", b"")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="a signature is bytes, not str"):
        ForeignKey(RSA, GOOD).verify_raw(b"", "text")  # type: ignore[arg-type]


def test_a_key_shows_its_kind_and_a_fingerprint() -> None:
    fingerprint = multihash.sha2_256(GOOD).digest.hex()[:16]
    assert repr(ForeignKey(RSA, GOOD)) == f"ForeignKey(RSA, SHA-256 {fingerprint}…)"


@pytest.mark.finding("W11")
@pytest.mark.parametrize("kind", KINDS)
def test_without_the_extra_keys_are_read_and_the_rest_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    peer = signer(kind)
    signature = peer.sign_raw(MESSAGE)
    for name in [name for name in sys.modules if name.split(".")[0] == "cryptography"]:
        monkeypatch.setitem(sys.modules, name, None)
    key = ids.decode_peer_key(ids.encode_public_key(peer.public))
    ids.expect(ids.peer_id(peer.public), key)
    assert isinstance(key, ForeignKey)
    with pytest.raises(
        LocalError, match=f"to verify {kind} keys, run pip install 'p2plib\\[foreign-keys\\]'"
    ):
        key.verify_raw(MESSAGE, signature)
