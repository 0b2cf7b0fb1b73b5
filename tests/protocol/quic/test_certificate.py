"""libp2p's TLS certificate: the specification's vectors, and everything that must be refused."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

import pytest

from p2plib.errors import DecodeError, P2PError, RemoteError, SignatureError, WeakKey
from p2plib.identity import ids
from p2plib.identity.foreign_keys import ForeignKey
from p2plib.identity.keys import PublicKey, SecretKey
from p2plib.protocol.quic import certificate
from p2plib.wire import der

x509 = pytest.importorskip("cryptography.x509")

from cryptography.hazmat.primitives import hashes  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa  # noqa: E402
from cryptography.hazmat.primitives.serialization import Encoding  # noqa: E402

NOW = datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC)
DAY = datetime.timedelta(days=1)
ALICE = SecretKey.from_seed(bytes([1]) * 32)
OID = x509.ObjectIdentifier(certificate.EXTENSION)

# Of libp2p's specification "libp2p TLS Handshake", section "Test vectors": peer id and certificate.
VECTORS = {
    "12D3KooWM6CgA9iBFZmcYAHA6A2qvbAxqfkmrYiRQuz3XEsk4Ksv": (
        "308201ae30820156a0030201020204499602d2300a06082a8648ce3d040302302031123010060355040a13096c696270"
        "32702e696f310a300806035504051301313020170d3735303130313133303030305a180f343039363031303131333030"
        "30305a302031123010060355040a13096c69627032702e696f310a300806035504051301313059301306072a8648ce3d"
        "020106082a8648ce3d030107034200040c901d423c831ca85e27c73c263ba132721bb9d7a84c4f0380b2a6756fd60133"
        "1c8870234dec878504c174144fa4b14b66a651691606d8173e55bd37e381569ea37c307a3078060a2b0601040183a25a"
        "0101046a3068042408011220a77f1d92fedb59dddaea5a1c4abd1ac2fbde7d7b879ed364501809923d7c11b90440d90d"
        "2769db992d5e6195dbb08e706b6651e024fda6cfb8846694a435519941cac215a8207792e42849cccc6cd8136c6e4bde"
        "92a58c5e08cfd4206eb5fe0bf909300a06082a8648ce3d0403020346003043021f50f6b6c52711a881778718238f650c"
        "9fb48943ae6ee6d28427dc6071ae55e702203625f116a7a454db9c56986c82a25682f7248ea1cb764d322ea983ed36a3"
        "1b77"
    ),
    "QmfXbAwNjJLXfesgztEHe8HwgVDCMMpZ9Eax1HYq6hn9uE": (
        "308201f63082019da0030201020204499602d2300a06082a8648ce3d040302302031123010060355040a13096c696270"
        "32702e696f310a300806035504051301313020170d3735303130313133303030305a180f343039363031303131333030"
        "30305a302031123010060355040a13096c69627032702e696f310a300806035504051301313059301306072a8648ce3d"
        "020106082a8648ce3d030107034200040c901d423c831ca85e27c73c263ba132721bb9d7a84c4f0380b2a6756fd60133"
        "1c8870234dec878504c174144fa4b14b66a651691606d8173e55bd37e381569ea381c23081bf3081bc060a2b06010401"
        "83a25a01010481ad3081aa045f0803125b3059301306072a8648ce3d020106082a8648ce3d03010703420004bf30511f"
        "909414ebdd3242178fd290f093a551cf75c973155de0bb5a96fedf6cb5d52da7563e794b512f66e60c7f55ba8a3acf3d"
        "d72a801980d205e8a1ad29f2044730450220064ea8124774caf8f50e57f436aa62350ce652418c019df5d98a3ac666c9"
        "386a022100aa59d704a931b5f72fb9222cb6cc51f954d04a4e2e5450f8805fe8918f71eaae300a06082a8648ce3d0403"
        "0203470030440220799395b0b6c1e940a7e4484705f610ab51ed376f19ff9d7c16757cfbf61b8d4302206205c03fbb0f"
        "95205c779be86581d3e31c01871ad5d1f3435bcf375cb0e5088a"
    ),
    "16Uiu2HAkutTMoTzDw1tCvSRtu6YoixJwS46S1ZFxW8hSx9fWHiPs": (
        "308201ba3082015fa0030201020204499602d2300a06082a8648ce3d040302302031123010060355040a13096c696270"
        "32702e696f310a300806035504051301313020170d3735303130313133303030305a180f343039363031303131333030"
        "30305a302031123010060355040a13096c69627032702e696f310a300806035504051301313059301306072a8648ce3d"
        "020106082a8648ce3d030107034200040c901d423c831ca85e27c73c263ba132721bb9d7a84c4f0380b2a6756fd60133"
        "1c8870234dec878504c174144fa4b14b66a651691606d8173e55bd37e381569ea38184308181307f060a2b0601040183"
        "a25a01010471306f0425080212210206dc6968726765b820f050263ececf7f71e4955892776c0970542efd689d238204"
        "4630440220145e15a991961f0d08cd15425bb95ec93f6ffa03c5a385eedc34ecf464c7a8ab022026b3109b8a3f40ef83"
        "3169777eb2aa337cfb6282f188de0666d1bcec2a4690dd300a06082a8648ce3d0403020349003046022100e1a217eeef"
        "9ec9204b3f774a08b70849646b6a1e6b8b27f93dc00ed58545d9fe022100b00dafa549d0f03547878338c7b15e750288"
        "8f6d45db387e5ae6b5d46899cef0"
    ),
}
MISMATCHED = (
    "308201f73082019da0030201020204499602d2300a06082a8648ce3d040302302031123010060355040a13096c696270"
    "32702e696f310a300806035504051301313020170d3735303130313133303030305a180f343039363031303131333030"
    "30305a302031123010060355040a13096c69627032702e696f310a300806035504051301313059301306072a8648ce3d"
    "020106082a8648ce3d030107034200040c901d423c831ca85e27c73c263ba132721bb9d7a84c4f0380b2a6756fd60133"
    "1c8870234dec878504c174144fa4b14b66a651691606d8173e55bd37e381569ea381c23081bf3081bc060a2b06010401"
    "83a25a01010481ad3081aa045f0803125b3059301306072a8648ce3d020106082a8648ce3d03010703420004bf30511f"
    "909414ebdd3242178fd290f093a551cf75c973155de0bb5a96fedf6cb5d52da7563e794b512f66e60c7f55ba8a3acf3d"
    "d72a801980d205e8a1ad29f204473045022100bb6e03577b7cc7a3cd1558df0da2b117dfdcc0399bc2504ebe7de6f65c"
    "ade72802206de96e2a5be9b6202adba24ee0362e490641ac45c240db71fe955f2c5cf8df6e300a06082a8648ce3d0403"
    "020348003045022100e847f267f43717358f850355bdcabbefb2cfbf8a3c043b203a14788a092fe8db022027c1d04a2d"
    "41fd6b57a7e8b3989e470325de4406e52e084e34a3fd56eef0d0df"
)


@pytest.mark.parametrize("peer_id", VECTORS)
def test_the_vectors_of_the_specification(peer_id: str) -> None:
    key = certificate.verify(bytes.fromhex(VECTORS[peer_id]), NOW)
    assert ids.peer_id(key) == peer_id
    assert isinstance(key, PublicKey if peer_id.startswith("12D3Koo") else ForeignKey)


def test_the_vector_that_another_key_signed() -> None:
    with pytest.raises(SignatureError, match="not this secp256r1 key's signature"):
        certificate.verify(bytes.fromhex(MISMATCHED), NOW)


def test_what_we_make_we_take() -> None:
    key, made = certificate.make(ALICE)
    assert certificate.verify(made.public_bytes(Encoding.DER), NOW) == ALICE.public
    assert made.public_key() == key.public_key()
    assert certificate.make(ALICE)[0].private_numbers() != key.private_numbers(), "a new key each time"
    with pytest.raises(x509.ExtensionNotFound):  # the name of no host, which would be sent in the clear
        made.extensions.get_extension_for_class(x509.SubjectAlternativeName)


def vouching(info: bytes) -> bytes:
    return certificate.encode_signed_key(ALICE, info)


def built(
    extension: Callable[[bytes], bytes] | None = vouching,
    *others: tuple[Any, bool],
    key: Any = None,
    signer: Any = None,
    issuer: str = "peer",
    begins: datetime.datetime = NOW - DAY,
    ends: datetime.datetime = NOW + DAY,
    digest: Any = None,
) -> bytes:
    """A certificate with something odd about it.

    Args:
        extension: of the certificate's key, what stands in libp2p's; None for no such extension.
        others: further extensions, and whether they are critical.
    """
    key = key or ec.generate_private_key(ec.SECP256R1())
    info = certificate.key_info(key.public_key())

    def name(of: str) -> Any:
        return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, of)])

    builder = (
        x509.CertificateBuilder()
        .subject_name(name("peer"))
        .issuer_name(name(issuer))
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(begins)
        .not_valid_after(ends)
    )
    if extension is not None:
        builder = builder.add_extension(x509.UnrecognizedExtension(OID, extension(info)), critical=False)
    for each, is_critical in others:
        builder = builder.add_extension(each, critical=is_critical)
    signer = signer or key
    digest = None if isinstance(signer, ed25519.Ed25519PrivateKey) else digest or hashes.SHA256()
    return bytes(builder.sign(signer, digest).public_bytes(Encoding.DER))


# An alternative name of a kind that is in X.509, and that nobody has used for decades.
X400_NAME = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.17"), bytes.fromhex("3004a3023000"))
UNKNOWN = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")


def key_usage(*, signs: bool) -> Any:
    names = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "key_cert_sign")
    others = dict.fromkeys((*names, "crl_sign", "encipher_only", "decipher_only"), False)
    return x509.KeyUsage(digital_signature=signs, **others)


@pytest.mark.parametrize(
    "made",
    [
        pytest.param(built, id="plain"),
        pytest.param(lambda: built(key=ed25519.Ed25519PrivateKey.generate()), id="an Ed25519 key of TLS"),
        pytest.param(lambda: built(key=rsa.generate_private_key(65537, 2048)), id="an RSA key of TLS"),
        pytest.param(lambda: built(vouching, (UNKNOWN, False)), id="an unknown extension"),
        pytest.param(lambda: built(vouching, (key_usage(signs=True), True)), id="what the key is for"),
    ],
)
def test_what_other_implementations_may_send(made: Callable[[], bytes]) -> None:
    assert certificate.verify(made(), NOW) == ALICE.public


def another(info: bytes) -> bytes:
    """A signature of another certificate's key."""
    return vouching(info[:-1] + bytes([info[-1] ^ 1]))


