"""Facts and findings as people read them."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from ndsp.certificates._facts import Facts
from ndsp.certificates._findings import Finding

__all__ = ["count", "of_facts", "of_finding", "summary", "validity"]


def validity(facts: Facts, now: datetime) -> str:
    """Say until when a certificate is valid."""
    left = facts.days_left(now)
    if facts.not_after < now:
        return f"expired on {facts.not_after:%Y-%m-%d}"
    if facts.not_before > now:
        return f"valid from {facts.not_before:%Y-%m-%d} to {facts.not_after:%Y-%m-%d}"
    return f"valid until {facts.not_after:%Y-%m-%d}, {count(left, 'day')} left"


def of_facts(path: Path, facts: Facts, now: datetime, *, revoked: bool) -> Iterator[str]:
    """Give the lines about one certificate."""
    yield f"{path}: {facts.subject or '(no subject)'}"
    yield f"  role         {facts.role}"
    if facts.hosts:
        yield f"  hosts        {', '.join(facts.hosts)}"
    if facts.only:
        yield f"  vouches for  only {', '.join(facts.only)}"
    if facts.without:
        yield f"  vouches for  everybody but {', '.join(facts.without)}, revoked"
    yield f"  validity     {'revoked; ' if revoked else ''}{validity(facts, now)}"
    yield f"  signed by    {'itself' if facts.is_self_signed else facts.issuer or '(no subject)'}"
    yield f"  SHA-256      {facts.fingerprint}"


def of_finding(finding: Finding) -> str:
    """Give the line about one finding."""
    return f"{finding.level}: {finding.file}: {finding.text}"


def summary(findings: Sequence[Finding]) -> str:
    """Give the last line of an examination."""
    levels = [finding.level for finding in findings]
    found = [
        count(levels.count(level), level)
        for level in ("error", "warning")
        if levels.count(level) > 0
    ]
    return " and ".join(found) or "no problems found"


def count(number: int, thing: str) -> str:
    """Spell a number of things."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
