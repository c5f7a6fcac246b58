"""Routes that ask the daemon: what its picture does not have."""

from dataclasses import replace
from typing import Annotated, Any

import msgspec
from fastapi import FastAPI, Path, Query, Response

from core.api.answers import Refusal, Why
from core.api.tokens import Scope
from core.api.web.house import House
from core.api.web.wire import answers, as_json, json_answer, known_symbol
from core.decision_ledger.explain import explained
from core.domain.candles import Timeframe
from core.domain.pictures import CandlesShown, FeedLine, FillLine, LogLine, ModelsShown
from core.domain.status import DecisionLine, OrderStatusLine

Limit = Annotated[int, Query(ge=1, le=500, description="How many, newest first.")]
_NO_SYMBOL: dict[int | str, dict[str, Any]] = {404: {"model": Refusal}}


def add_detail_routes(application: FastAPI, house: House) -> None:
    daemon = house.daemon
    read = [house.access.needs(Scope.READ)]

    @application.get("/api/v1/orders", dependencies=read, **answers(list[OrderStatusLine]))
    async def orders() -> Response:
        """What others have open on the account; then orders of this bot, newest first."""
        return json_answer(await daemon.ask("orders"))

    @application.get("/api/v1/fills", dependencies=read, **answers(list[FillLine]))
    async def fills(limit: Limit = 100) -> Response:
        """Fills of the account, newest first."""
        return json_answer(await daemon.ask("fills", limit=limit))

    @application.get("/api/v1/feeds", dependencies=read, **answers(list[FeedLine]))
    async def feeds() -> Response:
        """Each channel of each symbol: how it is, and how old what it brought last."""
        return json_answer(await daemon.ask("feeds"))

    @application.get("/api/v1/models", dependencies=read, **answers(ModelsShown))
    async def models() -> Response:
        """The models that decide, and what became of those that were to; empty where no strategy asks models."""
        return json_answer(await daemon.ask("models"))

    @application.get("/api/v1/candles/{symbol:path}", dependencies=read, **answers(CandlesShown, also=_NO_SYMBOL))
    async def candles(
        symbol: Annotated[str, Path(max_length=64)], timeframe: Timeframe | None = None, limit: Limit = 200
    ) -> Response:
        """The newest candles of a symbol, oldest first; of its shortest timeframe where none is given."""
        known = known_symbol(symbol, await daemon.fresh_status()).symbol
        chosen = None if timeframe is None else timeframe.value
        return json_answer(await daemon.ask("candles", symbol=known, timeframe=chosen, limit=limit))

    @application.get("/api/v1/settings", dependencies=read, **answers(dict[str, dict[str, Any]]))
    async def settings() -> Response:
        """As they were resolved at the start, secrets masked."""
        return json_answer(await daemon.ask("settings"))

    @application.get("/api/v1/logs", dependencies=read, **answers(list[LogLine]))
    async def logs(limit: Limit = 100) -> Response:
        """The newest lines of the daemon's log, newest first."""
        return json_answer(await daemon.ask("logs", limit=limit))

    @application.get("/api/v1/decisions", dependencies=read, **answers(list[DecisionLine], also=_NO_SYMBOL))
    async def decisions(symbol: Annotated[str | None, Query(max_length=64)] = None, limit: Limit = 100) -> Response:
        """Decisions with their reasons, newest first; of one symbol where it is given."""
        known = None if symbol is None else known_symbol(symbol, await daemon.fresh_status()).symbol
        lines = msgspec.json.decode(await daemon.ask("decisions", symbol=known, limit=limit), type=list[DecisionLine])
        return as_json([explained(each) for each in lines])

    @application.get("/api/v1/why/{symbol:path}", dependencies=read, **answers(Why, also=_NO_SYMBOL))
    async def why(symbol: Annotated[str, Path(max_length=64)], limit: Limit = 20) -> Response:
        """Why a symbol was, or was not, traded. `BTC/USDT`, `BTC-USDT` and `btcusdt` all name the same."""
        known = known_symbol(symbol, await daemon.fresh_status()).symbol
        why = msgspec.json.decode(await daemon.ask("why", symbol=known, limit=limit), type=Why)
        return as_json(replace(why, decisions=tuple(map(explained, why.decisions))))
