"""What becomes of one call: its arguments, its result, whatever it raises, and `terminate`."""

import asyncio
import enum
import threading
from typing import Any

import numpy as np
import pytest

from sipyco import pyon
from sipyco.pc_rpc import Client, MessageTooLargeError
from tests.event_loops import LoopFactory, every_loop
from tests.rpc_servers import run, running
from tests.serving import served


class OwnError(Exception):
    pass


class OwnBaseException(BaseException):
    pass


class Mode(enum.StrEnum):
    FAST = "fast"


class Text(str):
    __slots__ = ()


class TextError(Exception):
    def __str__(self) -> str:
        return Text("of a class of its own")


class UnprintableError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


class TracedError(Exception):
    parent_traceback = 5


RAISED: dict[str, tuple[BaseException, str, str]] = {
    "builtin": (ValueError("bad value"), "ValueError", "bad value"),
    "os error": (OSError(5, "cut"), "OSError", "[Errno 5] cut"),
    "own": (OwnError("x"), "GenericRemoteException", "tests.pc_rpc.test_server_calls.OwnError: x"),
    "stop iteration": (StopIteration("end"), "StopIteration", "end"),
    "stop async iteration": (StopAsyncIteration("end"), "StopAsyncIteration", "end"),
    "timeout": (TimeoutError("slow"), "TimeoutError", "slow"),
    "system exit": (SystemExit(3), "GenericRemoteException", "SystemExit: 3"),
    "generator exit": (GeneratorExit("g"), "GenericRemoteException", "GeneratorExit: g"),
    "cancelled": (
        asyncio.CancelledError("c"),
        "GenericRemoteException",
        "asyncio.exceptions.CancelledError: c",
    ),
    "own base": (
        OwnBaseException("b"),
        "GenericRemoteException",
        "tests.pc_rpc.test_server_calls.OwnBaseException: b",
    ),
    "key": (KeyError("k"), "KeyError", "k"),
    "key of an enum": (KeyError(Mode.FAST), "KeyError", "fast"),
    "key of numpy": (KeyError(np.str_("n")), "KeyError", "n"),
    "text of a class": (
        TextError(),
        "GenericRemoteException",
        "tests.pc_rpc.test_server_calls.TextError: of a class of its own",
    ),
    "unprintable": (
        UnprintableError(),
        "GenericRemoteException",
        (
            "tests.pc_rpc.test_server_calls.UnprintableError: "
            "<its text could not be made: RuntimeError>"
        ),
    ),
    "odd parent traceback": (
        TracedError("t"),
        "GenericRemoteException",
        "tests.pc_rpc.test_server_calls.TracedError: t",
    ),
    "lone surrogate": (ValueError("\ud800"), "ValueError", "\ud800"),
}


class Raising:
    def plain(self, name: str) -> None:
        raise RAISED[name][0]

    async def coroutine(self, name: str) -> None:
        await asyncio.sleep(0)
        raise RAISED[name][0]

    def fine(self) -> str:
        return "fine"


@pytest.mark.parametrize("threads", [False, True], ids=["loop", "thread"])
@pytest.mark.parametrize("method", ["plain", "coroutine"])
@pytest.mark.parametrize("name", RAISED)
def test_whatever_a_method_raises_is_reported_and_the_connection_goes_on(
    name: str, method: str, threads: bool
) -> None:
    _, kind, message = RAISED[name]

    async def main() -> None:
        async with running(Raising(), threads=threads) as serving:
            client = await serving.ready()
            assert await client.call(method, name) == (kind, message)
            assert await client.call("fine") == "fine"

    run(main())


@every_loop
def test_a_stop_iteration_arrives_as_itself_also_when_the_call_had_to_wait(
    loop_factory: LoopFactory,
) -> None:
    class Dev(Raising):
        def __init__(self) -> None:
            self.free = asyncio.Event()
            self.busy = asyncio.Event()

        async def wait(self) -> None:
            self.busy.set()
            await self.free.wait()

    async def main() -> None:
        dev = Dev()
        async with running(dev) as serving:
            first, second = await serving.ready(), await serving.ready()
            first.ask("wait")
            await dev.busy.wait()
            second.ask("plain", "stop iteration")
            dev.free.set()
            assert (await second.answer())["exception"]["class"] == "StopIteration"

    run(main(), loop_factory)


