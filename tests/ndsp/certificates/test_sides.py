"""What the doctor finds about two sides that are to accept each other."""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ndsp.certificates._pem import certificate_pem
from ndsp.certificates.doctor import Finding, Side, examine_sides
from ndsp.certificates.laboratory import Laboratory, Role
from tests.certificates import Certificates


def side(role: Role, directory: Path, name: str, peer: Path) -> Side:
    return Side(role, directory / f"{name}.pem", directory / f"{name}.key", peer)


def sides(
    laboratory: Laboratory, server: str = "lamp", client: str = "desk", peer: Path | None = None
) -> tuple[Side, Side]:
    """A server and a client; the server accepts those of ``peer``."""
    everybody = laboratory.authority.file
    directory = laboratory.directory
    return (
        side(Role.SERVER, directory, server, peer or everybody),
        side(Role.CLIENT, directory, client, everybody),
    )


def kinds(findings: list[Finding]) -> list[tuple[str, str]]:
    assert all(len(finding.text.splitlines()) == 1 for finding in findings)
    return [(finding.level, finding.kind) for finding in findings]


def test_two_sides_that_accept_each_other_are_fine(laboratory: Laboratory) -> None:
    assert kinds(examine_sides(*sides(laboratory))) == [("note", "fine")]
    server, client = sides(laboratory, "relay", "relay")
    assert kinds(examine_sides(server, client)) == [("note", "fine")]
    assert examine_sides(server, None) == []
    assert examine_sides(None, client) == []


def test_a_client_used_as_a_server_is_named(laboratory: Laboratory) -> None:
    own, refused = examine_sides(*sides(laboratory, server="desk"))
    assert (own.level, own.kind) == ("error", "wrong-role")
    assert "is for a client" in own.text
    assert "ndsp certs issue NAME --server" in own.text
    assert refused.kind == "wrong-peer"
    assert "the client refuses" in refused.text


def test_who_is_not_on_the_list_is_named(laboratory: Laboratory) -> None:
    listed = laboratory.directory / "listed.pem"
    listed.write_bytes(certificate_pem(laboratory.restricted(["ada"])))
    (finding,) = examine_sides(*sides(laboratory, peer=listed))
    assert (finding.level, finding.kind, finding.file) == ("error", "wrong-peer", str(listed))
    assert "the server refuses" in finding.text
    assert "not among those that the file lists" in finding.text
    assert "make this list again" in finding.text


def test_who_is_revoked_is_named(laboratory: Laboratory) -> None:
    (finding,) = examine_sides(*sides(laboratory.revoke("desk")))
    assert finding.kind == "wrong-peer"
    assert "is revoked in the file" in finding.text


def test_a_side_that_accepts_itself_is_named(laboratory: Laboratory) -> None:
    (finding,) = examine_sides(*sides(laboratory, peer=laboratory.directory / "lamp.pem"))
    assert (finding.level, finding.kind) == ("error", "wrong-peer")
    assert "the server's own certificate" in finding.text


def test_what_only_our_programs_accept_is_a_warning(laboratory: Laboratory) -> None:
    (finding,) = examine_sides(*sides(laboratory, peer=laboratory.directory / "desk.pem"))
    assert (finding.level, finding.kind) == ("warning", "wrong-peer")
    assert "SiPyCo 1.x may refuse" in finding.text


@pytest.mark.skipif(sys.platform == "win32", reason="permissions are POSIX's")
def test_certificates_that_openssl_made_are_examined_the_same(certificates: Certificates) -> None:
    directory = certificates.directory
    server = side(Role.SERVER, directory, "server", certificates.cert("client"))
    client = side(Role.CLIENT, directory, "client", certificates.cert("server"))
    # They are valid for 30 days only, so that their end is near.
    findings = examine_sides(server, client)
    assert {kind for level, kind in kinds(findings)} == {"expires-soon", "fine"}
    stranger = side(Role.CLIENT, directory, "stranger", certificates.cert("server"))
    refused = examine_sides(server, stranger)[-1]
    assert (refused.level, refused.kind) == ("error", "wrong-peer")
    assert "signed by itself, is not in the file" in refused.text


def test_files_of_a_side_that_cannot_be_used_are_named(laboratory: Laboratory) -> None:
    directory = laboratory.directory
    mixed = Side(
        Role.SERVER, directory / "lamp.pem", directory / "desk.key", laboratory.authority.file
    )
    assert kinds(examine_sides(mixed, None)) == [("error", "key-mismatch")]
    swapped = Side(
        Role.SERVER, directory / "lamp.key", directory / "lamp.pem", directory / "no.pem"
    )
    findings = examine_sides(swapped, sides(laboratory)[1])
    assert kinds(findings) == [("error", "unreadable")] * 3


def test_a_private_key_in_the_file_of_the_others_is_named(laboratory: Laboratory) -> None:
    path = laboratory.directory / "peer.pem"
    parts = [laboratory.authority.file, laboratory.directory / "desk.key"]
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    findings = examine_sides(*sides(laboratory, peer=path))
    assert kinds(findings) == [("warning", "wrong-peer"), ("note", "fine")]
    assert "holds a private key" in findings[0].text


def test_the_end_of_each_certificate_is_told(laboratory: Laboratory) -> None:
    laboratory.renew("lamp", days=10)
    findings = examine_sides(*sides(laboratory), now=datetime.now(UTC) + timedelta(days=11))
    assert kinds(findings) == [("error", "expired"), ("note", "fine")]
