"""The routes. Every handler is a coroutine: a GET reads one frozen picture and waits for nothing; a POST hands over one
frozen command, and waits until what it answers is on the disk."""

import difflib
import hmac
from typing import Annotated, Any, TypeVar

import msgspec
from fastapi import Depends, FastAPI, HTTPException, Query, Request, Response
from fastapi.responses import HTMLResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import TypeAdapter

from core import __version__
from core.api.answers import Alive, Readiness, Refusal, Why
from core.api.controls import DaemonControls
from core.api.live_view import order_line
from core.api.reference_page import reference_page
from core.api.view import DaemonView, unready_reason
from core.domain.commands import (
    MAX_REASON_CHARS,
    Command,
    CommandRefused,
    Flatten,
    Halt,
    KillSwitchStatus,
    ResolveOrder,
    Resume,
    UnknownOrder,
)
from core.domain.status import DaemonStatus, DecisionLine, OrderStatusLine, PositionStatus, SymbolStatus

Limit = Annotated[int, Query(ge=1, le=500, description="How many, newest first.")]


_MOST_BYTES = 10_000
C = TypeVar("C", bound=Halt | Resume | Flatten | ResolveOrder)


def build_application(view: DaemonView, controls: DaemonControls, token: str) -> FastAPI:
    """`token`: what callers of everything but health and docs must bring as `Authorization: Bearer`."""
    application = FastAPI(title="Metronome", version=__version__, docs_url=None, redoc_url=None)
    _add_health(application, view)
    _add_pictures(application, view, Depends(_bearer(token)))
    _add_commands(application, controls, Depends(_bearer(token)))

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


def _add_commands(application: FastAPI, controls: DaemonControls, token: Any) -> None:
    async def carry_out(request: Request, kind: type[Halt | Resume | Flatten]) -> Response:
        command: Command = _command(await request.body(), kind)
        try:
            return _json(await controls.command(command))
        except CommandRefused as refused:
            raise HTTPException(409, str(refused)) from None

    @application.get("/api/v1/kill-switch", dependencies=[token], **_answers(KillSwitchStatus))
    async def kill_switch() -> Response:
        """The risk level, why, since when, and how far a flattening has come."""
        return _json(controls.status())

    @application.post("/api/v1/halt", dependencies=[token], **_obeys(Halt))
    async def halt(request: Request) -> Response:
        """No order that opens or adds, until `resume`; with `reduce_only` working entries are cancelled, too."""
        return await carry_out(request, Halt)

    @application.post("/api/v1/resume", dependencies=[token], **_obeys(Resume))
    async def resume(request: Request) -> Response:
        """Trade again after a halt or a flattening that is over."""
        return await carry_out(request, Resume)

    @application.post("/api/v1/flatten", dependencies=[token], **_obeys(Flatten))
    async def flatten(request: Request) -> Response:
        """Begin to cancel and close all that is the bot's, or the account's; ends LOCKED. `kill-switch` tells how
        far it is."""
        return await carry_out(request, Flatten)

    @application.post(
        "/api/v1/orders/resolve",
        dependencies=[token],
        **_obeys(ResolveOrder, OrderStatusLine, {404: {"model": Refusal}}),
    )
    async def resolve(request: Request) -> Response:
        """Say how an order of unknown outcome has ended, as seen there. What the venue says later counts more."""
        command = _command(await request.body(), ResolveOrder)
        try:
            return _json(order_line(await controls.resolve(command)))
        except UnknownOrder as unknown:
            raise HTTPException(404, str(unknown)) from None
        except CommandRefused as refused:
            raise HTTPException(409, str(refused)) from None


def _command(body: bytes, kind: type[C]) -> C:
    """400 for what is none, and for a reason that is empty, too long, or would not fit on a line."""
    try:
        if len(body) > _MOST_BYTES:
            raise ValueError(f"at most {_MOST_BYTES} bytes")
        command = msgspec.json.decode(body, type=kind)
        for name in ("reason", "by"):
            text: str = getattr(command, name)
            if not text.strip() or len(text) > MAX_REASON_CHARS or not text.isprintable():
                raise ValueError(f"{name}: 1 to {MAX_REASON_CHARS} printable characters")
    except ValueError as error:
        raise HTTPException(400, f"not a command: {error}") from None
    return command


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


def _obeys(
    model: Any, answer: Any = KillSwitchStatus, also: dict[int | str, dict[str, Any]] | None = None
) -> dict[str, Any]:
    """What OpenAPI says of a command."""
    body = {"content": {"application/json": {"schema": TypeAdapter(model).json_schema()}}, "required": True}
    refused: dict[int | str, dict[str, Any]] = {400: {"model": Refusal}, 409: {"model": Refusal}, **(also or {})}
    return {**_answers(answer, also=refused), "openapi_extra": {"requestBody": body}}


def _json(body: Any, status_code: int = 200) -> Response:
    return Response(msgspec.json.encode(body), status_code=status_code, media_type="application/json")