@every_loop
@pytest.mark.parametrize("method", ["plain", "returned by a plain one"])
def test_a_keyboard_interrupt_in_the_worker_thread_is_an_error_like_others(
    loop_factory: LoopFactory, method: str
) -> None:
    """Ctrl-C never strikes there, so the program is not meant."""

    class Dev:
        def interrupt(self) -> None:
            raise KeyboardInterrupt("by the driver")

        def fine(self) -> str:
            return "fine"

    async def main() -> None:
        async with running(Dev(), threads=True) as serving:
            client = await serving.ready()
            assert await client.call("interrupt") == (
                "GenericRemoteException",
                "KeyboardInterrupt: by the driver",
            )
            assert await client.call("fine") == "fine"

    run(main(), loop_factory)


@every_loop
def test_ctrl_c_during_a_method_reaches_the_caller_and_the_program(
    loop_factory: LoopFactory,
) -> None:
    class Dev:
        def interrupted(self) -> None:
            raise KeyboardInterrupt("by its user")

    loop = loop_factory()
    heard: list[Any] = []

    async def main() -> None:
        async with running(Dev()) as serving:
            client = await serving.ready()
            client.ask("interrupted")
            heard.append(await client.answer())

    task = loop.create_task(main())
    with pytest.raises(KeyboardInterrupt):
        loop.run_until_complete(task)
    loop.run_until_complete(task)
    loop.close()
    assert heard[0]["exception"]["message"] == "KeyboardInterrupt: by its user"


def test_the_remote_traceback_begins_where_the_method_does() -> None:
    class Dev:
        def fail(self) -> None:
            self._deeper()

        async def fail_later(self) -> None:
            self._deeper()

        def _deeper(self) -> None:
            raise ValueError("deep")

    async def main(threads: bool) -> None:
        async with running(Dev(), threads=threads) as serving:
            client = await serving.client()
            for name in ("fail", "fail_later"):
                with pytest.raises(ValueError, match="deep") as caught:
                    await getattr(client, name)()
                remote = caught.value.parent_traceback  # type: ignore[attr-defined]
                assert [line.split(", in ")[1].split("\n")[0] for line in remote] == [
                    name,
                    "_deeper",
                ]

    run(main(threads=False))
    run(main(threads=True))


class Values:
    def echo(self, *args: Any, **kwargs: Any) -> Any:
        return [list(args), kwargs]

    def no_args(self) -> str:
        return "called"

    def unspeakable(self) -> Any:
        return {"handles": [1, object()]}

    def endless(self) -> Any:
        value: list[Any] = []
        value.append(value)
        return value

    def deep(self) -> Any:
        value: list[Any] = []
        for _ in range(100_000):
            value = [value]
        return value


