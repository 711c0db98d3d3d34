"""Which event loop a program without a running one gets."""

import asyncio
import importlib.util
import sys
import threading
from collections.abc import Iterator

import pytest

from sipyco._io.loops import current_loop, new_loop
from tests.event_loops import LoopFactory, every_loop


@pytest.fixture(autouse=True)
def _no_current_loop() -> Iterator[None]:
    asyncio.set_event_loop(None)
    yield
    asyncio.set_event_loop(None)


def test_without_a_current_loop_none_is_made() -> None:
    assert current_loop() is None
    assert current_loop() is None


@every_loop
def test_the_current_loop_is_found_until_it_is_closed(loop_factory: LoopFactory) -> None:
    loop = loop_factory()
    asyncio.set_event_loop(loop)
    assert current_loop() is loop
    loop.close()
    assert current_loop() is None


def test_the_current_loop_is_that_of_this_thread() -> None:
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    found: list[object] = []
    thread = threading.Thread(target=lambda: found.append(current_loop()))
    thread.start()
    thread.join()
    assert found == [None]
    loop.close()


@pytest.mark.skipif(sys.platform == "win32", reason="uvloop does not exist on Windows")
def test_a_new_loop_is_that_of_uvloop() -> None:
    assert importlib.util.find_spec("uvloop")
    loop = new_loop()
    assert type(loop).__module__.startswith("uvloop")
    loop.close()


def test_without_uvloop_it_is_that_of_asyncio(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)
    loop = new_loop()
    assert type(loop).__module__.startswith("asyncio")
    loop.close()
