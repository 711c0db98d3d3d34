"""What the doctor finds in files and directories."""

import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ndsp.certificates._pem import certificate_pem
from ndsp.certificates.doctor import Finding, examine
from ndsp.certificates.laboratory import Laboratory, Role
from tests.certificates import Certificates

NOW = datetime.now(UTC)

posix = pytest.mark.skipif(sys.platform == "win32", reason="permissions are POSIX's")


def only(findings: list[Finding]) -> Finding:
    (finding,) = findings
    assert len(finding.text.splitlines()) == 1
    return finding


def found(laboratory: Laboratory, days: int = 0) -> Finding:
    return only(examine([laboratory.directory], now=NOW + timedelta(days=days)))


def test_a_sound_laboratory_has_no_findings(laboratory: Laboratory) -> None:
    assert examine([laboratory.directory]) == []


def test_an_expired_certificate_is_named_with_what_renews_it(laboratory: Laboratory) -> None:
    laboratory.renew("lamp", days=5)
    finding = found(laboratory, 6)
    assert (finding.level, finding.kind) == ("error", "expired")
    assert finding.file == str(laboratory.directory / "lamp.pem")
    assert "O=Ion lab, CN=lamp" in finding.text
    assert f"ndsp certs issue lamp -d {laboratory.directory} --renew" in finding.text


@pytest.mark.parametrize(("days", "kinds"), [(29, []), (31, ["expires-soon"])])
def test_a_certificate_is_named_thirty_days_before_its_end(
    laboratory: Laboratory, days: int, kinds: list[str]
) -> None:
    laboratory.renew("lamp", days=60)
    findings = examine([laboratory.directory], now=NOW + timedelta(days=days))
    assert [finding.kind for finding in findings] == kinds
    assert {finding.level for finding in findings} <= {"warning"}


@pytest.mark.parametrize(("days", "expected"), [(3, "in 2 days or less"), (2, "in a day or less")])
def test_the_days_until_the_end_are_counted_as_people_do(
    laboratory: Laboratory, days: int, expected: str
) -> None:
    laboratory.renew("lamp", days=days, now=NOW)
    assert expected in found(laboratory, 1).text


def test_the_end_of_the_authority_is_told_with_what_renews_it(laboratory: Laboratory) -> None:
    laboratory = laboratory.renew_authority(days=5)
    finding = found(laboratory, 1)
    assert finding.file.endswith("authority.pem")
    assert f"ndsp certs init {laboratory.directory} --renew" in finding.text


def test_a_certificate_of_the_future_is_blamed_on_the_clock(laboratory: Laboratory) -> None:
    laboratory.renew("lamp", now=NOW + timedelta(days=3))
    finding = found(laboratory)
    assert (finding.level, finding.kind) == ("error", "not-yet-valid")
    assert "set its clock" in finding.text


def test_a_key_that_does_not_belong_is_named(laboratory: Laboratory) -> None:
    key = laboratory.directory / "desk.key"
    key.write_bytes((laboratory.directory / "ada.key").read_bytes())
    finding = found(laboratory)
    assert (finding.level, finding.kind, finding.file) == ("error", "key-mismatch", str(key))
    assert "--renew --new-key" in finding.text


def test_a_key_without_a_certificate_is_named(laboratory: Laboratory) -> None:
    (laboratory.directory / "desk.pem").unlink()
    finding = found(laboratory)
    assert (finding.level, finding.kind) == ("warning", "key-alone")
    assert "desk.pem" in finding.text


def test_a_certificate_without_a_key_is_noted(laboratory: Laboratory) -> None:
    (laboratory.directory / "desk.key").unlink()
    (laboratory.directory / "authority.key").unlink()
    finding = found(laboratory)
    assert (finding.level, finding.kind) == ("note", "key-elsewhere")
    assert finding.file == str(laboratory.directory / "desk.pem")
    assert finding.text == "its key is not here, so it was not examined"
    assert only(examine([laboratory.directory / "desk.pem"])) == finding


def test_with_a_certificate_the_key_beside_it_is_examined(laboratory: Laboratory) -> None:
    certificate, key = (laboratory.directory / f"desk.{ending}" for ending in ("pem", "key"))
    assert examine([certificate]) == []
    key.write_bytes((laboratory.directory / "ada.key").read_bytes())
    finding = only(examine([certificate]))
    assert (finding.level, finding.kind, finding.file) == ("error", "key-mismatch", str(key))
    assert only(examine([certificate, key])) == finding
    assert only(examine([laboratory.directory, certificate])) == finding


@posix
@pytest.mark.parametrize(("mode", "level"), [(0o644, "error"), (0o640, "warning")])
def test_a_key_that_others_can_read_is_named(laboratory: Laboratory, mode: int, level: str) -> None:
    key = laboratory.directory / "desk.key"
    key.chmod(mode)
    finding = found(laboratory)
    assert (finding.level, finding.kind) == (level, "permissions")
    assert f"(mode {mode:04o}); chmod 600 {key}" in finding.text


@posix
@pytest.mark.parametrize(("mode", "level"), [(0o777, "error"), (0o770, "warning")])
def test_a_directory_in_which_others_can_replace_files_is_named(
    laboratory: Laboratory, mode: int, level: str
) -> None:
    laboratory.directory.chmod(mode)
    finding = found(laboratory)
    assert (finding.level, finding.kind) == (level, "permissions")


