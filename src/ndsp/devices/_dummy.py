"""The device of an entry ``dummy``, and all of its attributes: it takes every call."""

from typing import Any, Self

__all__ = ["DummyDevice"]


class DummyDevice:
    """Has every attribute, can be called with anything, and does nothing.

    Calls return None. Attributes that are set keep what they are set to.
    """

    _name = "dummy"  # of a copy, until it is filled

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Self:
        # Python and its libraries ask for such names to find out what an object can do.
        if name.startswith("__"):
            raise AttributeError(f"{self._name} has no attribute {name!r}")
        return type(self)(f"{self._name}.{name}")

    def __call__(self, *args: Any, **kwargs: Any) -> None:
        return None

    def __repr__(self) -> str:
        return f"<dummy {self._name}>"
