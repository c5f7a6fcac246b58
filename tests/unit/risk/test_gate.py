"""The gate by hand: each refusal, each exemption, what stays reserved and for how long."""

from dataclasses import replace
from decimal import Decimal

import pytest

from core.domain.facts import OrderState
from core.domain.freshness import Moment
from core.domain.instruments import InstrumentStatus
from core.domain.orders import Leg, OrderType, Protection, Purpose, Side
from core.risk.approval import ApprovedIntent, Refused
from core.risk.day_loss import DayStart
from core.risk.drawdown import Peak
from core.risk.gate import RiskGate, RiskState
from core.risk.levels import MOVES, PERMITTED, IllegalLevelMove, RiskLevel
from core.settings.risk import RiskSettings
from tests.unit.instruments import quote
from tests.unit.risk.orders import (
    BTC,
    ETH,
    NOW,
    SOL,
    booked,
    changed,
    entry,
    exit_,
    later,
    order_of,
    proposal,
    valuation,
    world,
)

D = Decimal


def gate(**limits):
    return RiskGate(RiskSettings(**limits))


def refusal(judged):
    assert isinstance(judged, Refused), judged
    return judged.reason


def approved(judged):
    assert isinstance(judged, ApprovedIntent), judged
    return judged


def test_a_sound_entry_passes_with_a_term_and_an_epoch():
    keeper = gate(approval_valid_s=2.0)
    intent = approved(keeper.judge(entry(1), world(), NOW))
    assert intent.valid_until_ns == NOW.monotonic_ns + 2_000_000_000
    assert intent.risk_epoch == keeper.statistics().epoch
    assert keeper.still_valid(intent, NOW.monotonic_ns) is None
    assert keeper.in_flight(BTC.id) == 1
    assert keeper.reserved_cash("USDT") == 100


STALE = {BTC.id: quote(99, 101, confirmed_ns=NOW.monotonic_ns - 6_000_000_000)}


@pytest.mark.parametrize(
    ("made", "where", "limits", "expected"),
    [
        (entry(1, "0.000015"), world(), {}, "QUANTITY_OFF_GRID quantity=0.000015 lot_size=0.00001"),
        (entry(1, "-1"), world(), {}, "QUANTITY_OFF_GRID"),
        (entry(1, "9001"), world(), {}, "QUANTITY_ABOVE_MAXIMUM quantity=9001 maximum=9000"),
        (entry(1, price="100.001"), world(), {}, "PRICE_OFF_GRID price=100.001 tick_size=0.01"),
        (entry(1, protection=Protection(D("99.999"))), world(), {}, "PRICE_OFF_GRID protect_stop=99.999"),
        (entry(1, protection=Protection(D("-1"))), world(), {}, "PRICE_OFF_GRID protect_stop=-1"),
        (entry(1, "0.04"), world(), {}, "NOTIONAL_BELOW_MINIMUM notional=4 minimum=5"),
        (entry(1, symbol=replace(BTC, id="DOGE/USDT")), world(), {}, "INSTRUMENT_UNKNOWN symbol=DOGE/USDT"),
        (entry(1), world(quotes={}), {}, "QUOTE_MISSING"),
        (entry(1), world(quotes=STALE), {}, "STALE_QUOTE age_s=6 limit_s=5"),
        (entry(1), world(quotes={BTC.id: quote(101, 100, confirmed_ns=NOW.monotonic_ns)}), {}, "QUOTE_INVALID"),
        (entry(1, price="101.02"), world(), {}, "PRICE_COLLAR price=101.02 reference=100 touch=100.01 bps=101"),
        (entry(1, price=None, reference_price=D(98)), world(), {}, "PRICE_COLLAR price=None reference=98"),
        (entry(1), world(equity="0"), {}, "EQUITY_MISSING equity=0"),
        (entry(1, "3"), world(), {"max_order_notional_usd": 250}, "EXPOSURE_ORDER value=300 limit=250"),
        (entry(1, "3"), world({BTC: "1"}), {"max_symbol_notional_usd": 350}, "EXPOSURE_SYMBOL value=400 limit=350"),
        (entry(1, "3"), world({ETH: "98"}), {}, "EXPOSURE_GROSS value=10100 limit=10000"),
        (entry(1), world({ETH: "1", SOL: "1"}), {"max_open_positions": 2}, "POSITIONS_TOO_MANY open=2 limit=2"),
        (entry(1, "3"), world(cash="299"), {}, "CASH_INSUFFICIENT asset=USDT needed=300 free=299"),
        (entry(1), world(), {"max_orders_per_minute": 0}, "ORDERS_TOO_MANY last_minute=0 limit=0"),
        (entry(1, price=None), world(cash="100"), {}, "CASH_INSUFFICIENT asset=USDT needed=100.01 free=100"),
    ],
)
def test_entries_are_refused_with_the_number_that_refused_them(made, where, limits, expected):
    keeper = gate(**limits)
    reason = refusal(keeper.judge(made, where, NOW))
    assert str(reason).startswith(expected)
    assert keeper.statistics().refused == {reason.code: 1}
    assert keeper.statistics().claims == 0


