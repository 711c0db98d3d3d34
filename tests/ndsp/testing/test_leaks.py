"""What the fixtures find that a test has left behind; each test here runs tests that do so."""

import threading
from collections.abc import Callable, Iterator

import pytest

from ndsp.testing import _leaks, _process
from tests.ndsp.testing.devices import LeavesSocket, release

pytest_plugins = ["pytester"]

HEAD = """
import contextlib, gc, os, socket, subprocess, threading, warnings
import pytest
from tests.ndsp.testing.devices import CONTROLLERS, HANG, release
"""

Run = Callable[..., pytest.RunResult]


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Run tests in this process with the plugin; they leave behind what is gone afterwards."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setattr(_leaks, "PATIENCE", 0.05)
    monkeypatch.setattr(_process, "CHILDREN", 0.05)
    release.clear()
    before = threading.enumerate()

    def run(test: str, *arguments: str) -> pytest.RunResult:
        pytester.makepyfile(HEAD + test)
        plugins = ("-p", "ndsp.testing", "-p", "no:cacheprovider")
        return pytester.runpytest_inprocess("-Werror", *plugins, *arguments)

    yield run
    release.set()
    for thread in set(threading.enumerate()) - set(before):
        thread.join()
    while LeavesSocket.kept:
        LeavesSocket.kept.pop().close()


def test_nothing_is_said_of_a_test_that_leaves_nothing_behind(run: Run) -> None:
    result = run(
        """
def test_everything(controller, device_manager, faulty_link, tls_pair, no_leaks):
    lamp = controller(CONTROLLERS["Lamp"], tls=tls_pair)
    link = faulty_link(lamp.host, lamp.port)
    assert lamp.client(via=link).where() == "simulation"
    assert device_manager({"lamp": lamp}).get_device("lamp").where() == "simulation"
    with socket.create_server(("127.0.0.1", 0)):
        thread = threading.Thread(target=print)
        thread.start()
        thread.join()
"""
    )
    result.assert_outcomes(passed=1)


def test_a_thread_of_a_driver_is_reported(run: Run) -> None:
    result = run(
        """
def test_it(controller):
    controller(CONTROLLERS["LeavesThread"])
"""
    )
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(
        [
            "*ERROR at teardown of test_it*",
            "the test has left behind *",
            "  thread 'poller' is in _poll (*devices.py:*); end and join it where *",
        ]
    )


def test_a_socket_of_a_driver_is_reported(run: Run) -> None:
    result = run(
        """
def test_it(controller):
    controller(CONTROLLERS["LeavesSocket"])
"""
    )
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["  TCP listener 127.0.0.1:* (fd *) is still open; close it *"])


@pytest.mark.parametrize("rest", ["del forgotten", "forgotten.append(forgotten)"])
def test_a_socket_that_is_closed_by_the_collector_is_reported(run: Run, rest: str) -> None:
    result = run(
        f"""
def test_it(no_leaks):
    forgotten = [socket.create_server(("127.0.0.1", 0))]
    {rest}
""",
        "-Wignore::ResourceWarning",
    )
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["  ResourceWarning: unclosed <socket.socket * (noticed at *)"])


def test_other_warnings_are_what_they_were(run: Run) -> None:
    result = run(
        """
def test_error(no_leaks):
    with pytest.raises(UserWarning):
        warnings.warn("is an error")

def test_recorded(recwarn, no_leaks):
    warnings.warn("is recorded", DeprecationWarning)
    assert len(recwarn) == 1
""",
        "-Wdefault::DeprecationWarning",
    )
    result.assert_outcomes(passed=2)


def test_what_a_test_before_has_left_is_not_blamed_on_the_next(run: Run) -> None:
    result = run(
        """
def test_first():
    # In a cycle, so that only the collector finds it.
    cycle = [socket.create_server(("127.0.0.1", 0))]
    cycle.append(cycle)
    gc.disable()
    threading.Thread(target=release.wait, name="earlier", daemon=True).start()

def test_second(no_leaks):
    gc.enable()
""",
        "-Wignore::ResourceWarning",
    )
    result.assert_outcomes(passed=2)


def test_a_child_process_is_reported_and_killed(run: Run) -> None:
    result = run(
        """
kept = []

def test_it(no_leaks):
    kept.append(subprocess.Popen(HANG, stdin=subprocess.PIPE))

def test_it_was_killed():
    with kept[0]:
        assert kept[0].wait(5) != 0
"""
    )
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["  process * still runs: *python* -c import sys*; end it where *"])


def test_a_test_that_fails_is_not_blamed_for_what_it_did_not_get_to_close(run: Run) -> None:
    result = run(
        """
def test_it(controller):
    controller(CONTROLLERS["LeavesSocket"]).client().fail()
"""
    )
    result.assert_outcomes(failed=1)


def test_leaks_may_be_allowed(run: Run) -> None:
    result = run(
        """
def test_it(controller, no_leaks):
    no_leaks.allow("thread 'poll*", "TCP listener*")
    controller(CONTROLLERS["LeavesThread"])
    controller(CONTROLLERS["LeavesSocket"])
"""
    )
    result.assert_outcomes(passed=1)


@pytest.mark.parametrize("module", ["asyncio", "uvloop"])
def test_an_event_loop_with_idle_threads_may_be_closed_later(run: Run, module: str) -> None:
    pytest.importorskip(module)
    result = run(
        f"""
import asyncio, {module}

@pytest.fixture
def stack():
    with contextlib.ExitStack() as stack:
        yield stack

def test_it(stack, no_leaks):
    runner = stack.enter_context(asyncio.Runner(loop_factory={module}.new_event_loop))
    runner.run(asyncio.to_thread(print))
"""
    )
    result.assert_outcomes(passed=1)


def test_all_that_is_wrong_with_controllers_is_told(run: Run) -> None:
    result = run(
        """
def test_it(controller):
    controller(CONTROLLERS["Breaks"])
    controller("tests.ndsp.testing.devices", "ForgetsSocket")
"""
    )
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(
        [
            "controller tests.ndsp.testing.devices (process *): it printed *ResourceWarning: *",
            "its last output:",
            "  | opened desk",
            "controller lamp: ended with status 1, where 0 is right: *the fuse has blown",
        ]
    )


def test_a_test_that_fails_shows_what_its_controllers_printed(run: Run) -> None:
    result = run(
        """
def test_it(controller):
    controller("tests.ndsp.testing.devices", "Lamp").client().fail()
"""
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*- output of controller tests.ndsp.testing.devices -*", "opened simulation"]
    )


def test_the_device_of_a_controller_is_closed_when_the_test_fails(run: Run) -> None:
    result = run(
        """
drivers = []

def test_fails(controller):
    drivers.append(controller(CONTROLLERS["Lamp"]).driver)
    assert not drivers

def test_is_closed():
    assert not drivers[0].is_open
"""
    )
    result.assert_outcomes(passed=1, failed=1)
