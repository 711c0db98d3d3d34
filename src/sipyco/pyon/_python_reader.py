"""Python syntax to values: a parser of literals and of calls of known types, nothing else."""

import re
from typing import Any

from sipyco.pyon import _python_shortcut, _types
from sipyco.pyon._errors import DecodeError, InvalidValueError
from sipyco.pyon._limits import depth_message, shorten
from sipyco.pyon._python_constructs import name_construct
from sipyco.pyon._python_literals import (
    NAMED,
    ExcessError,
    LiteralError,
    end_of_body,
    read_bytes,
    read_number,
    read_text,
)
from sipyco.pyon._python_tokens import Tokens
from sipyco.pyon._types import UnbuildableError


def read(text: str) -> Any:
    """Read a value in Python syntax.

    Raises:
        DecodeError: The text is no such value.
        InvalidValueError: It is, but the value cannot exist.
    """
    value = _python_shortcut.read(text)
    return parse(text) if value is _python_shortcut.ELSEWHERE else value


def parse(text: str) -> Any:
    """Do the same without a shortcut.

    Raises:
        The same as `read`.
    """
    if "\r" in text:
        # As Python does before it looks at anything, even inside of texts.
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    nul = text.find("\0")
    if nul >= 0:
        raise DecodeError("NUL characters are not allowed in Python syntax", text, nul)
    parser = _Parser(text)
    try:
        return parser.read()
    except RecursionError:
        raise InvalidValueError(depth_message(), text, None) from None


