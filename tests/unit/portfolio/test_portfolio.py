"""The portfolio against a naive account: assets go in and out, their worth is their price."""

from collections import defaultdict
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.instruments import InstrumentId
from core.domain.orders import Fill, FundingPayment, Side, TradeId, VenueOrderId
from core.portfolio.portfolio import Portfolio
from tests.unit.instruments import perpetual, spot

D = Decimal
BTC, ETH, BNB = spot("BTC/USDT"), spot("ETH/USDT"), spot("BNB/USDT")
INSTRUMENTS = {instrument.id: instrument for instrument in (BTC, ETH, BNB)}
BNB_RATE = {"BNB": D("612.34")}


def fill(number, side="buy", quantity="1", price="100", fee="0", fee_asset="USDT", instrument=BTC):
    return Fill(
        instrument_id=instrument.id,
        trade_id=TradeId(str(number)),
        venue_order_id=VenueOrderId("1"),
        client_order_id=None,
        side=Side(side),
        price=D(price),
        quantity=D(quantity),
        fee=D(fee),
        fee_asset=fee_asset,
        is_maker=False,
        event_ns=number,
    )


def portfolio(*fills, deposit="100000", also=BNB):
    made = Portfolio("USDT", {**INSTRUMENTS, also.id: also})
    made.deposit("USDT", D(deposit))
    for one in fills:
        assert made.apply_fill(one, BNB_RATE)
    return made


@given(
    st.lists(
        st.tuples(st.sampled_from([BTC, ETH]), st.sampled_from(["buy", "sell"]), st.integers(1, 5), st.integers(1, 3)),
        max_size=8,
    )
)
def test_a_book_that_was_looked_at_all_along_says_what_a_fresh_one_says(steps):
    watched, fills = portfolio(), []
    for number, (instrument, side, quantity, price) in enumerate(steps):
        fills.append(fill(number, side, str(quantity), str(price), instrument=instrument))
        watched.apply_fill(fills[-1], BNB_RATE)
        marks = {BTC.id: D(price), ETH.id: D(number)}
        fresh = portfolio(*fills)
        assert watched.value(marks) == fresh.value(marks)
        assert watched.positions() == fresh.positions()


def test_a_round_trip_by_hand():
    book = portfolio(fill(1, "buy", "2", "100", fee="0.2"), fill(2, "sell", "1.5", "110", fee="0.165"))
    position = book.position(BTC.id)
    assert (position.quantity, position.average_price) == (D("0.5"), D(100))
    assert (position.realised_profit, position.fees) == (D(15), D("0.365"))
    assert position.opened_ns == 1
    worth = book.value({BTC.id: D(120)})
    assert worth.equity == D(100_000) - 200 - D("0.2") + 165 - D("0.165") + 60
    assert (worth.realised_profit, worth.unrealised_profit, worth.fees) == (15, 10, D("0.365"))
    assert worth.exposures == {BTC.id: D(60)}
    assert worth.profit == worth.equity - 100_000
    assert worth.cash == book.cash("USDT")


def test_funding_is_profit_of_its_own_and_leaves_the_position_alone():
    swap = perpetual("BTC/USDT:USDT")
    short = fill(1, "sell", "2", "100", fee="0.1", instrument=swap)
    book = portfolio(short, also=swap)
    book.apply_funding(FundingPayment(swap.id, "7", "USDT", D("0.5"), 2))
    book.apply_funding(FundingPayment(swap.id, "8", "USDT", D("-0.2"), 3))
    position = book.position(swap.id)
    assert (position.quantity, position.average_price, position.funding) == (-2, 100, D("0.3"))
    worth = book.value({swap.id: D(90)})
    assert (worth.unrealised_profit, worth.fees, worth.funding) == (20, D("0.1"), D("0.3"))
    assert worth.profit == worth.equity - worth.deposits == D("20.2")
    assert book.cash("USDT") == D("100000.2")
    with pytest.raises(ValueError, match="not in USDT"):
        book.apply_funding(FundingPayment(swap.id, "9", "BNB", D(1), 4))


def test_fees_in_base_come_out_of_the_quantity_held():
    book = portfolio(fill(1, "buy", "1", "100", fee="0.001", fee_asset="BTC"))
    position = book.position(BTC.id)
    assert (position.quantity, position.average_price, position.fees) == (D("0.999"), D(100), D("0.1"))
    assert book.total("BTC") == D("0.999")
    assert book.value({BTC.id: D(100)}).profit == D("-0.1")


