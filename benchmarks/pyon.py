"""PYON against evaluating the text, against a writer of one method per type, and against json."""

import base64
import json
import math
import random
import statistics
import time
from collections import OrderedDict
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from sipyco import pyon

RUNS = 9
SEPARATORS = (",", ":")


class MethodPerType:
    """The usual way to write such an encoder: a method for every type, found by its name."""

    def encode(self, x: Any) -> str:
        method: Callable[[Any], str] = getattr(self, "encode_" + type(x).__name__.lower())
        return method(x)

    def encode_nonetype(self, x: None) -> str:
        return "null"

    def encode_bool(self, x: bool) -> str:
        return "true" if x else "false"

    def encode_int(self, x: int) -> str:
        return repr(x)

    def encode_float(self, x: float) -> str:
        return repr(x)

    def encode_str(self, x: str) -> str:
        return json.dumps(x)

    def encode_tuple(self, x: tuple[Any, ...]) -> str:
        if len(x) == 1:
            return "(" + self.encode(x[0]) + ", )"
        return "(" + ", ".join([self.encode(item) for item in x]) + ")"

    def encode_list(self, x: list[Any]) -> str:
        return "[" + ", ".join([self.encode(item) for item in x]) + "]"

    def encode_dict(self, x: dict[Any, Any]) -> str:
        items = [self.encode(key) + ": " + self.encode(value) for key, value in x.items()]
        return "{" + ", ".join(items) + "}"


class DispatchTable(MethodPerType):
    """The same with a table of bound methods instead of names, and json's own writer of text."""

    def __init__(self) -> None:
        self.table: dict[type, Callable[[Any], str]] = {
            type(None): self.encode_nonetype,
            bool: self.encode_bool,
            int: self.encode_int,
            float: self.encode_float,
            str: json.encoder.encode_basestring_ascii,
            tuple: self.encode_tuple,
            list: self.encode_list,
            dict: self.encode_dict,
        }

    def encode(self, x: Any) -> str:
        return self.table[type(x)](x)


def evaluate(text: str) -> Any:
    """Read Python syntax as programs without a parser do."""
    return eval(
        text,
        {
            "__builtins__": {},
            "null": None,
            "true": True,
            "false": False,
            "inf": math.inf,
            "nan": math.nan,
            "slice": slice,
            "Fraction": Fraction,
            "OrderedDict": OrderedDict,
            "nparray": lambda shape, dtype, data: np.frombuffer(
                base64.b64decode(data), dtype
            ).reshape(shape),
            "npscalar": lambda dtype, data: np.frombuffer(base64.b64decode(data), dtype)[0],
        },
    )


def channels(with_tuple: bool) -> dict[str, Any]:
    """A status of a thousand channels: a name, ten measurements, a switch, perhaps a range."""
    source = random.Random(1)
    status: dict[str, Any] = {}
    for number in range(1000):
        channel: dict[str, Any] = {"name": f"channel {number}"}
        channel |= {f"value{i}": source.random() for i in range(10)}
        channel["on"] = number % 2 == 0
        if with_tuple:
            channel["range"] = (-1.5, number)
        status[f"ch{number}"] = channel
    return status


def measure(*functions: Callable[[], Any]) -> list[float]:
    """Give the median time of each, in seconds; they take turns, so that all see the same load."""
    times: list[list[float]] = [[] for _ in functions]
    for _ in range(RUNS):
        for function, taken in zip(functions, times, strict=True):
            start = time.perf_counter()
            function()
            taken.append(time.perf_counter() - start)
    return [statistics.median(taken) for taken in times]


def row(title: str, ours: Callable[[], Any], other: Callable[[], Any], goal: str = "") -> None:
    mine, theirs = measure(ours, other)
    factor = f"{theirs / mine:6.2f}x faster" if mine <= theirs else f"{mine / theirs:6.2f}x slower"
    print(f"{title:<58} {mine * 1e3:9.3f} {theirs * 1e3:9.3f}  {factor}  {goal}")


def python_syntax() -> None:
    status = channels(with_tuple=True)
    text = pyon.encode(status, syntax="python")
    methods, table = MethodPerType(), DispatchTable()
    assert methods.encode(status) == table.encode(status) == text
    assert evaluate(text) == pyon.decode(text) == status
    row("decode, 1000 channels | eval", lambda: pyon.decode(text), lambda: evaluate(text), ">= 4x")
    row(
        "encode, 1000 channels | method per type, by name",
        lambda: pyon.encode(status, syntax="python"),
        lambda: methods.encode(status),
        ">= 2x",
    )
    row(
        "encode, 1000 channels | the same by table, text in C",
        lambda: pyon.encode(status, syntax="python"),
        lambda: table.encode(status),
    )


def json_syntax() -> None:
    plain = {
        "1000 channels, no tuple": channels(with_tuple=False),
        "10000 small dicts": [{"id": i, "on": True} for i in range(10_000)],
        "1000 lists of 100 small integers": [[i % 128] * 100 for i in range(1000)],
    }
    for title, value in plain.items():
        text = json.dumps(value, separators=SEPARATORS)
        assert pyon.encode(value, syntax="json") == text
        assert pyon.decode(text) == value
        row(
            f"JSON encode, {title} | json",
            lambda value=value: pyon.encode(value, syntax="json"),  # type: ignore[misc]
            lambda value=value: json.dumps(value, separators=SEPARATORS),  # type: ignore[misc]
            "<= 1.5x slower",
        )
        row(
            f"JSON decode, {title} | json",
            lambda text=text: pyon.decode(text),  # type: ignore[misc]
            lambda text=text: json.loads(text),  # type: ignore[misc]
            "<= 1.5x slower",
        )


def numpy_values() -> None:
    array = np.random.default_rng(1).random(2**20)
    scalars = [np.float64(i) for i in range(10_000)]
    for title, value in (("8 MiB array", array), ("10000 np.float64", scalars)):
        text = pyon.encode(value, syntax="python")
        tagged = pyon.encode(value, syntax="json")
        row(
            f"decode, {title} | eval",
            lambda text=text: pyon.decode(text),  # type: ignore[misc]
            lambda text=text: evaluate(text),  # type: ignore[misc]
        )
        row(
            f"encode, {title}: Python syntax | JSON",
            lambda value=value: pyon.encode(value, syntax="python"),  # type: ignore[misc]
            lambda value=value: pyon.encode(value, syntax="json"),  # type: ignore[misc]
        )
        row(
            f"decode, {title}: Python syntax | JSON",
            lambda text=text: pyon.decode(text),  # type: ignore[misc]
            lambda tagged=tagged: pyon.decode(tagged),  # type: ignore[misc]
        )


def main() -> None:
    print(f"{'what | compared with':<58} {'ours, ms':>9} {'other, ms':>9}  ratio          goal")
    python_syntax()
    json_syntax()
    numpy_values()


if __name__ == "__main__":
    main()
