import inspect

from sipyco import tools


def test_classes_name_the_public_module_as_their_home() -> None:
    classes = [value for value in vars(tools).values() if inspect.isclass(value)]
    assert {value.__module__ for value in classes} == {"sipyco.tools"}


def test_everything_imported_is_public() -> None:
    assert {name for name in vars(tools) if not name.startswith("__")} == set(tools.__all__)
