"""The findings about files: each by itself, and together with the laboratory beside it."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

from cryptography import x509

from ndsp.certificates import _findings
from ndsp.certificates._authority import files_of
from ndsp.certificates._errors import CertificateError
from ndsp.certificates._facts import facts_of
from ndsp.certificates._findings import Content, Finding
from ndsp.certificates._names import folded
from ndsp.certificates._roles import roles_of
from ndsp.certificates._trust import Trust
from ndsp.certificates.laboratory import Laboratory

__all__ = ["key_beside", "of_files", "pem_files"]

_ENDINGS = (".pem", ".crt", ".cer")
"""What the names of files with certificates end with; those of keys end with ``.key``."""


def pem_files(directory: Path) -> list[Path]:
    """Give the files of a directory that should hold certificates or keys.

    Raises:
        OSError: It cannot be read.
    """
    return sorted(
        path
        for path in directory.iterdir()
        if path.suffix in {*_ENDINGS, ".key"} and not path.name.startswith(".")
    )


def key_beside(path: Path) -> list[Path]:
    """Give the key that lies beside a certificate, under the same name; nothing for others."""
    key = path.with_name(f"{path.name.removesuffix(path.suffix)}.key")
    return [key] if path.suffix in _ENDINGS and key.exists() else []


def of_files(paths: Iterable[Path], now: datetime) -> Iterator[Finding]:
    """Report what is wrong with files of certificates and keys, in their order."""
    laboratories: dict[Path, Laboratory | None] = {}
    for path in paths:
        directory = path.parent
        if directory not in laboratories:
            laboratories[directory] = _laboratory(directory)
        try:
            content = _findings.read(path, "key" if path.suffix == ".key" else "anything")
        except (OSError, CertificateError) as error:
            yield _findings.of_unreadable(path, error)
            continue
        yield from _of_certificates(content, laboratories[directory], now)
        if content.key is None:
            yield from _of_absent_key(content)
        else:
            yield from _findings.of_permissions(path)
            yield from _of_key(content, laboratories[directory])


def _of_certificates(
    content: Content, laboratory: Laboratory | None, now: datetime
) -> Iterator[Finding]:
    path = content.path
    yield from _findings.of_versions(content)
    for certificate in content.certificates:
        if laboratory is None or not _is_of(certificate, laboratory):
            yield from _findings.of_times(certificate, path, now, _remedy(certificate, None))
        elif laboratory.authority.has_issued(certificate):
            yield from _of_issued(certificate, path, laboratory, now)
        else:
            remedy = _remedy(certificate, laboratory)
            if path != laboratory.authority.file:
                remedy = "make this list again (ndsp certs bundle)"
                yield from _of_list(certificate, path, laboratory)
            yield from _findings.of_times(certificate, path, now, remedy)


def _of_issued(
    certificate: x509.Certificate, path: Path, laboratory: Laboratory, now: datetime
) -> Iterator[Finding]:
    facts = facts_of(certificate)
    if laboratory.is_revoked(facts.name or ""):
        text = "is revoked: who has the present authority.pem refuses it"
        yield Finding("note", "revoked", str(path), text)
        return
    remedy = _remedy(certificate, laboratory)
    yield from _findings.of_times(certificate, path, now, remedy)
    yield from _findings.of_hosts(certificate, path, f"{remedy} --host HOST")
    # Without regard to times, which have been looked at; any of its roles shows who signed it.
    trust = Trust([laboratory.authority.certificate])
    for role in roles_of(certificate)[:1]:
        refusal = trust.why_refused([certificate], role)
        if refusal is not None:
            peer = laboratory.authority.file.name
            text = f"is not accepted by those who have {peer}: {refusal.text}; {remedy}"
            yield Finding("error", "wrong-peer", str(path), text)
    own_name = path.name.removesuffix(path.suffix)
    # Elsewhere than where they are made, a client's files may have a name that is the same for all.
    is_at_home = files_of(laboratory.directory)[1].exists()
    if key_beside(path) and is_at_home and folded(own_name) != folded(facts.name or ""):
        text = f"is the certificate of {facts.name!r}; give the file that name again"
        yield Finding("warning", "name", str(path), text)


def _of_list(
    certificate: x509.Certificate, path: Path, laboratory: Laboratory
) -> Iterator[Finding]:
    facts = facts_of(certificate)
    let_in = [name for name in laboratory.authority.revoked if facts.vouches_for(name)]
    if let_in:
        text = (
            f"still lets in {', '.join(let_in)}, which is revoked; make this list again "
            f"(ndsp certs bundle), or put {laboratory.authority.file.name} in its place"
        )
        yield Finding("error", "revoked", str(path), text)


def _of_key(content: Content, laboratory: Laboratory | None) -> Iterator[Finding]:
    path = content.path
    if content.certificates:
        yield from _findings.of_pair(content, content, "keep those together that belong together")
        return
    for beside in (path.with_name(path.name.removesuffix(path.suffix) + e) for e in _ENDINGS):
        try:
            certificate = _findings.read(beside, "certificate")
        except FileNotFoundError:
            continue
        except (OSError, CertificateError):
            # Reported where this file is looked at.
            return
        remedy = "put back the one that was made together with it"
        first = certificate.certificates[0]
        if laboratory and laboratory.authority.has_issued(first):
            remedy += f", or make both again: {_command(first, laboratory)} --new-key"
        yield from _findings.of_pair(certificate, content, remedy)
        return
    text = f"is a key without a certificate, such as {path.with_suffix('.pem').name}, beside it"
    yield Finding("warning", "key-alone", str(path), f"{text}; remove it if it is not in use")


def _of_absent_key(content: Content) -> Iterator[Finding]:
    # Neither an authority nor a list needs its key to be used.
    is_of_a_side = (
        len(content.certificates) == 1 and not facts_of(content.certificates[0]).is_authority
    )
    if is_of_a_side and not key_beside(content.path):
        text = "its key is not here, so it was not examined"
        yield Finding("note", "key-elsewhere", str(content.path), text)


def _laboratory(directory: Path) -> Laboratory | None:
    try:
        return Laboratory.open(directory)
    except (CertificateError, OSError):
        # There is none, or its file is reported like every other.
        return None


def _is_of(certificate: x509.Certificate, laboratory: Laboratory) -> bool:
    authority = laboratory.authority
    if authority.has_issued(certificate):
        return True
    same_key = certificate.public_key() == authority.certificate.public_key()
    return same_key and certificate.subject == authority.certificate.subject


def _remedy(certificate: x509.Certificate, laboratory: Laboratory | None) -> str:
    if laboratory is None:
        return "make a new one, and give it to those who accept this one"
    return f"renew it: {_command(certificate, laboratory)}"


def _command(certificate: x509.Certificate, laboratory: Laboratory) -> str:
    directory = laboratory.directory
    if laboratory.authority.has_issued(certificate):
        return f"ndsp certs issue {facts_of(certificate).name} -d {directory} --renew"
    return f"ndsp certs init {directory} --renew"
