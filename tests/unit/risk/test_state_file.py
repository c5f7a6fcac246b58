"""A halt and the day's loss outlive a restart; what cannot be read allows no entries."""

from decimal import Decimal
from pathlib import Path

import pytest

from core.risk.day_loss import DayStart
from core.risk.gate import RiskState
from core.risk.levels import RiskLevel
from core.risk.state_file import RiskStateFile

STATES = [
    RiskState(),
    RiskState(RiskLevel.NO_ENTRY, "DAILY_LOSS loss_pct=5.1"),
    RiskState(RiskLevel.LOCKED, "by hand", DayStart(20_000, Decimal("100000.50"), Decimal("-12.25"))),
]


@pytest.mark.parametrize("state", STATES)
def test_what_is_saved_is_loaded(tmp_path: Path, state: RiskState) -> None:
    file = RiskStateFile(tmp_path / "journal" / "paper.risk.json")
    file.save(state, "epoch")
    assert file.load("epoch") == state
    assert [each.name for each in (tmp_path / "journal").iterdir()] == ["paper.risk.json"]


def test_other_books_begin_fresh(tmp_path: Path) -> None:
    file = RiskStateFile(tmp_path / "paper.risk.json")
    file.save(STATES[1], "old")
    assert file.load("new") == RiskState()
    assert RiskStateFile(tmp_path / "absent.json").load(None) == RiskState()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"epoch": null}', '{"epoch": null, "level": "HIGH", "reason": ""}'])
def test_an_unreadable_file_allows_no_entries_and_says_why(tmp_path: Path, text: str) -> None:
    path = tmp_path / "paper.risk.json"
    path.write_text(text)
    state = RiskStateFile(path).load(None)
    assert state.level is RiskLevel.NO_ENTRY
    assert "paper.risk.json" in state.reason
