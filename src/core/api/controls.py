"""What the API may have the daemon do: frozen commands in, frozen pictures out."""

from typing import Protocol

from core.domain.commands import (
    AmendOrder,
    AmendReport,
    Command,
    CommandRefused,
    EndPlan,
    Halt,
    KillSwitchStatus,
    ResolveOrder,
)
from core.domain.facts import OrderView, PlanView
from core.domain.reason_codes import ReasonCode, because
from core.domain.tickets import CancelOrder, Placed, PlaceOrder
from core.kill_switch import KillSwitch
from core.operator_desk import OperatorDesk
from core.risk.levels import RiskLevel


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


class Controls:
    """The controls of a daemon at any moment of its life: before it has got so far as to trade, a halt is remembered
    and everything else refused."""

    def __init__(self) -> None:
        self._kill_switch: KillSwitch | None = None
        self._orders: OperatorDesk | None = None
        self._halt_reason: str | None = None

    def attach(self, kill_switch: KillSwitch, orders: OperatorDesk | None = None) -> None:
        """`orders` `None`: observe mode, in which nothing is ordered."""
        self._kill_switch = kill_switch
        self._orders = orders
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
