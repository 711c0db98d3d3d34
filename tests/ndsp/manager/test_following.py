"""The manager follows the database, of a file or of a master, and ends what it has started."""

import asyncio
import contextlib
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sipyco.logs import Server as LogServer
from sipyco.sync_struct import Notifier, Publisher
from tests.ndsp.manager.laboratory import Laboratory, children_of, gone, troubled
from tests.processes import PATIENCE, TOP, free_port, listens, program

posix = pytest.mark.skipif(sys.platform == "win32", reason="by signals of POSIX")


def test_exactly_what_changes_in_the_file_is_started_anew(tmp_path: Path) -> None:
    database = {"same": troubled(), "changes": troubled(), "goes": troubled()}
    with Laboratory(tmp_path, database) as lab:
        before = lab.running(*database)
        lab.write_text("device_db = {")
        lab.until(lambda s: "same" in s)
        new = {"same": database["same"], "comes": troubled()}
        new["changes"] = {**database["changes"], "environment": {"COLOUR": "red"}}
        lab.write(new)
        lab.until(lambda s: "goes" not in s and "comes" in s)
        after = lab.running(*new)
        lab.database = new
        with lab.client("changes") as device:
            assert device.variable("COLOUR") == "red"
        gone(before["goes"]["pid"])
    assert after["same"]["pid"] == before["same"]["pid"]
    assert after["changes"]["pid"] != before["changes"]["pid"]


def test_a_file_that_cannot_be_read_changes_nothing(tmp_path: Path) -> None:
    with Laboratory(tmp_path, {"a": troubled()}) as lab:
        before = lab.running("a")["a"]["pid"]
        lab.write_text("device_db = {")
        with lab.control() as control:
            for entry in control.follow_logs(None, 1000):
                if "going on with the database before" in entry["message"]:
                    break
        assert "device_db.py" in entry["message"]
        assert "line 1" in entry["message"]
        assert lab.running("a")["a"]["pid"] == before


def test_a_controller_whose_entry_is_in_error_goes_on_as_it_was(tmp_path: Path) -> None:
    database = {"a": troubled(), "b": troubled()}
    with Laboratory(tmp_path, database) as lab:
        before = lab.running("a", "b")["a"]["pid"]
        lab.write({**database, "a": {**database["a"], "port": "x"}})
        states = lab.until(lambda s: "goes on as it was" in s["a"]["reason"])
        assert "key 'port'" in states["a"]["reason"]
        assert (states["a"]["state"], states["a"]["pid"]) == ("running", before)
        lab.write({**database, "a": {**database["a"], "more": 1}})
        lab.until(lambda s: s["a"]["pid"] not in {before, None})


def test_what_is_published_of_an_idle_controller_does_not_change(tmp_path: Path) -> None:
    with Laboratory(tmp_path, {"a": troubled()}) as lab:
        lab.running("a")
        with lab.control() as control:
            states = [control.status() for _ in range(5)]
        assert states == [states[0]] * 5


def test_a_database_that_cannot_be_read_at_the_start_ends_it(tmp_path: Path) -> None:
    missing = tmp_path / "missing.py"
    with program("-m", "ndsp", "ctlmgr", "--device-db", str(missing)) as process:
        _, shown = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert "ndsp ctlmgr: " in shown
    assert "missing.py" in shown


def test_dependencies_are_started_first_and_ended_last(tmp_path: Path) -> None:
    database = {"laser": troubled(depends_on=["supply"]), "supply": troubled()}
    with Laboratory(tmp_path, database) as lab:
        states = lab.running(*database)
        assert states["supply"]["since"] <= states["laser"]["since"]
        shown = lab.end()
    assert "it waits for 'supply', which it depends on" in shown
    assert shown.index("INFO:supply:runs on") < shown.index("INFO:laser:runs on")


@posix
@pytest.mark.parametrize("times", [1, 2])
def test_a_signal_ends_everything(tmp_path: Path, times: int) -> None:
    # The second one may come before the first was heard.
    with Laboratory(tmp_path, {"a": troubled(), "b": troubled()}) as lab:
        lab.running("a", "b")
        children = children_of(lab.process)
        for _ in range(times):
            lab.process.send_signal(signal.SIGINT)
        lab.ended()
        assert lab.process.returncode == 0
        gone(*children)


@posix
def test_the_second_request_does_not_wait_for_one_that_does_not_want_to_end(tmp_path: Path) -> None:
    with Laboratory(tmp_path, {"a": troubled("stubborn", term_timeout=1000)}) as lab:
        pid = lab.until(lambda s: s["a"]["last_log"] == "will not end")["a"]["pid"]
        lab.process.terminate()
        lab.until(lambda s: s["a"]["state"] == "stopping")
        lab.process.terminate()
        lab.ended()
        gone(pid)


