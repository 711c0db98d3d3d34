"""The client that rather returns None than fails because of the network."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from sipyco.pc_rpc import BestEffortClient, IncompatibleServer
from tests.rpc_peers import Peer, Script, echoing, greeting, scripted, taking_turns, unused_port
from tests.serving import served

FAST = 0.005
"""Seconds between attempts to connect."""


class Log(logging.Handler):
    """Keeps what the client logs, and lets a test wait for it."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self._changed = threading.Condition()

    def emit(self, record: logging.LogRecord) -> None:
        with self._changed:
            self.lines.append(f"{record.levelname} {record.getMessage()}")
            self._changed.notify_all()

    def has(self, text: str, times: int = 1) -> bool:
        return sum(text in line for line in self.lines) >= times

    def wait_for(self, text: str, times: int = 1) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self.has(text, times), 10), self.lines


@pytest.fixture
def log() -> Iterator[Log]:
    handler = Log()
    logger = logging.getLogger("sipyco.pc_rpc._best_effort_client")
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(logging.NOTSET)


@contextmanager
def connecting(
    port: int, target: Any = "dev", retry: float = FAST, **options: Any
) -> Iterator[BestEffortClient]:
    with BestEffortClient("127.0.0.1", port, target, retry=retry, **options) as client:
        yield client
    # Whatever tries to connect has to end with its client.
    for thread in threading.enumerate():
        if thread.name.startswith("reconnect to"):
            thread.join(10)
            assert not thread.is_alive()


class Echo:
    def echo(self, value: Any) -> Any:
        return value

    def fail(self, text: str) -> None:
        raise OSError(text)


def hanging_up(peer: Peer) -> None:
    """Answer a first call, and hang up at the second."""
    peer.welcome()
    peer.answer(peer.request()["args"][0])
    peer.line()


def test_a_server_that_was_never_reached_answers_none_to_everything(log: Log) -> None:
    port = unused_port()
    with connecting(port) as client:
        assert client.echo(1) is None
        assert client.any_other_name(x=object()) is None
        assert client.get_rpc_method_list() is None
        assert client.get_rpc_id() is None
        assert client.get_selected_target() is None
        assert client.get_local_host() is None
    assert log.lines[0].startswith("WARNING")
    assert f"could not connect to 127.0.0.1:{port}: " in log.lines[0]
    assert log.lines[0].endswith("; trying again in the background")


def test_calls_go_through_while_there_is_a_connection() -> None:
    with served({"dev": Echo()}) as port, connecting(port) as client:
        assert client.echo((1, {2})) == (1, {2})
        assert client.get_selected_target() == "dev"
        assert client.get_rpc_id() == (["dev"], None)
        assert client.get_local_host() == "127.0.0.1"
        documentation = client.get_rpc_method_list()
        assert documentation is not None
        assert documentation["methods"].keys() == {"echo", "fail"}
        with pytest.raises(AttributeError, match="did you mean 'echo'"):
            client.ech0(1)


def test_a_server_that_comes_up_later_is_found(log: Log) -> None:
    port = unused_port()
    with connecting(port) as client:
        assert client.echo(1) is None
        with served({"dev": Echo()}, port=port):
            log.wait_for(f"connection to 127.0.0.1:{port} is established")
            assert client.echo(1) == 1
            assert not hasattr(client, "any_other_name")


def test_a_lost_connection_returns_none_and_is_made_anew(log: Log) -> None:
    with scripted(taking_turns(hanging_up, echoing)) as port, connecting(port) as client:
        assert client.echo(1) == 1
        assert client.echo(2) is None
        # Programs look for these words.
        (line,) = [line for line in log.lines if line.startswith("WARNING connection failed")]
        assert "connection failed while attempting RPC to" in line
        assert f"127.0.0.1:{port}" in line
        assert line.endswith("re-establishing connection in the background")
        log.wait_for("is established")
        assert client.echo(3) == 3


def test_a_server_that_is_started_again_is_found_again(log: Log) -> None:
    with served({"dev": Echo()}) as port:
        client = BestEffortClient("127.0.0.1", port, "dev", retry=FAST)
        assert client.echo(1) == 1
    with client:
        assert client.echo(2) is None
        assert client.echo(3) is None
        with served({"dev": Echo()}, port=port):
            log.wait_for("is established")
            assert client.echo(4) == 4


def test_a_method_list_that_is_lost_is_none_too(log: Log) -> None:
    def script(peer: Peer) -> None:
        peer.welcome()
        peer.line()

    with scripted(taking_turns(script, echoing)) as port, connecting(port) as client:
        assert client.get_rpc_method_list() is None
        log.wait_for("is established")
        assert client.echo(1) == 1


@pytest.mark.parametrize("unasked", [b'{"status":"ok","ret":1}\n' * 2, b'{"status":"ok"'])
def test_a_server_that_breaks_the_rules_is_left_and_found_again(log: Log, unasked: bytes) -> None:
    def script(peer: Peer) -> None:
        peer.welcome()
        peer.line()
        peer.say(unasked)

    with scripted(taking_turns(script, echoing)) as port, connecting(port) as client:
        assert client.echo(2) is None
        log.wait_for("is established")
        assert client.echo(3) == 3


def closing(peer: Peer) -> None:
    peer.line()


def without_target(peer: Peer) -> None:
    peer.line()
    peer.say(greeting(targets=["other"]))
    peer.until_it_leaves()


