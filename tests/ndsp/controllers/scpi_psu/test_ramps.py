import asyncio
import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from ndsp.controllers.scpi_psu import driver, ramps
from ndsp.controllers.scpi_psu.driver import ScpiPsu
from sipyco.pc_rpc import Client
from tests.ndsp.controllers.programs import output_at_its_end, simulated
from tests.ndsp.controllers.scpi_psu.supplies import Bench, bench
from tests.serving import served

PATIENCE = 10.0
"""Seconds until something must have happened that takes a fraction of one."""


@pytest.fixture
def table() -> Iterator[Bench]:
    with bench() as table:
        for channel in (1, 2):
            table.supply.set_output(channel, True)
            table.supply.set_current(channel, 3)
        yield table


@pytest.fixture
def port(table: Bench) -> Iterator[int]:
    with served({"scpi_psu": table.supply}, threads=True, allow_parallel=True) as port:
        yield port


@pytest.fixture
def client(port: int) -> Iterator[Client]:
    with Client("127.0.0.1", port) as client:
        yield client


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor() as threads:
        yield threads


class Following:
    """A ramp in another thread, and what is told of it."""

    def __init__(
        self, threads: ThreadPoolExecutor, client: Any, *arguments: float, **options: Any
    ) -> None:
        self._changed = threading.Condition()
        self.reports: list[tuple[float, str]] = []
        method = client.rpc_options(on_progress=self._report, **options).ramp_voltage
        self.future: Future[float] = threads.submit(method, *arguments)

    def _report(self, fraction: float, text: str) -> None:
        with self._changed:
            self.reports.append((fraction, text))
            self._changed.notify_all()

    def until(self, is_told: Callable[[float, str], bool]) -> None:
        """Wait for a report of some kind."""
        with self._changed:
            assert self._changed.wait_for(
                lambda: any(is_told(*report) for report in self.reports), PATIENCE
            )

    def until_begun(self) -> None:
        """Wait for any report."""
        self.until(lambda _fraction, _text: True)

    def error(self) -> BaseException:
        """Wait for the failure of the ramp."""
        error = self.future.exception(PATIENCE)
        assert error is not None
        return error


def test_a_ramp_reports_where_it_is_and_returns_what_was_measured(
    table: Bench, client: Client, threads: ThreadPoolExecutor
) -> None:
    following = Following(threads, client, 1, 20.0, 2.0)
    following.until_begun()
    table.clock.now += 2.5
    following.until(lambda fraction, text: fraction == 0.25 and "5.000 V of 20.000 V" in text)
    table.clock.now += 5
    following.until(lambda fraction, text: fraction == 0.75 and "channel 1" in text)
    table.clock.now += 2.5
    assert following.future.result(PATIENCE) == 20.0
    assert following.reports[0] == (0.0, "channel 1 at 0.000 V of 20.000 V")
    assert following.reports[-1] == (1.0, "channel 1 at 20.000 V of 20.000 V")


def test_ramps_go_down_as_well(table: Bench, client: Client, threads: ThreadPoolExecutor) -> None:
    table.supply.set_voltage(2, 10)
    following = Following(threads, client, 2, 0.0, 1.0)
    following.until_begun()
    table.clock.now += 5
    following.until(lambda fraction, _: fraction == 0.5)
    table.clock.now += 5
    assert following.future.result(PATIENCE) == 0.0


def test_a_ramp_to_where_it_is_ends_at_once(table: Bench) -> None:
    assert asyncio.run(table.supply.ramp_voltage(1, 0, 1)) == 0


def test_all_other_methods_can_be_called_during_a_ramp(
    table: Bench, client: Client, threads: ThreadPoolExecutor
) -> None:
    first = Following(threads, client, 1, 10.0, 1.0)
    first.until_begun()
    second = Following(threads, client, 2, 10.0, 2.0)
    second.until_begun()
    table.clock.now += 4
    assert client.measure_voltage(1) == 4
    assert client.measure_voltage(2) == 8
    assert client.get_voltage(1) == 10
    table.clock.now += 6
    assert first.future.result(PATIENCE) == second.future.result(PATIENCE) == 10


