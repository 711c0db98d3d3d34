"""What of an object can be called, and what is told about it, without evaluating any of it."""

import functools
import inspect
import math
import operator
import typing
from collections.abc import Callable, Iterator
from typing import Any, Optional, TypeVar, Union
from unittest import mock

import numpy as np
import numpy.typing as npt
import pytest

from sipyco import pyon
from sipyco.pc_rpc import Server, _describe
from tests.rpc_servers import run, running

T = TypeVar("T")


def names_of(target: object) -> set[str]:
    return _describe.method_names(target, allow_private=False)


def described(target: object) -> dict[str, Any]:
    """The methods as a client gets them, in either spelling."""
    description = _describe.document_target(target, builtin_terminate=False)
    for syntax in ("python", "json"):
        copy = pyon.decode(pyon.encode(description, syntax=syntax), syntax=syntax)
        assert copy.keys() == {"docstring", "methods"}
        assert copy["methods"].keys() == description["methods"].keys()
    methods: dict[str, Any] = description["methods"]
    return methods


def logged(function: Callable[..., T]) -> Callable[..., T]:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> T:
        return function(*args, **kwargs)

    return wrapper


class Doubling:
    """Doubles."""

    def __call__(self, x: int) -> int:
        return 2 * x


class Inherited:
    def inherited(self, x: int) -> int:
        return 2 * x


class Everything(Inherited):
    """All kinds of things that can be called."""

    builtin = len
    cls = int
    callable_instance = Doubling()
    item = operator.itemgetter(0)
    limit = 5
    names = ("a", "b")

    def __init__(self) -> None:
        self.on_instance = lambda x: 2 * x
        self.bound = Doubling().__call__
        self.partial = functools.partial(operator.mul, 2)
        self.numpy_function = np.add

    def plain(self, x: int) -> int:
        """Double.

        Over several lines.
        """
        return 2 * x

    @staticmethod
    def static(x: int) -> int:
        return 2 * x

    @classmethod
    def of_class(cls, x: int) -> int:
        return 2 * x

    def _multiply(self, factor: int, x: int) -> int:
        return factor * x

    partial_method = functools.partialmethod(_multiply, 2)

    @functools.singledispatchmethod
    def dispatched(self, x: Any) -> Any:
        raise TypeError

    @dispatched.register
    def _(self, x: int) -> int:
        return 2 * x

    @logged
    def decorated(self, x: int) -> int:
        """Documented."""
        return 2 * x

    @functools.lru_cache  # noqa: B019
    def cached(self, x: int) -> int:
        return 2 * x

    async def coroutine(self, x: int) -> int:
        return 2 * x


DOUBLING = {
    *("callable_instance", "on_instance", "bound", "partial", "inherited"),
    *("plain", "static", "of_class", "partial_method", "dispatched", "decorated", "cached"),
    "coroutine",
}


def test_methods_of_every_kind_are_listed() -> None:
    everything = Everything()
    assert names_of(everything) == DOUBLING | {"builtin", "cls", "item", "numpy_function"}
    assert described(everything).keys() == names_of(everything)


def test_methods_of_every_kind_can_be_called() -> None:
    async def main(threads: bool) -> None:
        async with running(Everything(), threads=threads) as serving:
            client = await serving.client()
            for name in sorted(DOUBLING):
                assert await getattr(client, name)(21) == 42, name
            assert await client.cls("7") == 7
            assert await client.item([5, 6]) == 5
            assert await client.numpy_function(20, 22) == 42

    run(main(threads=False))
    run(main(threads=True))


def test_the_documentation_is_what_inspect_tells() -> None:
    argspec, doc = described(Everything())["plain"]
    assert argspec == {
        "args": ["self", "x"],
        "varargs": None,
        "varkw": None,
        "defaults": None,
        "kwonlyargs": [],
        "kwonlydefaults": None,
        "annotations": {"x": "int", "return": "int"},
    }
    assert doc == "Double.\n\nOver several lines."


def test_a_decorated_method_has_the_documentation_of_what_it_decorates() -> None:
    methods = described(Everything())
    assert methods["decorated"][0]["args"] == ["self", "x"]
    assert methods["decorated"][0]["varargs"] is None
    assert methods["decorated"][1] == "Documented."


def test_a_builtin_that_does_not_tell_its_signature_takes_anything() -> None:
    class Dev:
        mystery = dict.fromkeys
        largest = max

    for argspec, _ in described(Dev()).values():
        assert set(argspec) == {
            *("args", "varargs", "varkw", "defaults", "kwonlyargs", "kwonlydefaults"),
            "annotations",
        }
    assert described(Dev())["largest"][0]["varargs"] == "args"


