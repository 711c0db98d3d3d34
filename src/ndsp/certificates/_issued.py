"""The certificates that an authority has made, as they lie in its directory."""

from cryptography import x509

from ndsp.certificates._authority import Authority, files_of
from ndsp.certificates._errors import CertificateError
from ndsp.certificates._facts import facts_of
from ndsp.certificates._names import check_name, folded
from ndsp.certificates._pem import read_certificates

__all__ = ["issued_names", "read_issued"]


def issued_names(authority: Authority) -> list[str]:
    """Give the names in alphabetical order; see `Laboratory.names`."""
    found = []
    for path in sorted(authority.directory.glob("*.pem")):
        name = path.name.removesuffix(".pem")
        try:
            read_issued(authority, name)
        except CertificateError:
            # The authority, a list, or somebody else's file: the doctor looks at them.
            continue
        found.append(name)
    return found


def read_issued(authority: Authority, name: str) -> x509.Certificate:
    """Read the certificate of a side; see `Laboratory.certificate_of`."""
    path, _ = files_of(authority.directory, check_name(name))
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        known = ", ".join(issued_names(authority)) or "nobody yet"
        raise CertificateError(
            f"no certificate of {name!r} in {str(path.parent)!r}; there are those of {known}"
        ) from error
    certificate = read_certificates(data, str(path))[0]
    if not authority.has_issued(certificate):
        raise CertificateError(
            f"cannot use {str(path)!r}: it was not made by the authority of this directory"
        )
    issued_for = facts_of(certificate).name or ""
    if folded(issued_for) != folded(name):
        raise CertificateError(
            f"cannot use {str(path)!r}: it is the certificate of {issued_for!r}; give it that name "
            "again"
        )
    return certificate
