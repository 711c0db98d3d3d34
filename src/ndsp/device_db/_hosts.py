"""Which host names mean the same machine, as far as that can be said without asking anybody."""

import ipaddress

__all__ = ["machine"]

THIS_MACHINE = {"localhost", "localhost.localdomain", "ip6-localhost", "127.0.0.1", "::1"}
"""Not all of 127.0.0.0/8: several devices may listen on one port and on different ones of these."""


def machine(host: str) -> str:
    """Give the same text for hosts that are the same machine.

    ``localhost``, ``127.0.0.1`` and ``::1`` are one, spellings of one address too, and case does
    not matter in names. A name and its address are two, since no name server is asked.

    Returns:
        ``"localhost"`` for this machine, otherwise a name or address.
    """
    name = host.lower().rstrip(".")
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        pass
    else:
        mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
        name = str(mapped or address)
    return "localhost" if name in THIS_MACHINE else name
