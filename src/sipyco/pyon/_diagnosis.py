"""Where in a value the part is that cannot be encoded, and what to do about it.

Writers keep no track of where they are, because that would cost on every value. Only after one
has failed, the value is walked again.
"""

from collections import OrderedDict
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, Literal, TypeAlias

from sipyco.pyon import _types
from sipyco.pyon._errors import EncodeError, render
from sipyco.pyon._halves import joinable
from sipyco.pyon._limits import MAX_INTEGER_DIGITS, depth_message, shorten
from sipyco.pyon._python_writer import is_name

Spelling: TypeAlias = Literal["python", "json", "packed"]

_Trail: TypeAlias = tuple[Any, Any] | None
"""The way to a part: the trail to what it is in, and its key or index there. A path for every
part would take memory that grows with the square of the depth."""


def explain(value: Any, failure: Exception, spelling: Spelling) -> Exception:
    """Find out what to tell the caller.

    Args:
        value: What was to be encoded.
        failure: What the writer raised.
        spelling: As what it was to be spelled.

    Returns:
        The exception to raise instead.
    """
    inside: set[int] = set()
    seen: dict[int, Any] = {}  # Holds what it has seen, so that no identity is used twice.
    # A stack of its own: the value may be nested too deep for Python's.
    stack: list[tuple[_Trail, Any, str, bool]] = [(None, value, "", False)]
    while stack:
        trail, part, relation, leaving = stack.pop()
        if leaving:
            inside.discard(id(part))
            continue
        if id(part) in inside:
            return ValueError(f"cannot encode value{_steps(trail)}: it contains itself")
        reason = _complaint(part, spelling)
        if reason is not None:
            return EncodeError(_path(trail), type(part), reason, relation=relation)
        too_much = _excess(part, spelling)
        if too_much is not None:
            return ValueError(f"cannot encode {relation}value{_steps(trail)}: {too_much}")
        children = list(_children(part))
        if not children or id(part) in seen:
            continue
        seen[id(part)] = part
        inside.add(id(part))
        stack.append((trail, part, "", True))
        stack.extend(
            # Inside of a key there are no steps that could be taken by indexing.
            (trail if relation or below else (trail, step), child, relation or below, False)
            for step, child, below in reversed(children)
        )
    if isinstance(failure, RecursionError):
        return ValueError(f"cannot encode value: {depth_message()}")
    if isinstance(failure, _types.UnknownTypeError):
        (value_type,) = failure.args
        return EncodeError((), value_type, _unknown(value_type))
    return failure


def _children(part: Any) -> Iterator[tuple[Any, Any, str]]:
    """Yield key or index, part, and what the part is if there is no such step to it."""
    kind = type(part)
    if kind in (list, tuple):
        yield from ((index, item, "") for index, item in enumerate(part))
    elif kind in (dict, OrderedDict):
        for key, item in part.items():
            yield None, key, "a key of "
            yield key, item, ""
    elif kind is set:
        yield from ((None, item, "an element of ") for item in part)
    elif kind is slice:
        yield from ((None, item, "a part of ") for item in (part.start, part.stop, part.step))
    else:
        entry = _types.kind_of(kind)
        if entry is not None and entry.is_user:
            yield from ((None, item, "an argument of ") for item in entry.arguments(part))


def _complaint(part: Any, spelling: Spelling) -> str | None:
    kind = type(part)
    if kind in _types.PLAIN:
        return None
    entry = _types.kind_of(kind)
    if entry is None:
        return _unknown(kind)
    if entry.is_user:
        if spelling == "python" and not is_name(entry.name):
            return (
                f"its type is registered as {entry.name!r}, which is no name in Python syntax; "
                "register it under an identifier, or use syntax='json'"
            )
        return None
    if entry in (_types.NPARRAY, _types.NPSCALAR):
        try:
            entry.arguments(part)
        except ValueError as error:
            return f"{error}; convert it to lists, or to another dtype with astype()"
    return None


def _excess(part: Any, spelling: Spelling) -> str | None:
    kind = type(part)
    if kind is int:
        try:
            int.__repr__(part)
        except ValueError:
            return (
                f"the integer has more than {MAX_INTEGER_DIGITS} decimal digits, which peers "
                "refuse to read; encode its bytes, or text in base 16"
            )
    elif kind is str and spelling == "json" and joinable(part):
        return (
            f"{shorten(ascii(part))} contains two halves of a character in a row, which JSON "
            "would turn into that character; repair the text, or use syntax='python'"
        )
    return None


_ADVICE: dict[str, str] = {
    "builtins.frozenset": "convert it to a set",
    "builtins.bytearray": "convert it to bytes",
    "builtins.memoryview": "convert it to bytes",
    "builtins.range": "convert it to a list",
    "builtins.generator": "convert it to a list",
    "builtins.map": "convert it to a list",
    "builtins.filter": "convert it to a list",
    "builtins.zip": "convert it to a list",
    "builtins.dict_keys": "convert it to a list",
    "builtins.dict_values": "convert it to a list",
    "builtins.dict_items": "convert it to a list",
    "builtins.mappingproxy": "convert it to a dict",
    "builtins.coroutine": "await it, and encode what it returns",
    "builtins.function": "call it, and encode what it returns",
    "builtins.method": "call it, and encode what it returns",
    "builtins.type": "encode its name",
    "builtins.module": "encode its name",
    "builtins.ellipsis": "encode a slice or a text instead",
    "array.array": "convert it to a numpy array or a list",
    "collections.deque": "convert it to a list",
    "datetime.datetime": "convert it to text with isoformat(), or to numpy.datetime64",
    "datetime.date": "convert it to text with isoformat(), or to numpy.datetime64",
    "datetime.timedelta": "convert it to seconds with total_seconds()",
    "decimal.Decimal": "convert it to a Fraction, a float or a str",
    "uuid.UUID": "convert it to a str",
    "numpy.ma.MaskedArray": "convert it with filled() or numpy.asarray()",
    "pandas.DataFrame": "convert it with to_dict() or to_records()",
}

_BASES: tuple[tuple[type, str], ...] = (
    (bool, "bool"),
    (int, "int"),
    (float, "float"),
    (complex, "complex"),
    (str, "str"),
    (bytes, "bytes"),
    (tuple, "tuple"),
    (list, "list"),
    (OrderedDict, "OrderedDict"),
    (dict, "dict"),
    (set, "set"),
    (frozenset, "set"),
    (Fraction, "Fraction"),
)


def _unknown(value_type: type) -> str:
    name = f"{value_type.__module__}.{value_type.__qualname__}"
    return f"PYON has no spelling for values of type {name!r}; {_advice(value_type, name)}"


def _advice(value_type: type, name: str) -> str:
    if name in _ADVICE:
        return _ADVICE[name]
    if any(base.__module__ == "numpy" and base.__name__ == "ndarray" for base in value_type.mro()):
        return "convert it to a plain array with numpy.asarray()"
    if any(base.__module__ == "enum" for base in value_type.mro()):
        return "encode its .value or .name"
    for base, text in _BASES:
        if issubclass(value_type, base):
            return (
                f"convert it to {text} (a subclass would come out as something else), or "
                "register() it"
            )
    if hasattr(value_type, "__dataclass_fields__"):
        return "convert it to a dict with dataclasses.asdict(), or register() it"
    return "convert it to a dict, list or number, or register() it with sipyco.pyon"


def _path(trail: _Trail) -> tuple[Any, ...]:
    steps = []
    while trail is not None:
        trail, step = trail
        steps.append(step)
    return tuple(reversed(steps))


def _steps(trail: _Trail) -> str:
    return render(_path(trail))
