import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.cli.moments import moment_ms
from core.domain.errors import SettingsError

NOW_MS = 1_795_383_180_123  # 2026-11-22T21:33:00.123Z


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("2026-11-22T21:33", 1_795_383_180_000),
        ("2026-11-22 21:33:00", 1_795_383_180_000),
        ("2026-11-22T22:33:00+01:00", 1_795_383_180_000),
        ("2026-11-22T21:33Z", 1_795_383_180_000),
        ("21:33", 1_795_383_180_000),
        (" 21:32:59 ", 1_795_383_179_000),
        ("1:00", 1_795_383_180_000 - (20 * 60 + 33) * 60_000),
        ("2h", NOW_MS - 7_200_000),
        ("0s", NOW_MS),
        ("1.5m", NOW_MS - 90_000),
        ("3d", NOW_MS - 3 * 86_400_000),
    ],
)
def test_the_forms_of_a_moment(text: str, ms: int) -> None:
    assert moment_ms(text, "--at", NOW_MS) == ms


@pytest.mark.parametrize("text", ["yesterday", "", "25:00", "2026-13-01", "9" * 400 + "d", "1969-01-01", "\x1b[31m"])
def test_anything_else_names_the_option_and_the_forms(text: str) -> None:
    with pytest.raises(SettingsError, match=r"--at .*2h"):
        moment_ms(text, "--at", NOW_MS)


@given(st.text(max_size=30))
def test_no_text_ends_in_another_error(text: str) -> None:
    with contextlib.suppress(SettingsError):
        assert isinstance(moment_ms(text, "--at", NOW_MS), int)
