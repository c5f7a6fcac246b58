"""Requests to the vendors' protocols that nobody would send: each is answered in their words, none with a 500."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from core.simulation.server.deribit.market import CoinMarket
from core.simulation.server.deribit.methods import PublicMethods
from core.simulation.server.made_data import MadeData
from tests.venues import VenueProcess

pytestmark = pytest.mark.slow

UNTIMED = settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
MOST_BYTES = 16 << 20
"""Of a message; all instruments of a coin are more than clients take by default."""
METHODS = sorted(PublicMethods(CoinMarket(MadeData(0))).table)
ALPACA = (
    "/v2/stocks/bars",
    "/v2/stocks/bars/latest",
    "/v2/stocks/quotes/latest",
    "/v2/stocks/trades/latest",
    "/v2/stocks/snapshots",
    "/v2/stocks/SPY/bars",
    "/v2/stocks/SPY/snapshot",
    "/v1beta1/options/bars",
    "/v1beta1/options/snapshots",
    "/v1beta1/options/quotes/latest",
    "/v1beta1/options/trades/latest",
    "/v1beta1/options/snapshots/AAPL",
)
ODD = st.text(max_size=20) | st.integers(-(10**20), 10**20).map(str) | st.floats().map(str)
TIMES = ["2015-01-01", "2016-01-04", "2026-01-05T09:30:00-05:00", "0001-01-01", "9999-12-31", "2026-01-05T14:30:00.5Z"]
GOOD = {
    "symbols": ["SPY", "SPY,AAPL,NOPE", "SPY261218C00600000", "XXX261218P00600000,SPY200117C00300000", ",,"],
    "timeframe": ["1Min", "59Min", "23Hour", "1Day", "1Week", "12Month"],
    "start": TIMES,
    "end": TIMES,
    "limit": ["1", "100", "10000", "-1"],
    "sort": ["asc", "desc"],
    "feed": ["iex", "sip", "opra", "indicative"],
    "page_token": ["U1BZfDE3Njc2NzU2MDA=", "fHw=", "//8="],
    "type": ["call", "put"],
    "strike_price_gte": ["0", "500.5"],
    "expiration_date_lte": ["2026-12-31", "9999-12-31"],
    "updated_since": TIMES,
    "asof": ["-"],
}
NAMES = ["BTC-PERPETUAL", "ETH-25DEC26", "BTC-25DEC26-60000-C", "BTC-1JAN16-1-P", "XRP-PERPETUAL", "BTC-31DEC99-5-C"]
INSTANTS = ["0", "1", "1790000000000", "32503680000000", "99999999999999999", "-1"]
DERIBIT = {
    "instrument_name": NAMES,
    "currency": ["BTC", "eth", "any", "USDC", "???"],
    "kind": ["option", "future", "spot", "any"],
    "index_name": ["btc_usd", "_"],
    "resolution": ["1", "1D", "60", "3600"],
    "start_timestamp": INSTANTS,
    "end_timestamp": INSTANTS,
    "start_seq": ["0", "5", "9007199254740992"],
    "end_seq": ["0", "5", "9007199254740992"],
    "count": ["1", "1000", "0"],
    "depth": ["1", "10000", "0"],
    "sorting": ["asc", "desc"],
    "expired": ["true", "false", "1"],
    "include_old": ["true"],
}
CHANNELS = [
    "ticker.BTC-PERPETUAL.raw",
    "book.BTC-25DEC26.none.20.100ms",
    "book.ETH-PERPETUAL.agg2",
    "chart.trades.BTC-PERPETUAL.7",
    "trades.option.BTC.raw",
    "deribit_price_index.doge_usd",
]


def queries(good: dict[str, list[str]]) -> st.SearchStrategy[dict[str, str]]:
    """Mostly of good values, in combinations that make no sense, with a few odd ones."""
    sensible = st.fixed_dictionaries({}, optional={name: st.sampled_from(values) for name, values in good.items()})
    odd = st.dictionaries(st.sampled_from(sorted(good)), ODD, max_size=2)
    return st.builds(lambda first, then: first | then, sensible, odd)


@pytest.fixture(scope="module")
def relaxed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VenueProcess]:
    options = ("--latency-ms", "0", "--limits", "relaxed")
    process = VenueProcess(tmp_path_factory.mktemp("fuzz"), symbols=("BTC/USDT",), options=options)
    yield process
    assert process.stop() == 0


@pytest.fixture(scope="module")
def client(relaxed: VenueProcess) -> Iterator[httpx.Client]:
    keys = {"APCA-API-KEY-ID": "paper", "APCA-API-SECRET-KEY": "paper"}
    with httpx.Client(base_url=relaxed.url, headers=keys, timeout=60) as client:
        yield client


@UNTIMED
@given(st.sampled_from(ALPACA), queries(GOOD))
def test_alpaca(client: httpx.Client, path: str, query: dict[str, str]) -> None:
    answer = client.get(path, params=query)
    assert answer.status_code in {200, 400, 403, 414}, answer.text
    if answer.status_code in {400, 403}:
        assert answer.json()["message"]


@UNTIMED
@given(st.sampled_from(METHODS), queries(DERIBIT))
def test_deribit(client: httpx.Client, method: str, query: dict[str, str]) -> None:
    answer = client.get(f"/api/v2/public/{method}", params=query)
    assert answer.status_code in {200, 400, 414}, answer.text
    assert ("result" in answer.json()) == (answer.status_code == 200)


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=8)
    | st.sampled_from(CHANNELS + NAMES),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(sorted(DERIBIT)), inner, max_size=3),
    max_leaves=6,
)


@settings(UNTIMED, max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([*(f"public/{each}" for each in METHODS), "public/subscribe", "public/set_heartbeat", "x"])
            | st.text(max_size=9),
            st.dictionaries(st.sampled_from([*DERIBIT, "channels", "interval"]), JSON, max_size=4) | JSON,
        ),
        min_size=1,
        max_size=6,
    )
)
def test_deribit_over_websocket(relaxed: VenueProcess, calls: list[tuple[str, Any]]) -> None:
    async def talk() -> None:
        async with asyncio.timeout(60), connect(f"{relaxed.ws_url}/ws/api/v2", max_size=MOST_BYTES) as socket:
            for number, (method, params) in enumerate(calls):
                await socket.send(json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params}))
                while (message := json.loads(await socket.recv())).get("method") is not None:
                    pass
                assert message.get("error", {}).get("code") != 11094, message
                assert ("result" in message) != ("error" in message)

    try:
        asyncio.run(talk())
    except ConnectionClosed as closed:
        raise AssertionError(f"{calls} closed the connection") from closed


def test_nothing_went_wrong_unseen(relaxed: VenueProcess) -> None:
    """The last one: what failed inside is in the venue's log."""
    log = (relaxed.data_dir / "venue.log").read_text()
    assert "request_failed" not in log
    assert "call_failed" not in log
    assert "channel_failed" not in log
