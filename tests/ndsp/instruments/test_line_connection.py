import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from ndsp.instruments import LineConnection, parse_address


@contextmanager
def instrument(
    behaviour: Callable[[socket.socket], None], timeout: float = 5.0
) -> Iterator[LineConnection]:
    """Give a connection to something that treats each connection in its own way."""

    def serve() -> None:
        while True:
            connection, _ = listener.accept()
            with connection:
                if connection.recv(100) == b"END\n":
                    return
                behaviour(connection)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        address = listener.getsockname()
        connection = LineConnection("the thing", f"127.0.0.1:{address[1]}", timeout)
        try:
            yield connection
        finally:
            connection.close()
            with socket.create_connection(address) as last:
                last.sendall(b"END\n")
            thread.join()


@pytest.mark.parametrize(
    ("device", "address"),
    [
        ("192.168.1.20:5025", ("192.168.1.20", 5025)),
        ("attenuator.lab:1", ("attenuator.lab", 1)),
        ("[fd00::20]:65535", ("fd00::20", 65535)),
    ],
)
def test_an_address_is_a_host_and_a_port(device: str, address: tuple[str, int]) -> None:
    assert parse_address(device) == address


@pytest.mark.parametrize(
    "device",
    ["", "host", "host:", ":5025", "host:0", "host:65536", "host:5_0", "fd00::20:5025", "[]:1"],
)
def test_what_is_no_address_is_refused_with_an_example(device: str) -> None:
    with pytest.raises(ValueError, match=r"is not HOST:PORT; write for example 192\.168\.1\.20"):
        parse_address(device)


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), float("inf")])
def test_a_timeout_must_be_positive(timeout: float) -> None:
    with pytest.raises(ValueError, match="give more than 0 s"):
        LineConnection("the thing", "127.0.0.1:1", timeout)


def test_a_late_answer_is_not_taken_for_that_to_the_next_command() -> None:
    is_late = threading.Event()
    answers = iter([b"late\n", b"right\n"])

    def answer(connection: socket.socket) -> None:
        text = next(answers)
        if text == b"late\n":
            is_late.wait(10)
        connection.sendall(text)

    with instrument(answer, timeout=0.2) as connection:
        with pytest.raises(TimeoutError, match="has not answered 'FIRST' within"):
            connection.ask("FIRST")
        is_late.set()
        assert connection.ask("SECOND") == "right"


def test_closing_wakes_a_thread_that_waits_for_an_answer() -> None:
    is_asked = threading.Event()
    failures: list[OSError] = []

    def answer(connection: socket.socket) -> None:
        is_asked.set()
        assert connection.recv(100) == b"", "closed"

    with instrument(answer, timeout=60.0) as connection:

        def ask() -> None:
            try:
                connection.ask("WAIT")
            except ConnectionError as error:
                failures.append(error)

        thread = threading.Thread(target=ask)
        thread.start()
        assert is_asked.wait(10)
        connection.close()
        thread.join()
    assert len(failures) == 1


def test_data_are_received_into_the_memory_that_is_given() -> None:
    with instrument(lambda connection: connection.sendall(b"DATA\n" + b"x" * 100_000)) as thing:
        assert thing.ask("GIVE") == "DATA"
        memory = bytearray(100_000)
        thing.receive_into(memoryview(memory))
        assert memory == b"x" * 100_000


def test_data_that_end_too_early_are_reported_with_their_size() -> None:
    with instrument(lambda connection: connection.sendall(b"DATA\nabc")) as thing:
        assert thing.ask("GIVE") == "DATA"
        with pytest.raises(ConnectionResetError, match="hung up after 3 of 10 bytes"):
            thing.receive_into(memoryview(bytearray(10)))
        assert thing.ask("GIVE") == "DATA", "connected anew"
