"""Exceptions travel as dicts; only exceptions come back."""

import builtins
from typing import Any

import pytest

from sipyco._wire.remote_exceptions import (
    GenericRemoteException,
    current_exc_packed,
    pack_exception,
    raise_packed_exc,
    unpack_exception,
)


def there_and_back(exc: BaseException) -> Exception:
    return unpack_exception(pack_exception(exc))


def is_built_from_a_string(cls: object) -> bool:
    if not isinstance(cls, type) or not issubclass(cls, Exception):
        return False
    try:
        cls("text")
    except TypeError:
        return False
    return True


@pytest.mark.parametrize(
    "cls",
    [cls for cls in vars(builtins).values() if is_built_from_a_string(cls)],
    ids=lambda cls: cls.__name__,
)
def test_a_builtin_exception_comes_back_as_itself(cls: type[Exception]) -> None:
    back = there_and_back(cls("a text"))
    assert type(back) is cls
    assert str(back) == str(cls("a text"))


@pytest.mark.parametrize(
    "exc",
    [
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
        ExceptionGroup("several", [ValueError("one")]),
        SystemExit(3),
        KeyboardInterrupt(),
        GeneratorExit(),
    ],
    ids=lambda exc: type(exc).__name__,
)
def test_what_one_string_cannot_build_or_must_not_end_a_client_is_generic(
    exc: BaseException,
) -> None:
    back = there_and_back(exc)
    assert type(back) is GenericRemoteException
    assert back.args[0] == f"{type(exc).__name__}: {exc}"


def test_another_class_is_told_by_its_qualified_name() -> None:
    class LaserError(Exception):
        pass

    back = there_and_back(LaserError("no light"))
    assert type(back) is GenericRemoteException
    name = f"{__name__}.test_another_class_is_told_by_its_qualified_name.<locals>.LaserError"
    assert back.args == (f"{name}: no light",)


def test_a_generic_exception_that_is_passed_on_is_not_wrapped_again() -> None:
    first = there_and_back(GenericRemoteException("LaserError: no light"))
    assert there_and_back(first).args == ("LaserError: no light",)


@pytest.mark.parametrize("name", ["IOError", "EnvironmentError", "WindowsError", "OSError"])
def test_old_names_of_oserror_are_read(name: str) -> None:
    back = unpack_exception({"class": name, "message": "no device", "traceback": []})
    assert type(back) is OSError


def test_oserror_is_written_by_its_own_name() -> None:
    assert pack_exception(IOError("x"))["class"] == "OSError"  # noqa: UP024  the alias is the point


@pytest.mark.parametrize(
    "name",
    ["eval", "print", "exit", "object", "SystemExit", "BaseException", "__import__", "open", ""],
)
def test_no_builtin_but_exceptions_is_ever_called(name: str) -> None:
    back = unpack_exception({"class": name, "message": "1", "traceback": []})
    assert type(back) is GenericRemoteException
    assert back.args == (f"{name}: 1",)


@pytest.mark.parametrize(
    "packed",
    ["a text", None, 5, {}, {"class": None}, {"class": "ValueError", "traceback": 5}],
    ids=repr,
)
def test_a_malformed_description_is_still_an_exception(packed: object) -> None:
    back = unpack_exception(packed)
    assert isinstance(back, Exception)
    assert back.parent_traceback == []  # type: ignore[attr-defined]


def test_a_plain_string_is_the_text() -> None:
    assert unpack_exception("no such channel").args == ("no such channel",)


def test_a_key_error_does_not_gain_quotes_on_the_way() -> None:
    assert there_and_back(KeyError("channel")).args == ("channel",)


def test_an_exception_without_a_text_is_described() -> None:
    class Broken(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no text")

    assert "RuntimeError" in there_and_back(Broken()).args[0]


def raise_it() -> None:
    raise ValueError("wrong channel")


def test_the_remote_traceback_names_the_line() -> None:
    packed: dict[str, Any] = {}
    try:
        raise_it()
    except ValueError:
        packed = current_exc_packed()
    with pytest.raises(ValueError, match="wrong channel") as caught:
        raise_packed_exc(packed)
    lines = caught.value.parent_traceback  # type: ignore[attr-defined]
    assert "in raise_it" in lines[-1]
    assert all(isinstance(line, str) for line in lines)
    # Whoever only prints the exception sees it too.
    assert "in raise_it" in caught.value.__notes__[0]


def raise_it_as_a_consequence() -> None:
    try:
        raise_it()
    except ValueError as exc:
        raise RuntimeError("no voltage") from exc


def test_the_causes_of_an_exception_are_told() -> None:
    with pytest.raises(RuntimeError) as caught:
        raise_it_as_a_consequence()
    assert "ValueError: wrong channel" in "".join(pack_exception(caught.value)["traceback"])


def test_the_traceback_of_a_third_machine_is_passed_on() -> None:
    far = unpack_exception({"class": "ValueError", "message": "x", "traceback": ["far away\n"]})
    try:
        raise far
    except ValueError as exc:
        lines = pack_exception(exc)["traceback"]
    assert lines[-1] == "far away\n"
    assert len(lines) == 2


def test_outside_of_an_except_block_there_is_nothing_to_pack() -> None:
    with pytest.raises(RuntimeError, match="except block"):
        current_exc_packed()


def test_a_deep_recursion_is_told_briefly() -> None:
    def recurse() -> Any:
        return recurse()

    with pytest.raises(RecursionError) as caught:
        recurse()
    assert len("".join(pack_exception(caught.value)["traceback"])) < 5000
