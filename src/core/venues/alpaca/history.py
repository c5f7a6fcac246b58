"""Bars and chains from Alpaca's market data API, a page a call, by alpaca-py's clients and request classes.

alpaca-py by itself has no time limit, sleeps and repeats on 429 and 504 (`RESTClient._request`), walks all pages in one
call and parses them where it waits. Here its session is ours (deadline, no redirects), it repeats nothing, each page is
a call of its own, and the body goes to a worker process as it came.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import requests

from core.domain.candles import Timeframe
from core.domain.errors import HistoryError, KeysRefused, NotPermitted, QueryRefused, SettingsError, UnknownSymbols
from core.domain.series import SeriesKind, SeriesName
from core.ports.history import HistoryAbilities, HistoryQuery, KindTraits, UnreadPage
from core.ports.venue import Credentials
from core.settings.history import HistorySettings
from core.venues.alpaca.decode import SOURCE, bars_page, chain_page
from core.venues.budget.sharing import Ledgers, account_name, address_name
from core.venues.failures import Failure
from core.venues.guarded_calls import ThreadClient
from core.venues.history_calls import HistoryCalls, SharedPace, in_words
from core.venues.page_bodies import unread
from core.venues.session import WiredSession

DATA_URL = "https://data.alpaca.markets"
REQUESTS_PER_MIN = 200.0
"""Of the free plan; the paid ones allow more (`history.requests_per_min`)."""
PAGE_ROWS = 10_000
CHAIN_ROWS = 1_000
_UNITS = {"m": "Min", "h": "Hour", "d": "Day"}
_BARS = KindTraits(frozenset(Timeframe), symbols_per_request=100, revised_rows=2)
_PATHS = {SeriesKind.STOCK_BARS: "/stocks/bars", SeriesKind.OPTION_BARS: "/options/bars"}


class AlpacaHistory:
    """A `HistorySource`. Without the extra `alpaca`, and without keys, it is not made: `SettingsError`."""

    def __init__(
        self, settings: HistorySettings, credentials: Credentials | None, *, ledgers: Ledgers, batching: bool = True
    ) -> None:
        """`batching` `False`: one symbol a request, for comparisons."""
        self._clients = _alpaca()
        if credentials is None:
            raise SettingsError(
                "history from Alpaca needs keys: set METRONOME__HISTORY__ALPACA_API_KEY and"
                " METRONOME__HISTORY__ALPACA_SECRET, or history.alpaca_api_key_file and history.alpaca_secret_file"
            )
        self._credentials = credentials
        self._url = settings.base_url or DATA_URL
        self._feed = settings.alpaca_feed
        per_min = settings.requests_per_min or REQUESTS_PER_MIN
        bars = _BARS if batching else KindTraits(_BARS.timeframes, 1, revised_rows=_BARS.revised_rows)
        self._abilities = HistoryAbilities(
            SOURCE,
            {
                SeriesKind.STOCK_BARS: bars,
                SeriesKind.OPTION_BARS: bars,
                SeriesKind.OPTION_CHAIN: KindTraits(is_snapshot=True),
            },
            requests_per_min=per_min,
            burst=max(1, int(per_min)),
            page_rows=PAGE_ROWS,
        )
        address = address_name(self._url, "data")
        pace = SharedPace(per_min, max(1, int(per_min)), ledgers(account_name(address, credentials.api_key)))
        self._calls = HistoryCalls(SOURCE, self._client, timeout_s=settings.request_timeout_s, pace=pace, judge=_judge)

    @property
    def abilities(self) -> HistoryAbilities:
        return self._abilities

    def page(self, query: HistoryQuery, token: str | None) -> UnreadPage:
        path, params, is_of_stocks = self._request(query)
        if token is not None:
            params["page_token"] = token

        def ask(client: ThreadClient) -> bytes:
            stocks, options = client.exchange
            body: bytes = (stocks if is_of_stocks else options).get(path, params) or b""
            answer = client.session.answer
            if answer is not None and answer.status != 200:  # a redirect, which alpaca-py takes for a success
                raise ValueError("no answer to the question")
            return body

        try:
            body = self._calls.run(ask)
        except QueryRefused as error:
            raise _unknown_symbols(query, error) or error from error
        decode = chain_page if query.kind is SeriesKind.OPTION_CHAIN else bars_page
        return unread(decode, body, query)

    def listing(self) -> Sequence[SeriesName] | None:
        return None

    def close(self) -> None:
        self._calls.close()

    def _client(self, session: WiredSession) -> tuple[Any, Any]:
        """One of stocks and one of options for a thread."""
        stocks, options = self._clients
        return self._wired(stocks, session), self._wired(options, session)

    def _wired(self, kind: Any, session: WiredSession) -> Any:
        keys = self._credentials
        client = kind(api_key=keys.api_key, secret_key=keys.secret, url_override=self._url, raw_data=True)
        client._session = _UnreadSession(session)
        client._retry = 0
        client._retry_codes = []
        return client

    def _request(self, query: HistoryQuery) -> tuple[str, dict[str, Any], bool]:
        """Path, parameters, and whether it is the stocks' API."""
        from alpaca.data.requests import OptionBarsRequest, OptionChainRequest, StockBarsRequest  # noqa: PLC0415 - slow

        if query.kind is SeriesKind.OPTION_CHAIN:
            chain = OptionChainRequest(underlying_symbol=query.symbols[0]).to_request_fields()
            underlying = chain.pop("underlying_symbol")
            return f"/options/snapshots/{underlying}", {**chain, "limit": CHAIN_ROWS}, False
        is_of_stocks = query.kind is SeriesKind.STOCK_BARS
        common: dict[str, Any] = {
            "symbol_or_symbols": list(query.symbols),
            "timeframe": _timeframe(query.timeframe),
            "start": _moment(query.start_ms),
            "end": _moment(query.end_ms - 1),  # Alpaca's end is included
            "limit": PAGE_ROWS,
        }
        if is_of_stocks:
            fields = StockBarsRequest(**common, feed=self._feed, adjustment="raw").to_request_fields()
        else:
            fields = OptionBarsRequest(**common).to_request_fields()
        return _PATHS[query.kind], fields, is_of_stocks