@pytest.mark.parametrize(
    "changes",
    [{"status": InstrumentStatus.HALTED}, {"status": InstrumentStatus.CANCEL_ONLY}],
)
@pytest.mark.parametrize("make", [entry, exit_])
def test_an_instrument_that_takes_no_orders_gets_none(make, changes):
    where = world({BTC: "1"})
    where = replace(where, instruments={BTC.id: replace(BTC, **changes)})
    assert refusal(gate().judge(make(1), where, NOW)).code == "INSTRUMENT_HALTED"


def test_the_venue_s_price_band_is_kept():
    where = replace(world(), instruments={BTC.id: replace(BTC, price_band_up=D("1.001"), price_band_down=D("0.5"))})
    assert refusal(gate().judge(entry(1, price="100.20"), where, NOW)).code == "PRICE_BAND"
    approved(gate().judge(entry(1, price="100.10"), where, NOW))


def test_limits_may_be_switched_off():
    off = dict.fromkeys(
        (
            "max_order_notional_usd",
            "max_symbol_notional_usd",
            "max_gross_exposure_pct",
            "max_open_positions",
            "max_orders_per_minute",
            "price_collar_bps",
            "max_daily_loss_pct",
        )
    )
    approved(gate(**off).judge(entry(1, "5000", price="150"), world(), NOW))


def test_other_limits_count_from_the_next_judgement_on():
    keeper = gate()
    before = approved(keeper.judge(entry(1, "3"), world(), NOW))
    keeper.use(RiskSettings(max_order_notional_usd=250))
    assert refusal(keeper.judge(entry(2, "3"), world(), NOW)).code == "EXPOSURE_ORDER"
    assert keeper.still_valid(before, NOW.monotonic_ns) is None
    keeper.use(RiskSettings())
    approved(keeper.judge(entry(3, "3"), world(), NOW))


def test_positions_without_a_price_make_exposure_unknowable():
    where = world({ETH: "1"})
    where = replace(where, valuation=replace(where.valuation, unpriced=(ETH.id,)))
    assert str(refusal(gate().judge(entry(1), where, NOW))) == "MARK_MISSING symbol=ETH/USDT"
    # an asset nobody trades (old airdrops) is no position
    approved(gate().judge(entry(1), replace(where, valuation=replace(where.valuation, unpriced=("DOGE",))), NOW))


def test_dust_is_not_an_open_position():
    approved(gate(max_open_positions=1).judge(entry(1), world({ETH: "0.01"}), NOW))


def test_adding_to_an_open_position_is_not_a_new_one():
    approved(gate(max_open_positions=1).judge(entry(1), world({BTC: "1"}), NOW))


def test_other_settle_assets_are_converted_or_refused():
    pair = replace(ETH, id="ETH/BTC", quote="BTC", settle="BTC")
    where = world(
        instruments={pair.id: pair}, quotes={pair.id: quote("99.99", "100.01", confirmed_ns=NOW.monotonic_ns)}
    )
    assert refusal(gate().judge(entry(1, symbol=pair), where, NOW)).code == "MARK_MISSING"
    priced = replace(where, rates={"BTC": D(500)})
    reason = refusal(gate().judge(entry(1, symbol=pair), priced, NOW))
    assert str(reason) == "EXPOSURE_GROSS value=50000 limit=10000"


def test_two_symbols_cannot_both_take_the_last_of_the_exposure():
    keeper = gate(max_gross_exposure_pct=150)
    approved(keeper.judge(entry(1, "90"), world(), NOW))
    reason = refusal(keeper.judge(entry(2, "90", symbol=ETH), world(), NOW))
    assert str(reason) == "EXPOSURE_GROSS value=18000 limit=15000"


