"""The toolkit that turns a driver class into a network device, on top of ``sipyco``."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ndsp.controller import Controller, run_controller

__all__ = ["Controller", "run_controller"]


def __getattr__(name: str) -> Any:
    # Not before somebody asks: ndsp.testing, which every run of pytest loads, is to be light.
    if name in __all__:
        from ndsp import controller  # noqa: PLC0415 - see above

        return getattr(controller, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