class _UnreadSession:
    """What alpaca-py takes for its session: answers a success's body as it came, where alpaca-py would parse it."""

    def __init__(self, session: WiredSession) -> None:
        self._session = session

    def request(self, method: str, url: str, **options: Any) -> requests.Response:
        response = self._session.request(method, url, **options)
        response.encoding = "utf-8"  # guessing it takes longer than the request
        body = response.content
        # It must not lead back to the response, which would keep a megabyte until a collection.
        response.json = lambda **_: body  # type: ignore[method-assign]  # alpaca-py asks the answer itself, only here
        return response


def _alpaca() -> tuple[Any, Any]:
    """alpaca-py's two clients. Raises `SettingsError` where it is not installed."""
    try:
        from alpaca.data.historical import OptionHistoricalDataClient, StockHistoricalDataClient  # noqa: PLC0415 - slow
    except ModuleNotFoundError as error:
        raise SettingsError(
            'history from Alpaca needs the extra "alpaca" (alpaca-py): pip install alpaca-py'
        ) from error
    return StockHistoricalDataClient, OptionHistoricalDataClient


def _timeframe(timeframe: Timeframe | None) -> Any:
    from alpaca.data.timeframe import TimeFrame, TimeFrameUnit  # noqa: PLC0415 - slow

    if timeframe is None:
        raise QueryRefused(SOURCE, "bars have a timeframe")
    return TimeFrame(int(timeframe.value[:-1]), TimeFrameUnit(_UNITS[timeframe.value[-1]]))


def _moment(time_ms: int) -> datetime:
    return datetime.fromtimestamp(time_ms / 1_000, UTC)


def _judge(failure: Failure) -> HistoryError | None:
    """A wrong key is a 403 here, as a feed is that the plan does not include; words tell them apart."""
    said = failure.description.lower()
    if failure.status == 403 and "forbidden" in said:
        return KeysRefused(SOURCE, f"keys are wrong: {failure.description}")
    if failure.status in (403, 422) and ("subscription" in said or "agreement" in said):
        return NotPermitted(SOURCE, f"this account may not read the feed: {failure.description}")
    return in_words(SOURCE, failure)


def _unknown_symbols(query: HistoryQuery, error: QueryRefused) -> UnknownSymbols | None:
    """Where a refusal is about symbols and names some of those that were asked for."""
    if "symbol" not in error.message.lower():
        return None
    words = set(error.message.replace(",", " ").replace(":", " ").replace('"', " ").split())
    words |= {word.rstrip(".") for word in words}
    named = [symbol for symbol in query.symbols if symbol in words]
    named = named or (list(query.symbols) if len(query.symbols) == 1 else [])
    return UnknownSymbols(SOURCE, named) if named else None
