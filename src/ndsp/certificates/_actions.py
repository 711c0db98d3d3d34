"""What the subcommands of ``ndsp certs`` do, each with what it has to say."""

import argparse
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography import x509

from ndsp.certificates import _advice, _report
from ndsp.certificates._errors import CertificateError
from ndsp.certificates._facts import Facts, facts_of
from ndsp.certificates._files import NewFile, write_together
from ndsp.certificates._names import AUTHORITY
from ndsp.certificates._pem import certificate_pem, read_certificates
from ndsp.certificates._roles import EVERY_ROLE, Role, roles_of
from ndsp.certificates.doctor import Finding, Side, examine, examine_connection, examine_sides
from ndsp.certificates.laboratory import AUTHORITY_DAYS, DAYS, Laboratory

__all__ = ["ACTIONS", "Outcome"]


@dataclass(frozen=True)
class Outcome:
    """What an action has to say.

    Attributes:
        lines: For people, on standard output.
        document: The same for programs.
        remarks: For people, on standard error.
        status: The exit status.
    """

    lines: Sequence[str]
    document: Any
    remarks: Sequence[str] = field(default=())
    status: int = 0


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
    names, certificates = [], list[x509.Certificate]()
    for text in args.members:
        if text != AUTHORITY and _is_file(text):
            certificates += read_certificates(Path(text).read_bytes(), text)
        else:
            names.append(text)
    if names:
        laboratory = Laboratory.open(args.directory)
        if AUTHORITY in names:
            certificates.insert(0, laboratory.authority.certificate)
        else:
            certificates.insert(0, laboratory.restricted(names))
    _check_target(args.file, replace=args.replace)
    write_together([NewFile(args.file, certificate_pem(*certificates))])
    facts = [facts_of(certificate) for certificate in certificates]
    lines = [f"{args.file}: accepts {_whom(facts)}", "use it as the PEER of --ssl CERT KEY PEER"]
    document = {"file": str(args.file), "certificates": [one.document(now) for one in facts]}
    return Outcome(lines, document)


def show(args: argparse.Namespace) -> Outcome:
    """Say what certificates say."""
    now = datetime.now(UTC)
    laboratory = _laboratory(args.directory)
    paths = [_shown(text, args.directory) for text in args.what]
    if not args.what:
        paths = sorted(args.directory.glob("*.pem"))
        if not paths:
            raise CertificateError(
                f"no certificates in {str(args.directory)!r}; name files, or a directory with -d"
            )
    lines: list[str] = []
    documents = []
    for path in paths:
        for certificate in read_certificates(path.read_bytes(), str(path)):
            facts = facts_of(certificate)
            revoked = (
                laboratory is not None
                and laboratory.authority.has_issued(certificate)
                and laboratory.is_revoked(facts.name or "")
            )
            lines += _report.of_facts(path, facts, now, revoked=revoked)
            documents.append({"file": str(path), **facts.document(now), "revoked": revoked})
    return Outcome(lines, documents)


def doctor(args: argparse.Namespace) -> Outcome:
    """Find what is wrong."""
    server = Side(Role.SERVER, *map(Path, args.server)) if args.server else None
    client = Side(Role.CLIENT, *map(Path, args.client)) if args.client else None
    findings: list[Finding] = []
    if args.paths or not (server or client):
        findings += examine(args.paths or [Path()])
    findings += examine_sides(server, client)
    if args.connect and client:
        host, port = args.connect
        findings += examine_connection(host, port, client, timeout=args.timeout)
    lines = [*map(_report.of_finding, findings), _report.summary(findings)]
    remarks = []
    if os.name != "posix":
        remarks.append("who may read the keys is not examined on this system")
    failed = any(finding.level == "error" for finding in findings)
    document = {"ok": not failed, "findings": [finding.document() for finding in findings]}
    return Outcome(lines, document, remarks, status=int(failed))


ACTIONS: dict[str, Callable[[argparse.Namespace], Outcome]] = {
    action.__name__: action for action in (init, issue, revoke, bundle, show, doctor)
}


def _issuing(directory: Path) -> str:
    return _advice.command_line("ndsp", "certs", "issue", "NAME", "-d", directory)


def _is_file(text: str) -> bool:
    return Path(text).suffix in {".pem", ".crt", ".cer"} or len(Path(text).parts) > 1


def _shown(text: str, directory: Path) -> Path:
    if _is_file(text):
        return Path(text)
    path = directory / f"{text}.pem"
    if not path.exists():
        names = ", ".join(sorted(path.name[: -len(".pem")] for path in directory.glob("*.pem")))
        raise CertificateError(
            f"no certificate {text!r} in {str(directory)!r}; there are {names or 'none'}"
        )
    return path


def _laboratory(directory: Path) -> Laboratory | None:
    try:
        return Laboratory.open(directory)
    except (CertificateError, OSError):
        # Other certificates can be shown as well.
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
