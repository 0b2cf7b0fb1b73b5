"""The certificate by which a libp2p peer proves its key in TLS 1.3, and so in QUIC. A codec.

libp2p's specification "libp2p TLS Handshake", revision 0. A peer makes a key for certificates alone, signs a
certificate for it with itself, and puts into that an extension (1.3.6.1.4.1.53594.1.1)::

    SignedKey ::= SEQUENCE {
        publicKey  OCTET STRING   the peer's key, as libp2p writes it
        signature  OCTET STRING   by that key, of "libp2p-tls-handshake:" ‖ SubjectPublicKeyInfo
    }

TLS shows that the other side holds the certificate's key; the extension, that the peer's own key vouches for
it. Names in it say nothing, and no authority is asked.

Rules
    1. Bounds come first: no certificate has more than `MAX_BYTES`.
    2. It is valid now, and signed by itself.
    3. The extension is there once, its DER has no room for choice, and the peer's signature holds by the rule
       of `p2plib.identity.keys` or of `p2plib.identity.foreign_keys`.
    4. Other extensions are ignored, but because of a critical one that is not understood here, the
       certificate is refused.
    5. The caller has to check that the chain has no second certificate: one certificate cannot show that.

X.509 itself is read and written by the package `cryptography`, which the extra `quic` brings. Whatever it
refuses is a `DecodeError` here.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from p2plib.errors import DecodeError, SignatureError
from p2plib.identity import ids
from p2plib.identity.foreign_keys import PeerKey
from p2plib.identity.keys import SecretKey
from p2plib.wire import der

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

EXTENSION = "1.3.6.1.4.1.53594.1.1"
SIGNATURE_PREFIX = b"libp2p-tls-handshake:"
MAX_BYTES = 8192  # with an RSA key and signature of 8192 bits it takes less than 3,000
# Peers' clocks may be wrong by years, so ours are valid at any time that they may show.
NOT_BEFORE = datetime.datetime(1975, 1, 1, tzinfo=datetime.UTC)
NOT_AFTER = datetime.datetime(9999, 12, 31, 23, 59, 59, tzinfo=datetime.UTC)  # RFC 5280, 4.1.2.5: no end
# Of the standard ones, those that limit what a key may be used for; a peer's key is used for nothing else.
_UNDERSTOOD = {EXTENSION, "2.5.29.15", "2.5.29.17", "2.5.29.19", "2.5.29.37"}


def make(identity: SecretKey) -> tuple[EllipticCurvePrivateKey, x509.Certificate]:
    """A new key for TLS, of the curve P-256, and a certificate in which a peer vouches for it.

    Args:
        identity: who the peer is.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "libp2p")])
    vouching = x509.UnrecognizedExtension(
        x509.ObjectIdentifier(EXTENSION), encode_signed_key(identity, key_info(key.public_key()))
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOT_BEFORE)
        .not_valid_after(NOT_AFTER)
        .add_extension(vouching, critical=True)
        .sign(key, hashes.SHA256())
    )
    return key, certificate


def verify(certificate: bytes, now: datetime.datetime) -> PeerKey:
    """The key of the peer that a certificate speaks for, after every check.

    Args:
        certificate: one certificate, DER.
        now: the time, with its zone.

    Raises:
        DecodeError: it breaks a rule; the sentence says which.
        SignatureError: its own signature or the peer's does not hold.
        WeakKey: the peer's key is of small order.
        LocalError: the package that could verify a peer's key of that kind is not installed.
    """
    read = _read(certificate)
    if not read.not_valid_before_utc <= now <= read.not_valid_after_utc:
        raise DecodeError(
            f"a certificate from {read.not_valid_before_utc:%Y-%m-%d} to {read.not_valid_after_utc:%Y-%m-%d}"
        )
    _check_self_signed(read)
    key, signature = decode_signed_key(_extension(read))
    key.verify_raw(SIGNATURE_PREFIX + _key_info_of(read), signature)
    return key


def encode_signed_key(identity: SecretKey, info: bytes) -> bytes:
    """What goes into the extension.

    Args:
        identity: who the peer is.
        info: the certificate's key as `key_info` writes it.
    """
    signature = identity.sign_raw(SIGNATURE_PREFIX + info)
    return der.sequence(der.octet_string(ids.encode_public_key(identity.public)), der.octet_string(signature))


def decode_signed_key(raw: bytes) -> tuple[PeerKey, bytes]:
    """The peer's key and its signature, out of the extension. The signature is not checked here.

    Raises:
        DecodeError: this is not exactly a SignedKey, or holds no key of libp2p's.
        WeakKey: the key is of small order.
    """
    inner, offset = der.read(raw, 0, der.SEQUENCE)
    der.end(raw, offset)
    key, offset = der.read(inner, 0, der.OCTET_STRING)
    signature, offset = der.read(inner, offset, der.OCTET_STRING)
    der.end(inner, offset)
    return ids.decode_peer_key(key), signature


def key_info(key: CertificatePublicKeyTypes) -> bytes:
    """A public key of `cryptography` as SubjectPublicKeyInfo, DER: what the peer signs."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _read(raw: bytes) -> x509.Certificate:
    from cryptography import x509

    if len(raw) > MAX_BYTES:
        raise DecodeError(f"a certificate of {len(raw)} bytes, where {MAX_BYTES} is the most")
    try:
        return x509.load_der_x509_certificate(raw)
    except (ValueError, x509.InvalidVersion) as error:
        raise DecodeError(f"not an X.509 certificate: {error}") from None


def _key_info_of(certificate: x509.Certificate) -> bytes:
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        return key_info(certificate.public_key())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise DecodeError(f"a certificate for a key that cannot be read: {error}") from None


def _check_self_signed(certificate: x509.Certificate) -> None:
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

    try:
        certificate.verify_directly_issued_by(certificate)
    except InvalidSignature:
        raise SignatureError("the certificate is not signed by its own key") from None
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise DecodeError(f"a certificate that is not self-signed as X.509 has it: {error}") from None


def _extension(certificate: x509.Certificate) -> bytes:
    """The bytes of libp2p's extension, if there is nothing critical besides that we do not understand."""
    from cryptography import x509

    try:
        extensions = {each.oid.dotted_string: each for each in certificate.extensions}
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        raise DecodeError(f"a certificate with extensions that cannot be read: {error}") from None
    for name, each in extensions.items():
        if each.critical and name not in _UNDERSTOOD:
            raise DecodeError(f"a critical extension, {name}, that is not understood here")
    if EXTENSION not in extensions:
        raise DecodeError("a certificate without libp2p's extension")
    value: bytes = extensions[EXTENSION].value.public_bytes()
    return value
