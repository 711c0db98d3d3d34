"""The power supply itself, simulated: it answers real SCPI on a real socket, and ramps."""

import math
import time
from collections.abc import Callable

from ndsp.instruments import ScpiError, ScpiInstrument, channel_list, number

__all__ = ["Simulation"]

MAX_VOLTAGE = 30.0
"""Of both outputs, in volts."""

MAX_CURRENT = 3.0
"""Of both outputs, in amperes."""

MIN_SLEW, MAX_SLEW = 0.001, 9.9e37
"""Limits of the slew rate, in volts per second. The latter is how SCPI says "at once"."""

VOLTAGE = "[SOURce:]VOLTage[:LEVel][:IMMediate][:AMPLitude]"
CURRENT = "[SOURce:]CURRent[:LEVel][:IMMediate][:AMPLitude]"
SLEW = "[SOURce:]VOLTage:SLEW[:IMMediate]"


class Simulation(ScpiInstrument):
    """A supply with two outputs, 0 to 30 V and 0 to 3 A, on a local port; use it in ``with``.

    When it is switched on, and after ``*RST``, both outputs are off, at 0 V, with a limit of 0.1 A.

    Args:
        loads: Resistances at the outputs, in ohms. A load that would take more current than the
            limit gets the limit, and less voltage.
        clock: Gives the time in seconds, which ramps follow.

    Attributes:
        outputs: The two of them, for those who want to look at or change what happens there.
    """

    def __init__(
        self,
        loads: tuple[float, float] = (100.0, 100.0),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(
            "NDSP,PSU-302,SIMULATION,1.0",
            {
                "INSTrument:NSELect": self._select,
                "INSTrument:NSELect?": lambda _: f"{self._selected}",
                VOLTAGE: self._setting(Output.set_voltage, 0.0, MAX_VOLTAGE),
                f"{VOLTAGE}?": self._limited_query(lambda o: o.voltage, 0.0, MAX_VOLTAGE),
                SLEW: self._setting(Output.set_slew, MIN_SLEW, MAX_SLEW),
                f"{SLEW}?": self._limited_query(lambda o: o.slew, MIN_SLEW, MAX_SLEW),
                CURRENT: self._setting(Output.set_current, 0.0, MAX_CURRENT),
                f"{CURRENT}?": self._limited_query(lambda o: o.current, 0.0, MAX_CURRENT),
                "MEASure[:SCALar]:VOLTage[:DC]?": self._query(lambda o: f"{o.measure()[0]:.3f}"),
                "MEASure[:SCALar]:CURRent[:DC]?": self._query(lambda o: f"{o.measure()[1]:.3f}"),
                "OUTPut[:STATe]": self._switch,
                "OUTPut[:STATe]?": self._query(lambda o: f"{o.is_on:d}"),
            },
        )
        self.outputs = tuple(Output(load, clock) for load in loads)
        self._selected = 1

    def reset(self) -> None:
        """Go to the state after ``*RST``."""
        self._selected = 1
        for output in self.outputs:
            output.reset()

    def _select(self, parameters: list[str]) -> None:
        if not parameters:
            raise ScpiError(-109)
        selected = number(parameters[0], 1, len(self.outputs))
        if selected != int(selected):
            raise ScpiError(-224, parameters[0])
        self._selected = int(selected)

    def _switch(self, parameters: list[str]) -> None:
        state, *channels = parameters or [""]
        states = {"ON": True, "1": True, "OFF": False, "0": False}
        if not state:
            raise ScpiError(-109)
        if state.upper() not in states:
            raise ScpiError(-224, state)
        for output in self._outputs(channels):
            output.is_on = states[state.upper()]

    def _setting(
        self, change: Callable[["Output", float], None], lowest: float, highest: float
    ) -> Callable[[list[str]], None]:
        def command(parameters: list[str]) -> None:
            if not parameters:
                raise ScpiError(-109)
            value = number(parameters[0], lowest, highest)
            for output in self._outputs(parameters[1:]):
                change(output, value)

        return command

    def _limited_query(
        self, read: Callable[["Output"], float], lowest: float, highest: float
    ) -> Callable[[list[str]], str]:
        def command(parameters: list[str]) -> str:
            # "VOLT? MAX" asks for the limit instead of the setting.
            if parameters and not parameters[0].startswith("("):
                limit = number(parameters.pop(0), lowest, highest)
                return ",".join(_spell(limit) for _ in self._outputs(parameters))
            return ",".join(_spell(read(output)) for output in self._outputs(parameters))

        return command

    def _query(self, read: Callable[["Output"], str]) -> Callable[[list[str]], str]:
        return lambda parameters: ",".join(map(read, self._outputs(parameters)))

    def _outputs(self, parameters: list[str]) -> list["Output"]:
        """Give the outputs that a command is for: those listed, or else the selected one."""
        if len(parameters) > 1:
            raise ScpiError(-108, parameters[1])
        chosen = channel_list(parameters[0], len(self.outputs)) if parameters else [self._selected]
        return [self.outputs[channel - 1] for channel in chosen]


class Output:
    """One output, and what is connected to it.

    Attributes:
        load: Resistance, in ohms.
        is_on: Whether there is voltage at the terminals.
        voltage: Where it goes to, or is, in volts.
        current: Limit in amperes.
        slew: In volts per second.
    """

    def __init__(self, load: float, clock: Callable[[], float]) -> None:
        self.load = load
        self._clock = clock
        self.reset()

    def reset(self) -> None:
        """Go to the state after ``*RST``."""
        self.is_on = False
        self.voltage = 0.0
        self.current = 0.1
        self.slew = MAX_SLEW
        self._start = 0.0
        self._since = self._clock()

    def set_voltage(self, voltage: float) -> None:
        """Go to a voltage, with the slew rate."""
        self._begin()
        self.voltage = voltage

    def set_current(self, current: float) -> None:
        """Change the limit of the current."""
        self.current = current

    def set_slew(self, slew: float) -> None:
        """Change the slew rate, also of a ramp that goes on."""
        self._begin()
        self.slew = slew

    def level(self) -> float:
        """Return how far the ramp has come, in volts."""
        distance = self.voltage - self._start
        gone = self.slew * (self._clock() - self._since)
        # "At once" is so, too, if the clock has not gone on.
        if self.slew == MAX_SLEW or gone >= abs(distance):
            return self.voltage
        return self._start + math.copysign(gone, distance)

    def measure(self) -> tuple[float, float]:
        """Return voltage and current at the terminals."""
        voltage = self.level() if self.is_on else 0.0
        current = min(voltage / self.load, self.current)
        return current * self.load, current

    def _begin(self) -> None:
        self._start = self.level()
        self._since = self._clock()


def _spell(value: float) -> str:
    return f"{value:.3f}" if value < 1e6 else f"{value:.2E}"
