"""What the tool prints: results, targets and methods, for people and for programs."""

import base64
import inspect
import math
import pprint
import textwrap
import unicodedata
from collections.abc import Mapping
from typing import Any

from sipyco._rpctool.method_list import MethodList
from sipyco._rpctool.plain import short_annotation, without_roles
from sipyco.arguments import formatargspec

LINES = "\n\t"
"""What a text of several lines may contain."""

_HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Categories of what is not shown but obeyed, or cannot be written: control characters, formats
such as the direction of writing, lone surrogates, separators of lines and paragraphs."""

_SIGNATURE = inspect.getfullargspec(formatargspec).args


def visible(text: str, allowed: str = "") -> str:
    """Spell what a terminal would obey as Python does: a server must not command terminals."""
    return "".join(
        repr(character)[1:-1]
        if character not in allowed and unicodedata.category(character) in _HIDDEN
        else character
        for character in text
    )


def result_text(value: object, width: int = 80) -> str:
    """Spell a result as Python shows it; large structures are broken into lines."""
    # pprint would cut a long string into pieces, which is no use to whoever wants to copy it.
    return (
        repr(value)
        if isinstance(value, str)
        else pprint.pformat(value, width=width, sort_dicts=False)
    )


def targets_text(names: list[str], description: str | None) -> str:
    """List the targets of a server, as the manual shows it."""
    text = f"Target(s):   {', '.join(names)}"
    return visible(f"{text}\nDescription: {description}" if description else text, LINES)


def methods_text(described: MethodList) -> str:
    """List the methods of a target in alphabetical order, what is said about the target first."""
    blocks = [_docstring_text(described["docstring"])] if described["docstring"] else []
    for name, (argspec, docstring) in sorted(described["methods"].items()):
        block = name + signature_text(argspec)
        if docstring:
            block += "\n" + textwrap.indent(_docstring_text(docstring), "    ")
        blocks.append(block)
    return visible("\n\n".join(blocks), LINES)


def methods_document(described: MethodList) -> dict[str, Any]:
    """Describe the methods of a target for a program."""
    return {
        "docstring": described["docstring"],
        "methods": {
            name: {"signature": signature(argspec), "docstring": docstring, "argspec": argspec}
            for name, (argspec, docstring) in sorted(described["methods"].items())
        },
    }


def signature(argspec: Mapping[str, Any]) -> str:
    """Write the signature of a method as its caller sees it, that is, without ``self``.

    What later servers may add to the specification is left out.
    """
    known = {field: argspec[field] for field in _SIGNATURE if field in argspec}
    args = list(known["args"])
    if args[:1] == ["self"]:
        del args[0]
    return formatargspec(**{**known, "args": args})


def signature_text(argspec: Mapping[str, Any]) -> str:
    """Write the signature of a method for people: its annotations without names of modules."""
    annotations = {
        name: short_annotation(annotation) if isinstance(annotation, str) else annotation
        for name, annotation in dict(argspec.get("annotations") or {}).items()
    }
    return signature({**argspec, "annotations": annotations})


def _docstring_text(docstring: str) -> str:
    return without_roles(inspect.cleandoc(docstring))


def jsonable(value: Any) -> Any:  # noqa: PLR0911 - one line per type
    """Turn a value into one that JSON can hold; the reference of the tool documents how.

    Sequences, sets and arrays become arrays; a key that is no string becomes its `repr`, a complex
    number ``{"real": ..., "imag": ...}``, bytes ``{"base64": ...}``, a float that JSON lacks the
    string ``"NaN"``, ``"Infinity"`` or ``"-Infinity"``, and anything else ``{"repr": ...}``.
    """
    # By name and not by class, which would import numpy for every result. numpy.float64 is a
    # float and numpy.str_ a str: asked for first.
    if type(value).__module__ == "numpy" and hasattr(value, "tolist"):
        plain = value.tolist()
        # Where Python has no type for it (longdouble), numpy gives the scalar itself back.
        return {"repr": repr(value)} if type(plain) is type(value) else jsonable(plain)
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        if math.isfinite(value):
            return value
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, complex):
        return {"real": jsonable(value.real), "imag": jsonable(value.imag)}
    if isinstance(value, dict):
        return {k if isinstance(k, str) else repr(k): jsonable(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [jsonable(item) for item in value]
    if isinstance(value, set | frozenset):
        return [jsonable(item) for item in sorted(value, key=repr)]
    if isinstance(value, bytes | bytearray):
        return {"base64": base64.b64encode(value).decode("ascii")}
    return {"repr": repr(value)}
