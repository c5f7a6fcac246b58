"""Each way to a trade and each reason against one."""

import random
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.decision.decision import Outcome
from core.domain.freshness import Moment, Stamp
from core.domain.orders import Leg, OrderType, Protection, Purpose, Side, TimeInForce
from core.domain.reasons import Reason
from core.domain.signals import Direction, Signal
from core.risk.checks import check_prices, check_quantity
from core.settings.risk import SizingSettings
from tests.unit.decision.cases import (
    BTC,
    CYCLE,
    FLAT,
    HOLD,
    LONG,
    NOW,
    SHORT,
    decided,
    evaluation,
    inputs,
    position,
)
from tests.unit.instruments import perpetual, quote

D = Decimal
ERROR = Reason("STRATEGY_RAISED", {"error": "KeyError"})


def refusal(case, **options):
    decision = decided(case, **options)
    assert decision.outcome is Outcome.NO_TRADE
    assert decision.proposal is None
    return str(decision.reasons[0])


def proposal(case, **options):
    decision = decided(case, **options)
    assert decision.outcome is Outcome.TRADE, decision.reasons
    assert decision.proposal is not None
    return decision.proposal


def test_a_long_signal_becomes_a_protected_entry():
    decision = decided(inputs(LONG))
    made = decision.proposal
    assert made.legs == (Leg(BTC.id, Side.BUY, D(10), OrderType.LIMIT, D("100.21"), time_in_force=TimeInForce.IOC),)
    assert made.purpose is Purpose.ENTRY
    assert made.protection == Protection(stop_price=D("98.01"))
    assert made.intent_id == CYCLE.intent_id
    assert made.cycle == "ema_cross|BTC/USDT|1m|1760000100000"
    assert made.reference_price == 100
    assert (made.strategies, made.reason) == (("ema_cross",), "ema_cross: fast crossed above slow")
    assert made.created_ns == NOW.trading_ns
    assert str(decision.reasons[0]) == "SIGNAL_LONG strategy=ema_cross side=buy quantity=10 limit=100.21"
    assert decision.targets == {"ema_cross": 0.1}


def test_a_flat_signal_sells_all_that_is_held_at_market():
    decision = decided(inputs(FLAT, held="9.99"))
    assert decision.proposal.legs == (Leg(BTC.id, Side.SELL, D("9.99"), OrderType.MARKET),)
    assert decision.proposal.purpose is Purpose.EXIT
    assert decision.proposal.protection is None
    assert str(decision.reasons[0]) == "SIGNAL_FLAT strategy=ema_cross side=sell quantity=9.99"


def test_a_target_that_shrank_is_sold_towards_under_its_own_name():
    decision = decided(inputs(Signal(Direction.LONG, strength=0.5), held="10", targets={"ema_cross": 0.1}))
    assert decision.proposal.purpose is Purpose.EXIT
    assert str(decision.reasons[0]) == "SIGNAL_LONG strategy=ema_cross side=sell quantity=5"


def old(seconds):
    return NOW.monotonic_ns - round(seconds * 1e9)


NO_ENTRY_WITHOUT = [
    (inputs(LONG, quote=None), "QUOTE_MISSING"),
    (inputs(LONG, quote=quote(99, 101, confirmed_ns=old(6))), "STALE_QUOTE age_s=6 limit_s=5"),
    (inputs(LONG, quote=quote(101, 99, confirmed_ns=old(1))), "QUOTE_INVALID bid=101 ask=99"),
    (inputs(LONG, balance=None), "BALANCE_MISSING"),
    (inputs(LONG, balance=Stamp(None, old(61))), "STALE_BALANCE age_s=61 limit_s=60"),
    (inputs(LONG, equity=D(0)), "EQUITY_MISSING equity=0"),
    (inputs(LONG, free_cash=D("4.5")), "SIZE_BELOW_MINIMUM"),
    (inputs(Signal(Direction.LONG, stop_distance=200.0)), "STOP_INVALID entry_price=100.01"),
]


@pytest.mark.parametrize(("case", "expected"), NO_ENTRY_WITHOUT)
def test_an_entry_needs_each_of_its_inputs(case, expected):
    assert refusal(case).startswith(expected)


