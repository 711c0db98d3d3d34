"""Fixtures that tests of several directories use."""

import signal
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.certificates import certificates, configs

__all__ = ["certificates", "configs"]


@pytest.fixture(autouse=True, scope="session")
def signals_as_in_a_terminal() -> Iterator[None]:
    """Let signals end programs also where the tests run under nohup or in the background.

    There they are ignored, which programs started by the tests would inherit.
    """
    wanted: dict[signal.Signals, Any] = {signal.SIGINT: signal.default_int_handler}
    if sys.platform != "win32":
        wanted[signal.SIGHUP] = signal.SIG_DFL
    before = {number: signal.signal(number, handler) for number, handler in wanted.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
