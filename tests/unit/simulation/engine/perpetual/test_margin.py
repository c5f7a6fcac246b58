"""Margin arithmetic against the worked examples of Binance's public documentation."""

from decimal import Decimal

import pytest

from core.simulation.engine.perpetual.contracts import Contract, brackets
from core.simulation.engine.perpetual.margin import initial_margin, liquidation_price
from core.simulation.engine.refusals import Refusal, RefusalKind
from tests.unit.simulation.engine.perpetual.perpetuals import (
    BOTH,
    BUY,
    LONG,
    SELL,
    SHORT,
    SYMBOL,
    USDT,
    contract,
    limit,
    market,
    move,
    place,
    position,
    with_accounts,
)


def atoms(usdt: str) -> int:
    return int(Decimal(usdt) * USDT)


def of_table(*rows: tuple[int, int, str]) -> Contract:
    return contract(table=brackets(*rows))


def test_maintenance_margin_is_continuous_where_brackets_meet() -> None:
    """The first rows of BTCUSDT in "Leverage and Margin of USD-M Futures" (2023), whose maintenance amounts are 0, 50,
    1,300, 16,300 and 266,300."""
    rows = of_table(
        (125, 50_000, "0.4"),
        (100, 250_000, "0.5"),
        (50, 1_000_000, "1"),
        (20, 10_000_000, "2.5"),
        (10, 20_000_000, "5"),
    )
    assert [row.cumulative // USDT for row in rows.brackets] == [0, 50, 1_300, 16_300, 266_300]
    for row in rows.brackets[:-1]:
        assert abs(rows.maintenance_margin(row.cap) - rows.maintenance_margin(row.cap + 1)) <= 1


@pytest.mark.parametrize(
    ("lots", "entry", "rate", "cumulative", "others_keep", "others_profit", "expected"),
    [
        (3_683_979, "1456.84", "10", "135365", "71200.81144", "-56354.57", "1153.26"),
        (109_488, "32481.980", "2.5", "16300", "356512.508", "-448192.89", "26316.89"),
    ],
    ids=["ETHUSDT", "BTCUSDT"],
)
def test_liquidation_prices_of_the_documentation(
    lots: int, entry: str, rate: str, cumulative: str, others_keep: str, others_profit: str, expected: str
) -> None:
    """The example of "How to Calculate Liquidation Price of USD-M Futures Contracts": a wallet of 1,535,443.01 USDT and
    two long positions in cross margin mode, one-way."""
    terms = of_table((10, 10_000_000_000, rate))
    row = terms.brackets[0]
    terms = contract(table=[type(row)(row.number, 10, row.cap, 0, row.rate_millionths, atoms(cumulative))])
    cost = lots * atoms(entry) // 1_000
    backing = atoms("1535443.01") - atoms(others_keep) + atoms(others_profit)
    price = liquidation_price(terms, [(lots, cost)], backing, atoms(entry))
    assert Decimal(price).scaleb(-8).quantize(Decimal("0.01")) == Decimal(expected)


def test_cost_of_opening_long() -> None:
    """From "How to Calculate Cost Required to Open a Position in Perpetual Futures Contracts": one contract at 9,253.30
    with 20x leverage needs 462.66 USDT, and no open loss with the mark at 9,259.84."""
    need = initial_margin(0, atoms("9253.30"), 0, BOTH, 20)
    assert (need.position, need.open_orders) == (0, atoms("462.665"))
    venue = with_accounts("rich", "poor", usdt=0)
    venue.deposit("rich", "USDT", Decimal("462.665"), venue.now_ns)
    venue.deposit("poor", "USDT", Decimal("462.664"), venue.now_ns)
    move(venue, 9_259)
    place(venue, "rich", limit(BUY, 1, "9253.3"))
    with pytest.raises(Refusal, match="margin_insufficient"):
        place(venue, "poor", limit(BUY, 1, "9253.3"))


def test_cost_of_opening_short_has_an_open_loss() -> None:
    """The same example: a short order below the mark begins with a loss of mark - price, here 10 USDT."""
    venue = with_accounts("rich", "poor", usdt=0)
    venue.deposit("rich", "USDT", Decimal("472.5"), venue.now_ns)
    venue.deposit("poor", "USDT", Decimal("472.4"), venue.now_ns)
    move(venue, 9_260)
    with pytest.raises(Refusal, match="margin_insufficient"):
        place(venue, "poor", limit(SELL, 1, 9_250))
    place(venue, "rich", limit(SELL, 1, 9_250))


def test_one_way_counts_the_larger_of_what_bids_or_asks_would_make() -> None:
    assert initial_margin(100, 0, 150, BOTH, 1).total == 100
    assert initial_margin(100, 50, 150, BOTH, 1).total == 150
    assert initial_margin(100, 0, 250, BOTH, 1).total == 150
    assert initial_margin(-100, 150, 20, BOTH, 1).total == 120


def test_hedge_mode_counts_each_side_alone() -> None:
    assert initial_margin(100, 50, 0, LONG, 1).total == 150
    assert initial_margin(-100, 0, 50, SHORT, 1).total == 150


def test_an_order_that_only_closes_needs_no_margin() -> None:
    venue = with_accounts("a", usdt=501)
    move(venue, 10_000)
    place(venue, "a", market(BUY, "0.999"))
    assert venue.account("a").assets[0].available < 2 * USDT
    place(venue, "a", limit(SELL, "0.999", 10_100))
    with pytest.raises(Refusal, match="margin_insufficient"):
        place(venue, "a", limit(SELL, "1.1", 10_100))


def test_no_position_beyond_the_bracket_of_its_leverage() -> None:
    venue = with_accounts("a", usdt=1_000_000)
    move(venue, 10_000)
    assert venue.set_leverage("a", SYMBOL, 125, venue.now_ns)[0] == 50_000 * USDT
    with pytest.raises(Refusal) as refused:
        place(venue, "a", limit(BUY, "5.1", 9_999))
    assert refused.value.kind is RefusalKind.MAX_POSITION
    venue.set_leverage("a", SYMBOL, 100, venue.now_ns)
    place(venue, "a", limit(BUY, "5.1", 9_999))


def test_views_follow_the_mark_price() -> None:
    venue = with_accounts("a", usdt=1_000)
    move(venue, 10_000)
    place(venue, "a", market(BUY, 1))
    view = position(venue, "a")
    assert (view.lots, view.entry_price, view.unrealised) == (1_000, atoms("10001"), -USDT)
    assert view.maintenance_margin == atoms("40")
    assert view.position_initial_margin == atoms("500")
    # (1000 - 10001) / (0.004 - 1)
    assert Decimal(view.liquidation_price).scaleb(-8).quantize(Decimal("0.01")) == Decimal("9037.15")
    move(venue, 10_100)
    asset = venue.account("a").assets[0]
    assert asset.margin_balance == atoms("1099")
    assert asset.available == atoms("1099") - atoms("505")
    assert asset.max_withdraw == atoms("495")
