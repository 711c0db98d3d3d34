"""The fixture ``tls_pair``."""

import dataclasses
from pathlib import Path

import pytest

from ndsp.testing import TlsPair
from sipyco.pc_rpc import Client
from sipyco.tools import SimpleSSLConfig
from tests.serving import served


class Lamp:
    def is_on(self) -> bool:
        return True


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_the_two_accept_each_other_by_every_local_name(tls_pair: TlsPair, host: str) -> None:
    careful = dataclasses.replace(tls_pair.client, check_hostname=True)
    with (
        served({"lamp": Lamp()}, tls_pair.server, host=host) as port,
        Client(host, port, "lamp", 10, careful) as lamp,
    ):
        assert lamp.is_on()


def test_neither_accepts_one_of_another_pair(tls_pair: TlsPair, tmp_path: Path) -> None:
    other = TlsPair.make(tmp_path / "other")
    with served({"lamp": Lamp()}, tls_pair.server) as port:
        both = SimpleSSLConfig(
            other.client.local_cert, other.client.local_key, tls_pair.client.peer_cert
        )
        for stranger in (other.client, both):
            with pytest.raises(OSError, match=r"refuses|ended|disconnected"):
                Client("127.0.0.1", port, "lamp", 10, stranger)


def test_the_arguments_are_those_of_the_command_lines(tls_pair: TlsPair) -> None:
    server, client = tls_pair.server, tls_pair.client
    files = [server.local_cert, server.local_key, server.peer_cert]
    assert tls_pair.server_arguments == ["--ssl", *map(str, files)]
    files = [client.local_cert, client.local_key, client.peer_cert]
    assert tls_pair.client_arguments == ["--ssl", *map(str, files)]
    assert all(Path(file).is_file() for file in files)
