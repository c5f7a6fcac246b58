"""Routes that have the daemon do something as a whole: the kill switch, symbols, settings."""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import FastAPI, Path, Request, Response

from core.api.answers import Refusal
from core.api.tokens import Scope, Token
from core.api.web.commands import Key
from core.api.web.house import House
from core.api.web.wire import answers, json_answer, known_symbol, obeys, read_command
from core.domain.commands import (
    ClosePosition,
    Flatten,
    Halt,
    KillSwitchStatus,
    PausedSymbols,
    PauseSymbol,
    ReloadAnswer,
    ReloadSettings,
    Resume,
    ResumeSymbol,
)
from core.domain.tickets import TicketAnswer

_NO_SYMBOL: dict[int | str, dict[str, Any]] = {404: {"model": Refusal}}
Symbol = Annotated[str, Path(max_length=64)]


@dataclass(frozen=True, slots=True)
class Why:
    """The body of a command whose address says the rest."""

    reason: str
    by: str


def add_command_routes(application: FastAPI, house: House) -> None:
    daemon, commands = house.daemon, house.commands
    trade, admin = house.access.needs(Scope.TRADE), house.access.needs(Scope.ADMIN)

    @application.get("/api/v1/kill-switch", dependencies=[house.access.needs(Scope.READ)], **answers(KillSwitchStatus))
    async def kill_switch() -> Response:
        """The risk level, why, since when, and how far a flattening has come."""
        return json_answer(await daemon.ask("kill_switch"))

    @application.post("/api/v1/halt", **obeys(Halt))
    async def halt(request: Request, caller: Token = trade, key: Key = None) -> Response:
        """No order that opens or adds, until `resume`; with `reduce_only` working entries are cancelled, too."""
        command = read_command(await request.body(), Halt)
        return await commands.carry_out(request, caller, "halt", command)

    @application.post("/api/v1/resume", **obeys(Resume))
    async def resume(request: Request, caller: Token = trade, key: Key = None) -> Response:
        """Trade again after a halt or a flattening that is over."""
        command = read_command(await request.body(), Resume)
        return await commands.carry_out(request, caller, "resume", command)

    @application.post("/api/v1/flatten", **obeys(Flatten))
    async def flatten(request: Request, caller: Token = trade, key: Key = None) -> Response:
        """Begin to cancel and close all that is the bot's, or the account's; ends LOCKED. `kill-switch` tells how
        far it is."""
        command = read_command(await request.body(), Flatten)
        return await commands.carry_out(request, caller, "flatten", command)

    @application.post("/api/v1/positions/{symbol:path}/close", **obeys(Why, TicketAnswer, _NO_SYMBOL))
    async def close_position(symbol: Symbol, request: Request, caller: Token = trade, key: Key = None) -> Response:
        """Sell, or buy back, at market what the bot holds of a symbol. Strategies may open it again: pause the symbol,
        or halt, to prevent that."""
        why = read_command(await request.body(), Why)
        command = ClosePosition(known_symbol(symbol, await daemon.fresh_status()).symbol, why.reason, why.by)
        return await commands.carry_out(request, caller, "close_position", command)

    @application.post("/api/v1/symbols/{symbol:path}/pause", **obeys(Why, PausedSymbols, _NO_SYMBOL))
    async def pause_symbol(symbol: Symbol, request: Request, caller: Token = trade, key: Key = None) -> Response:
        """Decide on a symbol no more, until `resume` or a restart. Its orders and its stops go on."""
        why = read_command(await request.body(), Why)
        command = PauseSymbol(known_symbol(symbol, await daemon.fresh_status()).symbol, why.reason, why.by)
        return await commands.carry_out(request, caller, "pause_symbol", command)

    @application.post("/api/v1/symbols/{symbol:path}/resume", **obeys(Why, PausedSymbols, _NO_SYMBOL))
    async def resume_symbol(symbol: Symbol, request: Request, caller: Token = trade, key: Key = None) -> Response:
        """Decide on a symbol again."""
        why = read_command(await request.body(), Why)
        command = ResumeSymbol(known_symbol(symbol, await daemon.fresh_status()).symbol, why.reason, why.by)
        return await commands.carry_out(request, caller, "resume_symbol", command)

    @application.post("/api/v1/settings/reload", **obeys(ReloadSettings, ReloadAnswer))
    async def reload_settings(request: Request, caller: Token = admin, key: Key = None) -> Response:
        """Read the settings again, and take over what a running daemon can; the answer names what needs a restart."""
        command = read_command(await request.body(), ReloadSettings)
        return await commands.carry_out(request, caller, "reload_settings", command)
