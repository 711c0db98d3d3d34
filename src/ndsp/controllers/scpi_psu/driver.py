"""The driver of the power supply: the same code for the instrument and for its simulation."""

import asyncio
import logging
import threading
import time

from ndsp.controllers.scpi_psu.ramps import Ramp, Ramps
from ndsp.instruments import ScpiConnection
from sipyco.pc_rpc import current_call

__all__ = ["ScpiPsu"]

logger = logging.getLogger(__name__)

CHANNELS = (1, 2)

OFF = "OUTP OFF,(@1,2);:VOLT:SLEW MAX,(@1,2);:VOLT 0,(@1,2)"
"""The safe state. First the switch, so that nothing depends on the rest."""

MIN_RATE, MAX_RATE = 0.001, 1000.0
"""Of ramps, in volts per second. What is faster is a step: set_voltage."""

POLL_INTERVAL = 0.05
"""Seconds between two looks at a ramp: as often as progress is told."""

LAST_WORD = 0.1
"""Seconds before a deadline at which a ramp ends, so that its caller hears where it stays."""


class ScpiPsu:
    """A power supply with two outputs, channels 1 and 2, which is driven with PyVISA.

    After each command the instrument is asked for errors. One that does not answer is
    disconnected, and the next call connects anew; nothing is sent again and nothing is restored:
    a supply that was switched off and on has its outputs off.

    Plain methods take milliseconds. :meth:`ramp_voltage` is a coroutine, so that all others can be
    called meanwhile, :meth:`outputs_off` above all. They may be called from several threads.

    Args:
        device: The instrument, as a VISA resource name, such as
            ``"TCPIP::192.168.1.30::5025::SOCKET"``, or ``"HOST:PORT"``.
        timeout: Seconds to wait for each answer.
        max_voltage: Highest voltage that can be set, in volts. That of the instrument holds, too.
        max_current: Highest limit of the current that can be set, in amperes. Likewise.

    Raises:
        ValueError: ``device`` is no such name, or a limit is not above 0.
        OSError: The instrument cannot be opened. Nothing is left open, and it was not changed.
        RuntimeError: It does not understand the commands. Likewise.
    """

    def __init__(
        self,
        device: str,
        timeout: float = 2.0,
        max_voltage: float = 30.0,
        max_current: float = 3.0,
    ) -> None:
        for name, limit in (("max_voltage", max_voltage), ("max_current", max_current)):
            if not limit > 0:
                raise ValueError(f"{name} is {limit!r}; give more than 0")
        self._turn = threading.RLock()
        self._connection = ScpiConnection("the power supply", device, timeout)
        self._ramps = Ramps(self._connection, self._turn)
        try:
            self._max_voltage = min(max_voltage, self._lowest("VOLT? MAX,(@1,2)"))
            self._max_current = min(max_current, self._lowest("CURR? MAX,(@1,2)"))
        except BaseException:
            self._connection.close()
            raise

    def identify(self) -> str:
        """Return maker, model, serial number and version, separated by commas.

        Raises:
            OSError: The instrument does not answer, as for all methods here: TimeoutError if it
                was not in time (2 s), ConnectionError if it is not there.
        """
        with self._turn:
            return self._connection.identify()

    def get_limits(self) -> dict[str, float]:
        """Return the highest ``voltage`` in volts and ``current`` in amperes that can be set."""
        return {"voltage": self._max_voltage, "current": self._max_current}

    def set_voltage(self, channel: int, voltage: float) -> None:
        """Set the voltage of an output, at once. This ends a ramp of it.

        Args:
            channel: 1 or 2.
            voltage: In volts, 0 to 30 (:meth:`get_limits`). The instrument resolves 1 mV.

        Raises:
            ValueError: Out of range. Nothing was sent.
            RuntimeError: The instrument refused it, with the number and the text of its error.
            OSError: It does not answer. The old or the new value is in effect.
        """
        channel = _checked_channel(channel)
        self._check_voltage(voltage)
        with self._turn:
            self._ramps.overtake(channel, "set_voltage() was called")
            # Without a colon "VOLT" would be looked for below "VOLT:".
            self._connection.command(f"VOLT:SLEW MAX,(@{channel});:VOLT {voltage:.3f},(@{channel})")

    async def ramp_voltage(self, channel: int, voltage: float, rate: float) -> float:
        """Ramp the voltage of an output, and wait until it is reached; tells its progress.

        The instrument makes the ramp, evenly. Meanwhile all other methods can be called. When the
        caller gives up, by a timeout or by leaving, the output stays at the voltage that it has.

        Args:
            channel: 1 or 2. It must be switched on.
            voltage: Target in volts, 0 to 30 (:meth:`get_limits`).
            rate: In volts per second, 0.001 to 1000.

        Returns:
            The voltage measured at the end, in volts, within 5 mV of the target.

        Raises:
            ValueError: Out of range. Nothing was sent.
            RuntimeError: The output is off or ramps already, and nothing was changed. Or the ramp
                was ended by :meth:`stop_ramp`, which says where the output stays, or by
                :meth:`set_voltage`, :meth:`set_output` or :meth:`outputs_off`.
            TimeoutError: The time of the call is up; the text says where the output stays. Or the
                target is not reached 2 s after the time for it, as when the current is limited;
                then the voltage stays set to the target.
            OSError: The instrument does not answer. It goes on to the target by itself.
        """
        channel = _checked_channel(channel)
        self._check_voltage(voltage)
        if not MIN_RATE <= rate <= MAX_RATE:
            raise ValueError(
                f"cannot ramp by {rate!r} V/s; choose {MIN_RATE:g} to {MAX_RATE:g} V/s"
            )
        call = current_call()
        ramp = Ramp(channel, float(voltage), float(rate))
        try:
            # The instrument is waited for in threads, so that the event loop is free for others.
            await asyncio.to_thread(self._ramps.begin, ramp)
            while not ramp.is_there:
                call.progress(ramp.fraction, ramp.text)
                if call.deadline is not None and time.monotonic() > call.deadline - LAST_WORD:
                    raise TimeoutError(await self._hold(ramp, "its time is up"))
                await asyncio.sleep(POLL_INTERVAL)
                await asyncio.to_thread(self._ramps.follow, ramp)
            call.progress(1.0, ramp.text)
        except asyncio.CancelledError:
            # Nobody waits for the answer: only the log can say it.
            logger.warning("%s", await self._hold(ramp, "nobody waits for it any more"))
            raise
        finally:
            ramp.ended = ramp.ended or "it is over"
        return ramp.voltage

    def stop_ramp(self, channel: int) -> float:
        """End the ramp of an output, which stays where it is. Without a ramp nothing changes.

        Args:
            channel: 1 or 2.

        Returns:
            The voltage measured, in volts.

        Raises:
            ValueError: There is no such channel.
            OSError: The instrument does not answer. The ramp goes on to its target, or not.
        """
        return self._ramps.stop(_checked_channel(channel), "stop_ramp() was called")

    def get_voltage(self, channel: int) -> float:
        """Return the voltage that is set, in volts; during a ramp, that at its end.

        Args:
            channel: 1 or 2.

        Raises:
            ValueError: There is no such channel.
            OSError: The instrument does not answer.
        """
        return self._read("VOLT?", channel)

    def set_current(self, channel: int, current: float) -> None:
        """Set the limit of the current of an output.

        Args:
            channel: 1 or 2.
            current: In amperes, 0 to 3 (:meth:`get_limits`). The instrument resolves 1 mA.

        Raises:
            ValueError: Out of range. Nothing was sent.
            RuntimeError: The instrument refused it, with the number and the text of its error.
            OSError: It does not answer. The old or the new value is in effect.
        """
        channel = _checked_channel(channel)
        if not 0 <= current <= self._max_current:
            raise ValueError(
                f"cannot limit channel {channel} to {current!r} A; choose 0 to "
                f"{self._max_current:g} A"
            )
        with self._turn:
            self._connection.command(f"CURR {current:.3f},(@{channel})")

    def get_current(self, channel: int) -> float:
        """Return the limit of the current, in amperes.

        Args:
            channel: 1 or 2.

        Raises:
            ValueError: There is no such channel.
            OSError: The instrument does not answer.
        """
        return self._read("CURR?", channel)

    def measure_voltage(self, channel: int) -> float:
        """Measure the voltage at the terminals, in volts.

        Args:
            channel: 1 or 2.

        Raises:
            ValueError: There is no such channel.
            OSError: The instrument does not answer.
        """
        return self._read("MEAS:VOLT?", channel)

    def measure_current(self, channel: int) -> float:
        """Measure the current at the terminals, in amperes.

        Args:
            channel: 1 or 2.

        Raises:
            ValueError: There is no such channel.
            OSError: The instrument does not answer.
        """
        return self._read("MEAS:CURR?", channel)

    def set_output(self, channel: int, on: bool) -> None:
        """Switch an output on or off. Its settings stay; switching off ends a ramp of it.

        Args:
            channel: 1 or 2.
            on: True to switch it on.

        Raises:
            ValueError: There is no such channel. Nothing was sent.
            OSError: The instrument does not answer. The old or the new state is in effect.
        """
        channel = _checked_channel(channel)
        with self._turn:
            if not on:
                self._ramps.overtake(channel, "set_output() switched it off")
            self._connection.command(f"OUTP {'ON' if on else 'OFF'},(@{channel})")

    def get_output(self, channel: int) -> bool:
        """Tell whether an output is on.

        Args:
            channel: 1 or 2.

        Raises:
            ValueError: There is no such channel.
            OSError: The instrument does not answer.
        """
        return self._read("OUTP?", channel) != 0

    def outputs_off(self) -> None:
        """Switch both outputs off and set them to 0 V; all ramps end.

        If the connection was lost it is made anew, and this is tried once more.

        Raises:
            OSError: The instrument does not answer. **Take its outputs for switched on.**
        """
        with self._turn:
            for channel in CHANNELS:
                self._ramps.overtake(channel, "the outputs were switched off")
            try:
                self._connection.command(OFF)
            except OSError as error:
                logger.warning("outputs_off() tries once more: %s", error)
                self._connection.command(OFF)

    def ping(self) -> bool:
        """Tell whether the instrument answers.

        Raises:
            OSError: It does not.
        """
        return bool(self.identify())

    def close(self) -> None:
        """Leave the safe state behind, both outputs off at 0 V, and disconnect.

        Afterwards all other methods raise ConnectionError. May be called again.

        Raises:
            OSError: The instrument does not answer. Disconnected; **take its outputs for switched
                on.**
        """
        with self._turn:
            if self._connection.is_closed:
                return
            try:
                self.outputs_off()
            finally:
                self._connection.close()

    async def _hold(self, ramp: Ramp, why: str) -> str:
        try:
            return await asyncio.to_thread(self._ramps.hold, ramp, why)
        except OSError as error:
            return f"the ramp of channel {ramp.channel} goes on by itself: {error}"

    def _read(self, query: str, channel: int) -> float:
        channel = _checked_channel(channel)
        with self._turn:
            return float(self._connection.query(f"{query} (@{channel})"))

    def _lowest(self, query: str) -> float:
        return min(map(float, self._connection.query(query).split(",")))

    def _check_voltage(self, voltage: float) -> None:
        if not 0 <= voltage <= self._max_voltage:
            raise ValueError(f"cannot set {voltage!r} V; choose 0 to {self._max_voltage:g} V")


def _checked_channel(channel: int) -> int:
    if channel not in CHANNELS:
        raise ValueError(f"there is no channel {channel!r}; choose 1 or 2")
    return int(channel)