def test_a_stopped_ramp_stays_where_it_is_and_its_caller_is_told(
    table: Bench, client: Client, threads: ThreadPoolExecutor
) -> None:
    following = Following(threads, client, 1, 20.0, 1.0)
    following.until_begun()
    table.clock.now += 7
    assert client.stop_ramp(1) == 7.0
    error = following.error()
    assert isinstance(error, RuntimeError)
    assert "ended at 7.000 V, where it stays: stop_ramp() was called" in str(error)
    table.clock.now += 100
    assert client.measure_voltage(1) == 7.0
    assert client.stop_ramp(1) == 7.0, "once more changes nothing"


def test_outputs_off_comes_through_during_a_ramp(
    table: Bench, client: Client, threads: ThreadPoolExecutor
) -> None:
    following = Following(threads, client, 1, 20.0, 1.0)
    following.until_begun()
    table.clock.now += 7
    client.outputs_off()
    assert [output.is_on for output in table.simulation.outputs] == [False, False]
    assert table.simulation.outputs[0].level() == 0
    assert "the outputs were switched off" in str(following.error())


@pytest.mark.parametrize(
    ("method", "arguments", "reason"),
    [
        ("set_voltage", (1, 3.0), "set_voltage() was called"),
        ("set_output", (1, False), "set_output() switched it off"),
    ],
)
def test_what_sets_the_same_output_ends_its_ramp(
    client: Client,
    threads: ThreadPoolExecutor,
    method: str,
    arguments: tuple[Any, ...],
    reason: str,
) -> None:
    following = Following(threads, client, 1, 20.0, 1.0)
    following.until_begun()
    getattr(client, method)(*arguments)
    assert reason in str(following.error())


def test_a_step_after_a_ramp_is_at_once(table: Bench) -> None:
    table.clock.step = 1.0
    assert asyncio.run(table.supply.ramp_voltage(1, 5, 1)) == 5
    table.clock.step = 0.0
    table.supply.set_voltage(1, 20)
    assert table.supply.measure_voltage(1) == 20


