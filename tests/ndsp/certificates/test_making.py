"""Certificates, and what OpenSSL thinks of them."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ndsp.certificates._making import Period
from ndsp.certificates._pem import certificate_pem
from ndsp.certificates.laboratory import Laboratory, Role
from tests.ndsp.certificates.handshakes import EVERY_WAY, config_of, shake_hands

in_every_way = pytest.mark.parametrize("flags", EVERY_WAY, ids=["plain", "ours", "strict", "both"])


def listed(laboratory: Laboratory, *names: str) -> Path:
    path = laboratory.directory / "listed.pem"
    path.write_bytes(certificate_pem(laboratory.restricted(names)))
    return path


@in_every_way
@pytest.mark.parametrize("client", ["desk", "ada", "relay"])
@pytest.mark.parametrize("server", ["lamp", "relay"])
def test_all_of_a_laboratory_accept_each_other(
    laboratory: Laboratory, server: str, client: str, flags: ssl.VerifyFlags
) -> None:
    files = config_of(laboratory, server), config_of(laboratory, client)
    assert shake_hands(*files, flags) is None


@in_every_way
def test_a_client_cannot_pose_as_a_server_nor_the_other_way_round(
    laboratory: Laboratory, flags: ssl.VerifyFlags
) -> None:
    desk, lamp = config_of(laboratory, "desk"), config_of(laboratory, "lamp")
    assert shake_hands(desk, desk, flags) == "client: unsuitable certificate purpose"
    assert shake_hands(lamp, lamp, flags) == "server: unsuitable certificate purpose"


@in_every_way
def test_a_server_with_a_list_lets_in_those_of_the_list(
    laboratory: Laboratory, flags: ssl.VerifyFlags
) -> None:
    lamp = config_of(laboratory, "lamp", listed(laboratory, "desk", "relay"))
    for name, expected in [
        ("desk", None),
        ("relay", None),
        ("ada", "server: permitted subtree violation"),
    ]:
        assert shake_hands(lamp, config_of(laboratory, name), flags) == expected


@in_every_way
def test_a_client_with_a_list_accepts_the_servers_of_the_list(
    laboratory: Laboratory, flags: ssl.VerifyFlags
) -> None:
    desk = config_of(laboratory, "desk", listed(laboratory, "lamp"))
    assert shake_hands(config_of(laboratory, "lamp"), desk, flags) is None
    refusal = shake_hands(config_of(laboratory, "relay"), desk, flags)
    assert refusal == "client: permitted subtree violation"


@in_every_way
def test_who_is_revoked_is_refused_and_nobody_else(
    laboratory: Laboratory, flags: ssl.VerifyFlags
) -> None:
    after = laboratory.revoke("ada")
    lamp = config_of(after, "lamp")
    assert shake_hands(lamp, config_of(after, "desk"), flags) is None
    refusal = shake_hands(lamp, config_of(after, "ada"), flags)
    assert refusal == "server: excluded subtree violation"


@in_every_way
def test_two_laboratories_do_not_know_each_other(
    laboratory: Laboratory, tmp_path: Path, flags: ssl.VerifyFlags
) -> None:
    # Of the same name, so that only the keys differ.
    other = Laboratory.create(tmp_path / "other", "Ion lab")
    other.issue("desk", [Role.CLIENT])
    stranger = config_of(other, "desk", laboratory.authority.file)
    assert shake_hands(config_of(laboratory, "lamp"), stranger, flags) is not None


def test_a_certificate_is_valid_already_for_those_whose_clock_is_slow() -> None:
    now = datetime(2026, 11, 29, tzinfo=UTC)
    assert Period.of_days(30, now).begin <= now - timedelta(days=1)
