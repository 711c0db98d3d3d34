"""The driver of the attenuator: the same code for the instrument and for its simulation."""

import contextlib
import socket

TIMEOUT = 2.0
"""Seconds to wait for the instrument. Its slowest command takes 50 ms."""


class Lda:
    """A digital attenuator, 0 to 63 dB in steps of 0.5 dB, on a TCP socket.

    One command per line, one line back: `SET <dB>`, `GET` and `ID`, answered by `OK`, by a value
    or by `ERROR <reason>`. An instrument that does not answer is disconnected: its late answer
    would be taken for that to the next command.
    """

    def __init__(self, host: str, port: int) -> None:
        self._socket = socket.create_connection((host, port), TIMEOUT)
        self._lines = self._socket.makefile("r", encoding="ascii", newline="\n")

    def get_attenuation(self) -> float:
        """Read the attenuation back from the instrument.

        Returns:
            Attenuation in dB.

        Raises:
            TimeoutError: No answer within 2 s.
        """
        return float(self._ask("GET"))

    def set_attenuation(self, attenuation: float) -> None:
        """Change the attenuation; it is in effect when this returns.

        Args:
            attenuation: In dB, 0 to 63. The instrument resolves 0.5 dB.

        Raises:
            ValueError: Out of range, or not a multiple of 0.5 dB. Nothing was changed.
            TimeoutError: No answer within 2 s. The old or the new value is in effect.
        """
        if not 0 <= attenuation <= 63 or attenuation % 0.5:
            msg = f"cannot set {attenuation!r} dB; choose 0 to 63 dB in steps of 0.5 dB"
            raise ValueError(msg)
        self._ask(f"SET {attenuation:.1f}")

    def ping(self) -> bool:
        """Tell whether the instrument answers.

        Raises:
            TimeoutError: It did not within 2 s.
        """
        return self._ask("ID").startswith("LDA")

    def close(self) -> None:
        """Disconnect from the instrument. It keeps its attenuation."""
        with contextlib.closing(self._socket):
            self._lines.close()

    def _ask(self, command: str) -> str:
        self._socket.sendall(f"{command}\n".encode("ascii"))
        try:
            answer = self._lines.readline().rstrip("\n")
        except TimeoutError:
            self.close()
            raise
        if not answer:
            msg = f"the attenuator closed the connection instead of answering {command!r}"
            raise ConnectionResetError(msg)
        if answer.startswith("ERROR"):
            msg = f"the attenuator refused {command!r}: {answer.removeprefix('ERROR ')}"
            raise RuntimeError(msg)
        return answer
