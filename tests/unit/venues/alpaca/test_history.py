"""Alpaca's answers, good and bad, from a real socket by alpaca-py's own clients."""

import json
from collections.abc import Callable
from datetime import date

import pytest

from core.domain.candles import Timeframe
from core.domain.errors import (
    GarbageAnswer,
    HistoryError,
    KeysRefused,
    NotPermitted,
    QueryRefused,
    RateLimited,
    SettingsError,
    SourceUnavailable,
    UnknownSymbols,
)
from core.domain.series import SeriesKind
from core.ports.history import HistoryPage, HistoryQuery
from core.ports.venue import Credentials
from core.settings.history import HistorySettings
from core.venues.alpaca.history import AlpacaHistory
from core.venues.budget.sharing import own_ledgers
from tests.vendor_server import Asked, Reply, VendorServer, vendor_server

JAN_2, JAN_4 = 1_704_153_600_000, 1_704_326_400_000
BARS = HistoryQuery(SeriesKind.STOCK_BARS, ("SPY", "QQQ"), Timeframe.D1, JAN_2, JAN_4)
CHAIN = HistoryQuery(SeriesKind.OPTION_CHAIN, ("SPY",), None, JAN_4, JAN_4 + 1)
BAR = {"t": "2024-01-02T05:00:00Z", "o": 1.5, "h": 2, "l": 1, "c": 1.75, "v": 12_345, "n": 67, "vw": 1.6}


def answer(document: object, status: int = 200, **headers: str) -> Reply:
    return Reply(json.dumps(document).encode(), status, headers)


def ask(reply: Reply | Callable[[Asked], Reply], query: HistoryQuery, token: str | None = None) -> HistoryPage:
    return asked(reply, query, token)[0]


def asked(
    reply: Reply | Callable[[Asked], Reply], query: HistoryQuery, token: str | None = None, timeout_s: float = 5.0
) -> tuple[HistoryPage, VendorServer]:
    with vendor_server(reply if callable(reply) else lambda _: reply) as server:
        settings = HistorySettings(base_url=server.url, request_timeout_s=timeout_s, requests_per_min=60_000)
        source = AlpacaHistory(settings, Credentials("key", "secret"), ledgers=own_ledgers)
        try:
            return source.page(query, token).read(), server
        finally:
            source.close()


def test_bars_of_several_symbols_and_the_token_of_the_next_page() -> None:
    page, server = asked(answer({"bars": {"SPY": [BAR], "QQQ": [BAR, BAR]}, "next_page_token": "more"}), BARS, "last")
    assert page.next_token == "more"
    assert {symbol: rows.num_rows for symbol, rows in page.rows.items()} == {"SPY": 1, "QQQ": 2}
    row = page.rows["SPY"].to_pylist()[0]
    assert row["open_time"].isoformat() == "2024-01-02T05:00:00+00:00"
    assert (row["close"], row["volume"], row["n_trades"], row["vwap"]) == (1.75, 12_345.0, 67, 1.6)
    query = server.asked[0].query
    assert server.asked[0].path == "/v2/stocks/bars"
    assert (query["symbols"], query["timeframe"], query["page_token"]) == ("SPY,QQQ", "1Day", "last")
    assert (query["start"], query["end"]) == ("2024-01-02T00:00:00+00:00", "2024-01-03T23:59:59.999000+00:00")


@pytest.mark.parametrize("bars", [{}, None, {"SPY": None}, {"SPY": []}])
def test_an_empty_answer_has_no_rows(bars: object) -> None:
    page = ask(answer({"bars": bars, "next_page_token": None}), BARS)
    assert (page.rows, page.next_token) == ({}, None)


def test_a_chain_with_and_without_quotes_and_greeks() -> None:
    full = {
        "latestQuote": {"t": "2024-01-03T20:59:59.123456789Z", "bp": 1.5, "bs": 10, "ap": 0, "as": 0},
        "latestTrade": {"p": 1.6},
        "dailyBar": {"v": 42},
        "impliedVolatility": 0.21,
        "greeks": {"delta": 0.5, "gamma": 0.02, "rho": 0.1, "theta": -0.05, "vega": 0.2},
    }
    page = ask(answer({"snapshots": {"SPY240119P00470000": {}, "SPY240119C00470000": full, "SPX": full}}), CHAIN)
    call, put = page.rows["SPY"].to_pylist()
    assert (call["contract"], call["right"], call["strike"], call["expiry"]) == (
        "SPY240119C00470000",
        "call",
        470.0,
        date(2024, 1, 19),
    )
    assert (call["bid"], call["ask"], call["implied_volatility"], call["theta"]) == (1.5, None, 0.21, -0.05)
    assert call["time"].timestamp() * 1_000 == JAN_4
    assert (put["bid"], put["delta"], put["quote_time"]) == (None, None, None)


