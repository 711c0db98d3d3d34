"""What a server tells about the methods of a target, and whether it has the form that it must."""

from collections.abc import Sequence
from typing import Any, TypedDict, TypeGuard

from sipyco._rpctool.failures import SERVER_FAILED, Failure

Documentation = tuple[dict[str, Any], str | None]
"""The argument specification of a method, as of `inspect.getfullargspec`, and its docstring."""


class MethodList(TypedDict):
    """The documentation of a target, and of each of its methods by name."""

    docstring: str | None
    methods: dict[str, Documentation]


def checked(answer: object) -> MethodList:
    """Take the answer of a server for a list of methods.

    Raises:
        Failure: It is none, so that nothing else has to mistrust its parts.
    """
    match answer:
        case {"docstring": str() | None as docstring, "methods": dict() as methods} if all(
            isinstance(name, str) and _is_documentation(documentation)
            for name, documentation in methods.items()
        ):
            return {"docstring": docstring, "methods": methods}
    message = "the server did not answer with a list of methods as pc_rpc has it"
    raise Failure("protocol", message, SERVER_FAILED)


def _is_documentation(value: object) -> bool:
    match value:
        case [dict() as spec, str() | None]:
            return _is_specification(spec)
    return False


def _is_specification(spec: dict[str, Any]) -> bool:
    # Asked for by class only: an array, for one, has no truth and cannot be compared.
    args, defaults = spec.get("args"), spec.get("defaults")
    return (
        _are_names(args)
        and (defaults is None or (_is_sequence(defaults) and len(defaults) <= len(args)))
        and _are_names(spec.get("kwonlyargs", ()))
        and all(isinstance(spec.get(star), str | None) for star in ("varargs", "varkw"))
        and all(_is_by_name(spec.get(field)) for field in ("kwonlydefaults", "annotations"))
    )


def _is_by_name(value: object) -> bool:
    # Old servers send an empty list for none.
    return isinstance(value, dict | None) or (_is_sequence(value) and not value)


def _are_names(value: object) -> TypeGuard[Sequence[str]]:
    return _is_sequence(value) and all(isinstance(name, str) for name in value)


def _is_sequence(value: object) -> TypeGuard[Sequence[Any]]:
    return isinstance(value, list | tuple)
