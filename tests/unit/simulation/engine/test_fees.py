from decimal import Decimal

import pytest

from core.simulation.engine.events import BalancesChanged
from core.simulation.engine.exchange import Exchange
from core.simulation.engine.fees import FeeSchedule
from core.simulation.engine.symbols import SymbolSpec
from tests.unit.instruments import spot
from tests.unit.simulation.engine.exchanges import (
    BUY,
    SELL,
    START_NS,
    TEN_BPS,
    limit,
    market,
    place,
    quote_house,
    spec,
    submit,
    with_accounts,
)

BNB = SymbolSpec.of(spot("BNB/USDT", min_notional=Decimal(0)))


def test_the_buyer_pays_in_base_and_the_seller_in_quote() -> None:
    venue = with_accounts("maker", "taker", fees=FeeSchedule(Decimal(2), Decimal(10)))
    place(venue, "maker", limit(SELL, 1, 100))
    place(venue, "taker", limit(BUY, 1, 100))
    (bought,), (sold,) = venue.trades("taker"), venue.trades("maker")
    assert (bought.fee, bought.fee_asset) == (100_000, "BTC")
    assert (sold.fee, sold.fee_asset) == (2_000_000, "USDT")
    assert venue.balances("taker")["BTC"][0] == Decimal("1000.999")
    assert venue.balances("maker")["USDT"][0] == Decimal("1000099.98")
    assert venue.fees_collected() == {"BTC": Decimal("0.001"), "USDT": Decimal("0.02")}


def bnb_venue(bnb: str, *, bnb_price: int | None = 500) -> Exchange:
    venue = Exchange([spec(), BNB], fees=TEN_BPS, start_ns=START_NS)
    quote_house(venue, {100: 1_000_000}, {100_000: 1})
    if bnb_price is not None:
        house = venue.house("BNBUSDT")
        house.asks.add_house(-bnb_price * 100, 1)
        house.take(house.asks, 1, bnb_price * 100, START_NS)
    deposits = {"BTC": Decimal(100), "BNB": Decimal(bnb), "USDT": Decimal(10_000)}
    venue.open_account("a", deposits, START_NS, fee_asset="BNB")
    return venue


def test_an_account_with_a_fee_asset_pays_there_at_a_discount() -> None:
    venue = bnb_venue("1")
    events = submit(venue, "a", market(SELL, 50))
    (trade,) = venue.trades("a")
    (balances,) = (event.balances for event in events if isinstance(event, BalancesChanged))
    assert ("BNB", 99_250_000, 0) in balances
    # 5,000 USDT at 10 bps is 5 USDT, less 25% is 3.75 USDT, at 500 USDT.
    assert (trade.fee_asset, Decimal(trade.fee).scaleb(-8)) == ("BNB", Decimal("0.0075"))
    assert venue.balances("a")["BNB"][0] == Decimal("0.9925")
    assert venue.balances("a")["USDT"][0] == 15_000


@pytest.mark.parametrize(("bnb", "bnb_price"), [("0.0074", 500), ("1", None)])
def test_too_little_of_the_fee_asset_or_no_price_of_it_means_the_received_asset(
    bnb: str, bnb_price: int | None
) -> None:
    venue = bnb_venue(bnb, bnb_price=bnb_price)
    place(venue, "a", market(SELL, 50))
    assert venue.trades("a")[0].fee_asset == "USDT"
    assert venue.balances("a")["USDT"][0] == 14_995


def test_trading_the_fee_asset_itself_pays_in_what_is_received() -> None:
    venue = Exchange([BNB], fees=TEN_BPS, start_ns=START_NS)
    house = venue.house("BNBUSDT")
    house.bids.add_house(50_000, 10**9)
    venue.open_account("a", {"BNB": Decimal(10)}, START_NS, fee_asset="BNB")
    order = limit(SELL, 10, 500)
    venue.submit(
        "a", type(order)("BNBUSDT", SELL, order.order_type, quantity=order.quantity, price=order.price), START_NS
    )
    assert venue.trades("a")[0].fee_asset == "USDT"
    assert venue.balances("a")["BNB"] == (Decimal(0), Decimal(0))
