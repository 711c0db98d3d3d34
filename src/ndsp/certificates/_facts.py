"""What a certificate says, in words and numbers."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import NameOID

from ndsp.certificates._hosts import Host
from ndsp.certificates._names import folded
from ndsp.certificates._roles import Role, extension, roles_of

__all__ = ["Facts", "common_name", "facts_of", "hosts_of", "in_words"]


@dataclass(frozen=True)
class Facts:
    """What a certificate says.

    Attributes:
        subject: Whom it is for, as ``"O=Ion lab, CN=desk"``; may be empty.
        name: The last part of it, the common name; None if there is none.
        roles: What it may be shown as; none for an authority.
        hosts: Names and addresses of a server.
        not_before: When it begins to be valid, UTC.
        not_after: When it ends.
        fingerprint: SHA-256 over it, as ``"9F:86:..."``.
        issuer: Who signed it, in the form of ``subject``.
        is_self_signed: Whether it names itself as that.
        is_authority: Whether it signs others.
        only: The names that an authority vouches for; empty means everybody.
        without: The names that it does not vouch for.
    """

    subject: str
    name: str | None
    roles: tuple[Role, ...]
    hosts: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    fingerprint: str
    issuer: str
    is_self_signed: bool
    is_authority: bool
    only: tuple[str, ...]
    without: tuple[str, ...]

    @property
    def role(self) -> str:
        """What it is for, in words."""
        if self.is_authority:
            return "authority"
        return " and ".join(self.roles) or "neither server nor client"

    def days_left(self, now: datetime) -> int:
        """Give the days until it ends, with the one that has begun; not positive once it has."""
        return -((now - self.not_after) // timedelta(days=1))

    def vouches_for(self, name: str) -> bool:
        """Tell whether an authority lets a name in that it has signed."""
        only = {folded(one) for one in self.only}
        without = {folded(one) for one in self.without}
        return folded(name) not in without and (not only or folded(name) in only)

    def document(self, now: datetime) -> dict[str, Any]:
        """Describe it for a program."""
        return {
            "subject": self.subject,
            "name": self.name,
            "role": self.role,
            "roles": [role.value for role in self.roles],
            "hosts": list(self.hosts),
            "not_before": self.not_before.isoformat(),
            "not_after": self.not_after.isoformat(),
            "days_left": self.days_left(now),
            "fingerprint_sha256": self.fingerprint,
            "issuer": self.issuer,
            "self_signed": self.is_self_signed,
            "only": list(self.only),
            "without": list(self.without),
        }


def facts_of(certificate: x509.Certificate) -> Facts:
    """Read the facts of a certificate."""
    constraints = extension(certificate, x509.NameConstraints)
    only = constraints.permitted_subtrees if constraints else None
    without = constraints.excluded_subtrees if constraints else None
    is_authority = _signs_others(certificate)
    return Facts(
        subject=in_words(certificate.subject),
        name=common_name(certificate.subject),
        roles=() if is_authority else roles_of(certificate),
        hosts=tuple(str(host) for host in hosts_of(certificate)),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        fingerprint=certificate.fingerprint(hashes.SHA256()).hex(":").upper(),
        issuer=in_words(certificate.issuer),
        is_self_signed=certificate.issuer == certificate.subject,
        is_authority=is_authority,
        only=tuple(_names(only or ())),
        without=tuple(_names(without or ())),
    )


def common_name(name: x509.Name) -> str | None:
    """Give the last common name in the name of a subject, None if there is none."""
    found = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[-1].value) if found else None


def in_words(name: x509.Name) -> str:
    """Spell a subject in the order in which it is written, as openssl does."""
    return ", ".join(attribute.rfc4514_string() for attribute in name)


def hosts_of(certificate: x509.Certificate) -> list[Host]:
    """Give the hosts that a certificate names."""
    found: list[Host] = []
    for name in extension(certificate, x509.SubjectAlternativeName) or ():
        value = name.value
        # Other kinds are for mail and the like, and networks are none of anybody's.
        if isinstance(name, x509.DNSName) or isinstance(value, IPv4Address | IPv6Address):
            found.append(value)
    return found


def _signs_others(certificate: x509.Certificate) -> bool:
    # Those that `openssl req -x509` makes for a server or client claim to be authorities, too,
    # but do not say that their key is for signing.
    basic = extension(certificate, x509.BasicConstraints)
    usage = extension(certificate, x509.KeyUsage)
    return bool(basic and basic.ca and usage and usage.key_cert_sign)


def _names(subtrees: Iterable[x509.GeneralName]) -> Iterable[str]:
    for subtree in subtrees:
        if isinstance(subtree, x509.DirectoryName):
            yield common_name(subtree.value) or in_words(subtree.value)
        else:
            yield str(subtree.value)
