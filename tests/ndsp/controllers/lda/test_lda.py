import socket
import threading
from collections.abc import Iterator

import pytest

from ndsp.controllers.lda.driver import Lda
from ndsp.controllers.lda.simulation import Simulation
from sipyco.pc_rpc import Client
from tests.ndsp.controllers.programs import output_at_its_end, simulated


@pytest.fixture
def simulation() -> Simulation:
    return Simulation()


@pytest.fixture
def lda(simulation: Simulation) -> Iterator[Lda]:
    with simulation as device:
        lda = Lda(device)
        yield lda
        lda.close()


def test_what_is_set_is_read_back(lda: Lda) -> None:
    assert lda.ping()
    assert lda.get_attenuation() == 63.0
    for attenuation in (0, 5, 12.5, 63):
        lda.set_attenuation(attenuation)
        assert lda.get_attenuation() == attenuation


@pytest.mark.parametrize("attenuation", [-0.5, 63.5, 5.25, float("nan")])
def test_a_value_that_the_instrument_lacks_is_refused_and_nothing_is_changed(
    lda: Lda, attenuation: float
) -> None:
    with pytest.raises(ValueError, match=r"choose 0 to 63 dB in steps of 0\.5 dB"):
        lda.set_attenuation(attenuation)
    assert lda.get_attenuation() == 63.0


@pytest.mark.parametrize("command", ["SET 64.0", "SET many", "DANCE", ""])
def test_the_instrument_answers_nonsense_with_an_error(lda: Lda, command: str) -> None:
    with pytest.raises(RuntimeError, match="the attenuator refused"):
        lda._ask(command)
    assert lda.ping()


def test_a_lost_instrument_is_reported_once_and_then_connected_anew(
    lda: Lda, simulation: Simulation
) -> None:
    lda.set_attenuation(5)
    simulation.hang_up()
    with pytest.raises(ConnectionResetError, match="'GET'"):
        lda.get_attenuation()
    assert lda.get_attenuation() == 5


def test_an_instrument_that_is_switched_off_is_reported_at_each_call() -> None:
    with Simulation() as device:
        lda = Lda(device)
    with pytest.raises(ConnectionError, match=f"{device} .*'ID'"):
        lda.ping()
    with pytest.raises(ConnectionError, match=f"cannot connect to the attenuator at {device}"):
        lda.ping()
    lda.close()


def test_the_attenuation_stays_when_the_driver_closes(simulation: Simulation) -> None:
    with simulation as device:
        lda = Lda(device)
        lda.set_attenuation(7.5)
        lda.close()
        with pytest.raises(ConnectionError, match="was closed"):
            lda.get_attenuation()
        assert simulation.attenuation == 7.5


def test_an_instrument_that_does_not_answer_cannot_be_opened() -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        device = f"127.0.0.1:{deaf.getsockname()[1]}"
        with pytest.raises(TimeoutError, match=r"has not answered 'ID' within 0\.05 s"):
            Lda(device, timeout=0.05)


def test_another_instrument_is_not_taken_for_an_attenuator() -> None:
    def claim(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(100)
            connection.sendall(b"COFFEE 3\n")
            assert connection.recv(100) == b"", "the driver has disconnected"

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=claim, args=(listener,))
        thread.start()
        with pytest.raises(ValueError, match="no LDA attenuator; it calls itself 'COFFEE 3'"):
            Lda(f"127.0.0.1:{listener.getsockname()[1]}")
        thread.join()


def test_the_controller_serves_the_simulation_and_ends_when_asked() -> None:
    with simulated("lda", "--timeout", "5") as (process, port):
        with Client("127.0.0.1", port, "lda", 10) as lda:
            lda.set_attenuation(5)
            assert lda.get_attenuation() == 5.0
            with pytest.raises(ValueError, match="choose 0 to 63 dB"):
                lda.set_attenuation(99)
        assert output_at_its_end(process, port, "lda") == ""
