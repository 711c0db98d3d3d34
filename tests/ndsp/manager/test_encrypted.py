"""Controllers that encrypt are looked after like all others."""

import os
from pathlib import Path

import pytest

from ndsp.devices import DeviceManager
from tests.certificates import Certificates
from tests.ndsp.manager.laboratory import Laboratory, troubled

CLIENT = {
    "local_cert": "{ARTIQ_SSL_DIR}/client.pem",
    "local_key": "{ARTIQ_SSL_DIR}/client.key",
    "peer_cert": "{ARTIQ_SSL_DIR}/server.pem",
}
SERVER = "--ssl {ARTIQ_SSL_DIR}/server.pem {ARTIQ_SSL_DIR}/server.key {ARTIQ_SSL_DIR}/client.pem"


def test_an_encrypted_controller_is_started_found_alive_and_ended(
    tmp_path: Path, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = {"a": troubled(SERVER, simple_ssl_config=CLIENT, term_timeout=60)}
    environment = {**os.environ, "ARTIQ_SSL_DIR": str(certificates.directory)}
    with Laboratory(tmp_path, database, environment=environment) as lab:
        pid = lab.running("a")["a"]["pid"]
        with lab.control() as control:
            control.restart("a")
        lab.until(lambda s: s["a"]["state"] == "running" and s["a"]["pid"] != pid)
        monkeypatch.setenv("ARTIQ_SSL_DIR", str(certificates.directory))
        with DeviceManager(database) as devices:
            assert devices.get_device("a").pid() == lab.running("a")["a"]["pid"]
        lab.end()
    # By the request to end: there was no time for anything firmer.


def test_certificates_that_do_not_fit_are_the_reason_that_it_does_not_answer(
    tmp_path: Path, certificates: Certificates
) -> None:
    stranger = {**CLIENT, "local_cert": "{ARTIQ_SSL_DIR}/stranger.pem"}
    stranger["local_key"] = "{ARTIQ_SSL_DIR}/stranger.key"
    entry = troubled(SERVER, simple_ssl_config=stranger, start_timeout=1.5, retry_timer=60)
    environment = {**os.environ, "ARTIQ_SSL_DIR": str(certificates.directory)}
    with Laboratory(tmp_path, {"a": entry}, environment=environment) as lab:
        reason = lab.until(lambda s: s["a"]["state"] == "retrying")["a"]["reason"]
    assert "it did not answer within 1.5 s (start_timeout); the last attempt: server " in reason
