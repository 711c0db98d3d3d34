"""``ndsp status``, ``logs`` and ``control``, as they are typed."""

import contextlib
import json
import select
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ndsp.manager.laboratory import Laboratory, troubled
from tests.processes import PATIENCE, TOP, free_port, program


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    database = {
        "lda": troubled(),
        "camera": troubled(),
        "far": troubled(host="192.0.2.77"),
        "broken": troubled("crash", retry_timer=60),
    }
    with Laboratory(tmp_path_factory.mktemp("lab"), database) as made:
        made.running("lda", "camera")
        made.until(lambda s: s["broken"]["state"] == "retrying")
        yield made


def ndsp(lab: Laboratory, *words: str, port: int | None = None) -> subprocess.CompletedProcess[str]:
    command, *others = words
    return subprocess.run(
        [
            *(sys.executable, "-m", "ndsp", command, *others),
            *("--port-control", str(port or lab.control_port), "-s", "127.0.0.1"),
        ],
        cwd=TOP,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def test_status_shows_a_line_for_each_controller(lab: Laboratory) -> None:
    done = ndsp(lab, "status")
    assert (done.returncode, done.stderr) == (0, "")
    heading, *lines = done.stdout.splitlines()
    assert (
        " ".join(heading.split()) == "name state since restarts busy with reason or last log line"
    )
    rows = {line.split()[0]: line for line in lines}
    assert list(rows) == ["lda", "camera", "broken", "far"]
    assert rows["lda"].split()[1:5] == ["running", rows["lda"].split()[2], "s", "0"]
    assert "runs on 127.0.0.1:" in rows["lda"]
    assert rows["broken"].rstrip().endswith("it ended with status 1: no device found on USB bus 3")
    assert "it is for host '192.0.2.77'" in rows["far"]


def test_status_is_there_for_programs_too(lab: Laboratory) -> None:
    states = json.loads(ndsp(lab, "status", "--json").stdout)
    assert states["lda"]["state"] == "running"
    assert isinstance(states["lda"]["pid"], int)


def test_logs_show_the_entries_of_one_controller_or_all(lab: Laboratory) -> None:
    with lab.client("lda") as device:
        device.log("the first line")
        device.log("WARNING:driver:the second line")
    lab.until(lambda s: s["lda"]["last_log"] == "the second line")
    one = ndsp(lab, "logs", "lda", "-n", "2").stdout.splitlines()
    assert [line.split(" ", 2)[2] for line in one] == [
        "INFO:lda:the first line",
        "WARNING:lda:the second line",
    ]
    everything = ndsp(lab, "logs").stdout
    assert "INFO:ctlmgr:managing the controllers of the file" in everything
    assert "WARNING:lda:the second line" in everything
    (entry,) = (
        json.loads(x) for x in ndsp(lab, "logs", "lda", "-n1", "--json").stdout.splitlines()
    )
    assert entry["message"] == "the second line"
    assert entry["name"] == "driver"


def test_logs_follow(lab: Laboratory) -> None:
    words = ("logs", "camera", "-f", "-n", "1", "--port-control", str(lab.control_port))
    with lab.client("camera") as device:
        device.log("it was")
        lab.until(lambda s: s["camera"]["last_log"] == "it was")
        with program("-m", "ndsp", *words) as process:
            assert process.stdout
            assert process.stdout.readline().endswith("INFO:camera:it was\n")
            device.log("it comes")
            assert process.stdout.readline().endswith("INFO:camera:it comes\n")


def test_who_follows_logs_waits_for_a_manager_that_has_gone(tmp_path: Path) -> None:
    with Laboratory(tmp_path, {"lda": troubled()}) as lab:
        words = ("logs", "lda", "-f", "--port-control", str(lab.control_port), "-s", "127.0.0.1")
        lab.running("lda")
        with program("-m", "ndsp", *words) as process:
            assert process.stdout
            assert process.stderr
            assert "INFO:lda:runs on 127.0.0.1" in process.stdout.readline()
            lab.end()
            assert "INFO:lda:has ended with status 0" in process.stdout.readline()
            assert process.stderr.readline().endswith("; waiting for it\n")
            lab.start()
            lab.running("lda")
            with lab.client("lda") as device:
                # It may follow again before the controller runs, or after that.
                while not select.select([process.stdout], [], [], 0.1)[0]:
                    device.log("it is back")
            lines = iter(process.stdout.readline, "")
            assert any(line.endswith("INFO:lda:it is back\n") for line in lines)


def test_control_stops_and_starts(lab: Laboratory) -> None:
    assert ndsp(lab, "control", "stop", "lda").returncode == 0
    lab.until(lambda s: s["lda"]["state"] == "stopped")
    before = lab.running("camera")["camera"]["pid"]
    assert ndsp(lab, "control", "restart", "lda", "camera").returncode == 0
    after = lab.until(lambda s: s["camera"]["pid"] not in {None, before})
    lab.running("lda", "camera")
    assert after["camera"]["restarts"] == 0


def test_retry_now_does_not_wait_for_the_timer(lab: Laboratory) -> None:
    before = lab.until(lambda s: s["broken"]["state"] == "retrying")["broken"]["restarts"]
    assert ndsp(lab, "control", "retry_now", "broken").returncode == 0
    lab.until(lambda s: s["broken"]["restarts"] > before)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("no_such", "there is no controller 'no_such'; there are lda, camera, broken, far"),
        ("camra", "there is no controller 'camra'; did you mean 'camera'?"),
        ("far", "controller 'far' is not run here: it is for host '192.0.2.77'"),
    ],
)
def test_a_controller_that_is_not_run_here_is_refused(
    lab: Laboratory, name: str, reason: str
) -> None:
    done = ndsp(lab, "control", "start", name)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith(f"ndsp control: {reason}")


def test_logs_of_a_controller_that_is_not_there_are_refused(lab: Laboratory) -> None:
    done = ndsp(lab, "logs", "camra")
    assert done.returncode == 1
    assert done.stderr == "ndsp logs: there is no controller 'camra'; did you mean 'camera'?\n"
    assert "Traceback" not in lab.log("ctlmgr")


@pytest.mark.parametrize("words", [("status",), ("logs",), ("control", "stop", "lda")])
def test_without_a_manager_they_say_what_to_do(lab: Laboratory, words: tuple[str, ...]) -> None:
    done = ndsp(lab, *words, port=free_port())
    assert done.returncode == 1
    assert f"ndsp {words[0]}: no manager listens on 127.0.0.1 port" in done.stderr
    assert "start one with `ndsp ctlmgr`" in done.stderr


def test_watch_goes_on_until_it_is_interrupted(lab: Laboratory) -> None:
    words = ("status", "--watch", "--port-control", str(lab.control_port))
    with program("-m", "ndsp", *words) as process:
        with lab.control() as control, contextlib.suppress(KeyboardInterrupt):
            while control.get_rpc_status()["connections"] < 2:
                pass
        process.send_signal(2)
        process.wait(PATIENCE)
    assert process.returncode == 130
