"""The routes. Every handler is a coroutine: a GET reads one frozen picture and waits for nothing; a POST hands over one
frozen command, and waits until what it answers is on the disk."""

import hmac
from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException, Query, Request, Response
from fastapi.responses import HTMLResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from core import __version__
from core.api.answers import Alive, Readiness, Refusal, Why
from core.api.controls import DaemonControls
from core.api.order_routes import add_order_routes
from core.api.plan_routes import add_plan_routes
from core.api.reference_page import reference_page
from core.api.view import DaemonView, unready_reason
from core.api.wire import answers, as_json, known_symbol, obeys, read_command
from core.domain.commands import (
    Command,
    CommandRefused,
    Flatten,
    Halt,
    KillSwitchStatus,
    Resume,
)
from core.domain.status import (
    DaemonStatus,
    DecisionLine,
    OrderStatusLine,
    PositionStatus,
    SymbolStatus,
)

Limit = Annotated[int, Query(ge=1, le=500, description="How many, newest first.")]


def build_application(view: DaemonView, controls: DaemonControls, token: str) -> FastAPI:
    """`token`: what callers of everything but health and docs must bring as `Authorization: Bearer`."""
    application = FastAPI(title="Metronome", version=__version__, docs_url=None, redoc_url=None)
    _add_health(application, view)
    _add_pictures(application, view, Depends(_bearer(token)))
    _add_commands(application, controls, Depends(_bearer(token)))
    add_order_routes(application, controls, view, Depends(_bearer(token)))
    add_plan_routes(application, controls, view, Depends(_bearer(token)))

    @application.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return HTMLResponse(reference_page(application.openapi()))

    return application


def _bearer(token: str) -> Any:
    scheme = HTTPBearer(auto_error=False, description="The content of `data_dir/api.token`, or the setting api.token.")
    expected = token.encode()

    async def authorise(given: Annotated[HTTPAuthorizationCredentials | None, Depends(scheme)]) -> None:
        if given is None or not hmac.compare_digest(given.credentials.encode(), expected):
            raise HTTPException(401, "missing or wrong bearer token", headers={"WWW-Authenticate": "Bearer"})

    return authorise


def _add_health(application: FastAPI, view: DaemonView) -> None:
    @application.get("/health/live", **answers(Alive, tag="health"))
    async def live() -> Response:
        """200 as long as the loop turns: a daemon that cannot answer this is stuck."""
        return as_json(Alive())

    @application.get("/health/ready", **answers(Readiness, tag="health", also={503: {"model": Readiness}}))
    async def ready() -> Response:
        """200 while it trades and every part makes progress, otherwise 503 with the reason."""
        status = view.status()
        reason = unready_reason(status)
        return as_json(Readiness(reason is None, status.state, reason), status_code=503 if reason else 200)


def _add_pictures(application: FastAPI, view: DaemonView, token: Any) -> None:
    @application.get("/api/v1/status", dependencies=[token], **answers(DaemonStatus))
    async def status() -> Response:
        """The whole picture: state, clocks, money, lags, symbols, positions, breakers."""
        return as_json(view.status())

    @application.get("/api/v1/symbols", dependencies=[token], **answers(list[SymbolStatus]))
    async def symbols() -> Response:
        """Each symbol: price, ages of its feeds, last decision."""
        return as_json(view.status().symbols)

    @application.get("/api/v1/positions", dependencies=[token], **answers(list[PositionStatus]))
    async def positions() -> Response:
        """What is held, at which price, with which profit."""
        return as_json(view.status().positions)

    @application.get("/api/v1/orders", dependencies=[token], **answers(list[OrderStatusLine]))
    async def orders() -> Response:
        """Orders of this bot, newest first."""
        return as_json(view.orders())

    @application.get("/api/v1/decisions", dependencies=[token], **answers(list[DecisionLine]))
    async def decisions(symbol: str | None = None, limit: Limit = 100) -> Response:
        """Decisions with their reasons, newest first; of one symbol where it is given."""
        known = None if symbol is None else known_symbol(symbol, view.status()).symbol
        return as_json(view.decisions(known, limit))

    @application.get("/api/v1/why/{symbol:path}", dependencies=[token], **answers(Why, also={404: {"model": Refusal}}))
    async def why(symbol: str, limit: Limit = 20) -> Response:
        """Why a symbol was, or was not, traded. `BTC/USDT`, `BTC-USDT` and `btcusdt` all name the same."""
        now = known_symbol(symbol, view.status())
        return as_json(Why(now, view.decisions(now.symbol, limit)))


def _add_commands(application: FastAPI, controls: DaemonControls, token: Any) -> None:
    async def carry_out(request: Request, kind: type[Halt | Resume | Flatten]) -> Response:
        command: Command = read_command(await request.body(), kind)
        try:
            return as_json(await controls.command(command))
        except CommandRefused as refused:
            raise HTTPException(409, str(refused)) from None

    @application.get("/api/v1/kill-switch", dependencies=[token], **answers(KillSwitchStatus))
    async def kill_switch() -> Response:
        """The risk level, why, since when, and how far a flattening has come."""
        return as_json(controls.status())

    @application.post("/api/v1/halt", dependencies=[token], **obeys(Halt))
    async def halt(request: Request) -> Response:
        """No order that opens or adds, until `resume`; with `reduce_only` working entries are cancelled, too."""
        return await carry_out(request, Halt)

    @application.post("/api/v1/resume", dependencies=[token], **obeys(Resume))
    async def resume(request: Request) -> Response:
        """Trade again after a halt or a flattening that is over."""
        return await carry_out(request, Resume)

    @application.post("/api/v1/flatten", dependencies=[token], **obeys(Flatten))
    async def flatten(request: Request) -> Response:
        """Begin to cancel and close all that is the bot's, or the account's; ends LOCKED. `kill-switch` tells how
        far it is."""
        return await carry_out(request, Flatten)
