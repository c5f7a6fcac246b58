"""A halt outlives a restart, and a file that cannot be read lets nothing in."""

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.risk.day_loss import DayStart
from core.risk.gate import RiskState
from core.risk.levels import RiskLevel
from core.risk.state_file import RiskStateFile
from tests.unprivileged import as_nobody

MONEY = st.decimals(allow_nan=False, allow_infinity=False, places=8, min_value=-(10**9), max_value=10**9)
STATES = st.builds(
    RiskState,
    st.sampled_from(RiskLevel),
    st.text(max_size=40),
    st.none() | st.builds(DayStart, st.integers(0, 40_000), MONEY, MONEY),
)


@given(state=STATES, epoch=st.none() | st.text(min_size=1, max_size=16))
def test_what_was_saved_is_loaded(
    tmp_path_factory: pytest.TempPathFactory, state: RiskState, epoch: str | None
) -> None:
    file = RiskStateFile(tmp_path_factory.getbasetemp() / "property" / "paper.risk.json")
    file.save(state, epoch)
    assert file.load(epoch) == state


def test_the_first_start_is_normal(tmp_path: Path) -> None:
    assert RiskStateFile(tmp_path / "none.json").load("e") == RiskState()


def test_other_books_begin_anew(tmp_path: Path) -> None:
    file = RiskStateFile(tmp_path / "state.json")
    file.save(RiskState(RiskLevel.NO_ENTRY, "DAILY_LOSS"), "first")
    assert file.load("second") == RiskState()


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "null",
        "{}",
        '{"epoch": "e", "level": "GONE", "reason": "", "day": null}',
        '{"epoch": "e", "level": "NORMAL", "reason": "", "day": 5}',
        '{"epoch": "e", "level": "NORMAL", "reason": "", "day": {"day": 1, "equity": "x", "profit": "0"}}',
        '{"epoch": "e", "level": "NORMAL", "reason": "", "day": {"day": 1}}',
    ],
)
def test_a_file_that_cannot_be_read_allows_no_entries_and_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "state.json").write_text(content)
    state = RiskStateFile(tmp_path / "state.json").load("e")
    assert state.level is RiskLevel.NO_ENTRY
    assert "state.json cannot be read" in state.reason


def test_a_file_without_permission_allows_no_entries(walkable_path: Path) -> None:
    path = walkable_path / "state.json"
    path.write_text("{}")
    path.chmod(0)
    assert as_nobody(lambda: RiskStateFile(path).load("e").level.value) == RiskLevel.NO_ENTRY.value


def test_a_save_that_fails_leaves_what_was_there(walkable_path: Path) -> None:
    path = walkable_path / "state.json"
    halted = RiskState(RiskLevel.NO_ENTRY, "by hand", DayStart(5, Decimal(1), Decimal(0)))
    RiskStateFile(path).save(halted, "e")
    path.chmod(0o644)
    walkable_path.chmod(0o555)

    def save() -> str:
        with pytest.raises(OSError, match="Permission denied"):
            RiskStateFile(path).save(RiskState(), "e")
        return RiskStateFile(path).load("e").reason

    assert as_nobody(save) == "by hand"
