"""Whether a side accepts another by its file of certificates: as OpenSSL decides, in words.

OpenSSL itself can be asked only in a handshake, for which the keys of both sides are needed.
"""

# Not by cryptography's x509.verification, which refuses every constraint on the names of
# directories (as of 50.0): lists and revocations are such. PyOpenSSL leaves the purpose out.

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Literal

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from ndsp.certificates._facts import facts_of, in_words
from ndsp.certificates._names import folded
from ndsp.certificates._roles import Role, extension, roles_of

__all__ = ["Refusal", "Trust", "distinct_versions"]

_LONGEST_PATH = 10


@dataclass(frozen=True)
class Refusal:
    """Why a certificate is not accepted.

    Attributes:
        kind: ``"unknown"`` neither it nor its signer is in the file, ``"times"`` it is not valid
            now, ``"signature"`` it was not signed by whom it names, ``"role"`` it is for another
            use, ``"revoked"`` it is excepted from those whom the authority vouches for, ``"list"``
            it is not among them.
        text: The same in words.
    """

    kind: Literal["unknown", "times", "signature", "role", "revoked", "list"]
    text: str


@dataclass(frozen=True)
class Trust:
    """What one side accepts.

    Args:
        certificates: Those in its ``peer_cert`` file.
        now: When; None leaves all times out of account.
        also_signed_by_others: Whether a certificate in the file is trusted that is not signed by
            itself, as ``sipyco.tools.SimpleSSLConfig`` does and other programs may not.
    """

    certificates: Sequence[x509.Certificate]
    now: datetime | None = None
    also_signed_by_others: bool = True

    def why_refused(self, shown: Sequence[x509.Certificate], role: Role) -> Refusal | None:
        """Say why a certificate is refused, None if it is accepted.

        Args:
            shown: The certificate of the other side, and those behind it that it shows, too.
            role: What the other side is.
        """
        path = [shown[0]]
        while not self._is_anchor(path[-1]):
            if len(path) > _LONGEST_PATH:
                return Refusal("unknown", "there is no end to who signed whom")
            issuer = self._issuer(path[-1], shown[1:])
            if issuer is None:
                return Refusal("unknown", self._why_unknown(path[-1]))
            path.append(issuer)
        return (
            self._why_not_now(path)
            or _why_not_signed(path)
            or _why_not_as(path, role)
            or _why_not_vouched_for(path)
        )

    def _is_anchor(self, certificate: x509.Certificate) -> bool:
        return certificate in self.certificates and (
            self.also_signed_by_others or certificate.issuer == certificate.subject
        )

    def _issuer(
        self, certificate: x509.Certificate, shown: Sequence[x509.Certificate]
    ) -> x509.Certificate | None:
        if certificate.issuer == certificate.subject:
            return None
        for candidate in (*self.certificates, *shown):
            if candidate.subject == certificate.issuer and _could_sign(candidate, certificate):
                return candidate
        return None

    def _why_unknown(self, last: x509.Certificate) -> str:
        if last in self.certificates:
            return (
                f"{_named(last)} is in the file, but not signed by itself, nor is its signer there"
            )
        if last.issuer == last.subject:
            return f"{_named(last)}, signed by itself, is not in the file"
        return f"neither {_named(last)} nor its signer {in_words(last.issuer)!r} is in the file"

    def _why_not_now(self, path: Sequence[x509.Certificate]) -> Refusal | None:
        if self.now is None:
            return None
        for certificate in path:
            facts = facts_of(certificate)
            if facts.not_after < self.now:
                return Refusal(
                    "times", f"{_named(certificate)} has expired on {facts.not_after:%Y-%m-%d}"
                )
            if facts.not_before > self.now:
                return Refusal(
                    "times",
                    f"{_named(certificate)} is not valid before {facts.not_before:%Y-%m-%d}",
                )
        return None


def distinct_versions(certificates: Sequence[x509.Certificate]) -> str | None:
    """Give an authority of which a file has several that vouch for different sides, in words.

    OpenSSL uses only one of them.
    """
    seen: dict[tuple[str, bytes], tuple[tuple[str, ...], tuple[str, ...]]] = {}
    for certificate in certificates:
        facts = facts_of(certificate)
        if facts.is_authority:
            vouches = (facts.only, facts.without)
            identity = (facts.subject, _key_id(certificate) or b"")
            if seen.setdefault(identity, vouches) != vouches:
                return facts.subject
    return None


def _named(certificate: x509.Certificate) -> str:
    return f"the certificate {in_words(certificate.subject)!r}"


def _key_id(certificate: x509.Certificate) -> bytes | None:
    found = extension(certificate, x509.SubjectKeyIdentifier)
    return found.digest if found else None


def _could_sign(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    by = extension(certificate, x509.AuthorityKeyIdentifier)
    known = _key_id(issuer)
    if by and by.key_identifier and known and by.key_identifier != known:
        return False
    usage = extension(issuer, x509.KeyUsage)
    return usage is None or usage.key_cert_sign


def _why_not_signed(path: Sequence[x509.Certificate]) -> Refusal | None:
    for depth, (certificate, issuer) in enumerate(pairwise(path)):
        try:
            certificate.verify_directly_issued_by(issuer)
        except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
            return Refusal(
                "signature",
                f"{_named(certificate)} was signed by another {in_words(issuer.subject)!r}",
            )
        basic = extension(issuer, x509.BasicConstraints)
        if basic is None or not basic.ca:
            return Refusal("signature", f"{_named(issuer)} is not one of an authority")
        if basic.path_length is not None and basic.path_length < depth:
            return Refusal(
                "signature", f"{_named(issuer)} does not let those that it has signed sign others"
            )
    return None


def _why_not_as(path: Sequence[x509.Certificate], role: Role) -> Refusal | None:
    for certificate in path:
        if role not in roles_of(certificate):
            allowed = " and ".join(roles_of(certificate)) or "something else"
            return Refusal("role", f"{_named(certificate)} is for a {allowed}, not for a {role}")
    usage = extension(path[0], x509.KeyUsage)
    if usage and not (
        usage.digital_signature
        or usage.key_agreement
        or (role is Role.SERVER and usage.key_encipherment)
    ):
        return Refusal("role", f"{_named(path[0])} is not for TLS")
    return None


def _why_not_vouched_for(path: Sequence[x509.Certificate]) -> Refusal | None:
    for issuer in path[1:]:
        constraints = extension(issuer, x509.NameConstraints)
        if constraints is None:
            continue
        subject = path[0].subject
        excluded = _directories(constraints.excluded_subtrees)
        if any(_is_within(subject, base) for base in excluded):
            return Refusal("revoked", f"{_named(path[0])} is revoked in the file")
        permitted = _directories(constraints.permitted_subtrees)
        if permitted and not any(_is_within(subject, base) for base in permitted):
            return Refusal("list", f"{_named(path[0])} is not among those that the file lists")
    return None


def _directories(subtrees: Sequence[x509.GeneralName] | None) -> list[x509.Name]:
    return [tree.value for tree in subtrees or () if isinstance(tree, x509.DirectoryName)]


def _is_within(subject: x509.Name, base: x509.Name) -> bool:
    parts = [(attribute.oid, folded(str(attribute.value))) for attribute in subject]
    start = [(attribute.oid, folded(str(attribute.value))) for attribute in base]
    return parts[: len(start)] == start
