"""What the API may have the daemon do: frozen commands in, frozen pictures out."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

import structlog

from core.domain.commands import (
    AmendOrder,
    AmendReport,
    ClosePosition,
    Command,
    CommandRefused,
    EndPlan,
    ForgetOperations,
    Forgotten,
    Halt,
    KillSwitchStatus,
    PausedSymbols,
    PauseSymbol,
    ReloadAnswer,
    ReloadSettings,
    ResolveOrder,
    ResumeSymbol,
)
from core.domain.facts import OrderView, PlanView
from core.domain.instruments import InstrumentId
from core.domain.reason_codes import ReasonCode, because
from core.domain.reasons import Reason
from core.domain.tickets import CancelOrder, Placed, PlaceOrder
from core.kill_switch import KillSwitch
from core.operator_desk import OperatorDesk
from core.risk.levels import RiskLevel

log = structlog.get_logger("operator")


class DaemonControls(Protocol):
    """Called on the loop; each answers as soon as what it says is durable."""

    def status(self) -> KillSwitchStatus: ...

    async def command(self, command: Command) -> KillSwitchStatus:
        """Raises `CommandRefused`."""
        ...

    async def resolve(self, command: ResolveOrder) -> OrderView:
        """Raises `CommandRefused` and `UnknownOrder`."""
        ...

    async def place(self, ticket: PlaceOrder) -> tuple[Placed, bool]:
        """The order or plan, and whether the ticket was carried out before. Raises `BadTicket` and `CommandRefused`."""
        ...

    async def cancel(self, command: CancelOrder) -> OrderView:
        """Raises `CommandRefused` and `UnknownOrder`."""
        ...

    async def end_plan(self, command: EndPlan) -> PlanView:
        """Raises `CommandRefused` and `UnknownOrder`."""
        ...

    async def amend(self, command: AmendOrder) -> AmendReport:
        """Raises `CommandRefused` and `UnknownOrder`."""
        ...

    async def close(self, command: ClosePosition) -> tuple[str, Placed]:
        """The ticket's name, and what it has become. Raises `CommandRefused`."""
        ...

    async def pause(self, command: PauseSymbol) -> PausedSymbols:
        """Raises `CommandRefused`."""
        ...

    async def resume(self, command: ResumeSymbol) -> PausedSymbols:
        """Raises `CommandRefused`."""
        ...

    async def reload(self, command: ReloadSettings) -> ReloadAnswer:
        """Raises `SettingsError` for settings that are none: then nothing has changed."""
        ...

    async def forget(self, command: ForgetOperations) -> Forgotten: ...


class SymbolPauses(Protocol):
    """The coordinator, as far as pauses go."""

    def pause(self, symbol: InstrumentId, reason: Reason) -> None: ...

    def unpause(self, symbol: InstrumentId) -> None: ...

    def paused(self) -> Mapping[InstrumentId, Reason]: ...


class Controls:
    """The controls of a daemon at any moment of its life: before it has got so far as to trade, a halt is remembered
    and everything else refused."""

    def __init__(
        self,
        *,
        reload: Callable[[], Awaitable[ReloadAnswer]] | None = None,
        forget: Callable[[], int] = lambda: 0,
    ) -> None:
        """`reload` raises `SettingsError`; `None`: whoever runs the daemon can't read the settings again. `forget`
        forgets measured calls and says how many there were."""
        self._kill_switch: KillSwitch | None = None
        self._orders: OperatorDesk | None = None
        self._pauses: SymbolPauses | None = None
        self._reload = reload
        self._forget = forget
        self._halt_reason: str | None = None

    def attach(
        self, kill_switch: KillSwitch, orders: OperatorDesk | None = None, pauses: SymbolPauses | None = None
    ) -> None:
        """`orders` `None`: observe mode, in which nothing is ordered."""
        self._kill_switch = kill_switch
        self._orders = orders
        self._pauses = pauses
        if self._halt_reason is not None:
            kill_switch.halt(self._halt_reason)

    def halt(self, reason: str) -> None:
        """Nothing opens or adds from now on."""
        self._halt_reason = reason
        if self._kill_switch is not None:
            self._kill_switch.halt(reason)

    def status(self) -> KillSwitchStatus:
        if self._kill_switch is not None:
            return self._kill_switch.status()
        level = RiskLevel.NORMAL if self._halt_reason is None else RiskLevel.NO_ENTRY
        return KillSwitchStatus(level.value, self._halt_reason or "", None, is_durable=False)

    async def command(self, command: Command) -> KillSwitchStatus:
        if self._kill_switch is None and isinstance(command, Halt) and not command.reduce_only:
            self.halt(str(because(ReasonCode.OPERATOR_REQUEST, by=command.by, reason=command.reason)))
            return self.status()
        return await self._begun().command(command)

    async def place(self, ticket: PlaceOrder) -> tuple[Placed, bool]:
        return await self._ordering().place(ticket)

    async def cancel(self, command: CancelOrder) -> OrderView:
        return await self._ordering().cancel(command)

    async def amend(self, command: AmendOrder) -> AmendReport:
        return await self._ordering().amend(command)

    async def resolve(self, command: ResolveOrder) -> OrderView:
        return await self._ordering().resolve(command)

    async def end_plan(self, command: EndPlan) -> PlanView:
        return await self._ordering().end_plan(command)

    async def close(self, command: ClosePosition) -> tuple[str, Placed]:
        return await self._ordering().close(command)

    async def pause(self, command: PauseSymbol) -> PausedSymbols:
        reason = because(ReasonCode.SYMBOL_PAUSED, by=command.by, reason=command.reason)
        self._pausing().pause(InstrumentId(command.symbol), reason)
        log.warning("command", command="pause_symbol", symbol=command.symbol, by=command.by, reason=command.reason)
        return self._paused()

    async def resume(self, command: ResumeSymbol) -> PausedSymbols:
        self._pausing().unpause(InstrumentId(command.symbol))
        log.warning("command", command="resume_symbol", symbol=command.symbol, by=command.by, reason=command.reason)
        return self._paused()

    async def reload(self, command: ReloadSettings) -> ReloadAnswer:
        if self._reload is None:
            raise CommandRefused("this daemon was started without settings that could be read again; restart it")
        answer = await self._reload()
        said = {"applied": list(answer.applied), "need_restart": list(answer.need_restart)}
        log.warning("command", command="reload_settings", by=command.by, reason=command.reason, **said)
        return answer

    async def forget(self, command: ForgetOperations) -> Forgotten:
        return Forgotten(self._forget())

    def _paused(self) -> PausedSymbols:
        return PausedSymbols({str(symbol): str(reason) for symbol, reason in self._pausing().paused().items()})

    def _pausing(self) -> SymbolPauses:
        self._begun()
        if self._pauses is None:
            raise CommandRefused("nothing is decided yet; try again when the daemon trades")
        return self._pauses

    def _ordering(self) -> OperatorDesk:
        self._begun()
        if self._orders is None:
            raise CommandRefused("in observe mode nothing is ordered, so there is nothing to change either")
        return self._orders

    def _begun(self) -> KillSwitch:
        if self._kill_switch is None:
            raise CommandRefused(
                "the daemon is still starting (`live_bot.py status` says what it waits for), and decides nothing before"
                " it has; try again then. If it never gets so far: stop it, and use `live_bot.py flatten --direct`."
            )
        return self._kill_switch
