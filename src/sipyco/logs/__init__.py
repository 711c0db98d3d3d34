"""Logs of many programs in one place, each entry with its source and its level.

Programs send them with a :class:`LogForwarder` to a :class:`Server`; of child processes, a
:class:`LogParser` reads what they print. Entries then are ordinary ones of :mod:`logging`, with the
attribute ``source``. Importing this module gives :mod:`logging` the level ``TRACE`` (5).
"""

import logging

from sipyco._wire.log_entries import LEVELS
from sipyco.logs._formats import MultilineFormatter, SourceFilter, multiline_log_config
from sipyco.logs._forwarder import LogForwarder
from sipyco.logs._parser import LogParser, log_with_name, parse_log_message
from sipyco.logs._server import Server

__all__ = [
    "LogForwarder",
    "LogParser",
    "MultilineFormatter",
    "Server",
    "SourceFilter",
    "log_with_name",
    "multiline_log_config",
    "parse_log_message",
]

logging.TRACE = LEVELS["TRACE"]  # type: ignore[attr-defined]  # programs find it there
logging.addLevelName(LEVELS["TRACE"], "TRACE")
