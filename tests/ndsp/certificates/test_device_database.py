"""One entry of a device database, as advised, is for the manager and for all other clients."""

import os
import shutil
from pathlib import Path

import pytest

from ndsp.certificates import _advice
from ndsp.certificates.laboratory import Laboratory, Role
from ndsp.devices import DeviceManager
from tests.ndsp.manager.laboratory import Laboratory as Managed
from tests.ndsp.manager.laboratory import troubled


def carried(laboratory: Laboratory, client: str, machine: Path) -> Path:
    """Bring the files of a client to its machine, under the names that are the same for all."""
    machine.mkdir()
    for file, name in zip((f"{client}.pem", f"{client}.key"), _advice.CLIENT_FILES, strict=True):
        shutil.copy(laboratory.directory / file, machine / name)
    shutil.copy(laboratory.authority.file, machine)
    return machine


def test_everybody_uses_the_advised_entry_with_files_of_the_own(
    laboratory: Laboratory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    laboratory.issue("lamp-manager", [Role.CLIENT])
    server = carried(laboratory, "lamp-manager", tmp_path / "server")
    for file in ("lamp.pem", "lamp.key"):
        shutil.copy(laboratory.directory / file, server)
    advised = _advice.advice(laboratory.renew("lamp"), laboratory.authority.file, "desk")
    options = next(line.strip() for line in advised if "--ssl {ARTIQ_SSL_DIR}" in line)
    config = _advice.ssl_config(laboratory.authority.file)
    database = {"lamp": troubled(options, simple_ssl_config=config)}
    with Managed(tmp_path, database, environment={**os.environ, "ARTIQ_SSL_DIR": str(server)}) as m:
        pid = m.running("lamp")["lamp"]["pid"]
        for client in ("desk", "ada"):
            machine = carried(laboratory, client, tmp_path / client)
            monkeypatch.setenv("ARTIQ_SSL_DIR", str(machine))
            with DeviceManager(database) as devices:
                assert devices.get_device("lamp").pid() == pid
        m.end()
