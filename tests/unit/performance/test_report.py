"""What is said of a comparison: medians, verdict, table, plots, and nothing that is loaded from anywhere."""

import re

import pytest

from core.cli.perf_table import as_document
from core.performance.comparison import Comparison, compare, steps_of
from core.performance.measuring import Measurement
from core.performance.report import html
from core.performance.ways import WayName
from core.performance.wording import rows, verdict_words
from core.performance.workload import Workload
from core.runtime.histogram import Histogram
from core.settings.compute import ComputeSettings


def lagging(*late_ms: float) -> Histogram:
    histogram = Histogram()
    for each in late_ms:
        histogram.record_ns(round(each * 1e6))
    return histogram


def measured(late_ms: float, *, done: int = 100, failures: int = 0) -> Measurement:
    return Measurement(2.0, lagging(late_ms), 100, done, 50, 50 - failures, failures)


def compared(*ours: Measurement, floor_ms: float = 0.5) -> Comparison:
    others = tuple(measured(100.0, done=10) for _ in ours)
    rounds = {WayName.INLINE: others, WayName.DEFAULT_POOL: others, WayName.COMPUTER: ours}
    return Comparison(Workload(), 64, 1, tuple(lagging(floor_ms) for _ in ours), rounds)


def test_the_verdict_is_that_of_the_median_round() -> None:
    good, bad = measured(1.0), measured(80.0)
    assert compared(good, bad, good).verdict().holds is True
    assert compared(good, bad, bad).verdict().holds is False


@pytest.mark.parametrize("one", [measured(1.0, done=99), measured(1.0, failures=1)])
def test_one_failure_is_too_many(one: Measurement) -> None:
    verdict = compared(one).verdict()
    assert verdict.holds is False
    assert 99.0 < verdict.success_pct < 100.0


def test_a_machine_that_is_too_busy_gets_no_verdict() -> None:
    comparison = compared(measured(80.0), floor_ms=2.5)
    assert comparison.verdict().holds is None
    assert "no verdict" in verdict_words(comparison)
    assert "Run it again" in verdict_words(comparison)


def test_rates_count_what_was_done_in_the_time_that_it_took() -> None:
    ours = compared(measured(1.0)).summaries()[-1]
    assert (ours.way, ours.operations_per_s, ours.features_per_s) == ("AsyncFeatureComputer", 50.0, 25.0)


def test_rounds_go_through_all_ways_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.performance.comparison.measure", lambda *_: measured(1.0))
    monkeypatch.setattr("core.performance.comparison.measure_idle", lambda _: lagging(0.1))
    told: list[str] = []
    comparison = compare(Workload(), ComputeSettings(), 2, told.append)
    assert [len(each) for each in comparison.rounds.values()] == [2, 2, 2]
    assert len(told) == steps_of(2)
    assert len(comparison.floors) == 2 and comparison.floors[0].count == 2, "before and after"


def test_table_and_document_have_every_way() -> None:
    comparison = compared(measured(1.0))
    names = [row[0] for row in rows(comparison)]
    assert names == ["idle loop", "in the loop", "default pool", "AsyncFeatureComputer"]
    document = as_document(comparison)
    assert [way["way"] for way in document["ways"]] == names[1:]
    assert document["verdict"]["holds"] is True
    assert document["workload"]["operations"] == 500


def test_the_report_is_whole_and_loads_nothing() -> None:
    page = html(compared(measured(1.0)), "live_bot.py perf --html '<here>'", "2026-11-22 19:00 UTC")
    assert page.count("<svg") == page.count("</svg>") == 3
    assert "&lt;here&gt;" in page
    assert "operations a second" in page
    assert not re.search(r"<(script|link|img|iframe)\b|@import|url\((?!#)|href=\"(?!#)", page)
