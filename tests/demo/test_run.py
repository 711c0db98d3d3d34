"""The demonstration does what it says, and leaves nothing behind."""

import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from demo.run import DATABASE, DemoFailed, Demonstration, with_free_ports
from ndsp.device_db import read_device_db

ROOT = Path(__file__).parents[2]
RUN = ROOT / "demo" / "run.py"


def demonstration(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, RUN, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


def test_the_demonstration_is_complete_and_ends_with_status_0() -> None:
    done = demonstration("--free-ports")
    assert done.stderr == ""
    assert done.returncode == 0
    for name in ("hello", "lda", "psu", "camera"):
        assert f"\n{name:8}running" in done.stdout
    assert "attenuation: 5.0 dB\n" in done.stdout
    assert "100%" in done.stdout
    assert "channel 1: 8.00" in done.stdout
    assert "4 frames of 2048 x 2048 uint16: 34 MB in " in done.stdout
    assert done.stdout.count("brightest pixel: row ") == 3
    assert "INFO:hello:message: The experiment is over.\n" in done.stdout
    assert "WARNING:lda:it ended by SIGKILL; next attempt in 0.5 s\n" in done.stdout
    assert "All controllers have ended, nothing is left running.\n" in done.stdout
    assert done.stdout.endswith("The demonstration is complete.\n")


def test_an_occupied_port_is_named_with_what_to_do(tmp_path: Path) -> None:
    database = with_free_ports(DATABASE, tmp_path)
    port = read_device_db(database).controllers()[0].port
    demonstration = Demonstration(database, {}, tmp_path)
    with (
        socket.create_server(("127.0.0.1", port)),
        pytest.raises(DemoFailed, match=f"port {port} is taken by process .*--free-ports"),
    ):
        demonstration.run()


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make")
def test_make_passes_on_what_the_message_says() -> None:
    done = subprocess.run(
        ["make", "--dry-run", "demo", "ARGS=--free-ports"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=50,
        check=True,
    )
    assert "demo/run.py --free-ports\n" in done.stdout
