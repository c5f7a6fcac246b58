"""The parts of execution, made and wired once."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from core.domain.facts import ExecutionFact
from core.domain.instruments import Instrument, InstrumentId
from core.execution.books import Books
from core.execution.dead_man import DeadManTimer
from core.execution.desk import VenueDesk
from core.execution.doubts import MarketPrice
from core.execution.ending import OrderEnder
from core.execution.enquiries import Enquiries
from core.execution.expiry import ExpiryKeeper
from core.execution.foreign import ForeignOrders
from core.execution.journal.journal import Journal
from core.execution.jury import Jury
from core.execution.lane import RunInLane
from core.execution.plans.keeper import PlanKeeper, StillValid
from core.execution.reconciler import Reconciler
from core.execution.recorder import Recorder
from core.execution.sending import OrderSender
from core.execution.stops import StopKeeper
from core.execution.strangers import Strangers
from core.execution.turns import InstrumentTurns
from core.ports.clock import MonotonicClock, TradingClock
from core.ports.venue import VenueRest
from core.settings.execution import ExecutionSettings


@dataclass(frozen=True, slots=True)
class Parts:
    settings: ExecutionSettings
    journal: Journal
    instruments: Callable[[], Mapping[InstrumentId, Instrument]]
    monotonic: MonotonicClock
    books: Books
    recorder: Recorder
    jury: Jury
    desk: VenueDesk
    sender: OrderSender
    enquiries: Enquiries
    ender: OrderEnder
    foreign: ForeignOrders
    strangers: Strangers
    turns: InstrumentTurns
    stops: StopKeeper
    expiries: ExpiryKeeper
    plans: PlanKeeper
    reconciler: Reconciler
    dead_man: DeadManTimer


def assemble(
    *,
    venue: VenueRest,
    run_in_lane: RunInLane,
    journal: Journal,
    publish: Callable[[ExecutionFact], None],
    instruments: Callable[[], Mapping[InstrumentId, Instrument]],
    trading_clock: TradingClock,
    monotonic: MonotonicClock,
    settings: ExecutionSettings,
    traded: Collection[InstrumentId],
    still_valid: StillValid,
    market_price: MarketPrice,
) -> Parts:
    books = Books(settings.retain_closed_orders)
    recorder = Recorder(books, journal, publish, trading_clock, settings.journal_deadline_s)
    desk = VenueDesk(venue, run_in_lane, settings.order_deadline_s)
    jury = Jury(books, market_price)
    sender = OrderSender(recorder, desk, jury, books)
    enquiries = Enquiries(
        books, recorder, desk, sender, monotonic, first_s=settings.enquiry_first_s, max_s=settings.enquiry_max_s
    )
    ender = OrderEnder(books, sender, enquiries, monotonic)
    foreign, turns = ForeignOrders(), InstrumentTurns()
    strangers = Strangers(
        foreign, policy=settings.foreign_orders, traded=traded, books=books, recorder=recorder, desk=desk
    )
    stops = StopKeeper(
        books=books,
        recorder=recorder,
        desk=desk,
        sender=sender,
        ender=ender,
        turns=turns,
        instruments=instruments,
        monotonic=monotonic,
    )
    expiries = ExpiryKeeper(books=books, sender=sender, turns=turns, trading_clock=trading_clock, monotonic=monotonic)
    plans = PlanKeeper(
        books=books,
        recorder=recorder,
        desk=desk,
        sender=sender,
        stops=stops,
        turns=turns,
        instruments=instruments,
        trading=trading_clock,
        monotonic=monotonic,
        still_valid=still_valid,
        clear_stop_s=settings.clear_stop_s,
    )
    reconciler = Reconciler(
        books=books,
        recorder=recorder,
        journal=journal,
        desk=desk,
        enquiries=enquiries,
        foreign=foreign,
        instruments=instruments,
    )
    for listener in (enquiries.watch, stops.watch, expiries.watch, plans.watch, reconciler.watch):
        recorder.listen(listener)
    return Parts(
        settings,
        journal,
        instruments,
        monotonic,
        books,
        recorder,
        jury,
        desk,
        sender,
        enquiries,
        ender,
        foreign,
        strangers,
        turns,
        stops,
        expiries,
        plans,
        reconciler,
        DeadManTimer(desk, books, foreign, monotonic, settings.dead_man_s),
    )
