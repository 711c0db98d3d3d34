import importlib
import sys
from pathlib import Path

import pytest

from ndsp.device_db import DeviceDBError, read_device_db


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "device_db.py"


def complaint(path: Path, *, strict: bool = True) -> str:
    with pytest.raises(DeviceDBError) as caught:
        read_device_db(path, strict=strict)
    text = str(caught.value)
    assert text.startswith(f"{path}: ")
    assert "\n" not in text
    return text.removeprefix(f"{path}: ")


def test_a_file_is_executed(path: Path) -> None:
    path.write_text(
        "host = '::1'\n"
        "device_db = {f'lamp{i}': {'type': 'controller', 'host': host, 'port': 3300 + i}\n"
        "             for i in range(2)}\n"
        "device_db |= {'light': 'lamp0'}\n"
        "device_db['lamp0']['directory'] = __file__\n"
    )
    database = read_device_db(str(path))
    assert list(database) == ["lamp0", "lamp1", "light"]
    assert database.source == str(path)
    assert database["lamp0"].raw["directory"] == str(path)


def test_a_module_beside_it_is_imported_and_read_anew_each_time(path: Path) -> None:
    path.write_text("from hosts_of_lab import host\ndevice_db = {host: {'type': 'dummy'}}\n")
    beside = path.with_name("hosts_of_lab.py")
    beside.write_text("host = 'one'\n")
    before = list(sys.path)
    assert list(read_device_db(path)) == ["one"]
    beside.write_text("host = 'another'\n")
    assert list(read_device_db(path)) == ["another"]
    assert sys.path == before


def test_objects_in_the_database_are_of_the_classes_that_the_program_imports(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.write_text(
        "from modes_of_lab.speed import Fast\ndevice_db = {'a': {'type': 'dummy', 'b': Fast}}\n"
    )
    path.with_name("modes_of_lab").mkdir()
    path.with_name("modes_of_lab").joinpath("speed.py").write_text("class Fast: pass\n")
    first = read_device_db(path)["a"].raw["b"]
    monkeypatch.syspath_prepend(path.parent)
    assert first is importlib.import_module("modes_of_lab.speed").Fast
    assert read_device_db(path)["a"].raw["b"] is not first


def test_what_is_imported_from_elsewhere_stays(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = path.parent / "venv" / "lib"
    elsewhere.mkdir(parents=True)
    elsewhere.joinpath("library_of_lab.py").write_text("class Library: pass\n")
    monkeypatch.syspath_prepend(elsewhere)
    path.write_text(
        "from library_of_lab import Library\ndevice_db = {'a': {'type': 'dummy', 'b': Library}}\n"
    )
    first = read_device_db(path)["a"].raw["b"]
    assert read_device_db(path)["a"].raw["b"] is first


def test_a_missing_file_is_named(path: Path) -> None:
    assert complaint(path) == "cannot read this file: No such file or directory"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("device_db = {\n", "cannot execute this file, line 1: SyntaxError: '{' was never closed"),
        ("\n\ndevice_db = lamp\n", "cannot execute this file, line 3: NameError: name 'lamp'"),
        ("def f():\n    1 / 0\nf()\n", "cannot execute this file, line 2: ZeroDivisionError"),
        ("import no_such_module\n", "cannot execute this file, line 1: ModuleNotFoundError"),
        ("raise SystemExit(3)\n", "cannot execute this file, line 1: SystemExit: 3"),
        ("devices = {}\n", "defines no 'device_db'; write `device_db = {...}`"),
        ("device_dB = {}\n", "defines no 'device_db'; write `device_db = {...}`; did you mean"),
        ("device_db = 3\n", "is 3; a device database is a dict of names and entries"),
        ("device_db = {}\n\0", "cannot execute this file"),
    ],
)
@pytest.mark.parametrize("strict", [True, False])
def test_a_file_without_a_database_is_an_error(
    path: Path, text: str, told: str, strict: bool
) -> None:
    path.write_text(text)
    assert complaint(path, strict=strict).startswith(told)


def test_an_error_in_a_module_beside_it_names_the_line_of_its_import(path: Path) -> None:
    path.write_text("\nimport broken_beside\n")
    path.with_name("broken_beside.py").write_text("\n\n\n\nx = y\n")
    assert complaint(path).startswith("cannot execute this file, line 2: NameError")


def test_bad_entries_are_an_error_only_if_that_is_wanted(path: Path) -> None:
    path.write_text("device_db = {'a': {'type': 'dummy'}, 'b': {}, 'c': 'd'}\n")
    with pytest.raises(DeviceDBError) as caught:
        read_device_db(path)
    assert [problem.entry for problem in caught.value.problems] == ["b", "c"]
    database = read_device_db(path, strict=False)
    assert list(database) == ["a"]
    assert database.problems == caught.value.problems


def test_warnings_are_no_error(path: Path) -> None:
    path.write_text(
        "device_db = {'a': {'type': 'controller', 'host': 'x', 'port': 1, 'target': 'y'}}\n"
    )
    (problem,) = read_device_db(path).problems
    assert not problem.is_error
