"""What simulated SCPI instruments have in common: headers, parameters, and a queue of errors."""

import re
from collections import deque
from collections.abc import Callable, Mapping, Sequence

from ndsp.instruments._local_instrument import LocalInstrument

__all__ = ["ScpiError", "ScpiInstrument", "channel_list", "number"]

ERRORS = {
    0: "No error",
    -102: "Syntax error",
    -104: "Data type error",
    -108: "Parameter not allowed",
    -109: "Missing parameter",
    -113: "Undefined header",
    -221: "Settings conflict",
    -222: "Data out of range",
    -224: "Illegal parameter value",
    -350: "Queue overflow",
}
"""Numbers and texts of the SCPI standard, volume 2, chapter 21."""

QUEUE_SIZE = 20
"""Errors that are kept; the last place is for the news that there were more."""

Command = Callable[[list[str]], str | None]
"""Takes the parameters, gives the response of a query; raises :class:`ScpiError`."""

_NUMBER = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:E[+-]?\d+)?)\s*[A-Z/]*", re.IGNORECASE)
_CHANNELS = re.compile(r"\(\s*@\s*([\d\s,:]+)\)")
_NODE = re.compile(r"\[:?([A-Za-z]+):?\]|:?([*A-Za-z]+)")


class ScpiError(Exception):
    """A command is not carried out. The instrument queues the error and answers nothing.

    Args:
        number: As in :data:`ERRORS`.
        detail: What is appended to the text of the standard, after a semicolon.
    """

    def __init__(self, number: int, detail: str = "") -> None:
        super().__init__(f'{number:+d},"{";".join(filter(None, (ERRORS[number], detail)))}"')


class ScpiInstrument(LocalInstrument):
    """An instrument that understands SCPI, with its common commands and its error queue.

    Args:
        identity: What ``*IDN?`` answers: maker, model, serial number, version.
        commands: What else there is, by header as manuals print it: capitals are the short form,
            and brackets may be left out, as in ``"[SOURce:]VOLTage[:LEVel]?"``.

    Attributes:
        identity: As given.
    """

    def __init__(self, identity: str, commands: Mapping[str, Command]) -> None:
        super().__init__()
        self.identity = identity
        self._errors: deque[str] = deque()
        common: dict[str, Command] = {
            "*IDN?": lambda _: self.identity,
            "*CLS": lambda _: self._errors.clear(),
            "*RST": lambda _: self.reset(),
            "*OPC?": lambda _: "1",
            "SYSTem:ERRor[:NEXT]?": lambda _: self._next_error(),
        }
        every = {**common, **commands}
        self._commands = [(_compiled(header), every[header]) for header in every]

    def __enter__(self) -> str:
        """Switch it on, and return its address as PyVISA takes it."""
        host, _, port = super().__enter__().rpartition(":")
        return f"TCPIP::{host}::{port}::SOCKET"

    def reset(self) -> None:
        """Go to the state after ``*RST``."""

    def answer(self, command: str) -> Sequence[bytes]:
        """Carry out a line of commands that are separated by semicolons.

        The responses of its queries are one line, separated by semicolons. A command that fails
        adds to the queue of errors, and the rest of the line is carried out.
        """
        responses = []
        path = ""  # what a header without a leading colon is appended to
        for message in filter(None, map(str.strip, command.split(";"))):
            header, _, text = message.partition(" ")
            if header.startswith("*"):
                full = header
            else:
                full = header[1:] if header.startswith(":") else path + header
                path = full[: full.rfind(":") + 1]
            try:
                response = self._carry_out(full, _split(text))
            except ScpiError as error:
                self._queue(str(error))
            else:
                responses += [] if response is None else [response]
        return [(";".join(responses) + "\n").encode("ascii")] if responses else []

    def _carry_out(self, header: str, parameters: list[str]) -> str | None:
        for pattern, command in self._commands:
            if pattern.fullmatch(f":{header}"):
                return command(parameters)
        raise ScpiError(-113, header)

    def _queue(self, error: str) -> None:
        if len(self._errors) < QUEUE_SIZE - 1:
            self._errors.append(error)
        elif len(self._errors) < QUEUE_SIZE:
            self._errors.append(str(ScpiError(-350)))

    def _next_error(self) -> str:
        return self._errors.popleft() if self._errors else str(ScpiError(0))


def number(text: str, lowest: float, highest: float) -> float:
    """Read a numeric parameter, ``MIN`` and ``MAX`` included. A unit behind it is passed over.

    Raises:
        ScpiError: -104, it is no number; -222, it is not within the limits.
    """
    if text.upper() in {"MIN", "MINIMUM"}:
        return lowest
    if text.upper() in {"MAX", "MAXIMUM"}:
        return highest
    found = _NUMBER.fullmatch(text)
    if found is None:
        raise ScpiError(-104, text)
    value = float(found[1])
    if not lowest <= value <= highest:
        raise ScpiError(-222, text)
    return value


def channel_list(text: str, highest: int) -> list[int]:
    """Read a list of channels, such as ``(@1)``, ``(@1,2)`` or ``(@1:3)``.

    Raises:
        ScpiError: -102, it is none; -222, a channel is not from 1 to the highest.
    """
    found = _CHANNELS.fullmatch(text)
    if found is None:
        raise ScpiError(-102, text)
    channels: list[int] = []
    for part in found[1].split(","):
        ends = [end.strip() for end in part.split(":")]
        if len(ends) > 2 or not all(end.isdecimal() for end in ends):
            raise ScpiError(-102, text)
        first, last = int(ends[0]), int(ends[-1])
        if not 1 <= first <= last <= highest:
            raise ScpiError(-222, text)
        channels += range(first, last + 1)
    return channels


def _compiled(header: str) -> re.Pattern[str]:
    """Make a pattern that matches all ways to write a header."""
    pattern = ""
    for optional, required in _NODE.findall(header):
        node = optional or required
        short = "".join(letter for letter in node if not letter.islower())
        form = rf"{re.escape(short)}(?:{re.escape(node[len(short) :])})?"
        # With a colon before each node, the first one too, optional nodes can stand anywhere.
        pattern += f"(?::{form})?" if optional else f":{form}"
    query = r"\?" if header.endswith("?") else ""
    return re.compile(pattern + query, re.IGNORECASE)


def _split(text: str) -> list[str]:
    """Split parameters at commas that are not within parentheses."""
    return [part.strip() for part in re.split(r",(?![^(]*\))", text) if part.strip()]
