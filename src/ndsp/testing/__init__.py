"""A pytest plugin for tests of drivers and their controllers: load it with ``-p ndsp.testing``.

Light on purpose: every run of pytest loads it, before coverage is measured, so that what the
fixtures need is imported when the first of them is used. PYTEST_DONT_REWRITE: it asserts nothing.
"""

from collections.abc import Generator, Iterator
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from ndsp.testing._controllers import ControllerFactory
    from ndsp.testing._devices import DeviceManagerFactory
    from ndsp.testing._faulty_link import FaultyLink, FaultyLinkFactory
    from ndsp.testing._in_thread import ThreadController
    from ndsp.testing._leaks import LeakWatch
    from ndsp.testing._process import ProcessController
    from ndsp.testing._running import ControllerDidNotStart, RunningController
    from ndsp.testing._tls_pair import TlsPair

__all__ = [
    "ControllerDidNotStart",
    "ControllerFactory",
    "DeviceManagerFactory",
    "FaultyLink",
    "FaultyLinkFactory",
    "LeakWatch",
    "ProcessController",
    "RunningController",
    "ThreadController",
    "TlsPair",
    "controller",
    "device_manager",
    "faulty_link",
    "no_leaks",
    "tls_pair",
]

_WHERE = {
    "ControllerDidNotStart": "_running",
    "ControllerFactory": "_controllers",
    "DeviceManagerFactory": "_devices",
    "FaultyLink": "_faulty_link",
    "FaultyLinkFactory": "_faulty_link",
    "LeakWatch": "_leaks",
    "ProcessController": "_process",
    "RunningController": "_running",
    "ThreadController": "_in_thread",
    "TlsPair": "_tls_pair",
}
"""Names that are imported when somebody asks for them, most likely to annotate a test."""

_FACTORY: "pytest.StashKey[ControllerFactory]" = pytest.StashKey()


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        return getattr(import_module(f"ndsp.testing.{_WHERE[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


_HAS_FAILED: pytest.StashKey[bool] = pytest.StashKey()


@pytest.fixture
def no_leaks(request: pytest.FixtureRequest) -> "Iterator[LeakWatch]":
    """Fail if the test leaves threads, processes, sockets or resource warnings behind."""
    from ndsp.testing._leaks import LeakWatch  # noqa: PLC0415 - see the top of this file

    with LeakWatch() as watch:
        yield watch
        complaints = watch.complaints()
    # A test that fails does not get to where it would have closed what it has opened.
    if complaints and not request.node.stash.get(_HAS_FAILED, False):
        pytest.fail("\n".join(complaints), pytrace=False)


@pytest.fixture
def controller(
    request: pytest.FixtureRequest, no_leaks: "LeakWatch", tmp_path_factory: pytest.TempPathFactory
) -> "Iterator[ControllerFactory]":
    """Start controllers, in this process or in their own, that end with the test."""
    from ndsp.testing._controllers import ControllerFactory  # noqa: PLC0415 - see above

    factory = ControllerFactory(lambda: tmp_path_factory.mktemp("controllers"))
    request.node.stash[_FACTORY] = factory
    yield factory
    complaints = factory.close()
    if complaints:
        pytest.fail("\n".join(complaints), pytrace=False)


@pytest.fixture
def device_manager(no_leaks: "LeakWatch") -> "Iterator[DeviceManagerFactory]":
    """Make device managers, whose devices are closed after the test."""
    from ndsp.testing._devices import DeviceManagerFactory  # noqa: PLC0415 - see above

    with DeviceManagerFactory() as factory:
        yield factory


@pytest.fixture
def tls_pair(tmp_path_factory: pytest.TempPathFactory) -> "TlsPair":
    """Give fresh certificates of a server and a client who accept only each other."""
    from ndsp.testing._tls_pair import TlsPair  # noqa: PLC0415 - see above

    return TlsPair.make(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def faulty_link(no_leaks: "LeakWatch") -> "Iterator[FaultyLinkFactory]":
    """Make links to a server that can be slow, cut, deaf and half open."""
    from ndsp.testing._faulty_link import FaultyLinkFactory  # noqa: PLC0415 - see above

    with FaultyLinkFactory() as factory:
        yield factory


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show with a test that failed what its controllers have printed."""
    report = yield
    if report.failed and report.when != "teardown":
        item.stash[_HAS_FAILED] = True
        if _FACTORY in item.stash:
            report.sections.extend(item.stash[_FACTORY].outputs())
    return report
