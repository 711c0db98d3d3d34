"""What the doctor finds when it connects to a server."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ndsp.certificates._pem import certificate_pem
from ndsp.certificates.doctor import Finding, Side, examine_connection
from ndsp.certificates.laboratory import Laboratory, Role
from tests.ndsp.certificates.handshakes import config_of
from tests.serving import free_port, served


class Lamp:
    pass


def client(laboratory: Laboratory, name: str = "desk", peer: Path | None = None) -> Side:
    directory = laboratory.directory
    everybody = laboratory.authority.file
    return Side(
        Role.CLIENT, directory / f"{name}.pem", directory / f"{name}.key", peer or everybody
    )


def only(findings: list[Finding]) -> Finding:
    (finding,) = findings
    assert len(finding.text.splitlines()) == 1
    return finding


@contextmanager
def answering(answer: bytes | None, context: ssl.SSLContext | None = None) -> Iterator[int]:
    """A server that answers something, hangs up (b"") or is silent (None); without TLS or with."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        done = threading.Event()

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                if context is not None:
                    with contextlib.suppress(OSError):
                        context.wrap_socket(connection, server_side=True)
                    return
                if answer is None:
                    done.wait()
                else:
                    connection.recv(1 << 16)
                    connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            done.set()
            thread.join()


def test_a_server_that_accepts_and_is_accepted_is_fine(laboratory: Laboratory) -> None:
    with served({"lamp": Lamp()}, config_of(laboratory, "lamp")) as port:
        finding = only(examine_connection("127.0.0.1", port, client(laboratory)))
    assert (finding.level, finding.kind, finding.file) == ("note", "fine", f"127.0.0.1:{port}")
    assert "O=Ion lab, CN=lamp, fingerprint " in finding.text


def test_a_server_that_refuses_this_client_is_told(laboratory: Laboratory) -> None:
    listed = laboratory.directory / "listed.pem"
    listed.write_bytes(certificate_pem(laboratory.restricted(["ada"])))
    with served({"lamp": Lamp()}, config_of(laboratory, "lamp", listed)) as port:
        assert only(examine_connection("127.0.0.1", port, client(laboratory, "ada"))).kind == "fine"
        finding = only(examine_connection("127.0.0.1", port, client(laboratory)))
    assert (finding.level, finding.kind) == ("error", "connection")
    assert f"the server refuses {laboratory.directory / 'desk.pem'}" in finding.text


def test_a_client_whose_own_file_says_that_it_is_revoked_is_told_so(laboratory: Laboratory) -> None:
    laboratory.revoke("desk")
    with served({"lamp": Lamp()}, config_of(laboratory, "lamp")) as port:
        finding = only(examine_connection("127.0.0.1", port, client(laboratory)))
    assert f"is revoked in the file {laboratory.authority.file}" in finding.text
    assert "make another under a new name" in finding.text
    assert "put that certificate" not in finding.text


@pytest.mark.parametrize(
    ("days_ago", "roles", "expected"),
    [
        (5, None, "has expired on"),
        (0, [Role.SERVER], "ndsp certs issue NAME --client"),
    ],
)
def test_a_client_that_is_refused_for_its_own_certificate_is_told_so(
    laboratory: Laboratory, days_ago: int, roles: list[Role] | None, expected: str
) -> None:
    laboratory.renew("desk", roles, days=1, now=datetime.now(UTC) - timedelta(days=days_ago))
    with served({"lamp": Lamp()}, config_of(laboratory, "lamp")) as port:
        finding = only(examine_connection("127.0.0.1", port, client(laboratory)))
    assert (finding.level, finding.kind) == ("error", "connection")
    assert expected in finding.text
    assert "put that certificate" not in finding.text


@pytest.mark.parametrize(
    ("peer", "shown", "expected"),
    [
        ("desk.pem", "lamp", "neither the certificate 'O=Ion lab, CN=lamp' nor its signer"),
        ("authority.pem", "desk", "ndsp certs issue NAME --server"),
    ],
)
def test_a_server_that_is_refused_is_told_with_the_reason(
    laboratory: Laboratory, peer: str, shown: str, expected: str
) -> None:
    with served({"lamp": Lamp()}, config_of(laboratory, shown)) as port:
        side = client(laboratory, peer=laboratory.directory / peer)
        finding = only(examine_connection("127.0.0.1", port, side))
    assert (finding.level, finding.kind) == ("error", "wrong-peer")
    assert expected in finding.text
    assert "fingerprint" in finding.text


def test_an_expired_server_is_told(laboratory: Laboratory) -> None:
    laboratory.renew("lamp", days=1, now=datetime.now(UTC) - timedelta(days=5))
    with served({"lamp": Lamp()}, config_of(laboratory, "lamp")) as port:
        finding = only(examine_connection("127.0.0.1", port, client(laboratory)))
    assert "has expired on" in finding.text
    assert "restart the server" in finding.text


def test_a_server_that_will_expire_or_is_elsewhere_is_fine_with_warnings(
    laboratory: Laboratory,
) -> None:
    laboratory.renew("lamp", hosts=["elsewhere.lab"], days=10)
    with served({"lamp": Lamp()}, config_of(laboratory, "lamp")) as port:
        findings = examine_connection("127.0.0.1", port, client(laboratory))
    assert [finding.kind for finding in findings] == ["fine", "expires-soon", "no-hosts"]
    assert "elsewhere.lab" in findings[-1].text


def test_a_server_without_tls_is_told(laboratory: Laboratory) -> None:
    with served({"lamp": Lamp()}) as port:
        finding = only(examine_connection("127.0.0.1", port, client(laboratory), timeout=0.5))
    assert (finding.level, finding.kind) == ("error", "connection")
    assert "TLS" in finding.text


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "does not speak TLS"),
        (b"", "most likely it does not use TLS"),
        (None, "no answer within 0.1 s"),
    ],
)
def test_who_does_not_speak_tls_is_told(
    laboratory: Laboratory, answer: bytes | None, expected: str
) -> None:
    with answering(answer) as port:
        finding = only(examine_connection("127.0.0.1", port, client(laboratory), timeout=0.1))
    assert expected in finding.text


def test_a_server_that_speaks_the_newest_tls_only_is_told(laboratory: Laboratory) -> None:
    context = config_of(laboratory, "lamp").create_server_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    with answering(b"", context) as port:
        finding = only(examine_connection("127.0.0.1", port, client(laboratory)))
    assert "TLS 1.3 only" in finding.text


def test_where_nobody_listens_is_told(laboratory: Laboratory) -> None:
    finding = only(examine_connection("127.0.0.1", free_port(), client(laboratory)))
    assert "is the server running?" in finding.text


def test_files_that_cannot_be_used_are_told_before_anything_is_tried(
    laboratory: Laboratory,
) -> None:
    side = client(laboratory, peer=laboratory.directory / "no.pem")
    finding = only(examine_connection("::1", 1, side))
    assert finding.file == "[::1]:1"
    assert "not tried" in finding.text
