"""The plugin as pytest loads it."""

import json
import subprocess
import sys
import typing

import pytest

import ndsp.testing

pytest_plugins = ["pytester"]


def test_loading_it_brings_nothing_that_coverage_would_miss() -> None:
    program = (
        "import json, pytest, sys; before = set(sys.modules); import ndsp.testing; "
        "print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
    assert json.loads(done.stdout) == ["ndsp", "ndsp.testing"]


@pytest.mark.parametrize("name", ndsp.testing.__all__)
def test_every_public_name_is_there(name: str) -> None:
    value = getattr(ndsp.testing, name)
    if name[0].isupper():
        assert value.__module__ == "ndsp.testing"


def test_a_name_that_is_not_there_is_refused() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        ndsp.testing.Nothing  # noqa: B018


def test_annotations_can_be_evaluated() -> None:
    hints = typing.get_type_hints(ndsp.testing.ControllerFactory.close)
    assert hints == {"return": list[str]}


def test_a_project_of_its_own_loads_it_where_warnings_are_errors(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytester.makepyprojecttoml(
        """
        [tool.pytest.ini_options]
        addopts = "-p ndsp.testing --strict-markers --strict-config"
        filterwarnings = ["error"]
        """
    )
    pytester.makepyfile(
        lamp="""
        import sys
        from ndsp import Controller

        class Lamp:
            def is_on(self):
                return True

        CONTROLLER = Controller(Lamp, name="lamp", port=3249)

        if __name__ == "__main__":
            sys.exit(CONTROLLER.run())
        """,
        test_lamp="""
        from ndsp.testing import ControllerFactory, TlsPair
        from lamp import CONTROLLER

        def test_here(controller: ControllerFactory, tls_pair: TlsPair) -> None:
            assert controller(CONTROLLER, tls=tls_pair).client().is_on()

        def test_as_a_process(controller: ControllerFactory) -> None:
            assert controller("lamp").client().is_on()
        """,
    )
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.runpytest_subprocess().assert_outcomes(passed=2, warnings=0)


def test_it_may_be_loaded_by_a_conftest_too(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makeconftest('pytest_plugins = ["ndsp.testing"]')
    pytester.makepyfile("def test_it(no_leaks): pass")
    result = pytester.runpytest_inprocess("-Werror", "-p", "ndsp.testing")
    result.assert_outcomes(passed=1)
