"""Orders by hand: one ticket at a time through the same gate, journal and executor as every strategy's order."""

import asyncio
from collections.abc import Callable, Mapping
from decimal import Decimal
from weakref import WeakValueDictionary

import structlog

from core.domain.commands import CommandRefused, UnknownOrder
from core.domain.errors import VenueUnavailable
from core.domain.facts import OrderView
from core.domain.freshness import Moment
from core.domain.instruments import Instrument, InstrumentId
from core.domain.orders import ClientOrderId, Proposal, Purpose
from core.domain.reason_codes import ReasonCode, because
from core.domain.reasons import Reason
from core.domain.tickets import CancelOrder, PlaceOrder
from core.execution.client_order_id import client_order_id
from core.execution.executor import OrderExecutor
from core.execution.tickets import TicketCase, intent_of, proposal_of, same_terms
from core.market.picture import MarketPicture
from core.ports.venue import VenueCapabilities
from core.risk.account import Account
from core.risk.approval import Refused

log = structlog.get_logger("tickets")


class TicketDesk:
    """Call it on the loop."""

    def __init__(
        self,
        *,
        account: Account,
        market: MarketPicture,
        executor: OrderExecutor | None,
        instruments: Callable[[], Mapping[InstrumentId, Instrument]],
        capabilities: VenueCapabilities,
        now: Callable[[], Moment],
    ) -> None:
        """`executor` `None`: observe mode, in which nothing is ordered. `instruments` are those that are traded."""
        self._account = account
        self._market = market
        self._executor = executor
        self._instruments = instruments
        self._can = capabilities
        self._now = now
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def place(self, ticket: PlaceOrder) -> tuple[OrderView, bool]:
        """The order that the ticket has become, and whether it had become that before. Returns when the venue has
        answered, or the answer is known to be lost; cancelling ends the waiting, not the order. Raises `BadTicket`, and
        `CommandRefused` with the reason's code where it becomes no order."""
        ticket.check()
        lock = self._locks.setdefault(ticket.ticket_id, asyncio.Lock())
        async with lock:
            try:
                order, is_repeated = await self._place(ticket)
            except CommandRefused as refused:
                _say("place", ticket.by, ticket.reason, ticket=ticket.ticket_id, outcome=f"REFUSED {refused}")
                raise
        outcome = "REPEATED" if is_repeated else "DONE"
        told = {"ticket": ticket.ticket_id, "order": order.client_order_id, "state": order.state.value}
        _say("place", ticket.by, ticket.reason, **told, outcome=outcome)
        return order, is_repeated

    async def cancel(self, command: CancelOrder) -> OrderView:
        """The order as known after the venue was asked: it may have filled first. Raises `UnknownOrder`, and
        `CommandRefused` for one that is over or that protects something."""
        try:
            order = await self._cancel(command)
        except (CommandRefused, UnknownOrder) as refused:
            told = {"order": command.client_order_id, "outcome": f"REFUSED {refused}"}
            _say("cancel", command.by, command.reason, **told)
            raise
        told = {"order": order.client_order_id, "state": order.state.value}
        _say("cancel", command.by, command.reason, **told, outcome="DONE")
        return order

    async def _place(self, ticket: PlaceOrder) -> tuple[OrderView, bool]:
        executor = self._ordering()
        order_id = client_order_id(intent_of(ticket.ticket_id), "leg-0")
        known = await executor.find(order_id)
        if known is not None:
            if known.leg.instrument_id != ticket.symbol or not same_terms(ticket, known.leg):
                raise _refused(because(ReasonCode.TICKET_REPEATED, ticket=ticket.ticket_id, order=order_id))
            return known, True
        proposal = self._proposal(ticket, executor)
        quote = self._market.quote(proposal.legs[0].instrument_id)
        quotes = {} if quote is None else {proposal.legs[0].instrument_id: quote}
        verdict = self._account.judge(proposal, self._instruments(), quotes, self._now())
        if isinstance(verdict, Refused):
            raise _refused(verdict.reason)
        reason = await executor.carry(verdict)
        order = executor.order(order_id)
        if reason is not None or order is None:
            raise _refused(reason or Reason("INTENT_FAILED"))
        return order, False

    def _proposal(self, ticket: PlaceOrder, executor: OrderExecutor) -> Proposal:
        """No await from here to the gate: what is looked at stands."""
        instrument_id = InstrumentId(ticket.symbol)
        instrument = self._instruments().get(instrument_id)
        if instrument is None:
            raise _refused(because(ReasonCode.INSTRUMENT_UNKNOWN, symbol=ticket.symbol))
        now = self._now()
        price = self._market.price(instrument_id)
        books = executor.parts.books
        case = TicketCase(
            ticket,
            instrument,
            self._can,
            now.trading_ns,
            quote=self._market.quote(instrument_id),
            last_price=None if price is None else Decimal(repr(price)),
            held=books.held(instrument_id),
            unguarded=books.unguarded(instrument_id),
        )
        proposal = proposal_of(case)
        if isinstance(proposal, Reason):
            raise _refused(proposal)
        return proposal

    async def _cancel(self, command: CancelOrder) -> OrderView:
        executor = self._ordering()
        order_id = ClientOrderId(command.client_order_id)
        order = await executor.find(order_id)
        if order is None:
            raise UnknownOrder(f"there is no order {order_id} of this bot; `live_bot.py orders` lists them")
        if order.state.is_terminal:
            raise CommandRefused(f"{order_id} is {order.state} already: there is nothing to cancel")
        if order.purpose is Purpose.PROTECT:
            raise CommandRefused(
                f"{order_id} protects a position, and would be put back at once: close the position instead"
            )
        try:
            after = await executor.cancel(order_id, f"OPERATOR {command.reason} ({command.by})")
        except VenueUnavailable as error:
            raise CommandRefused(f"the venue can't be asked now, nothing was cancelled; try again: {error}") from None
        return after or order

    def _ordering(self) -> OrderExecutor:
        if self._executor is None:
            raise CommandRefused("in observe mode nothing is ordered")
        return self._executor


def _refused(reason: Reason) -> CommandRefused:
    """`CODE key=value: what that means.`"""
    known = ReasonCode.__members__.get(reason.code)
    sentence = f": {known.sentence}" if known is not None else ""
    return CommandRefused(f"{reason}{sentence}")


def _say(command: str, by: str, reason: str, **told: str) -> None:
    log.warning("command", command=command, by=by, reason=reason, **told)