def test_fees_in_a_third_asset_are_valued_at_the_fill():
    book = portfolio(fill(1, fee="0.01", fee_asset="BNB"))
    book.deposit("BNB", D(1), BNB_RATE)
    assert book.position(BTC.id).fees == D("6.1234")
    assert book.cash("BNB") == D("0.99")
    worth = book.value({BTC.id: D(100)}, BNB_RATE)
    assert worth.equity - worth.deposits == worth.profit == D("-6.1234")


def test_fees_without_a_rate_are_named_and_not_guessed():
    book = Portfolio("USDT", INSTRUMENTS)
    book.apply_fill(fill(1, fee="0.01", fee_asset="BNB"))
    book.apply_fill(fill(2, fee="0.02", fee_asset="BNB"))
    worth = book.value({BTC.id: D(100)})
    assert worth.unvalued_fees == {"BNB": D("0.03")}
    assert worth.fees == 0
    assert worth.unpriced == ("BNB",)


def test_a_rebate_is_a_negative_fee():
    book = portfolio(fill(1, fee="-0.01"), fill(2, fee="-0.001", fee_asset="BTC"))
    assert book.position(BTC.id).fees == D("-0.11")
    assert book.position(BTC.id).quantity == D("2.001")


def test_a_fill_told_twice_counts_once():
    book = portfolio(fill(1))
    assert not book.apply_fill(fill(1))
    assert book.position(BTC.id).quantity == 1
    assert book.apply_fill(fill(1, instrument=ETH, price="10"))


def test_a_position_sold_out_is_flat_and_remembers_its_profit():
    book = portfolio(fill(1), fill(2, "sell", "1", "90"))
    position = book.position(BTC.id)
    assert (position.quantity, position.average_price, position.opened_ns) == (0, None, None)
    assert position.realised_profit == -10
    assert book.value({}).exposures == {}
    assert book.value({}).unpriced == ()
    assert set(book.positions()) == {BTC.id}


def test_positions_without_a_price_stand_at_cost_and_are_named():
    worth = portfolio(fill(1), fill(2, instrument=ETH, price="10")).value({BTC.id: D(200)})
    assert worth.unpriced == (ETH.id,)
    assert worth.exposures == {BTC.id: 200, ETH.id: 10}
    assert worth.unrealised_profit == 100


def test_balances_found_at_start_become_the_deposit():
    book = Portfolio("USDT", INSTRUMENTS)
    book.apply_fill(fill(1, fee="0.001", fee_asset="BTC"))
    assert book.adopt_balance("USDT", D(900)) == 1_000
    assert book.adopt_balance("USDT", D(900)) == 0
    assert book.adopt_balance("BTC", D("1.499"), {"BTC": D(100)}) == D("0.5")
    worth = book.value({BTC.id: D(100)}, {"BTC": D(100)})
    assert worth.deposits == 1_050
    assert worth.equity == D("900") + D("149.9")
    assert book.position(BTC.id).quantity == D("0.999")


def test_a_deposit_that_cannot_be_valued_is_refused():
    with pytest.raises(ValueError, match="a deposit of DOGE needs its price in USDT"):
        portfolio().deposit("DOGE", D(1))


def test_an_instrument_never_named_is_an_error():
    with pytest.raises(KeyError):
        portfolio().apply_fill(fill(1, instrument=spot("XRP/USDT")))


def test_another_quote_asset_is_converted():
    pair = spot("ETH/BTC")
    book = portfolio(also=pair)
    rates = {"BTC": D(50_000)}
    book.deposit("BTC", D(1), rates)
    book.apply_fill(fill(1, quantity="10", price="0.05", fee="0.01", fee_asset="ETH", instrument=pair), rates)
    worth = book.value({pair.id: D("0.06")}, rates)
    assert book.cash("BTC") == D("0.5")
    assert worth.exposures == {pair.id: D("9.99") * D("0.06") * 50_000}
    assert worth.equity - worth.deposits == worth.profit
    assert book.value({pair.id: D("0.06")}).unpriced == ("BTC", pair.id)


def test_a_perpetual_moves_cash_by_profit_alone_and_flips():
    swap = perpetual(multiplier=D("0.1"))
    book = portfolio(also=swap)
    book.apply_fill(fill(1, "buy", "10", "100", fee="0.1", instrument=swap))
    assert book.cash("USDT") == D("99999.9")
    book.apply_fill(fill(2, "sell", "15", "110", fee="0.1", instrument=swap))
    position = book.position(swap.id)
    assert (position.quantity, position.average_price, position.realised_profit) == (-5, 110, 10)
    assert position.opened_ns == 2
    worth = book.value({swap.id: D(100)})
    assert worth.exposures == {swap.id: -50}
    assert worth.unrealised_profit == 5
    assert worth.equity == D("100000") + 10 + 5 - D("0.2")
    assert book.unrealised_profit(swap.id, D(100)) == 5
    assert book.total("BTC") == 0


