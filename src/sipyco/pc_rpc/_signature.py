"""The signature of a remote method as text, from the parts that travel on the wire."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any


def formatargspec(
    args: Sequence[str],
    varargs: str | None = None,
    varkw: str | None = None,
    defaults: Sequence[object] | None = None,
    kwonlyargs: Iterable[str] = (),
    kwonlydefaults: Mapping[str, object] | Sequence[tuple[str, object]] | None = None,
    annotations: Mapping[str, Any] | None = None,
) -> str:
    """Write a signature as it would stand after the name in a definition.

    The arguments are the fields of `inspect.getfullargspec`, so that a described method can be
    passed as ``formatargspec(**argspec)``.

    Args:
        args: Names of the positional arguments, ``self`` included if it is to be shown.
        varargs: Name after the single star.
        varkw: Name after the double star.
        defaults: Of the last of ``args``, in their order.
        kwonlyargs: Names of the arguments that need a keyword.
        kwonlydefaults: By name. Old servers send an empty list for none.
        annotations: By name, that of the result as ``return``. A string, which is what travels on
            the wire, is shown as it is, a class by its name, anything else by its `repr`.
    """
    notes = {name: _annotation(value) for name, value in (annotations or {}).items()}
    by_keyword = dict(kwonlydefaults or {})
    first_default = len(args) - len(defaults or ())
    by_position = dict(zip(args[first_default:], defaults or (), strict=True))
    parts = [_parameter(name, notes, by_position) for name in args]
    if varargs:
        parts.append("*" + _parameter(varargs, notes, {}))
    keyword_only = [_parameter(name, notes, by_keyword) for name in kwonlyargs]
    if keyword_only and not varargs:
        parts.append("*")
    parts += keyword_only
    if varkw:
        parts.append("**" + _parameter(varkw, notes, {}))
    result = f" -> {notes['return']}" if "return" in notes else ""
    return f"({', '.join(parts)}){result}"


def _parameter(name: str, notes: Mapping[str, str], defaults: Mapping[str, object]) -> str:
    annotated = f"{name}: {notes[name]}" if name in notes else name
    if name not in defaults:
        return annotated
    return f"{annotated}{' = ' if name in notes else '='}{defaults[name]!r}"


def _annotation(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, type) and value.__module__ == "builtins":
        return value.__qualname__
    if isinstance(value, type):
        return f"{value.__module__}.{value.__qualname__}"
    return repr(value)
