"""The command line ``ndsp certs``."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ndsp.certificates.laboratory import Laboratory
from ndsp.cli import main
from sipyco.tools import SimpleSSLConfig
from tests.ndsp.certificates.handshakes import config_of
from tests.serving import served

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def certs(capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*arguments: object) -> tuple[int, str, str]:
        try:
            status = main(["certs", *map(str, arguments)])
        except SystemExit as exit_:
            status = int(exit_.code or 0)
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return run


def document(certs: Run, *arguments: object) -> Any:
    status, out, _ = certs(*arguments, "--json")
    assert status == 0
    return json.loads(out)


def snapshot(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def test_a_laboratory_is_made_and_says_what_to_do_next(certs: Run, tmp_path: Path) -> None:
    directory = tmp_path / "lab"
    status, out, err = certs("init", directory, "--name", "Ion lab")
    assert (status, err) == (0, "")
    assert out.startswith(f"{directory / 'authority.pem'}: authority of 'Ion lab', valid until 2")
    assert f"ndsp certs issue NAME -d {directory}" in out
    assert document(certs, "show", "-d", directory)[0]["role"] == "authority"


def test_a_laboratory_is_called_as_its_directory_unless_told_otherwise(
    certs: Run, tmp_path: Path
) -> None:
    assert document(certs, "init", tmp_path / "ions")["subject"] == "O=ions"


def test_what_is_issued_says_what_to_configure_on_each_side(certs: Run, tmp_path: Path) -> None:
    lab = tmp_path / "lab"
    certs("init", lab)
    _, server, _ = certs("issue", "lamp", "-d", lab, "--host", "lamp.lab", "--host", "10.0.0.5")
    assert "server at lamp.lab, 10.0.0.5, valid until" in server
    assert f"  --ssl {lab / 'lamp.pem'} {lab / 'lamp.key'} {lab / 'authority.pem'}\n" in server
    assert (
        f"--ssl {lab / 'CLIENT.pem'} {lab / 'CLIENT.key'} {lab / 'authority.pem'} lamp.lab PORT"
        in server
    )
    assert (
        "  --ssl {ARTIQ_SSL_DIR}/lamp.pem {ARTIQ_SSL_DIR}/lamp.key {ARTIQ_SSL_DIR}/authority.pem\n"
    ) in server
    _, client, _ = certs("issue", "desk", "-d", lab)
    own = f"{lab / 'desk.pem'} {lab / 'desk.key'} {lab / 'authority.pem'}"
    assert f"  sipyco_rpctool --ssl {own} HOST PORT list-methods\n" in client
    assert (
        '  "simple_ssl_config": {"local_cert": "{ARTIQ_SSL_DIR}/client.pem", '
        '"local_key": "{ARTIQ_SSL_DIR}/client.key", '
        '"peer_cert": "{ARTIQ_SSL_DIR}/authority.pem"}\n'
    ) in client


def test_all_clients_are_advised_the_same_entry_of_the_device_database(
    certs: Run, tmp_path: Path
) -> None:
    lab = tmp_path / "lab"
    certs("init", lab)
    told = [document(certs, "issue", name, "-d", lab) for name in ("ada", "grace")]
    entries = [made["configuration"]["simple_ssl_config"] for made in told]
    assert entries[0] == entries[1]
    assert "ada" not in str(entries)


def test_what_is_issued_is_described_for_programs(certs: Run, tmp_path: Path) -> None:
    lab = tmp_path / "lab"
    certs("init", lab)
    made = document(certs, "issue", "lamp", "-d", lab, "--host", "lamp.lab", "--client")
    assert made["roles"] == ["server", "client"]
    assert made["hosts"] == ["lamp.lab"]
    assert made["new_key"] is True
    files = made["configuration"]["ssl"]
    SimpleSSLConfig(files[0], files[1], files[2]).create_server_context()


@pytest.mark.parametrize(
    ("options", "roles"),
    [
        ([], ["client"]),
        (["--client"], ["client"]),
        (["--server"], ["server"]),
        (["--host", "a"], ["server"]),
        (["--host", "a", "--client"], ["server", "client"]),
        (["--server", "--client"], ["server", "client"]),
    ],
)
def test_hosts_make_a_server_and_options_say_the_rest(
    certs: Run, tmp_path: Path, options: list[str], roles: list[str]
) -> None:
    certs("init", tmp_path / "lab")
    made = document(certs, "issue", "new", "-d", tmp_path / "lab", *options)
    assert sorted(made["roles"]) == sorted(roles)


def test_a_server_without_hosts_and_an_early_end_are_remarked(certs: Run, tmp_path: Path) -> None:
    lab = tmp_path / "lab"
    certs("init", lab, "--days", 100)
    status, _, err = certs("issue", "lamp", "-d", lab, "--server")
    assert status == 0
    assert "it ends together with the authority" in err
    assert "without --host" in err


@pytest.mark.parametrize(
    ("options", "roles", "hosts"),
    [
        ([], ["server", "client"], ["lamp.lab", "localhost", "127.0.0.1", "::1"]),
        (["--host", "new.lab"], ["server", "client"], ["new.lab"]),
        (["--client"], ["client"], []),
        (["--server"], ["server"], ["lamp.lab", "localhost", "127.0.0.1", "::1"]),
    ],
)
def test_a_renewed_one_keeps_what_is_not_said(
    certs: Run, laboratory: Laboratory, options: list[str], roles: list[str], hosts: list[str]
) -> None:
    made = document(certs, "issue", "relay", "-d", laboratory.directory, "--renew", *options)
    assert (made["roles"], made["hosts"], made["new_key"]) == (roles, hosts, False)


def test_a_client_that_should_have_been_a_server_is_told_how_to_become_one(
    certs: Run, tmp_path: Path
) -> None:
    lab = tmp_path / "lab"
    certs("init", lab)
    as_server = f"ndsp certs issue shutter -d {lab} --renew --server"
    _, out, _ = certs("issue", "shutter", "-d", lab)
    assert f"without --host it is a client; for a server: {as_server} --host HOST\n" in out
    _, out, _ = certs("issue", "shutter", "-d", lab, "--renew", "--host", "shutter.lab")
    assert "shutter.pem: server and client at shutter.lab" in out
    assert f"it stays a client, too; for a server only: {as_server}\n" in out
    _, out, _ = certs(*as_server.split()[2:])
    assert "shutter.pem: server at shutter.lab" in out
    assert "client, too" not in out


@pytest.mark.parametrize(
    "options", [["--client"], ["--host", "a"], ["--server"], ["--host", "a", "--client"]]
)
def test_who_says_what_it_is_is_not_asked_back(
    certs: Run, tmp_path: Path, options: list[str]
) -> None:
    certs("init", tmp_path / "lab")
    for renew in ([], ["--renew"]):
        _, out, _ = certs("issue", "new", "-d", tmp_path / "lab", *renew, *options)
        assert "for a server" not in out


def test_nothing_is_overwritten_without_being_told_so(certs: Run, laboratory: Laboratory) -> None:
    before = snapshot(laboratory.directory)
    status, out, err = certs("issue", "desk", "-d", laboratory.directory)
    assert (status, out) == (1, "")
    assert "--renew" in err
    status, _, err = certs("init", laboratory.directory)
    assert status == 1
    assert "is there already" in err
    assert snapshot(laboratory.directory) == before
    assert certs("issue", "desk", "-d", laboratory.directory, "--renew")[0] == 0
    assert certs("issue", "desk", "-d", laboratory.directory, "--renew", "--new-key")[0] == 0
    assert certs("init", laboratory.directory, "--renew")[0] == 0
    changed = {
        name for name, data in snapshot(laboratory.directory).items() if data != before[name]
    }
    assert changed == {"desk.pem", "desk.key", "authority.pem"}


def test_a_list_is_written_of_names_and_of_files(
    certs: Run, laboratory: Laboratory, tmp_path: Path
) -> None:
    lab, listed = laboratory.directory, tmp_path / "listed.pem"
    status, out, _ = certs("bundle", listed, "desk", lab / "ada.pem", "-d", lab)
    assert (status, out.splitlines()[0]) == (0, f"{listed}: accepts desk, ada")
    (shown,) = document(certs, "show", listed)
    assert shown["only"] == ["desk", "ada"]
    other = tmp_path / "other"
    certs("init", other)
    peer = other / "authority.pem"
    certs("bundle", listed, "authority", peer, "-d", lab, "--replace")
    assert [one["subject"] for one in document(certs, "show", listed)] == ["O=Ion lab", "O=other"]
    # Without -d: the laboratory is where the files are.
    assert certs("bundle", listed, lab / "desk.pem", "--replace")[0] == 0
    assert document(certs, "show", listed)[0]["only"] == ["desk"]


def test_a_list_does_not_overwrite_what_it_should_not(
    certs: Run, laboratory: Laboratory, tmp_path: Path
) -> None:
    lab = laboratory.directory
    before = snapshot(lab)
    for arguments, expected in [
        ([lab / "desk.pem", "ada", "--replace"], "the list comes first"),
        ([lab / "authority.pem", "ada", "--replace"], "the list comes first"),
        ([tmp_path / "listed.pem", "adda"], "no certificate of 'adda'"),
        ([tmp_path / "listed.pem", "no.pem"], "'no.pem': No such file"),
        ([tmp_path / "listed.pem", "ada", lab / "authority.pem"], "cannot list some sides of"),
    ]:
        status, out, err = certs("bundle", *arguments, "-d", lab)
        assert (status, out) == (1, "")
        assert expected in err
    assert snapshot(lab) == before
    assert not (tmp_path / "listed.pem").exists()
    certs("bundle", tmp_path / "listed.pem", "ada", "-d", lab)
    status, _, err = certs("bundle", tmp_path / "listed.pem", "desk", "-d", lab)
    assert status == 1
    assert "--replace" in err


def test_revoking_says_where_that_has_to_be_known(certs: Run, laboratory: Laboratory) -> None:
    lab = laboratory.directory
    certs("bundle", lab / "listed.pem", "desk", "ada", "-d", lab)
    status, out, _ = certs("revoke", "ada", "-d", lab)
    assert status == 0
    assert "no longer vouches for ada" in out
    assert f"make these lists again: {lab / 'listed.pem'}" in out
    (shown,) = document(certs, "show", "ada", "-d", lab)
    assert shown["revoked"] is True
    assert document(certs, "revoke", "ada", "-d", lab)["revoked"] == ["ada"]
    _, out, _ = certs("show", "ada", "authority", "-d", lab)
    assert "validity     revoked; valid until" in out
    assert "vouches for  everybody but ada, revoked" in out


def test_a_certificate_is_shown_with_what_it_says(certs: Run, laboratory: Laboratory) -> None:
    _, out, _ = certs("show", "lamp", "-d", laboratory.directory)
    assert [line.split()[0] for line in out.splitlines()[1:]] == [
        *("role", "hosts", "validity", "signed", "SHA-256")
    ]
    (shown,) = document(certs, "show", laboratory.directory / "lamp.pem")
    assert shown["name"] == "lamp"
    assert shown["role"] == "server"
    assert shown["days_left"] == 1825
    assert shown["issuer"] == "O=Ion lab"
    assert shown["self_signed"] is False
    openssl = ["openssl", "x509", "-noout", "-fingerprint", "-sha256", "-in", shown["file"]]
    told = subprocess.run(openssl, check=True, capture_output=True, text=True).stdout
    assert told.strip().endswith("=" + shown["fingerprint_sha256"])


def test_what_is_not_there_cannot_be_shown(
    certs: Run, laboratory: Laboratory, tmp_path: Path
) -> None:
    status, _, err = certs("show", "nobody", "-d", laboratory.directory)
    assert status == 1
    assert "there are ada, authority, desk, lamp, relay" in err
    status, _, err = certs("show", "-d", tmp_path)
    assert (status, "no certificates in" in err) == (1, True)
    missing = tmp_path / "bob.pem"
    assert certs("show", missing) == (
        1,
        "",
        f"ndsp certs: '{missing}': No such file or directory; check the name and the permissions\n",
    )


def test_the_doctor_ends_with_one_if_there_is_an_error(
    certs: Run, laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(laboratory.directory)
    assert certs("doctor") == (0, "no problems found\n", "")
    (laboratory.directory / "desk.key").write_bytes(b"")
    certs("issue", "lamp", "--renew", "--days", 3)
    status, out, _ = certs("doctor")
    assert status == 1
    assert out.splitlines()[-1] == "1 error and 1 warning"
    status, out, _ = certs("doctor", "--json")
    told = json.loads(out)
    assert (status, told["ok"]) == (1, False)
    assert {finding["kind"] for finding in told["findings"]} == {"unreadable", "expires-soon"}
    assert certs("doctor", "lamp.pem")[0] == 0


def test_the_doctor_compares_two_sides_and_connects(certs: Run, laboratory: Laboratory) -> None:
    lab = laboratory.directory
    server, client = (
        (f"--{role}", lab / f"{name}.pem", lab / f"{name}.key", lab / "authority.pem")
        for role, name in (("server", "lamp"), ("client", "desk"))
    )
    status, out, _ = certs("doctor", *server, *client)
    assert (status, "accept each other" in out) == (0, True)
    with served({"lamp": object()}, config_of(laboratory, "lamp")) as port:
        status, out, _ = certs("doctor", *client, "--connect", f"localhost:{port}")
    assert (status, "accepts this client, and is accepted" in out) == (0, True)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["issue", "a b"], "cannot issue for the name 'a b'"),
        (["issue", "a", "--host", "lamp:3249"], "leave the port out"),
        (["issue", "a", "--days", "0"], "cannot be valid for '0' days"),
        (["issue", "a", "--days", "1e3"], "cannot be valid for '1e3' days"),
        (["issue", "a", "--days", "9" * 99], "expected 1 to 36500"),
        (["issue", "a", "--new-key"], "--new-key belongs to --renew"),
        (["init", "x", "--name", ""], "cannot name a laboratory ''"),
        (["init", "x", "--name", "y", "--renew"], "--name does not go with --renew"),
        (["doctor", "--connect", "lamp"], "expected HOST:PORT"),
        (["doctor", "--connect", "lamp:1"], "--client CERT KEY PEER"),
        (["doctor", "--timeout", "nan"], "cannot wait for 'nan' seconds"),
        (["doctor", "--timeout", "soon"], "cannot wait for 'soon' seconds"),
        ([], "required"),
    ],
)
def test_wrong_usage_is_told_and_ends_with_two(
    certs: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    expected: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    status, out, err = certs(*arguments)
    assert (status, out) == (2, "")
    assert expected in err
    assert list(tmp_path.iterdir()) == []


def test_an_error_of_the_file_system_names_the_file(certs: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    status, _, err = certs("init", tmp_path / "file" / "lab")
    assert status == 1
    assert err.startswith(f"ndsp certs: '{tmp_path}/file")
    assert len(err.splitlines()) == 1


def python(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return done.stdout + done.stderr


def test_the_command_line_is_there_before_the_library_is() -> None:
    program = "import sys; from ndsp.cli import get_argparser as g; g(); print(*sys.modules)"
    imported = python(program).split()
    assert "ndsp.certificates._command" in imported
    assert "cryptography" not in imported


def test_a_missing_library_is_told_with_what_installs_it() -> None:
    blocked = "import sys; sys.modules['cryptography'] = None; from ndsp.cli import main"
    told = python(f"{blocked}; assert main(['certs', 'show']) == 1")
    assert told == (
        "ndsp certs: needs the library cryptography; install it: pip install 'sipyco[ndsp]'\n"
    )
