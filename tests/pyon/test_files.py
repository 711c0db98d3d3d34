import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sipyco.pyon import DecodeError, EncodeError, load_file, store_file

posix = pytest.mark.skipif(os.name != "posix", reason="POSIX permissions and links")


def names(directory: Path) -> list[str]:
    return [file.name for file in directory.iterdir()]


def test_stored_values_are_loaded(tmp_path: Path) -> None:
    file = tmp_path / "x.pyon"
    store_file(file, {"b": (1,), "a": {2}})
    assert file.read_text() == '{\n    "a": {2},\n    "b": (1, )\n}\n'
    store_file(str(file), [(1,)], pretty=False, syntax="json")
    assert file.read_text() == '[{"__jsonclass__":["tuple",[[1]]]}]\n'
    store_file(file, [1], syntax="json", indent=1)
    assert file.read_bytes() == b"[\n 1\n]\n"
    assert load_file(str(file), parse_int=str) == ["1"]
    assert names(tmp_path) == ["x.pyon"]


def test_files_written_by_hand_are_loaded(tmp_path: Path) -> None:
    file = tmp_path / "device_db.pyon"
    file.write_bytes(
        b"\xef\xbb\xbf# devices\r\n{\r\n  'core': {'host': 'l\xc3\xa4b', 'on': True,},\r\n"
        b"  \"x\": None, # nothing\r\n  'b': rb'\\x', 'n': (0x1f, 1_000.5, -inf,),\r\n}\r\n"
    )
    assert load_file(file) == {
        "core": {"host": "läb", "on": True},
        "x": None,
        "b": b"\\x",
        "n": (31, 1000.5, float("-inf")),
    }


def test_errors_name_the_file(tmp_path: Path) -> None:
    file = tmp_path / "x.pyon"
    file.write_text("[1, 2\n")
    with pytest.raises(DecodeError) as caught:
        load_file(file)
    assert caught.value.__notes__ == [f"while reading {str(file)!r}"]
    with pytest.raises(FileNotFoundError):
        load_file(tmp_path / "none")


def test_a_name_may_be_bytes(tmp_path: Path) -> None:
    file = tmp_path / "x.pyon"
    store_file(os.fsencode(file), [1])
    assert load_file(os.fsencode(file)) == [1]
    for wrong in (None, 1):
        with pytest.raises(TypeError):
            store_file(wrong, [1])  # type: ignore[arg-type]


def test_a_file_that_cannot_be_written_is_told_by_the_name_that_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError) as missing:
        store_file(Path("missing", "x.pyon"), 1)
    assert str(missing.value).endswith(repr(str(Path("missing", "x.pyon"))))
    Path("directory").mkdir()
    with pytest.raises(OSError, match=r"\] .*: 'directory'$") as taken:
        store_file("directory", 1)
    assert (taken.value.filename, taken.value.filename2) == ("directory", None)
    assert names(tmp_path) == ["directory"]


def test_a_value_that_cannot_be_spelled_touches_nothing(tmp_path: Path) -> None:
    file = tmp_path / "x.pyon"
    file.write_text("[1]")
    with pytest.raises(EncodeError):
        store_file(file, object())
    assert file.read_text() == "[1]"
    assert names(tmp_path) == ["x.pyon"]


@posix
def test_permissions_follow_the_old_file_or_the_umask(tmp_path: Path) -> None:
    file = tmp_path / "x.pyon"
    before = os.umask(0o027)
    try:
        store_file(file, 1)
        assert stat.S_IMODE(file.stat().st_mode) == 0o640
        for mode in (0o600, 0o666, 0o444):
            file.chmod(mode)
            store_file(file, 2)
            assert stat.S_IMODE(file.stat().st_mode) == mode
    finally:
        os.umask(before)


@posix
def test_links_keep_pointing_to_the_file(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    file = tmp_path / "there" / "x.pyon"
    file.write_text("[1]")
    link = tmp_path / "link"
    link.symlink_to(file)
    store_file(link, [2])
    assert link.is_symlink()
    assert load_file(file) == [2]
    dangling = tmp_path / "dangling"
    dangling.symlink_to(tmp_path / "there" / "new")
    store_file(dangling, [3])
    assert load_file(tmp_path / "there" / "new") == [3]


class Stop(BaseException):
    pass


STEPS = ["open", "fdopen", "fsync", "chmod", "replace"]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("error", [OSError(28, "No space left"), Stop()])
def test_a_failing_step_leaves_the_old_file_and_no_litter(
    step: str, error: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "x.pyon"
    file.write_text("[1]")

    def fail(*args: Any, **kwargs: Any) -> Any:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(Path if step in ("chmod", "replace") else os, step, fail)
        with pytest.raises(type(error)):
            store_file(file, [2])
    assert load_file(file) == [1]
    assert names(tmp_path) == ["x.pyon"]


KILLED = """
import os, sys
from pathlib import Path
from sipyco.pyon import _files, store_file

count = 0
def dying(function):
    def call(*args, **kwargs):
        global count
        count += 1
        if count == int(sys.argv[2]):
            os._exit(9)
        return function(*args, **kwargs)
    return call

for name in ("open", "fdopen", "fsync", "close"):
    setattr(_files.os, name, dying(getattr(os, name)))
for name in ("chmod", "replace"):
    setattr(Path, name, dying(getattr(Path, name)))
store_file(sys.argv[1], ["new"])
"""


@posix
def test_a_program_that_dies_at_any_step_leaves_a_whole_file(tmp_path: Path) -> None:
    file = tmp_path / "x.pyon"
    contents = []
    for step in range(1, 20):
        file.write_text('["old"]')
        command = [sys.executable, "-c", KILLED, str(file), str(step)]
        status = subprocess.run(command, check=False).returncode
        contents.append(load_file(file)[0])
        if status == 0:
            break
    assert contents == sorted(contents, reverse=True)
    assert (contents[0], contents[-1]) == ("old", "new")
    assert 6 < len(contents) < 19


@posix
def test_the_content_is_on_the_disk_before_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def note_fsync(handle: int) -> None:
        events.append("directory" if stat.S_ISDIR(os.fstat(handle).st_mode) else "content")
        fsync(handle)

    def note_replace(self: Path, target: Path) -> Path:
        events.append("name")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", note_fsync)
    monkeypatch.setattr(Path, "replace", note_replace)
    store_file(tmp_path / "x", 1)
    assert events == ["content", "name", "directory"]
