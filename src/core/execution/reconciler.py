"""Reads the venue, compares (`core.execution.reconciliation`), corrects."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from decimal import Decimal

import structlog

from core.domain.errors import MetronomeError, VenueUnavailable
from core.domain.instruments import Instrument, InstrumentId
from core.domain.orders import ClientOrderId, Fill, FundingPayment, OrderReport
from core.domain.positions import VenuePosition
from core.execution.books import Books
from core.execution.client_order_id import is_ours
from core.execution.desk import VenueDesk
from core.execution.enquiries import Enquiries
from core.execution.events import Filled, OrderEvent, Reported, Vanished
from core.execution.foreign import ForeignOrders
from core.execution.holdings import moved_assets
from core.execution.journal.journal import Journal
from core.execution.journal.records import BalancesObserved
from core.execution.journal.state import JournalState
from core.execution.order import Order
from core.execution.reconciliation import (
    ApplyReport,
    AskAfter,
    BalanceSuspected,
    BalanceUnexplained,
    BookFill,
    BookFunding,
    Correction,
    MarkVanished,
    NoticeForeignFill,
    NoticeForeignOrder,
    OurSide,
    PositionSuspected,
    PositionUnexplained,
    RefuseFill,
    reconcile,
)
from core.execution.recorder import Recorder
from core.execution.refused_fills import RefusedFills
from core.execution.suspicions import Suspicions
from core.execution.venue_reader import VenueReader

_PATIENCE_LAGS = 4
"""A difference counts when it has stayed the same for so many times the lag that the venue's replicas may have."""


class EpochChanged(MetronomeError):
    """The venue has new books: the orders that this journal knows no longer exist. Restart, to start a new journal."""

    exit_code = 4


