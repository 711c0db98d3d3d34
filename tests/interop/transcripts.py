"""The recorded conversations of SiPyCo 1.9 and 1.10, and the device that answered in them."""

import json
from pathlib import Path
from typing import Any, Literal

from sipyco import pyon

__all__ = ["Aux", "Device", "halves", "same_answer"]

VERSIONS = ("1.9", "1.10")
Side = Literal["client", "server"]


def halves(version: str, name: str) -> list[tuple[Side, str]]:
    """Return who sent which lines, in order, in the only connection of one conversation."""
    path = Path(__file__).with_name(f"transcripts_{version}.json")
    (connection,) = json.loads(path.read_text())[name]["connections"]
    return [(entry["from"], entry["text"]) for entry in connection if "text" in entry]


def lines_of(version: str, name: str, side: Side) -> list[str]:
    """Return the lines of one side, each with its end."""
    texts = "".join(text for who, text in halves(version, name) if who == side)
    return texts.splitlines(keepends=True)


class Device:
    """A small device."""

    def __init__(self) -> None:
        self._value: float = 0.0

    # Without annotations, as recorded.
    def echo(self, x):  # type: ignore[no-untyped-def]
        return x

    def fail(self):  # type: ignore[no-untyped-def]
        raise ValueError("bad value")

    def fail_custom(self):  # type: ignore[no-untyped-def]
        class MyError(Exception):
            pass

        raise MyError("custom")

    def get_value(self):  # type: ignore[no-untyped-def]
        return self._value

    def set_value(self, value, channel=0):  # type: ignore[no-untyped-def]
        """Sets the value."""
        self._value = value

    async def slow(self):  # type: ignore[no-untyped-def]
        return "done"

    def unserializable(self):  # type: ignore[no-untyped-def]
        return object()

    def _private(self):  # type: ignore[no-untyped-def]
        return "private"


class Aux:
    """Runs code that the client sends, as the recorded target did."""

    def __init__(self) -> None:
        self._namespace: dict[str, Any] = {}

    def add_code(self, code: str) -> None:
        exec(code, self._namespace)

    def call(self, function: str, *args: Any, **kwargs: Any) -> Any:
        return self._namespace[function](*args, **kwargs)


def same_answer(ours: Any, recorded: Any) -> bool:
    """Compare two decoded lines of a server, apart from what is ours to choose.

    That is: further features, private names, and the texts and tracebacks of errors.
    """
    if isinstance(recorded, set):
        return bool(ours == {name for name in recorded if not name.startswith("__")})
    if "targets" in recorded:
        features = set(recorded.pop("features", []))
        return features <= set(ours.pop("features")) and bool(ours == recorded)
    if recorded["status"] == "ok":
        return pyon.encode(ours, sort_keys=True) == pyon.encode(recorded, sort_keys=True)
    return bool(
        ours["status"] == "failed"
        and ours["exception"].keys() == recorded["exception"].keys()
        and ours["exception"]["class"] == recorded["exception"]["class"]
        and isinstance(ours["exception"]["message"], str)
        and all(isinstance(line, str) for line in ours["exception"]["traceback"])
    )
