"""Host names and addresses as they are typed, and as a certificate can hold them."""

import ipaddress
import re
from collections.abc import Iterable
from typing import TypeAlias

from ndsp.certificates._errors import CertificateError

__all__ = ["Host", "is_among", "parse_endpoint", "parse_host"]

Host: TypeAlias = str | ipaddress.IPv4Address | ipaddress.IPv6Address
"""A DNS name in ASCII and lower case, or an address."""

_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)", re.ASCII)
# With an underscore, which many machines with Windows have in their name.

_EXAMPLES = "expected a name or an address, such as 'lamp.lab.example' or '10.0.0.5'"


def parse_host(text: str) -> Host:
    """Read one host of a server.

    Args:
        text: A DNS name, also with a first part ``*`` or in letters of other scripts; or an IPv4 or
            IPv6 address, also in brackets.

    Raises:
        CertificateError: It is something else, such as a URL or a host with a port.
    """
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        return _parse_name(text)
    if isinstance(address, ipaddress.IPv6Address) and address.scope_id is not None:
        raise CertificateError(
            f"cannot certify the host {text!r}: the part from '%' on has a meaning on one machine "
            "only; leave it out"
        )
    return address


def parse_endpoint(text: str) -> tuple[str, int]:
    """Read where a server listens, as ``lamp:3249`` or ``[::1]:3249``.

    Raises:
        CertificateError: It is something else.
    """
    host, _, port = text.rpartition(":")
    is_bare_address = ":" in host and not (host.startswith("[") and host.endswith("]"))
    is_port = port.isascii() and port.isdigit() and 1 <= int(port[:9]) <= 65535
    if not host or is_bare_address or not is_port:
        raise CertificateError(
            f"cannot connect to {text!r}; expected HOST:PORT, such as 'lamp:3249' or '[::1]:3249'"
        )
    return host.removeprefix("[").removesuffix("]"), int(port)


def is_among(text: str, hosts: Iterable[Host]) -> bool:
    """Tell whether a host that a client asks for is named, also by ``*`` as its first part."""
    try:
        host = parse_host(text)
    except CertificateError:
        return False
    if not isinstance(host, str):
        return host in hosts
    _, _, domain = host.partition(".")
    return any(named in (host, f"*.{domain}") for named in hosts)


def _parse_name(text: str) -> str:
    try:
        name = text if text.isascii() else text.encode("idna").decode("ascii")
    except UnicodeError as error:
        raise CertificateError(f"cannot certify the host {text!r}: {error}; {_EXAMPLES}") from error
    name = name.lower().removesuffix(".")
    if "/" in name:
        raise CertificateError(f"cannot certify the host {text!r}, a URL or network; {_EXAMPLES}")
    if ":" in name:
        raise CertificateError(f"cannot certify the host {text!r}: leave the port out; {_EXAMPLES}")
    labels = name.removeprefix("*.").split(".")
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise CertificateError(f"cannot certify the host {text!r}; {_EXAMPLES}")
    if labels[-1].isdigit():
        # Otherwise a mistyped address, as 10.0.0, would become a name that nothing has.
        raise CertificateError(f"cannot certify the host {text!r}, no complete address")
    return name
