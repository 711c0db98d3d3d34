"""Values to JSON and back: special values are objects with the single key ``__jsonclass__``."""

import json
from collections.abc import Callable, Iterable
from functools import reduce
from operator import or_
from typing import Any, TypeAlias

import ormsgpack

from sipyco.pyon import _types
from sipyco.pyon._errors import DecodeError, InvalidValueError
from sipyco.pyon._halves import joinable
from sipyco.pyon._limits import depth_message
from sipyco.pyon._types import Kind, UnbuildableError, UnknownTypeError, set_items

_Lower: TypeAlias = Callable[[Any], Any]

TAG = "__jsonclass__"

_ONLY_JSON = reduce(
    or_,
    (
        ormsgpack.OPT_PASSTHROUGH_BIG_INT,
        ormsgpack.OPT_PASSTHROUGH_DATACLASS,
        ormsgpack.OPT_PASSTHROUGH_DATETIME,
        ormsgpack.OPT_PASSTHROUGH_ENUM,
        ormsgpack.OPT_PASSTHROUGH_SUBCLASS,
        ormsgpack.OPT_PASSTHROUGH_TUPLE,
        ormsgpack.OPT_PASSTHROUGH_UUID,
    ),
)
"""With these it refuses all that plain JSON cannot hold, except bytes (which json refuses)."""

_COMPACT = json.JSONEncoder(separators=(",", ":"), check_circular=False)
"""Circles do not get this far: neither the check of plainness nor the lowering ends with one."""


def write(value: Any, options: dict[str, Any] | None = None) -> str:
    """Spell a value.

    Args:
        value: The value.
        options: As for ``json.dumps``; None: compact.

    Raises:
        UnknownTypeError: A type has no spelling.
        ValueError: A value has none: too many digits, pointers.
        RecursionError: Nested too deep, or contains itself.
    """
    if options:
        return _encoder(options).encode(_LOWER[type(value)](value))
    if _is_plain(value):
        try:
            text = _COMPACT.encode(value)
        except TypeError:
            text = TAG  # Bytes: not plain after all.
        if TAG not in text:
            return text
    return _COMPACT.encode(_LOWER[type(value)](value))


def _is_plain(value: Any) -> bool:
    # A walk in Python would take longer than the spelling itself; this takes 3 % of it.
    try:
        ormsgpack.packb(value, option=_ONLY_JSON)
    except ormsgpack.MsgpackEncodeError:
        return False
    return True


def _encoder(options: dict[str, Any]) -> json.JSONEncoder:
    for name in ("cls", "default", "skipkeys"):
        if options.get(name):
            raise TypeError(
                f"cannot encode with {name}={options[name]!r}: it would change what values "
                "mean; to add a type, sipyco.pyon.register() it"
            )
    known = {name: value for name, value in options.items() if name not in _REFUSED}
    if known.get("separators") is None:
        known["separators"] = (",", ":") if known.get("indent") is None else (",", ": ")
    return json.JSONEncoder(check_circular=False, **known)


_REFUSED = ("cls", "default", "skipkeys", "check_circular")


class _Lowering(dict[type, _Lower]):
    """One function for every type, giving lists, dicts and leaves for a JSON encoder."""

    def __init__(self) -> None:
        super().__init__(
            {
                **dict.fromkeys((type(None), bool, int, float), _same),
                str: _lower_text,
                list: self._list,
                dict: self._dict,
                set: self._set,
            }
        )

    def __missing__(self, value_type: type) -> _Lower:
        kind = _types.kind_of(value_type)
        if kind is None:
            raise UnknownTypeError(value_type)
        if kind.is_user:
            # Not kept: it can be deregistered.
            return self._tagged(kind)
        self[value_type] = function = self._tagged(kind)
        return function

    def _tagged(self, kind: Kind) -> _Lower:
        return lambda x: {TAG: [kind.name, self._list(kind.arguments(x))]}

    def _list(self, x: Iterable[Any]) -> list[Any]:
        return [self[type(v)](v) for v in x]

    def _dict(self, x: dict[Any, Any]) -> dict[str, Any]:
        if all([type(k) is str for k in x]) and TAG not in x:  # noqa: C419 - a list is faster
            return {self[str](k): self[type(v)](v) for k, v in x.items()}
        return {TAG: ["dict", self._list(_types.DICT.arguments(x))]}

    def _set(self, x: set[Any]) -> dict[str, Any]:
        items = set_items(x, lambda v: _COMPACT.encode(self[type(v)](v)))
        return {TAG: ["set", [self._list(items)]]}


