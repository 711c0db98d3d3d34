import pytest

from ndsp.controllers.hello.driver import Hello
from ndsp.controllers.hello.simulation import Simulation
from sipyco.pc_rpc import Client
from tests.ndsp.controllers.programs import output_at_its_end, simulated


def test_a_message_appears_on_the_console_behind_its_label() -> None:
    with Simulation() as console:
        Hello().message("Hello World!")
        Hello().message("")
    assert console.lines() == ["message: Hello World!", "message: "]


def test_the_console_is_given_back_and_what_was_written_stays(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with Simulation() as console:
        Hello().message("inside")
    Hello().message("outside")
    assert console.lines() == ["message: inside"]
    assert capsys.readouterr().out == "message: outside\n"


def test_the_controller_writes_to_its_standard_output() -> None:
    with simulated("hello") as (process, port):
        with Client("127.0.0.1", port, "hello", 10) as hello:
            hello.message("Hello World!")
            assert hello.ping() is True
        assert output_at_its_end(process, port, "hello") == "message: Hello World!\n"