def parts(info: bytes) -> tuple[bytes, bytes]:
    return ids.encode_public_key(ALICE.public), ALICE.sign_raw(certificate.SIGNATURE_PREFIX + info)


def noise_signature(info: bytes) -> bytes:
    key, _ = parts(info)
    return der.sequence(
        der.octet_string(key), der.octet_string(ALICE.sign_raw(b"noise-libp2p-static-key:" + info))
    )


def followed(info: bytes) -> bytes:
    return vouching(info) + b"\x00"


def of_three(info: bytes) -> bytes:
    return der.sequence(*(der.octet_string(part) for part in (*parts(info), b"")))


def of_one(info: bytes) -> bytes:
    return der.sequence(der.octet_string(parts(info)[0]))


def in_long_sizes(info: bytes) -> bytes:
    raw = vouching(info)
    return raw[:1] + b"\x81" + raw[1:]  # the size of the whole in two bytes, which fits one


def of_no_key(info: bytes) -> bytes:
    return der.sequence(der.octet_string(b"\x08\x07\x12\x00"), der.octet_string(parts(info)[1]))


def of_small_order(info: bytes) -> bytes:
    key = ids.encode_public_key(ALICE.public)[:4] + bytes([1]) + bytes(31)
    return der.sequence(der.octet_string(key), der.octet_string(bytes([1]) + bytes(63)))