def of_another_kind(peer: Peer) -> None:
    peer.line()
    peer.say(b"220 mail.lab ESMTP\r\n")
    peer.until_it_leaves()


def with_strange_methods(peer: Peer) -> None:
    peer.line()
    peer.say(greeting())
    peer.line()
    peer.say(b"5\n")
    peer.until_it_leaves()


def deaf(peer: Peer) -> None:
    peer.until_it_leaves()


@pytest.mark.parametrize("obstacle", [closing, without_target, of_another_kind, deaf])
def test_the_background_gives_up_on_nothing(log: Log, obstacle: Script) -> None:
    script = taking_turns(hanging_up, obstacle, obstacle, with_strange_methods, echoing)
    with scripted(script) as port, connecting(port, firstcon_timeout=0.02) as client:
        client.echo(1)
        client.echo(2)
        log.wait_for("trying again in", 3)
        log.wait_for("is established")
        assert client.echo(3) == 3


def test_a_deaf_server_blocks_the_creation_no_longer_than_allowed(log: Log) -> None:
    with (
        scripted(taking_turns(deaf, echoing)) as port,
        connecting(port, firstcon_timeout=0.02) as client,
    ):
        assert log.has("0.02 s")
        log.wait_for("is established")
        assert client.echo(1) == 1


def test_calls_are_not_bounded_by_the_time_to_connect() -> None:
    go_on = threading.Event()
    waits: list[float | None] = []

    def script(peer: Peer) -> None:
        peer.welcome()
        peer.line()
        go_on.wait(10)
        peer.answer("at last")

    with scripted(script) as port, connecting(port, firstcon_timeout=1.5) as client:
        conversation = client._rpc_conversation
        assert conversation is not None
        waits.append(conversation._line.timeout)
        go_on.set()
        assert client.echo() == "at last"
    assert waits == [None]


@pytest.mark.parametrize("script", [without_target, of_another_kind])
def test_an_incompatible_server_is_told_on_creation(script: Script) -> None:
    with scripted(script) as port, pytest.raises(IncompatibleServer):
        BestEffortClient("127.0.0.1", port, "dev")


def test_a_wrong_port_is_told_on_creation() -> None:
    with pytest.raises(ValueError, match="is no TCP port"):
        BestEffortClient("127.0.0.1", 99999, "dev")


def test_an_unknown_host_is_a_matter_of_the_network(log: Log) -> None:
    with BestEffortClient("lab.invalid", 3249, "dev", retry=60.0) as client:
        assert client.echo(1) is None
    assert log.has("is the host's name spelled right?")


def test_an_argument_that_cannot_be_encoded_is_raised_and_costs_nothing(log: Log) -> None:
    with scripted(echoing) as port, connecting(port) as client:
        with pytest.raises(TypeError, match=r'args\[0\]\["x"\]'):
            client.echo({"x": object()})
        assert client.echo(1) == 1
    assert log.lines == []


def test_an_error_of_the_network_that_the_method_met_is_raised(log: Log) -> None:
    with served({"dev": Echo()}) as port, connecting(port) as client:
        with pytest.raises(OSError, match="the camera hung up"):
            client.fail("the camera hung up")
        assert client.echo(1) == 1
    assert log.lines == []


def test_close_rpc_ends_the_attempts_to_connect() -> None:
    client = BestEffortClient("127.0.0.1", unused_port(), "dev", retry=3600.0)
    (thread,) = (thread for thread in threading.enumerate() if "reconnect to" in thread.name)
    assert thread.daemon
    client.close_rpc()
    client.close_rpc()
    thread.join(10)
    assert not thread.is_alive()
    assert client.echo(1) is None


def test_close_rpc_during_an_attempt_leaves_nothing_open(log: Log) -> None:
    connected, go_on, left = threading.Event(), threading.Event(), threading.Event()

    def slow(peer: Peer) -> None:
        connected.set()
        go_on.wait(10)
        peer.welcome()
        peer.until_it_leaves()
        left.set()

    port = unused_port()
    client = BestEffortClient("127.0.0.1", port, "dev", firstcon_timeout=10.0, retry=FAST)
    with scripted(slow, port=port):
        assert connected.wait(10)
        client.close_rpc()
        go_on.set()
        assert left.wait(10)
    assert client.echo(1) is None
    assert not log.has("is established")


def test_close_rpc_from_another_thread_ends_a_call_that_waits(log: Log) -> None:
    def script(peer: Peer) -> None:
        peer.welcome()
        peer.line()
        client.close_rpc()
        peer.until_it_leaves()

    with scripted(script) as port:
        client = BestEffortClient("127.0.0.1", port, "dev")
        assert client.echo(1) is None
        assert client.echo(2) is None
    assert log.lines == []


def test_threads_that_meet_the_same_loss_make_one_attempt(log: Log) -> None:
    asked = threading.Semaphore(0)

    def script(peer: Peer) -> None:
        peer.welcome()
        peer.line()
        asked.acquire(timeout=10)

    with scripted(taking_turns(script, echoing)) as port, connecting(port) as client:
        results: list[Any] = []
        threads = [
            threading.Thread(target=lambda: results.append(client.echo(1))) for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        asked.release()
        for thread in threads:
            thread.join()
        log.wait_for("is established")
        # Those that came after the new connection was made have an answer.
        assert set(results) <= {None, 1}
        assert client.echo(2) == 2
    assert sum("is established" in line for line in log.lines) == 1
