"""Controllers that cannot be started say why, once, in words that help."""

import socket
import sys
from pathlib import Path

from tests.ndsp.manager.laboratory import Laboratory, troubled
from tests.processes import free_port


def test_each_says_once_why_it_is_not_started(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = troubled(port=other.getsockname()[1])
        no_command = troubled()
        del no_command["command"]
        database = {
            "far": troubled(host="192.0.2.77"),
            "unknown": troubled(host="no.such.host.invalid"),
            "no_command": no_command,
            "no_program": {**troubled(), "command": "aqctl_lda -p {port}"},
            "no_key": {**troubled(), "command": "x --id {serial_number}"},
            "no_directory": {**troubled(), "command": "x --ssl {ARTIQ_SSL_DIR}/a.pem"},
            "open_quote": {**troubled(), "command": "x --id 'USB"},
            "taken": taken,
            "crash": troubled("crash"),
            "wrong": {**troubled(), "port": "abc"},
            "no_such_environment": troubled(environment={"A=B": "1"}),
            "misspelt": {**no_command, "port": free_port(), "commmand": "x"},
        }
        with Laboratory(tmp_path, database) as lab:
            states = lab.until(
                lambda s: all(
                    s.get(n, {}).get("restarts", 0) > 2
                    for n in ("crash", "taken", "no_key", "no_such_environment")
                )
            )
            log = lab.log()
    assert states["far"]["state"] == "elsewhere"
    assert states["unknown"]["state"] == "unknown host"
    assert states["wrong"]["state"] == "in error"
    assert "key 'port'" in states["wrong"]["reason"]
    assert "illegal environment variable name" in log
    assert states["no_command"]["state"] == "unmanaged"
    assert "it is not run here: it is for host '192.0.2.77', and this machine is " in log
    assert "if that is the same, use --host-filter 192.0.2.77" in log
    assert "its host 'no.such.host.invalid' cannot be found" in log
    assert "it is not run here: its entry has no command" in log
    assert "there is no program 'aqctl_lda' on the PATH of the manager" in log
    assert "names {serial_number}, which is no key of the entry" in log
    assert "names {ARTIQ_SSL_DIR}, and this environment variable is not set" in log
    assert "cannot be split: No closing quotation" in log
    assert f"its port {taken['port']} is taken by process " in log
    assert Path(sys.executable).name in states["taken"]["reason"]
    assert "it ended with status 1: no device found on USB bus 3; next attempt in 0.1 s; " in log
    assert "\n    looking for the device\n    no device found on USB bus 3" in log
    assert "WARNING:" in log
    assert "'commmand'" in log
    for once in ("no program 'aqctl_lda'", "its last lines", "is taken by", "is for host"):
        assert log.count(once) == 1


def test_the_host_filter_chooses_the_controllers_of_another_name(tmp_path: Path) -> None:
    database = {"here": troubled(), "far": troubled(host="192.0.2.77")}
    with Laboratory(tmp_path, database, "--host-filter", "192.0.2.77") as lab:
        states = lab.until(lambda s: "far" in s and s["far"]["pid"] is not None)
        log = lab.log("here")
    assert states["here"]["state"] == "elsewhere"
    assert "it is for host '127.0.0.1', and --host-filter lets '192.0.2.77' pass" in log