def test_a_method_in_a_slot_is_listed() -> None:
    class Dev:
        __slots__ = ("double", "limit", "unset")

        def __init__(self) -> None:
            self.double = lambda x: 2 * x
            self.limit = 5

    assert names_of(Dev()) == {"double"}


class Proxy:
    """Forwards whatever it is asked for, as drivers for several models do."""

    def __init__(self, target: object) -> None:
        self._target = target

    def __getattr__(self, name: str) -> Any:
        return getattr(self._target, name)

    def __dir__(self) -> Iterator[str]:
        yield from dir(self._target)


def test_methods_that_a_proxy_forwards_are_listed_and_described() -> None:
    proxy = Proxy(Everything())
    assert names_of(proxy) == names_of(Everything())
    assert described(proxy)["plain"] == described(Everything())["plain"]

    async def main() -> None:
        async with running(proxy) as serving:
            assert await (await serving.client()).plain(21) == 42

    run(main())


def test_methods_of_a_proxy_that_does_not_list_them_can_still_be_called() -> None:
    class Silent(Proxy):
        __dir__ = object.__dir__  # type: ignore[assignment]

    async def main() -> None:
        async with running(Silent(Everything())) as serving:
            assert await (await serving.ready()).call("plain", 21) == 42

    run(main())


def test_names_that_are_listed_but_not_there_do_not_break_the_list() -> None:
    class Dev:
        def __dir__(self) -> list[str]:
            return ["there", "not_there"]

        def there(self) -> None: ...

    assert names_of(Dev()) == {"there"}


def test_names_of_a_class_of_their_own_do_not_break_the_list() -> None:
    class Dev:
        def __dir__(self) -> Any:
            return [np.str_("there")]

        def there(self) -> str:
            return "called"

    async def main() -> None:
        async with running(Dev()) as serving:
            client = await serving.client()
            assert await client.there() == "called"
            assert (await client.get_rpc_method_list())["methods"].keys() == {"there"}

    run(main())


def test_names_that_are_no_text_are_left_out() -> None:
    class Dev:
        def __dir__(self) -> Any:
            return ["there", 5]

        def there(self) -> str:
            return "called"

    assert names_of(Dev()) == {"there"}


def test_a_name_whose_value_cannot_be_had_does_not_hide_the_others() -> None:
    class Dev:
        def __dir__(self) -> list[str]:
            return ["off", "there"]

        def __getattr__(self, name: str) -> Any:
            raise OSError("the device is off")

        def there(self) -> None: ...

    assert described(Dev()).keys() == {"there"}


def test_a_method_that_cannot_be_had_does_not_hide_the_others() -> None:
    class Failing:
        def __get__(self, instance: object, owner: type) -> None:
            raise OSError("the device is off")

        def __call__(self) -> None: ...

    class Dev:
        off = Failing()

        def there(self) -> None:
            """Is there."""

    methods = described(Dev())
    assert methods["there"][1] == "Is there."
    assert (methods["off"][0]["varargs"], methods["off"][1]) == ("args", None)


def test_a_mock_can_be_served() -> None:
    dev = mock.Mock(spec=Everything)
    dev.plain.return_value = 42

    async def main() -> None:
        async with running(dev) as serving:
            client = await serving.client()
            assert await client.plain(1) == 42
            assert "plain" in (await client.get_rpc_method_list())["methods"]

    run(main())


class Unprintable:
    def __repr__(self) -> str:
        raise RuntimeError("no text")


class Annotated:
    def string(self, x: "np.ndarray[Any, Any]") -> "undefined":  # type: ignore[name-defined]  # noqa: F821
        raise AssertionError

    def union(self, x: int | None, y: Union[int, str], z: Optional[int]) -> None:  # noqa: UP007, UP045
        raise AssertionError

    def generic(self, x: list[dict[str, int]], y: typing.List[int]) -> tuple[int, ...]:  # noqa: UP006
        raise AssertionError

    def numpy(self, x: npt.NDArray[np.uint16], y: np.float64) -> np.ndarray[Any, Any]:
        raise AssertionError

    def odd(self, x: 5, y: Unprintable()) -> [1]:  # type: ignore[valid-type, misc]
        raise AssertionError

    def own(self, x: Doubling) -> T:  # type: ignore[type-var]
        raise AssertionError


def annotations_of(name: str) -> dict[str, str]:
    annotations: dict[str, str] = described(Annotated())[name][0]["annotations"]
    assert {type(text) for text in annotations.values()} == {str}
    return annotations


def test_annotations_are_told_as_they_are_written() -> None:
    assert annotations_of("string") == {"x": "np.ndarray[Any, Any]", "return": "undefined"}
    union = annotations_of("union")
    assert (union["x"], union["return"]) == ("int | None", "None")
    assert union["y"].removeprefix("typing.") in {"Union[int, str]", "int | str"}
    assert annotations_of("generic")["x"] == "list[dict[str, int]]"
    assert annotations_of("generic")["return"] == "tuple[int, ...]"
    assert "uint16" in annotations_of("numpy")["x"]
    assert annotations_of("own")["x"].endswith("Doubling")


