from typing import Any

import pytest

from ndsp.device_db import Alias, DeviceDBError
from sipyco.tools import SimpleSSLConfig
from tests.ndsp.device_db.databases import SOURCE, controller, parse, parsed_controller

FILES = {
    "local_cert": "{ARTIQ_SSL_DIR}/desk.pem",
    "local_key": "{ARTIQ_SSL_DIR}/desk.key",
    "peer_cert": "/etc/lamp.pem",
}


def test_certificates_are_found_in_the_directory_that_the_environment_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ARTIQ_SSL_DIR", "/home/ada/{keys}")
    assert parsed_controller(simple_ssl_config=FILES).ssl_config == SimpleSSLConfig(
        "/home/ada/{keys}/desk.pem", "/home/ada/{keys}/desk.key", "/etc/lamp.pem"
    )


@pytest.mark.parametrize("value", [None, ""])
def test_a_missing_directory_matters_to_who_connects_only(
    monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    monkeypatch.delenv("ARTIQ_SSL_DIR", raising=False)
    if value is not None:
        monkeypatch.setenv("ARTIQ_SSL_DIR", value)
    entry = parsed_controller(simple_ssl_config=FILES)
    with pytest.raises(DeviceDBError) as caught:
        _ = entry.ssl_config
    assert str(caught.value) == (
        f"{SOURCE}: entry 'lamp', key 'simple_ssl_config': cannot fill in 'local_cert', "
        "'{ARTIQ_SSL_DIR}/desk.pem': the environment variable ARTIQ_SSL_DIR is not set; "
        "set it to the directory of the certificates"
    )


def test_certificates_without_the_directory_need_no_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("ARTIQ_SSL_DIR", raising=False)
    files = {"local_cert": "a", "local_key": "b", "peer_cert": "c"}
    entry = parsed_controller(simple_ssl_config=files)
    assert entry.ssl_config == SimpleSSLConfig("a", "b", "c")


@pytest.mark.parametrize(
    "change", [{"port": 3301}, {"own": [2]}, {"ping_timer": 30.0}, {"command": "x"}]
)
def test_controllers_are_equal_exactly_if_their_entries_are(change: dict[str, Any]) -> None:
    same = parsed_controller(own=[1])
    assert parsed_controller(own=[1]) == same
    assert hash(parsed_controller(own=[1])) == hash(same)
    assert parsed_controller(**{"own": [1], **change}) != same


def test_the_source_plays_no_part_in_equality_and_the_name_does() -> None:
    one, other = parse(a=controller()), parse(b=controller())
    assert one["a"] != other["b"]
    assert one["a"] != "a"


def test_aliases_are_equal_if_they_stand_for_the_same() -> None:
    def alias(target: str) -> Alias:
        return Alias(name="light", raw={}, source=SOURCE, target=target)

    assert alias("lamp") == alias("lamp")
    assert alias("lamp") != alias("other")
    assert hash(alias("lamp")) == hash(alias("lamp"))


def test_an_address_is_written_as_in_all_messages() -> None:
    assert parsed_controller(host="::1").address == "[::1]:3300"
    assert parsed_controller(host="lab7").address == "lab7:3300"
