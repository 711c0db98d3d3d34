"""The driver of the attenuator: the same code for the instrument and for its simulation."""

from ndsp.instruments import LineConnection

__all__ = ["Lda"]


class Lda:
    """A digital attenuator, 0 to 63 dB in steps of 0.5 dB, on a TCP socket.

    One command per line, one line back: `SET <dB>`, `GET` and `ID`, answered by `OK`, by a value
    or by `ERROR <reason>`. An instrument that does not answer is disconnected: its late answer
    would be taken for that to the next command. The next call connects anew.

    Args:
        device: The instrument, ``"HOST:PORT"``, such as ``"192.168.1.20:5025"``.
        timeout: Seconds to wait for it. Its slowest command takes 50 ms.

    Raises:
        ValueError: ``device`` is no such address, or what answers there is no such attenuator.
        ConnectionError: It cannot be reached. Nothing is left open, as after every error here.
        TimeoutError: It does not answer.
    """

    def __init__(self, device: str, timeout: float = 2.0) -> None:
        self._connection = LineConnection("the attenuator", device, timeout)
        try:
            self._identify(device)
        except BaseException:
            self.close()
            raise

    def get_attenuation(self) -> float:
        """Read the attenuation back from the instrument.

        Returns:
            Attenuation in dB, 0 to 63.

        Raises:
            TimeoutError: No answer in time (2 s).
            ConnectionError: The instrument is not there.
        """
        return float(self._ask("GET"))

    def set_attenuation(self, attenuation: float) -> None:
        """Change the attenuation; it is in effect when this returns.

        Args:
            attenuation: In dB, 0 to 63. The instrument resolves 0.5 dB.

        Raises:
            ValueError: Out of range, or not a multiple of 0.5 dB. Nothing was sent.
            TimeoutError: No answer in time (2 s). The old or the new value is in effect.
            ConnectionError: The instrument is not there. Likewise.
        """
        if not 0 <= attenuation <= 63 or attenuation % 0.5:
            raise ValueError(f"cannot set {attenuation!r} dB; choose 0 to 63 dB in steps of 0.5 dB")
        self._ask(f"SET {attenuation:.1f}")

    def ping(self) -> bool:
        """Tell whether the instrument answers.

        Raises:
            TimeoutError: It did not in time (2 s).
            ConnectionError: It is not there.
        """
        return self._ask("ID").startswith("LDA")

    def close(self) -> None:
        """Disconnect from the instrument.

        It keeps its attenuation, which is safe at any value: whoever restarts a controller does
        not want the light to change. Afterwards all other methods raise ConnectionError.
        """
        self._connection.close()

    def _identify(self, device: str) -> None:
        identity = self._ask("ID")
        if not identity.startswith("LDA"):
            raise ValueError(f"{device} is no LDA attenuator; it calls itself {identity!r}")

    def _ask(self, command: str) -> str:
        answer = self._connection.ask(command)
        if answer.startswith("ERROR"):
            reason = answer.removeprefix("ERROR ")
            raise RuntimeError(f"the attenuator refused {command!r}: {reason}")
        return answer