@pytest.mark.parametrize(("case", "_"), NO_ENTRY_WITHOUT)
def test_an_exit_needs_none_of_them(case, _):
    way_out = replace(case, evaluations=inputs(FLAT).evaluations, position=position("10"))
    assert proposal(way_out).purpose is Purpose.EXIT


def test_outside_the_universe_one_only_gets_out():
    why = Reason("OUTSIDE_UNIVERSE", {"filter": "volume"})
    assert refusal(inputs(LONG, no_entry=why)) == "OUTSIDE_UNIVERSE filter=volume"
    assert proposal(inputs(FLAT, held="5", no_entry=why)).purpose is Purpose.EXIT
    turned = decided(inputs(SHORT, held="5", no_entry=why, instrument=perpetual(), short_selling=True))
    assert turned.proposal.purpose is Purpose.EXIT
    assert turned.reversal is None
    assert why in turned.reasons


def test_a_candle_decided_too_late_is_not_decided_on():
    late = Moment(NOW.trading_ns + 500_000_000_000, NOW.monotonic_ns, NOW.speed)
    assert refusal(inputs(LONG), now=late) == "STALE_CANDLE age_s=25.1 limit_s=20"
    assert refusal(inputs(FLAT, held="1"), now=late).startswith("STALE_CANDLE")
    slow = inputs(LONG, candle=Stamp(None, old(21)))
    assert refusal(slow) == "STALE_CANDLE age_s=21 limit_s=20"


def test_trading_time_that_runs_faster_makes_no_candle_old():
    later = Moment(NOW.trading_ns + 300_000_000_000, NOW.monotonic_ns + 2_000_000_000, NOW.speed)
    assert proposal(inputs(LONG), now=later).purpose is Purpose.ENTRY


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        (inputs(HOLD), "SIGNAL_HOLD strategy=ema_cross"),
        (inputs(HOLD, held="10"), "SIGNAL_HOLD strategy=ema_cross"),
        (inputs(FLAT), "SIGNAL_FLAT strategy=ema_cross"),
        (inputs(FLAT, held="0.00001"), "SIGNAL_FLAT strategy=ema_cross"),
        (inputs(LONG, held="9"), "POSITION_HELD held=9 target=10"),
        (inputs(LONG, in_flight=D(10)), "POSITION_HELD held=10 target=10"),
        (inputs(FLAT, held="10", in_flight=D(-10)), "POSITION_HELD held=0 target=0"),
        (inputs(FLAT, held="10", sellable=D(0)), "POSITION_DUST held=10"),
        (inputs(SHORT), "SHORT_NOT_SUPPORTED strategy=ema_cross"),
        (inputs(LONG, equity=D(20)), "SIZE_BELOW_MINIMUM quantity=0.02"),
        (inputs(ERROR), "STRATEGY_RAISED error=KeyError"),
        (inputs(Reason("WARMUP_MISSING")), "WARMUP_MISSING"),
        (inputs(ERROR, HOLD), "STRATEGY_RAISED error=KeyError"),
        (inputs(), "SIGNAL_HOLD strategy="),
    ],
)
def test_reasons_not_to_trade(case, expected):
    assert refusal(case).startswith(expected)


def test_volatility_that_cannot_be_measured_stops_entries_only():
    by_volatility = SizingSettings()
    blind = (evaluation(LONG, volatility=None),)
    assert refusal(replace(inputs(LONG), evaluations=blind), sizing=by_volatility) == "VOLATILITY_MISSING"
    blind_out = replace(inputs(FLAT, held="10"), evaluations=(evaluation(FLAT, volatility=None),))
    assert proposal(blind_out, sizing=by_volatility).purpose is Purpose.EXIT


def test_volatility_target_sizes_the_order():
    sizing = SizingSettings(target_volatility_pct=10, max_fraction_pct=50)
    made = proposal(inputs(LONG), sizing=sizing)
    assert made.legs[0].quantity == 20


