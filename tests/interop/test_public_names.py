"""Every name that programs use is there and can be called as they call it."""

import importlib
import inspect
from pathlib import Path
from typing import Any

import pytest

RECORDED = [
    line.split("  ", 1)
    for line in Path(__file__).with_name("public_names.txt").read_text().splitlines()
    if line and not line.startswith("#")
]

POSITIONAL = {inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD}


def find(module: str, path: str) -> Any:
    found: Any = importlib.import_module(module)
    for name in path.split("."):
        found = getattr(found, name)
    return found


def default_of(parameter: inspect.Parameter) -> object:
    return getattr(parameter.default, "__name__", parameter.default)


@pytest.mark.parametrize(("module", "recorded"), RECORDED, ids=lambda text: text)
def test_a_recorded_name_is_called_as_ever(module: str, recorded: str) -> None:
    is_awaited = recorded.startswith("async ")
    path, parenthesis, _ = recorded.removeprefix("async ").removesuffix(" -").partition("(")
    found = find(module, path)
    assert inspect.iscoroutinefunction(found) == is_awaited
    if not parenthesis:
        return
    namespace: dict[str, Any] = {"AutoTarget": type("AutoTarget", (), {})}
    declaration = recorded.removeprefix("async ").replace(path, "f", 1)
    exec(f"def {declaration}: pass", namespace)
    expected = list(inspect.signature(namespace["f"]).parameters.values())
    ours = list(inspect.signature(found).parameters.values())
    positional = [parameter.name for parameter in expected if parameter.kind in POSITIONAL]
    assert [parameter.name for parameter in ours[: len(positional)]] == positional
    for parameter in expected:
        (our,) = [candidate for candidate in ours if candidate.name == parameter.name]
        assert our.kind == parameter.kind
        if parameter.default is not parameter.empty:
            assert default_of(our) == default_of(parameter)
        ours.remove(our)
    for further in ours:
        assert further.kind is further.VAR_KEYWORD or further.default is not further.empty


@pytest.mark.parametrize("module", sorted({module for module, _ in RECORDED}))
def test_what_a_module_gives_away_calls_itself_by_a_public_name(module: str) -> None:
    loaded = importlib.import_module(module)
    for name in loaded.__all__:
        given = getattr(loaded, name)
        if inspect.isclass(given):
            owner = importlib.import_module(given.__module__)
            assert not any(part.startswith("_") for part in given.__module__.split("."))
            assert getattr(owner, given.__qualname__) is given
