"""Certificates with which a server and a client under test know each other."""

from pathlib import Path

import trustme

from sipyco.tools import SimpleSSLConfig


def make_certificates(directory: Path) -> tuple[SimpleSSLConfig, SimpleSSLConfig]:
    """Return what the server uses, and what the client uses; the files lie in the directory."""
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
