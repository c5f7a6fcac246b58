"""Routes that show the daemon's last picture, or a part of it."""

from fastapi import FastAPI, Response

from core.api.answers import Breakers, Profit
from core.api.tokens import Scope
from core.api.web.house import House
from core.api.web.wire import answers, as_json, json_answer
from core.domain.status import DaemonStatus, PlanStatusLine, PositionStatus, SymbolStatus


def add_picture_routes(application: FastAPI, house: House) -> None:
    daemon = house.daemon
    read = [house.access.needs(Scope.READ)]

    @application.get("/api/v1/status", dependencies=read, **answers(DaemonStatus))
    async def status() -> Response:
        """The whole picture: state, clocks, money, lags, symbols, positions, breakers."""
        return json_answer(await daemon.fresh_status_json())

    @application.get("/api/v1/symbols", dependencies=read, **answers(list[SymbolStatus]))
    async def symbols() -> Response:
        """Each symbol: price, ages of its feeds, last decision."""
        return as_json((await daemon.fresh_status()).symbols)

    @application.get("/api/v1/positions", dependencies=read, **answers(list[PositionStatus]))
    async def positions() -> Response:
        """What is held, at which price, with which profit."""
        return as_json((await daemon.fresh_status()).positions)

    @application.get("/api/v1/plans", dependencies=read, **answers(list[PlanStatusLine]))
    async def plans() -> Response:
        """Parent orders (TWAP, icebergs): those at work, oldest first, then the last few that are over."""
        return as_json((await daemon.fresh_status()).plans)

    @application.get("/api/v1/profit", dependencies=read, **answers(Profit))
    async def profit() -> Response:
        """What there is and how it came about, with the equity since this process began to serve."""
        return as_json(Profit.of((await daemon.fresh_status()), house.equity.points()))

    @application.get("/api/v1/breakers", dependencies=read, **answers(Breakers))
    async def breakers() -> Response:
        """What is held back after failures, and the threads and workers that all calls go through."""
        return as_json(Breakers.of(await daemon.fresh_status()))
