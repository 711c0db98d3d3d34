"""What a side and a laboratory may be called: names that are files everywhere, and never alike."""

import re

from ndsp.certificates._errors import CertificateError

__all__ = ["AUTHORITY", "check_laboratory", "check_name", "folded"]

AUTHORITY = "authority"
"""The name of the authority's own files, which nobody else can have."""

LONGEST = 64
"""Characters that X.509 allows for a name."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*", re.ASCII)
_NO_FILE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
# Windows takes these for devices, whatever follows the dot.


def check_name(text: str) -> str:
    """Give back the name of one side, of a machine or a person, if it can be one.

    Raises:
        CertificateError: It cannot be the name of a file on every system, or is reserved.
    """
    expected = f"expected up to {LONGEST} letters, digits, '-', '_' and '.', such as 'desk'"
    if not _NAME.fullmatch(text) or len(text) > LONGEST:
        raise CertificateError(f"cannot issue for the name {text!r}; {expected}")
    if text.casefold().endswith((".", ".pem", ".key")):
        raise CertificateError(f"cannot issue for the name {text!r}; give it without its ending")
    if folded(text) == AUTHORITY or _NO_FILE.fullmatch(text):
        raise CertificateError(f"cannot issue for the name {text!r}, which is reserved; {expected}")
    return text


def check_laboratory(text: str) -> str:
    """Give back the name of a laboratory, if it can stand in certificates.

    Raises:
        CertificateError: It is empty, too long, or holds what cannot be printed.
    """
    if not text.strip() or len(text) > LONGEST or not text.isprintable():
        raise CertificateError(
            f"cannot name a laboratory {text!r}; expected 1 to {LONGEST} printable characters"
        )
    return text


def folded(name: str) -> str:
    """Give the form in which two names are the same, as TLS and some file systems see it."""
    return " ".join(name.casefold().split())
