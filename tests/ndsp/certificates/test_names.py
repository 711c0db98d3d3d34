"""Names of sides and laboratories."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ndsp.certificates._errors import CertificateError
from ndsp.certificates._names import check_laboratory, check_name, folded


@pytest.mark.parametrize("name", ["desk", "Ada", "laser.2", "pc-7_b", "9", "x" * 64])
def test_a_name_is_given_back(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        *("", " ", "a b", ".hidden", "-d", "../up", "a/b", "a\\b", "ä", "x" * 65, "desk\n"),
        *("authority", "Authority", "con", "NUL", "com1.pc", "desk.pem", "desk.KEY", "end."),
    ],
)
def test_what_cannot_be_a_file_everywhere_is_refused(name: str) -> None:
    with pytest.raises(CertificateError, match="cannot issue for the name") as caught:
        check_name(name)
    assert repr(name) in str(caught.value)


@given(st.text())
def test_any_text_is_a_name_or_refused_with_one_line(text: str) -> None:
    complaint = ""
    try:
        assert check_name(text).isascii()
    except CertificateError as error:
        complaint = str(error)
    assert len(complaint.splitlines()) <= 1


@pytest.mark.parametrize("name", ["Ion lab", "Labor für Ionen", "x"])
def test_a_laboratory_may_be_called_as_people_call_it(name: str) -> None:
    assert check_laboratory(name) == name


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "x" * 65])
def test_a_laboratory_needs_a_name_that_can_be_read(name: str) -> None:
    with pytest.raises(CertificateError, match="expected 1 to 64 printable characters"):
        check_laboratory(name)


def test_names_that_differ_in_case_only_are_the_same() -> None:
    assert folded("Desk") == folded("desk")