def test_when_its_time_is_up_the_caller_hears_where_the_output_stays(
    table: Bench, client: Client, threads: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    following = Following(threads, client, 1, 20.0, 1.0, timeout=30)
    following.until_begun()
    table.clock.now += 7
    monkeypatch.setattr(driver, "LAST_WORD", 60.0)
    error = following.error()
    assert isinstance(error, TimeoutError)
    assert "ended at 7.000 V, where it stays: its time is up" in str(error)
    table.clock.now += 100
    assert table.supply.measure_voltage(1) == 7


def test_when_its_caller_has_left_the_output_stays_where_it_is_and_the_log_says_so(
    table: Bench, port: int, threads: ThreadPoolExecutor, caplog: pytest.LogCaptureFixture
) -> None:
    is_logged = threading.Event()

    def notice(_record: logging.LogRecord) -> bool:
        is_logged.set()
        return True

    caplog.handler.addFilter(notice)
    with Client("127.0.0.1", port) as leaving:
        following = Following(threads, leaving, 1, 20.0, 1.0)
        following.until_begun()
        table.clock.now += 7
    assert is_logged.wait(PATIENCE)
    assert "ended at 7.000 V, where it stays: nobody waits for it any more" in caplog.text
    table.clock.now += 100
    assert table.supply.measure_voltage(1) == 7


def test_a_ramp_that_was_given_up_before_it_began_does_not_begin(table: Bench) -> None:
    async def give_up() -> None:
        with table.supply._turn:  # so that it cannot begin
            ramp = asyncio.create_task(table.supply.ramp_voltage(1, 20, 1))
            for _ in range(5):
                await asyncio.sleep(0)
            ramp.cancel()
            for _ in range(5):
                await asyncio.sleep(0)
        with pytest.raises(asyncio.CancelledError):
            await ramp

    asyncio.run(give_up())
    table.clock.now += 100
    assert table.supply.measure_voltage(1) == 0


def test_an_output_makes_one_ramp_at_a_time(
    table: Bench, client: Client, threads: ThreadPoolExecutor
) -> None:
    following = Following(threads, client, 1, 20.0, 1.0)
    following.until_begun()
    with pytest.raises(RuntimeError, match=r"ramping to 20 V already; .* stop_ramp\(1\) first"):
        client.ramp_voltage(1, 5.0, 1.0)
    table.clock.now += 20
    assert following.future.result(PATIENCE) == 20


def test_an_output_that_is_off_is_not_ramped(table: Bench) -> None:
    table.supply.set_output(1, False)
    with pytest.raises(RuntimeError, match=r"which is off; call set_output\(1, True\)"):
        asyncio.run(table.supply.ramp_voltage(1, 5, 1))
    assert table.supply.get_voltage(1) == 0


def test_a_target_that_the_limit_of_the_current_keeps_away_is_reported(
    table: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ramps, "SETTLING_TIME", 0.0)
    table.clock.step = 1.0
    table.supply.set_current(1, 0.5)  # at 10 ohms
    with pytest.raises(
        TimeoutError, match=r"at 5\.000 V, and stays set to 20\.000 V, .*current limited"
    ):
        asyncio.run(table.supply.ramp_voltage(1, 20, 1000))
    assert table.supply.get_voltage(1) == 20


@pytest.mark.parametrize("rate", [0, -1, 0.0009, 1001, float("nan"), float("inf")])
def test_a_rate_out_of_range_is_refused_and_nothing_is_sent(table: Bench, rate: float) -> None:
    with pytest.raises(ValueError, match=r"choose 0\.001 to 1000 V/s"):
        asyncio.run(table.supply.ramp_voltage(1, 5, rate))
    with pytest.raises(ValueError, match="choose 0 to 30 V"):
        asyncio.run(table.supply.ramp_voltage(1, 31, 1))
    assert table.supply.get_voltage(1) == 0


def test_an_instrument_that_is_lost_during_a_ramp_is_reported(
    threads: ThreadPoolExecutor,
) -> None:
    with bench(timeout=0.25) as table:
        table.supply.set_output(1, True)
        with (
            served({"supply": table.supply}, threads=True, allow_parallel=True) as port,
            Client("127.0.0.1", port) as client,
        ):
            following = Following(threads, client, 1, 20.0, 1.0)
            following.until_begun()
            table.simulation.hang_up()
            assert isinstance(following.error(), OSError)
            client.set_voltage(1, 1.0)
            assert client.measure_voltage(1) == 1.0


def test_the_controller_serves_the_simulation_and_ends_during_a_ramp(
    threads: ThreadPoolExecutor,
) -> None:
    with simulated("scpi_psu", "--max-voltage", "12") as (process, port):
        with (
            Client("127.0.0.1", port, "scpi_psu", 10) as supply,
            Client("127.0.0.1", port, "scpi_psu", 10) as other,
        ):
            supply.set_output(1, True)
            assert supply.ramp_voltage(1, 1.0, 100.0) == pytest.approx(1.0, abs=0.005)
            with pytest.raises(ValueError, match="choose 0 to 12 V"):
                supply.set_voltage(1, 13)
            following = Following(threads, supply, 1, 12.0, 0.01)
            following.until_begun()
            assert other.measure_voltage(1) == pytest.approx(1.0, abs=0.1)
            other.terminate()
            assert isinstance(following.error(), OSError)
        out, err = process.communicate(timeout=PATIENCE)
    assert out == ""
    assert "where it stays: nobody waits for it any more" in err
    assert process.returncode == 0


def test_the_controller_ends_when_asked() -> None:
    with simulated("scpi_psu") as (process, port):
        with Client("127.0.0.1", port, "scpi_psu", 10) as supply:
            supply.set_output(1, True)
            assert supply.ping() is True
        assert output_at_its_end(process, port, "scpi_psu") == ""


def test_a_driver_can_be_used_without_a_server(table: Bench) -> None:
    table.clock.step = 0.5

    async def both(supply: ScpiPsu) -> tuple[float, float]:
        ramps = (supply.ramp_voltage(1, 5, 5), supply.ramp_voltage(2, 3, 1))
        first, second = await asyncio.gather(*ramps)
        return first, second

    assert asyncio.run(both(table.supply)) == (5, 3)
