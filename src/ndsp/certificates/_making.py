"""Certificates out of keys and facts; nothing here is read or written.

The authority's certificate tells whom it vouches for: everybody, everybody but some names, or some
names only (name constraints). Since every OpenSSL enforces them, such a certificate is a list of
whom to let in that works with any program, and renewed certificates of these names are in it, too.
A list of the certificates themselves would not do: an OpenSSL that is not told otherwise
(VERIFY_X509_PARTIAL_CHAIN) trusts only certificates that are signed by themselves.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.x509.oid import NameOID

from ndsp.certificates._hosts import Host
from ndsp.certificates._roles import EVERY_ROLE, PURPOSES, Role

__all__ = [
    "Period",
    "distinguished",
    "make_authority",
    "make_certificate",
    "new_key",
]

CLOCK_TOLERANCE = timedelta(days=1)
"""How far a certificate reaches into the past: so much may the clock of an instrument's PC lag."""


@dataclass(frozen=True)
class Period:
    """When a certificate is valid; times are in UTC."""

    begin: datetime
    end: datetime

    @classmethod
    def of_days(cls, days: int, now: datetime) -> Self:
        """Make the period from now on, and some time before for those whose clock is slow."""
        return cls(now - CLOCK_TOLERANCE, now + timedelta(days=days))

    def until(self, end: datetime) -> "Period":
        """Give the part that is not after ``end``."""
        return Period(self.begin, min(self.end, end))


def new_key() -> ec.EllipticCurvePrivateKey:
    """Make a private key on the curve P-256, which every TLS library has."""
    return ec.generate_private_key(ec.SECP256R1())


def distinguished(laboratory: str, name: str | None = None) -> x509.Name:
    """Give the subject of a side, or without a name of the authority of a laboratory."""
    parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, laboratory)]
    if name is not None:
        parts.append(x509.NameAttribute(NameOID.COMMON_NAME, name))
    return x509.Name(parts)


def make_authority(
    key: ec.EllipticCurvePrivateKey,
    laboratory: str,
    period: Period,
    *,
    only: Collection[str] = (),
    without: Collection[str] = (),
) -> x509.Certificate:
    """Make a certificate of the authority, which is signed by itself.

    Args:
        key: The key of the authority.
        laboratory: Its name.
        period: When it is valid.
        only: Names of the sides to vouch for; none for everybody.
        without: Names of sides not to vouch for.
    """
    subject = distinguished(laboratory)
    builder = (
        _builder(subject, subject, key.public_key(), period)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
    )
    if only or without:
        constraints = x509.NameConstraints(
            _subtrees(laboratory, only), _subtrees(laboratory, without)
        )
        builder = builder.add_extension(constraints, critical=True)
    return builder.sign(key, hashes.SHA256())


def make_certificate(
    authority: x509.Certificate,
    authority_key: ec.EllipticCurvePrivateKey,
    subject: x509.Name,
    public_key: CertificatePublicKeyTypes,
    roles: Collection[Role],
    hosts: Collection[Host],
    period: Period,
) -> x509.Certificate:
    """Make the certificate of one side.

    Args:
        authority: Who signs it.
        authority_key: The key of the authority.
        subject: Whom it is for.
        public_key: The key of this side.
        roles: What it may be shown as.
        hosts: Names and addresses under which a server is reached; may be empty.
        period: When it is valid.
    """
    purposes = [PURPOSES[role] for role in EVERY_ROLE if role in roles]
    # Every version of the authority's certificate has the same key: its number tells who signed.
    signer = x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key())
    by = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(signer)
    builder = (
        _builder(subject, authority.subject, public_key, period)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        .add_extension(by, critical=False)
    )
    if hosts:
        names = [x509.DNSName(h) if isinstance(h, str) else x509.IPAddress(h) for h in hosts]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(authority_key, hashes.SHA256())


def _builder(
    subject: x509.Name, issuer: x509.Name, key: CertificatePublicKeyTypes, period: Period
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(period.begin)
        .not_valid_after(period.end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _subtrees(laboratory: str, names: Collection[str]) -> list[x509.GeneralName] | None:
    found = [x509.DirectoryName(distinguished(laboratory, name)) for name in names]
    return list[x509.GeneralName](found) or None
