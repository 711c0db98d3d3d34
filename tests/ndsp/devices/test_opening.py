import copy
import pickle
import socket
from pathlib import Path
from typing import Any

import pytest

from ndsp.device_db import parse_device_db
from ndsp.devices import DeviceError, DeviceManager
from sipyco.pc_rpc import BestEffortClient, Client
from sipyco.tools import SimpleSSLConfig
from tests.certificates import make_certificates
from tests.serving import free_port, served

HOST = "127.0.0.1"


class Lamp:
    def __init__(self, name: str) -> None:
        self._name = name

    def name(self) -> str:
        return self._name


TARGETS = {"lamp": Lamp("lamp"), "shutter": Lamp("shutter")}


def controller(port: int, **more: Any) -> dict[str, Any]:
    return {"type": "controller", "host": HOST, "port": port, **more}


SHUTTER = {"type": "controller_aux_target", "controller": "light", "target_name": "shutter"}


def failure(entry: dict[str, Any], **options: Any) -> str:
    """What is said when this device cannot be opened."""
    database = parse_device_db({"lamp": entry}, "db.py")
    assert not any(problem.is_error for problem in database.problems)
    with DeviceManager(database, **options) as devices, pytest.raises(DeviceError) as caught:
        devices.get_device("lamp")
    text = str(caught.value)
    assert caught.value.device == "lamp"
    assert text.startswith("cannot open device 'lamp': ")
    assert "\n" not in text
    return text.removeprefix("cannot open device 'lamp': ")


def test_targets_of_one_controller_are_different_devices() -> None:
    with served(TARGETS) as port:
        database = {
            "lamp": controller(port, target_name="lamp"),
            "light": "lamp",
            "shutter": SHUTTER,
        }
        with DeviceManager(database) as devices:
            assert devices.get_device("lamp").name() == "lamp"
            assert devices.get_device("shutter").name() == "shutter"


def test_devices_and_auxiliary_targets_are_reached_over_tls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, client = make_certificates(tmp_path)
    assert isinstance(client, SimpleSSLConfig)
    files = {
        "local_cert": "{ARTIQ_SSL_DIR}/client.pem",
        "local_key": "{ARTIQ_SSL_DIR}/client.key",
        "peer_cert": str(client.peer_cert),
    }
    with served(TARGETS, server) as port:
        lamp = controller(port, target_name="lamp", simple_ssl_config=files)
        with DeviceManager({"light": lamp, "shutter": SHUTTER}) as devices:
            monkeypatch.delenv("ARTIQ_SSL_DIR", raising=False)
            with pytest.raises(DeviceError, match="ARTIQ_SSL_DIR is not set"):
                devices.get_device("light")
            monkeypatch.setenv("ARTIQ_SSL_DIR", str(tmp_path))
            assert devices.get_device("light").name() == "lamp"
            assert devices.get_device("shutter").name() == "shutter"


@pytest.mark.parametrize("own", [None, True, False])
def test_a_best_effort_device_may_be_missing(own: bool | None) -> None:
    lamp = controller(free_port(), best_effort=True)
    shutter = SHUTTER if own is None else {**SHUTTER, "best_effort": own}
    with DeviceManager({"light": lamp, "shutter": shutter}) as devices:
        light = devices.get_device("light")
        assert isinstance(light, BestEffortClient)
        assert light.name() is None
        if own is False:
            with pytest.raises(DeviceError, match="connection refused"):
                devices.get_device("shutter")
        else:
            assert devices.get_device("shutter").name() is None


def test_an_auxiliary_target_may_be_best_effort_alone() -> None:
    with served(TARGETS) as port:
        database = {
            "light": controller(port, target_name="lamp"),
            "shutter": {**SHUTTER, "best_effort": True},
        }
        with DeviceManager(database) as devices:
            assert isinstance(devices.get_device("light"), Client)
            assert isinstance(devices.get_device("shutter"), BestEffortClient)


