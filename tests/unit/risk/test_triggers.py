"""Each trigger of the kill switch: at its limit and not before, to the level that its setting says, off where off."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.facts import OrderChanged, OrderState
from core.risk.drawdown import Peak
from core.risk.gate import RiskGate, RiskState
from core.risk.levels import RiskLevel
from core.risk.request_outcomes import RequestOutcomes
from core.risk.triggers import Alarm, Vitals, alarms, strictest
from core.settings.risk import RiskSettings
from tests.unit.risk.orders import NOW, entry, later, order_of, valuation

D = Decimal
WELL = Vitals(day_loss_pct=0.0, drawdown_pct=0.0, requests=100, symbols=10, loop_lag_p99_ms=3.0, loop_lag_for_s=0.0)
CASES = {
    "daily_loss": (
        {"day_loss_pct": 5.0},
        {"day_loss_pct": 4.99},
        {"max_daily_loss_pct": None},
        "DAILY_LOSS loss_pct=5 limit_pct=5",
    ),
    "drawdown": (
        {"drawdown_pct": 20.0},
        {"drawdown_pct": 19.9},
        {"max_drawdown_pct": None},
        "DRAWDOWN_LIMIT drawdown_pct=20 limit_pct=20",
    ),
    "order_errors": (
        {"requests": 40, "failed_requests": 20},
        {"requests": 41, "failed_requests": 20},
        {"max_order_errors_pct": None},
        "ORDER_ERRORS failed=20 of=40 window_s=300 limit_pct=50",
    ),
    "stale_feeds": (
        {"stale_symbols": 5},
        {"stale_symbols": 4},
        {"max_stale_symbols_pct": None},
        "FEEDS_STALE stale=5 of=10 for_s=1800 limit_pct=50",
    ),
    "reconciliation_break": (
        {"breaks": ("BTC/USDT:USDT -3",)},
        {"breaks": ()},
        {"reconciliation_break_level": None},
        "RECONCILIATION_BREAK what=BTC/USDT:USDT -3",
    ),
    "loop_lag": (
        {"loop_lag_p99_ms": 1_500.0, "loop_lag_for_s": 180.0},
        {"loop_lag_p99_ms": 1_500.0, "loop_lag_for_s": 179.0},
        {"max_loop_lag_ms": None},
        "LOOP_LAG p99_ms=1500 for_s=180 limit_ms=1000",
    ),
}


@pytest.mark.parametrize("level", ["NO_ENTRY", "REDUCE_ONLY", "FLATTEN"])
@pytest.mark.parametrize("trigger", CASES)
def test_a_trigger_is_pulled_at_its_limit_to_its_level(trigger: str, level: str):
    reached, below, off, words = CASES[trigger]
    settings = RiskSettings(**{f"{trigger}_level": level})
    raised = alarms(replace(WELL, **reached), settings)
    assert [(str(alarm.reason), alarm.level) for alarm in raised] == [(words, RiskLevel(level))]
    assert alarms(replace(WELL, **below), settings) == ()
    assert alarms(replace(WELL, **reached), settings.model_copy(update=off)) == ()


def test_nothing_known_raises_nothing():
    assert alarms(Vitals(), RiskSettings()) == ()
    assert alarms(replace(WELL, requests=19, failed_requests=19), RiskSettings()) == (), "too few to tell"


def test_the_strictest_counts_the_first_of_its_level():
    reached = {key: value for case in CASES.values() for key, value in case[0].items()}
    everything = alarms(replace(WELL, **reached), RiskSettings(loop_lag_level="FLATTEN", drawdown_level="REDUCE_ONLY"))
    assert len(everything) == len(CASES)
    worst = strictest(everything)
    assert worst is not None and worst.reason.code == "LOOP_LAG"
    assert strictest(everything[:1] + everything[2:-1]) == everything[0]
    assert strictest(()) is None


@given(now=st.sampled_from(RiskLevel), wanted=st.sampled_from(RiskLevel))
def test_an_alarm_only_ever_tightens(now: RiskLevel, wanted: RiskLevel):
    gate = RiskGate(RiskSettings(), RiskState(now, "before", since_ns=1))
    heard: list[RiskLevel] = []
    gate.on_level(heard.append)
    reason = gate.heed(Alarm(wanted, alarms(replace(WELL, day_loss_pct=9.0), RiskSettings())[0].reason), 2)
    assert gate.level is (wanted if wanted.is_stricter_than(now) else now)
    assert (reason is not None) is wanted.is_stricter_than(now) is bool(heard)
    assert gate.state().since_ns == (2 if heard else 1)


def test_a_drawdown_over_days_is_measured_from_the_peak():
    gate = RiskGate(RiskSettings(max_daily_loss_pct=None, max_drawdown_pct=20, drawdown_level="FLATTEN"))
    gate.observe(valuation("10000"), NOW)
    gate.observe(valuation("12500", profit="2500"), later(86_400))
    assert gate.observe(valuation("10001", profit="1"), later(2 * 86_400)) is None
    assert str(gate.observe(valuation("10000", profit="0"), later(3 * 86_400))).startswith("DRAWDOWN_LIMIT")
    assert gate.level is RiskLevel.FLATTEN
    assert gate.statistics().drawdown_pct == 20


def test_the_peak_outlives_a_restart_and_withdrawals_but_not_a_resume():
    gate = RiskGate(RiskSettings())
    gate.observe(valuation("10000"), NOW)
    again = RiskGate(RiskSettings(), gate.state())
    assert again.observe(valuation("500"), NOW) is None, "withdrawn, not lost"
    again.observe(valuation("8500", profit="-1500"), later(86_400))
    assert again.statistics().drawdown_pct == 15
    again.set_level(RiskLevel.NO_ENTRY, "test")
    again.set_level(RiskLevel.NORMAL, "")
    again.observe(valuation("8500", profit="-1500"), later(86_400))
    assert again.statistics().drawdown_pct == 0


@given(st.lists(st.decimals(min_value=-5_000, max_value=5_000, places=2), min_size=1, max_size=30))
def test_the_peak_is_the_highest_to_within_its_step(profits: list[Decimal]):
    peak = Peak(D(10_000), D(0))
    for profit in profits:
        peak = peak.raised_to(valuation(str(10_000 + profit), profit=str(profit)))
    highest = max(D(0), *profits)
    assert highest - peak.profit <= (10_000 + highest) * D("0.0005")
    assert peak.profit <= highest


def changed(number: int, previous: OrderState, now: OrderState) -> OrderChanged:
    return OrderChanged(order_of(entry(number), now), previous)


def test_requests_count_once_each_when_they_have_ended_and_only_within_the_window():
    outcomes = RequestOutcomes(window_s=10)
    s = OrderState
    outcomes.on_fact(changed(1, s.INTENDED, s.REJECTED), 0)  # withdrawn: it never left
    outcomes.on_fact(changed(2, s.INTENDED, s.SUBMITTING), 0)
    assert outcomes.count(0) == (0, 0)
    outcomes.on_fact(changed(2, s.SUBMITTING, s.REJECTED), 1)
    outcomes.on_fact(changed(3, s.SUBMITTING, s.UNKNOWN), 2)
    outcomes.on_fact(changed(3, s.UNKNOWN, s.FILLED), 3)
    outcomes.on_fact(changed(4, s.SUBMITTING, s.ACCEPTED), 4)
    outcomes.on_fact(changed(4, s.ACCEPTED, s.FILLED), 5)
    assert outcomes.count(5) == (3, 2)
    assert outcomes.count(10_000_000_001) == (2, 1)
    outcomes.forget()
    assert outcomes.count(10_000_000_001) == (0, 0)


def test_the_window_is_bounded_however_many_there_are():
    outcomes = RequestOutcomes(window_s=10)
    for number in range(10_050):
        outcomes.on_fact(changed(1, OrderState.SUBMITTING, OrderState.REJECTED), number)
    assert outcomes.count(10_050) == (10_000, 10_000)
