"""The findings of a real TLS handshake with a server."""

import socket
import ssl
from collections.abc import Iterator
from datetime import datetime

from cryptography import x509

from ndsp.certificates import _findings
from ndsp.certificates._facts import facts_of, hosts_of
from ndsp.certificates._findings import Finding
from ndsp.certificates._hosts import is_among
from ndsp.certificates._roles import Role
from ndsp.certificates._sides import REMEDIES, Side
from ndsp.certificates._trust import Trust
from sipyco.tools import SimpleSSLConfig

__all__ = ["of_connection"]

_NOT_TLS = {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL", "RECORD_LAYER_FAILURE"}
# What OpenSSL says, from version to version, when the answer is no TLS record.


def of_connection(
    host: str, port: int, client: Side, timeout: float, now: datetime
) -> Iterator[Finding]:
    """Connect to a server, do the handshake and hang up; report what comes of it.

    Args:
        host: Its name or address.
        port: Its TCP port.
        client: The files of this side.
        timeout: How long to wait for each answer, in seconds.
        now: The present.
    """
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        context = SimpleSSLConfig(
            client.certificate, client.key, client.peer
        ).create_client_context()
    except OSError as error:
        yield _failed(where, f"not tried: {error.strerror or error}")
        return
    # Here the server judges the client before the handshake ends. With TLS 1.3 it is over before,
    # and a server that is content says nothing.
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    try:
        shown = _handshake(host, port, context, timeout)
    except ssl.SSLCertVerificationError as error:
        yield _refused_here(where, client, _ask(host, port, client, timeout), error, now)
    except (ssl.SSLEOFError, ssl.SSLZeroReturnError, ConnectionResetError, BrokenPipeError):
        # Some hang up without a reason. If it speaks TLS, then it is because of what was shown,
        # which with TLS 1.3 it judges only after the handshake.
        if _ask(host, port, client, timeout) is None:
            text = "ended the handshake without a word; most likely it does not use TLS"
            yield _failed(where, text)
        else:
            yield _failed(where, _refused_there(client, "it hangs up", now))
    except ssl.SSLError as error:
        yield _failed(where, _reason(client, error, now))
    except TimeoutError:
        text = f"no answer within {timeout:g} s; is it the right port, and does it use TLS?"
        yield _failed(where, text)
    except OSError as error:
        text = f"cannot be reached ({error.strerror or error}); is the server running?"
        yield _failed(where, text)
    else:
        yield from _of_server(where, host, shown, now)


def _handshake(host: str, port: int, context: ssl.SSLContext, timeout: float) -> x509.Certificate:
    with (
        socket.create_connection((host, port), timeout) as connection,
        context.wrap_socket(connection, server_hostname=host) as encrypted,
    ):
        shown = encrypted.getpeercert(binary_form=True)
    assert shown is not None  # a server shows one always
    return x509.load_der_x509_certificate(shown)


def _ask(host: str, port: int, client: Side, timeout: float) -> x509.Certificate | None:
    """Ask a server for its certificate, whatever that is worth; None if it does not come."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.load_cert_chain(client.certificate, client.key)
    try:
        return _handshake(host, port, context, timeout)
    except (OSError, ValueError):
        return None


def _refused_here(
    where: str,
    client: Side,
    shown: x509.Certificate | None,
    error: ssl.SSLCertVerificationError,
    now: datetime,
) -> Finding:
    why = error.verify_message
    remedy = "put the certificate of the server, or better the one of its authority, there"
    if shown is not None:
        facts = facts_of(shown)
        trusted = _findings.read(client.peer, "certificate").certificates
        refusal = Trust(trusted, now).why_refused([shown], Role.SERVER)
        if refusal is not None:
            why = refusal.text
            if refusal.kind == "role":
                remedy = "give the server one that is made with: ndsp certs issue NAME --server"
            elif refusal.kind == "times":
                remedy = "renew it, and restart the server"
        why += f", fingerprint {facts.fingerprint}"
    text = f"{client.peer} does not accept this server: {why}; {remedy}"
    return Finding("error", "wrong-peer", where, text)


def _reason(client: Side, error: ssl.SSLError, now: datetime) -> str:
    reason = error.reason or str(error)
    if reason in _NOT_TLS:
        return f"does not speak TLS ({reason}); use it on both sides or on neither"
    if "PROTOCOL_VERSION" in reason:
        return (
            "speaks TLS 1.3 only, in which a refusal comes later; try it with sipyco_rpctool --ssl"
        )
    if "ALERT" in reason:
        return _refused_there(client, reason, now)
    return f"the handshake failed: {reason}"


def _refused_there(client: Side, reason: str, now: datetime) -> str:
    shown = _findings.read(client.certificate, "certificate").certificates
    trusted = _findings.read(client.peer, "certificate").certificates
    # The server's file is not known here. What the own one says of this client, it may say, too;
    # but not that it is unknown, since a client may have only the servers in its own.
    refusals = [Trust(trusted, when).why_refused(shown, Role.CLIENT) for when in (None, now)]
    for refusal in refusals:
        if refusal is not None and refusal.kind in {"revoked", "role", "times"}:
            why, remedy = refusal.text, REMEDIES[refusal.kind].format(role=Role.CLIENT)
            if refusal.kind == "revoked":
                why += f" {client.peer}, and most likely in the server's, too"
            return f"the server refuses {client.certificate} ({reason}): {why}; {remedy}"
    return (
        f"the server refuses {client.certificate} ({reason}); put that certificate, or better the "
        "one of its authority, into the file of those whom the server accepts, unless it is to "
        "stay out, and restart it; its log tells more"
    )


def _of_server(where: str, host: str, shown: x509.Certificate, now: datetime) -> Iterator[Finding]:
    facts = facts_of(shown)
    whose = facts.subject or "no subject"
    text = f"accepts this client, and is accepted: {whose}, fingerprint {facts.fingerprint}"
    yield Finding("note", "fine", where, text)
    yield from _findings.of_times(shown, where, now, "renew it, and restart the server")
    if facts.hosts and not is_among(host, hosts_of(shown)):
        text = (
            f"its certificate is for {', '.join(facts.hosts)}, so that clients that connect to "
            f"{host!r} with check_hostname=True refuse it"
        )
        yield Finding("warning", "no-hosts", where, text)


def _failed(where: str, text: str) -> Finding:
    return Finding("error", "connection", where, text)
