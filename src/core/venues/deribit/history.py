"""Chains, candles and funding from Deribit's public API; no keys."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from core.domain.candles import Timeframe
from core.domain.errors import HistoryError, QueryRefused, UnknownSymbols
from core.domain.series import SeriesKind, SeriesName
from core.ports.history import HistoryAbilities, HistoryPage, HistoryQuery, KindTraits, UnreadPage
from core.settings.history import HistorySettings
from core.venues.budget.sharing import Ledgers, address_name
from core.venues.deribit.decode import CHART_ROWS, SOURCE, chain_page, chart_page, funding_page, window_end_ms
from core.venues.failures import Failure
from core.venues.guarded_calls import ThreadClient
from core.venues.history_calls import HistoryCalls, SharedPace, in_words
from core.venues.page_bodies import unread
from core.venues.session import WiredSession

API_URL = "https://www.deribit.com"
REQUESTS_PER_MIN = 1_200.0
BURST = 50
"""Requests that need no matching engine: 20 a second, in bursts of 100 (docs.deribit.com, "Rate Limits")."""
_RESOLUTIONS = {
    Timeframe.M1: "1",
    Timeframe.M3: "3",
    Timeframe.M5: "5",
    Timeframe.M15: "15",
    Timeframe.M30: "30",
    Timeframe.H1: "60",
    Timeframe.H2: "120",
    Timeframe.H6: "360",
    Timeframe.H12: "720",
    Timeframe.D1: "1D",
}
_BARS = KindTraits(frozenset(_RESOLUTIONS), revised_rows=1)
_KINDS = {
    SeriesKind.CANDLES: _BARS,
    SeriesKind.OPTION_BARS: _BARS,
    SeriesKind.OPTION_CHAIN: KindTraits(is_snapshot=True),
    SeriesKind.FUNDING: KindTraits(),
}
_NO_SUCH = (-32602, 13020)
"""Invalid params, not found: of these requests only the name can be wrong."""
Params = dict[str, str | int]


class DeribitHistory:
    """A `HistorySource`. Symbols are Deribit's names: `BTC` of chains, `BTC-PERPETUAL`, `BTC-27DEC24-100000-C`."""

    def __init__(self, settings: HistorySettings, *, ledgers: Ledgers) -> None:
        self._url = (settings.base_url or API_URL).rstrip("/")
        per_min = settings.requests_per_min or REQUESTS_PER_MIN
        self._abilities = HistoryAbilities(SOURCE, _KINDS, per_min, min(BURST, max(1, int(per_min))), CHART_ROWS)
        pace = SharedPace(per_min, self._abilities.burst, ledgers(address_name(self._url, "public")))
        self._calls = HistoryCalls(SOURCE, _no_sdk, timeout_s=settings.request_timeout_s, pace=pace, judge=_judge)

    @property
    def abilities(self) -> HistoryAbilities:
        return self._abilities

    def page(self, query: HistoryQuery, token: str | None) -> UnreadPage:
        start_ms, end_ms = window_end_ms(query, token)
        method, params, decode = _request(query, start_ms, end_ms)

        def ask(client: ThreadClient) -> bytes:
            response = client.session.get(f"{self._url}/api/v2/{method}", params=params)
            if response.status_code != 200:
                raise ValueError("refused")
            return response.content

        try:
            body = self._calls.run(ask)
        except UnknownSymbols as error:
            raise UnknownSymbols(SOURCE, query.symbols) from error
        is_last = self._abilities.kinds[query.kind].is_snapshot or end_ms >= query.end_ms
        part = query if is_last and token is None else replace(query, start_ms=start_ms, end_ms=end_ms)
        return unread(_Decode(decode, None if is_last else str(end_ms)), body, part)

    def listing(self) -> Sequence[SeriesName] | None:
        return None

    def close(self) -> None:
        self._calls.close()


@dataclass(frozen=True, slots=True)
class _Decode:
    """A page's decoder, and where the next one begins: spans of time need no answer to be known."""

    decode: Callable[[bytes, HistoryQuery], HistoryPage]
    next_token: str | None

    def __call__(self, body: bytes, query: HistoryQuery) -> HistoryPage:
        return replace(self.decode(body, query), next_token=self.next_token)


def _request(
    query: HistoryQuery, start_ms: int, end_ms: int
) -> tuple[str, Params, Callable[[bytes, HistoryQuery], HistoryPage]]:
    symbol = query.symbols[0]
    span: Params = {"start_timestamp": start_ms, "end_timestamp": end_ms - 1}
    if query.kind is SeriesKind.OPTION_CHAIN:
        return "public/get_book_summary_by_currency", {"currency": symbol, "kind": "option"}, chain_page
    if query.kind is SeriesKind.FUNDING:
        return "public/get_funding_rate_history", {"instrument_name": symbol, **span}, funding_page
    if query.timeframe not in _RESOLUTIONS:
        raise QueryRefused(SOURCE, "candles have a timeframe")
    resolution = _RESOLUTIONS[query.timeframe]
    return (
        "public/get_tradingview_chart_data",
        {"instrument_name": symbol, "resolution": resolution, **span},
        chart_page,
    )


def _no_sdk(_: WiredSession) -> None:
    """The session is all that is needed."""


def _judge(failure: Failure) -> HistoryError | None:
    """Which symbol it was is for whoever asked to say."""
    return UnknownSymbols(SOURCE, ()) if failure.code in _NO_SUCH else in_words(SOURCE, failure)
