"""What operators have done about orders and plans: each command is carried out, or refused with its reason, and leaves
one line in the log."""

import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal

import structlog

from core.amend_judge import MarketJudge
from core.domain.commands import (
    AmendOrder,
    AmendReport,
    ClosePosition,
    CommandRefused,
    EndPlan,
    ResolveOrder,
    UnknownOrder,
)
from core.domain.errors import VenueUnavailable
from core.domain.facts import OrderView, PlanView
from core.domain.freshness import Moment
from core.domain.instruments import Instrument, InstrumentId
from core.domain.money import Rounding, round_to_step
from core.domain.orders import ClientOrderId, OrderType, Purpose, Side
from core.domain.reason_codes import ReasonCode, because
from core.domain.tickets import BadTicket, CancelOrder, Placed, PlaceOrder
from core.execution.executor import OrderExecutor
from core.market.picture import MarketPicture
from core.ports.venue import VenueCapabilities
from core.risk.account import Account
from core.ticket_desk import TicketDesk

log = structlog.get_logger("operator")


class OperatorDesk:
    """Call it on the loop."""

    def __init__(
        self,
        *,
        account: Account,
        market: MarketPicture,
        executor: OrderExecutor,
        instruments: Callable[[], Mapping[InstrumentId, Instrument]],
        capabilities: VenueCapabilities,
        now: Callable[[], Moment],
        new_id: Callable[[], str] = lambda: secrets.token_hex(8),
    ) -> None:
        """`instruments` are those that are traded; `new_id` names orders that their sender has not named."""
        self._executor = executor
        self._instruments = instruments
        self._new_id = new_id
        self._judge = MarketJudge(account, instruments, market.quote, now)
        self._tickets = TicketDesk(
            account=account,
            market=market,
            executor=executor,
            instruments=instruments,
            capabilities=capabilities,
            now=now,
        )

    async def place(self, ticket: PlaceOrder) -> tuple[Placed, bool]:
        """`TicketDesk.place`."""
        with _told("place", ticket.by, ticket.reason, ticket=ticket.ticket_id) as told:
            placed, is_repeated = await self._tickets.place(ticket)
            told.update(_named(placed), outcome="REPEATED" if is_repeated else "DONE")
        return placed, is_repeated

    async def close(self, command: ClosePosition) -> tuple[str, Placed]:
        """At market, what the bot holds: the ticket's name and what it has become. Raises `CommandRefused` where
        nothing can be closed. It only closes: pressed twice, it sells once."""
        with _told("close_position", command.by, command.reason, symbol=command.symbol) as told:
            ticket = self._closing(command)
            placed, _ = await self._tickets.place(ticket)
            told.update(_named(placed))
        return ticket.ticket_id, placed

    async def cancel(self, command: CancelOrder) -> OrderView:
        """The order as known after the venue was asked: it may have filled first. Raises `UnknownOrder`, and
        `CommandRefused` for one that is over, that protects something, or is a plan or a slice of one."""
        with _told("cancel", command.by, command.reason, order=command.client_order_id) as told:
            after = await self._cancel(command)
            told.update(_named(after))
        return after

    async def amend(self, command: AmendOrder) -> AmendReport:
        """What came of it. Raises `UnknownOrder`, and `CommandRefused` where nothing was asked of the venue."""
        with _told("amend", command.by, command.reason, order=command.client_order_id) as told:
            report = await self._executor.amend(
                ClientOrderId(command.client_order_id),
                price=command.price,
                quantity=command.quantity,
                reason=f"{command.reason} ({command.by})",
                judge=self._judge,
            )
            told.update(outcome=report.result.name, note=report.note)
        return report

    async def resolve(self, command: ResolveOrder) -> OrderView:
        """Take an operator's word on an order in doubt. Raises `CommandRefused` and `UnknownOrder`."""
        said = {"order": command.client_order_id, "verdict": command.verdict.value}
        with _told("resolve", command.by, command.reason, **said) as told:
            order_id = ClientOrderId(command.client_order_id)
            order = await self._executor.resolve(order_id, command.verdict, f"{command.reason} ({command.by})")
            told.update(state=order.state.value)
        return order

    async def end_plan(self, command: EndPlan) -> PlanView:
        """End a parent order. Raises `UnknownOrder`."""
        with _told("end_plan", command.by, command.reason, plan=command.plan_id) as told:
            why = str(because(ReasonCode.OPERATOR_REQUEST, by=command.by, reason=command.reason))
            plan = await self._executor.end_plan(ClientOrderId(command.plan_id), why)
            if plan is None:
                raise UnknownOrder(f"there is no plan {command.plan_id}; `live_bot.py plans` lists them")
            told.update(_named(plan))
        return plan

    def _closing(self, command: ClosePosition) -> PlaceOrder:
        instrument = self._instruments().get(InstrumentId(command.symbol))
        held = Decimal(0) if instrument is None else self._executor.parts.books.held(instrument.id)
        if instrument is None or not held:
            raise CommandRefused(f"nothing of {command.symbol} is held by this bot")
        quantity = round_to_step(abs(held), instrument.lot_size, Rounding.DOWN)
        if not quantity:
            raise CommandRefused(f"what is held of {command.symbol}, {held}, is too little to be sold")
        return PlaceOrder(
            ticket_id=f"close-{self._new_id()}",
            symbol=command.symbol,
            side=Side.SELL if held > 0 else Side.BUY,
            quantity=quantity,
            order_type=OrderType.MARKET,
            reason=command.reason,
            by=command.by,
            reduce_only=True,
        )

    async def _cancel(self, command: CancelOrder) -> OrderView:
        order_id = ClientOrderId(command.client_order_id)
        order = await self._executor.finder.order(order_id)
        if order is None:
            if await self._executor.finder.plan(order_id) is not None:
                raise CommandRefused(f"{order_id} is a plan: end it with `live_bot.py plans end {order_id}`")
            raise UnknownOrder(f"there is no order {order_id} of this bot; `live_bot.py orders` lists them")
        if order.state.is_terminal:
            raise CommandRefused(f"{order_id} is {order.state} already: there is nothing to cancel")
        if order.purpose is Purpose.PROTECT:
            raise CommandRefused(
                f"{order_id} protects a position, and would be put back at once: close the position instead"
            )
        if order.plan_id is not None and self._is_at_work(order.plan_id):
            raise CommandRefused(f"{order_id} is a slice: end its plan with `live_bot.py plans end {order.plan_id}`")
        try:
            after = await self._executor.cancel(order_id, f"OPERATOR {command.reason} ({command.by})")
        except VenueUnavailable as error:
            raise CommandRefused(f"the venue can't be asked now, nothing was cancelled; try again: {error}") from None
        return after or order

    def _is_at_work(self, plan_id: ClientOrderId) -> bool:
        return any(plan.plan_id == plan_id and not plan.is_over for plan in self._executor.plans())


@contextmanager
def _told(command: str, by: str, reason: str, **said: object) -> Iterator[dict[str, object]]:
    """What is put into it is told, too."""
    line: dict[str, object] = {"command": command, "by": by, "reason": reason, **said}
    try:
        yield line
    except (CommandRefused, UnknownOrder, BadTicket) as refused:
        log.warning("command", **{**line, "outcome": f"REFUSED {refused}"})
        raise
    log.warning("command", **{"outcome": "DONE", **line})


def _named(placed: Placed) -> dict[str, object]:
    if isinstance(placed, PlanView):
        return {"plan": placed.plan_id, "is_over": placed.is_over}
    return {"order": placed.client_order_id, "state": placed.state.value}
