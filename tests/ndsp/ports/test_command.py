import json
from pathlib import Path
from typing import Any

import pytest

from ndsp.cli import main
from tests.certificates import make_certificates
from tests.ndsp.device_db.databases import controller
from tests.serving import free_port, served

DATABASE = {
    "oven": controller(3300, "lab7"),
    "lda": controller(3253, "127.0.0.1"),
    "hello": controller(3249, "::1"),
    "nothing": {"type": "dummy"},
}

TABLE = """\
HOST       PORT  CONTROLLER  REMARK
lab7       3300  oven
::1        3249  hello       clashes with controller manager (control); default of hello, the ...
127.0.0.1  3253  lda         default of LDA
"""


class MasterDeviceDB:
    def get_device_db(self) -> dict[str, Any]:
        return DATABASE


def lines(text: str) -> list[str]:
    return text.replace("example of the manual", "...").splitlines()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "device_db.py"
    path.write_text(f"device_db = {DATABASE!r}\n")
    return path


def test_the_default_ports_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ports"]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[0].split("  ")[0] == "PORT"
    assert "3253       LDA                               ARTIQ" in out.splitlines()
    assert err == ""
    assert main(["ports", "--json"]) == 0
    assert {
        "first": 3259,
        "last": 3270,
        "name": "PTB drivers",
        "origin": "ARTIQ",
        "is_infrastructure": False,
    } in json.loads(capsys.readouterr().out)


def test_the_controllers_of_a_file_are_listed_by_host_and_port(
    capsys: pytest.CaptureFixture[str], path: Path
) -> None:
    assert main(["ports", "--device-db", str(path)]) == 0
    out, err = capsys.readouterr()
    assert lines(out) == TABLE.splitlines()
    assert err == ""


def test_a_program_gets_clashes_and_defaults_apart(
    capsys: pytest.CaptureFixture[str], path: Path
) -> None:
    assert main(["ports", "--device-db", str(path), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [item["name"] for item in found] == ["oven", "hello", "lda"]
    assert found[1] == {
        "host": "::1",
        "port": 3249,
        "name": "hello",
        "clashes_with": ["controller manager (control)"],
        "default_of": ["hello, the example of the manual"],
    }
    assert (found[2]["clashes_with"], found[2]["default_of"]) == ([], ["LDA"])


@pytest.mark.parametrize("encrypted", [False, True])
def test_a_master_is_asked(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, encrypted: bool
) -> None:
    server = None
    options: list[str] = []
    if encrypted:
        server, client = make_certificates(tmp_path)
        files = (client.local_cert, client.local_key, client.peer_cert)
        options = ["--ssl", *map(str, files)]
    with served({"device_db": MasterDeviceDB()}, server) as port:
        assert main(["ports", "-s", "127.0.0.1", "--port", str(port), *options]) == 0
    assert lines(capsys.readouterr().out) == TABLE.splitlines()


def test_problems_are_told_beside_the_list(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "db.py"
    lamp = controller(3300, target="x")
    path.write_text(f"device_db = {{'lamp': {lamp!r}}}\n")
    assert main(["ports", "--device-db", str(path)]) == 0
    out, err = capsys.readouterr()
    assert "::1   3300  lamp" in out
    assert err.startswith(f"ndsp ports: warning: {path}: entry 'lamp', key 'target': looks like")

    path.write_text(f"device_db = {{'lamp': {controller(3300)!r}, 'oven': 'lmap'}}\n")
    assert main(["ports", "--device-db", str(path)]) == 1
    out, err = capsys.readouterr()
    assert "::1   3300  lamp" in out
    assert err.startswith(f"ndsp ports: error: {path}: entry 'oven': refers to 'lmap'")


def test_a_database_that_cannot_be_had_is_an_error(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["ports", "--device-db", str(tmp_path / "db.py")]) == 1
    assert "db.py: cannot read this file: No such file" in capsys.readouterr().err
    assert main(["ports", "-s", "127.0.0.1", "--port", str(free_port())]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "connection refused" in err
    assert "give the host and port of an ARTIQ master" in err


def test_one_source_is_enough(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["ports", "--device-db", "x", "-s", "y"])
    assert caught.value.code == 2
    assert "not allowed with" in capsys.readouterr().err