def test_two_symbols_cannot_both_take_the_last_of_the_cash():
    keeper = gate()
    approved(keeper.judge(entry(1, "6"), world(cash="1000"), NOW))
    assert str(refusal(keeper.judge(entry(2, "6", symbol=ETH), world(cash="1000"), NOW))) == (
        "CASH_INSUFFICIENT asset=USDT needed=600 free=400"
    )


def test_two_symbols_cannot_both_take_the_last_free_place():
    keeper = gate(max_open_positions=1)
    approved(keeper.judge(entry(1), world(), NOW))
    assert refusal(keeper.judge(entry(2, symbol=ETH), world(), NOW)).code == "POSITIONS_TOO_MANY"


def test_one_intent_is_judged_once():
    keeper = gate()
    approved(keeper.judge(entry(1), world(), NOW))
    assert refusal(keeper.judge(entry(1), world(), NOW)).code == "INTENT_REPEATED"
    keeper.release(entry(1).intent_id)
    assert refusal(keeper.judge(entry(1), world(), NOW)).code == "INTENT_REPEATED"


def test_intents_of_an_earlier_run_are_not_judged_again():
    keeper = gate()
    keeper.recover([], intents=[entry(1).intent_id])
    assert refusal(keeper.judge(entry(1), world(), NOW)).code == "INTENT_REPEATED"


def test_entries_a_minute_are_counted_in_real_time():
    keeper = gate(max_orders_per_minute=2)
    approved(keeper.judge(entry(1), world(), NOW))
    approved(keeper.judge(entry(2), world(), NOW))
    assert refusal(keeper.judge(entry(3), world(), NOW)).code == "ORDERS_TOO_MANY"
    approved(keeper.judge(exit_(4), world({BTC: "1"}), NOW))
    minute_later = Moment(NOW.trading_ns, NOW.monotonic_ns + 60_000_000_000)
    fresh = {BTC.id: quote("99.99", "100.01", confirmed_ns=minute_later.monotonic_ns)}
    approved(keeper.judge(entry(5), world(quotes=fresh), minute_later))


# What is reserved, and until when


def test_a_reservation_moves_into_the_order_and_shrinks_with_its_fills():
    keeper = gate()
    made = entry(1, "4")
    approved(keeper.judge(made, world(), NOW))
    keeper.on_fact(changed(order_of(made, OrderState.INTENDED)))
    keeper.on_fact(changed(order_of(made, OrderState.INTENDED)))
    assert (keeper.in_flight(BTC.id), keeper.statistics().claims) == (4, 1)
    keeper.on_fact(booked(order_of(made, OrderState.PARTIALLY_FILLED, "1.5"), "1.5"))
    assert (keeper.in_flight(BTC.id), keeper.reserved_cash("USDT")) == (D("2.5"), 250)
    keeper.on_fact(changed(order_of(made, OrderState.CANCELLED, "1.5")))
    assert (keeper.in_flight(BTC.id), keeper.statistics().claims) == (0, 0)
    keeper.on_fact(changed(order_of(made, OrderState.CANCELLED, "1.5")))
    assert not keeper.release(made.intent_id)
    assert keeper.statistics().claims == 0


def test_an_ended_order_keeps_what_the_venue_filled_until_it_is_booked():
    keeper = gate()
    made = entry(1, "4")
    approved(keeper.judge(made, world(), NOW))
    keeper.on_fact(changed(order_of(made, OrderState.FILLED, filled="0", unbooked="4")))
    assert keeper.in_flight(BTC.id) == 4
    keeper.on_fact(booked(order_of(made, OrderState.FILLED, filled="4"), "4"))
    assert keeper.in_flight(BTC.id) == 0


@pytest.mark.parametrize("end", [OrderState.REJECTED, OrderState.ABSENT, OrderState.EXPIRED])
def test_an_order_that_came_to_nothing_gives_all_back(end):
    keeper = gate()
    made = entry(1, "4")
    approved(keeper.judge(made, world(), NOW))
    keeper.on_fact(changed(order_of(made, end)))
    assert keeper.statistics().claims == 0
    # and the dead may rise: a venue that had refused it shows it after all
    keeper.on_fact(changed(order_of(made, OrderState.ACCEPTED)))
    assert keeper.in_flight(BTC.id) == 4


