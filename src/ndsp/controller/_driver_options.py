"""From the parameters of a driver to options of its controller, and back to its arguments."""

import argparse
import enum
import inspect
import pathlib
import types
import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from ndsp.controller._argument_descriptions import argument_descriptions

__all__ = ["DriverOptions"]

PASSED_OTHERWISE = ("device", "simulation")
"""Parameters that are filled from the options of this name, which all controllers have."""

TAKEN = ("bind", "help", "no_localhost_bind", "port", "quiet", "ssl", "verbose")
"""What options of a controller are called, so that those of a driver cannot."""

SIMPLE: tuple[type, ...] = (str, int, float, pathlib.Path)
"""Types that are made of one word of the command line by calling them."""

EXPECTED = "str, int, float, bool, Path, an enum, a Literal, a list or a tuple of these, or None"


@dataclass(frozen=True)
class _Option:
    parameter: inspect.Parameter
    help: str
    settings: dict[str, Any]
    """What :meth:`argparse.ArgumentParser.add_argument` is told of its type."""


class DriverOptions:
    """The options that come from the parameters of one driver.

    Every parameter that is annotated becomes an option of its name, required if it has no default.
    The description is taken from the annotation (``Annotated[float, "seconds to wait"]``) or from
    the section ``Args:`` of the docstring.

    Args:
        driver: The class or factory.

    Attributes:
        takes: Those of the parameters ``device`` and ``simulation`` that the driver has.

    Raises:
        TypeError: A parameter cannot become an option; the text says which, and what to do.
    """

    def __init__(self, driver: Callable[..., Any]) -> None:
        self._name = getattr(driver, "__name__", type(driver).__name__)
        parameters = _parameters(driver, self._name)
        self.takes = frozenset(parameters).intersection(PASSED_OTHERWISE)
        described = argument_descriptions(inspect.getdoc(driver))
        if isinstance(driver, type):
            of_init = inspect.getdoc(inspect.getattr_static(driver, "__init__"))
            described = argument_descriptions(of_init) | described
        self._options = [
            self._option(parameter, described.get(name, ""))
            for name, parameter in parameters.items()
            if name not in PASSED_OTHERWISE and self._becomes_option(parameter)
        ]

    def add_to(self, parser: argparse.ArgumentParser) -> None:
        """Add them, as a group of their own."""
        if not self._options:
            return
        group = parser.add_argument_group("driver")
        for option in self._options:
            parameter = option.parameter
            is_required = parameter.default is parameter.empty
            text = option.help.replace("%", "%%")
            if not is_required and parameter.default is not None:
                shown = getattr(parameter.default, "name", parameter.default)
                text = f"{text} (default: {str(shown).replace('%', '%%')})".lstrip()
            group.add_argument(
                f"--{parameter.name.replace('_', '-')}",
                dest=parameter.name,
                required=is_required,
                default=None if is_required else parameter.default,
                help=text,
                **option.settings,
            )

    def arguments(self, args: argparse.Namespace) -> dict[str, Any]:
        """Give the keyword arguments that the command line asks for."""
        values = {o.parameter.name: getattr(args, o.parameter.name) for o in self._options}
        for option in self._options:
            name = option.parameter.name
            if option.settings.get("nargs") and isinstance(values[name], list):
                annotation, _ = _unwrap(option.parameter.annotation)
                values[name] = (typing.get_origin(annotation) or list)(values[name])
        return values

    def _becomes_option(self, parameter: inspect.Parameter) -> bool:
        if parameter.kind in {parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD}:
            return False
        if parameter.annotation is not parameter.empty:
            return True
        if parameter.default is parameter.empty:
            raise TypeError(
                f"{self._name} needs {parameter.name!r}, which has no annotation to make an "
                f"option of; annotate it with one of {EXPECTED}"
            )
        return False

    def _option(self, parameter: inspect.Parameter, description: str) -> _Option:
        if parameter.name in TAKEN:
            raise TypeError(
                f"parameter {parameter.name!r} of {self._name} would be an option that every "
                "controller has already; give a factory as the driver that calls it otherwise"
            )
        if parameter.kind is parameter.POSITIONAL_ONLY:
            raise TypeError(
                f"parameter {parameter.name!r} of {self._name} cannot be given by its name; "
                "give a factory as the driver that passes it by position"
            )
        annotation, said = _unwrap(parameter.annotation)
        settings = _settings(annotation)
        if settings is None:
            raise TypeError(
                f"cannot make an option of parameter {parameter.name!r} of {self._name}, which is "
                f"annotated with {inspect.formatannotation(parameter.annotation)}; use one of "
                f"{EXPECTED}, or give a factory as the driver that makes the value"
            )
        return _Option(parameter, said or description, settings)


def _parameters(driver: Callable[..., Any], name: str) -> dict[str, inspect.Parameter]:
    try:
        return dict(inspect.signature(driver, eval_str=True).parameters)
    except NameError as error:
        raise TypeError(
            f"the annotations of {name} name {error.name!r}, which does not exist when it runs; "
            "import it outside of TYPE_CHECKING"
        ) from error


def _unwrap(annotation: Any) -> tuple[Any, str]:
    """Take ``Annotated`` and ``| None`` off, and give what the former says."""
    said = ""
    if typing.get_origin(annotation) is Annotated:
        annotation, *metadata = typing.get_args(annotation)
        said = next((text for text in metadata if isinstance(text, str)), "")
    if typing.get_origin(annotation) in {typing.Union, types.UnionType}:
        others = [a for a in typing.get_args(annotation) if a is not types.NoneType]
        if len(others) == 1:
            annotation, inner = _unwrap(others[0])
            said = said or inner
    return annotation, said


def _settings(annotation: Any) -> dict[str, Any] | None:
    if annotation is bool:
        return {"action": argparse.BooleanOptionalAction}
    origin, of = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is list or (origin is tuple and of[1:] == (...,)):
        inner = _settings(of[0])
        return None if inner is None or "action" in inner else {**inner, "nargs": "+"}
    if origin is Literal:
        return {"type": _one_of({str(value): value for value in of}), "metavar": _choices(of)}
    if isinstance(annotation, enum.EnumMeta):
        members: dict[str, Any] = dict(annotation.__members__)
        return {"type": _one_of(members), "metavar": _choices(members)}
    if annotation in SIMPLE:
        return {"type": annotation, "metavar": annotation.__name__.upper()}
    return None


def _choices(names: Sequence[Any] | dict[str, Any]) -> str:
    return f"{{{','.join(map(str, names))}}}"


def _one_of(values: dict[str, Any]) -> Callable[[str], Any]:
    # Not `choices=`, which compares values, of an enum too, and shows them as Python does.
    def convert(text: str) -> Any:
        try:
            return values[text]
        except KeyError:
            msg = f"{text!r} is none of {', '.join(values)}"
            raise argparse.ArgumentTypeError(msg) from None

    return convert