@pytest.mark.fault("F017")
@pytest.mark.parametrize(
    ("made", "error", "sentence"),
    [
        (lambda: built(begins=NOW + DAY, ends=NOW + 2 * DAY), DecodeError, "from 2030-01-02 to 2030-01-03"),
        (lambda: built(begins=NOW - 2 * DAY, ends=NOW - DAY), DecodeError, "from 2029-12-30 to 2029-12-31"),
        (lambda: built(signer=ec.generate_private_key(ec.SECP256R1())), SignatureError, "own key"),
        (lambda: built(issuer="somebody"), DecodeError, "not self-signed"),
        (lambda: built(None), DecodeError, "without libp2p's extension"),
        (lambda: built(vouching, (UNKNOWN, True)), DecodeError, "critical extension, 1.2.3.4"),
        (lambda: built(another), SignatureError, None),
        (lambda: built(noise_signature), SignatureError, None),
        (lambda: built(followed), DecodeError, "follow"),
        (lambda: built(of_three), DecodeError, "follow"),
        (lambda: built(of_one), DecodeError, "the data ends where an OCTET STRING belongs"),
        (lambda: built(in_long_sizes), DecodeError, "which needs fewer"),
        (lambda: built(of_no_key), DecodeError, "type 7"),
        (lambda: built(of_small_order), WeakKey, None),
        (lambda: built(vouching, (X400_NAME, False)), DecodeError, "extensions that cannot be read"),
        (lambda: built() + b"\x00", DecodeError, "not an X.509 certificate"),
        (lambda: built()[:-1], DecodeError, "not an X.509 certificate"),
        (lambda: b"", DecodeError, "not an X.509 certificate"),
        (lambda: bytes(certificate.MAX_BYTES + 1), DecodeError, "8193 bytes"),
    ],
)
def test_what_is_refused(made: Callable[[], bytes], error: type[RemoteError], sentence: str | None) -> None:
    with pytest.raises(error, match=sentence):
        certificate.verify(made(), NOW)


@pytest.mark.fault("F017")
@pytest.mark.filterwarnings("ignore:Parsed a serial number")
@pytest.mark.parametrize("peer_id", VECTORS)
def test_no_bit_can_be_changed(peer_id: str) -> None:
    """Everything is covered by one of two signatures, and whatever is wrong is an error of ours."""
    raw = bytes.fromhex(VECTORS[peer_id])
    for at in range(len(raw)):
        changed = bytearray(raw)
        changed[at] ^= 1 << at % 8
        with pytest.raises(P2PError):
            certificate.verify(bytes(changed), NOW)