def test_terminate_ends_everything(tmp_path: Path) -> None:
    with Laboratory(tmp_path, {"a": troubled()}) as lab:
        pid = lab.running("a")["a"]["pid"]
        with lab.control() as control:
            control.terminate()
        lab.ended()
        assert lab.process.returncode == 0
        gone(pid)


@posix
def test_what_a_killed_manager_leaves_behind_is_ended_by_the_next(tmp_path: Path) -> None:
    with Laboratory(
        tmp_path, {"a": troubled(), "stuck": troubled("stubborn", term_timeout=0.2)}
    ) as lab:
        lab.running("a")
        states = lab.until(lambda s: s["stuck"]["last_log"] == "will not end")
        orphans = [states["a"]["pid"], states["stuck"]["pid"]]
        lab.process.kill()
        lab.process.wait(PATIENCE)
        for pid in orphans:
            os.kill(pid, 0)  # they are alive
        lab.start()
        gone(*orphans)
        assert lab.running("a")["a"]["pid"] not in orphans
        shown = lab.end()
    assert (
        f"WARNING:a:ending process {orphans[0]}, which an earlier manager has left behind" in shown
    )


@posix
def test_a_manager_that_is_ended_while_it_ends_orphans_does_not_wait_for_them(
    tmp_path: Path,
) -> None:
    stuck = troubled("stubborn", term_timeout=1000)
    with Laboratory(tmp_path, {"stuck": stuck}) as lab:
        orphan = lab.until(lambda s: s["stuck"]["last_log"] == "will not end")["stuck"]["pid"]
        lab.process.kill()
        lab.process.wait(PATIENCE)
        lab.start()
        with lab.control() as control:
            for record in control.follow_logs("stuck", 10):
                if f"ending process {orphan}" in record["message"]:
                    break
        lab.end()
        assert lab.process.returncode == 0
        gone(orphan)


@posix
def test_orphans_are_ended_and_nobody_else_who_has_the_port_now(tmp_path: Path) -> None:
    with Laboratory(tmp_path, {"a": troubled()}) as lab:
        orphan = lab.running("a")["a"]["pid"]
        lab.process.kill()
        lab.process.wait(PATIENCE)
        with program("-m", "tests.ndsp.manager.troubled", str(port := free_port())) as innocent:
            listens(innocent, port)
            lab.write({"a": {**lab.database["a"], "port": port}})
            lab.start()
            gone(orphan)
            lab.until(lambda s: "is taken by process" in s["a"]["reason"])
            assert innocent.poll() is None


def test_of_two_managers_that_start_at_once_one_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "device_db.py"
    file.write_text("device_db = {}")
    words = ("-m", "ndsp", "ctlmgr", "--device-db", str(file))

    def ports() -> list[str]:
        return [f"--port-control={free_port()}", f"--port-publish={free_port()}"]

    with program(*words, *ports()) as one, program(*words, *ports()) as other:
        while one.poll() is None and other.poll() is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                one.wait(0.05)
        loser, winner = (one, other) if other.poll() is None else (other, one)
        assert f"another manager, process {winner.pid}, runs" in loser.communicate()[1]
        assert loser.returncode == 1
        assert winner.poll() is None


@posix
@pytest.mark.parametrize("times", [1, 2])
def test_a_database_that_loops_does_not_keep_the_manager_from_ending(
    tmp_path: Path, times: int
) -> None:
    with Laboratory(tmp_path, {}, text="while True: pass") as lab:
        for _ in range(times):
            lab.process.terminate()
        lab.ended()
        assert lab.process.returncode == 0