@pytest.mark.parametrize(
    "request_",
    [
        b'{"action": "call", "name": "no_args", "args": []}',
        b'{"action": "call", "name": "no_args", "args": [], "kwargs": {}}',
        b'{"action": "call", "name": "no_args", "args": {"__jsonclass__": ["tuple", [[]]]}}',
    ],
)
def test_small_clients_may_leave_out_kwargs_and_send_args_as_a_list(request_: bytes) -> None:
    async def main() -> None:
        async with running(Values()) as serving:
            client = await serving.ready()
            client.say(request_)
            assert await client.answer() == {"status": "ok", "ret": "called"}

    run(main())


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (b"{}", "a request is a dict with an action"),
        (b"[]", "a request is a dict with an action"),
        (b"null", "a request is a dict with an action"),
        (b'{"action": "dance"}', "unknown action 'dance'; known are 'call' and"),
        (b'{"action": "call"}', "a call needs a name (str) and args (list or tuple)"),
        (b'{"action": "call", "name": 5, "args": []}', "a call needs a name (str) and args"),
        (b'{"action": "call", "name": "echo", "args": "ab"}', "a call needs a name"),
        (
            b'{"action": "call", "name": "echo", "args": [], "kwargs": []}',
            "kwargs must be a dict whose keys are str",
        ),
        (
            b'{"action": "call", "name": "echo", "args": [{"__jsonclass__": ["Quux", [1]]}]}',
            "a value in the request cannot be built: ",
        ),
        (
            (
                b'{"action": "call", "name": "echo", "args": '
                b'[{"__jsonclass__": ["nparray", [[3], "<f8", "AAAA"]]}]}'
            ),
            "a value in the request cannot be built: ",
        ),
    ],
)
def test_a_request_that_makes_no_sense_is_an_error_to_the_caller_and_the_connection_goes_on(
    request_: bytes, message: str
) -> None:
    async def main() -> None:
        async with running(Values()) as serving:
            client = await serving.ready()
            client.say(request_)
            answer = await client.answer()
            assert answer["status"] == "failed"
            assert answer["exception"]["class"] == "ValueError"
            assert message in answer["exception"]["message"]
            assert await client.call("no_args") == "called"

    run(main())


def test_the_wrong_arguments_are_a_type_error_to_the_caller() -> None:
    async def main() -> None:
        async with running(Values()) as serving:
            client = await serving.ready()
            kind, message = await client.call("no_args", 1)
            assert kind == "TypeError"
            assert "no_args() takes 1 positional argument but 2 were given" in message

    run(main())


@pytest.mark.parametrize("spelling", ["python", "json"])
@pytest.mark.parametrize("threads", [False, True], ids=["loop", "thread"])
def test_a_result_that_cannot_be_encoded_is_reported_with_its_place(
    spelling: str, threads: bool
) -> None:
    async def main() -> None:
        async with running(Values(), threads=threads) as serving:
            client = await serving.raw()
            client.say(b"ARTIQ pc_rpc", b"dev" if spelling == "python" else b"dev pyon_v2")
            await client.hear()
            await client.hear()
            for method, kind, words in (
                ("unspeakable", "TypeError", 'result["handles"][1]'),
                ("endless", "ValueError", "itself"),
                ("deep", None, ""),
                ("no_args", None, ""),
            ):
                client.say(f'{{"action": "call", "name": "{method}", "args": []}}'.encode())
                answer = pyon.decode(await client.hear())
                if kind is not None:
                    assert answer["exception"]["class"] == kind
                    assert words in answer["exception"]["message"]

    run(main())


def test_an_encoder_that_raises_is_reported() -> None:
    class Reading:
        pass

    class Dev:
        def read(self) -> Reading:
            return Reading()

        def fine(self) -> str:
            return "fine"

    def encode(_: Reading) -> Any:
        raise OSError("the device went away while its reading was spelled")

    pyon.register(Reading, name="test_reading", encode=encode, decode=Reading)
    try:

        async def main() -> None:
            async with running(Dev()) as serving:
                client = await serving.ready()
                kind, message = await client.call("read")
                assert (kind, "went away" in message) == ("OSError", True)
                assert await client.call("fine") == "fine"

        run(main())
    finally:
        pyon.deregister(Reading, "test_reading")


def test_requests_over_the_limit_are_refused_with_both_numbers_and_the_connection_goes_on() -> None:
    async def main() -> None:
        async with running(Values(), max_message_size=1000) as serving:
            client = await serving.ready()
            line = pyon.encode(
                {"action": "call", "name": "echo", "args": ["x" * 5000], "kwargs": {}},
                syntax="json",
            ).encode()
            client.say(line)
            exception = (await client.answer())["exception"]
            assert exception["class"] == "ValueError"
            assert f"{len(line)} bytes" in exception["message"]
            assert "the limit is 1000 bytes (max_message_size)" in exception["message"]
            assert await client.call("no_args") == "called"

            ours = await serving.client()
            with pytest.raises(ValueError, match="the limit is 1000 bytes"):
                await ours.echo("x" * 100_000)
            assert await ours.no_args() == "called"

            limited = await serving.client(max_message_size=200)
            with pytest.raises(MessageTooLargeError, match="limit is 200 bytes"):
                await limited.echo("x" * 500)
            assert await limited.no_args() == "called"

    run(main())