def amounts(low, high, places):
    return st.decimals(low, high, places=places, allow_nan=False, allow_infinity=False)


fills = st.builds(
    fill,
    number=st.integers(0, 10**6),
    side=st.sampled_from(["buy", "sell"]),
    quantity=amounts("0.00001", 900, 8),
    price=amounts("0.01", 99_999, 8),
    fee=amounts("-0.1", 5, 8),
    fee_asset=st.sampled_from(["USDT", "base", "BNB"]),
    instrument=st.sampled_from([BTC, ETH]),
).map(lambda one: replace(one, fee_asset=one.instrument_id[:3] if one.fee_asset == "base" else one.fee_asset))


@given(
    st.lists(fills, max_size=30, unique_by=lambda one: (one.instrument_id, one.trade_id)),
    amounts("0.01", 99_999, 8),
    amounts("0.01", 99_999, 8),
)
def test_nothing_is_ever_lost(past, btc_mark, eth_mark):
    book = portfolio(*past)
    totals = defaultdict(Fraction, {"USDT": Fraction(100_000)})
    fees = Fraction(0)
    for one in past:
        base, sign = one.instrument_id[:3], one.side.sign
        totals[base] += sign * Fraction(one.quantity)
        totals["USDT"] -= sign * Fraction(one.quantity) * Fraction(one.price)
        totals[one.fee_asset] -= Fraction(one.fee)
        unit = {"USDT": Fraction(1), "BNB": Fraction(BNB_RATE["BNB"])}.get(one.fee_asset, Fraction(one.price))
        fees += Fraction(one.fee) * unit
    prices = {"USDT": 1, "BTC": Fraction(btc_mark), "ETH": Fraction(eth_mark), "BNB": Fraction(BNB_RATE["BNB"])}

    worth = book.value({BTC.id: btc_mark, ETH.id: eth_mark}, BNB_RATE)
    assert Fraction(worth.equity) == sum(amount * prices[asset] for asset, amount in totals.items())
    assert worth.equity - worth.deposits == worth.realised_profit + worth.unrealised_profit - worth.fees
    assert Fraction(worth.fees) == fees
    assert all(Fraction(book.total(asset)) == totals[asset] for asset in ("USDT", "BTC", "ETH", "BNB"))
    for instrument in (BTC, ETH):
        assert Fraction(book.position(instrument.id).quantity) == totals[instrument.base]


@given(st.lists(fills, max_size=30, unique_by=lambda one: (one.instrument_id, one.trade_id)))
def test_average_price_and_realised_profit_are_those_of_average_cost(past):
    book = portfolio(*past)
    for instrument in (BTC, ETH):
        quantity = cost = realised = Fraction(0)
        for one in past:
            if one.instrument_id != instrument.id:
                continue
            steps = [(one.side.sign * Fraction(one.quantity), Fraction(one.price))]
            if one.fee_asset == instrument.base:
                steps.append((-Fraction(one.fee), Fraction(one.price)))
            for change, price in steps:
                closing = min(abs(change), abs(quantity)) if change * quantity < 0 else Fraction(0)
                direction = 1 if change > 0 else -1
                if closing:
                    released = cost * closing / abs(quantity)
                    realised += -direction * closing * price - released
                    cost -= released
                    quantity += direction * closing
                cost += direction * (abs(change) - closing) * price
                quantity += direction * (abs(change) - closing)
        position = book.position(instrument.id)
        assert Fraction(position.quantity) == quantity
        assert abs(Fraction(position.realised_profit) - realised) < Fraction(1, 10**15)
        if quantity:
            expected = cost / quantity
            assert abs(Fraction(position.average_price) - expected) <= abs(expected) / 10**15 + Fraction(1, 10**9)


@given(st.lists(fills, max_size=15, unique_by=lambda one: (one.instrument_id, one.trade_id)), st.randoms())
def test_duplicates_change_nothing(past, random):
    told = [*past, *past]
    random.shuffle(told)
    book = Portfolio("USDT", INSTRUMENTS)
    folded = [one for one in told if book.apply_fill(one, BNB_RATE)]
    assert len(folded) == len(past)
    assert book.positions() == portfolio(*folded).positions()


def test_memory_of_folded_fills_is_bounded(monkeypatch):
    monkeypatch.setattr("core.portfolio.portfolio._REMEMBERED_FILLS", 3)
    book = portfolio(*(fill(number) for number in range(10)))
    assert not book.apply_fill(fill(9))
    assert len(book._folded) == 3
    assert book.position(InstrumentId("BTC/USDT")).quantity == 10
