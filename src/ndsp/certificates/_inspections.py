"""The actions of ``ndsp certs`` that look at certificates."""

import argparse
import os
from datetime import UTC, datetime
from pathlib import Path

from ndsp.certificates import _report
from ndsp.certificates._errors import CertificateError
from ndsp.certificates._facts import facts_of
from ndsp.certificates._outcome import Outcome, is_file
from ndsp.certificates._pem import read_certificates
from ndsp.certificates._roles import Role
from ndsp.certificates.doctor import Finding, Side, examine, examine_connection, examine_sides
from ndsp.certificates.laboratory import Laboratory

__all__ = ["doctor", "show"]


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


def _shown(text: str, directory: Path) -> Path:
    if is_file(text):
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
