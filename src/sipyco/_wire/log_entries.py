"""Entries of logs as lines, ``source:LEVEL<total_lines>:name:message``, and back."""

import re
from dataclasses import dataclass

__all__ = ["LEVELS", "LogEntry", "LogReader", "encode_entry", "parse_line"]

LEVELS = {
    "CRITICAL": 50,
    "ERROR": 40,
    "WARN": 30,
    "WARNING": 30,
    "INFO": 20,
    "DEBUG": 10,
    "TRACE": 5,
}
"""The levels that are understood, and their numbers in :mod:`logging`."""
