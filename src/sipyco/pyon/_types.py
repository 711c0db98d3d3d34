"""Which Python type has which name and arguments: one table for all spellings.

A value that plain JSON cannot hold is described by a name and a list of arguments, which are
values in turn: ``Fraction(3, 4)``, ``{"__jsonclass__": ["Fraction", [3, 4]]}``. The arguments in
this table are those of the JSON spelling; bytes and the memory of arrays are base64 text.
"""

from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from sipyco.pyon import _on_demand
from sipyco.pyon._limits import shorten

if TYPE_CHECKING:
    from fractions import Fraction


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """One type of values, or several that share a name. Each is itself: it equals no other."""

    name: str
    arguments: Callable[[Any], Sequence[Any]]
    """From a value to what describes it."""
    build: Callable[..., Any]
    """And back. Whatever it raises says that the arguments describe nothing."""
    is_call: bool = True
    """Spelled ``name(arguments)`` in Python syntax. The others have a syntax of their own
    there, and their names mean nothing in it."""
    is_user: bool = False
    """Comes from `_registry.register`, whose callbacks may do anything."""


class UnbuildableError(ValueError):
    """A name with arguments that describes no value; the caller knows where it stood."""


class UnknownTypeError(TypeError):
    """A value of a type without a spelling was met, somewhere in the value."""


def build(name: str, arguments: Sequence[Any]) -> Any:
    """Make the value that a name and its arguments describe.

    Raises:
        UnbuildableError: There is none.
    """
    kind = by_name.get(name)
    if kind is None:
        raise UnbuildableError(
            f"unknown type name {shorten(name)!r}; to read values of this type, "
            "sipyco.pyon.register() it"
        )
    try:
        return kind.build(*arguments)
    except Exception as error:
        # Callbacks of users, and numpy, raise what they like. Whoever reads text from elsewhere
        # must be able to rely on one type of error.
        raise UnbuildableError(f"cannot build this {name}: {_told(error)}") from error


def _told(error: Exception) -> str:
    if isinstance(error, UnbuildableError) or type(error) is ValueError:
        return str(error)
    return f"{type(error).__name__}: {error}"


def kind_of(value_type: type) -> Kind | None:
    """Find the entry of exactly this type; None for plain JSON types and unknown ones."""
    kind = by_type.get(value_type)
    if kind is not None:
        return kind
    # Subclasses elsewhere do not count, and nothing is imported to find that out.
    module = getattr(value_type, "__module__", None)
    if module == "numpy":
        return _on_demand.numpy.kind_of(value_type)
    if module == "fractions" and value_type.__name__ == "Fraction":
        return FRACTION
    return None


def set_items(values: set[Any], spell: Callable[[Any], str]) -> list[Any]:
    """Put the elements of a set into an order that does not change from run to run.

    Args:
        values: The set.
        spell: Gives the text of one element, to sort by where elements have no order.
    """
    items = in_order(values)
    return sorted(values, key=spell) if items is None else items


def in_order(values: Collection[Any]) -> list[Any] | None:
    """Sort values; None if they have no order."""
    types = set(map(type, values))
    if len(types) == 1 and next(iter(types)).__module__ == "numpy":
        if any(value != value for value in values):  # noqa: PLR0124 - true of nan and NaT
            return None
    elif not all(map(_is_ordered, values)):
        return None
    try:
        items = sorted(values)
    except (TypeError, ValueError, ArithmeticError):
        return None
    # With a nan among them, what comes out is an accident.
    return items if all(a <= b for a, b in pairwise(items)) else None


def _is_ordered(value: Any) -> bool:
    # Scalars of numpy warn and overflow when they are compared with other types.
    if type(value) is tuple:
        return all(map(_is_ordered, value))
    return type(value) in {bool, int, float, str, bytes} or kind_of(type(value)) is FRACTION


def _build_complex(real: Any, imaginary: Any) -> complex:
    if not {type(real), type(imaginary)} <= {int, float}:
        raise ValueError("a complex number needs two numbers")
    return complex(real, imaginary)


def _items(values: Any) -> list[Any]:
    if type(values) is not list and type(values) is not tuple:
        raise ValueError(f"its elements must be a list, not {type(values).__name__}")
    return list(values)


def _pairs(values: Any) -> list[Any]:
    pairs = _items(values)
    for pair in pairs:
        if type(pair) not in (list, tuple) or len(pair) != 2:
            raise ValueError("its items must be pairs of a key and a value")
    return pairs


def _build_fraction(numerator: Any, denominator: Any = 1) -> "Fraction":
    # Fraction("1e1000000000") would compute all those digits, so nothing but integers.
    if not {type(numerator), type(denominator)} <= {int}:
        raise ValueError("a Fraction needs two integers")
    from fractions import Fraction  # noqa: PLC0415 - brings decimal along, and few values are such

    return Fraction(numerator, denominator)


def _build_ordered_dict(pairs: Any = ()) -> OrderedDict[Any, Any]:
    return OrderedDict(pairs if type(pairs) is dict else _pairs(pairs))


def _build_array(shape: Any, dtype: Any, data: Any) -> Any:
    return _on_demand.numpy.build_array(shape, dtype, data)


def _build_scalar(dtype: Any, data: Any) -> Any:
    return _on_demand.numpy.build_scalar(dtype, data)


def _array_arguments(value: Any) -> Sequence[Any]:
    return _on_demand.numpy.array_arguments(value)


def _scalar_arguments(value: Any) -> Sequence[Any]:
    return _on_demand.numpy.scalar_arguments(value)


PLAIN = frozenset({type(None), bool, int, float, str, list})
"""Types that need no name in any spelling. (A dict needs one if its keys are not strings.)"""

COMPLEX = Kind("complex", lambda x: (x.real, x.imag), _build_complex, is_call=False)
BYTES = Kind(
    "bytes",
    lambda x: (_on_demand.base64.to_base64(x),),
    lambda x: bytes(_on_demand.base64.from_base64(x)),
    is_call=False,
)
TUPLE = Kind("tuple", lambda x: (list(x),), lambda x: tuple(_items(x)), is_call=False)
DICT = Kind(
    "dict", lambda x: ([[k, v] for k, v in x.items()],), lambda x: dict(_pairs(x)), is_call=False
)
SET = Kind("set", lambda x: (list(x),), lambda x: set(_items(x)), is_call=False)
SLICE = Kind("slice", lambda x: (x.start, x.stop, x.step), slice)
FRACTION = Kind("Fraction", lambda x: (x.numerator, x.denominator), _build_fraction)
ORDERED_DICT = Kind("OrderedDict", lambda x: ([[k, v] for k, v in x.items()],), _build_ordered_dict)
NPARRAY = Kind("nparray", _array_arguments, _build_array)
NPSCALAR = Kind("npscalar", _scalar_arguments, _build_scalar)

by_type: dict[type, Kind] = {
    complex: COMPLEX,
    bytes: BYTES,
    tuple: TUPLE,
    dict: DICT,
    set: SET,
    slice: SLICE,
    OrderedDict: ORDERED_DICT,
}
"""The table by type, without those of numpy and fractions (`kind_of` knows them)."""

by_name: dict[str, Kind] = {
    kind.name: kind for kind in (*by_type.values(), FRACTION, NPARRAY, NPSCALAR)
}
"""The table by name."""
