"""Remote methods as attributes: what Python and its tools ask of an object without being told."""

import asyncio
import copy
import functools
import gc
import inspect
import pickle
from collections.abc import Collection
from typing import Any

import pytest

from sipyco._wire.rpc_client import Greeted
from sipyco.pc_rpc import AsyncioClient, AutoTarget, BestEffortClient, Client
from sipyco.pc_rpc._asyncio_conversation import AsyncioConversation
from sipyco.pc_rpc._proxy import Proxy, choose_target
from tests.rpc_peers import Peer, echoing, scripted, unused_port


class Recorder(Proxy):
    """A proxy that notes what is called."""

    def __init__(self, methods: Collection[str] | None) -> None:
        self._rpc_names = methods
        self.calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []

    def _rpc_methods(self) -> Collection[str] | None:
        return self._rpc_names

    def _rpc_invoke(self, name: str, /, *args: Any, **kwargs: Any) -> Any:
        self.calls.append((name, args, kwargs))


def test_a_remote_method_is_an_attribute() -> None:
    recorder = Recorder({"set_voltage"})
    recorder.set_voltage(1, name=2, self=3)
    assert recorder.calls == [("set_voltage", (1,), {"name": 2, "self": 3})]


def test_an_unknown_method_is_an_attribute_error_that_names_the_nearest() -> None:
    recorder = Recorder({"set_voltage", "get_current"})
    with pytest.raises(AttributeError, match="no method 'set_votage'; did you mean 'set_voltage'"):
        recorder.set_votage  # noqa: B018  evaluated for its error
    with pytest.raises(AttributeError, match=r"no method 'zzz'$"):
        recorder.zzz  # noqa: B018  as above


def test_hasattr_and_getattr_tell_which_methods_there_are() -> None:
    recorder = Recorder({"on"})
    assert hasattr(recorder, "on")
    assert not hasattr(recorder, "off")
    assert getattr(recorder, "off", None) is None


def test_dir_lists_remote_methods_and_those_of_the_client() -> None:
    assert {"on", "calls", "__init__"} <= set(dir(Recorder({"on"})))
    assert "calls" in dir(Recorder(None))


def test_any_name_will_do_when_none_is_known() -> None:
    recorder = Recorder(None)
    recorder.whatever(1)
    assert recorder.calls == [("whatever", (1,), {})]


PROBES = [
    *(
        "__array__",
        "__len__",
        "__deepcopy__",
        "__getstate__",
        "__iter__",
        "__call__",
        "__wrapped__",
    ),
    *("__rich_repr__", "__html__", "__fspath__", "__numpy_ufunc__", "__signature__"),
]


@pytest.mark.parametrize("methods", [{"on"}, None])
def test_probing_for_special_methods_calls_nothing(methods: set[str] | None) -> None:
    recorder = Recorder(methods)
    for probe in PROBES:
        if probe not in dir(object):
            assert not hasattr(recorder, probe)
    assert not callable(recorder)
    assert not inspect.isawaitable(recorder)
    assert recorder == recorder  # noqa: PLR0124  asks for __eq__
    assert repr(recorder)
    assert recorder.calls == []


def test_what_a_shell_asks_for_to_show_an_object_is_no_method() -> None:
    recorder = Recorder({"on"})
    for probe in ("_repr_html_", "_ipython_display_", "_repr_mimebundle_", "_ipython_canary_x_"):
        assert not hasattr(recorder, probe)
    assert recorder.calls == []


@pytest.mark.parametrize("kind", [Client, AsyncioClient, BestEffortClient, Recorder])
def test_an_object_that_was_never_initialised_does_not_recurse(kind: type[Proxy]) -> None:
    empty = kind.__new__(kind)
    with pytest.raises(AttributeError):
        empty._rpc_conversation  # noqa: B018  evaluated for its error
    with pytest.raises(AttributeError):
        empty.echo  # noqa: B018  as above
    with pytest.raises(AttributeError):
        dir(empty)


def test_a_copy_of_a_client_shares_its_connection() -> None:
    with scripted(echoing) as port, Client("127.0.0.1", port) as client:
        assert copy.copy(client).echo(1) == 1
        assert client.echo(2) == 2


def test_a_client_cannot_be_pickled_and_stays_usable() -> None:
    with scripted(echoing) as port, Client("127.0.0.1", port) as client:
        with pytest.raises(TypeError, match="pickle"):
            pickle.dumps(client)
        with pytest.raises(TypeError, match="pickle"):
            copy.deepcopy(client)
        assert client.echo(1) == 1


