"""The curve of the equity: few points of any length of time, and none before there is anything to draw."""

from core.api.web.equity import MOST_POINTS, EquityCurve


def test_it_begins_when_the_account_is_in_the_books():
    curve = EquityCurve()
    for at_s, equity in enumerate((0.0, 0.0, 100.0, 90.0, 120.0)):
        curve.add(at_s * 1_000, equity)
    shown = [(each.at_ms, each.equity, each.drawdown_pct) for each in curve.points()]
    assert shown == [(2_000, 100.0, 0.0), (3_000, 90.0, 10.0), (4_000, 120.0, 0.0)]


def test_a_long_run_takes_no_more_points_than_a_short_one():
    curve = EquityCurve()
    for at_s in range(10 * MOST_POINTS):
        curve.add(at_s * 1_000, 100.0)
    points = curve.points()
    assert MOST_POINTS / 4 < len(points) < MOST_POINTS
    assert points[0].at_ms == 0
    assert points[-1].at_ms > 9.9 * MOST_POINTS * 1_000