def _same(x: Any) -> Any:
    return x


def _lower_text(x: str) -> str:
    if not x.isascii() and joinable(x):
        raise ValueError(
            f"JSON cannot tell the two halves of a character in {x!r} from that character; "
            "repair the text, or use syntax='python'"
        )
    return x


_LOWER = _Lowering()


def lower(value: Any) -> Any:
    """Turn a value into what ``json.dumps`` spells as `write` does."""
    return _LOWER[type(value)](value)


def lift(described: dict[str, Any]) -> Any:
    """Turn a JSON object into the special value that it describes, if it describes one.

    Raises:
        UnbuildableError: It does, but such a value cannot exist.
    """
    if TAG not in described:
        return described
    match described:
        case {"__jsonclass__": [str(name), list(arguments)]} if len(described) == 1:
            return _types.build(name, arguments)
        case {"__jsonclass__": [str(name), str(argument)]} if len(described) == 1:
            return _types.build(name, [argument])
        case _:
            raise UnbuildableError(
                'an object with the key "__jsonclass__" has no other, and holds there '
                "[name, [arguments...]]"
            )


# json gives the same object for every NaN, so that two of them would be one element of a set.
_PLAIN_DECODER = json.JSONDecoder(parse_constant=float)
_DECODER = json.JSONDecoder(object_hook=lift, parse_constant=float)


def read(text: str, options: dict[str, Any] | None = None) -> Any:
    """Read a value.

    Args:
        text: The text.
        options: As for ``json.loads``. Hooks for objects see those without a special meaning.

    Raises:
        DecodeError: The text is not JSON.
        InvalidValueError: It describes something that cannot exist.
    """
    if options:
        decoder = _decoder(options)
    elif TAG in text or "\\u00" in text:
        decoder = _DECODER
    else:
        # The key can be there neither as it is nor escaped. Without a hook, many small objects
        # are read twice as fast.
        decoder = _PLAIN_DECODER
    try:
        return decoder.decode(text)
    except json.JSONDecodeError as error:
        raise DecodeError(f"not JSON: {error.msg}", text, error.pos) from None
    except UnbuildableError as error:
        raise InvalidValueError(str(error), text, None) from error
    except RecursionError:
        raise InvalidValueError(depth_message(), text, None) from None
    except ValueError as error:
        if options:
            raise  # Perhaps one that a hook of the caller raised on purpose.
        raise InvalidValueError(str(error), text, None) from None


def is_json(text: str) -> bool:
    """Tell whether a text is JSON to its end, whatever its objects mean."""
    try:
        _PLAIN_DECODER.decode(text)
    except json.JSONDecodeError:
        return False
    except (RecursionError, ValueError):
        pass  # Too deep, or too many digits: JSON all the same, and bad in either spelling.
    return True


def _decoder(options: dict[str, Any]) -> json.JSONDecoder:
    if options.get("cls") is not None:
        raise TypeError("cannot decode with cls: it would change what values mean")
    known = {"parse_constant": float, **options}
    known.pop("cls", None)
    on_pairs = known.pop("object_pairs_hook", None)
    on_object = known.pop("object_hook", None)
    if on_pairs is None and on_object is None:
        return json.JSONDecoder(object_hook=lift, **known)

    def hook(pairs: list[tuple[str, Any]]) -> Any:
        described = dict(pairs)
        if TAG in described:
            return lift(described)
        return on_pairs(pairs) if on_pairs is not None else on_object(described)

    return json.JSONDecoder(object_pairs_hook=hook, **known)
