"""The driver of the console: the smallest driver there is."""

__all__ = ["Hello"]


class Hello:
    """The console of the controller."""

    def message(self, msg: str) -> None:
        """Write a line to the console: ``message:``, a space and the text.

        Args:
            msg: The text, of any length.

        Raises:
            TypeError: It is no text. Nothing was written.
            UnicodeEncodeError: The console lacks one of its characters.
            OSError: The console is gone.
        """
        # At once: a console that is a pipe to another program would keep it back otherwise.
        print("message: " + msg, flush=True)  # noqa: T201  what this device is for
