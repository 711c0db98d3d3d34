import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from ndsp.controllers.scpi_psu.driver import ScpiPsu
from ndsp.controllers.scpi_psu.simulation import Simulation
from tests.ndsp.controllers.scpi_psu.supplies import Bench, bench


@pytest.fixture
def table() -> Iterator[Bench]:
    with bench() as table:
        yield table


def test_the_instrument_says_who_it_is(table: Bench) -> None:
    assert table.supply.identify() == "NDSP,PSU-302,SIMULATION,1.0"
    assert table.supply.ping() is True


def test_what_is_set_is_read_back_for_each_channel(table: Bench) -> None:
    supply = table.supply
    supply.set_voltage(1, 5)
    supply.set_voltage(2, 12.3456)
    supply.set_current(1, 0.25)
    supply.set_current(2, 3)
    supply.set_output(2, True)
    assert (supply.get_voltage(1), supply.get_voltage(2)) == (5.0, 12.346)
    assert (supply.get_current(1), supply.get_current(2)) == (0.25, 3.0)
    assert (supply.get_output(1), supply.get_output(2)) == (False, True)


def test_an_output_that_is_off_has_no_voltage(table: Bench) -> None:
    table.supply.set_voltage(1, 5)
    assert table.supply.measure_voltage(1) == 0
    assert table.supply.measure_current(1) == 0


def test_the_load_takes_the_current_that_the_voltage_drives_up_to_the_limit(table: Bench) -> None:
    supply = table.supply
    supply.set_output(1, True)
    supply.set_current(1, 0.5)
    supply.set_voltage(1, 4)  # at 10 ohms
    assert (supply.measure_voltage(1), supply.measure_current(1)) == (4.0, 0.4)
    supply.set_voltage(1, 20)
    assert (supply.measure_voltage(1), supply.measure_current(1)) == (5.0, 0.5)


@pytest.mark.parametrize("voltage", [-0.001, 30.001, float("nan"), float("inf")])
def test_a_voltage_out_of_range_is_refused_and_nothing_is_sent(
    table: Bench, voltage: float
) -> None:
    with pytest.raises(ValueError, match="choose 0 to 30 V"):
        table.supply.set_voltage(1, voltage)
    assert table.supply.get_voltage(1) == 0


@pytest.mark.parametrize("current", [-0.001, 3.001, float("nan")])
def test_a_current_out_of_range_is_refused_and_nothing_is_sent(
    table: Bench, current: float
) -> None:
    with pytest.raises(ValueError, match="choose 0 to 3 A"):
        table.supply.set_current(1, current)
    assert table.supply.get_current(1) == 0.1


@pytest.mark.parametrize("channel", [0, 3, 1.5, "1", None])
def test_a_channel_that_does_not_exist_is_named(table: Bench, channel: int) -> None:
    for call in (table.supply.get_voltage, table.supply.measure_current, table.supply.stop_ramp):
        with pytest.raises(ValueError, match=f"no channel {channel!r}; choose 1 or 2"):
            call(channel)


def test_limits_of_the_experiment_are_kept_besides_those_of_the_instrument() -> None:
    with Simulation() as device:
        careful = ScpiPsu(device, max_voltage=12, max_current=0.5)
        assert careful.get_limits() == {"voltage": 12, "current": 0.5}
        with pytest.raises(ValueError, match="choose 0 to 12 V"):
            careful.set_voltage(2, 12.5)
        with pytest.raises(ValueError, match=r"choose 0 to 0\.5 A"):
            careful.set_current(2, 1)
        careful.close()
        bold = ScpiPsu(device, max_voltage=1000)
        assert bold.get_limits() == {"voltage": 30, "current": 3}
        bold.close()
        for limit in (0, -1, float("nan")):
            with pytest.raises(ValueError, match=r"max_current is .*; give more than 0"):
                ScpiPsu(device, max_current=limit)


def test_what_the_instrument_refuses_is_raised_with_number_and_text(table: Bench) -> None:
    connection = table.supply._connection
    with pytest.raises(
        RuntimeError,
        match=r"refused 'VOLT 99,\(@1\)': error -222, 'Data out of range;99'$",
    ):
        connection.command("VOLT 99,(@1)")
    with pytest.raises(RuntimeError, match=r"error -113, 'Undefined header;VOLTS'$"):
        connection.query("VOLTS?;:VOLTS")  # the queue was empty again
    assert connection.query("VOLT? (@1,2)") == "0.000,0.000"


