from collections.abc import Sequence

import pytest

from ndsp.instruments import ScpiError, ScpiInstrument, channel_list, number


class Oven(ScpiInstrument):
    """An oven, without anything around it."""

    def __init__(self) -> None:
        super().__init__(
            "NDSP,OVEN,1,2",
            {
                "[SOURce:]TEMPerature[:LEVel]": self._set,
                "[SOURce:]TEMPerature[:LEVel]?": lambda _: f"{self.temperature:g}",
                "[SOURce:]TEMPerature:RATE?": lambda _: "7",
            },
        )
        self.temperature = 20.0

    def reset(self) -> None:
        self.temperature = 20.0

    def _set(self, parameters: list[str]) -> None:
        if len(parameters) != 1:
            raise ScpiError(-109)
        self.temperature = number(parameters[0], 0, 300)


@pytest.fixture
def oven() -> Oven:
    return Oven()


def said(parts: Sequence[bytes]) -> str:
    return b"".join(parts).decode()


@pytest.mark.parametrize(
    "header",
    ["TEMP", "temp", "TEMPERATURE", ":TEMP", "SOUR:TEMP", "Source:Temp:Level", "TEMP:LEV"],
)
def test_headers_have_a_long_and_a_short_form_and_optional_nodes(oven: Oven, header: str) -> None:
    assert said(oven.answer(f"{header} 150")) == ""
    assert said(oven.answer(f"{header}?")) == "150\n"


@pytest.mark.parametrize(
    "header", ["TEM", "TEMPE", "TEMPERATURES", "LEV", "SOUR", "TEMP:", "*TST?"]
)
def test_other_headers_are_undefined(oven: Oven, header: str) -> None:
    assert said(oven.answer(header)) == ""
    assert said(oven.answer("SYST:ERR?")) == f'-113,"Undefined header;{header}"\n'


def test_a_header_without_a_colon_continues_the_path_of_the_one_before(oven: Oven) -> None:
    assert said(oven.answer("SOUR:TEMP:LEV?;RATE?")) == "20;7\n"
    assert said(oven.answer("SOUR:TEMP:LEV?;:TEMP:RATE?;*IDN?;LEV?")) == "20;7;NDSP,OVEN,1,2;20\n"
    assert said(oven.answer("TEMP:LEV?;SYST:ERR?")) == "20\n"
    assert said(oven.answer("SYST:ERR?")) == '-113,"Undefined header;TEMP:SYST:ERR?"\n'


@pytest.mark.parametrize(
    ("parameters", "error"),
    [
        ("", '-109,"Missing parameter"'),
        (" hot", '-104,"Data type error;hot"'),
        (" nan", '-104,"Data type error;nan"'),
        (" 301", '-222,"Data out of range;301"'),
        (" -1e0", '-222,"Data out of range;-1e0"'),
    ],
)
def test_what_is_wrong_is_queued_with_its_number_and_changes_nothing(
    oven: Oven, parameters: str, error: str
) -> None:
    assert said(oven.answer(f"TEMP{parameters};:SYST:ERR?;ERR:NEXT?")) == f'{error};+0,"No error"\n'
    assert oven.temperature == 20


@pytest.mark.parametrize(
    ("text", "value"), [("MIN", 0), ("maximum", 300), ("2.5E2", 250), (".5", 0.5), ("+21 CEL", 21)]
)
def test_numbers_have_limits_exponents_and_units(oven: Oven, text: str, value: float) -> None:
    oven.answer(f"TEMP {text}")
    assert oven.temperature == value


def test_the_queue_of_errors_says_when_it_has_overflown(oven: Oven) -> None:
    for _ in range(30):
        oven.answer("DANCE")
    errors = said(oven.answer("SYST:ERR?" + ";ERR?" * 20)).strip().split(";")
    errors = [error for error in errors if error[0] in "+-"]
    assert errors[:19] == 19 * ['-113,"Undefined header']
    assert errors[19:] == ['-350,"Queue overflow"', '+0,"No error"']


def test_errors_are_forgotten_by_cls_and_settings_by_rst(oven: Oven) -> None:
    oven.answer("TEMP 100;DANCE")
    assert said(oven.answer("*CLS;:SYST:ERR?")) == '+0,"No error"\n'
    assert oven.temperature == 100
    assert said(oven.answer("*RST;*OPC?")) == "1\n"
    assert oven.temperature == 20


def test_it_tells_its_address_as_visa_has_it(oven: Oven) -> None:
    with oven as device:
        start, host, port, kind = device.split("::")
    assert (start, host, kind) == ("TCPIP", "127.0.0.1", "SOCKET")
    assert int(port) > 0


@pytest.mark.parametrize(
    ("text", "channels"),
    [("(@1)", [1]), ("(@2,1)", [2, 1]), ("( @1:3 )", [1, 2, 3]), ("(@1,2:3)", [1, 2, 3])],
)
def test_channels_are_listed_or_ranges(text: str, channels: list[int]) -> None:
    assert channel_list(text, 3) == channels


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("1", "-102"),
        ("(1)", "-102"),
        ("(@)", "-102"),
        ("(@1,)", "-102"),
        ("(@1:2:3)", "-102"),
        ("(@0)", "-222"),
        ("(@4)", "-222"),
        ("(@1:999999999999)", "-222"),
    ],
)
def test_a_wrong_list_of_channels_is_an_error(text: str, error: str) -> None:
    with pytest.raises(ScpiError, match=f"^{error},"):
        channel_list(text, 3)
