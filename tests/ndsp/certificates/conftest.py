"""A laboratory for each test."""

from pathlib import Path

import pytest

from ndsp.certificates.laboratory import Laboratory, Role, parse_host

HOSTS = [parse_host(text) for text in ("lamp.lab", "localhost", "127.0.0.1", "::1")]


@pytest.fixture
def laboratory(tmp_path: Path) -> Laboratory:
    """The server ``lamp``, the clients ``desk`` and ``ada``, and ``relay``, which is both."""
    made = Laboratory.create(tmp_path / "lab", "Ion lab")
    made.issue("lamp", [Role.SERVER], HOSTS)
    made.issue("desk", [Role.CLIENT])
    made.issue("ada", [Role.CLIENT])
    made.issue("relay", [Role.SERVER, Role.CLIENT], HOSTS)
    return made
