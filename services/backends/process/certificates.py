"""The installation's certificate authority and the leaf certificates of instances.

Leaves live 90 days and are renewed at two thirds of that; the CA bundle that tenants download may
hold an old and a new CA. Files lie under `<home>/ca/` (key 0600) and in each instance's folder.
"""

from __future__ import annotations

import os
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from portal.kernel import clock

_CA_LIFE = timedelta(days=3650)
_LEAF_LIFE = timedelta(days=90)


def bundle(home: Path) -> Path:
    """The CA certificates that clients trust, PEM; made at the first call."""
    ensure_authority(home)
    return home / "ca" / "bundle.pem"


def ensure_authority(home: Path) -> None:
    """Makes the CA once; safe against a second process."""
    folder = home / "ca"
    if (folder / "bundle.pem").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Polder installation CA")])
    now = clock.now()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + _CA_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    part = folder / f".ca.{os.getpid()}"
    _write(part, _key_pem(key) + _certificate_pem(certificate), 0o600)
    try:
        os.link(part, folder / "ca.pem")  # the first process wins, key and certificate in one file
    except FileExistsError:
        certificate = _authority(home)[1]
    finally:
        part.unlink()
    _write(folder / "bundle.pem", _certificate_pem(certificate), 0o644)


def _authority(home: Path) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    text = (home / "ca" / "ca.pem").read_bytes()
    key = serialization.load_pem_private_key(text, password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError("the CA key is not an elliptic-curve key")
    return key, x509.load_pem_x509_certificate(text)


def issue(home: Path, folder: Path, name: str) -> bool:
    """Makes sure `folder` holds a leaf (`certificate.pem`, `key.pem`) with a third of its life left
    or more.

    The leaf names 127.0.0.1, localhost and `name`. Returns True when it was made anew.
    """
    path = folder / "certificate.pem"
    if path.exists() and (folder / "key.pem").exists() and not is_due(path):
        return False
    ensure_authority(home)
    ca_key, ca = _authority(home)
    key = ec.generate_private_key(ec.SECP256R1())
    now = clock.now()
    names: list[x509.GeneralName] = [
        x509.IPAddress(ip_address("127.0.0.1")),
        x509.DNSName("localhost"),
        x509.DNSName(name),
    ]
    leaf = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(ca.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + _LEAF_LIFE)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False
        )
        .sign(ca_key, hashes.SHA256())
    )
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "key.pem", _key_pem(key), 0o600)
    _write(path, _certificate_pem(leaf), 0o644)
    return True


def is_due(certificate: Path) -> bool:
    """Whether two thirds of the certificate's life are over."""
    leaf = x509.load_pem_x509_certificate(certificate.read_bytes())
    life = leaf.not_valid_after_utc - leaf.not_valid_before_utc
    return clock.now() >= leaf.not_valid_before_utc + life * 2 / 3


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
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


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,  # what JVM engines read
        serialization.NoEncryption(),
    )


def _certificate_pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _write(path: Path, data: bytes, mode: int) -> None:
    part = path.with_name(f"{path.name}.part{os.getpid()}")
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
        file.write(data)
    part.replace(path)
