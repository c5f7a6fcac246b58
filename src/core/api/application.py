"""The routes. Every handler is a coroutine that reads one frozen picture: no threads, no waiting."""

import difflib
import hmac
from typing import Annotated, Any

import msgspec
from fastapi import Depends, FastAPI, HTTPException, Query, Response
from fastapi.responses import HTMLResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from core import __version__
from core.api.answers import Alive, Readiness, Refusal, Why
from core.api.reference_page import reference_page
from core.api.view import DaemonView, unready_reason
from core.domain.status import DaemonStatus, DecisionLine, OrderStatusLine, PositionStatus, SymbolStatus

Limit = Annotated[int, Query(ge=1, le=500, description="How many, newest first.")]


def build_application(view: DaemonView, token: str) -> FastAPI:
    """`token`: what callers of everything but health and docs must bring as `Authorization: Bearer`."""
    application = FastAPI(title="Metronome", version=__version__, docs_url=None, redoc_url=None)
    _add_health(application, view)
    _add_pictures(application, view, Depends(_bearer(token)))

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
    @application.get("/health/live", **_answers(Alive, tag="health"))
    async def live() -> Response:
        """200 as long as the loop turns: a daemon that cannot answer this is stuck."""
        return _json(Alive())

    @application.get("/health/ready", **_answers(Readiness, tag="health", also={503: {"model": Readiness}}))
    async def ready() -> Response:
        """200 while it trades and every part makes progress, otherwise 503 with the reason."""
        status = view.status()
        reason = unready_reason(status)
        return _json(Readiness(reason is None, status.state, reason), status_code=503 if reason else 200)


def _add_pictures(application: FastAPI, view: DaemonView, token: Any) -> None:
    @application.get("/api/v1/status", dependencies=[token], **_answers(DaemonStatus))
    async def status() -> Response:
        """The whole picture: state, clocks, money, lags, symbols, positions, breakers."""
        return _json(view.status())

    @application.get("/api/v1/symbols", dependencies=[token], **_answers(list[SymbolStatus]))
    async def symbols() -> Response:
        """Each symbol: price, ages of its feeds, last decision."""
        return _json(view.status().symbols)

    @application.get("/api/v1/positions", dependencies=[token], **_answers(list[PositionStatus]))
    async def positions() -> Response:
        """What is held, at which price, with which profit."""
        return _json(view.status().positions)

    @application.get("/api/v1/orders", dependencies=[token], **_answers(list[OrderStatusLine]))
    async def orders() -> Response:
        """Orders of this bot, newest first."""
        return _json(view.orders())

    @application.get("/api/v1/decisions", dependencies=[token], **_answers(list[DecisionLine]))
    async def decisions(symbol: str | None = None, limit: Limit = 100) -> Response:
        """Decisions with their reasons, newest first; of one symbol where it is given."""
        known = None if symbol is None else _known(symbol, view.status()).symbol
        return _json(view.decisions(known, limit))

    @application.get("/api/v1/why/{symbol:path}", dependencies=[token], **_answers(Why, also={404: {"model": Refusal}}))
    async def why(symbol: str, limit: Limit = 20) -> Response:
        """Why a symbol was, or was not, traded. `BTC/USDT`, `BTC-USDT` and `btcusdt` all name the same."""
        now = _known(symbol, view.status())
        return _json(Why(now, view.decisions(now.symbol, limit)))


def _known(asked: str, status: DaemonStatus) -> SymbolStatus:
    """The symbol as asked for, forgiving its spelling; 404 with the nearest ones when there is none."""
    by_letters = {_letters(each.symbol): each for each in status.symbols}
    if found := by_letters.get(_letters(asked)):
        return found
    close = [by_letters[each].symbol for each in difflib.get_close_matches(_letters(asked), by_letters, n=3)]
    shown = close or [each.symbol for each in status.symbols[:5]]
    hint = f"; did you mean {', '.join(shown)}?" if shown else "; it trades none yet"
    raise HTTPException(404, f"{asked} is not traded by this daemon{hint}")


def _letters(symbol: str) -> str:
    return "".join(each for each in symbol.upper() if each.isalnum())


def _answers(model: Any, tag: str = "v1", also: dict[int | str, dict[str, Any]] | None = None) -> dict[str, Any]:
    """What OpenAPI says of a route. The body itself is encoded by msgspec, so no model is built per request."""
    refused: dict[int | str, dict[str, Any]] = {401: {"model": Refusal}} if tag == "v1" else {}
    return {"response_model": None, "tags": [tag], "responses": {200: {"model": model}, **refused, **(also or {})}}


def _json(body: Any, status_code: int = 200) -> Response:
    return Response(msgspec.json.encode(body), status_code=status_code, media_type="application/json")
