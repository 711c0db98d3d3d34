import socket
import threading
from collections.abc import Iterator

import pytest

from demo.lda import driver
from demo.lda.driver import Lda
from demo.lda.simulation import Simulation


@pytest.fixture
def lda() -> Iterator[Lda]:
    with Simulation() as instrument:
        lda = Lda(instrument.host, instrument.port)
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


def test_an_instrument_that_does_not_answer_is_disconnected(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(driver, "TIMEOUT", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        lda = Lda(*deaf.getsockname())
        with pytest.raises(TimeoutError):
            lda.get_attenuation()
        with pytest.raises(OSError, match="Bad file descriptor"):
            lda.get_attenuation()
        lda.close()


def test_an_instrument_that_hangs_up_is_reported() -> None:
    def hang_up(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(100)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=hang_up, args=(listener,))
        thread.start()
        lda = Lda(*listener.getsockname())
        with pytest.raises(ConnectionResetError, match="instead of answering 'GET'"):
            lda.get_attenuation()
        lda.close()
        thread.join()
