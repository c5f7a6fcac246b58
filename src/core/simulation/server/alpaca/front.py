"""The API as a whole: finds the endpoint, knows keys and limits, lets faults and latencies have their share."""

import asyncio
import functools
import hmac
import re
import time
from collections.abc import Callable, Mapping
from urllib.parse import parse_qsl

import msgspec
import structlog

from core.settings.simulated_data import AlpacaSettings
from core.simulation.engine.underlyings.sessions import DAY_S
from core.simulation.engine.underlyings.timeframe import Unit
from core.simulation.server.accounts import AccountRegistry
from core.simulation.server.alpaca import errors
from core.simulation.server.alpaca.errors import AlpacaError
from core.simulation.server.alpaca.limits import RequestBuckets, Standing
from core.simulation.server.alpaca.option_endpoints import OptionEndpoints
from core.simulation.server.alpaca.query import Query
from core.simulation.server.alpaca.reply import Reply
from core.simulation.server.alpaca.settled_pages import SettledPages, key_of
from core.simulation.server.alpaca.stock_endpoints import StockEndpoints
from core.simulation.server.clock import VenueClock
from core.simulation.server.dispatcher import Answer, Request, RequestFaults
from core.simulation.server.http_exchange import HttpExchange
from core.simulation.server.latencies import Latencies
from core.simulation.server.limits import RELAXED
from core.simulation.server.made_data import MadeData
from core.simulation.server.rest_front import MAX_QUERY_BYTES, send_answer, send_page

PREFIXES = ("/v2/stocks/", "/v1beta1/options/")
_REQUESTS_A_MINUTE = {"basic": 200, "plus": 10_000}
_CLOSED_IN_A_DAY = (Unit.MINUTE, Unit.HOUR, Unit.DAY)
_SYMBOL = r"([A-Z.]{1,9})"

_log = structlog.get_logger(__name__)


class AlpacaFront:
    """`rest_front.ForeignFront`, and one of those that faults may come to."""

    def __init__(
        self,
        settings: AlpacaSettings,
        data: MadeData,
        clock: VenueClock,
        registry: AccountRegistry,
        *,
        latency_s: float,
        is_relaxed: bool,
    ) -> None:
        """`latency_s` is for routes that the settings name none for; `is_relaxed`: a thousand times the requests."""
        per_minute = settings.requests_per_minute or _REQUESTS_A_MINUTE[settings.plan]
        self._buckets = RequestBuckets(
            per_minute * (RELAXED if is_relaxed else 1), monotonic_s=time.monotonic, wall_s=time.time
        )
        self._latencies = Latencies(settings.latencies, latency_s)
        self._data = data
        self._clock = clock
        self._registry = registry
        self._stocks = StockEndpoints(data, is_delayed=settings.plan == "basic")
        self._options = OptionEndpoints(data, is_delayed=settings.plan == "basic")
        self._routes = self._all_routes()
        self._settled = SettledPages()
        self.faults: RequestFaults | None = None
        self.answered = 0
        """Requests answered since the start, refused ones included."""

    @staticmethod
    def claims(path: str) -> bool:
        return path.startswith(PREFIXES)

    async def answer(self, exchange: HttpExchange) -> None:
        """Whatever the request; raises nothing but `CancelledError`."""
        scope = exchange.scope
        if scope["method"] != "GET":
            await send_page(exchange, 405)
            return
        if len(scope["query_string"]) > MAX_QUERY_BYTES:
            await send_page(exchange, 414)
            return
        self.answered += 1
        values = dict(parse_qsl(scope["query_string"].decode("latin-1")))
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        key = headers.get(b"apca-api-key-id")
        request = Request(values, "", key, scope["client"][0], route=f"GET {scope['path']}")
        proceed = functools.partial(self._answer, request, headers)
        answer = await (proceed() if self.faults is None else self.faults.answer(request, proceed))
        await send_answer(exchange, answer)

    async def _answer(self, request: Request, headers: Mapping[bytes, str]) -> Answer:
        began_s = asyncio.get_running_loop().time()
        standing: Standing | None = None
        try:
            self._authenticate(request.api_key, headers.get(b"apca-api-secret-key"))
            standing = self._buckets.take(request.api_key or "")
            if standing.is_refused:
                raise errors.too_many_requests()
            n_rows, body = await self._data.make(functools.partial(self._made, request, self._clock.now_ms() / 1_000))
        except AlpacaError as error:
            return errors.refused(error, {} if standing is None else standing.headers)
        except Exception:  # the boundary of one request: a fault in one endpoint must not cost the others
            _log.exception("request_failed", route=request.route)
            return errors.refused(errors.internal(), {})
        await self._latencies.pass_by(request.route, n_rows, began_s)
        return Answer(200, body, None, headers=standing.headers)

    def _made(self, request: Request, now_s: float) -> tuple[int, bytes]:
        path = request.route.removeprefix("GET ")
        for pattern, make in self._routes:
            match = pattern.fullmatch(path)
            if match is not None:
                query = Query(request.values)
                key = key_of(path, request.values, int(now_s // DAY_S)) if _is_settled(path, query, now_s) else None
                if key is not None and (kept := self._settled.get(key)) is not None:
                    return kept
                reply = make(*match.groups(), query, now_s)
                page = reply.n_rows, msgspec.json.encode(reply.payload)
                if key is not None:
                    self._settled.keep(key, page)
                return page
        raise errors.not_found()

    def _authenticate(self, key: str | None, secret: str | None) -> None:
        if key is None or secret is None:
            raise AlpacaError(401, "authentication headers are missing")
        known = self._registry.secret(key) if key in self._registry else ""
        if not known or not hmac.compare_digest(known.encode(), secret.encode()):
            raise errors.forbidden()

    def _all_routes(self) -> list[tuple[re.Pattern[str], Callable[..., Reply]]]:
        stocks, options = self._stocks, self._options
        one = functools.partial
        table: dict[str, Callable[..., Reply]] = {
            "/v2/stocks/bars": stocks.bars,
            "/v2/stocks/bars/latest": stocks.latest_bars,
            "/v2/stocks/quotes/latest": stocks.latest_quotes,
            "/v2/stocks/trades/latest": stocks.latest_trades,
            "/v2/stocks/snapshots": stocks.snapshots,
            f"/v2/stocks/{_SYMBOL}/bars": stocks.bars_of_one,
            f"/v2/stocks/{_SYMBOL}/bars/latest": one(stocks.latest_of_one, "bars"),
            f"/v2/stocks/{_SYMBOL}/quotes/latest": one(stocks.latest_of_one, "quotes"),
            f"/v2/stocks/{_SYMBOL}/trades/latest": one(stocks.latest_of_one, "trades"),
            f"/v2/stocks/{_SYMBOL}/snapshot": one(stocks.latest_of_one, "snapshot"),
            "/v1beta1/options/bars": options.bars,
            "/v1beta1/options/snapshots": options.snapshots,
            "/v1beta1/options/quotes/latest": options.latest_quotes,
            "/v1beta1/options/trades/latest": options.latest_trades,
            f"/v1beta1/options/snapshots/{_SYMBOL}": options.chain,
        }
        return [(re.compile(path), make) for path, make in table.items()]


def _is_settled(path: str, query: Query, now_s: float) -> bool:
    """Bars of a day or less until a time that lies more than a day back: they are all closed."""
    end_s = query.moment("end", at_end=True) if path.endswith("/bars") else None
    return end_s is not None and end_s < now_s - DAY_S and query.timeframe().unit in _CLOSED_IN_A_DAY
