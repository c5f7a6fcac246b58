"""A file is the new one or the old one, whatever goes wrong; syncs are shown in `tests/integration/execution`."""

import os
import stat
from pathlib import Path

import pytest

from core.runtime.durable_files import make_folder, sync_folder, sync_path, write_durably


def test_what_is_written_is_there_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    write_durably(file, b"first")
    write_durably(file, b"second")
    assert {each.name: each.read_bytes() for each in tmp_path.iterdir()} == {"state.json": b"second"}


def test_a_secret_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("readable by all")
    write_durably(file, b"secret", mode=0o600)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_what_cannot_be_written_leaves_the_old_one_and_no_draft(tmp_path: Path) -> None:
    in_the_way = tmp_path / "state.json"
    (in_the_way / "folder").mkdir(parents=True)
    with pytest.raises(OSError, match=r"state\.json"):
        write_durably(in_the_way, b"new")
    assert [each.name for each in tmp_path.iterdir()] == ["state.json"]


def test_a_draft_that_a_crash_has_left_is_no_hindrance(tmp_path: Path) -> None:
    (tmp_path / f".state.json.{os.getpid()}").write_bytes(b"half")
    write_durably(tmp_path / "state.json", b"new")
    assert [each.name for each in tmp_path.iterdir()] == ["state.json"]


def test_folders_are_made_with_those_above_them(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    for _ in range(2):
        make_folder(folder)
    assert folder.is_dir()
    sync_path(folder)
    with pytest.raises(FileNotFoundError):
        sync_folder(folder / "c")
