"""The database of a file, now and after changes."""

import asyncio
from pathlib import Path

import pytest

from ndsp.device_db import DeviceDBError
from ndsp.manager._file_source import FileSource


def test_a_change_before_it_is_watched_is_not_missed(tmp_path: Path) -> None:
    file = tmp_path / "device_db.py"

    async def follow() -> list[str]:
        source = FileSource(file)
        before = await source.read()
        file.write_text('device_db = {"x": {"type": "dummy"}}')
        changes = source.changes()
        after = await anext(changes)
        await changes.aclose()
        return [*before, "then", *after]

    file.write_text("device_db = {}")
    assert asyncio.run(follow()) == ["then", "x"]


def test_a_module_beside_it_is_watched_too(tmp_path: Path) -> None:
    file = tmp_path / "device_db.py"
    (tmp_path / "common_ports.py").write_text("entries = {}")
    file.write_text("from common_ports import entries as device_db")

    async def follow() -> list[str]:
        source = FileSource(file)
        await source.read()
        changes = source.changes()
        changed = asyncio.ensure_future(anext(changes))
        while not changed.done():
            # Until it watches, changes of other files than the database itself are not seen.
            (tmp_path / "common_ports.py").write_text('entries = {"y": {"type": "dummy"}}')
            await asyncio.wait([changed], timeout=0.1)
        await changes.aclose()
        return list(changed.result())

    assert asyncio.run(follow()) == ["y"]


def test_a_database_that_loops_is_given_up_and_the_next_one_is_read(tmp_path: Path) -> None:
    file = tmp_path / "device_db.py"

    async def follow() -> list[str]:
        source = FileSource(file)
        source.patience = 0.2
        await source.read()
        # Not for ever: its thread stays.
        file.write_text(
            "import time\nend = time.monotonic() + 2\nwhile time.monotonic() < end: pass"
        )
        with pytest.raises(DeviceDBError, match=r"it takes more than 0\.2 s"):
            await source.read()
        changes = source.changes()
        file.write_text('device_db = {"z": {"type": "dummy"}}')
        source.patience = 20.0
        database = await anext(changes)
        await changes.aclose()
        return list(database)

    file.write_text("device_db = {}")
    assert asyncio.run(follow()) == ["z"]
