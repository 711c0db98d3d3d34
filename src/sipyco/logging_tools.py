"""The old name of :mod:`sipyco.logs`, which also gave away modules that it used."""

import asyncio
import atexit
import warnings

from sipyco.logs import (
    LogForwarder,
    LogParser,
    MultilineFormatter,
    Server,
    SourceFilter,
    log_with_name,
    multiline_log_config,
    parse_log_message,
)

__all__ = [
    "LogForwarder",
    "LogParser",
    "MultilineFormatter",
    "Server",
    "SourceFilter",
    "asyncio",
    "atexit",
    "log_with_name",
    "multiline_log_config",
    "parse_log_message",
]

warnings.warn(
    "sipyco.logging_tools is now called sipyco.logs; import the same names from there",
    DeprecationWarning,
    stacklevel=2,
)
