"""Clients that are forked, closed by others, opened anew at once, or given something odd."""

import asyncio
import os
import sys
import threading
from typing import Any

import numpy as np
import pytest

from sipyco import pyon
from sipyco._wire import limits
from sipyco._wire.errors import IncompatibleServer
from sipyco._wire.rpc_client import ClientSession, Failed
from sipyco._wire.rpc_server import BadRequest, ServerSession
from sipyco.pc_rpc import AsyncioClient, BestEffortClient, Client, ConnectionLost
from tests.rpc_peers import echoing, scripted
from tests.rpc_servers import run, running
from tests.serving import served


class Device:
    def echo(self, value: Any) -> Any:
        return value


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_neither_uses_nor_ends_the_connection_of_its_parent() -> None:
    with served({"dev": Device()}) as port, Client("127.0.0.1", port) as client:
        assert client.echo(1) == 1
        child = os.fork()
        if child == 0:
            status = 1
            try:
                client.echo(2)
            except ConnectionLost as exc:
                status = 0 if "process" in str(exc) else 2
            client.close_rpc()
            os._exit(status)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert client.echo(3) == 3


def test_a_connection_may_be_closed_under_a_call_and_made_anew_at_once() -> None:
    # The new socket has the number of the closed one, on which the other thread still waits.
    waiting = threading.Semaphore(0)

    def deaf(peer: Any) -> None:
        peer.welcome()
        peer.request()
        waiting.release()
        peer.until_it_leaves()

    def call(client: Client) -> None:
        with pytest.raises(ConnectionLost):
            client.echo()

    with scripted(deaf) as port:
        for _ in range(30):
            client = Client("127.0.0.1", port)
            thread = threading.Thread(target=call, args=(client,))
            thread.start()
            assert waiting.acquire(timeout=10)
            client.close_rpc()
            again = Client("127.0.0.1", port)
            thread.join(10)
            assert not thread.is_alive()
            again.close_rpc()


def test_a_client_that_is_closed_while_it_connects_is_closed() -> None:
    async def main() -> None:
        async with running(Device()) as serving:
            client = AsyncioClient()
            connecting = asyncio.ensure_future(client.connect_rpc("127.0.0.1", serving.port))
            await asyncio.sleep(0)
            await client.close_rpc()
            with pytest.raises(ConnectionLost, match="closed by this side"):
                await connecting

    run(main())


def test_requests_that_were_never_sent_are_not_carried_out_later() -> None:
    requests: list[Any] = []
    read_on = threading.Event()

    def script(peer: Any) -> None:
        peer.welcome()
        read_on.wait(10)
        while request := peer.request():
            requests.append(request["args"][0])
            peer.answer(request["args"][0])

    with (
        scripted(script, receive_buffer=1 << 12) as port,
        Client("127.0.0.1", port, timeout=10) as client,
    ):
        client._rpc_conversation.set_timeout(0.001)
        for number in range(50):
            with pytest.raises(TimeoutError):
                client.echo(str(number) + "x" * 1_000_000)
        read_on.set()
        client._rpc_conversation.set_timeout(10)
        assert client.echo("last") == "last"
    assert requests[-1] == "last"
    # As many as had been begun: buffers of the system take the first few.
    assert len(requests) < 20


def test_a_target_whose_name_looks_like_a_choice_of_features_is_not_chosen_by_accident() -> None:
    class Other:
        def name(self) -> str:
            return "other"

    class Dev:
        def name(self) -> str:
            return "dev"

    with served({"dev": Dev(), "dev pyon_v2": Other()}) as port:
        for target, expected in (("dev", "dev"), ("dev pyon_v2", "other")):
            with Client("127.0.0.1", port, target) as client:
                assert client.name() == expected


ARRAY: Any = np.array("dev")


@pytest.mark.parametrize("targets", [ARRAY, np.array(["dev"]), "dev", 5, {"dev": 1, 2: 3}])
def test_a_greeting_with_odd_names_is_no_greeting(targets: Any) -> None:
    line = pyon.encode({"targets": targets}, syntax="json").encode() + b"\n"
    with pytest.raises(IncompatibleServer):
        ClientSession("lab:1").receive(line)


def test_arrays_in_the_place_of_words_are_refused_like_other_values() -> None:
    session = ServerSession(["dev"], None)
    session.receive(b"ARTIQ pc_rpc\ndev pyon_v2\n")
    line = pyon.encode({"action": np.array(["call", "x"])}, syntax="json").encode() + b"\n"
    (event,) = session.receive(line)
    assert isinstance(event, BadRequest)

    client = ClientSession("lab:1")
    client.receive(b'{"targets":["dev"],"features":["pyon_v2"]}\n')
    client.select("dev")
    client.receive(b'{"__jsonclass__":["set",[[]]]}\n')
    client.ask(client.spell_call("x", (), {}))
    answer = {"status": np.array(["ok", "x"]), "ret": 1}
    (outcome,) = client.receive(pyon.encode(answer, syntax="json").encode() + b"\n")
    assert isinstance(outcome, Failed)


@pytest.mark.parametrize("target", [5, b"dev", ["dev"], object])
def test_a_target_is_a_name(target: Any) -> None:
    with scripted(echoing) as port, pytest.raises(TypeError, match="target_name"):
        Client("127.0.0.1", port, target)


def test_a_very_long_timeout_is_as_good_as_none() -> None:
    with served({"dev": Device()}) as port:
        for timeout in (1e9, float("inf")):
            with Client("127.0.0.1", port, timeout=timeout) as client:
                assert client.echo(1) == 1


def test_a_retry_time_that_is_no_number_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="could not convert"):
        BestEffortClient("127.0.0.1", 1, "dev", retry="soon")  # type: ignore[arg-type]


def test_a_connection_that_never_says_a_word_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with running(Device()) as serving:
            monkeypatch.setattr(limits, "BANNER_TIMEOUT", 0.01)
            silent = await serving.raw()
            assert await silent.hear() == b""
            spoken = await serving.ready()
            assert await spoken.call("echo", 1) == 1

    run(main())