class Reconciler:
    def __init__(
        self,
        *,
        books: Books,
        recorder: Recorder,
        journal: Journal,
        desk: VenueDesk,
        enquiries: Enquiries,
        foreign: ForeignOrders,
        instruments: Callable[[], Mapping[InstrumentId, Instrument]],
    ) -> None:
        self._books = books
        self._recorder = recorder
        self._journal = journal
        self._desk = desk
        self._enquiries = enquiries
        self._foreign = foreign
        self._instruments = instruments
        self._reader = VenueReader(desk, books)
        self._active: set[InstrumentId] = set()
        patience_ms = _PATIENCE_LAGS * desk.capabilities.replica_lag_ms
        self._suspected: Suspicions[str] = Suspicions(patience_ms)
        self._suspected_positions: Suspicions[InstrumentId] = Suspicions(patience_ms)
        self.unexplained_positions: dict[InstrumentId, Decimal] = {}
        """What the venue has beyond what all trades that we know of explain; nothing where all is well."""
        self.unexplained_balances: dict[str, Decimal] = {}
        """Sum of the differences said so far, by asset."""
        self._refused = RefusedFills()
        self._shared: asyncio.Task[tuple[Correction, ...]] | None = None
        self._log = structlog.get_logger("reconciliation")

    def watch(self, order: Order) -> None:
        """Call it with every change of an order: its instrument is looked at in the next round."""
        self._active.add(order.instrument_id)
        self._reader.watch(order)

    def start_from(self, state: JournalState) -> None:
        """After a restart, once the books are restored."""
        for order in state.orders:
            if not order.is_settled:
                self._active.add(order.instrument_id)
        self._reader.start_from(state)

    @property
    def refused_fills(self) -> tuple[str, ...]:
        """What the venue's trade history says of our orders and can't be, in words; empty where all is well."""
        return self._refused.in_words

    @property
    def positions(self) -> Mapping[InstrumentId, VenuePosition]:
        """As the venue had them in the last round."""
        return self._reader.positions

    async def reconcile(self) -> tuple[Correction, ...]:
        """One round. Calls at the same time share it; it goes on when a caller is cancelled. Raises `VenueError` and
        `EpochChanged`."""
        if self._shared is None or self._shared.done():
            self._shared = asyncio.create_task(self._round(), name="reconciliation")
        return await asyncio.shield(self._shared)

    async def drain(self) -> None:
        """Stop the round under way, if any."""
        if self._shared is not None and not self._shared.done():
            self._shared.cancel()
            await asyncio.wait([self._shared])

    async def _round(self) -> tuple[Correction, ...]:
        await self._check_epoch()
        began_ms = await self._desk.server_time_ms()
        before = {order.client_order_id: order for order in self._books.unsettled()}
        before |= {order.client_order_id: order for order in self._only_said_to_be_over()}
        n_fills = self._n_fills()
        watched, strangers = self._watched(), self._foreign.keys
        venue = await self._reader.read(before.values(), watched, began_ms)
        refused = self._reader.refused.keys()
        watched -= refused
        before = {each: order for each, order in before.items() if order.instrument_id not in refused}
        await self._recall(venue.open_orders, venue.fills)
        if n_fills != self._n_fills():  # booked meanwhile: whether the balances have it already can't be told
            venue = replace(venue, totals=None, positions=None)
        corrections = reconcile(self._our_side(before, watched, venue.open_orders, began_ms), venue)
        n_fills = self._n_fills() + sum(isinstance(each, BookFill | NoticeForeignFill) for each in corrections)
        await self._apply(corrections)
        self._foreign.keep_only(venue.open_orders, among=strangers)
        if venue.totals is not None:
            is_still = n_fills == self._n_fills()
            await self._observe_balances(corrections, venue.totals, began_ms, refused, is_still=is_still)
        if venue.positions is not None:
            self._observe_positions(corrections, began_ms, refused)
        self._refused.found(corrections, watched)
        self._reader.booked(watched - self._refused.instruments, began_ms)
        self._active -= watched - {order.instrument_id for order in self._books.unsettled()}
        return tuple(corrections)

    def _n_fills(self) -> int:
        return self._books.n_fills + self._books.n_foreign_fills

    async def _check_epoch(self) -> None:
        ours, theirs = self._journal.epoch, await self._desk.epoch_id()
        if ours is not None and theirs is not None and ours != theirs:
            raise EpochChanged(
                f"the venue has new books (epoch {theirs}), this journal belongs to epoch {ours}: restart"
            )

    def _watched(self) -> set[InstrumentId]:
        """Where something of ours happens or may have happened, and where the balances say so."""
        suspects = self._suspected.keys()
        suspicious = {each.id for each in self._instruments().values() if suspects and each.base in suspects}
        foreign = {instrument_id for instrument_id, _ in self._foreign.keys}
        unsettled = {order.instrument_id for order in self._books.unsettled()}
        duties = {duty.instrument_id for duty in self._books.duties()}
        suspicious |= self._suspected_positions.keys()
        suspicious |= {order.instrument_id for order in self._only_said_to_be_over()}
        return set(self._active) | suspicious | foreign | unsettled | duties

    def _only_said_to_be_over(self) -> list[Order]:
        """The venue may tell another story of them yet."""
        return [order for order in self._books.orders() if order.is_only_said_to_be_over]

    async def _recall(self, open_orders: Iterable[OrderReport], fills: Iterable[Fill]) -> None:
        """Orders that the venue names and that have left memory are ours all the same."""
        new = [fill for fill in fills if not self._books.has_seen(fill)]
        names = {report.client_order_id for report in open_orders}
        names |= {
            fill.client_order_id for fill in new if fill.client_order_id is not None and is_ours(fill.client_order_id)
        }
        venue_names = {(fill.instrument_id, fill.venue_order_id) for fill in new}
        if not await self._recorder.recall(names, venue_names):
            raise VenueUnavailable("the journal can't be read, so whose these orders are can't be told")

    def _our_side(
        self,
        before: Mapping[ClientOrderId, Order],
        watched: Iterable[InstrumentId],
        open_orders: Iterable[OrderReport],
        began_ms: int,
    ) -> OurSide:
        lag_ns = self._desk.capabilities.replica_lag_ms * 1_000_000
        unmoved = frozenset(
            client_order_id
            for client_order_id, order in before.items()
            if self._books.get(client_order_id) == order and began_ms * 1_000_000 - order.changed_ns > lag_ns
        )
        instruments = set(watched)
        named = {report.client_order_id for report in open_orders}
        return OurSide(
            orders={
                order.client_order_id: order
                for order in self._books.orders()
                if not order.is_settled or order.client_order_id in named or order.instrument_id in instruments
            },
            unmoved=unmoved,
            seen={instrument_id: self._books.seen(instrument_id) for instrument_id in instruments},
            foreign_orders=self._foreign.keys,
            totals=self._books.totals,
            suspected=self._suspected.ripe(began_ms),
            nets=self._books.nets(),
            suspected_positions=self._suspected_positions.ripe(began_ms),
            seen_funding=self._books.seen_funding,
            at_ns=self._recorder.now_ns(),
        )

    async def _apply(self, corrections: Iterable[Correction]) -> None:
        events: list[OrderEvent] = []
        foreign_fills: list[Fill] = []
        funding: list[FundingPayment] = []
        now_ns = self._recorder.now_ns()
        for correction in corrections:
            match correction:
                case ApplyReport(client_order_id, report):
                    events.append(Reported(client_order_id, now_ns, report))
                case BookFill(client_order_id, fill):
                    events.append(Filled(client_order_id, now_ns, fill))
                case MarkVanished(client_order_id, reason):
                    events.append(Vanished(client_order_id, now_ns, reason))
                case AskAfter(client_order_id):
                    self._enquiries.need(client_order_id)
                case NoticeForeignOrder(report):
                    self._foreign.notice(report)
                case NoticeForeignFill(fill):
                    foreign_fills.append(fill)
                case BookFunding(payment):
                    funding.append(payment)
            if not isinstance(correction, AskAfter | RefuseFill):
                self._log.info("correction", kind=type(correction).__name__, what=str(correction))
        if events:
            await self._recorder.record(*events)
        if foreign_fills:
            await self._recorder.record_foreign(foreign_fills)
        if funding:
            await self._recorder.record_funding(funding)

    async def _observe_balances(
        self,
        corrections: Iterable[Correction],
        totals: Mapping[str, Decimal],
        began_ms: int,
        unread: Iterable[InstrumentId],
        *,
        is_still: bool,
    ) -> None:
        """Take the balances as they are: all of them the first time, and those of which a difference was said, unless
        something was booked since they were read."""
        suspected = {each.asset: each.difference for each in corrections if isinstance(each, BalanceSuspected)}
        unexplained = [each for each in corrections if isinstance(each, BalanceUnexplained)]
        still_to_say = {} if is_still else {each.asset: each.difference for each in unexplained}
        self._suspected.found({**suspected, **still_to_say}, began_ms, untold=moved_assets(unread))
        known = self._books.totals
        if not is_still or not (unexplained or known is None):
            return
        for each in unexplained:
            self._log.warning("balance_unexplained", asset=each.asset, difference=str(each.difference))
            before = self.unexplained_balances.get(each.asset, Decimal(0))
            self.unexplained_balances[each.asset] = before + each.difference
        said = {each.asset: each.actual for each in unexplained}
        observed = dict(totals) if known is None else {**known, **said}
        self._books.observe_totals(observed)
        words = " ".join(f"{each.asset}={each.difference}" for each in unexplained)
        reason = f"UNEXPLAINED {words}" if words else "FIRST_OBSERVATION"
        await self._recorder.write(BalancesObserved(tuple(sorted(observed.items())), reason, self._recorder.now_ns()))

    def _observe_positions(
        self, corrections: Iterable[Correction], began_ms: int, unread: Collection[InstrumentId]
    ) -> None:
        """Say a difference that nothing explains, once, and when it is gone."""
        unexplained = {
            each.instrument_id: each.difference for each in corrections if isinstance(each, PositionUnexplained)
        }
        suspected = {each.instrument_id: each.difference for each in corrections if isinstance(each, PositionSuspected)}
        self._suspected_positions.found({**suspected, **unexplained}, began_ms, unread)
        for instrument_id, difference in unexplained.items():
            if self.unexplained_positions.get(instrument_id) != difference:
                self._log.error("position_unexplained", instrument=instrument_id, difference=str(difference))
        for instrument_id in self.unexplained_positions.keys() - self._suspected_positions.keys():
            self._log.info("position_explained", instrument=instrument_id)
        self.unexplained_positions = unexplained
