"""Score and acceptance."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.candles import Timeframe
from core.domain.errors import SeriesRefused
from core.domain.series import SeriesKind, SeriesName
from core.history.quality.acceptance import accept, refusal
from core.history.quality.report import RULES, Finding, FindingKind, Place, QualityReport, score_of

NAME = SeriesName("files", SeriesKind.STOCK_BARS, "SPY", Timeframe.D1)


@st.composite
def findings(draw: st.DrawFn) -> list[Finding]:
    kinds = draw(st.lists(st.sampled_from(FindingKind), unique=True, max_size=6))
    return [_finding(draw, kind) for kind in kinds]


def _finding(draw: st.DrawFn, kind: FindingKind) -> Finding:
    count = draw(st.integers(1, 10_000))
    return Finding(kind, count, count + draw(st.integers(0, 1_000_000)), ())


def test_each_kind_has_a_rule_that_leaves_a_score_between_0_and_1():
    assert RULES.keys() == set(FindingKind)
    assert all(0 < rule.weight <= 1 and rule.half >= 0 for rule in RULES.values())
    assert score_of([]) == 1.0
    assert score_of([Finding(FindingKind.EMPTY, 1, 1, ())]) == 0.0


@given(findings(), st.data())
def test_one_more_defect_never_raises_the_score(before: list[Finding], data: st.DataObject):
    score = score_of(before)
    assert 0.0 <= score <= 1.0
    kind = data.draw(st.sampled_from(FindingKind))
    known = next((each for each in before if each.kind is kind), None)
    if known is None:
        after = [*before, _finding(data.draw, kind)]
    else:
        worse = Finding(kind, known.count + 1, max(known.of, known.count + 1), ())
        after = [worse if each.kind is kind else each for each in before]
    assert score_of(after) <= score


def test_a_poor_series_is_refused_with_its_reasons():
    split = Finding(FindingKind.SPLIT, 1, 5_849, (Place(0, "2014-06-09 04:00: from 645.57 to 93.7"),))
    report = QualityReport(NAME, 5_849, 0, 1, (split,))
    assert refusal(report, 0.7) is None
    assert accept(report, 0.7) is report
    with pytest.raises(SeriesRefused) as refused:
        accept(report, 0.75)
    assert str(refused.value) == (
        "files stock_bars SPY 1d: quality 0.70 is below 0.75: split: 1 of 5,849, first 2014-06-09 04:00:"
        " from 645.57 to 93.7"
    )


def test_a_refusal_names_the_costliest_reasons_and_counts_the_others():
    many = tuple(Finding(kind, 1, 1, ()) for kind in list(FindingKind)[1:6])
    reason = refusal(QualityReport(NAME, 1, 0, 0, many), 0.9)
    assert reason is not None
    assert reason.endswith("; and 2 more")
