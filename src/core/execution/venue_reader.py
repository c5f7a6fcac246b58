"""What the venue shows in one round of reconciliation, and from where on its trades and funding are asked for."""

from collections.abc import Iterable, Mapping
from decimal import Decimal

import structlog

from core.domain.errors import RequestRefused
from core.domain.facts import OrderState
from core.domain.instruments import InstrumentId
from core.domain.orders import Balance, ClientOrderId, Fill, FundingPayment, OrderReport
from core.domain.positions import VenuePosition
from core.execution.books import Books
from core.execution.desk import VenueDesk
from core.execution.journal.state import JournalState
from core.execution.order import Order
from core.execution.reconciliation import VenueSide

_OVERLAP_MS = 60_000
"""Trades are read from so long before the last reading on: venue time, well above any replica lag."""
_FUNDING_OVERLAP_MS = 3_600_000
"""A payment is listed some time after it was made."""


class VenueReader:
    """`read`, and once what it gave is booked, `booked`. Times are the venue's."""

    def __init__(self, desk: VenueDesk, books: Books) -> None:
        self._desk = desk
        self._books = books
        self._read_until_ms: dict[InstrumentId, int] = {}
        """Up to when an instrument's trades are known."""
        self._first_round_ms: int | None = None
        self._first_look_ms = 0
        """Trades before the first look at the balances are in them; 0: that was in an earlier life."""
        self._funding_from_ms: int | None = None
        """Our first trade: what was paid before is none of ours."""
        self._funding_until_ms: int | None = None
        self.refused: dict[InstrumentId, str] = {}
        """What the venue answered in the last reading for instruments that it does not list now."""
        self.positions: dict[InstrumentId, VenuePosition] = {}
        """As of the last reading."""
        self._log = structlog.get_logger("reconciliation")

    def watch(self, order: Order) -> None:
        """Of an instrument of which nothing was read yet, trades are asked for from its first order on."""
        self._read_until_ms.setdefault(order.instrument_id, order.created_ns // 1_000_000)

    def start_from(self, state: JournalState) -> None:
        """After a restart: from the last trade booked, or from the first order that is not settled."""
        ledger = state.ledger
        self._read_until_ms.update({each: ns // 1_000_000 for each, ns in ledger.last_fill_ns.items()})
        if ledger.first_fill_ns is not None:
            self._funding_from_ms = self._funding_until_ms = ledger.first_fill_ns // 1_000_000
        if ledger.last_funding_ns is not None:
            self._funding_until_ms = ledger.last_funding_ns // 1_000_000
        for order in state.orders:
            if not order.is_settled:
                self.watch(order)
        for instrument_id, until_ms in self._read_until_ms.items():
            self._forget_seen(instrument_id, until_ms)

    async def read(self, orders: Iterable[Order], watched: Iterable[InstrumentId], began_ms: int) -> VenueSide:
        """The account, what became of these orders, and the trades of these instruments. Balances and positions are
        read first and last. An instrument that the venue does not list now costs nobody else the round: it is left for
        a later one, and named in `refused`. Raises `VenueError`."""
        if self._first_round_ms is None:
            self._first_round_ms = began_ms
            self._first_look_ms = began_ms if self._books.totals is None else 0
        refused: dict[InstrumentId, str] = {}
        balances = await self._desk.balances()
        positions = await self._read_positions()
        open_orders = [self._books.as_ours(report) for report in await self._desk.open_orders()]
        by_id = await self._ask_missing(orders, open_orders, refused)
        fills = await self._read_fills(watched, began_ms, refused)
        self._say_refused(refused)
        funding = await self._read_funding(began_ms)
        totals = _unmoved_totals(balances, await self._desk.balances())
        is_still = positions is not None and positions == await self._read_positions()
        unread = frozenset(refused)
        return VenueSide(open_orders, by_id, fills, totals, positions if is_still else None, funding, unread)

    def booked(self, watched: Iterable[InstrumentId], began_ms: int) -> None:
        """All that was read of these instruments, and of funding, is in the books."""
        self._funding_until_ms = began_ms
        self._books.forget_funding_before((began_ms - 2 * _FUNDING_OVERLAP_MS) * 1_000_000)
        for instrument_id in watched:
            self._read_until_ms[instrument_id] = began_ms
            self._forget_seen(instrument_id, began_ms)

    def _forget_seen(self, instrument_id: InstrumentId, until_ms: int) -> None:
        self._books.forget_seen_before(instrument_id, (until_ms - 2 * _OVERLAP_MS) * 1_000_000)

    async def _read_positions(self) -> dict[InstrumentId, Decimal] | None:
        """Open ones, signed; `None`: the venue has none."""
        if not self._desk.capabilities.has_positions:
            return None
        self.positions = await self._desk.positions()
        return {instrument_id: position.quantity for instrument_id, position in self.positions.items()}

    async def _ask_missing(
        self, orders: Iterable[Order], open_orders: Iterable[OrderReport], refused: dict[InstrumentId, str]
    ) -> dict[ClientOrderId, OrderReport | None]:
        """I3: the list lacks them, so ask for each by its id."""
        listed = {report.client_order_id for report in open_orders}
        asked_for = (OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED, OrderState.UNKNOWN)
        answers: dict[ClientOrderId, OrderReport | None] = {}
        for order in orders:
            is_asked_for = order.state in asked_for or order.is_only_said_to_be_over
            if not is_asked_for or order.client_order_id in listed:
                continue
            try:
                answers[order.client_order_id] = await self._desk.picture_of(order)
            except RequestRefused as error:
                refused[order.instrument_id] = str(error)
        return answers

    async def _read_fills(
        self, watched: Iterable[InstrumentId], began_ms: int, refused: dict[InstrumentId, str]
    ) -> list[Fill]:
        fills: list[Fill] = []
        for instrument_id in sorted(watched):
            try:
                fills += await self._desk.fills_since(instrument_id, self._since_ms(instrument_id, began_ms))
            except RequestRefused as error:
                refused[instrument_id] = str(error)
        return fills

    def _since_ms(self, instrument_id: InstrumentId, began_ms: int) -> int:
        since_ms = self._read_until_ms.get(instrument_id, self._first_round_ms or began_ms) - _OVERLAP_MS
        return max(since_ms, self._first_look_ms)

    async def _read_funding(self, began_ms: int) -> list[FundingPayment]:
        if not self._desk.capabilities.has_positions:
            return []
        if self._funding_from_ms is None or self._funding_until_ms is None:
            self._funding_from_ms = self._funding_until_ms = began_ms
        return await self._desk.funding_since(max(self._funding_from_ms, self._funding_until_ms - _FUNDING_OVERLAP_MS))

    def _say_refused(self, refused: dict[InstrumentId, str]) -> None:
        for instrument_id in refused.keys() - self.refused.keys():
            self._log.warning("instrument_unreadable", instrument=instrument_id, reason=refused[instrument_id])
        for instrument_id in self.refused.keys() - refused.keys():
            self._log.info("instrument_readable", instrument=instrument_id)
        self.refused = refused


def _unmoved_totals(first: Mapping[str, Balance], last: Mapping[str, Balance]) -> dict[str, Decimal] | None:
    """Totals that were the same before and after everything else was read; `None` where they were not."""
    totals = [{asset: balance.total for asset, balance in each.items() if balance.total} for each in (first, last)]
    return totals[1] if totals[0] == totals[1] else None
