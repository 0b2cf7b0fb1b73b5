"""Certificates for tests: made here, the same bytes each time, and valid for a hundred years.

OpenSSL judges dates by the real clock, whatever a simulated one says. Keys are Ed25519, whose signatures are
all of one length, so that the sizes of packets repeat.
"""

from __future__ import annotations

import datetime
import ssl
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.x509.oid import NameOID

BEGAN = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
CENTURY = datetime.timedelta(days=36_500)


@dataclass(frozen=True)
class Certificates:
    """Files of a certificate, of its key, and of the authority that signed it."""

    certificate: Path
    key: Path
    authority: Path

    def server(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        return context

    def client(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.authority))


def certificates(
    folder: Path, *names: str, began: datetime.datetime = BEGAN, valid: datetime.timedelta = CENTURY
) -> Certificates:
    """Makes a certificate for the hosts of these names, and the authority that clients trust."""
    root, leaf = (Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32) for number in (1, 2))
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "an authority for tests")])
    authority = _signed(
        _builder(issuer, issuer, root, root, 1, BEGAN, CENTURY)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True),
        root,
    )
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    certificate = _signed(
        _builder(subject, issuer, leaf, root, 2, began, valid)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False),
        root,
    )
    key = leaf.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    made = Certificates(folder / "certificate.pem", folder / "key.pem", folder / "authority.pem")
    made.certificate.write_bytes(certificate)
    made.key.write_bytes(key)
    made.authority.write_bytes(authority)
    return made


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: Ed25519PrivateKey,
    signer: Ed25519PrivateKey,
    serial: int,
    began: datetime.datetime,
    valid: datetime.timedelta,
) -> x509.CertificateBuilder:
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    signed_by = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(began)
        .not_valid_after(began + valid)
        .add_extension(identifier, critical=False)
        .add_extension(signed_by, critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _signed(builder: x509.CertificateBuilder, signer: Ed25519PrivateKey) -> bytes:
    return builder.sign(signer, None).public_bytes(serialization.Encoding.PEM)