def test_a_client_shows_its_target_and_its_server() -> None:
    with scripted(echoing) as port:
        client = Client("localhost", port)
        shown = f"<Client of 'dev' at localhost:{port}>"
        assert repr(client) == str(client) == shown
        hasty = client.rpc_options(timeout=2.0)
        assert repr(hasty) == f"{shown}.rpc_options(timeout=2.0)"
        client.close_rpc()
        assert repr(client) == f"<Client of 'dev' at localhost:{port}, not connected>"
        with Client("127.0.0.1", port, None) as client:
            assert repr(client) == f"<Client at 127.0.0.1:{port}>"
    assert repr(Client.__new__(Client)) == "<Client, not connected>"


def test_a_client_that_has_lost_its_server_shows_that() -> None:
    def script(peer: Peer) -> None:
        peer.welcome()

    with scripted(script) as port:
        client = Client("127.0.0.1", port)
        with pytest.raises(ConnectionError):
            client.echo(1)
        assert repr(client) == f"<Client of 'dev' at 127.0.0.1:{port}, not connected>"
        client.close_rpc()


def test_an_asyncio_client_shows_its_target_and_its_server() -> None:
    async def main() -> None:
        client = AsyncioClient()
        assert repr(client) == "<AsyncioClient, not connected>"
        with scripted(echoing) as port:
            await client.connect_rpc("127.0.0.1", port)
            shown = f"<AsyncioClient of 'dev' at 127.0.0.1:{port}"
            assert repr(client) == f"{shown}>"
            await client.close_rpc()
            assert repr(client) == f"{shown}, not connected>"
            await client.connect_rpc("127.0.0.1", port)
        with pytest.raises(ConnectionError):
            await client.echo(1)
        assert repr(client) == f"{shown}, not connected>"
        await client.close_rpc()

    asyncio.run(main())
    assert repr(AsyncioClient.__new__(AsyncioClient)) == "<AsyncioClient, not connected>"


def test_a_best_effort_client_shows_its_target_and_its_server() -> None:
    with scripted(echoing) as port, BestEffortClient("127.0.0.1", port, AutoTarget) as client:
        shown = f"<BestEffortClient of 'dev' at 127.0.0.1:{port}"
        assert repr(client) == f"{shown}>"
        client.close_rpc()
        assert repr(client) == f"<BestEffortClient at 127.0.0.1:{port}, not connected>"
    with BestEffortClient("127.0.0.1", port, "dev", retry=60.0) as client:
        assert repr(client) == f"{shown}, not connected>"
    empty = BestEffortClient.__new__(BestEffortClient)
    assert repr(empty) == "<BestEffortClient, not connected>"


def test_nothing_is_asked_of_the_server_by_looking_at_a_client() -> None:
    heard: list[bytes] = []

    def script(peer: Peer) -> None:
        peer.welcome()
        while line := peer.line():
            heard.append(line)

    with scripted(script) as port, Client("127.0.0.1", port) as client:
        repr(client)
        dir(client)
        hasattr(client, "echo")
        inspect.getmembers(client)
        inspect.getdoc(client)
        callable(client)
        bool(client)
        copy.copy(client)
    assert heard == []


def test_methods_of_an_asyncio_client_are_known_as_coroutine_functions() -> None:
    async def main() -> None:
        client = AsyncioClient()
        with pytest.raises(AttributeError, match=r"not connected; await connect_rpc\(\) first"):
            client.echo  # noqa: B018
        client._rpc_last = AsyncioConversation("lab:3249", 1 << 20)
        client._rpc_last.methods = frozenset({"echo"})
        assert inspect.iscoroutinefunction(client.echo)
        assert asyncio.iscoroutinefunction(client.echo)
        assert inspect.iscoroutinefunction(functools.partial(client.echo, 1))

    asyncio.run(main())


def test_a_best_effort_client_that_never_reached_its_server_is_no_awaitable() -> None:
    client = BestEffortClient("127.0.0.1", unused_port(), "dev", retry=60.0)
    try:
        assert not inspect.isawaitable(client)
        assert not callable(client)
        assert copy.copy(client).anything() is None
    finally:
        client.close_rpc()
    gc.collect()


def greeted(*targets: str) -> Greeted:
    return Greeted(list(targets), None, frozenset())


def test_a_target_is_chosen() -> None:
    assert choose_target("x", greeted("a", "b")) == "x"
    assert choose_target(None, greeted("a")) is None
    assert choose_target(AutoTarget, greeted("a")) == "a"
    with pytest.raises(ValueError, match=r"^Server has multiple targets: a b c$"):
        choose_target(AutoTarget, greeted("c", "a", "b"))
    with pytest.raises(ValueError, match=r"^Server has no targets$"):
        choose_target(AutoTarget, greeted())
