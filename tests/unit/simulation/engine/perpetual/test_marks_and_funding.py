"""Mark price, premium and funding by Binance's published formulas."""

from collections.abc import Mapping
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.simulation.engine.candles import CandleBook
from core.simulation.engine.intervals import Interval
from core.simulation.engine.perpetual.contracts import HOUR_NS
from core.simulation.engine.perpetual.events import AccountReason, FundingSettled
from core.simulation.engine.perpetual.exchange import PerpetualExchange
from core.simulation.engine.perpetual.orders import MarginType
from core.simulation.engine.series import Rows
from tests.unit.simulation.engine.perpetual.perpetuals import (
    BUY,
    FREE,
    SECOND_NS,
    SELL,
    SYMBOL,
    USDT,
    account_changes,
    contract,
    market,
    move,
    place,
    position,
    quote,
    with_accounts,
)


class Before:
    """What was traded before the start."""

    def __init__(self, candles: CandleBook) -> None:
        self._rows = candles.closed_rows()

    def rows(self, symbol: str) -> Mapping[Interval, Rows]:
        return self._rows


def run(venue: PerpetualExchange, index: int, seconds: int) -> None:
    for _ in range(seconds):
        venue.mark({SYMBOL: index * USDT}, venue.now_ns + SECOND_NS)
    venue.take_events(venue.now_ns)


def at_funding(venue: PerpetualExchange, index: int) -> FundingSettled:
    venue.mark({SYMBOL: index * USDT}, venue.mark_price(SYMBOL).next_funding_ns)
    (settled,) = [event for event in venue.take_events(venue.now_ns) if isinstance(event, FundingSettled)]
    return settled


def test_the_mark_price_is_a_median() -> None:
    venue = with_accounts("a")
    quote(venue, {10_049: 10}, {10_051: 10})
    venue.house(SYMBOL).print_trade(103_000, 1, venue.now_ns, buyer_is_maker=False)
    run(venue, 10_000, 1)
    # Price 1 is the index (nothing was ever paid), price 2 the index with the basis of 50, the last price is 10,300.
    assert venue.mark_price(SYMBOL).mark_price == 10_050 * USDT
    quote(venue, {9_999: 10}, {10_001: 10})
    run(venue, 10_000, 9)
    assert venue.mark_price(SYMBOL).mark_price == 10_005 * USDT
    run(venue, 10_000, 30)
    assert venue.mark_price(SYMBOL).mark_price == 10_000 * USDT


