"""Deribit's answers, good and bad, from a real socket."""

import json
from collections.abc import Callable
from itertools import pairwise

import pytest

from core.domain.candles import Timeframe
from core.domain.errors import GarbageAnswer, HistoryError, QueryRefused, RateLimited, SourceUnavailable, UnknownSymbols
from core.domain.series import SeriesKind
from core.ports.history import HistoryPage, HistoryQuery
from core.settings.history import HistorySettings
from core.venues.budget.sharing import own_ledgers
from core.venues.deribit.history import DeribitHistory
from tests.vendor_server import Asked, Reply, vendor_server

JAN = 1_704_067_200_000
HOUR = 3_600_000
CANDLES = HistoryQuery(SeriesKind.CANDLES, ("BTC-PERPETUAL",), Timeframe.H1, JAN, JAN + 24 * HOUR)
CHAIN = HistoryQuery(SeriesKind.OPTION_CHAIN, ("BTC",), None, JAN, JAN + 1)


def answer(result: object) -> Reply:
    return Reply(json.dumps({"jsonrpc": "2.0", "result": result, "usIn": 1, "usOut": 2}).encode())


def refusal(code: int, message: str, status: int = 400) -> Reply:
    return Reply(json.dumps({"jsonrpc": "2.0", "error": {"code": code, "message": message}}).encode(), status)


def chart(times: list[int]) -> dict[str, object]:
    prices = [float(n + 1) for n in range(len(times))]
    columns = dict.fromkeys(("open", "high", "low", "close", "volume", "cost"), prices)
    return {"ticks": times, "status": "ok" if times else "no_data", **columns}


def ask(reply: Callable[[Asked], Reply], query: HistoryQuery, token: str | None = None) -> HistoryPage:
    with vendor_server(reply) as server:
        source = DeribitHistory(HistorySettings(base_url=server.url), ledgers=own_ledgers)
        try:
            return source.page(query, token).read()
        finally:
            source.close()


def test_candles_within_the_range_only() -> None:
    page = ask(lambda _: answer(chart([JAN - HOUR, JAN, JAN + HOUR, JAN + 24 * HOUR])), CANDLES)
    rows = page.rows["BTC-PERPETUAL"]
    assert rows.column("open").to_pylist() == [2.0, 3.0]
    assert page.next_token is None


def test_years_are_asked_for_window_by_window_without_a_gap() -> None:
    query = HistoryQuery(SeriesKind.CANDLES, ("BTC-PERPETUAL",), Timeframe.H1, JAN, JAN + 12_000 * HOUR)
    windows: list[tuple[int, int]] = []

    def reply(asked: Asked) -> Reply:
        windows.append((int(asked.query["start_timestamp"]), int(asked.query["end_timestamp"])))
        return answer(chart([windows[-1][0]]))

    token: str | None = None
    while True:
        token = ask(reply, query, token).next_token
        if token is None:
            break
    assert windows[0][0] == JAN
    assert windows[-1][1] == query.end_ms - 1
    assert all(later[0] == earlier[1] + 1 for earlier, later in pairwise(windows))
    assert len(windows) == 3


def test_funding_by_the_hour() -> None:
    query = HistoryQuery(SeriesKind.FUNDING, ("BTC-PERPETUAL",), None, JAN, JAN + 24 * HOUR)
    found = [{"timestamp": JAN + n * HOUR, "interest_1h": n / 1e6, "interest_8h": 0.0} for n in (2, 1)]
    rows = ask(lambda _: answer(found), query).rows["BTC-PERPETUAL"]
    assert rows.column("rate").to_pylist() == [1e-6, 2e-6]


def test_a_chain_of_all_expiries_with_volatility_as_a_fraction() -> None:
    summaries = [
        {"instrument_name": "BTC-27DEC24-100000-P", "mark_iv": 55.5, "bid_price": None, "ask_price": 0.1},
        {"instrument_name": "BTC-27DEC24-100000-C", "mark_iv": 50.0, "bid_price": 0.05, "open_interest": 12.5},
        {"instrument_name": "BTC-PERPETUAL"},
    ]
    call, put = ask(lambda _: answer(summaries), CHAIN).rows["BTC"].to_pylist()
    assert (call["right"], call["strike"], call["bid"], call["implied_volatility"]) == ("call", 100_000.0, 0.05, 0.5)
    assert (put["bid"], put["ask"], put["delta"]) == (None, 0.1, None)


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (refusal(-32602, "Invalid params"), UnknownSymbols),
        (refusal(13020, "not_found"), UnknownSymbols),
        (refusal(10028, "too_many_requests", 429), RateLimited),
        (refusal(11050, "bad_request"), QueryRefused),
        (Reply(b"<html>", 503), SourceUnavailable),
        (Reply(b"<html>"), GarbageAnswer),
        (Reply(b'{"jsonrpc": "2.0"}'), GarbageAnswer),
        (answer({"ticks": [JAN], "open": [], "high": [], "low": [], "close": [], "volume": []}), GarbageAnswer),
    ],
)
def test_what_goes_wrong_has_its_own_error(reply: Reply, error: type[HistoryError]) -> None:
    with pytest.raises(error) as raised:
        ask(lambda _: reply, CANDLES)
    assert type(raised.value) is error
    if isinstance(raised.value, UnknownSymbols):
        assert raised.value.symbols == ("BTC-PERPETUAL",)
