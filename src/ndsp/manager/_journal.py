"""What was logged last by each controller, for those who ask, and what is logged, as it comes."""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator, Iterator
from typing import Any

__all__ = ["OWN", "Journal"]

OWN = "ctlmgr"
"""The source of what the manager itself logs about no controller in particular."""

ENTRIES = 1000
"""Entries that are kept of each source."""

LONGEST_MESSAGE = 8192
"""Characters that are kept of a message."""

UNREAD = 1000
"""Entries that wait for one who follows and does not keep up; then the oldest are dropped."""


class Journal(logging.Handler):
    """Remembers records by their source. Records may come from any thread.

    Entries are dicts: ``time`` (Unix time in seconds), ``level`` (its name), ``source``, ``name``
    (of the logger) and ``message``.
    """

    def __init__(self) -> None:
        super().__init__()
        self._entries: dict[str, deque[dict[str, Any]]] = {}
        self._followers: set[_Follower] = set()

    def emit(self, record: logging.LogRecord) -> None:
        """Remember a record."""
        try:
            message = record.getMessage()[:LONGEST_MESSAGE]
        except Exception:  # noqa: BLE001 - of the arguments, whatever they are; the program goes on
            self.handleError(record)
            return
        source = str(getattr(record, "source", OWN))
        entry = {
            "time": record.created,
            "level": record.levelname,
            "source": source,
            "name": record.name,
            "message": message,
        }
        self._entries.setdefault(source, deque(maxlen=ENTRIES)).append(entry)
        for follower in list(self._followers):
            follower.put(entry)

    def last_message(self, source: str) -> str:
        """Give the first line of the last message of a source; empty if there is none."""
        entries = self._entries.get(source)
        return entries[-1]["message"].partition("\n")[0] if entries else ""

    def entries(self, source: str | None, count: int) -> list[dict[str, Any]]:
        """Give the last entries of a source, or of all, the oldest first."""
        assert self.lock is not None
        with self.lock:
            if source is None:
                found = [entry for entries in self._entries.values() for entry in entries]
                found.sort(key=lambda entry: entry["time"])
            else:
                found = list(self._entries.get(source, ()))
        return found[-count:] if count > 0 else []

    async def follow(self, source: str | None, count: int) -> AsyncGenerator[dict[str, Any], None]:
        """Give the last entries and then all further ones as they come."""
        follower = _Follower(source)
        assert self.lock is not None
        with self.lock:  # so that no entry comes between these and those
            entries = self.entries(source, count)
            self._followers.add(follower)
        try:
            for entry in entries:
                yield entry
            while True:
                for entry in await follower.take():
                    yield entry
        finally:
            self._followers.discard(follower)


class _Follower:
    def __init__(self, source: str | None) -> None:
        self._source = source
        self._loop = asyncio.get_running_loop()
        self._entries: deque[dict[str, Any]] = deque(maxlen=UNREAD)
        self._has_come = asyncio.Event()

    def put(self, entry: dict[str, Any]) -> None:
        if self._source in {None, entry["source"]}:
            self._entries.append(entry)
            self._loop.call_soon_threadsafe(self._has_come.set)

    async def take(self) -> Iterator[dict[str, Any]]:
        await self._has_come.wait()
        self._has_come.clear()
        taken = list(self._entries)
        self._entries.clear()
        return iter(taken)
