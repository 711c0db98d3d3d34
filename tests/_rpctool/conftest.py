from collections.abc import Iterator

import pytest

from tests._rpctool.devices import Device, Other
from tests.serving import served


@pytest.fixture
def device() -> Iterator[str]:
    """Serve one target, called dev; gives the port as it is typed."""
    with served({"dev": Device()}) as port:
        yield str(port)


@pytest.fixture
def two_targets() -> Iterator[str]:
    with served({"dev": Device(), "aux": Other()}, description="two of them") as port:
        yield str(port)
