"""The directory of a laboratory."""

import stat
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ndsp.certificates._pem import belongs, read_key
from ndsp.certificates.laboratory import CertificateError, Laboratory, Role, parse_host

NOW = datetime.now(UTC)


def snapshot(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_directory_holds_an_authority(tmp_path: Path) -> None:
    made = Laboratory.create(tmp_path / "deep" / "lab", "Ion lab")
    assert set(snapshot(made.directory)) == {"authority.pem", "authority.key"}
    again = Laboratory.open(made.directory)
    assert again == made
    assert again.authority.laboratory == "Ion lab"
    assert again.names() == []


@pytest.mark.skipif(sys.platform == "win32", reason="permissions are POSIX's")
def test_keys_and_a_new_directory_are_private(laboratory: Laboratory) -> None:
    assert mode(laboratory.directory) == 0o700
    keys = list(laboratory.directory.glob("*.key"))
    assert len(keys) == 5
    assert {mode(key) for key in keys} == {0o600}
    assert mode(laboratory.authority.file) & stat.S_IRGRP


def test_an_authority_is_not_overwritten(laboratory: Laboratory) -> None:
    before = snapshot(laboratory.directory)
    with pytest.raises(CertificateError, match="is there already"):
        Laboratory.create(laboratory.directory, "Other lab")
    assert snapshot(laboratory.directory) == before


def test_a_key_that_was_left_without_a_certificate_is_named_for_removal(tmp_path: Path) -> None:
    """As a program leaves it that is killed between the two files."""
    made = Laboratory.create(tmp_path / "lab", "Ion lab")
    made.issue("desk", [Role.CLIENT]).certificate.unlink()
    with pytest.raises(CertificateError, match=r"desk.key' is there already; .*, or remove it"):
        made.issue("desk", [Role.CLIENT])
    made.authority.file.unlink()
    with pytest.raises(CertificateError, match=r"authority.key is there already; .* or remove it"):
        Laboratory.create(made.directory, "Ion lab")


def test_a_directory_that_could_not_be_filled_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("os.fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        Laboratory.create(tmp_path / "lab", "Ion lab")
    assert not (tmp_path / "lab").exists()


def test_a_directory_without_an_authority_is_refused_with_what_makes_one(tmp_path: Path) -> None:
    with pytest.raises(CertificateError, match="ndsp certs init DIR"):
        Laboratory.open(tmp_path)
    (tmp_path / "authority.pem").write_text("hello")
    with pytest.raises(CertificateError, match="cannot read certificates from"):
        Laboratory.open(tmp_path)


def test_a_certificate_of_a_side_is_no_authority(laboratory: Laboratory, tmp_path: Path) -> None:
    (tmp_path / "authority.pem").write_bytes((laboratory.directory / "desk.pem").read_bytes())
    with pytest.raises(CertificateError, match="is no certificate of an authority"):
        Laboratory.open(tmp_path)


def test_what_was_asked_for_is_issued(laboratory: Laboratory) -> None:
    hosts = [parse_host("laser"), parse_host("10.0.0.7")]
    issued = laboratory.issue("laser.2", [Role.SERVER], hosts, days=10)
    assert issued.certificate.name == "laser.2.pem"
    assert issued.facts.subject == "O=Ion lab, CN=laser.2"
    assert issued.facts.roles == (Role.SERVER,)
    assert issued.facts.hosts == ("laser", "10.0.0.7")
    assert issued.facts.days_left(datetime.now(UTC)) == 10
    key = read_key(issued.key.read_bytes(), "")
    assert belongs(key, laboratory.certificate_of("laser.2"))
    assert laboratory.names() == ["ada", "desk", "lamp", "laser.2", "relay"]


@pytest.mark.parametrize("name", ["desk", "Desk", "DESK"])
def test_a_name_is_issued_once_whatever_its_case(laboratory: Laboratory, name: str) -> None:
    before = snapshot(laboratory.directory)
    with pytest.raises(CertificateError, match="is there already"):
        laboratory.issue(name, [Role.CLIENT])
    assert snapshot(laboratory.directory) == before


def test_no_certificate_outlives_its_authority(laboratory: Laboratory) -> None:
    issued = laboratory.issue("eternal", [Role.CLIENT], days=36500)
    assert issued.facts.not_after == laboratory.authority.period.end


def test_an_authority_that_has_expired_signs_nothing(tmp_path: Path) -> None:
    long_ago = NOW - timedelta(days=100)
    expired = Laboratory.create(tmp_path / "lab", "Ion lab", days=10, now=long_ago)
    with pytest.raises(CertificateError, match="has expired; renew it: ndsp certs init"):
        expired.issue("desk", [Role.CLIENT])
    expired.renew_authority().issue("desk", [Role.CLIENT])


@pytest.mark.parametrize("act", ["issue", "renew", "revoke", "restricted", "renew_authority"])
def test_nothing_is_signed_without_the_right_key(laboratory: Laboratory, act: str) -> None:
    key = laboratory.directory / "authority.key"

    def attempt() -> None:
        match act:
            case "issue":
                laboratory.issue("new", [Role.CLIENT])
            case "renew":
                laboratory.renew("desk")
            case "revoke":
                laboratory.revoke("desk")
            case "restricted":
                laboratory.restricted(["desk"])
            case "renew_authority":
                laboratory.renew_authority()

    key.write_bytes((laboratory.directory / "desk.key").read_bytes())
    before = snapshot(laboratory.directory)
    with pytest.raises(CertificateError, match=r"it is not the key of authority\.pem"):
        attempt()
    assert snapshot(laboratory.directory) == before
    key.unlink()
    with pytest.raises(CertificateError, match="which is not there"):
        attempt()


def test_a_renewed_certificate_has_the_same_key_role_and_hosts(laboratory: Laboratory) -> None:
    before = laboratory.certificate_of("lamp")
    key = (laboratory.directory / "lamp.key").read_bytes()
    renewed = laboratory.renew("lamp", days=7)
    after = laboratory.certificate_of("lamp")
    assert after != before
    assert after.public_key() == before.public_key()
    assert (laboratory.directory / "lamp.key").read_bytes() == key
    assert not renewed.has_new_key
    assert renewed.facts.roles == (Role.SERVER,)
    assert renewed.facts.hosts == ("lamp.lab", "localhost", "127.0.0.1", "::1")
    assert renewed.facts.days_left(datetime.now(UTC)) == 7


def test_a_certificate_is_renewed_where_its_key_is_not(laboratory: Laboratory) -> None:
    before = laboratory.certificate_of("desk")
    (laboratory.directory / "desk.key").unlink()
    laboratory.renew("desk")
    assert laboratory.certificate_of("desk").public_key() == before.public_key()
    assert not (laboratory.directory / "desk.key").exists()


def test_a_new_key_is_made_on_request(laboratory: Laboratory) -> None:
    before = laboratory.certificate_of("desk")
    renewed = laboratory.renew("desk", with_new_key=True)
    after = laboratory.certificate_of("desk")
    assert after.public_key() != before.public_key()
    assert belongs(read_key(renewed.key.read_bytes(), ""), after)


def test_role_and_hosts_change_on_request(laboratory: Laboratory) -> None:
    facts = laboratory.renew("desk", [Role.SERVER], [parse_host("desk.lab")]).facts
    assert (facts.roles, facts.hosts) == ((Role.SERVER,), ("desk.lab",))
    facts = laboratory.renew("desk", [Role.CLIENT]).facts
    assert (facts.roles, facts.hosts) == ((Role.CLIENT,), ())


def test_a_key_of_somebody_else_is_not_certified(laboratory: Laboratory) -> None:
    key = laboratory.directory / "desk.key"
    key.write_bytes((laboratory.directory / "ada.key").read_bytes())
    before = snapshot(laboratory.directory)
    with pytest.raises(CertificateError, match=r"desk\.key is not its key"):
        laboratory.renew("desk")
    assert snapshot(laboratory.directory) == before
    laboratory.renew("desk", with_new_key=True)


def test_only_what_was_issued_here_is_renewed(laboratory: Laboratory, tmp_path: Path) -> None:
    with pytest.raises(CertificateError, match="there are those of ada, desk, lamp, relay"):
        laboratory.renew("nobody")
    other = Laboratory.create(tmp_path / "other", "Other lab").issue("guest", [Role.CLIENT])
    (laboratory.directory / "guest.pem").write_bytes(other.certificate.read_bytes())
    with pytest.raises(CertificateError, match="not made by the authority"):
        laboratory.renew("guest")
    (laboratory.directory / "desk.pem").rename(laboratory.directory / "table.pem")
    with pytest.raises(CertificateError, match="it is the certificate of 'desk'"):
        laboratory.renew("table")
    assert laboratory.names() == ["ada", "lamp", "relay"]


def test_a_renewed_authority_has_the_same_key_and_forgets_nobody(laboratory: Laboratory) -> None:
    after = laboratory.revoke("ada").renew_authority(days=9000)
    old, new = laboratory.authority.certificate, after.authority.certificate
    assert new.public_key() == old.public_key()
    assert new.not_valid_after_utc > old.not_valid_after_utc
    assert after.authority.revoked == ("ada",)
    assert Laboratory.open(laboratory.directory) == after


def test_a_name_that_was_revoked_stays_so(laboratory: Laboratory) -> None:
    after = laboratory.revoke("ada").revoke("desk")
    assert after.revoke("ada") == after
    assert after.authority.revoked == ("ada", "desk")
    assert Laboratory.open(after.directory).is_revoked("Ada")
    for path in after.directory.glob("ada.*"):
        path.unlink()
    with pytest.raises(CertificateError, match="choose another, such as 'ada-2'"):
        after.issue("ada", [Role.CLIENT])
    with pytest.raises(CertificateError, match="revoked for ever"):
        after.renew("desk")
    with pytest.raises(CertificateError, match="revoked for ever"):
        after.restricted(["desk"])
    after.issue("ada-2", [Role.CLIENT])


def test_who_has_no_certificate_is_not_revoked(laboratory: Laboratory) -> None:
    with pytest.raises(CertificateError, match="no certificate of 'adda'"):
        laboratory.revoke("adda")
