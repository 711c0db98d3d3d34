"""TLS whose certificates are themselves the identities; its errors say who refused whom."""

import ssl
from dataclasses import dataclass, field
from os import PathLike

from sipyco._wire.errors import ConnectionLost

__all__ = [
    "SimpleSSLConfig",
    "TLSError",
    "choose_config",
    "explain",
    "handshake_error",
    "loss_error",
]

_BROKEN_OFF = (ssl.SSLEOFError, ssl.SSLZeroReturnError)
# The end of the connection, as the ssl module reports it.

_WRONG_NAME = {62, 64}
# OpenSSL's codes for a host name and for an IP address that the certificate does not have.

_REVOKED = "it is revoked by, or not in the list of, the peer_cert file of {local}"

_UNKNOWN = "put the certificate that it shows into the peer_cert file of {local}"

_REMEDIES = {
    9: "it, or its authority's, is not valid yet; compare the clocks of both sides",
    10: "it, or its authority's, has expired; who shows it needs a new one",
    18: _UNKNOWN,
    19: _UNKNOWN,
    2: _UNKNOWN,
    20: _UNKNOWN,
    21: _UNKNOWN,
    26: "it is for another use; a server needs one for servers, and a client one for clients",
    47: _REVOKED,
    48: _REVOKED,
}
# By OpenSSL's codes (x509_vfy.h), whose texts change: not yet valid, expired; signed by itself, by
# nobody known; another purpose; not among the names that the authority vouches for, or excepted
# from them. To put the certificate into the file would let in those who are to stay out.

_ALERTS = {
    "UNKNOWN_CA": "put this side's local_cert into the peer_cert file of the other side",
    "CERTIFICATE_EXPIRED": "it, or its authority's, has expired; this side needs a new one",
    "BAD_CERTIFICATE": "if it is not valid yet, compare the clocks of both sides",
    "UNSUPPORTED_CERTIFICATE": _REMEDIES[26],
    "CERTIFICATE_UNKNOWN": "most likely " + _REVOKED.format(local="the other side"),
    "CERTIFICATE_REVOKED": _REVOKED.format(local="the other side"),
}
# By a part of what the ssl module calls the alerts of TLS, as it hides their numbers. "Unknown" is
# what OpenSSL says about all that has no alert, such as names that nobody vouches for.

