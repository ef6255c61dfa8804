"""Certificates of the rig: an authority, and what it signs."""

from __future__ import annotations

import datetime
import ipaddress

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

Key = ec.EllipticCurvePrivateKey


def accounts_key() -> bytes:
    """What signs tokens of service accounts."""
    return _pem(rsa.generate_private_key(public_exponent=65537, key_size=2048))


class Authority:
    """Signed by itself."""

    def __init__(self, name: str) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._signed = _builder(name, self._key, name, 0).sign(self._key, hashes.SHA256())
        self.certificate = self._signed.public_bytes(serialization.Encoding.PEM)
        self.key = _pem(self._key)

    def leaf(self, name: str, *also: str) -> tuple[bytes, bytes]:
        """A certificate for these names and addresses, and its key, both PEM."""
        key = ec.generate_private_key(ec.SECP256R1())
        issuer = self._signed.subject.rfc4514_string().removeprefix("CN=")
        signed = _named(_builder(name, key, issuer, None), (name, *also))
        made = signed.sign(self._key, hashes.SHA256())
        return made.public_bytes(serialization.Encoding.PEM), _pem(key)


def self_signed(name: str, *also: str) -> tuple[bytes, bytes]:
    """A certificate that is its own authority, and its key, both PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    made = _named(_builder(name, key, name, 0), (name, *also)).sign(key, hashes.SHA256())
    return made.public_bytes(serialization.Encoding.PEM), _pem(key)


def _builder(name: str, key: Key, issuer: str, depth: int | None) -> x509.CertificateBuilder:
    """An authority where it has a depth."""
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=2))
        .add_extension(
            x509.BasicConstraints(ca=depth is not None, path_length=depth), critical=True
        )
    )


def _named(builder: x509.CertificateBuilder, names: tuple[str, ...]) -> x509.CertificateBuilder:
    def entry(name: str) -> x509.GeneralName:
        try:
            return x509.IPAddress(ipaddress.ip_address(name))
        except ValueError:
            return x509.DNSName(name)

    return builder.add_extension(x509.SubjectAlternativeName(map(entry, names)), critical=False)


def _pem(key: Key | rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
