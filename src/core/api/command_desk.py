"""Commands that come over the link: each is carried out once, however often and by however many it is sent."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import msgspec
import structlog

from core.api.controls import DaemonControls
from core.api.lines import amend_answer, order_line, plan_line, ticket_answer
from core.api.link import Denied, Order, Told
from core.domain.commands import (
    AmendOrder,
    ClosePosition,
    CommandRefused,
    EndPlan,
    Flatten,
    ForgetOperations,
    Halt,
    PauseSymbol,
    ReloadSettings,
    ResolveOrder,
    Resume,
    ResumeSymbol,
)
from core.domain.errors import MetronomeError
from core.domain.status import AmendAnswer, OrderStatusLine, PlanStatusLine
from core.domain.tickets import CancelOrder, PlaceOrder, TicketAnswer

MOST_REMEMBERED = 1_000
MOST_AT_ONCE = 64


class KeyReused(MetronomeError):
    """An idempotency key that stands for another command."""


@dataclass(frozen=True, slots=True)
class _Known:
    name: str
    body: bytes
    work: asyncio.Task[bytes]


class CommandDesk:
    """Belongs to the loop. A command goes on whatever becomes of the one who sent it; answers of the last thousand are
    remembered by who sent them and under which key."""

    def __init__(self, controls: DaemonControls) -> None:
        self._controls = controls
        self._known: OrderedDict[tuple[str, str], _Known] = OrderedDict()
        self._under_way = 0
        self._log = structlog.get_logger(__name__)
        command = controls.command
        self._table: dict[str, tuple[Any, Callable[[Any], Awaitable[Any]]]] = {
            "halt": (Halt, command),
            "resume": (Resume, command),
            "flatten": (Flatten, command),
            "place": (PlaceOrder, self._place),
            "cancel": (CancelOrder, self._cancel),
            "amend": (AmendOrder, self._amend),
            "resolve": (ResolveOrder, self._resolve),
            "end_plan": (EndPlan, self._end_plan),
            "close_position": (ClosePosition, self._close_position),
            "pause_symbol": (PauseSymbol, controls.pause),
            "resume_symbol": (ResumeSymbol, controls.resume),
            "reload_settings": (ReloadSettings, controls.reload),
            "forget_operations": (ForgetOperations, controls.forget),
        }

    async def answer(self, order: Order) -> Told | Denied:
        """Never raises but `CancelledError`, which ends the waiting and not the command."""
        try:
            return Told(order.number, await asyncio.shield(self._work(order)))
        except MetronomeError as error:
            return Denied(order.number, type(error).__name__, str(error))
        except Exception as error:  # the boundary of one command: whatever it met, its sender is told
            self._log.exception("command_failed", command=order.name)
            return Denied(order.number, type(error).__name__, f"a fault of the daemon itself: {error}")

    def _work(self, order: Order) -> asyncio.Task[bytes]:
        """Under way, done, or begun now. Raises `KeyReused` and `CommandRefused`."""
        key = (order.who, order.key)
        if (known := self._known.get(key)) is not None:
            if (known.name, known.body) != (order.name, order.body):
                raise KeyReused(f"the key {order.key} was sent with another command before")
            return known.work
        if self._under_way >= MOST_AT_ONCE:
            raise CommandRefused(f"{MOST_AT_ONCE} commands are under way; try again in a second")
        work = asyncio.create_task(self._carry_out(order), name=f"command {order.name}")
        self._known[key] = _Known(order.name, order.body, work)
        while len(self._known) > MOST_REMEMBERED:
            self._known.popitem(last=False)
        return work

    async def _carry_out(self, order: Order) -> bytes:
        kind, obey = self._table[order.name]
        self._under_way += 1
        self._log.info("command_came", command=order.name, who=order.who)
        try:
            return msgspec.json.encode(await obey(msgspec.json.decode(order.body, type=kind)))
        finally:
            self._under_way -= 1

    async def _place(self, ticket: PlaceOrder) -> TicketAnswer:
        placed, is_repeated = await self._controls.place(ticket)
        return ticket_answer(ticket.ticket_id, placed, is_repeated=is_repeated)

    async def _cancel(self, command: CancelOrder) -> OrderStatusLine:
        return order_line(await self._controls.cancel(command))

    async def _amend(self, command: AmendOrder) -> AmendAnswer:
        return amend_answer(await self._controls.amend(command))

    async def _resolve(self, command: ResolveOrder) -> OrderStatusLine:
        return order_line(await self._controls.resolve(command))

    async def _end_plan(self, command: EndPlan) -> PlanStatusLine:
        return plan_line(await self._controls.end_plan(command))

    async def _close_position(self, command: ClosePosition) -> TicketAnswer:
        ticket_id, placed = await self._controls.close(command)
        return ticket_answer(ticket_id, placed, is_repeated=False)