def test_an_intent_that_never_left_is_released_once():
    keeper = gate()
    intent = approved(keeper.judge(entry(1), world(), NOW))
    assert keeper.release(intent.proposal.intent_id)
    assert not keeper.release(intent.proposal.intent_id)
    assert keeper.in_flight(BTC.id) == 0
    assert keeper.still_valid(intent, NOW.monotonic_ns).code == "APPROVAL_MISSING"


def test_legs_become_orders_one_by_one():
    keeper = gate()
    legs = (Leg(BTC.id, Side.BUY, D(1), OrderType.MARKET), Leg(ETH.id, Side.BUY, D(2), OrderType.MARKET))
    made = proposal(1, Purpose.ENTRY, *legs)
    approved(keeper.judge(made, world(), NOW))
    first = order_of(made)
    keeper.on_fact(changed(replace(first, state=OrderState.REJECTED)))
    assert (keeper.in_flight(BTC.id), keeper.in_flight(ETH.id)) == (0, 2)
    second = replace(first, client_order_id="c2", leg=legs[1])
    keeper.on_fact(changed(second))
    assert (keeper.in_flight(ETH.id), keeper.statistics().claims) == (2, 1)


def test_orders_of_an_earlier_run_are_adopted_at_their_worst():
    keeper = gate()
    keeper.recover([order_of(entry(7, "60"), OrderState.UNKNOWN, "10")])
    assert keeper.in_flight(BTC.id) == 50
    reason = refusal(keeper.judge(entry(1, "60", symbol=ETH), world({BTC: "10"}), NOW))
    assert str(reason) == "EXPOSURE_GROSS value=12000 limit=10000"
    market = gate()
    market.recover([order_of(entry(7, "60", price=None))])
    assert refusal(market.judge(entry(1, "45", symbol=ETH), world(), NOW)).code == "EXPOSURE_GROSS"
    unpriced = world(quotes={ETH.id: quote("99.99", "100.01", confirmed_ns=NOW.monotonic_ns)})
    assert str(refusal(market.judge(entry(2, symbol=ETH), unpriced, NOW))) == "MARK_MISSING symbol=BTC/USDT"


# UNKNOWN


def test_an_unknown_order_blocks_new_risk_in_its_instrument_only():
    keeper = gate()
    made = entry(1)
    approved(keeper.judge(made, world(), NOW))
    other = approved(keeper.judge(entry(2), world(), NOW))
    keeper.on_fact(changed(order_of(made, OrderState.UNKNOWN)))
    assert keeper.statistics().unknown_orders == 1
    assert str(refusal(keeper.judge(entry(3), world(), NOW))) == "ORDER_UNKNOWN symbol=BTC/USDT order=c1"
    assert keeper.still_valid(other, NOW.monotonic_ns).code == "ORDER_UNKNOWN"
    approved(keeper.judge(entry(4, symbol=ETH), world(), NOW))
    approved(keeper.judge(exit_(5), world({BTC: "1"}), NOW))
    assert keeper.in_flight(BTC.id) == 1
    keeper.on_fact(changed(order_of(made, OrderState.ABSENT)))
    approved(keeper.judge(entry(6), world(), NOW))


def test_an_unknown_stop_blocks_too_but_is_no_trade_under_way():
    keeper = gate()
    stop = Leg(BTC.id, Side.SELL, D(1), OrderType.STOP_LOSS, stop_price=D(90))
    keeper.on_fact(changed(order_of(proposal(1, Purpose.PROTECT, stop), OrderState.UNKNOWN)))
    assert keeper.in_flight(BTC.id) == 0
    assert refusal(keeper.judge(entry(2), world({BTC: "1"}), NOW)).code == "ORDER_UNKNOWN"


def test_a_triggered_stop_is_a_trade_under_way():
    keeper = gate()
    stop = proposal(1, Purpose.PROTECT, Leg(BTC.id, Side.SELL, D(1), OrderType.STOP_LOSS, stop_price=D(90)))
    keeper.on_fact(booked(order_of(stop, OrderState.PARTIALLY_FILLED, "0.4"), "0.4"))
    assert keeper.in_flight(BTC.id) == D("-0.6")


# Exits


def test_exits_pass_where_entries_would_not():
    keeper = gate(max_gross_exposure_pct=1, max_orders_per_minute=0, max_symbol_notional_usd=1, cooldown_s=1_000)
    where = world({BTC: "50"}, equity="0", quotes=STALE, cash="0")
    approved(keeper.judge(exit_(1, "50"), where, NOW))


