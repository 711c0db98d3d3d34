"""Certificates for tests of TLS, made once per session as users make them."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme

from sipyco.tools import SimpleSSLConfig

FOR_LOOPBACK = ("-addext", "subjectAltName=IP:127.0.0.1,IP:::1,DNS:localhost")


@dataclass(frozen=True)
class Certificates:
    """Files ``<name>.pem`` and ``<name>.key`` in one directory.

    ``server``, ``client``, ``second_client`` and ``stranger`` are made with the manual's command,
    ``bare_server`` and ``bare_client`` too but for no address, ``signed_server`` and
    ``signed_client`` are signed by an authority that nobody here trusts as such.
    """

    directory: Path

    def cert(self, name: str) -> Path:
        return self.directory / f"{name}.pem"

    def key(self, name: str) -> Path:
        return self.directory / f"{name}.key"

    def config(self, local: str, *peers: str, check_hostname: bool = False) -> SimpleSSLConfig:
        """The files of one side that accepts the given others."""
        return SimpleSSLConfig(
            self.cert(local), self.key(local), self.joined(*peers), check_hostname=check_hostname
        )

    def server_config(self) -> SimpleSSLConfig:
        return self.config("server", "client")

    def client_config(self) -> SimpleSSLConfig:
        return self.config("client", "server")

    def joined(self, *names: str) -> Path:
        """One file with several certificates."""
        path = self.directory / f"{'+'.join(names)}.pem"
        if not path.exists():
            path.write_text("".join(self.cert(name).read_text() for name in names))
        return path


def _self_signed(directory: Path, name: str, *options: str) -> None:
    # As in the manual, but for the kind of key, which is faster to make.
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-keyout", f"{name}.key")
    command = ("openssl", "req", "-x509", *key, "-nodes", "-out", f"{name}.pem", "-sha256")
    subprocess.run(
        [*command, "-subj", "/", *options], cwd=directory, check=True, capture_output=True
    )


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    directory = tmp_path_factory.mktemp("certificates")
    for name in ("server", "client", "second_client", "stranger"):
        _self_signed(directory, name, *FOR_LOOPBACK)
    for name in ("bare_server", "bare_client"):
        _self_signed(directory, name)
    authority = trustme.CA()
    for name in ("signed_server", "signed_client"):
        leaf = authority.issue_cert("127.0.0.1", "::1", "localhost")
        leaf.cert_chain_pems[0].write_to_path(directory / f"{name}.pem")
        leaf.private_key_pem.write_to_path(directory / f"{name}.key")
    return Certificates(directory)


Configs = tuple[SimpleSSLConfig | None, SimpleSSLConfig | None]


@pytest.fixture(params=[False, True], ids=["TCP", "TLS"])
def configs(request: pytest.FixtureRequest, tmp_path: Path) -> Configs:
    """What a server and its client use, for a test that is to pass without and with TLS."""
    return make_certificates(tmp_path) if request.param else (None, None)


def make_certificates(directory: Path) -> tuple[SimpleSSLConfig, SimpleSSLConfig]:
    """Return what a server and its client use, in a test that needs nothing but the two."""
    authority = trustme.CA()
    trusted = directory / "trusted.pem"
    authority.cert_pem.write_to_path(trusted)
    configs = []
    for side in ("server", "client"):
        issued = authority.issue_cert(f"{side}.example.org")
        certificate, key = directory / f"{side}.pem", directory / f"{side}.key"
        issued.cert_chain_pems[0].write_to_path(certificate)
        issued.private_key_pem.write_to_path(key)
        configs.append(SimpleSSLConfig(certificate, key, trusted))
    return configs[0], configs[1]