def test_several_errors_are_told_together(table: Bench) -> None:
    with pytest.raises(
        RuntimeError, match=r"error -109, .*; error -113, .*; error -222, '.*\(@7\)'"
    ):
        table.supply._connection.command("OUTP;:DANCE;:OUTP ON,(@7)")
    assert table.supply.ping()


def test_a_command_has_no_response(table: Bench) -> None:
    with pytest.raises(RuntimeError, match=r"has no response to '\*CLS'; is it a query\?"):
        table.supply._connection.query("*CLS")


def test_closing_leaves_the_safe_state(table: Bench) -> None:
    for channel in (1, 2):
        table.supply.set_voltage(channel, 20)
        table.supply.set_output(channel, True)
    table.supply.close()
    for output in table.simulation.outputs:
        assert not output.is_on
        assert output.voltage == output.level() == 0
    with pytest.raises(ConnectionError, match="was closed"):
        table.supply.get_voltage(1)


def test_opening_does_not_disturb_what_is_on(table: Bench) -> None:
    table.supply.set_voltage(1, 5)
    table.supply.set_output(1, True)
    other = ScpiPsu(table.device)
    assert other.get_output(1)
    assert other.measure_voltage(1) == 1.0, "10 ohms, 0.1 A"
    assert other.get_voltage(1) == 5


def test_a_lost_instrument_is_reported_once_and_then_connected_anew() -> None:
    # PyVISA-py does not notice that an instrument has hung up: it waits for the whole timeout.
    with bench(timeout=0.25) as table:
        table.supply.set_voltage(2, 5)
        table.simulation.hang_up()
        with pytest.raises(OSError, match=r"the power supply at TCPIP::.* 'VOLT\? \(@2\)"):
            table.supply.get_voltage(2)
        assert table.supply.get_voltage(2) == 5


def test_the_outputs_are_switched_off_also_after_a_lost_connection() -> None:
    with bench(timeout=0.25) as table:
        table.supply.set_output(1, True)
        table.simulation.hang_up()
        table.supply.outputs_off()
        assert not table.simulation.outputs[0].is_on
        table.supply.set_output(1, True)
        table.simulation.hang_up()
        table.supply.close()
        assert not table.simulation.outputs[0].is_on


def test_a_supply_that_cannot_be_switched_off_is_reported_when_closing() -> None:
    with Simulation() as device:
        supply = ScpiPsu(device, timeout=0.1)
    with pytest.raises(OSError, match="the power supply at"):
        supply.close()
    with pytest.raises(ConnectionError, match="was closed"):
        supply.ping()


def test_another_instrument_at_the_same_address_is_not_used() -> None:
    with bench(timeout=0.25) as table:
        table.simulation.hang_up()
        table.simulation.identity = "NDSP,OVEN,7,1.0"
        with pytest.raises(OSError, match="power supply"):
            table.supply.ping()
        with pytest.raises(ConnectionError, match=r"was '.*PSU.*' and is 'NDSP,OVEN,7,1.0' now"):
            table.supply.set_voltage(1, 5)
        table.simulation.identity = "NDSP,PSU-302,SIMULATION,1.0"


@pytest.mark.parametrize("device", ["", "psu", "psu:", "host:0"])
def test_what_is_no_address_is_refused_with_an_example(device: str) -> None:
    with pytest.raises(ValueError, match=r"TCPIP::192\.168\.1\.30::5025::SOCKET"):
        ScpiPsu(device)


def test_host_and_port_are_enough() -> None:
    with Simulation() as device:
        _, host, port, _ = device.split("::")
        supply = ScpiPsu(f"{host}:{port}")
        assert supply.ping()
        supply.close()


def test_an_instrument_that_is_not_there_cannot_be_opened() -> None:
    with Simulation() as device:
        pass
    with pytest.raises(ConnectionError, match=f"{device}.*is it switched on"):
        ScpiPsu(device)
    with pytest.raises(ConnectionError, match="cannot connect to the power supply at BAR::5"):
        ScpiPsu("BAR::5")


def test_an_instrument_that_does_not_answer_cannot_be_opened() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as deaf,
        pytest.raises(TimeoutError, match=r"has not answered '\*CLS;\*IDN\?' within 0\.05 s"),
    ):
        ScpiPsu(f"127.0.0.1:{deaf.getsockname()[1]}", timeout=0.05)


def test_pyvisa_is_imported_only_when_it_is_needed() -> None:
    code = "import sys, ndsp.controllers.scpi_psu.controller; sys.exit('pyvisa' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_without_pyvisa_it_is_said_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyvisa", None)
    with pytest.raises(OSError, match=r'run: pip install "sipyco\[ndsp\]"'):
        ScpiPsu("192.0.2.1:5025")
