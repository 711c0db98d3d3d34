"""What a certificate may be shown as: by the side that listens, by the one that connects."""

from enum import StrEnum
from typing import TypeVar

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

__all__ = ["EVERY_ROLE", "PURPOSES", "Role", "extension", "roles_of"]

_Extension = TypeVar("_Extension", bound=x509.ExtensionType)


class Role(StrEnum):
    """A side of a connection."""

    SERVER = "server"
    CLIENT = "client"


EVERY_ROLE = (Role.SERVER, Role.CLIENT)

PURPOSES = {
    Role.SERVER: ExtendedKeyUsageOID.SERVER_AUTH,
    Role.CLIENT: ExtendedKeyUsageOID.CLIENT_AUTH,
}
"""What a certificate has to say for a role, if it says anything about its use."""


def roles_of(certificate: x509.Certificate) -> tuple[Role, ...]:
    """Give the roles that a certificate allows: both, if it says nothing about its use."""
    usage = extension(certificate, x509.ExtendedKeyUsage)
    if usage is None or ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE in usage:
        return EVERY_ROLE
    return tuple(role for role in EVERY_ROLE if PURPOSES[role] in usage)


def extension(certificate: x509.Certificate, kind: type[_Extension]) -> _Extension | None:
    """Give an extension of a certificate, None if it has no such."""
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None
