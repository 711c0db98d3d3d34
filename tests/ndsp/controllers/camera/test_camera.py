import inspect
import socket
import threading
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from ndsp.controllers.camera.driver import Camera
from ndsp.controllers.camera.simulation import Simulation
from sipyco.pc_rpc import Client
from tests.ndsp.controllers.camera import reduction
from tests.ndsp.controllers.clocks import Clock
from tests.ndsp.controllers.programs import output_at_its_end, simulated
from tests.serving import served


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def simulation(clock: Clock) -> Simulation:
    return Simulation((256, 512), clock, clock.wait)


@pytest.fixture
def camera(simulation: Simulation) -> Iterator[Camera]:
    with simulation as device:
        camera = Camera(device)
        yield camera
        camera.close()


def brightest(frame: NDArray[np.uint16]) -> tuple[int, int]:
    row, column = np.unravel_index(frame.argmax(), frame.shape)
    return int(row), int(column)


def test_the_camera_tells_its_shape_and_its_limits(camera: Camera) -> None:
    assert camera.ping()
    assert camera.get_shape() == (256, 512)
    assert camera.get_limits() == (10e-6, 10.0)


def test_a_frame_is_what_the_camera_has_made(
    camera: Camera, simulation: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    expose = simulation.expose

    def remembered() -> NDArray[np.uint16]:
        made.append(expose())
        return made[-1]

    monkeypatch.setattr(simulation, "expose", remembered)
    frame = camera.take_frame()
    assert frame.dtype == np.uint16
    assert frame.shape == (256, 512)
    assert frame.flags.writeable
    assert frame.flags.owndata
    assert np.array_equal(frame, made[0])


def test_a_dark_pixel_has_an_offset_and_noise(camera: Camera) -> None:
    camera.set_exposure(10e-6)
    dark = camera.take_frame()[:20]
    assert dark.mean() == pytest.approx(100, abs=1)
    assert dark.std() == pytest.approx(3, abs=0.3)


def test_the_spot_moves_in_time_and_grows_with_the_exposure(camera: Camera, clock: Clock) -> None:
    clock.now = -0.01
    frame = camera.take_frame()
    assert clock.now == 0, "exposed for 10 ms"
    assert brightest(frame) == pytest.approx((128, 307), abs=4)
    assert int(frame.max()) == pytest.approx(20_000, rel=0.05)
    camera.set_exposure(0.005)
    clock.now = 2.5 - 0.005
    frame = camera.take_frame()
    assert brightest(frame) == pytest.approx((179, 256), abs=4)
    assert int(frame.max()) == pytest.approx(10_000, rel=0.05)
    camera.set_exposure(0.1)
    assert int(camera.take_frame().max()) == 65535, "saturated"


@pytest.mark.parametrize("exposure", [10e-6, 0.02, 10.0])
def test_an_exposure_within_the_limits_is_read_back(camera: Camera, exposure: float) -> None:
    camera.set_exposure(exposure)
    assert camera.get_exposure() == exposure


@pytest.mark.parametrize("exposure", [0, 9.9e-6, 10.1, -1, float("nan")])
def test_an_exposure_out_of_range_is_refused_and_nothing_is_changed(
    camera: Camera, exposure: float
) -> None:
    with pytest.raises(ValueError, match=r"this camera takes 1e-05 to 10 s"):
        camera.set_exposure(exposure)
    assert camera.get_exposure() == 0.01


@pytest.mark.parametrize("command", ["EXPOSURE 11", "EXPOSURE long", "DANCE", ""])
def test_the_instrument_answers_nonsense_with_an_error(camera: Camera, command: str) -> None:
    with pytest.raises(RuntimeError, match="the camera refused"):
        camera._ask(command)
    assert camera.ping()


@pytest.mark.parametrize("count", [0, -1])
def test_no_frames_cannot_be_taken(camera: Camera, count: int) -> None:
    with pytest.raises(ValueError, match="take 1 or more"):
        next(camera.frames(count))


def test_a_stream_of_frames_lets_others_change_the_exposure_in_between(camera: Camera) -> None:
    with served({"camera": camera}, threads=True) as port, Client("127.0.0.1", port) as client:
        fractions = []
        exposures = []
        stream = client.rpc_options(on_progress=lambda f, _: fractions.append(f)).frames(8)
        for frame in stream:
            assert frame.shape == (256, 512)
            exposures.append(client.get_exposure())
            client.set_exposure(0.02)
        assert exposures == [0.01] + 7 * [0.02]
        assert fractions[-1] == 1.0


def test_a_stream_that_is_left_takes_no_further_frames(camera: Camera, clock: Clock) -> None:
    with served({"camera": camera}, threads=True) as port, Client("127.0.0.1", port) as client:
        with client.frames(1000) as frames:
            next(frames)
        assert clock.now < 0.2
        assert client.take_frame().shape == (256, 512)


def test_a_lost_camera_is_reported_once_and_then_connected_anew(
    camera: Camera, simulation: Simulation
) -> None:
    camera.set_exposure(0.5)
    simulation.hang_up()
    with pytest.raises(ConnectionResetError, match="the camera at"):
        camera.take_frame()
    assert camera.get_exposure() == 0.5
    assert camera.take_frame().shape == (256, 512)


def test_a_camera_that_is_switched_off_while_it_exposes_is_reported() -> None:
    begun = threading.Event()
    simulation = Simulation((16, 16))
    really_wait = simulation._wait

    def wait(seconds: float) -> None:
        begun.set()
        really_wait(seconds)

    simulation._wait = wait
    with simulation as device:
        camera = Camera(device)
        camera.set_exposure(10.0)
        failed: list[Exception] = []

        def take() -> None:
            try:
                camera.take_frame()
            except ConnectionError as error:
                failed.append(error)

        thread = threading.Thread(target=take)
        thread.start()
        assert begun.wait(10)
    thread.join()
    camera.close()
    assert failed


def test_a_camera_that_announces_another_frame_is_not_believed(
    camera: Camera, simulation: Simulation
) -> None:
    simulation._shape = (128, 512)
    with pytest.raises(RuntimeError, match="announced 'FRAME 131072' instead of 'FRAME 262144'"):
        camera.take_frame()
    simulation._shape = (256, 512)
    assert camera.take_frame().shape == (256, 512)


def test_closing_disconnects_and_leaves_the_exposure(
    camera: Camera, simulation: Simulation
) -> None:
    camera.set_exposure(0.25)
    camera.close()
    with pytest.raises(ConnectionError, match="was closed"):
        camera.take_frame()
    assert simulation.exposure == 0.25


def test_a_camera_that_does_not_answer_cannot_be_opened() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as deaf,
        pytest.raises(TimeoutError, match=r"has not answered 'ID\?' within 0\.05 s"),
    ):
        Camera(f"127.0.0.1:{deaf.getsockname()[1]}", timeout=0.05)


def test_frames_are_reduced_where_they_are_taken() -> None:
    code = inspect.getsource(reduction).replace("controller_driver: Any = None", "")
    with simulated("camera") as (process, port):
        with Client("127.0.0.1", port, "camera", 10) as camera:
            assert camera.get_shape() == (2048, 2048)
            frame = camera.take_frame()
            assert frame.shape == (2048, 2048)
            assert frame.dtype == np.uint16
            with pytest.raises(ValueError, match="cannot expose for 11 s"):
                camera.set_exposure(11)
        with Client("127.0.0.1", port, "camera_rexec", 10) as rexec:
            rexec.add_code(code)
            results = list(rexec.call("centroids", 3))
        for row, column, total in results:
            radius = np.hypot(row - 1024, column - 1024)
            assert radius == pytest.approx(409.6, abs=1)
            # A Gaussian of 20000 counts with a standard deviation of 20 pixels.
            assert total == pytest.approx(20_000 * 2 * np.pi * 20**2, rel=0.02)
        assert output_at_its_end(process, port, "camera") == ""