def test_a_short_where_none_is_possible_closes_what_is_held_and_says_so():
    decision = decided(inputs(SHORT, held="10"))
    assert decision.proposal.legs[0].side is Side.SELL
    assert decision.proposal.purpose is Purpose.EXIT
    assert str(decision.reasons[1]) == "SHORT_NOT_SUPPORTED strategy=ema_cross"
    assert decision.targets == {"ema_cross": 0.0}


def test_a_long_turns_short_in_two_steps_of_one_decision():
    swap = perpetual()
    case = inputs(SHORT, held="20", instrument=swap, short_selling=True, free_cash=D(0))
    decision = decided(case)
    assert decision.proposal is not None and decision.reversal is not None
    (closing,), (opening,) = decision.proposal.legs, decision.reversal.legs
    assert (decision.proposal.purpose, decision.reversal.purpose) == (Purpose.EXIT, Purpose.ENTRY)
    assert (closing.side, closing.quantity, closing.reduce_only) == (Side.SELL, D(20), True)
    assert (opening.side, opening.quantity, opening.reduce_only) == (Side.SELL, D(10), False)
    assert decision.proposal.intent_id != decision.reversal.intent_id
    assert decision.reversal.protection is not None and decision.reversal.protection.stop_price == D("101.99")
    assert decided(case) == decision


def test_what_one_order_cannot_close_is_not_turned():
    swap = perpetual(market_max_quantity=D(15))
    decision = decided(inputs(SHORT, held="20", instrument=swap, short_selling=True, free_cash=D(0)))
    assert decision.proposal is not None and decision.proposal.legs[0].quantity == D(15)
    assert decision.reversal is None


def test_a_turn_that_cannot_be_priced_closes_and_says_why_it_does_not_open():
    case = inputs(SHORT, held="20", instrument=perpetual(), short_selling=True, free_cash=D(0), quote=None)
    decision = decided(case)
    assert decision.proposal is not None and decision.proposal.purpose is Purpose.EXIT
    assert decision.reversal is None
    assert [reason.code for reason in decision.reasons] == ["SIGNAL_SHORT", "QUOTE_MISSING"]


def test_a_short_where_it_is_possible():
    swap = perpetual()
    case = inputs(SHORT, instrument=swap, short_selling=True, free_cash=D(0))
    made = proposal(case)
    assert (made.legs[0].side, made.legs[0].price, made.purpose) == (Side.SELL, D("99.80"), Purpose.ENTRY)
    assert made.protection == Protection(stop_price=D("101.99"))
    assert decided(case).targets == {"ema_cross": -0.1}


# Netting


TWO = ("ema_cross", "second")


def test_strategies_that_agree_add_up_and_the_nearest_stop_counts():
    near = Signal(Direction.LONG, stop_distance=1.0, target_distance=9.0)
    decision = decided(inputs(LONG, near, strategies=TWO))
    assert decision.proposal.legs[0].quantity == 20
    assert decision.proposal.strategies == TWO
    assert decision.proposal.protection == Protection(D("99.01"), D("109.01"))
    assert decision.targets == {"ema_cross": 0.1, "second": 0.1}


def test_strategies_that_disagree_trade_only_the_difference():
    case = inputs(FLAT, LONG, held="10", targets={"ema_cross": 0.1, "second": 0.0}, strategies=TWO)
    decision = decided(case)
    assert decision.reasons[0].code == "POSITION_HELD"
    assert decision.targets == {"ema_cross": 0.0, "second": 0.1}


def test_one_strategy_s_exit_leaves_the_other_s_share():
    case = inputs(FLAT, held="20", targets={"ema_cross": 0.1, "second": 0.1}, strategies=TWO)
    assert proposal(case).legs[0].quantity == 10


def test_one_strategy_s_error_does_not_silence_the_other():
    case = inputs(ERROR, LONG, strategies=TWO)
    assert proposal(case).strategies == ("second",)


def test_the_sum_stays_within_one_position_s_limit():
    sizing = SizingSettings(method="fixed_fraction", fraction_pct=10, max_fraction_pct=15)
    assert proposal(inputs(LONG, LONG, LONG, strategies=(*TWO, "third")), sizing=sizing).legs[0].quantity == 15


