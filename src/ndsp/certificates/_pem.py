"""Certificates and keys out of the bytes of a file, and back."""

import re

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes

from ndsp.certificates._errors import CertificateError
from ndsp.certificates._facts import facts_of

__all__ = [
    "belongs",
    "certificate_pem",
    "has_certificate",
    "has_key",
    "key_pem",
    "read_certificates",
    "read_key",
]

_CERTIFICATE = re.compile(rb"-----BEGIN (X509 )?CERTIFICATE-----")
_KEY = re.compile(rb"-----BEGIN ([A-Z0-9]+ )*PRIVATE KEY-----")


def has_certificate(data: bytes) -> bool:
    """Tell whether a file has a certificate in it."""
    return _CERTIFICATE.search(data) is not None


def has_key(data: bytes) -> bool:
    """Tell whether a file has a private key in it, that is, must be kept secret."""
    return _KEY.search(data) is not None


def read_certificates(data: bytes, source: str) -> list[x509.Certificate]:
    """Read all certificates of a PEM file.

    Args:
        data: The bytes of the file.
        source: The name of the file, for errors.

    Raises:
        CertificateError: There are none, or one is damaged.
    """
    if not has_certificate(data):
        raise CertificateError(
            f"cannot read certificates from {source!r}: {_what_it_is(data)}; expected PEM, "
            "which begins with '-----BEGIN CERTIFICATE-----'"
        )
    try:
        certificates = x509.load_pem_x509_certificates(data)
        for certificate in certificates:
            # What is damaged inside is found now, not when somebody asks for it.
            facts_of(certificate)
            certificate.public_key()
    except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion) as error:
        raise CertificateError(
            f"cannot read certificates from {source!r}: one is damaged ({_short(error)}); "
            "copy the file again, as a whole"
        ) from error
    except (x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        raise CertificateError(
            f"cannot read certificates from {source!r}: {_short(error)}; make this one again"
        ) from error
    return certificates


def read_key(data: bytes, source: str) -> PrivateKeyTypes:
    """Read the private key of a PEM file.

    Raises:
        CertificateError: There is none, it is damaged, or it is protected by a password.
    """
    if not has_key(data):
        raise CertificateError(
            f"cannot read a private key from {source!r}: {_what_it_is(data)}; expected PEM, "
            "which begins with '-----BEGIN PRIVATE KEY-----'"
        )
    try:
        return serialization.load_pem_private_key(data, password=None)
    except TypeError as error:
        raise CertificateError(
            f"cannot use the key {source!r}: it is protected by a password, which a controller has "
            f"nobody to type; remove it: openssl pkey -in {source} -out NEW.key"
        ) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise CertificateError(
            f"cannot read a private key from {source!r}: it is damaged ({_short(error)}); "
            "copy the file again, as a whole"
        ) from error


def belongs(key: PrivateKeyTypes, certificate: x509.Certificate) -> bool:
    """Tell whether a private key is the one of a certificate."""
    return _spelled(key.public_key()) == _spelled(certificate.public_key())


def certificate_pem(*certificates: x509.Certificate) -> bytes:
    """Write certificates, one after the other."""
    pem = serialization.Encoding.PEM
    return b"".join(certificate.public_bytes(pem) for certificate in certificates)


def key_pem(key: PrivateKeyTypes) -> bytes:
    """Write a private key, without a password."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _spelled(key: PublicKeyTypes) -> bytes:
    return key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def _what_it_is(data: bytes) -> str:
    if not data.strip():
        return "it is empty"
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "it is text in UTF-16; save it as plain text (ASCII or UTF-8)"
    if data[0] == 0x30:
        return "it seems to be DER; convert it: openssl x509 -inform der -in OLD -out NEW.pem"
    if has_key(data):
        return "it holds a private key"
    if has_certificate(data):
        return "it holds a certificate"
    return "it holds neither certificate nor key"


def _short(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:120]
