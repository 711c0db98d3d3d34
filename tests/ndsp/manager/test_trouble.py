"""Controllers that are killed, hang, flood, are busy, or do not want to end."""

import os
import signal
import sys
import threading
from pathlib import Path

import psutil
import pytest

from tests.ndsp.manager.laboratory import Laboratory, gone, troubled

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="by signals of POSIX")


def test_a_killed_controller_is_back(tmp_path: Path) -> None:
    with Laboratory(tmp_path, {"a": troubled()}) as lab:
        before = lab.running("a")["a"]["pid"]
        os.kill(before, signal.SIGKILL)
        state = lab.until(lambda s: s["a"]["restarts"] == 1 and s["a"]["state"] == "running")["a"]
        assert state["pid"] != before
        with lab.client("a") as device:
            assert device.pid() == state["pid"]
        assert "WARNING:it ended by SIGKILL; next attempt in 0.1 s" in lab.log("a")


def test_a_hung_event_loop_is_found_shows_its_stack_and_is_started_again(tmp_path: Path) -> None:
    with Laboratory(tmp_path, {"a": troubled(ping_timeout=0.3)}) as lab:
        before = lab.running("a")["a"]["pid"]
        with lab.client("a") as device, pytest.raises(ConnectionError):
            device.hang()
        lab.until(lambda s: s["a"]["state"] == "running" and s["a"]["pid"] != before)
        log = lab.log("a")
    assert "its event loop does not answer for 0.3 s" in log
    assert "Fatal Python error: Aborted" in log
    assert " in hang" in log


def test_a_busy_controller_is_left_alone_and_says_with_what_it_is_busy(tmp_path: Path) -> None:
    with Laboratory(tmp_path, {"a": troubled(ping_timeout=0.2)}) as lab:
        before = lab.running("a")["a"]["pid"]
        with lab.client("a") as device:
            caller = threading.Thread(target=device.work, args=(1.0,))
            caller.start()
            lab.until(lambda s: s["a"]["busy_with"] == "work")
            state = lab.until(lambda s: s["a"]["busy_with"] is None)["a"]
            caller.join()
        assert (state["pid"], state["state"], state["restarts"]) == (before, "running", 0)


def test_a_call_that_begins_before_the_ping_is_no_sickness(tmp_path: Path) -> None:
    with Laboratory(tmp_path, {"a": troubled(ping_timer=0.01, ping_timeout=0.2)}) as lab:
        before = lab.running("a")["a"]["pid"]
        with lab.client("a") as device:
            for _ in range(5):
                device.work(0.5)
        state = lab.until(lambda s: s["a"]["busy_with"] is None)["a"]
        assert (state["pid"], state["restarts"]) == (before, 0)


def test_busy_timeout_ends_a_busy_controller(tmp_path: Path) -> None:
    with Laboratory(tmp_path, {"a": troubled(busy_timeout=0.3)}) as lab:
        before = lab.running("a")["a"]["pid"]
        with lab.client("a") as device, pytest.raises(ConnectionError):
            device.work(60)
        lab.until(lambda s: s["a"]["state"] == "running" and s["a"]["pid"] != before)
        assert "it is busy with work for more than 0.3 s (busy_timeout)" in lab.log("a")


def test_a_controller_of_the_original_library_is_busy_when_it_does_not_answer(
    tmp_path: Path,
) -> None:
    with Laboratory(tmp_path, {"a": troubled("old", ping_timeout=0.2)}) as lab:
        before = lab.running("a")["a"]["pid"]
        os.kill(before, signal.SIGSTOP)  # as if a call took a minute
        state = lab.until(lambda s: s["a"]["busy_with"] is not None)["a"]
        assert state["busy_with"] == "a call, so that it does not answer"
        os.kill(before, signal.SIGCONT)
        state = lab.until(lambda s: s["a"]["busy_with"] is None)["a"]
        assert (state["pid"], state["restarts"]) == (before, 0)


def test_busy_timeout_ends_a_controller_of_the_original_library(tmp_path: Path) -> None:
    entry = troubled("old", ping_timeout=0.2, busy_timeout=0.5, term_timeout=0.2)
    with Laboratory(tmp_path, {"a": entry}) as lab:
        before = lab.running("a")["a"]["pid"]
        os.kill(before, signal.SIGSTOP)
        gone(before)
        lab.running("a")


def test_a_flood_of_output_is_read_to_its_end_and_mostly_dropped(tmp_path: Path) -> None:
    with Laboratory(tmp_path, {"a": troubled()}) as lab:
        lab.running("a")
        memory = psutil.Process(lab.process.pid).memory_info().rss
        with lab.client("a", 60) as device:
            assert device.flood(48 << 20) == 48 << 20
            while "after the flood" not in lab.log("a"):
                device.log("after the flood")  # which is logged again when it has been quiet
        lab.until(lambda s: s["a"]["last_log"] == "after the flood")
        grown = psutil.Process(lab.process.pid).memory_info().rss - memory
        assert grown < 32 << 20
        log = lab.log("a")
    assert len(log) < 2 << 20
    assert "it prints too much; until that ends, it is left out of the log" in log


def test_one_that_does_not_want_to_end_is_killed(tmp_path: Path) -> None:
    entry = troubled("stubborn", term_timeout=0.2, start_timeout=0.5, retry_timer=60)
    with Laboratory(tmp_path, {"a": entry}) as lab:
        pid = lab.until(lambda s: s["a"]["pid"] is not None)["a"]["pid"]
        gone(pid)
        lab.until(lambda s: s["a"]["state"] == "retrying")
        assert "it did not answer within 0.5 s (start_timeout)" in lab.log("a")


@pytest.mark.parametrize("hides", [False, True])
def test_what_a_controller_has_started_ends_with_it(tmp_path: Path, hides: bool) -> None:
    with Laboratory(tmp_path, {"a": troubled()}) as lab:
        pid = lab.running("a")["a"]["pid"]
        with lab.client("a") as device:
            grandchild = device.spawn(hides=hides)
        os.kill(pid, signal.SIGKILL)
        gone(grandchild)
        assert ("stay in the foreground" in lab.log("a")) == hides


def test_one_that_goes_into_the_background_is_told_not_to(tmp_path: Path) -> None:
    with Laboratory(tmp_path, {"a": troubled("background", retry_timer=60)}) as lab:
        lab.until(lambda s: s["a"]["state"] == "retrying")
        assert "was killed; have it stay in the foreground" in lab.log("a")


def test_a_shell_between_the_manager_and_the_controller_makes_no_difference(tmp_path: Path) -> None:
    entry = troubled()
    entry["command"] = f"bash -c 'COLOUR=red {entry['command']}; true'"
    with Laboratory(tmp_path, {"a": entry}) as lab:
        shell = lab.running("a")["a"]["pid"]
        with lab.client("a") as device:
            assert device.variable("COLOUR") == "red"
            inner = device.pid()
        assert inner != shell
        lab.end()
        gone(shell, inner)
