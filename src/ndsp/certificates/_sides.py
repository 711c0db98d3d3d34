"""The findings about the files of two sides that are to accept each other."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ndsp.certificates import _findings
from ndsp.certificates._errors import CertificateError
from ndsp.certificates._findings import Content, Finding
from ndsp.certificates._roles import Role, roles_of
from ndsp.certificates._trust import Trust

__all__ = ["REMEDIES", "Side", "of_side", "of_sides"]


REMEDIES = {
    "unknown": "put that certificate, or better the one of its authority, into this file",
    "times": "renew it",
    "signature": "put the certificate of its own authority into this file",
    "role": "make one with: ndsp certs issue NAME --{role}",
    "revoked": "make another under a new name, if it is to come in again",
    "list": "make this list again, with it (ndsp certs bundle)",
}
"""What to do about a refusal."""


@dataclass(frozen=True)
class Side:
    """The three files of one side, as they are given to ``--ssl``.

    Args:
        role: What it is.
        certificate: Its own certificate.
        key: Its own key.
        peer: Whom it accepts.
    """

    role: Role
    certificate: Path
    key: Path
    peer: Path


@dataclass(frozen=True)
class _Loaded:
    side: Side
    certificate: Content
    peer: Content


def of_sides(server: Side, client: Side, now: datetime) -> Iterator[Finding]:
    """Report what is wrong with two sides, each by itself and with the other."""
    yield from of_side(server, now)
    yield from of_side(client, now)
    try:
        loaded = [_load(server), _load(client)]
    except (OSError, CertificateError):
        # Reported for the side whose it is.
        return
    refusals = [*_of_refusal(*loaded), *_of_refusal(*reversed(loaded))]
    yield from refusals
    if not refusals:
        text = f"and {client.certificate} accept each other"
        yield Finding("note", "fine", str(server.certificate), text)


def of_side(side: Side, now: datetime) -> Iterator[Finding]:
    """Report what is wrong with the files of one side."""
    contents = {}
    for name, path in (("certificate", side.certificate), ("key", side.key), ("peer", side.peer)):
        try:
            contents[name] = _findings.read(path, "key" if name == "key" else "certificate")
        except (OSError, CertificateError) as error:
            yield _findings.of_unreadable(path, error)
    if "key" in contents:
        yield from _findings.of_permissions(side.key)
    if "certificate" in contents:
        yield from _of_own(side, contents["certificate"], now)
    if "certificate" in contents and "key" in contents:
        remedy = "give the program two files that were made together"
        yield from _findings.of_pair(contents["certificate"], contents["key"], remedy)
    if "peer" in contents:
        yield from _of_peer(contents["peer"], now)


def _of_own(side: Side, content: Content, now: datetime) -> Iterator[Finding]:
    certificate, path = content.certificates[0], content.path
    yield from _findings.of_times(certificate, path, now, "renew it")
    roles = roles_of(certificate)
    if side.role not in roles:
        allowed = " and ".join(roles) or "something else"
        text = (
            f"is for a {allowed}, so that a {side.role} that shows it is refused; make one for a "
            f"{side.role}: ndsp certs issue NAME --{side.role}"
        )
        yield Finding("error", "wrong-role", str(path), text)
    elif side.role is Role.SERVER:
        yield from _findings.of_hosts(certificate, path, "renew it with --host HOST")


def _of_peer(content: Content, now: datetime) -> Iterator[Finding]:
    for certificate in content.certificates:
        remedy = "renew it, or remove it from this file"
        yield from _findings.of_times(certificate, content.path, now, remedy)
    yield from _findings.of_versions(content)
    if content.key is not None:
        text = "is whom to accept, and holds a private key, which only the other side should have"
        yield Finding("warning", "wrong-peer", str(content.path), f"{text}; remove it from there")


def _of_refusal(judge: _Loaded, other: _Loaded) -> Iterator[Finding]:
    """Report whether one side refuses the other; without regard to times, looked at before."""
    shown, role, file = other.certificate, other.side.role, judge.peer.path
    refusal = Trust(judge.peer.certificates).why_refused(shown.certificates, role)
    if refusal is not None:
        text = f"with this file the {judge.side.role} refuses {shown.path}: {refusal.text}"
        remedy = REMEDIES[refusal.kind].format(role=role)
        if judge.certificate.certificates[0] in judge.peer.certificates:
            remedy = f"it holds the {judge.side.role}'s own certificate: put the other's there"
        yield Finding("error", "wrong-peer", str(file), f"{text}; {remedy}")
        return
    strictly = Trust(judge.peer.certificates, also_signed_by_others=False)
    refusal = strictly.why_refused(shown.certificates, role)
    if refusal is not None:
        text = (
            f"with this file SiPyCo 1.x may refuse {shown.path}: {refusal.text}; put the "
            "certificate of its authority there, or a list (ndsp certs bundle)"
        )
        yield Finding("warning", "wrong-peer", str(file), text)


def _load(side: Side) -> _Loaded:
    return _Loaded(
        side,
        _findings.read(side.certificate, "certificate"),
        _findings.read(side.peer, "certificate"),
    )
