"""encode, decode and wrap: which spelling, and which error."""

from typing import Any, Literal, TypeAlias

from sipyco.pyon import _aside, _on_demand, _types
from sipyco.pyon._errors import DecodeError, InvalidValueError
from sipyco.pyon._types import UnknownTypeError

Syntax: TypeAlias = Literal["python", "json"]
"""The two spellings."""

_default_syntax = "python"


def set_default_syntax(syntax: str) -> None:
    """Set the spelling of those who do not choose one; `encode` complains if there is no such."""
    global _default_syntax  # noqa: PLW0603 - it is one for the whole process, by intention
    _default_syntax = syntax


def _checked(syntax: str, where: str) -> Syntax:
    if syntax == "python":
        return "python"
    if syntax == "json":
        return "json"
    raise ValueError(f"{where} is {syntax!r}; it can be 'python' or 'json'")


def encode(
    x: Any, pretty: bool = False, *, syntax: Syntax | None = None, **json_options: Any
) -> str:
    """Spell a value as text: ASCII, and without ``pretty`` one line.

    Args:
        x: Any value of the types that PYON knows; subclasses of them are others.
        pretty: Over several lines, for people. Python syntax sorts dicts by their keys then.
        syntax: "python" or "json"; None: what the environment variable ``SIPYCO_SYNTAX`` says,
            Python syntax if it is not set.
        **json_options: As for ``json.dumps``, such as ``indent`` and ``sort_keys``. They have
            no effect on Python syntax.

    Raises:
        EncodeError: A part of the value is of a type that PYON does not know (a TypeError).
        ValueError: It contains itself, is nested too deep, or has an integer of over 4300
            digits.
    """
    return _encode(x, pretty, syntax, json_options).as_text()


def encode_line(x: Any, syntax: Syntax | None) -> list[bytes]:
    """Spell a value on a line of its own. PYON is ASCII without line breaks in either spelling.

    Args and errors are those of :func:`encode`.

    Returns:
        The line in pieces, the end of the line included.
    """
    parts = _encode(x, False, syntax, {})
    parts.append("\n")
    return parts.as_pieces()


def _encode(
    x: Any, pretty: bool, syntax: Syntax | None, json_options: dict[str, Any]
) -> _aside.Parts:
    if syntax is None:
        syntax = _checked(_default_syntax, "the environment variable SIPYCO_SYNTAX")
    python = _checked(syntax, "syntax") == "python"

    def spell() -> str:
        if not python:
            return _on_demand.json.write(
                x, {"indent": 4} | json_options if pretty else json_options
            )
        if pretty:
            return _on_demand.python_writer.write_pretty(x)
        return _on_demand.python_writer.write(x)

    try:
        return _aside.write(spell)
    except (UnknownTypeError, ValueError, RecursionError) as error:
        reason = _on_demand.diagnosis.explain(x, error, "python" if python else "json")
        if reason is error:
            raise
    raise reason


def decode(
    s: str | bytes | bytearray | memoryview,
    *,
    syntax: Syntax | None = None,
    **json_options: Any,
) -> Any:
    """Read a value from its text. Nothing in the text is ever executed.

    Args:
        s: The text, or its UTF-8 bytes.
        syntax: "python" or "json"; None: both are recognised, JSON first. Where that matters:
            ``{"__jsonclass__": ...}`` is a special value in JSON and a dict in Python syntax.
        **json_options: As for ``json.loads``, such as ``parse_float``. They have no effect on
            Python syntax.

    Raises:
        DecodeError: The text is not PYON (a json.JSONDecodeError, and so a ValueError).
        InvalidValueError: It is, but its value cannot exist (a DecodeError).
    """
    if syntax is not None:
        _checked(syntax, "syntax")
    if len(s) >= _aside.MIN_SIZE:
        return _decode_large(s, syntax, json_options)
    return _decode(s, syntax, json_options)


def _decode(
    s: str | bytes | bytearray | memoryview, syntax: Syntax | None, json_options: dict[str, Any]
) -> Any:
    text = s if isinstance(s, str) else _text(s)
    text = text.removeprefix("\ufeff")
    if syntax is None:
        return _recognise(text, json_options)
    if syntax == "json":
        return _on_demand.json.read(text, json_options)
    return _on_demand.python_reader.read(text)


def _decode_large(
    s: str | bytes | bytearray | memoryview, syntax: Syntax | None, json_options: dict[str, Any]
) -> Any:
    try:
        data = s.encode() if isinstance(s, str) else bytes(s) if isinstance(s, memoryview) else s
    except UnicodeEncodeError:
        return _decode(s, syntax, json_options)
    return _aside.read(
        data, lambda part: _decode(s if part is data else part, syntax, json_options)
    )


def _text(data: bytes | bytearray | memoryview) -> str:
    if isinstance(data, memoryview) and not data.c_contiguous:
        data = data.tobytes()
    try:
        return str(data, "utf-8")
    except UnicodeDecodeError as error:
        # The part before the error is text, so that its position can be told in lines.
        before = error.object[: error.start].decode()
        found = error.object[error.start]
        raise DecodeError(
            f"not UTF-8: byte 0x{found:02x} ({error.reason})", before, len(before)
        ) from None


def _recognise(text: str, json_options: dict[str, Any]) -> Any:
    try:
        return _on_demand.json.read(text, json_options)
    except InvalidValueError:
        # Python syntax can look like JSON up to here. A text that is JSON to its end was meant
        # to be that.
        if _on_demand.json.is_json(text):
            raise
    except DecodeError:
        pass
    return _on_demand.python_reader.read(text)


def wrap(o: Any) -> dict[str, list[Any]]:
    """Give the JSON form of one special value, as the standard ``json`` can spell it.

    Args:
        o: The value, such as a tuple, an array or one of a registered type.

    Returns:
        ``{"__jsonclass__": [name, arguments]}``, where the arguments are plain.

    Raises:
        TypeError: It is none of a special type, or contains one that PYON does not know.
    """
    try:
        with _aside.suspended():
            lowered = _on_demand.json.lower(o)
    except (UnknownTypeError, ValueError, RecursionError) as error:
        raise _on_demand.diagnosis.explain(o, error, "json") from None
    if type(o) in _types.PLAIN or _on_demand.json.TAG not in lowered:
        raise TypeError(
            f"cannot wrap a {type(o).__name__}: JSON can spell it as it is; only special values "
            "such as tuples, sets, arrays and those of registered types are wrapped"
        )
    wrapped: dict[str, list[Any]] = lowered
    return wrapped


def pack(x: Any) -> tuple[bytes, list[memoryview]]:
    """Spell a value as MessagePack, which is compact and fast, and exact like text.

    Args:
        x: As for :func:`encode`.

    Returns:
        The MessagePack, and the memory of the large arrays in the value, to be carried beside it.
        It is the arrays' own: what changes there later is carried as changed.

    Raises:
        EncodeError: As for :func:`encode`.
        ValueError: Likewise.
    """
    try:
        return _on_demand.packed.write(x)
    except (UnknownTypeError, ValueError, RecursionError) as error:
        reason = _on_demand.diagnosis.explain(x, error, "packed")
        if reason is error:
            raise
    raise reason
