"""What of a target can be called, and what is told about it. Nothing of it is evaluated."""

import functools
import inspect
import types
from collections.abc import Callable, Collection, Iterable
from typing import Any

from sipyco import pyon

__all__ = [
    "document_function",
    "document_target",
    "generator_names",
    "is_factory",
    "look_up",
    "method_names",
]

_MISSING = object()

_NEVER_EVALUATED = (property, functools.cached_property)

_ANY_ARGUMENTS: dict[str, Any] = {
    "args": [],
    "varargs": "args",
    "varkw": "kwargs",
    "defaults": None,
    "kwonlyargs": [],
    "kwonlydefaults": None,
    "annotations": {},
}
"""What is told of a method that does not tell its signature."""

_TERMINATE_DOCUMENTATION = (
    {
        "args": ["self"],
        "defaults": None,
        "varargs": None,
        "varkw": None,
        "kwonlyargs": [],
        "kwonlydefaults": [],
    },
    "Terminate the server.",
)
# To the letter what existing servers tell of it, since clients print it.


def is_factory(target: object) -> bool:
    """Tell whether a target is made for each connection by calling what was given.

    An ordinary instance whose class defines ``__call__`` is a target itself.
    """
    return isinstance(target, type | functools.partial) or inspect.isroutine(target)


def method_names(
    target: object, *, allow_private: bool, withheld: Collection[str] = ()
) -> set[str]:
    """Return the names of what can be called remotely."""
    # Not dir(), which sorts, and fails where a name is no str.
    listed: Iterable[object] = type(target).__dir__(target)
    names = {str.__str__(name) for name in listed if isinstance(name, str)}
    names = {name for name in names if not _is_private(name, allow_private)}.difference(withheld)
    return {name for name in names if _is_method(target, name)}


def generator_names(target: object, names: Iterable[str]) -> set[str]:
    """Return those of the names whose methods are known to give items one by one."""
    return {name for name in names if _is_generator_function(getattr(type(target), name, None))}


def _is_generator_function(method: object) -> bool:
    return inspect.isgeneratorfunction(method) or inspect.isasyncgenfunction(method)


def look_up(
    target: object, name: str, *, allow_private: bool, withheld: Collection[str] = ()
) -> Callable[..., Any]:
    """Find a method.

    Raises:
        AttributeError: The target has no such method, or does not give it to clients.
    """
    if _is_private(name, allow_private):
        way_out = "" if name.startswith("__") else " or start the server with allow_private=True"
        raise AttributeError(
            f"{name!r} is private and cannot be called remotely; give it a public name{way_out}"
        )
    if name in withheld:
        raise AttributeError(f"{name!r} is not for clients: this server calls it itself")
    if isinstance(getattr(type(target), name, None), _NEVER_EVALUATED):
        raise AttributeError(
            f"{name!r} is a property; only methods can be called remotely: write a method that "
            "returns it"
        )
    method = getattr(target, name)
    if not callable(method):
        raise AttributeError(f"{name!r} is not a method but of type {type(method).__name__!r}")
    return method  # type: ignore[no-any-return]  # callable() leaves it Any


def document_target(
    target: object, *, builtin_terminate: bool, withheld: Collection[str] = ()
) -> dict[str, Any]:
    """Describe a target and its public methods: see :meth:`Client.get_rpc_method_list`."""
    methods = {
        name: _document_method(target, name)
        for name in sorted(method_names(target, allow_private=False, withheld=withheld))
    }
    if builtin_terminate:
        methods["terminate"] = _TERMINATE_DOCUMENTATION
    return {"docstring": _docstring(target), "methods": methods}


def document_function(function: Callable[..., Any]) -> tuple[dict[str, Any], str | None]:
    """Return the argument specification and the docstring of anything that can be called.

    What PYON cannot spell (annotations, some defaults) is told by its text.
    """
    try:
        # Of a decorated function those arguments that its caller gives, not (*args, **kwargs).
        spec = inspect.getfullargspec(inspect.unwrap(function))._asdict()
    except (TypeError, ValueError):  # builtins that do not tell their signature
        spec = dict(_ANY_ARGUMENTS)
    if spec["defaults"] is not None:
        spec["defaults"] = tuple(_spellable(default) for default in spec["defaults"])
    if spec["kwonlydefaults"] is not None:
        spec["kwonlydefaults"] = {
            name: _spellable(default) for name, default in spec["kwonlydefaults"].items()
        }
    spec["annotations"] = {
        name: _annotation_text(annotation) for name, annotation in spec["annotations"].items()
    }
    return spec, _docstring(function)


def _document_method(target: object, name: str) -> tuple[dict[str, Any], str | None]:
    try:
        return document_function(getattr(target, name))
    except Exception:  # noqa: BLE001  one method must not break the documentation of the others
        return dict(_ANY_ARGUMENTS), None


def _docstring(documented: object) -> str | None:
    try:
        text = inspect.getdoc(documented)
    except Exception:  # noqa: BLE001  as above: __doc__ may be computed, too
        return None
    return None if text is None else _sendable(text)


def _is_private(name: str, allow_private: bool) -> bool:
    return name.startswith("__") or (name.startswith("_") and not allow_private)


def _is_method(target: object, name: str) -> bool:
    static = inspect.getattr_static(target, name, _MISSING)
    if static is _MISSING or isinstance(static, types.MemberDescriptorType):
        # Not found in the instance or its classes, so __getattr__ makes it: a proxy, for one.
        # Or kept in a slot, which is only looked into.
        try:
            return callable(getattr(target, name, None))
        except Exception:  # noqa: BLE001  what fails for one name must not hide the others
            return False
    methods_that_are_not_callable = (
        staticmethod,
        classmethod,
        functools.partialmethod,
        functools.singledispatchmethod,
    )
    return callable(static) or isinstance(static, methods_that_are_not_callable)


def _spellable(default: Any) -> Any:
    try:
        # The stricter one, whatever the connection speaks.
        pyon.encode(default, syntax="json")
    except Exception:  # noqa: BLE001  one default must not break the documentation of the others
        return _text(default)
    return default


def _annotation_text(annotation: Any) -> str:
    if isinstance(annotation, str):
        return _sendable(annotation)
    try:
        return _sendable(inspect.formatannotation(annotation))
    except Exception:  # noqa: BLE001  as above: annotations may be any object
        return _text(annotation)


def _text(value: object) -> str:
    try:
        return _sendable(repr(value))
    except Exception:  # noqa: BLE001  as above
        return f"<{type(value).__name__}>"


def _sendable(text: str) -> str:
    # Exactly a str, which is all that travels, without halves of characters, which may not.
    return str.encode(text, errors="backslashreplace").decode()
