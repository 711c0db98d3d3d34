"""The console of the manager may be stopped without stopping anything else."""

import logging
import os
from pathlib import Path

from ndsp.manager._console import WAITING, ConsoleHandler
from tests.ndsp.manager.laboratory import Laboratory, troubled
from tests.processes import PATIENCE


def record(text: str) -> logging.LogRecord:
    return logging.LogRecord("lab", logging.INFO, "", 0, text, (), None)


def test_entries_are_shown_in_their_order() -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading) as shown:
        with os.fdopen(writing, "w") as stream:
            console = ConsoleHandler(stream)
            for number in range(100):
                console.handle(record(str(number)))
            console.close()
        assert shown.read().split() == [str(number) for number in range(100)]


def test_what_does_not_fit_is_counted() -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading) as shown:
        with os.fdopen(writing, "w") as stream:
            console = ConsoleHandler(stream)
            for _ in range(2 * WAITING):
                console.handle(record("x" * 100))
            lines = [shown.readline() for _ in range(WAITING)]
            console.handle(record("last"))
            while lines[-1] != "last\n":
                lines.append(shown.readline())
            console.close()
        lines += shown.readlines()
    notes = [line for line in lines if line.startswith("(")]
    dropped = sum(int(note[1:].split()[0]) for note in notes)
    assert dropped > 0
    assert dropped + len(lines) - len(notes) == 2 * WAITING + 1


def test_a_console_that_is_closed_is_no_trouble() -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as stream:
        console = ConsoleHandler(stream)
        os.close(reading)
        console.handle(record("nobody reads this"))
        console.close()


def test_a_manager_whose_console_is_stopped_goes_on(tmp_path: Path) -> None:
    with Laboratory(tmp_path, {"a": troubled()}, stopped_console=True) as lab:
        lab.running("a")
        with lab.client("a") as device:
            assert device.flood(8 << 20) == 8 << 20
        lab.process.terminate()
        assert lab.process.wait(PATIENCE) == 0
