"""Real servers and clients go on while their certificates are replaced."""

import asyncio
import threading
from pathlib import Path

import pytest

from ndsp.certificates._pem import certificate_pem
from ndsp.certificates.laboratory import Laboratory, Role
from sipyco.pc_rpc import AsyncioClient, Client
from sipyco.tools import SimpleSSLConfig, TLSError
from tests.ndsp.certificates.handshakes import config_of
from tests.serving import served


class Lamp:
    def is_on(self) -> bool:
        return True


def calls(port: int, config: SimpleSSLConfig) -> bool:
    with Client("127.0.0.1", port, "lamp", ssl_config=config) as lamp:
        return lamp.is_on() is True


def copy_of(laboratory: Laboratory, name: str, directory: Path) -> SimpleSSLConfig:
    """The files as they were carried to another machine, where nothing changes by itself."""
    directory.mkdir()
    for file in (f"{name}.pem", f"{name}.key", "authority.pem"):
        (directory / file).write_bytes((laboratory.directory / file).read_bytes())
    files = [directory / file for file in (f"{name}.pem", f"{name}.key", "authority.pem")]
    return SimpleSSLConfig(*files)


@pytest.mark.parametrize("with_new_key", [False, True], ids=["same key", "new key"])
def test_connections_go_on_while_the_files_are_replaced(
    laboratory: Laboratory, tmp_path: Path, with_new_key: bool
) -> None:
    lamp, old_desk = config_of(laboratory, "lamp"), copy_of(laboratory, "desk", tmp_path / "desk")
    with served({"lamp": Lamp()}, lamp) as port:
        with Client("127.0.0.1", port, "lamp", ssl_config=old_desk) as connected:
            assert connected.is_on()
            laboratory.renew("lamp", with_new_key=with_new_key)
            laboratory.renew("desk", with_new_key=with_new_key)
            laboratory = laboratory.renew_authority()
            assert connected.is_on()
            # The server still shows its old certificate to those who come now.
            assert calls(port, old_desk)
            assert calls(port, config_of(laboratory, "desk"))
        with served({"lamp": Lamp()}, lamp) as restarted:
            assert calls(restarted, old_desk)
            assert calls(restarted, config_of(laboratory, "desk"))


def test_a_new_client_needs_no_change_on_a_server_that_runs(laboratory: Laboratory) -> None:
    with served({"lamp": Lamp()}, config_of(laboratory, "lamp")) as port:
        laboratory.issue("guest", [Role.CLIENT])
        assert calls(port, config_of(laboratory, "guest"))


def test_who_is_revoked_goes_on_until_the_server_is_restarted(laboratory: Laboratory) -> None:
    lamp, ada = config_of(laboratory, "lamp"), config_of(laboratory, "ada")
    with (
        served({"lamp": Lamp()}, lamp) as port,
        Client("127.0.0.1", port, "lamp", ssl_config=ada) as connected,
    ):
        laboratory.revoke("ada")
        assert connected.is_on()
    with served({"lamp": Lamp()}, lamp) as port:
        with pytest.raises((TLSError, ConnectionError)):
            calls(port, ada)
        assert calls(port, config_of(laboratory, "desk"))


def test_a_list_lets_in_those_on_it_also_after_they_were_renewed(laboratory: Laboratory) -> None:
    listed = laboratory.directory / "listed.pem"
    listed.write_bytes(certificate_pem(laboratory.restricted(["desk"])))
    with served({"lamp": Lamp()}, config_of(laboratory, "lamp", listed)) as port:
        assert calls(port, config_of(laboratory, "desk"))
        laboratory.renew("desk", with_new_key=True)
        assert calls(port, config_of(laboratory, "desk"))
        with pytest.raises((TLSError, ConnectionError)):
            calls(port, config_of(laboratory, "ada"))


async def called(port: int, config: SimpleSSLConfig) -> None:
    client = AsyncioClient()
    await client.connect_rpc("localhost", port, "lamp", ssl_config=config)
    try:
        assert await client.is_on()
    finally:
        await client.close_rpc()


def test_the_name_of_the_host_can_be_checked(laboratory: Laboratory) -> None:
    desk = config_of(laboratory, "desk")
    careful = SimpleSSLConfig(desk.local_cert, desk.local_key, desk.peer_cert, check_hostname=True)
    with served({"lamp": Lamp()}, config_of(laboratory, "lamp")) as port:
        assert calls(port, careful)
        asyncio.run(called(port, careful))
    elsewhere = laboratory.renew("lamp", hosts=["elsewhere.lab"])
    assert elsewhere.facts.hosts == ("elsewhere.lab",)
    with served({"lamp": Lamp()}, config_of(laboratory, "lamp")) as port:
        assert calls(port, desk)
        with pytest.raises(TLSError, match="connect to a name that stands in its certificate"):
            calls(port, careful)


def test_who_reads_the_files_while_they_are_renewed_never_finds_a_mismatch(
    laboratory: Laboratory,
) -> None:
    lamp = config_of(laboratory, "lamp")
    done = threading.Event()
    failures: list[Exception] = []
    read = 0

    def restart() -> None:
        nonlocal read
        while not done.is_set() and not failures:
            try:
                lamp.create_server_context()
            except Exception as error:
                failures.append(error)
            read += 1

    reader = threading.Thread(target=restart)
    reader.start()
    try:
        for _ in range(40):
            laboratory.renew("lamp")
    finally:
        done.set()
        reader.join()
    assert not failures
    assert read > 0
