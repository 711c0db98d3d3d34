"""TLS handshakes in memory, which tell what OpenSSL thinks of certificates."""

import ssl
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from ndsp.certificates._pem import certificate_pem, key_pem
from ndsp.certificates._roles import Role
from ndsp.certificates.laboratory import Laboratory
from sipyco.tools import SimpleSSLConfig

ORIGINAL = ssl.VerifyFlags(0)
"""What other programs may ask of OpenSSL: nothing in particular, or strictness."""

OURS = ssl.VERIFY_X509_PARTIAL_CHAIN
STRICT = ssl.VERIFY_X509_STRICT

EVERY_WAY = (ORIGINAL, OURS, STRICT, OURS | STRICT)


def config_of(laboratory: Laboratory, name: str, peer: Path | None = None) -> SimpleSSLConfig:
    """The files of one side, as its program is given them."""
    certificate, key = (laboratory.directory / f"{name}{ending}" for ending in (".pem", ".key"))
    return SimpleSSLConfig(certificate, key, peer or laboratory.authority.file)


def context_of(role: Role, config: SimpleSSLConfig, flags: ssl.VerifyFlags) -> ssl.SSLContext:
    """A context as a program of any version might make it from the three files."""
    is_server = role is Role.SERVER
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if is_server else ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags |= flags
    context.load_cert_chain(config.local_cert, config.local_key)
    context.load_verify_locations(config.peer_cert)
    return context


def refusal(server: ssl.SSLContext, client: ssl.SSLContext) -> str | None:
    """Let two sides shake hands; say who refuses whom, ``"client: certificate has expired"``."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = {
        Role.CLIENT: client.wrap_bio(to_client, to_server),
        Role.SERVER: server.wrap_bio(to_server, to_client, server_side=True),
    }
    for _ in range(4):
        for role, side in sides.items():
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLCertVerificationError as error:
                return f"{role}: {error.verify_message}"
    return None


def shake_hands(
    server: SimpleSSLConfig, client: SimpleSSLConfig, flags: ssl.VerifyFlags
) -> str | None:
    """Let two sides with these files shake hands."""
    return refusal(context_of(Role.SERVER, server, flags), context_of(Role.CLIENT, client, flags))


def judge(
    directory: Path,
    trusted: Sequence[x509.Certificate],
    shown: Sequence[x509.Certificate],
    key: ec.EllipticCurvePrivateKey,
    role: Role,
    flags: ssl.VerifyFlags,
) -> str | None:
    """Ask OpenSSL whether a side that trusts some certificates accepts another."""
    (directory / "shown.pem").write_bytes(certificate_pem(*shown))
    (directory / "shown.key").write_bytes(key_pem(key))
    (directory / "trusted.pem").write_bytes(certificate_pem(*trusted))
    own = (directory / "shown.pem", directory / "shown.key")
    judging = ssl.SSLContext(
        ssl.PROTOCOL_TLS_CLIENT if role is Role.SERVER else ssl.PROTOCOL_TLS_SERVER
    )
    judging.check_hostname = False
    judging.verify_mode = ssl.CERT_REQUIRED
    judging.verify_flags |= flags
    judging.load_cert_chain(*own)
    judging.load_verify_locations(directory / "trusted.pem")
    judged = ssl.SSLContext(
        ssl.PROTOCOL_TLS_SERVER if role is Role.SERVER else ssl.PROTOCOL_TLS_CLIENT
    )
    judged.check_hostname = False
    judged.verify_mode = ssl.CERT_NONE
    judged.load_cert_chain(*own)
    return refusal(judged, judging) if role is Role.SERVER else refusal(judging, judged)
