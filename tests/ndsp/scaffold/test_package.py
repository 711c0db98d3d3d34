"""The files of a new package, before they are written."""

import ast
import re
import tomllib
from itertools import product

import pytest

from ndsp.ports import users_of
from ndsp.scaffold import Package, package_files, package_name
from ndsp.scaffold._name import class_name
from ndsp.scaffold._package import default_port
from sipyco import __version__

EVERYTHING = Package("my_laser", 3290, has_client=True, has_mediator=True)
NOTHING = Package("my_laser", 3290)

FOUR_FILES = {
    "README.md",
    "src/my_laser/controller.py",
    "src/my_laser/driver.py",
    "src/my_laser/simulation.py",
}


def test_the_four_files_are_always_there() -> None:
    assert package_files(NOTHING).keys() > FOUR_FILES


def test_options_add_files() -> None:
    client = package_files(Package("my_laser", 3290, has_client=True)).keys()
    mediator = package_files(Package("my_laser", 3290, has_mediator=True)).keys()
    plain = package_files(NOTHING).keys()
    assert client - plain == {"src/my_laser/client.py", "tests/test_client.py"}
    assert mediator - plain == {"src/my_laser/mediator.py", "tests/test_mediator.py"}
    assert package_files(EVERYTHING).keys() == client | mediator


@pytest.mark.parametrize(("client", "mediator"), [*product((False, True), repeat=2)])
def test_nothing_of_the_template_is_left(client: bool, mediator: bool) -> None:
    for text in package_files(Package("my_laser", 3290, client, mediator)).values():
        assert "<<" not in text
        assert ">>" not in text
        assert text == "" or (text.endswith("\n") and not text.endswith("\n\n"))


def test_what_was_not_asked_for_is_not_spoken_of() -> None:
    for path, text in package_files(NOTHING).items():
        assert "aqcli" not in text, path
        assert "ediator" not in text, path


def test_what_is_to_be_replaced_is_marked() -> None:
    files = package_files(EVERYTHING)
    sources = {path for path in files if path.startswith("src/") and "def " in files[path]}
    for path in {"README.md", "device_db.py", *sources}:
        assert "Yours" in files[path], path


def test_the_section_for_the_author_is_to_be_deleted_and_the_rest_speaks_of_the_device() -> None:
    readme = package_files(EVERYTHING)["README.md"]
    before, _, others = readme.partition("## Make it yours\n")
    section, _, after = others.partition("\n## ")
    assert "Delete this section when you are done" in section
    assert "ndsp new" in section
    assert "ndsp new" not in before + after
    assert "src/my_laser/" not in before + after
    # What is wanted every day is not in it.
    assert "pytest" in after


def test_the_toolkit_is_installed_first() -> None:
    readme = package_files(NOTHING)["README.md"]
    toolkit, package = 'pip install "/path/to/sipyco[ndsp]"', 'pip install -e ".[dev]"'
    assert readme.index(toolkit) < readme.index(package) < readme.index("aqctl_my_laser")


def test_the_project_has_its_programs_and_its_dependency() -> None:
    project = tomllib.loads(package_files(EVERYTHING)["pyproject.toml"])["project"]
    assert project["name"] == "my_laser"
    assert project["dependencies"] == [f"sipyco[ndsp]>={__version__}"]
    assert project["scripts"] == {
        "aqctl_my_laser": "my_laser.controller:main",
        "aqcli_my_laser": "my_laser.client:main",
    }
    plain = tomllib.loads(package_files(NOTHING)["pyproject.toml"])["project"]
    assert list(plain["scripts"]) == ["aqctl_my_laser"]


def test_the_guidelines_for_drivers_are_kept() -> None:
    tree = ast.parse(package_files(NOTHING)["src/my_laser/driver.py"])
    driver = next(node for node in tree.body if isinstance(node, ast.ClassDef))
    assert driver.name == "MyLaser"
    methods = {node.name: node for node in driver.body if isinstance(node, ast.FunctionDef)}
    assert {"close", "ping"} <= methods.keys()
    assert "__del__" not in methods
    for name, method in methods.items():
        assert name.startswith("_") or ast.get_docstring(method), name


def test_no_driver_can_have_the_name_of_a_class_that_the_files_use() -> None:
    used: set[str] = set()
    for path, text in package_files(EVERYTHING).items():
        for node in ast.walk(ast.parse(text if path.endswith(".py") else "")):
            if isinstance(node, ast.ImportFrom):
                used.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ClassDef):
                used.add(node.name)
    assert {"Controller", "MyLaser", "MyLaserMediator", "Simulation"} <= used
    for name in used - {"MyLaser", "MyLaserMediator"}:
        words = re.sub(r"\B(?=[A-Z])", "_", name).lower()
        # Nobody names a package so that its class has two capital letters in a row.
        if class_name(words) == name and not re.search("[A-Z]{2}", name):
            with pytest.raises(ValueError, match="the name of another class"):
                package_name(words)


def test_the_default_port_is_nobodys_and_always_the_same() -> None:
    ports = {name: default_port(name) for name in ("lda", "my_laser", "dac", "source")}
    assert all(3200 <= port < 3300 and not users_of(port) for port in ports.values())
    assert len(set(ports.values())) == 4
    assert ports == {name: default_port(name) for name in ports}