class _Parser(Tokens):
    """Reads one text."""

    def read(self) -> Any:
        value = self._value()
        if self._kind != "end":
            raise self._misplaced("the end of the text", after_value=True)
        return value

    def _value(self) -> Any:
        match self._kind:
            case "string":
                return self._strings()
            case "number":
                return self._number()
            case "name":
                return self._named()
            case "mark" if self._symbol in _SIGNS:
                return self._number()
            case "mark" if self._symbol in _BRACKETS:
                return self._brackets()
            case _:
                raise self._misplaced("a value")

    def _brackets(self) -> Any:
        match self._symbol:
            case "[":
                self._next()
                return self._items("]")
            case "(":
                return self._parentheses()
            case _:
                return self._braces()

    def _items(self, close: str) -> list[Any]:
        """Read values separated by commas, to the closing bracket and beyond it."""
        items = []
        while self._symbol != close:
            items.append(self._value())
            if self._symbol != ",":
                break
            self._next()
        self._pass(close, f"',' or {close!r}")
        return items

    def _parentheses(self) -> Any:
        self._next()
        if self._symbol == ")":
            self._next()
            return ()
        first = self._value()
        if self._symbol == ")":
            self._next()
            return first
        self._pass(",", "',' or ')'")
        return (first, *self._items(")"))

    def _braces(self) -> Any:
        start = self._start
        self._next()
        if self._symbol == "}":
            self._next()
            return {}
        if self._symbol == "*":
            return self._empty_set()
        first = self._value()
        try:
            if self._symbol == ":":
                return self._dict(first)
            return self._set(first)
        except (DecodeError, RecursionError):
            raise
        except Exception as error:
            # What is left are hashes and comparisons of keys, which belong to numpy and to
            # registered types and raise what they like.
            raise self._impossible(
                f"this cannot be a key of a dict or an element of a set: {error}", start
            ) from error

    def _dict(self, key: Any) -> dict[Any, Any]:
        entries = {}
        while True:
            self._pass(":", "':'")
            entries[key] = self._value()
            if self._symbol != ",":
                break
            self._next()
            if self._symbol == "}":
                break
            key = self._value()
        self._pass("}", "',' or '}'")
        return entries

    def _set(self, first: Any) -> set[Any]:
        if self._symbol == "}":
            self._next()
            return {first}
        self._pass(",", "',', ':' or '}'")
        return {first, *self._items("}")}

    def _empty_set(self) -> set[Any]:
        star = self._start
        for mark in "*()}":
            if self._symbol != mark:
                raise self._misplaced("{*()}", star)
            self._next()
        return set()

    def _strings(self) -> str | bytes:
        """Read literals of text or of bytes that follow each other as one."""
        start = self._start
        pieces: list[Any] = []
        while self._kind == "string":
            pieces.append(self._string())
        if all(type(piece) is str for piece in pieces):
            return "".join(pieces)
        if all(type(piece) is bytes for piece in pieces):
            return b"".join(pieces)
        raise self._malformed("text and bytes cannot be joined", start)

    def _string(self) -> str | bytes:
        match, text, body = self._found, self._text, self._end
        prefix, quote = (match["prefix"] or "").lower(), match["quote"]
        end = end_of_body(text, body, quote)
        if not text.startswith(quote, end):
            raise self._malformed(f"this string has no closing {quote}", self._start)
        self._advance(end + len(quote))
        try:
            if "b" in prefix:
                return read_bytes(text[body:end], raw="r" in prefix)
            return text[body:end] if prefix == "r" else read_text(text[body:end])
        except LiteralError as error:
            raise self._malformed(str(error), body + error.offset) from None

    def _number(self) -> Any:
        """Read a number with its signs, or a sum of real and imaginary parts."""
        start = self._start
        negative, size = self._term()
        if self._symbol not in _SIGNS:
            if type(size) is complex:
                return complex(0.0, -size.imag) if negative else size
            return -size if negative else size
        try:
            return self._sum(negative, size)
        except OverflowError as error:
            raise self._impossible(f"this is no complex number: {error}", start) from None

    def _sum(self, negative: bool, size: Any) -> complex:
        # Part by part, as `repr` writes them: adding would lose the signs of zeros.
        real, imaginary = 0.0, -0.0  # Adding to -0.0 changes nothing, not even a zero.
        if type(size) is complex:
            imaginary = -size.imag if negative else size.imag
        else:
            real = -float(size) if negative else float(size)
        while self._symbol in _SIGNS:
            start = self._start
            negative, size = self._term()
            if type(size) is not complex:
                raise self._misplaced("an imaginary number", start, after_value=True)
            imaginary += -size.imag if negative else size.imag
        return complex(real, imaginary)

    def _term(self) -> tuple[bool, Any]:
        """Read signs and a number; tell whether they make it negative."""
        negative = False
        while self._symbol in _SIGNS:
            negative ^= self._symbol == "-"
            self._next()
        symbol, start = self._symbol, self._start
        if self._kind == "number":
            if _IN_NAME.match(self._text, self._end):
                raise self._malformed("this number runs into a name or another number", start)
            self._next()
            try:
                return negative, read_number(symbol)
            except LiteralError as error:
                raise self._malformed(str(error), start + error.offset) from None
            except ExcessError as error:
                raise self._impossible(str(error), start) from None
        if self._kind == "name" and symbol in _NUMBERS:
            self._next()
            return negative, float("nan") if symbol == "nan" else NAMED[symbol]
        raise self._misplaced("a number after a sign")

    def _named(self) -> Any:
        name, start = self._symbol, self._start
        if name in _NUMBERS:
            return self._number()
        if self._text.startswith(("'", '"'), self._end):
            raise self._misplaced("a value")
        if name in NAMED:
            self._next()
            return NAMED[name]
        if name not in _types.by_name:
            if "." in name:
                dot = start + name.index(".")
                raise self._misplaced("a value", dot, after_value=True)
            if name_construct(self._text, start, after_value=False):
                raise self._misplaced("a value")
        self._next()
        if self._symbol == "(":
            return self._call(name, start)
        kind = _types.by_name.get(name)
        if kind is not None and kind.is_call:
            raise self._malformed(
                f"{name} is a type: its arguments must follow, in parentheses", start
            )
        if self._text.startswith("=", self._start):
            raise self._misplaced("a value", after_value=True)
        raise self._malformed(f"unknown name {shorten(name)!r}; text must be in quotes", start)

    def _call(self, name: str, start: int) -> Any:
        self._next()
        arguments = self._items(")")
        kind = _types.by_name.get(name)
        if kind is not None and not kind.is_call:
            raise self._malformed(
                f"{name} has no calls in Python syntax, but a notation of its own", start
            )
        try:
            return _types.build(name, arguments)
        except UnbuildableError as error:
            raise InvalidValueError(str(error), self._text, start) from error


_SIGNS = frozenset("+-")
_BRACKETS = frozenset("[({")
_NUMBERS = frozenset({"inf", "nan", "infj", "nanj"})
_IN_NAME = re.compile(r"[\w.]")
