"""The authority of a laboratory: a certificate that everybody accepts, and the key behind it.

Whom it no longer vouches for stands in its certificate, so that there is nothing else to keep.
"""

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.x509.oid import NameOID

from ndsp.certificates._errors import CertificateError
from ndsp.certificates._facts import facts_of
from ndsp.certificates._files import NewFile, write_together
from ndsp.certificates._hosts import Host
from ndsp.certificates._making import (
    Period,
    distinguished,
    make_authority,
    make_certificate,
    new_key,
)
from ndsp.certificates._names import AUTHORITY, check_laboratory
from ndsp.certificates._pem import belongs, certificate_pem, key_pem, read_certificates, read_key
from ndsp.certificates._roles import Role

__all__ = ["Authority", "files_of"]

_PRIVATE_DIRECTORY = 0o700


def files_of(directory: Path, name: str = AUTHORITY) -> tuple[Path, Path]:
    """Give the files of the certificate and of the key of a side, or of the authority."""
    # Not with_suffix(), which would take the end of "laser.2" for one.
    return directory / f"{name}.pem", directory / f"{name}.key"


@dataclass(frozen=True)
class Authority:
    """What `create` has made, or `open` has read.

    Attributes:
        directory: Where its files are.
        certificate: What everybody accepts.
    """

    directory: Path
    certificate: x509.Certificate = field(repr=False)

    @classmethod
    def create(cls, directory: Path, laboratory: str, period: Period) -> "Authority":
        """Make the two files of a new authority; see `Laboratory.create`."""
        check_laboratory(laboratory)
        certificate_file, key_file = files_of(directory)
        for path in (certificate_file, key_file):
            if path.exists():
                way_out = (
                    "or renew this authority (--renew)"
                    if certificate_file.exists()
                    else "or remove it: it is a key without a certificate, which nobody can use"
                )
                raise CertificateError(
                    f"cannot make an authority in {str(directory)!r}: {path.name} is there "
                    f"already; choose another directory, {way_out}"
                )
        is_new = not directory.exists()
        key = new_key()
        certificate = make_authority(key, laboratory, period)
        try:
            directory.mkdir(_PRIVATE_DIRECTORY, parents=True, exist_ok=True)
            write_together(
                [
                    NewFile(key_file, key_pem(key), secret=True),
                    NewFile(certificate_file, certificate_pem(certificate)),
                ]
            )
        except BaseException:
            if is_new:
                with suppress(OSError):
                    directory.rmdir()
            raise
        return cls(directory, certificate)

    @classmethod
    def open(cls, directory: Path) -> "Authority":
        """Read the certificate; see `Laboratory.open`."""
        path, _ = files_of(directory)
        try:
            data = path.read_bytes()
        except FileNotFoundError as error:
            raise CertificateError(
                f"no laboratory in {str(directory)!r}: there is no {path.name}; name its directory "
                "with -d, or make one with: ndsp certs init DIR"
            ) from error
        certificate = read_certificates(data, str(path))[0]
        authority = cls(directory, certificate)
        if not facts_of(certificate).is_authority or not authority.laboratory:
            raise CertificateError(
                f"no laboratory in {str(directory)!r}: {path.name} is no certificate of an "
                "authority as 'ndsp certs init' makes it"
            )
        return authority

    @property
    def laboratory(self) -> str:
        """The name of the laboratory."""
        found = self.certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
        return str(found[0].value) if found else ""

    @property
    def file(self) -> Path:
        """What everybody needs to accept the others."""
        return files_of(self.directory)[0]

    @property
    def revoked(self) -> tuple[str, ...]:
        """The names that it no longer vouches for."""
        return facts_of(self.certificate).without

    @property
    def period(self) -> Period:
        """When it is valid."""
        certificate = self.certificate
        return Period(certificate.not_valid_before_utc, certificate.not_valid_after_utc)

    def has_issued(self, certificate: x509.Certificate) -> bool:
        """Tell whether the certificate of a side says that it was signed by this authority."""
        return certificate.issuer == self.certificate.subject != certificate.subject

    def replace(self, period: Period, without: Collection[str]) -> "Authority":
        """Write another certificate for the same key, which therefore has signed the same."""
        made = make_authority(self._key(), self.laboratory, period, without=without)
        write_together([NewFile(self.file, certificate_pem(made))])
        return Authority(self.directory, made)

    def restricted(self, names: Sequence[str]) -> x509.Certificate:
        """Make a certificate of the authority that vouches for these names only."""
        return make_authority(self._key(), self.laboratory, self.period, only=names)

    def sign(
        self,
        name: str,
        public_key: CertificatePublicKeyTypes,
        roles: Collection[Role],
        hosts: Collection[Host],
        days: int,
        now: datetime,
    ) -> x509.Certificate:
        """Make the certificate of a side; see `Laboratory.issue`."""
        if self.period.end <= now:
            raise CertificateError(
                f"cannot sign with {str(self.file)!r}, which has expired; renew it: "
                f"ndsp certs init {self.directory} --renew"
            )
        subject = distinguished(self.laboratory, name)
        # After the end of the authority it would be of no use.
        period = Period.of_days(days, now).until(self.period.end)
        return make_certificate(
            self.certificate, self._key(), subject, public_key, roles, hosts, period
        )

    def _key(self) -> ec.EllipticCurvePrivateKey:
        _, path = files_of(self.directory)
        try:
            data = path.read_bytes()
        except FileNotFoundError as error:
            raise CertificateError(
                f"cannot sign without {str(path)!r}, the key of the authority, which is not there; "
                "work in the directory where it is kept"
            ) from error
        key = read_key(data, str(path))
        if not isinstance(key, ec.EllipticCurvePrivateKey) or not belongs(key, self.certificate):
            raise CertificateError(
                f"cannot sign with {str(path)!r}: it is not the key of {self.file.name}; put back "
                "the one that was made together with it"
            )
        return key