def test_candles_of_the_mark_price() -> None:
    venue = with_accounts("a")
    opened_ms = venue.now_ns // 60_000_000_000 * 60_000
    prices = []
    for second in range(150):
        run(venue, 10_000 + (second * 37) % 41, 1)
        prices.append(((venue.now_ns // 1_000_000 - opened_ms) // 60_000, venue.mark_price(SYMBOL).mark_price))
    candles = venue.mark_candles(SYMBOL, Interval.M1, start_ms=opened_ms, end_ms=None, limit=10)
    assert [candle.open_ms for candle in candles] == [opened_ms + n * 60_000 for n in range(len(candles))]
    for n, candle in enumerate(candles):
        minute = [price for at, price in prices if at == n]
        assert (candle.open, candle.high, candle.low, candle.close) == (
            (minute[0], max(minute), min(minute), minute[-1]) if minute else (0, 0, 0, 0)
        )
        assert (candle.n_trades, candle.volume, candle.quote_volume) == (len(minute), 0, 0)
    assert sum(candle.n_trades for candle in candles) == 150


def test_before_the_start_the_mark_stood_where_the_contract_traded() -> None:
    traded = CandleBook(0)
    traded.add(101, 5, 1, buyer_is_maker=True)
    traded.close_due(60_000)
    venue = PerpetualExchange([contract()], fees=FREE, start_ns=60 * SECOND_NS, history=Before(traded))
    tick = venue.contracts[SYMBOL].spec.tick_atoms
    (before,) = venue.mark_candles(SYMBOL, Interval.M1, start_ms=0, end_ms=59_999, limit=10)
    assert (before.open_ms, before.close, before.volume, before.n_trades) == (0, 101 * tick, 0, 60)


def test_price_one_leans_on_the_last_funding_rate() -> None:
    """1 % was paid last: with the whole interval to go price 1 is 1 % above the index, and the median below a last
    price and a basis beyond it."""
    venue = with_accounts("a", contracts=[contract(funding_cap=Decimal("0.01"))])
    quote(venue, {10_499: 10**7}, {10_501: 10**7})
    venue.house(SYMBOL).print_trade(105_000, 1, venue.now_ns, buyer_is_maker=False)
    run(venue, 10_000, 5)
    assert at_funding(venue, 10_000).rate == 1_000_000
    assert venue.mark_price(SYMBOL).last_funding_rate == 1_000_000
    half = venue.mark_price(SYMBOL).next_funding_ns - 4 * HOUR_NS
    quote(venue, {9_799: 10}, {9_801: 10})
    for _ in range(30):
        venue.mark({SYMBOL: 10_000 * USDT}, half)
    assert venue.mark_price(SYMBOL).mark_price == 10_050 * USDT


@pytest.mark.parametrize(
    ("premium_ticks", "expected"),
    [(0, 10_000), (30, 10_000), (60, 10_000), (100, 50_000), (-100, -49_000), (-40, 10_000), (3_000, 2_000_000)],
)
def test_funding_rates(premium_ticks: int, expected: int) -> None:
    """F = P + clamp(0.01 % - P, -0.05 %, 0.05 %): within 0.05 % of the interest rate the rate is just that.
    Below the index the ask counts, which is a tick nearer to it."""
    venue = with_accounts("a")
    house = venue.house(SYMBOL)
    house.bids.add_house(100_000 + premium_ticks, 10**7)
    house.asks.add_house(-(100_001 + premium_ticks), 10**7)
    house.log(venue.now_ns)
    run(venue, 10_000, 20)
    assert at_funding(venue, 10_000).rate == expected


def test_shorter_intervals_pay_their_share() -> None:
    venue = with_accounts("a", contracts=[contract(funding_interval_h=2)])
    quote(venue, {9_999: 10**7}, {10_001: 10**7})
    run(venue, 10_000, 1)
    assert venue.mark_price(SYMBOL).next_funding_ns % (2 * HOUR_NS) == 0
    assert at_funding(venue, 10_000).rate == 2_500


def test_the_average_premium_weighs_later_ones_more() -> None:
    venue = with_accounts("a")
    quote(venue, {10_000: 10**7}, {10_001: 10**7})
    run(venue, 10_000, 5)
    quote(venue, {10_030: 10**7}, {10_031: 10**7})
    run(venue, 10_000, 5)
    # (1 x 0 + 2 x 0.3 %) / 3 = 0.2 %, less the clamp.
    assert venue.mark_price(SYMBOL).funding_rate == 150_000


def test_longs_pay_shorts_and_the_house_the_rest() -> None:
    venue = with_accounts("long", "short", "isolated")
    move(venue, 10_000)
    venue.set_margin_type("isolated", SYMBOL, MarginType.ISOLATED, venue.now_ns)
    place(venue, "long", market(BUY, 2))
    place(venue, "short", market(SELL, 1))
    place(venue, "isolated", market(SELL, "0.5"))
    before = {account: venue.wallets(account)["USDT"] for account in ("long", "short", "isolated")}
    margin = position(venue, "isolated").isolated_wallet
    house = venue.house_balances()["USDT"]
    venue.mark({SYMBOL: 10_000 * USDT}, venue.mark_price(SYMBOL).next_funding_ns)
    changed = account_changes(venue.take_events(venue.now_ns))
    assert {each.reason for each in changed} == {AccountReason.FUNDING_FEE}
    paid = {account: venue.wallets(account)["USDT"] - before[account] for account in before}
    assert paid == {"long": Decimal(-2), "short": Decimal(1), "isolated": Decimal("0.5")}
    assert venue.house_balances()["USDT"] - house == Decimal("0.5")
    assert position(venue, "isolated").isolated_wallet - margin == USDT // 2
    assert [(each.kind.value, each.amount) for each in venue.income("long")][-1] == ("FUNDING_FEE", -2 * USDT)
    assert venue.funding_rates(SYMBOL)[-1].rate == 10_000


@given(
    st.lists(st.integers(-400, 400).filter(bool), min_size=1, max_size=5),
    st.integers(9_900, 10_100),
    st.integers(-200, 200),
)
def test_funding_sums_to_nothing(positions: list[int], index: int, premium: int) -> None:
    accounts = [f"account-{number}" for number in range(len(positions))]
    venue = with_accounts(*accounts)
    move(venue, 10_000)
    for account, lots in zip(accounts, positions, strict=True):
        place(venue, account, market(BUY if lots > 0 else SELL, str(abs(Decimal(lots)) / 100)))
    quote(venue, {10_000 + premium - 1: 10**7}, {10_000 + premium + 1: 10**7})
    run(venue, index, 3)

    def total() -> Decimal:
        wallets = sum((venue.wallets(account)["USDT"] for account in accounts), Decimal(0))
        return wallets + venue.house_balances()["USDT"] + venue.insurance_fund().get("USDT", Decimal(0))

    assert total() == 10_000 * len(accounts)
    at_funding(venue, index)
    assert total() == 10_000 * len(accounts)
