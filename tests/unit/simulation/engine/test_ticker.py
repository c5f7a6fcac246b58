from tests.unit.simulation.engine.exchanges import BUY, SELL, START_NS, SYMBOL, limit, with_accounts

MINUTE_NS = 60_000_000_000
DAY_NS = 1_440 * MINUTE_NS


def test_the_day_rolls_by_whole_minutes() -> None:
    venue = with_accounts("a", "b")

    def trade(at_ns: int, price: int, quantity: int) -> None:
        venue.submit("a", limit(SELL, quantity, price), at_ns)
        venue.submit("b", limit(BUY, quantity, price), at_ns)

    trade(START_NS, 100, 1)
    trade(START_NS + MINUTE_NS, 120, 2)
    trade(START_NS + 5 * MINUTE_NS, 90, 3)
    trade(START_NS + 5 * MINUTE_NS, 95, 4)
    ticker = venue.ticker_24h(SYMBOL)
    assert (ticker.open, ticker.high, ticker.low, ticker.last) == (10_000, 12_000, 9_000, 9_500)
    assert (ticker.volume, ticker.n_trades) == (10_000, 4)
    assert ticker.quote_volume == 10_000 * 1_000 + 12_000 * 2_000 + 9_000 * 3_000 + 9_500 * 4_000
    assert (ticker.first_trade_id, ticker.last_trade_id, ticker.last_quantity) == (1, 4, 4_000)
    assert ticker.previous_close == 10_000

    venue.close_due(START_NS + DAY_NS)
    ticker = venue.ticker_24h(SYMBOL)
    assert (ticker.open, ticker.high, ticker.low, ticker.last) == (12_000, 12_000, 9_000, 9_500)
    assert (ticker.previous_close, ticker.first_trade_id, ticker.n_trades) == (10_000, 2, 3)
    assert ticker.close_ms - ticker.open_ms + 1 == 86_400_000

    venue.close_due(START_NS + 2 * DAY_NS)
    ticker = venue.ticker_24h(SYMBOL)
    assert (ticker.open, ticker.high, ticker.low, ticker.last) == (9_500,) * 4
    assert (ticker.volume, ticker.n_trades, ticker.first_trade_id, ticker.last_trade_id) == (0, 0, -1, -1)


def test_the_average_price_weighs_five_minutes_by_volume() -> None:
    venue = with_accounts("a", "b")
    for minute, (price, quantity) in enumerate([(100, 50), (110, 1), (120, 3)]):
        at_ns = START_NS + minute * 4 * MINUTE_NS
        venue.submit("a", limit(SELL, quantity, price), at_ns)
        venue.submit("b", limit(BUY, quantity, price), at_ns)
    venue.close_due(START_NS + 8 * MINUTE_NS)
    assert venue.average_price(SYMBOL) == (11_000 * 1 + 12_000 * 3) // 4
    venue.close_due(START_NS + 60 * MINUTE_NS)
    assert venue.average_price(SYMBOL) == 12_000
