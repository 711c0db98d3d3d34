"""The attenuator itself, simulated: it answers the real commands on a real socket."""

from ndsp.instruments import LocalInstrument

__all__ = ["Simulation"]


class Simulation(LocalInstrument):
    """An attenuator on a local port that the system chooses; use it in a ``with`` statement.

    Attributes:
        attenuation: In dB; 63 when it is switched on, so that nothing gets through.
    """

    def __init__(self) -> None:
        super().__init__()
        self.attenuation = 63.0

    def answer(self, command: str) -> list[bytes]:
        """Carry out `ID`, `GET` or `SET <dB>`; one line is answered by one line."""
        return [f"{self._carry_out(command.split())}\n".encode("ascii")]

    def _carry_out(self, words: list[str]) -> str:
        match words:
            case ["ID"]:
                return "LDA-602 simulation"
            case ["GET"]:
                return f"{self.attenuation:.1f}"
            case ["SET", value]:
                try:
                    attenuation = float(value)
                except ValueError:
                    return "ERROR not a number"
                if not 0 <= attenuation <= 63:
                    return "ERROR out of range"
                self.attenuation = attenuation
                return "OK"
        return "ERROR unknown command"
