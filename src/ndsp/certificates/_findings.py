"""What may be wrong with a file, a certificate or a key by itself; each in one line."""

import os
import stat
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from ndsp.certificates._errors import CertificateError
from ndsp.certificates._facts import facts_of
from ndsp.certificates._pem import (
    belongs,
    has_certificate,
    has_key,
    read_certificates,
    read_key,
)
from ndsp.certificates._roles import Role, extension
from ndsp.certificates._trust import distinct_versions

__all__ = [
    "SOON_DAYS",
    "Content",
    "Finding",
    "Level",
    "of_directory",
    "of_hosts",
    "of_pair",
    "of_permissions",
    "of_times",
    "of_unreadable",
    "of_versions",
    "read",
]

SOON_DAYS = 30
"""How long before its end a certificate is reported, in days."""

Level: TypeAlias = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class Finding:
    """Something that somebody should know.

    Attributes:
        level: ``"error"`` does not work or lets in the wrong ones, ``"warning"`` will not, or not
            everywhere, ``"note"`` is fine.
        kind: A word for programs: ``expired``, ``expires-soon``, ``not-yet-valid``, ``no-hosts``,
            ``key-mismatch``, ``key-alone``, ``key-elsewhere``, ``permissions``, ``unreadable``,
            ``wrong-peer``, ``wrong-role``, ``revoked``, ``versions``, ``name``, ``connection`` or
            ``fine``.
        file: What it is about: a file, or ``"HOST:PORT"``.
        text: What was found, and what to do, in one line.
    """

    level: Level
    kind: str
    file: str
    text: str

    def document(self) -> dict[str, Any]:
        """Describe it for a program."""
        return asdict(self)


@dataclass(frozen=True)
class Content:
    """What is in a file: certificates, a key, or both."""

    path: Path
    certificates: tuple[x509.Certificate, ...] = ()
    key: PrivateKeyTypes | None = None


def read(path: Path, expected: Literal["certificate", "key", "anything"]) -> Content:
    """Read a file of PEM.

    Args:
        path: The file.
        expected: What it must hold. What else it holds is read, too.

    Raises:
        OSError: It cannot be read.
        CertificateError: It does not hold what is expected, or it is damaged.
    """
    data = path.read_bytes()
    certificates: list[x509.Certificate] = []
    key = None
    if expected == "key" or has_key(data):
        key = read_key(data, str(path))
    if expected == "certificate" or has_certificate(data) or key is None:
        certificates = read_certificates(data, str(path))
    return Content(path, tuple(certificates), key)


def of_unreadable(path: Path, error: OSError | CertificateError) -> Finding:
    """Report a file that cannot be used."""
    text = str(error)
    if isinstance(error, OSError):
        text = f"cannot be read ({error.strerror or error}); check its name and its permissions"
    return Finding("error", "unreadable", str(path), text)


def of_times(
    certificate: x509.Certificate, source: Path | str, now: datetime, remedy: str
) -> Iterator[Finding]:
    """Report a certificate that is not valid now, or will not be soon.

    Args:
        certificate: The certificate.
        source: Its file, or the server that has shown it.
        now: The present.
        remedy: What makes a new one.
    """
    facts = facts_of(certificate)
    whose = facts.subject or "no subject"
    left = facts.days_left(now)
    if facts.not_after < now:
        text = f"expired on {facts.not_after:%Y-%m-%d} ({whose}); {remedy}"
        yield Finding("error", "expired", str(source), text)
    elif left <= SOON_DAYS:
        days = "a day" if left == 1 else f"{left} days"
        text = f"expires in {days} or less, on {facts.not_after:%Y-%m-%d} ({whose}); {remedy}"
        yield Finding("warning", "expires-soon", str(source), text)
    if facts.not_before > now:
        text = (
            f"is not valid before {facts.not_before:%Y-%m-%d %H:%M} ({whose}), and this machine "
            f"has {now:%Y-%m-%d %H:%M} (UTC); set its clock, or wait"
        )
        yield Finding("error", "not-yet-valid", str(source), text)


def of_hosts(certificate: x509.Certificate, path: Path, remedy: str) -> Iterator[Finding]:
    """Report a certificate that is for a server and names no host."""
    says_so = extension(certificate, x509.ExtendedKeyUsage) is not None
    facts = facts_of(certificate)
    if says_so and Role.SERVER in facts.roles and not facts.hosts:
        text = f"names no host, so that clients with check_hostname=True refuse it; {remedy}"
        yield Finding("warning", "no-hosts", str(path), text)


def of_pair(certificate: Content, key: Content, remedy: str) -> Iterator[Finding]:
    """Report a key that is not the one of a certificate."""
    if key.key is not None and not belongs(key.key, certificate.certificates[0]):
        text = f"is not the key of {certificate.path.name}; {remedy}"
        yield Finding("error", "key-mismatch", str(key.path), text)


def of_permissions(path: Path) -> Iterator[Finding]:
    """Report a private key that not only its owner can read. On Windows nothing is found."""
    if os.name != "posix":
        return
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & (stat.S_IRWXO | stat.S_IRWXG):
        level: Level = "error" if mode & stat.S_IRWXO else "warning"
        who = "everybody" if level == "error" else "its group"
        text = f"is a private key that {who} can use (mode {mode:04o}); chmod 600 {path}"
        yield Finding(level, "permissions", str(path), text)


def of_directory(path: Path) -> Iterator[Finding]:
    """Report a directory in which others can replace files. On Windows nothing is found."""
    if os.name != "posix":
        return
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & (stat.S_IWOTH | stat.S_IWGRP) and not mode & stat.S_ISVTX:
        level: Level = "error" if mode & stat.S_IWOTH else "warning"
        who = "everybody" if level == "error" else "its group"
        text = f"lets {who} replace the files in it (mode {mode:04o}); chmod go-w {path}"
        yield Finding(level, "permissions", str(path), text)


def of_versions(content: Content) -> Iterator[Finding]:
    """Report a file with two different lists of the same authority."""
    twice = distinct_versions(content.certificates)
    if twice is not None:
        text = (
            f"holds two certificates of {twice!r} that vouch for different sides, and programs use "
            "only one of them; keep the one that is right"
        )
        yield Finding("error", "versions", str(content.path), text)