def test_a_stop_ends_what_its_strategies_asked_for():
    """`second` was stopped out; when `ema_cross` enters, it enters for itself alone."""
    case = inputs(LONG, targets={"second": 0.3}, strategies=TWO)
    decision = decided(case)
    assert decision.proposal.legs[0].quantity == 10
    assert decision.targets == {"ema_cross": 0.1, "second": 0.0}


def test_a_target_outlives_the_wait_for_its_order():
    case = inputs(LONG, targets={"second": 0.1}, strategies=TWO, in_flight=D(10))
    assert decided(case).proposal.legs[0].quantity == 10


def test_after_a_restart_the_silent_share_what_is_held():
    held = decided(inputs(HOLD, held="20", strategies=TWO)).targets
    assert held == {"ema_cross": pytest.approx(0.1), "second": pytest.approx(0.1)}
    assert proposal(inputs(FLAT, held="20", strategies=TWO)).legs[0].quantity == pytest.approx(D(10), abs=D("0.001"))
    alone = proposal(inputs(FLAT, held="20"))
    assert alone.legs[0].quantity == 20


# Properties


def test_the_intent_is_the_cycle_s_alone():
    one = decided(inputs(LONG)).proposal
    other = decided(inputs(LONG, equity=D(5_000)), now=replace(NOW, monotonic_ns=NOW.monotonic_ns + 1)).proposal
    assert one.intent_id == other.intent_id
    assert len(one.intent_id) == 24
    changed = [
        replace(CYCLE, strategy="other"),
        replace(CYCLE, close_ms=CYCLE.close_ms + 60_000),
        replace(CYCLE, instrument_id="ETH/USDT"),
    ]
    assert len({CYCLE.intent_id, *(cycle.intent_id for cycle in changed)}) == 4


signals = st.builds(
    Signal,
    direction=st.sampled_from(list(Direction)),
    strength=st.floats(0, 1),
    stop_distance=st.none() | st.floats(0.02, 300),
    target_distance=st.none() | st.floats(0.02, 300),
    hold=st.booleans(),
)


@given(
    signals=st.lists(signals | st.just(ERROR), min_size=1, max_size=3),
    held=st.decimals(0, 200, places=8),
    in_flight=st.sampled_from([D(0), D(0), D(5), D(-5), D(50)]),
    equity=st.decimals(0, 100_000, places=2),
    free_cash=st.none() | st.decimals(0, 100_000, places=2),
    sellable=st.none() | st.decimals(0, 200, places=8),
    targets=st.dictionaries(st.sampled_from(["ema_cross", "second", "third"]), st.floats(0, 0.5)),
    has_quote=st.booleans(),
)
def test_whatever_comes_in_what_goes_out_is_sound(signals, has_quote, **given_inputs):
    held = given_inputs.pop("held")
    case = inputs(*signals, position=position(str(held)), strategies=("ema_cross", "second", "third"), **given_inputs)
    case = case if has_quote else replace(case, quote=None)
    decision = decided(case)
    assert decision == decided(case)
    assert decision.reasons
    assert (decision.proposal is None) == (decision.outcome is Outcome.NO_TRADE)
    assert set(decision.targets) == {"ema_cross", "second", "third"}
    if decision.proposal is None:
        return
    leg = decision.proposal.legs[0]
    assert check_prices(leg, decision.proposal.protection, BTC) is None
    assert check_quantity(leg, BTC) is None
    if leg.side is Side.SELL:
        assert decision.proposal.purpose is Purpose.EXIT
        assert leg.quantity <= held
    else:
        assert has_quote
        assert case.free_cash is None or leg.quantity * leg.price <= case.free_cash


def test_no_churn_over_a_random_day():
    """A strategy that says LONG again and again trades once, while the price wanders inside the band."""
    random.seed(4)
    held, targets, trades = "0", {}, 0
    for _ in range(500):
        mid = 100 + random.uniform(-5, 5)
        case = inputs(LONG, held=held, targets=targets, quote=quote(f"{mid:.2f}", f"{mid:.2f}", confirmed_ns=old(0)))
        decision = decided(case)
        targets = decision.targets
        if decision.proposal is not None:
            trades += 1
            held = str(decision.proposal.legs[0].quantity)
    assert trades == 1