@every_loop
def test_terminate_is_answered_and_wakes_who_waits_for_it(loop_factory: LoopFactory) -> None:
    async def main() -> None:
        async with running(Values(), builtin_terminate=True) as serving:
            waiting = asyncio.create_task(serving.server.wait_terminate())
            client = await serving.ready()
            assert not waiting.done()
            client.ask("terminate")
            assert await client.answer() == {"status": "ok", "ret": None}
            await waiting
            # Until it is stopped it goes on serving.
            assert await client.call("no_args") == "called"

    run(main(), loop_factory)


def test_terminate_is_listed_and_documented_where_it_works() -> None:
    async def main() -> None:
        async with running(Values(), builtin_terminate=True) as serving:
            client = await serving.client()
            argspec, doc = (await client.get_rpc_method_list())["methods"]["terminate"]
            assert argspec["args"] == ["self"]
            assert doc == "Terminate the server."
            assert "terminate" in dir(client)

    run(main())


def test_terminate_is_no_method_of_a_server_without_it() -> None:
    async def main() -> None:
        async with running(Values()) as serving:
            kind, _ = await (await serving.ready()).call("terminate")
            assert kind == "AttributeError"
            client = await serving.client()
            with pytest.raises(AttributeError, match="no method 'terminate'"):
                await client.terminate()

    run(main())


def test_a_terminate_of_the_target_is_called_where_the_server_has_none() -> None:
    class Dev:
        def terminate(self) -> str:
            return "the driver's own"

    async def main() -> None:
        async with running(Dev()) as serving:
            assert await (await serving.client()).terminate() == "the driver's own"

    run(main())


@every_loop
@pytest.mark.parametrize("threads", [False, True], ids=["loop", "thread"])
def test_a_system_exit_is_reported_and_ends_a_server_that_can_be_ended(
    loop_factory: LoopFactory, threads: bool
) -> None:
    async def main(method: str) -> None:
        async with running(Raising(), builtin_terminate=True, threads=threads) as serving:
            client = await serving.ready()
            assert await client.call(method, "system exit") == (
                "GenericRemoteException",
                "SystemExit: 3",
            )
            await serving.server.wait_terminate()

    run(main("plain"), loop_factory)
    run(main("coroutine"), loop_factory)


@pytest.mark.parametrize("threads", [False, True], ids=["loop", "thread"])
def test_a_system_exit_leaves_a_server_alone_that_cannot_be_ended(threads: bool) -> None:
    async def main() -> None:
        async with running(Raising(), threads=threads) as serving:
            client = await serving.ready()
            await client.call("plain", "system exit")
            assert not serving.server._terminated.is_set()
            assert await client.call("fine") == "fine"

    run(main())


def test_a_value_is_what_it_was_when_the_method_returned() -> None:
    class Camera:
        def __init__(self) -> None:
            self.image = np.zeros((500, 500), np.uint16)

        def expose(self) -> Any:
            self.image += 1
            return self.image

    async def main() -> None:
        async with running(Camera()) as serving:
            client = await serving.ready()
            for _ in range(5):
                client.ask("expose")
            for exposure in range(1, 6):
                image = (await client.answer())["ret"]
                assert image.min() == image.max() == exposure

    run(main())


def test_the_blocking_client_gets_the_same() -> None:
    before = threading.active_count()
    with served({"dev": Raising()}) as port, Client("127.0.0.1", port) as client:
        with pytest.raises(ValueError, match="bad value"):
            client.plain("builtin")
        with pytest.raises(KeyError) as caught:
            client.plain("key of an enum")
        assert caught.value.args == ("fast",)
        assert client.fine() == "fine"
        assert threading.active_count() == before + 1, "the server, nothing else"
