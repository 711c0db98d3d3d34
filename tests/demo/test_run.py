import socket
import subprocess
import sys
from pathlib import Path

RUN = Path(__file__).parents[2] / "demo" / "run.py"
OPTIONS = ("--port-hello", "--port-lda", "--port-camera")


def free_ports() -> list[str]:
    # On both loopback addresses, since the controllers listen on both.
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in OPTIONS]
    ports = [str(listener.getsockname()[1]) for listener in listeners]
    for listener in listeners:
        listener.close()
    return ports


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
    ports = dict(zip(OPTIONS, free_ports(), strict=True))
    done = demonstration(*(word for option in ports.items() for word in option))
    assert done.stderr == ""
    assert done.returncode == 0
    assert "Target(s):   hello\n" in done.stdout
    assert "message: Hello World!\n" in done.stdout
    assert f"{ports['--port-lda']} call get_attenuation\n5.0\n" in done.stdout
    assert "image received : (2048, 2048) uint16, 8.4 MB in " in done.stdout
    assert done.stdout.count("ended with status 0") == 3
    assert done.stdout.endswith("The demonstration is complete.\n")


def test_an_occupied_port_is_named_with_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        done = demonstration("--port-lda", port)
    assert done.returncode == 1
    assert f"cannot use port {port} on 127.0.0.1: Address already in use" in done.stderr
    assert "choose another with --port-lda" in done.stderr
    assert "$" not in done.stdout