@pytest.mark.parametrize(
    ("reply", "error", "words"),
    [
        (answer({"message": "forbidden."}, 403), KeysRefused, "keys are wrong"),
        (answer({"message": "unauthorized"}, 401), KeysRefused, "missing or wrong"),
        (answer({"message": "subscription does not permit querying recent SIP data"}, 403), NotPermitted, "SIP"),
        (answer({"message": "OPRA agreement is not signed"}, 403), NotPermitted, "OPRA"),
        (answer({"message": "invalid symbol: QQQ"}, 400), UnknownSymbols, "no such symbol: QQQ$"),
        (answer({"message": "invalid timeframe: 1Foo"}, 400), QueryRefused, "invalid timeframe"),
        (answer({"message": "endpoint not found."}, 404), QueryRefused, "not found"),
        (answer({"message": "too many requests."}, 429, **{"Retry-After": "7"}), RateLimited, "too many"),
        (answer({"message": "internal server error occurred"}, 500), SourceUnavailable, "HTTP 500"),
        (Reply(b"<html>502 Bad Gateway</html>", 502, {"Content-Type": "text/html"}), SourceUnavailable, "HTTP 502"),
        (Reply(b"", 504), SourceUnavailable, "HTTP 504"),
        (Reply(b"", 302, {"Location": "http://127.0.0.1:1/"}), SourceUnavailable, "HTTP 302"),
        (Reply(b"<html>maintenance</html>", 200, {"Content-Type": "text/html"}), GarbageAnswer, "<html>maintenance"),
        (Reply(b'{"bars": {"SPY": [{"t": "2024'), GarbageAnswer, "cannot be read"),
        (Reply(b'{"bars": {"SPY": [{"t": 7, "o": "x"}]}}'), GarbageAnswer, "cannot be read"),
        (answer({"candles": []}), GarbageAnswer, "bars"),
        (Reply(b""), GarbageAnswer, "cannot be read"),
        (Reply(b"[]"), GarbageAnswer, "cannot be read"),
        (Reply(b'{"bars": {}', promised=500), GarbageAnswer, "cannot be read"),
    ],
)
def test_what_goes_wrong_has_its_own_error_after_one_request(
    reply: Reply, error: type[HistoryError], words: str
) -> None:
    count: list[Asked] = []

    def once(request: Asked) -> Reply:
        count.append(request)
        return reply

    with pytest.raises(error, match=words) as raised:
        ask(once, BARS)
    assert type(raised.value) is error
    assert len(count) == 1
    if isinstance(raised.value, RateLimited):
        assert raised.value.retry_after_s == 7.0


def test_an_answer_that_drips_for_ever_ends_at_the_deadline() -> None:
    with pytest.raises(SourceUnavailable, match="deadline"):
        asked(Reply(b'{"bars":', promised=10_000, drips=True), BARS, timeout_s=0.3)


def test_nobody_who_listens_is_an_unavailable_source() -> None:
    settings = HistorySettings(base_url="http://127.0.0.1:1", requests_per_min=60_000)
    source = AlpacaHistory(settings, Credentials("key", "secret"), ledgers=own_ledgers)
    with pytest.raises(SourceUnavailable, match="cannot be reached"):
        source.page(BARS, None)
    source.close()
    with pytest.raises(SourceUnavailable, match="closed"):
        source.page(BARS, None)


def test_without_keys_it_says_how_to_give_them() -> None:
    with pytest.raises(SettingsError, match="METRONOME__HISTORY__ALPACA_API_KEY"):
        AlpacaHistory(HistorySettings(), None, ledgers=own_ledgers)


def test_a_told_limit_holds_for_all_who_share_the_budget() -> None:
    reply = answer({"message": "too many requests."}, 429, **{"X-RateLimit-Reset": "99999999999"})
    with vendor_server(lambda _: reply) as server:
        settings = HistorySettings(base_url=server.url, requests_per_min=60_000)
        ledger = own_ledgers("")
        sources = [AlpacaHistory(settings, Credentials("key", "s"), ledgers=lambda _: ledger) for _ in range(2)]
        for source in sources:
            with pytest.raises(RateLimited) as raised:
                source.page(BARS, None)
            assert raised.value.retry_after_s == pytest.approx(120, abs=5)
        assert len(server.asked) == 1
        for source in sources:
            source.close()
