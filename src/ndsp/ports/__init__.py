"""Default TCP ports: which programs listen where unless they are told otherwise."""

from ndsp.ports._table import KNOWN_PORTS, KnownPorts, markdown, users_of

__all__ = ["KNOWN_PORTS", "KnownPorts", "markdown", "users_of"]