@posix
def test_a_manager_whose_lock_was_removed_is_known_by_its_controllers(tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with Laboratory(tmp_path, {"a": troubled()}, environment=environment) as lab:
        before = lab.running("a")["a"]["pid"]
        for lock in tmp_path.glob("ndsp-*.lock"):
            lock.unlink()
        words = ("-m", "ndsp", "ctlmgr", "--device-db", str(tmp_path / "device_db.py"))
        ports = (f"--port-control={free_port()}", f"--port-publish={free_port()}")
        with program(*words, *ports, env=environment) as other:
            assert f"another manager, process {lab.process.pid}, runs" in other.communicate()[1]
        assert other.returncode == 1
        assert lab.running("a")["a"]["pid"] == before


@posix
def test_a_manager_without_a_console_goes_on(tmp_path: Path) -> None:
    (tmp_path / "device_db.py").write_text("device_db = {}")
    port = free_port()
    command = (
        f"exec {sys.executable} -m ndsp ctlmgr --device-db {tmp_path}/device_db.py "
        f"--port-control {free_port()} --port-publish {port} <&- >&- 2>&-"
    )
    with subprocess.Popen(["bash", "-c", command], cwd=TOP, text=True) as process:
        try:
            listens(process, port)
        finally:
            process.terminate()
        assert process.wait(PATIENCE) == 0


def test_a_database_that_interrupts_is_an_error_like_any_other(tmp_path: Path) -> None:
    with Laboratory(tmp_path, {"a": troubled()}) as lab:
        before = lab.running("a")["a"]["pid"]
        lab.write_text("raise KeyboardInterrupt")
        with lab.control() as control:
            for entry in control.follow_logs(None, 1000):
                if "going on with the database before" in entry["message"]:
                    break
        assert lab.running("a")["a"]["pid"] == before


def test_an_array_in_an_entry_is_no_trouble(tmp_path: Path) -> None:
    entry = troubled()
    del entry["command"]
    text = f"import numpy\ndevice_db = {{'x': {{**{entry!r}, 'data': numpy.zeros(%d)}}}}"
    with Laboratory(tmp_path, {}, text=text % 3) as lab:
        lab.until(lambda s: s["x"]["state"] == "unmanaged")
        lab.write_text(text % 4)
        lab.write({"y": entry})
        lab.until(lambda s: "y" in s and "x" not in s)


def test_a_link_to_another_file_is_followed(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).write_text(f"device_db = {{'{name}': {troubled()!r}}}")
    link = tmp_path / "link"
    link.symlink_to("one")
    with Laboratory(tmp_path, {}, "--device-db", str(link)) as lab:
        lab.running("one")
        new = tmp_path / "new"
        new.symlink_to("two")
        new.replace(link)
        lab.running("two")


def test_a_second_manager_of_one_database_is_refused(tmp_path: Path) -> None:
    with Laboratory(tmp_path, {"a": troubled()}) as lab:
        before = lab.running("a")["a"]["pid"]
        file = str(tmp_path / "device_db.py")
        with program("-m", "ndsp", "ctlmgr", "--device-db", file) as process:
            _, shown = process.communicate(timeout=PATIENCE)
        assert process.returncode == 1
        assert f"another manager, process {lab.process.pid}, runs the controllers of" in shown
        assert lab.running("a")["a"]["pid"] == before


class Master:
    """As much of an ARTIQ master as a manager knows: it publishes devices, and collects logs."""

    def __init__(self, database: dict[str, Any]) -> None:
        self.database = Notifier(database)
        self.notify_port = free_port()
        self.logging_port = free_port()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._publisher = Publisher({"devices": self.database})
        self._logs = LogServer()

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        self._thread.start()
        self._run(self._logs.start("127.0.0.1", self.logging_port))
        self.appear()
        try:
            yield
        finally:
            self.disappear()
            self._run(self._logs.stop())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def appear(self) -> None:
        self._run(self._publisher.start("127.0.0.1", self.notify_port))

    def disappear(self) -> None:
        self._run(self._publisher.stop())

    def set(self, name: str, entry: dict[str, Any]) -> None:
        async def change() -> None:
            self.database[name] = entry

        self._run(change())

    @contextlib.contextmanager
    def restless(self) -> Iterator[None]:
        """Change something all the time."""

        async def change() -> None:
            while True:
                self.database["nothing"] = {"type": "dummy"}
                await asyncio.sleep(0.02)

        changing = asyncio.run_coroutine_threadsafe(change(), self._loop)
        yield
        changing.cancel()

    def _run(self, work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE)


def test_a_master_is_followed_also_when_it_was_gone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    first = troubled()
    master = Master({"a": first, "core": {"type": "dummy"}})
    ports = ("--port-notify", str(master.notify_port), "--port-logging", str(master.logging_port))
    with master.running():
        options = ("-s", "127.0.0.1", *ports, "--retry-master", "0.1")
        with Laboratory(tmp_path, {"a": first}, *options) as lab:
            before = lab.running("a")["a"]["pid"]
            with lab.client("a") as device:
                device.log("said to the master")
            master.disappear()
            master.set("b", troubled())
            master.appear()
            after = lab.running("a", "b")
            assert after["a"]["pid"] == before
            master.set("a", {**first, "more": 1})
            lab.until(lambda s: s["a"]["pid"] not in {before, None})
            lab.end()
    entries = {(getattr(r, "source", ""), r.name, r.getMessage()) for r in caplog.records}
    assert ("a", "print", "said to the master") in entries
    assert any(source == "ctlmgr" for source, _, _ in entries)


def test_a_master_that_changes_something_all_the_time_is_followed(tmp_path: Path) -> None:
    entry = troubled()
    master = Master({"a": entry})
    ports = ("--port-notify", str(master.notify_port), "--port-logging", str(master.logging_port))
    with (
        master.running(),
        master.restless(),
        Laboratory(tmp_path, {"a": entry}, "-s", "127.0.0.1", *ports) as lab,
    ):
        lab.running("a")
