"""Orders by hand: one ticket at a time through the same gate, journal and executor as every strategy's order."""

import asyncio
from collections.abc import Callable, Mapping
from weakref import WeakValueDictionary

from core.domain.commands import CommandRefused
from core.domain.freshness import Moment
from core.domain.instruments import Instrument, InstrumentId
from core.domain.orders import IntentId, Proposal
from core.domain.reason_codes import ReasonCode, because
from core.domain.reasons import Reason
from core.domain.tickets import Placed, PlaceOrder
from core.execution.client_order_id import client_order_id
from core.execution.executor import OrderExecutor
from core.execution.tickets import TicketCase, cycle_of, intent_of, proposal_of
from core.market.picture import MarketPicture
from core.ports.venue import VenueCapabilities
from core.risk.account import Account
from core.risk.approval import Refused


class TicketDesk:
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
    ) -> None:
        """`instruments` are those that are traded."""
        self._account = account
        self._market = market
        self._executor = executor
        self._instruments = instruments
        self._can = capabilities
        self._now = now
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def place(self, ticket: PlaceOrder) -> tuple[Placed, bool]:
        """The order or plan that the ticket has become, and whether it had become that before. Returns when the venue
        has answered, or the answer is known to be lost; cancelling ends the waiting, not the order. Raises `BadTicket`,
        and `CommandRefused` with the reason's code where it becomes nothing."""
        ticket.check()
        lock = self._locks.setdefault(ticket.ticket_id, asyncio.Lock())
        async with lock:
            if (known := await self._known(ticket)) is not None:
                return known, True
            return await self._carry_out(ticket), False

    async def _known(self, ticket: PlaceOrder) -> Placed | None:
        """`None`: the ticket is new. What was asked for is compared, not what has become of it: that may have been
        amended since."""
        intent_id = intent_of(ticket.ticket_id)
        intent = await self._executor.finder.intent(intent_id)
        if intent is None:
            return None
        if intent.cycle != cycle_of(ticket):
            first = intent.cycle.rpartition("|")[2]
            raise _refused(because(ReasonCode.TICKET_REPEATED, ticket=ticket.ticket_id, first=first))
        became = await self._became(intent_id)
        if became is None:
            raise CommandRefused(f"the ticket {ticket.ticket_id} was taken, and its order can't be found")
        return became

    async def _became(self, intent_id: IntentId) -> Placed | None:
        finder = self._executor.finder
        order = await finder.order(client_order_id(intent_id, "leg-0"))
        return order or await finder.plan(client_order_id(intent_id, "plan"))

    async def _carry_out(self, ticket: PlaceOrder) -> Placed:
        proposal = self._proposal(ticket)
        quote = self._market.quote(proposal.legs[0].instrument_id)
        quotes = {} if quote is None else {proposal.legs[0].instrument_id: quote}
        verdict = self._account.judge(proposal, self._instruments(), quotes, self._now())
        if isinstance(verdict, Refused):
            raise _refused(verdict.reason)
        reason = await self._executor.carry(verdict)
        became = None if reason is not None else await self._became(proposal.intent_id)
        if became is None:
            raise _refused(reason or Reason("INTENT_FAILED"))
        return became

    def _proposal(self, ticket: PlaceOrder) -> Proposal:
        """No await from here to the gate: what is looked at stands."""
        instrument_id = InstrumentId(ticket.symbol)
        instrument = self._instruments().get(instrument_id)
        if instrument is None:
            raise _refused(because(ReasonCode.INSTRUMENT_UNKNOWN, symbol=ticket.symbol))
        now = self._now()
        books = self._executor.parts.books
        case = TicketCase(
            ticket,
            instrument,
            self._can,
            now.trading_ns,
            quote=self._market.quote(instrument_id),
            last_price=self._market.exact_price(instrument_id),
            held=books.held(instrument_id),
            unguarded=books.unguarded(instrument_id),
        )
        proposal = proposal_of(case)
        if isinstance(proposal, Reason):
            raise _refused(proposal)
        return proposal


def _refused(reason: Reason) -> CommandRefused:
    """`CODE key=value: what that means.`"""
    known = ReasonCode.__members__.get(reason.code)
    sentence = f": {known.sentence}" if known is not None else ""
    return CommandRefused(f"{reason}{sentence}")
