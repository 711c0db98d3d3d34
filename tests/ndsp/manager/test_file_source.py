"""The database of a file, now and after changes."""

import asyncio
from pathlib import Path

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
