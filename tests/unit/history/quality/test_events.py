"""Trades, quotes and funding."""

import numpy as np
import pyarrow as pa

from core.domain.series import SeriesKind
from core.history.quality.examine import examine
from core.history.quality.report import FindingKind
from tests.market_series import START_MS, series_of

HOURS_8 = 8 * 3_600_000


def trades(**changed: object) -> dict[str, object]:
    rng = np.random.default_rng(1)
    n = 200
    ids = pa.array([str(number) for number in range(n)])
    columns = {
        "time": START_MS + np.cumsum(rng.integers(0, 900, n)),
        "trade_id": ids,
        "price": np.round(30_000 * np.exp(np.cumsum(rng.normal(0, 1e-5, n))), 1),
        "size": rng.exponential(0.1, n),
    }
    return columns | changed


def found(kind: SeriesKind, columns: dict[str, object]) -> dict[FindingKind, int]:
    return {each.kind: each.count for each in examine(series_of(kind, "BTC/USDT", None, columns)).findings}


def test_trades_in_order_are_not_accused():
    assert found(SeriesKind.TRADES, trades()) == {}


def test_what_is_wrong_with_trades():
    columns = trades()
    ids = [str(number) for number in range(200)]
    ids[50] = ids[49]
    price, size, time = columns["price"].copy(), columns["size"].copy(), columns["time"].copy()
    price[10], price[100], size[20] = 0.0, price[100] * 1.3, -1.0
    time[150] -= 60_000
    assert found(SeriesKind.TRADES, trades(trade_id=pa.array(ids), price=price, size=size, time=time)) == {
        FindingKind.DUPLICATE: 1,
        FindingKind.BAD_PRICE: 1,
        FindingKind.OUTLIER: 1,
        FindingKind.BAD_VOLUME: 1,
        FindingKind.DISORDER: 1,
    }


def test_trades_without_ids_are_not_taken_for_copies():
    columns = trades()
    del columns["trade_id"]
    assert found(SeriesKind.TRADES, columns) == {}


def test_quotes_that_cross_or_lack_a_side():
    time = START_MS + 1_000 * np.arange(100)
    bid, ask = np.full(100, 10.0), np.full(100, 10.1)
    assert found(SeriesKind.QUOTES, {"time": time, "bid": bid, "ask": ask}) == {}
    crossed, lone = bid.copy(), ask.copy()
    crossed[7], lone[[50, 60]] = 10.2, np.nan
    assert found(SeriesKind.QUOTES, {"time": time, "bid": crossed, "ask": lone}) == {
        FindingKind.CROSSED_QUOTE: 1,
        FindingKind.ONE_SIDED_QUOTE: 2,
    }


def test_funding_is_due_every_so_often_and_never_absurd():
    time = START_MS + HOURS_8 * np.arange(60)
    rate = np.full(60, 0.0001)
    assert found(SeriesKind.FUNDING, {"time": time, "rate": rate}) == {}
    kept = np.delete(np.arange(60), [20, 21, 40])
    rate[5] = 0.7
    assert found(SeriesKind.FUNDING, {"time": time[kept], "rate": rate[kept]}) == {
        FindingKind.GAP: 3,
        FindingKind.BAD_PRICE: 1,
    }