_NOT_TLS = {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL", "RECORD_LAYER_FAILURE"}
# What OpenSSL says, from version to version, when the first bytes are no TLS record.


class TLSError(ssl.SSLError):
    """An encrypted connection could not be made. The text says which side refused, and why."""

    __module__ = "sipyco.tools"


@dataclass(frozen=True)
class SimpleSSLConfig:
    """The files with which two sides know each other.

    Args:
        local_cert: This side's certificate, PEM.
        local_key: Its private key, PEM.
        peer_cert: Certificates of the other side, PEM; several may stand in one file, and a peer
            that shows any of them is accepted.
        check_hostname: Require also that the server's certificate names the host that was asked
            for. Off by default: the certificate itself is the identity.
    """

    __module__ = "sipyco.tools"

    local_cert: str | PathLike[str]
    local_key: str | PathLike[str]
    peer_cert: str | PathLike[str]
    check_hostname: bool = field(default=False, kw_only=True)

    def create_client_context(self) -> ssl.SSLContext:
        """Make the context of the side that connects.

        Raises:
            OSError: A file cannot be read, or does not hold what it should; the text says which.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = self.check_hostname
        return self._fill(context)

    def create_server_context(self) -> ssl.SSLContext:
        """Make the context of the side that listens. Clients must show a certificate.

        Raises:
            OSError: As for :meth:`create_client_context`.
        """
        return self._fill(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))

    def _fill(self, context: ssl.SSLContext) -> ssl.SSLContext:
        context.verify_mode = ssl.CERT_REQUIRED
        # A certificate in peer_cert is trusted as it is, also when somebody else signed it.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        try:
            context.load_cert_chain(self.local_cert, self.local_key)
        except OSError as exc:
            files = f"local_cert {str(self.local_cert)!r} and local_key {str(self.local_key)!r}"
            expected = "a PEM certificate and the key that belongs to it"
            raise _unreadable(exc, files, expected) from exc
        try:
            context.load_verify_locations(self.peer_cert)
        except OSError as exc:
            files = f"peer_cert {str(self.peer_cert)!r}"
            raise _unreadable(exc, files, "one or more PEM certificates") from exc
        return context


def choose_config(
    ssl_config: SimpleSSLConfig | None,
    local_cert: str | PathLike[str] | None,
    local_key: str | PathLike[str] | None,
    peer_cert: str | PathLike[str] | None,
) -> SimpleSSLConfig | None:
    """Merge the two ways in which the manual's versions pass certificates.

    Raises:
        ValueError: Both ways were used at once, or only some of the three files were given.
    """
    files = (local_cert, local_key, peer_cert)
    if all(file is None for file in files):
        return ssl_config
    if ssl_config is not None:
        raise ValueError("pass either ssl_config or local_cert, local_key and peer_cert, not both")
    if local_cert is None or local_key is None or peer_cert is None:
        raise ValueError("TLS needs all three of local_cert, local_key and peer_cert")
    return SimpleSSLConfig(local_cert, local_key, peer_cert)


def handshake_error(error: OSError, peer: str) -> OSError:
    """Explain to a client why its TLS handshake with the server ``peer`` failed."""
    if isinstance(error, TimeoutError):
        return TimeoutError(f"{peer} did not answer the TLS handshake in time; does it use TLS?")
    if isinstance(error, ssl.SSLError) and not isinstance(error, _BROKEN_OFF):
        return explain(error, local="this client", peer=f"server {peer}")
    if isinstance(error, ConnectionError | ssl.SSLError):
        return TLSError(
            1, f"server {peer} ended the TLS handshake without a word; most likely it uses no TLS"
        )
    return error


def loss_error(error: BaseException | None, peer: str, *, encrypted: bool, heard: bool) -> OSError:
    """Explain to a client how it lost its connection to the server ``peer``.

    Args:
        error: What was reported; None is an orderly end.
        peer: The server, in words.
        encrypted: Whether the connection uses TLS.
        heard: Whether anything was received before.

    Returns:
        TLSError where one side refused the other, ConnectionLost otherwise.
    """
    if isinstance(error, ssl.SSLError) and not isinstance(error, _BROKEN_OFF):
        return explain(error, local="this client", peer=f"server {peer}")
    if encrypted and not heard:
        # With TLS 1.3 the server judges the client's certificate after the client has finished
        # the handshake, and its alert may be overtaken by the end of the connection.
        return TLSError(
            1,
            f"server {peer} closed the connection before its first word; either it refuses the "
            "certificate of this client (put this side's local_cert into the peer_cert file of the "
            "server, unless it is revoked there or has expired), or what was asked for is not "
            "offered on this port: its log tells",
        )
    how = f"the connection to {peer} was lost"
    if isinstance(error, OSError) and error.strerror and not isinstance(error, ssl.SSLError):
        return ConnectionLost(f"{how}: {error.strerror}")
    if not heard:
        return ConnectionLost(
            f"{peer} closed the connection before its first word; does it want TLS (ssl_config)?"
        )
    return ConnectionLost(f"{how}: the other side closed it")


def explain(error: ssl.SSLError, *, local: str, peer: str) -> TLSError:
    """Say which side refused whom, and what to do.

    Args:
        error: What the ssl module reported.
        local: This side in words: ``"this client"``, ``"this server"``.
        peer: The other side: ``"server [::1]:3249"``, ``"client 10.0.0.7:50412"``.
    """
    reason = error.reason or ""
    if isinstance(error, ssl.SSLCertVerificationError) and error.verify_code in _WRONG_NAME:
        text = (
            f"{local} refuses {peer}: {error.verify_message}; connect to a name that stands in "
            "its certificate (subjectAltName), or leave check_hostname off"
        )
    elif isinstance(error, ssl.SSLCertVerificationError):
        remedy = _REMEDIES.get(error.verify_code, "compare it with the peer_cert file of {local}")
        text = (
            f"{local} refuses {peer}: its certificate is not accepted ({error.verify_message}); "
            f"{remedy.format(local=local)}"
        )
    elif "ALERT" in reason and any(word in reason for word in ("CERTIFICATE", "UNKNOWN_CA")):
        remedies = (remedy for alert, remedy in _ALERTS.items() if alert in reason)
        text = (
            f"{peer} refuses {local}: the certificate shown to it is not accepted ({reason}); "
            f"{next(remedies, 'the log of the other side tells why')}"
        )
    elif reason == "PEER_DID_NOT_RETURN_A_CERTIFICATE":
        text = f"{local} refuses {peer}: it shows no certificate; it needs local_cert and local_key"
    elif reason in _NOT_TLS:
        text = f"{peer} does not speak TLS ({reason}); use TLS on both sides or on neither"
    else:
        text = f"TLS between {local} and {peer} failed: {reason or error}"
    return TLSError(error.errno or 1, text)


def _unreadable(error: OSError, files: str, expected: str) -> OSError:
    message = f"cannot use {files}: {error.strerror or error}; expected {expected}"
    if isinstance(error, ssl.SSLError):
        return TLSError(error.errno or 1, message)
    return type(error)(error.errno, message)
