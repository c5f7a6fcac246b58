"""Flattening what is not the bot's: other hands' orders, positions and assets on its account, where an operator has
asked for the whole account.

None of it enters the bot's books: what it orders here is journalled as an intent, and its fills are booked as what they
are, trades of the account that no order of the bot explains. It looks at the venue before each order and sends one at a
time, at market and reduce-only, so an order whose answer was lost is not repeated: the next look shows what is left.
"""

from collections.abc import Awaitable, Callable
from decimal import Decimal

import structlog

from core.domain.errors import OrderRefused, OutcomeUnknown, RequestRefused
from core.domain.instruments import Instrument, InstrumentId, InstrumentKind, InstrumentStatus
from core.domain.orders import IntentId, OrderReport, OrderRequest, OrderType, Proposal, Purpose
from core.execution.client_order_id import client_order_id
from core.execution.flattening import AtVenue, Left, closing_leg, is_tradeable
from core.execution.journal.records import IntentRecorded
from core.execution.parts import Parts


class OthersProperty:
    def __init__(self, parts: Parts, price: Callable[[InstrumentId], Awaitable[Decimal | None]]) -> None:
        self._parts = parts
        self._price = price
        self._numbers = 0
        self._log = structlog.get_logger("flatten")

    async def close(self, reason: str) -> bool:
        """One round; whether nothing is left. Raises `VenueError` and `JournalError`."""
        desk = self._parts.desk
        open_orders = [each for each in await desk.open_orders() if not self._is_ours(each)]
        for report in open_orders:
            await self._cancel(report)
        left = await self.left(await self.read())
        if self._parts.books.unsettled():
            return False  # ours first: what they may still trade is theirs
        for each in left:
            await self._close(each, reason)
        return not open_orders and not left

    def _is_ours(self, report: OrderReport) -> bool:
        books = self._parts.books
        return books.get(books.as_ours(report).client_order_id) is not None

    async def read(self) -> AtVenue:
        desk = self._parts.desk
        positions = await desk.positions() if desk.capabilities.has_positions else None
        return AtVenue(await desk.balances(), positions)

    async def left(self, at_venue: AtVenue) -> list[Left]:
        """What could be closed: every position, or every asset that can be sold for what the bot trades in."""
        if at_venue.positions is not None:
            held = {each: position.quantity for each, position in at_venue.positions.items() if position.quantity}
        else:
            held = {each.id: at_venue.quantity(each.id) for each in self._sellable() if at_venue.quantity(each.id)}
        found = []
        for instrument_id, quantity in held.items():
            instrument = self._parts.instruments().get(instrument_id)
            if instrument is not None and is_tradeable(quantity, await self._price(instrument_id), instrument):
                found.append(Left(instrument_id, quantity))
        return found

    def _sellable(self) -> list[Instrument]:
        """One spot instrument for each asset but money: in the money of most of the bot's own holdings, else in any."""
        instruments = self._parts.instruments()
        ours = [instruments[each].quote for each in self._parts.books.holdings() if each in instruments]
        money = max(set(ours), key=ours.count, default=None)
        listed = (each for each in instruments.values() if each.status is not InstrumentStatus.DELISTED)
        spot = [each for each in listed if each.kind is InstrumentKind.SPOT]
        monies = {each.quote for each in spot if money in (None, each.quote)}
        by_base: dict[str, Instrument] = {}
        for each in spot:
            if each.quote in monies and each.base not in monies:
                by_base.setdefault(each.base, each)
        return list(by_base.values())

    async def _cancel(self, report: OrderReport) -> None:
        self._log.warning(
            "foreign_order_cancelled", instrument=report.instrument_id, client_order_id=report.client_order_id
        )
        try:
            await self._parts.desk.cancel(report.instrument_id, report.client_order_id)
        except (OrderRefused, RequestRefused, OutcomeUnknown) as error:
            self._log.info("foreign_order_not_cancelled", reason=str(error))

    async def _close(self, each: Left, reason: str) -> None:
        parts = self._parts
        price = await self._price(each.instrument_id)
        if price is None:
            return
        now_ns = parts.recorder.now_ns()
        self._numbers += 1
        leg = closing_leg(
            each.quantity,
            price,
            parts.instruments()[each.instrument_id],
            OrderType.MARKET in parts.desk.capabilities.order_types,
        )
        intent_id = IntentId(f"flatten-account|{each.instrument_id}|{now_ns}|{self._numbers}")
        proposal = Proposal(
            intent_id, Purpose.EXIT, (leg,), ("kill_switch",), "flatten-account", now_ns, price, reason=reason
        )
        await parts.recorder.require_durable([IntentRecorded(proposal, 0, now_ns)])
        self._log.warning("foreign_holding_closed", instrument=each.instrument_id, quantity=str(each.quantity))
        try:
            await parts.desk.place(OrderRequest(client_order_id(intent_id, "leg-0"), leg))
        except (OrderRefused, RequestRefused, OutcomeUnknown) as error:
            self._log.warning("foreign_holding_not_closed", instrument=each.instrument_id, reason=str(error))
