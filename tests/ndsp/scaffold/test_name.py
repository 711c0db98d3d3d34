"""Names of new packages."""

import pytest

from ndsp.scaffold._name import class_name, package_name


@pytest.mark.parametrize("name", ["lda", "my_laser", "dac8", "keysight_33600a", "x", "driver"])
def test_an_ordinary_name_is_taken_as_it_is(name: str) -> None:
    assert package_name(name) == name


def test_hyphens_become_underscores() -> None:
    assert package_name("my-laser") == "my_laser"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "lower-case letters"),
        ("My_laser", "lower-case letters"),
        ("8dac", "lower-case letters"),
        ("_laser", "lower-case letters"),
        ("laser_", "lower-case letters"),
        ("my__laser", "lower-case letters"),
        ("my laser", "lower-case letters"),
        ("my.laser", "lower-case letters"),
        ("../laser", "lower-case letters"),
        ("läser", "lower-case letters"),
        ("laser\n", "lower-case letters"),
        ("a" * 29, "it has 29 characters"),
        ("lambda", "keyword"),
        ("socket", "standard library"),
        ("numpy", "installed"),
        ("ndsp", "installed"),
        ("com1", "Windows"),
        ("test_stand", "pytest"),
        ("conftest", "pytest"),
        ("device_db", "something else of this name"),
        ("timeout_error", "'TimeoutError', which is the name of another class"),
        ("client", "'Client', which is the name of another class"),
        ("line_connection", "'LineConnection', which is the name of another class"),
    ],
)
def test_a_name_that_would_not_work_is_refused_with_the_reason(name: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as raised:
        package_name(name)
    assert repr(name) in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("name", "of_class"), [("lda", "Lda"), ("my_laser", "MyLaser"), ("dac_8_x", "Dac8X")]
)
def test_the_class_has_the_words_of_the_name(name: str, of_class: str) -> None:
    assert class_name(name) == of_class
