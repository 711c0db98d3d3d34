"""A directory with the certificates of a laboratory.

``authority.pem`` is what everybody accepts, ``authority.key`` is the secret with which the others
are signed. Each side, a machine or a person, has ``NAME.pem`` and ``NAME.key``.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

from ndsp.certificates._authority import Authority, files_of
from ndsp.certificates._errors import CertificateError
from ndsp.certificates._facts import Facts, facts_of, hosts_of
from ndsp.certificates._files import NewFile, write_together
from ndsp.certificates._hosts import Host, parse_host
from ndsp.certificates._issued import issued_names, read_issued
from ndsp.certificates._making import Period, new_key
from ndsp.certificates._names import check_name, folded
from ndsp.certificates._pem import belongs, certificate_pem, key_pem, read_key
from ndsp.certificates._roles import Role, roles_of

__all__ = [
    "AUTHORITY_DAYS",
    "DAYS",
    "CertificateError",
    "Host",
    "Issued",
    "Laboratory",
    "Role",
    "parse_host",
]

AUTHORITY_DAYS = 3650
"""How long an authority is valid: ten years, as long as a device is in use."""

DAYS = 1825
"""How long the others are: five years, so that an authority outlives those that it has signed."""


@dataclass(frozen=True)
class Issued:
    """A certificate that has been made.

    Attributes:
        certificate: Its file.
        key: The file of its key; it exists unless the key is kept elsewhere.
        facts: What the certificate says.
        has_new_key: Whether the key was made with it.
    """

    certificate: Path
    key: Path
    facts: Facts
    has_new_key: bool


@dataclass(frozen=True)
class Laboratory:
    """The directory of a laboratory; make one with `create`, read one with `open`.

    Attributes:
        authority: Who signs.
    """

    authority: Authority

    @classmethod
    def create(
        cls, directory: Path, name: str, *, days: int = AUTHORITY_DAYS, now: datetime | None = None
    ) -> "Laboratory":
        """Make a directory with the certificate and the key of an authority.

        Args:
            directory: It may exist, but not hold an authority. A new one is private to its owner.
            name: Of the laboratory, which stands in all its certificates.
            days: How long the authority is valid.
            now: From when on; None is the present.

        Raises:
            CertificateError: There is an authority already, or the name cannot be one.
            OSError: The files cannot be written. Nothing was, except for directories above.
        """
        period = Period.of_days(days, now or datetime.now(UTC))
        return cls(Authority.create(directory, name, period))

    @classmethod
    def open(cls, directory: Path) -> "Laboratory":
        """Read the directory of a laboratory. The key of its authority is needed only to sign.

        Raises:
            CertificateError: It holds no authority.
            OSError: It cannot be read.
        """
        return cls(Authority.open(directory))

    @property
    def directory(self) -> Path:
        """Where the files are."""
        return self.authority.directory

    def names(self) -> list[str]:
        """Give the names for which the authority has made certificates, in alphabetical order."""
        return issued_names(self.authority)

    def certificate_of(self, name: str) -> x509.Certificate:
        """Read the certificate of a side.

        Raises:
            CertificateError: The authority has made none of this name, or it is damaged.
            OSError: It cannot be read.
        """
        return read_issued(self.authority, name)

    def issue(
        self,
        name: str,
        roles: Collection[Role],
        hosts: Collection[Host] = (),
        *,
        days: int = DAYS,
        now: datetime | None = None,
    ) -> Issued:
        """Make a key and a certificate for a new side.

        Args:
            name: Its name, which nobody else has or had.
            roles: What it may be shown as.
            hosts: Names and addresses under which a server is reached.
            days: How long it is valid, at most as long as the authority.
            now: From when on; None is the present.

        Raises:
            CertificateError: The name is in use, was revoked or cannot be one, or the key of the
                authority cannot be used.
            OSError: The files cannot be written. Nothing was.
        """
        self._check_not_revoked(check_name(name))
        for path in self.directory.iterdir():
            if path.suffix in {".pem", ".key"} and folded(path.name[:-4]) == folded(name):
                way_out = (
                    "or make a new certificate for the same one (--renew)"
                    if path.with_suffix(".pem").exists()
                    else "or remove it: it is a key without a certificate, which nobody can use"
                )
                raise CertificateError(
                    f"cannot issue for {name!r}: {str(path)!r} is there already; choose another "
                    f"name, {way_out}"
                )
        key = new_key()
        made = self.authority.sign(
            name, key.public_key(), roles, hosts, days, now or datetime.now(UTC)
        )
        certificate_file, key_file = files_of(self.directory, name)
        write_together(
            [
                NewFile(key_file, key_pem(key), secret=True),
                NewFile(certificate_file, certificate_pem(made)),
            ]
        )
        return Issued(certificate_file, key_file, facts_of(made), has_new_key=True)

    def renew(
        self,
        name: str,
        roles: Collection[Role] | None = None,
        hosts: Collection[Host] | None = None,
        *,
        with_new_key: bool = False,
        days: int = DAYS,
        now: datetime | None = None,
    ) -> Issued:
        """Replace the certificate of a side by a new one.

        The key stays what it is: then a program that reads both files meanwhile has two that belong
        together, and nothing that is secret has to be carried to another machine. It need not even
        be in the directory.

        Args:
            name: The name of the side.
            roles: What it may be shown as; None is what it was.
            hosts: Names and addresses of a server; None is what they were.
            with_new_key: Make a new key, too. A program that reads the two files in the very moment
                in which they are replaced may get two that do not belong together, which it is told
                and has to be started again.
            days: As for `issue`.
            now: As for `issue`.

        Raises:
            CertificateError: There is nothing to renew, or as for `issue`.
            OSError: The files cannot be written. They are as they were.
        """
        before = self.certificate_of(name)
        self._check_not_revoked(name)
        certificate_file, key_file = files_of(self.directory, name)
        public_key = before.public_key()
        files = []
        if with_new_key:
            key = new_key()
            public_key = key.public_key()
            files.append(NewFile(key_file, key_pem(key), secret=True))
        elif key_file.exists():
            key_there = read_key(key_file.read_bytes(), str(key_file))
            if not belongs(key_there, before):
                raise CertificateError(
                    f"cannot renew {str(certificate_file)!r}: {key_file.name} is not its key; put "
                    "that back, or make both again (--renew --new-key)"
                )
        roles = roles_of(before) if roles is None else roles
        if Role.SERVER not in roles:
            hosts = ()
        made = self.authority.sign(
            facts_of(before).name or name,
            public_key,
            roles,
            hosts_of(before) if hosts is None else hosts,
            days,
            now or datetime.now(UTC),
        )
        write_together([*files, NewFile(certificate_file, certificate_pem(made))])
        return Issued(certificate_file, key_file, facts_of(made), has_new_key=with_new_key)

    def renew_authority(
        self, *, days: int = AUTHORITY_DAYS, now: datetime | None = None
    ) -> "Laboratory":
        """Let the authority be valid for longer. What it has signed is so with the new one, too.

        Raises:
            CertificateError: The key of the authority cannot be used.
            OSError: The file cannot be written. It is as it was.
        """
        period = Period.of_days(days, now or datetime.now(UTC))
        return Laboratory(self.authority.replace(period, self.authority.revoked))

    def revoke(self, name: str) -> "Laboratory":
        """Let the authority no longer vouch for a side, for ever.

        Who has the new ``authority.pem`` refuses it from then on, and accepts all others.

        Raises:
            CertificateError: There is no certificate of this name, or the key of the authority
                cannot be used.
            OSError: The file cannot be written. It is as it was.
        """
        if self.is_revoked(name):
            return self
        issued_for = facts_of(self.certificate_of(name)).name or name
        without = (*self.authority.revoked, issued_for)
        return Laboratory(self.authority.replace(self.authority.period, without))

    def is_revoked(self, name: str) -> bool:
        """Tell whether the authority no longer vouches for a name."""
        return not facts_of(self.authority.certificate).vouches_for(name)

    def restricted(self, names: Sequence[str]) -> x509.Certificate:
        """Make a certificate of the authority that vouches for some sides only.

        Args:
            names: Whom to accept; each has a certificate.

        Raises:
            CertificateError: One has none, or was revoked; or the key of the authority cannot be
                used.
        """
        for name in names:
            self._check_not_revoked(name)
        issued_for = [facts_of(self.certificate_of(name)).name or name for name in names]
        return self.authority.restricted(list(dict.fromkeys(issued_for)))

    def _check_not_revoked(self, name: str) -> None:
        if self.is_revoked(name):
            raise CertificateError(
                f"the name {name!r} was revoked for ever, since a stolen key stays stolen; choose "
                f"another, such as {name + '-2'!r}"
            )