@posix
def test_a_key_in_a_file_of_another_name_is_secret_too(laboratory: Laboratory) -> None:
    both = laboratory.directory / "both.pem"
    parts = [(laboratory.directory / name).read_bytes() for name in ("desk.pem", "desk.key")]
    both.write_bytes(b"".join(parts))
    both.chmod(0o644)
    assert found(laboratory).kind == "permissions"


def test_a_server_without_hosts_is_named(laboratory: Laboratory) -> None:
    laboratory.issue("dark", [Role.SERVER])
    finding = found(laboratory)
    assert (finding.level, finding.kind) == ("warning", "no-hosts")
    assert finding.text.endswith("--renew --host HOST")


def damage_empty(path: Path) -> None:
    path.write_bytes(b"")


def damage_cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:150])


def damage_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("damage", [damage_empty, damage_cut, damage_directory])
@pytest.mark.parametrize("name", ["desk.pem", "desk.key", "authority.key"])
def test_a_file_that_cannot_be_used_is_named(
    laboratory: Laboratory, name: str, damage: Callable[[Path], None]
) -> None:
    path = laboratory.directory / name
    damage(path)
    finding = found(laboratory)
    assert (finding.level, finding.kind, finding.file) == ("error", "unreadable", str(path))


def test_a_file_that_is_missing_is_a_finding(tmp_path: Path) -> None:
    finding = only(examine([tmp_path / "desk.pem"]))
    assert finding.kind == "unreadable"
    assert "No such file" in finding.text


def test_a_directory_without_certificates_is_hardly_the_right_one(tmp_path: Path) -> None:
    finding = only(examine([tmp_path]))
    assert (finding.level, finding.kind) == ("error", "unreadable")


def test_a_certificate_of_a_former_authority_is_named(
    laboratory: Laboratory, tmp_path: Path
) -> None:
    former = Laboratory.create(tmp_path / "former", "Ion lab").issue("old", [Role.CLIENT])
    (laboratory.directory / "old.pem").write_bytes(former.certificate.read_bytes())
    former.key.rename(laboratory.directory / "old.key")
    finding = found(laboratory)
    assert (finding.level, finding.kind) == ("error", "wrong-peer")
    assert "not accepted by those who have authority.pem" in finding.text


def test_certificates_of_others_are_examined_by_themselves(
    laboratory: Laboratory, certificates: Certificates
) -> None:
    for ending in ("pem", "key"):
        data = (certificates.directory / f"server.{ending}").read_bytes()
        path = laboratory.directory / f"other.{ending}"
        path.write_bytes(data)
        path.chmod(0o600)
    # Valid for 30 days, as openssl makes it.
    assert only(examine([laboratory.directory])).kind == "expires-soon"
    finding = only(examine([laboratory.directory / "other.pem"], now=NOW + timedelta(days=99)))
    assert finding.kind == "expired"
    assert "give it to those who accept this one" in finding.text


def test_who_is_revoked_is_noted_and_lists_with_them_are_errors(laboratory: Laboratory) -> None:
    listed = laboratory.directory / "listed.pem"
    listed.write_bytes(certificate_pem(laboratory.restricted(["desk", "ada"])))
    (laboratory.directory / "fine.pem").write_bytes(
        certificate_pem(laboratory.restricted(["desk"]))
    )
    old = laboratory.directory / "old-authority.pem"
    old.write_bytes(laboratory.authority.file.read_bytes())
    laboratory.revoke("ada")
    findings = examine([laboratory.directory])
    assert [(f.level, f.kind, Path(f.file).name) for f in findings] == [
        ("note", "revoked", "ada.pem"),
        ("error", "revoked", "listed.pem"),
        ("error", "revoked", "old-authority.pem"),
    ]
    assert "still lets in ada" in findings[1].text


def test_two_lists_in_one_file_are_named(laboratory: Laboratory) -> None:
    path = laboratory.directory / "both.pem"
    lists = [laboratory.restricted([name]) for name in ("desk", "ada")]
    path.write_bytes(certificate_pem(*lists))
    finding = found(laboratory)
    assert (finding.level, finding.kind) == ("error", "versions")


def test_a_file_under_a_wrong_name_is_named(laboratory: Laboratory) -> None:
    for ending in ("pem", "key"):
        (laboratory.directory / f"desk.{ending}").rename(laboratory.directory / f"table.{ending}")
    finding = found(laboratory)
    assert (finding.level, finding.kind) == ("warning", "name")


def test_where_no_certificates_are_made_a_client_has_the_name_that_all_have(
    laboratory: Laboratory, tmp_path: Path
) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir(0o700)
    for name, here in (("desk.pem", "client.pem"), ("desk.key", "client.key")):
        (laboratory.directory / name).rename(theirs / here)
    (theirs / "authority.pem").write_bytes(laboratory.authority.file.read_bytes())
    assert examine([theirs]) == []


def test_a_finding_is_described_for_programs() -> None:
    finding = Finding("note", "fine", "a.pem", "is fine")
    assert finding.document() == {
        "level": "note",
        "kind": "fine",
        "file": "a.pem",
        "text": "is fine",
    }