def test_an_exit_cannot_be_larger_than_what_is_held_and_not_leaving():
    keeper = gate()
    where = world({BTC: "2"})
    assert refusal(keeper.judge(exit_(1, "3"), where, NOW)).code == "EXIT_EXCEEDS_POSITION"
    approved(keeper.judge(exit_(2, "1.5"), where, NOW))
    reason = refusal(keeper.judge(exit_(3, "1"), where, NOW))
    assert str(reason) == "EXIT_EXCEEDS_POSITION quantity=1 held=2 leaving=1.5"
    approved(keeper.judge(exit_(4, "0.5"), where, NOW))
    assert refusal(gate().judge(exit_(5), world(), NOW)).code == "EXIT_EXCEEDS_POSITION"


def test_an_exit_in_the_position_s_own_direction_is_an_entry_in_disguise():
    leg = Leg(BTC.id, Side.BUY, D(1), OrderType.MARKET)
    reason = refusal(gate().judge(proposal(1, Purpose.EXIT, leg), world({BTC: "2"}), NOW))
    assert reason.code == "EXIT_EXCEEDS_POSITION"


def test_approved_exits_outlive_terms_and_epochs():
    keeper = gate()
    out = approved(keeper.judge(exit_(1), world({BTC: "1"}), NOW))
    into = approved(keeper.judge(entry(2, symbol=ETH), world(), NOW))
    hour_later = later(3_600).monotonic_ns
    assert keeper.still_valid(out, hour_later) is None
    assert keeper.still_valid(into, hour_later).code == "APPROVAL_EXPIRED"
    keeper.set_level(RiskLevel.NO_ENTRY, "test")
    assert keeper.still_valid(out, hour_later) is None
    assert keeper.still_valid(into, NOW.monotonic_ns).code == "LEVEL_FORBIDS"
    keeper.set_level(RiskLevel.NORMAL, "")
    assert keeper.still_valid(into, NOW.monotonic_ns).code == "EPOCH_CHANGED"


def test_cooldown_counts_from_the_last_exit_in_trading_time():
    keeper = gate(cooldown_s=60)
    out = order_of(exit_(1), OrderState.FILLED, "1")
    keeper.on_fact(booked(out, "1", at_ns=later(-59).trading_ns))
    assert str(refusal(keeper.judge(entry(2), world(), NOW))) == "COOLDOWN_ACTIVE since_s=59 cooldown_s=60"
    approved(keeper.judge(entry(3, symbol=ETH), world(), NOW))
    approved(keeper.judge(entry(4), world(), replace(NOW, trading_ns=later(1).trading_ns)))
    restarted = gate(cooldown_s=60)
    restarted.recover([], left_ns={out.leg.instrument_id: later(-59).trading_ns})
    assert refusal(restarted.judge(entry(5), world(), NOW)).code == "COOLDOWN_ACTIVE"


def test_entries_fills_start_no_cooldown():
    keeper = gate(cooldown_s=60)
    keeper.on_fact(booked(order_of(entry(1), OrderState.FILLED, "1"), "1"))
    approved(keeper.judge(entry(2), world(), NOW))


# Levels and the day's loss


def test_every_level_lets_through_what_its_table_says():
    stop = Leg(BTC.id, Side.SELL, D(1), OrderType.STOP_LOSS, stop_price=D(90))
    makers = {Purpose.ENTRY: entry(1), Purpose.EXIT: exit_(1), Purpose.PROTECT: proposal(1, Purpose.PROTECT, stop)}
    for level in RiskLevel:
        for purpose, made in makers.items():
            keeper = RiskGate(RiskSettings(), RiskState(level=level, reason="test"))
            judged = keeper.judge(made, world({BTC: "1"}), NOW)
            assert isinstance(judged, ApprovedIntent) == (purpose in PERMITTED[level])
            if isinstance(judged, Refused):
                assert judged.reason.code == "LEVEL_FORBIDS"


def test_levels_move_only_as_the_table_says():
    for now in RiskLevel:
        for wanted in RiskLevel:
            keeper = RiskGate(RiskSettings(), RiskState(level=now))
            if wanted is now or wanted in MOVES[now]:
                keeper.set_level(wanted, "why")
                assert keeper.level is wanted
                assert keeper.statistics().epoch == (1 if wanted is now else 2)
            else:
                with pytest.raises(IllegalLevelMove, match=f"cannot go from {now} to {wanted}"):
                    keeper.set_level(wanted, "why")
                assert keeper.level is now