def test_annotations_may_be_any_object() -> None:
    assert annotations_of("odd") == {"x": "5", "y": "<Unprintable>", "return": "[1]"}


def test_an_annotation_of_a_class_derived_from_str_is_told_as_text() -> None:
    def method(x: np.str_("volt")) -> None:  # type: ignore[valid-type]
        raise AssertionError

    argspec, _ = _describe.document_function(method)
    assert type(argspec["annotations"]["x"]) is str


def test_defaults_travel_as_values() -> None:
    def method(
        a: Any = 1.5,
        b: Any = (1, "x"),
        c: Any = np.float32(2),  # noqa: B008
        *,
        d: Any = {1, 2},  # noqa: B006
    ) -> None:
        raise AssertionError

    argspec, _ = _describe.document_function(method)
    assert argspec["defaults"] == (1.5, (1, "x"), np.float32(2))
    assert argspec["kwonlydefaults"] == {"d": {1, 2}}


def test_defaults_that_pyon_cannot_spell_are_told_by_their_repr() -> None:
    def method(
        a: Any = Doubling,
        b: Any = len,
        c: Any = 10**5000,
        *,
        d: Any = Unprintable(),  # noqa: B008
    ) -> None:
        raise AssertionError

    class Dev:
        pass

    dev = Dev()
    dev.method = method  # type: ignore[attr-defined]
    argspec, _ = described(dev)["method"]
    first, second, third = argspec["defaults"]
    assert (first, second) == (repr(Doubling), repr(len))
    assert type(third) in {str, int}
    assert argspec["kwonlydefaults"] == {"d": "<Unprintable>"}


@pytest.mark.parametrize(
    "default",
    [complex(0, math.nan), math.inf, -0.0, b"\x00", "\ud800", "\ud83d\ude00", slice(1), ..., set()],
)
def test_any_default_leaves_the_list_encodable_in_both_spellings(default: Any) -> None:
    class Dev:
        def method(self, x: Any = default) -> None: ...

    assert described(Dev()).keys() == {"method"}


def test_defaults_do_not_depend_on_the_syntax_of_the_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sipyco.pyon._codec._default_syntax", "garbage")

    def method(a: Any = (1, "x")) -> None: ...

    assert _describe.document_function(method)[0]["defaults"] == ((1, "x"),)


def test_halves_of_characters_in_texts_leave_the_list_encodable() -> None:
    class Dev:
        def method(self, x: Any = None) -> None: ...

    Dev.__doc__ = Dev.method.__doc__ = "\ud83d\ude00"
    Dev.method.__annotations__["x"] = "\ud83d\ude00"
    argspec, doc = described(Dev())["method"]
    assert argspec["annotations"]["x"] == doc == r"\ud83d\ude00"


def test_documentation_that_cannot_be_computed_is_none() -> None:
    class Dev:
        @property
        def __doc__(self) -> str:  # type: ignore[override]  # computed, as by some wrappers
            raise OSError("the device is off")

        def method(self) -> None: ...

    assert _describe.document_target(Dev(), builtin_terminate=False)["docstring"] is None


def test_documentation_follows_inspect_getdoc() -> None:
    class Base:
        def method(self) -> None:
            """From the base."""

    class Dev(Base):
        """What it is."""

        def method(self) -> None: ...

    assert described(Dev())["method"][1] == "From the base."
    assert _describe.document_target(Dev(), builtin_terminate=False)["docstring"] == "What it is."
    Base.__doc__ = None
    assert _describe.document_target(Base(), builtin_terminate=False)["docstring"] is None


def test_programs_document_functions_through_the_server_class() -> None:
    argspec, doc = Server._document_function(inspect.cleandoc)
    assert argspec["args"] == ["doc"]
    assert doc == inspect.getdoc(inspect.cleandoc)


def test_the_method_list_is_sorted_and_reaches_the_client() -> None:
    async def main() -> None:
        async with running(Everything()) as serving:
            client = await serving.client()
            description = await client.get_rpc_method_list()
            assert list(description["methods"]) == sorted(names_of(Everything()))
            assert description["docstring"] == "All kinds of things that can be called."

    run(main())


@pytest.mark.parametrize(
    ("target", "is_factory"),
    [
        (Doubling, True),
        (len, True),
        (lambda: None, True),
        (Doubling().__call__, True),
        (functools.partial(Doubling), True),
        (Doubling(), False),
        (Everything(), False),
        (None, False),
    ],
)
def test_factories_are_told_from_targets(target: object, is_factory: bool) -> None:
    assert _describe.is_factory(target) is is_factory
