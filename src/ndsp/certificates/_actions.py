"""The actions of ``ndsp certs`` that make something, and the table of all."""

import argparse
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

from ndsp.certificates import _advice, _report
from ndsp.certificates._authority import files_of
from ndsp.certificates._errors import CertificateError
from ndsp.certificates._facts import Facts, facts_of
from ndsp.certificates._files import NewFile, write_together
from ndsp.certificates._inspections import doctor, show
from ndsp.certificates._names import AUTHORITY
from ndsp.certificates._outcome import Outcome, is_file
from ndsp.certificates._pem import certificate_pem, read_certificates
from ndsp.certificates._roles import EVERY_ROLE, Role, roles_of
from ndsp.certificates._trust import distinct_versions
from ndsp.certificates.doctor import examine
from ndsp.certificates.laboratory import AUTHORITY_DAYS, DAYS, Laboratory

__all__ = ["ACTIONS"]


def init(args: argparse.Namespace) -> Outcome:
    """Make the directory of a laboratory, or renew its authority."""
    now = datetime.now(UTC)
    directory: Path = args.directory
    days = args.days or AUTHORITY_DAYS
    if args.renew:
        laboratory = Laboratory.open(directory).renew_authority(days=days, now=now)
        lines = [
            "replace it on every machine while the old one is valid; all certificates stay good",
        ]
    else:
        name = args.name or directory.resolve().name
        laboratory = Laboratory.create(directory, name, days=days, now=now)
        lines = [
            f"give {AUTHORITY}.pem to all machines: the PEER of --ssl CERT KEY PEER on both sides",
            f"keep {AUTHORITY}.key secret and in one place: who has it can let anybody in",
            f"next, for a server: {_issuing(directory)} --host HOST",
            f"and for a client:   {_issuing(directory)}",
        ]
    authority = laboratory.authority
    facts = facts_of(authority.certificate)
    what = f"{authority.file}: authority of {authority.laboratory!r}"
    lines.insert(0, f"{what}, {_report.validity(facts, now)}")
    return Outcome(lines, {"file": str(authority.file), **facts.document(now)})


def issue(args: argparse.Namespace) -> Outcome:
    """Make the certificate and the key of a side, or renew its certificate."""
    now = datetime.now(UTC)
    laboratory = Laboratory.open(args.directory)
    days = args.days or DAYS
    roles = [role for role in EVERY_ROLE if vars(args)[role.value]]
    if args.renew and args.host and not roles:
        roles = [*roles_of(laboratory.certificate_of(args.name))]
    if args.host and Role.SERVER not in roles:
        roles.append(Role.SERVER)
    if args.renew:
        issued = laboratory.renew(
            args.name,
            roles or None,
            args.host or None,
            with_new_key=args.new_key,
            days=days,
            now=now,
        )
    else:
        issued = laboratory.issue(args.name, roles or [Role.CLIENT], args.host, days=days, now=now)
    facts, peer = issued.facts, laboratory.authority.file
    what = f"{issued.certificate}: {facts.role}"
    if facts.hosts:
        what += f" at {', '.join(facts.hosts)}"
    lines = [f"{what}, {_report.validity(facts, now)}"]
    as_server = _advice.command_line(
        *("ndsp", "certs", "issue", facts.name or args.name, "-d", args.directory),
        *("--renew", "--server"),
    )
    if not args.renew and not roles:
        lines.append(f"without --host it is a client; for a server: {as_server} --host HOST")
    if args.renew and args.host and not args.client and Role.CLIENT in facts.roles:
        lines.append(f"it stays a client, too; for a server only: {as_server}")
    if args.renew:
        lines.append(
            "connections go on; programs read it when they are started, and until then show the "
            "old one, which stays good"
        )
    lines += _advice.advice(issued, peer, _some_client(laboratory))
    remarks = []
    if facts.days_left(now) < days:
        remarks.append(
            "it ends together with the authority; renew that with: ndsp certs init DIR --renew"
        )
    if Role.SERVER in facts.roles and not facts.hosts:
        remarks.append("without --host, clients with check_hostname=True refuse it")
    document = {
        "file": str(issued.certificate),
        "key": str(issued.key),
        "new_key": issued.has_new_key,
        **facts.document(now),
        "configuration": _advice.document(issued, peer),
    }
    return Outcome(lines, document, remarks)


