import asyncio
import contextlib
import copy
from typing import Any

import pytest

from ndsp.device_db import DeviceDBError, ask_master, follow_master
from sipyco.sync_struct import Notifier, Publisher
from tests.certificates import Configs
from tests.ndsp.device_db.databases import controller
from tests.serving import free_port, served
from tests.subscriptions import HOST, listening

RAW = {"lamp": controller(), "light": "lamp", "bad": {"type": "x"}}


class MasterDeviceDB:
    def get_device_db(self) -> dict[str, Any]:
        return RAW

    def get(self, key: str) -> Any:
        return RAW[key]


class Other:
    def get(self) -> int:
        return 0


@pytest.mark.parametrize("name", ["device_db", "master_device_db"])
def test_a_master_of_any_version_is_asked(name: str, configs: Configs) -> None:
    targets = {"schedule": Other(), name: MasterDeviceDB(), "dataset_db": Other()}
    with served(targets, configs[0]) as port:
        database = ask_master(HOST, port, configs[1])
        assert database.source == f"master {HOST}:{port}"
    assert list(database) == ["lamp", "light"]
    assert [problem.entry for problem in database.problems] == ["bad"]


def test_a_server_that_is_no_master_is_told_from_one() -> None:
    with (
        served({"lamp": Other(), "oven": Other()}) as port,
        pytest.raises(DeviceDBError) as caught,
    ):
        ask_master(HOST, port)
    assert str(caught.value) == (
        f"master {HOST}:{port}: offers no target 'device_db', but lamp, oven; give the port for "
        "control of an ARTIQ master, 3251 by default"
    )


def test_a_port_of_something_else_is_told_from_a_master() -> None:
    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example.org\r\n")
        writer.close()

    async def ask() -> None:
        server = await asyncio.start_server(greet, HOST, 0)
        port = server.sockets[0].getsockname()[1]
        async with server:
            with pytest.raises(DeviceDBError, match="is no ARTIQ master: "):
                await asyncio.to_thread(ask_master, HOST, port)

    asyncio.run(ask())


def test_a_master_that_is_not_there_is_an_error_of_the_network() -> None:
    with pytest.raises(ConnectionRefusedError):
        ask_master(HOST, free_port())


def test_changes_in_a_master_give_the_database_anew(configs: Configs) -> None:
    async def follow() -> None:
        devices = Notifier(copy.deepcopy(RAW))
        async with (
            listening(Publisher({"devices": devices}), configs[0]) as port,
            contextlib.aclosing(follow_master(HOST, port, configs[1])) as databases,
        ):
            first = await anext(databases)
            assert first.source == f"master {HOST}:{port}"
            assert list(first) == ["lamp", "light"]
            devices["lamp"]["port"] = 3301
            devices["oven"] = controller(3302)
            second = await anext(databases)
        assert list(second) == ["lamp", "light", "oven"]
        assert second["lamp"].raw["port"] == 3301
        assert first["lamp"].raw["port"] == 3300

    asyncio.run(follow())


def test_a_master_that_was_restarted_is_followed_again() -> None:
    async def follow() -> None:
        port = free_port()
        async with contextlib.aclosing(follow_master(HOST, port, reconnect=0.01)) as databases:
            for name in ("lamp", "oven"):
                devices = Notifier({name: controller()})
                async with listening(Publisher({"devices": devices}), port=port):
                    assert list(await anext(databases)) == [name]

    asyncio.run(follow())