def test_a_controller_that_does_not_run_is_named_with_its_command() -> None:
    port = free_port()
    assert failure(controller(port, command="aqctl_lamp -p {port}")) == (
        f"could not connect to {HOST}:{port}: connection refused; is the server running, and on "
        "this port? the command of 'lamp' is 'aqctl_lamp -p {port}'"
    )
    assert failure(controller(port)).endswith(
        "? the entry of 'lamp' has no command: start it by other means"
    )


def test_a_host_without_an_address_is_named_with_its_entry() -> None:
    told = failure({"type": "controller", "host": "no such host", "port": 3300})
    assert told.startswith("could not connect to no such host:3300: ")
    assert told.endswith("? correct 'host' of 'lamp' in db.py")


def test_a_controller_that_does_not_answer_in_time_is_named() -> None:
    with socket.create_server((HOST, 0)) as silent:
        port = silent.getsockname()[1]
        told = failure(controller(port, command="x"), timeout=0.05)
    assert told == f"{HOST}:{port} did not answer within 0.05 s; the command of 'lamp' is 'x'"


def test_a_target_that_is_not_there_is_named() -> None:
    with served(TARGETS) as port:
        assert failure(controller(port, target_name="lmap")) == (
            f"no target 'lmap' on {HOST}:{port}; it offers 'lamp', 'shutter'; "
            "correct 'target_name' of 'lamp' or 'port' of 'lamp' in db.py"
        )


@pytest.mark.parametrize("best_effort", [True, False])
def test_several_targets_need_a_choice(best_effort: bool) -> None:
    with served(TARGETS) as port:
        assert failure(controller(port, best_effort=best_effort)) == (
            f"{HOST}:{port}: Server has multiple targets: lamp shutter; "
            "write one of them as 'target_name' of 'lamp' into db.py"
        )


def test_certificates_that_are_not_there_are_named() -> None:
    files = {"local_cert": "a.pem", "local_key": "a.key", "peer_cert": "b.pem"}
    assert "cannot use local_cert 'a.pem'" in failure(controller(1, simple_ssl_config=files))


def local(module: str, kind: str, **arguments: Any) -> dict[str, Any]:
    return {"type": "local", "module": module, "class": kind, "arguments": arguments}


MEDIATORS = "tests.ndsp.devices.mediators"


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        (
            local("no_such_module", "X"),
            "cannot import 'no_such_module' ('module' in db.py): ModuleNotFoundError: No module",
        ),
        (
            local(MEDIATORS, "Mediatro"),
            f"{MEDIATORS!r} has no 'Mediatro' ('class' in db.py); did you mean 'Mediator'?",
        ),
        (
            local(MEDIATORS, "Mediator", nmae="x"),
            f"{MEDIATORS}.Mediator raised TypeError: Mediator.__init__() got an unexpected keyword",
        ),
        (
            local(MEDIATORS, "Mediator", name="x", opens=["y"]),
            f"{MEDIATORS}.Mediator raised DeviceError: cannot open device 'y': db.py: entry 'y': ",
        ),
    ],
)
def test_an_object_that_cannot_be_made_is_explained(entry: dict[str, Any], told: str) -> None:
    assert failure(entry).startswith(told)


def test_a_dummy_takes_every_call_and_does_nothing() -> None:
    with DeviceManager({"nothing": {"type": "dummy"}}) as devices:
        nothing = devices.get_device("nothing")
        assert nothing.heat(3, zone=1) is None
        assert nothing.zones.upper.heat() is None
        nothing.gain = 3
        assert nothing.gain == 3
        assert repr(nothing.zones) == "<dummy nothing.zones>"
        assert not hasattr(nothing, "__array__")
        assert copy.deepcopy(nothing).heat() is None


def test_an_error_can_be_copied_and_sent() -> None:
    error = DeviceError("lamp", "it is dark")
    for other in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert (other.device, str(other)) == ("lamp", "cannot open device 'lamp': it is dark")