def test_getting_stricter_is_always_possible_but_out_of_a_flattening():
    order = list(RiskLevel)
    for index, level in enumerate(order):
        if level is not RiskLevel.FLATTEN:
            assert set(order[index + 1 :]) <= MOVES[level]


def test_the_day_s_loss_sets_no_entry_once_and_says_so():
    keeper = gate(max_daily_loss_pct=5)
    assert keeper.observe(valuation("10000"), NOW) is None
    assert keeper.observe(valuation("9501", profit="-499"), NOW) is None
    reason = keeper.observe(valuation("9500", profit="-500"), NOW)
    assert str(reason) == "DAILY_LOSS loss_pct=5 limit_pct=5"
    assert keeper.observe(valuation("9400", profit="-600"), NOW) is None
    assert keeper.level is RiskLevel.NO_ENTRY
    assert keeper.statistics().reason == str(reason)
    assert keeper.statistics().day_loss_pct == 6
    assert refusal(keeper.judge(entry(1), world(), NOW)).code == "LEVEL_FORBIDS"
    approved(keeper.judge(exit_(2), world({BTC: "1"}), NOW))


def test_judging_measures_the_loss_itself():
    keeper = gate()
    keeper.observe(valuation("10000"), NOW)
    where = world(valuation=valuation("9000", profit="-1000"))
    assert refusal(keeper.judge(entry(1), where, NOW)).code == "DAILY_LOSS"


def test_a_new_day_measures_anew_but_does_not_re_arm():
    keeper = gate()
    keeper.observe(valuation("10000"), NOW)
    keeper.observe(valuation("9000", profit="-1000"), NOW)
    tomorrow = later(86_400)
    assert keeper.observe(valuation("9000", profit="-1000"), tomorrow) is None
    assert keeper.statistics().day_loss_pct == 0
    assert keeper.level is RiskLevel.NO_ENTRY


def test_re_arming_by_hand_measures_from_there():
    keeper = gate()
    keeper.observe(valuation("10000"), NOW)
    keeper.observe(valuation("9000", profit="-1000"), NOW)
    keeper.set_level(RiskLevel.NORMAL, "operator")
    assert keeper.observe(valuation("9000", profit="-1000"), NOW) is None
    assert keeper.level is RiskLevel.NORMAL
    assert keeper.observe(valuation("8000", profit="-2000"), NOW) is not None


def test_valuations_that_are_not_whole_are_passed_over():
    keeper = gate()
    keeper.observe(valuation("0"), NOW)
    blind = replace(valuation("10000", {BTC: D(500)}), unpriced=(BTC.id,))
    keeper.observe(blind, NOW)
    assert keeper.state().day is None
    keeper.observe(valuation("9000", {BTC: D(400)}, profit="-1000"), NOW)
    assert keeper.statistics().day_loss_pct == 0


def test_a_stop_that_waits_to_be_sent_is_no_trade_under_way():
    keeper = gate()
    stop = Leg(BTC.id, Side.SELL, D(1), OrderType.STOP_LOSS, stop_price=D(90))
    approved(keeper.judge(proposal(1, Purpose.PROTECT, stop), world({BTC: "1"}), NOW))
    assert keeper.in_flight(BTC.id) == 0
    approved(keeper.judge(exit_(2), world({BTC: "1"}), NOW))


def test_deposits_and_withdrawals_are_neither_gain_nor_loss():
    keeper = gate()
    keeper.observe(valuation("10000"), NOW)
    assert keeper.observe(valuation("2000"), NOW) is None
    assert keeper.statistics().day_loss_pct == 0


def test_the_state_survives_a_restart():
    keeper = gate()
    keeper.observe(valuation("10000"), NOW)
    keeper.set_level(RiskLevel.NO_ENTRY, "OPERATOR_REQUEST")
    state = keeper.state()
    assert state == RiskState(
        RiskLevel.NO_ENTRY, "OPERATOR_REQUEST", DayStart(20370, D(10_000), D(0)), peak=Peak(D(10_000), D(0))
    )
    assert RiskGate(RiskSettings(), state).state() == state


def test_memory_of_intents_is_bounded(monkeypatch):
    monkeypatch.setattr("core.risk.gate._REMEMBERED_INTENTS", 2)
    keeper = gate()
    keeper.recover([], intents=[str(number) for number in range(5)])
    assert refusal(keeper.judge(entry(4), world(), NOW)).code == "INTENT_REPEATED"
    approved(keeper.judge(entry(0), world(), NOW))
