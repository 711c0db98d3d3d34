"""The fixture ``tls_pair``: certificates of a server and a client who accept only each other."""

from dataclasses import dataclass
from pathlib import Path

from ndsp.certificates.laboratory import Laboratory, Role, parse_host
from sipyco.tools import SimpleSSLConfig

__all__ = ["TlsPair"]

HOSTS = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class TlsPair:
    """Two sides, each of which accepts the other and nobody else.

    Attributes:
        server: Files of the side that listens; its certificate names localhost, 127.0.0.1 and ::1.
        client: Files of the side that connects.
    """

    __module__ = "ndsp.testing"

    server: SimpleSSLConfig
    client: SimpleSSLConfig

    @classmethod
    def make(cls, directory: Path) -> "TlsPair":
        """Make the files in a directory that has none yet.

        They have an authority of their own, so that those of two pairs do not accept each other. It
        takes 5 ms, of which an authority for several pairs would save 2.
        """
        laboratory = Laboratory.create(directory, "tests")
        server = laboratory.issue("server", {Role.SERVER}, [parse_host(host) for host in HOSTS])
        client = laboratory.issue("client", {Role.CLIENT})
        accepted = directory / "authority.pem"
        return cls(
            SimpleSSLConfig(server.certificate, server.key, accepted),
            SimpleSSLConfig(client.certificate, client.key, accepted),
        )

    @property
    def server_arguments(self) -> list[str]:
        """The arguments ``--ssl CERT KEY PEER`` of a controller."""
        return _arguments(self.server)

    @property
    def client_arguments(self) -> list[str]:
        """The arguments ``--ssl CERT KEY PEER`` of a program that connects."""
        return _arguments(self.client)


def _arguments(config: SimpleSSLConfig) -> list[str]:
    return ["--ssl", *map(str, (config.local_cert, config.local_key, config.peer_cert))]
