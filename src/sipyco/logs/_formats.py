"""What a program does with its own log so that another one can read it."""

import logging
import sys

from sipyco._wire.log_entries import spell

__all__ = ["MultilineFormatter", "SourceFilter", "multiline_log_config"]


class MultilineFormatter(logging.Formatter):
    """Writes ``LEVEL:name:message``, and ``LEVEL<n>`` where there are n > 1 lines.

    The lines of a traceback count: :class:`LogParser` makes one entry of them again. Levels
    without a name of their own here are written as the next one below.
    """

    __module__ = "sipyco.logs"

    def __init__(self) -> None:
        super().__init__()  # the message and the traceback, nothing else

    def format(self, record: logging.LogRecord) -> str:
        """Return the text of a record, without the end of its last line."""
        return spell(record.levelno, record.name, super().format(record))


def multiline_log_config(level: int) -> None:
    """Let the root logger write to standard error as :class:`MultilineFormatter` does.

    Other handlers stay. When called again, only the level changes.

    Args:
        level: From which entries are written.
    """
    root = logging.getLogger()
    root.setLevel(level)
    for handler in root.handlers:
        is_ours = isinstance(handler.formatter, MultilineFormatter)
        if is_ours and getattr(handler, "stream", None) is sys.stderr:
            return
    handler = logging.StreamHandler()
    handler.setFormatter(MultilineFormatter())
    root.addHandler(handler)


class SourceFilter(logging.Filter):
    """Names the source of this program's own entries, and lets them pass from a level on.

    Entries that came from elsewhere have a source, and pass: their level was judged there.

    Args:
        local_level: Lowest level of own entries.
        local_source: Their source.
    """

    __module__ = "sipyco.logs"

    def __init__(self, local_level: int, local_source: str) -> None:
        super().__init__()
        self.local_level = local_level
        self.local_source = local_source

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether a record passes; name its source if it has none."""
        if not hasattr(record, "source"):
            record.source = self.local_source
            # Or the filter of the next handler would take the record for one from elsewhere.
            record.is_local = True
        return not hasattr(record, "is_local") or record.levelno >= self.local_level
