"""The file that a run leaves behind: all that was promised, whole or not at all."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from core.api.summary import summarise, write_summary
from core.domain.status import LagMs
from tests.unprivileged import as_nobody
from unit.cli.pictures import picture

PROMISED = {
    "cycles",
    "decisions",
    "orders",
    "fills",
    "profit",
    "loop_lag_ms",
    "feed_reconnects",
    "rss_mb",
    "pss_tree_mb",
}


def test_it_says_all_that_was_promised() -> None:
    status = replace(picture(), loop_lag_ms=LagMs(0.25, 1.5, 9.0), rss_mb=123.456, profit="-12.34")
    summary = summarise(status, pss_tree_mb=234.567, exit_code=4)
    assert summary.keys() >= PROMISED
    assert summary["loop_lag_ms"] == {"p50": 0.25, "p95": None, "p99": 1.5, "max": 9.0}
    assert (summary["rss_mb"], summary["pss_tree_mb"]) == (123.5, 234.6)
    assert (summary["profit"], summary["exit_code"]) == ("-12.34", 4)
    assert (summary["cycles"], summary["orders"], summary["fills"]) == (status.cycles, status.orders, status.fills)
    assert summary["decisions"] == status.decisions
    assert json.loads(json.dumps(summary)) == summary


def test_it_replaces_what_was_there_and_leaves_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "summary.json"
    file.write_text("old")
    write_summary(file, {"cycles": 3})
    assert json.loads(file.read_text()) == {"cycles": 3}
    assert list(tmp_path.iterdir()) == [file]


def test_a_summary_that_cannot_be_encoded_leaves_the_old_one(tmp_path: Path) -> None:
    file = tmp_path / "summary.json"
    file.write_text("old")
    with pytest.raises(TypeError):
        write_summary(file, {"cycles": object()})
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_a_folder_without_permission_is_said_and_left_as_it_was(walkable_path: Path) -> None:
    folder = walkable_path / "closed"
    folder.mkdir(mode=0o555)

    def write() -> str:
        with pytest.raises(PermissionError):
            write_summary(folder / "summary.json", {"cycles": 3})
        return ",".join(each.name for each in folder.iterdir())

    assert as_nobody(write) == ""