def revoke(args: argparse.Namespace) -> Outcome:
    """Let the authority no longer vouch for a side."""
    laboratory = Laboratory.open(args.directory).revoke(args.name)
    authority = laboratory.authority
    lines = [
        f"{authority.file}: no longer vouches for {', '.join(authority.revoked)}",
        f"copy it to every machine that must refuse {args.name}, and restart what runs there",
        "until then nothing changes there, and connections that stand go on",
    ]
    lists = [
        finding.file
        for finding in examine([laboratory.directory])
        if finding.kind == "revoked" and finding.level == "error"
    ]
    if lists:
        lines.append(f"make these lists again: {', '.join(lists)}")
    document = {"file": str(authority.file), "revoked": list(authority.revoked), "lists": lists}
    return Outcome(lines, document)


def bundle(args: argparse.Namespace) -> Outcome:
    """Write a file that accepts some sides only."""
    now = datetime.now(UTC)
    files = {text: _certificates(text) for text in args.members if is_file(text)}
    laboratory = _laboratory_of([args.directory, *(Path(text).parent for text in files)])
    names, certificates = [], list[x509.Certificate]()
    for text in args.members:
        # In the list, a certificate of the laboratory is its name: then those that come after it
        # are accepted, too, and by every program (see _making.py).
        for certificate in files.get(text, ()):
            if laboratory and laboratory.authority.has_issued(certificate):
                names.append(facts_of(certificate).name or text)
            else:
                certificates.append(certificate)
        if text not in files:
            names.append(text)
    if names:
        laboratory = laboratory or Laboratory.open(args.directory)
        everybody = laboratory.authority.certificate
        certificates.insert(0, everybody if AUTHORITY in names else laboratory.restricted(names))
    twice = distinct_versions(certificates)
    if twice is not None:
        raise CertificateError(
            f"cannot list some sides of {twice!r} beside a certificate that stands for others of "
            "them; name either the sides or the certificate"
        )
    _check_target(args.file, replace=args.replace)
    write_together([NewFile(args.file, certificate_pem(*certificates))])
    facts = [facts_of(certificate) for certificate in certificates]
    lines = [f"{args.file}: accepts {_whom(facts)}", "use it as the PEER of --ssl CERT KEY PEER"]
    document = {"file": str(args.file), "certificates": [one.document(now) for one in facts]}
    return Outcome(lines, document)


ACTIONS: dict[str, Callable[[argparse.Namespace], Outcome]] = {
    action.__name__: action for action in (init, issue, revoke, bundle, show, doctor)
}


def _issuing(directory: Path) -> str:
    return _advice.command_line("ndsp", "certs", "issue", "NAME", "-d", directory)


def _certificates(file: str) -> list[x509.Certificate]:
    return read_certificates(Path(file).read_bytes(), file)


def _laboratory_of(directories: Sequence[Path]) -> Laboratory | None:
    for directory in directories:
        if files_of(directory)[0].exists():
            return Laboratory.open(directory)
    return None


def _some_client(laboratory: Laboratory) -> str:
    for name in laboratory.names():
        if Role.CLIENT in facts_of(laboratory.certificate_of(name)).roles:
            return name
    return "CLIENT"


def _check_target(path: Path, *, replace: bool) -> None:
    own_key = path.with_suffix(".key")
    if own_key.exists():
        raise CertificateError(
            f"cannot write a list to {str(path)!r}, the certificate of {str(own_key)!r}; the list "
            "comes first: ndsp certs bundle FILE NAME ..."
        )
    if path.exists() and not replace:
        raise CertificateError(f"cannot write {str(path)!r}, which is there already; --replace it")


def _whom(facts: Sequence[Facts]) -> str:
    found: list[str] = []
    for one in facts:
        if one.only:
            found += one.only
        elif one.is_authority:
            found.append(f"everybody with a certificate of {one.subject!r}")
        else:
            found.append(repr(one.subject))
    return ", ".join(found)
