"""Everything that trades one account at one venue, wired together once the venue's instruments are known."""

import math
from collections.abc import Callable
from decimal import Decimal
from functools import partial

import structlog

from core.account_journal import journal_of
from core.account_ledger import ledger_of
from core.account_opening import account_of
from core.account_watch import AccountWatch
from core.api.happenings import Happenings
from core.api.live_view import Parts
from core.compute.computer import AsyncFeatureComputer
from core.cycle_log import log_breaker, log_guard
from core.decision.inputs import AgeLimits
from core.decision.recent import RecentDecisions
from core.domain.facts import ExecutionFact
from core.domain.freshness import Moment
from core.domain.instruments import InstrumentId, InstrumentKind
from core.domain.market import CandleChanged, MarketEvent, QuoteChanged
from core.domain.notices import Notice
from core.domain.orders import Purpose
from core.eligibility import Eligibility
from core.execution.executor import OrderExecutor
from core.execution.flattener import Flattener
from core.kill_switch import KillSwitch
from core.listing import Listing
from core.market.candle_store import CandleStore
from core.market.feed_proofs import FeedProofs
from core.market.feeds import FeedHealth
from core.market.fetch_breakers import FetchBreakers
from core.market.fetching import MarketFetcher
from core.market.picture import MarketPicture
from core.market.quotes import Quotes
from core.models.serving.in_use import ModelsInUse
from core.news_watch import NewsWatch, Watched
from core.operator_desk import OperatorDesk
from core.order_log import log_fact
from core.ports.clock import MonotonicClock, TradingClock
from core.ports.venue import StreamSubscriptions
from core.production_coordinator import CoordinatorSettings, ProductionCoordinator
from core.risk.approval import ApprovedIntent
from core.risk.gate import RiskState
from core.risk_watch import RiskWatch
from core.round_trips import RoundTrips
from core.runtime.breaker import BreakerPolicy, Breakers
from core.runtime.scheduler import Scheduler
from core.runtime.supervisor import RestartPolicy, Supervisor
from core.runtime.watchdog import Proof, Watchdog
from core.settings.tree import Settings
from core.strategies.evaluator import StrategyEvaluator
from core.strategies.plans import SymbolPlan
from core.venue_lanes import VenueLanes, read_deadline_s
from core.venues.adapter import VenueAdapter
from core.vitals import VitalSigns

log = structlog.get_logger()

_REMEMBERED_DECISIONS, _LEAST_DECISIONS = 2_000, 10
"""Of all symbols together, about 2 kB each; and of each symbol however many there are."""
_CLOSES_EVERY_S = 0.25
_LEDGER_CLOSES_S = 2.0
_MIN_CANDLES = 1_000
_SPARE_CANDLES = 16
"""So many candles may close before a worker reads the window that ends with one of them."""


class TradingDesk:
    """`recover()`, then `begin()`; the supervisor and the scheduler run what it gives them. In observe mode there is no
    executor, no journal and no account at the venue: approved intents are recorded and go nowhere."""

    def __init__(
        self,
        settings: Settings,
        adapter: VenueAdapter,
        listing: Listing,
        plans: tuple[SymbolPlan, ...],
        *,
        account: str,
        risk_state: RiskState,
        keep_risk_state: Callable[[RiskState], None],
        computer: AsyncFeatureComputer,
        watchdog: Watchdog,
        clock: TradingClock,
        monotonic: MonotonicClock,
        lag_p99_ms: Callable[[], float | None] = lambda: None,
        tell: Callable[[Notice], None] = lambda _: None,
        happenings: Happenings | None = None,
        models: Callable[[int], ModelsInUse | None] = lambda _: None,
    ) -> None:
        """`account` names it and is no secret; `keep_risk_state` blocks and writes where `risk_state` was read;
        `lag_p99_ms` is the loop's, over the last minute, `None` before it is known; `tell` must not block;
        `happenings` is told what happens; `models` are those that decide about candles of a close, UTC ms."""
        self._settings = settings
        self._computer = computer
        self._clock = clock
        self._monotonic = monotonic
        self._models = models
        self._happenings = happenings or Happenings()
        self.round_trips = RoundTrips(monotonic)
        self._adapter = adapter
        self._listing = listing
        self._lanes = VenueLanes(settings, adapter, computer, listing.doubt)
        self._keep_risk_state = keep_risk_state
        keys = tuple(plan.key for plan in plans)
        symbols = tuple(dict.fromkeys(key.instrument_id for key in keys))
        books = symbols if settings.trading.order_books else ()
        marks = symbols if settings.trading.kind is InstrumentKind.PERPETUAL else ()
        subscriptions = StreamSubscriptions(candles=keys, quotes=symbols, books=books, marks=marks)
        self._streams = adapter.streams(subscriptions)
        capacity = max(_MIN_CANDLES, *(plan.window + _SPARE_CANDLES for plan in plans))
        feeds = FeedHealth(subscriptions, clock, self._streams.shards)
        market = MarketPicture(CandleStore(keys, capacity=capacity), Quotes(), feeds)
        fetching = FetchBreakers(len(symbols), monotonic, on_change=log_guard)
        self._of_strategies = Breakers(BreakerPolicy(), monotonic, on_change=log_guard)
        self.fetcher = MarketFetcher(
            adapter.market,
            computer,
            market,
            clock,
            monotonic,
            deadline_s=read_deadline_s(settings.venue),
            on_quote=adapter.on_quote,
            on_unlisted=listing.doubt,
            breakers=fetching,
        )
        self._account = account_of(
            settings, risk_state, listing=listing, market=market, monotonic=monotonic, now=self._now
        )
        self.eligibility = Eligibility(
            plans,
            settings,
            market=market,
            fetcher=self.fetcher,
            listing=listing,
            account=self._account,
            computer=computer,
            clock=clock,
            monotonic=monotonic,
        )
        self._ledger = ledger_of(settings, account)
        overdue_s = settings.watchdog.progress_overdue_s
        self._journal = journal_of(settings, adapter, account, watchdog.proof("journal", overdue_s))
        observes = settings.trading.mode == "observe"
        proof = watchdog.proof("executor", overdue_s)
        self._executor = None if observes else self._build_executor(proof, market)
        self._watch: AccountWatch | None = None
        self.operator: OperatorDesk | None = None
        if self._executor is not None:
            self._watch = AccountWatch(
                settings,
                adapter,
                self._lanes,
                executor=self._executor,
                account=self._account,
                traded=frozenset(symbols),
                now=self._now,
            )
            self.operator = OperatorDesk(
                account=self._account,
                market=market,
                executor=self._executor,
                instruments=self._listing.traded,
                capabilities=adapter.rest.capabilities,
                now=self._now,
            )
        self._vitals = VitalSigns(
            symbols,
            market=market,
            account=self._account,
            executor=self._executor,
            lag_p99_ms=lag_p99_ms,
            monotonic=monotonic,
            settings=settings.risk,
        )
        self.kill_switch = self._build_kill_switch(market)
        self._risk_watch = RiskWatch(
            self.kill_switch, self._vitals, self._account, settings=settings.risk, now=self._now
        )
        decisions = RecentDecisions(
            max(_LEAST_DECISIONS, _REMEMBERED_DECISIONS // len(symbols)), on_record=self._happenings.decided
        )
        breakers = Breakers(BreakerPolicy(), monotonic, on_change=log_breaker)
        self._coordinator = self._build_coordinator(plans, market, decisions, breakers, watchdog)
        guards = {"strategy": self._of_strategies, "request": fetching.requests, "operation": fetching.operations}
        self.pauses = self._coordinator
        self.parts = Parts(
            market,
            self._account,
            self._coordinator,
            self._executor,
            decisions,
            breakers,
            keys,
            self.kill_switch,
            adapter.limits,
            guards,
            self._ledger,
            breaks=self._vitals.breaks,
        )
        watched = Watched(self._account, self._executor, {"symbol": breakers, **guards}, self._ledger)
        self._news = NewsWatch(watched, tell, settings.notify)

    def _build_executor(self, proof: Proof, market: MarketPicture) -> OrderExecutor:
        return OrderExecutor(
            venue=self._adapter.rest,
            run_in_lane=self._lanes.run_in_order_lane,
            journal=self._journal,
            publish=self._on_fact,
            still_valid=self._account.gate.still_valid,
            instruments=self._listing.all,
            trading_clock=self._adapter.clock,
            monotonic_clock=self._monotonic,
            settings=self._settings.execution,
            traded=self._listing.traded(),
            proof=proof,
            market_price=market.exact_price,
        )

    def _build_kill_switch(self, market: MarketPicture) -> KillSwitch:
        flattener = None
        if self._executor is not None:

            async def worth(instrument_id: InstrumentId) -> Decimal | None:
                return market.exact_price(instrument_id) or await self._lanes.price(instrument_id)

            flattener = Flattener(self._executor, self._account.gate, worth, self._now)
        return KillSwitch(
            self._account.gate,
            save=self._save_risk_state,
            now=self._now,
            executor=self._executor,
            flattener=flattener,
            breaks=self._vitals.breaks,
            resumed=self._vitals.begin_anew,
        )

    def _build_coordinator(
        self,
        plans: tuple[SymbolPlan, ...],
        market: MarketPicture,
        decisions: RecentDecisions,
        breakers: Breakers,
        watchdog: Watchdog,
    ) -> ProductionCoordinator:
        settings = self._settings
        proof = watchdog.proof("cycles", self._progress_limit_s(plans))
        return ProductionCoordinator(
            plans,
            market=market,
            fetcher=self.fetcher,
            streams=self._streams,
            evaluator=StrategyEvaluator(
                self._computer,
                market.candles.handle,
                deadline_s=settings.compute.strategy_deadline_s,
                breakers=self._of_strategies,
                models=self._models,
            ),
            account=self._account,
            instruments=self._listing.traded,
            hand_off=self._executor.submit if self._executor is not None else self._observe,
            decisions=decisions,
            breakers=breakers,
            trading_clock=self._clock,
            monotonic_clock=self._monotonic,
            settings=self._coordinator_settings(settings),
            progressed=proof.beat,
            by_hand=(lambda _: Decimal(0)) if self._executor is None else self._executor.held_by_hand,
            on_feed_change=FeedProofs(watchdog, settings.watchdog.feed_overdue_s).on_change,
            record=(lambda _: None) if self._ledger is None else self._ledger.record,
            no_entry=self.eligibility.no_entry,
        )

    def _coordinator_settings(self, settings: Settings) -> CoordinatorSettings:
        risk = settings.risk
        return CoordinatorSettings(
            symbol_timeout_s=settings.trading.symbol_timeout_s,
            short_selling=self._adapter.rest.capabilities.short_selling,
            limits=AgeLimits(
                risk.max_candle_age_s,
                risk.max_quote_age_s,
                math.inf if self._executor is None else risk.max_balance_age_s,
            ),
            sizing=settings.sizing,
            slicing=settings.slicing,
        )

    def use(self, settings: Settings) -> None:
        """Decide and judge by these from now on, as far as `core.reloading` lets them differ from the first ones. One
        turn of the loop: nothing is decided by half of them."""
        self._account.gate.use(settings.risk)
        self._vitals.use(settings.risk)
        self._risk_watch.use(settings.risk)
        self._news.use(settings.notify)
        self.eligibility.use(settings)
        self._coordinator.use(self._coordinator_settings(settings))

    async def recover(self) -> None:
        """Take the account's lease, set the account up, learn the past: journal, venue, open duties. Raises `LeaseHeld`
        (exit code 5), `JournalError` (exit code 4) and `RequestRefused`."""
        if self._executor is None or self._watch is None:
            return
        await self._executor.take_account()
        await self._lanes.prepare(self._listing.trading())
        await self._watch.recover()
        self._happenings.remember(self._executor.fills())

    def begin_orders(self, supervisor: Supervisor) -> None:
        """Give what has to do with orders that there are to its owners: what an earlier life was closing goes on being
        closed, whatever keeps the market from being decided on."""
        if self._executor is not None and self._watch is not None:
            supervisor.add("lease", self._journal.watch_lease)
            supervisor.add("executor", self._executor.run)
            self._watch.begin_stream(supervisor)
        if self._ledger is not None:
            self._ledger.start()
        supervisor.add("kill switch", self.kill_switch.run)

    def begin(self, supervisor: Supervisor, scheduler: Scheduler) -> None:
        """Give all that decides to its owners."""
        supervisor.add("coordinator", self._coordinator.run)
        supervisor.add("market streams", partial(self._streams.run, self._on_market_event), restart=RestartPolicy())
        if self._watch is not None:
            self._watch.begin(supervisor, scheduler)
        self._listing.begin(scheduler, None if self._executor is None else self._lanes.prepare)
        scheduler.every("closes", _CLOSES_EVERY_S, self._coordinator.watch_closes)
        scheduler.every("feeds", 1.0, self._coordinator.cure_feeds, timeout_s=30.0)
        self.eligibility.begin(scheduler)
        self._risk_watch.begin(scheduler)
        self._news.begin(scheduler)

    async def cancel_entries(self, reason: str) -> None:
        """Cancel working entries; protective orders stay."""
        if self._executor is not None:
            left = await self._executor.cancel_working(Purpose.ENTRY, reason)
            if left:
                log.warning("entries_still_working", orders=[order.client_order_id for order in left])

    async def close_journal(self) -> None:
        """And, once that is done, the record of the decisions."""
        if not await self._journal.close():
            log.error("journal_close_timeout")
        if self._ledger is not None and not await self._ledger.close(_LEDGER_CLOSES_S):
            log.warning("decision_ledger_close_timeout")

    def close(self) -> None:
        """Give back sessions and memory; the daemon trades no more."""
        self._adapter.close()
        self.parts.market.candles.close()

    def _on_fact(self, fact: ExecutionFact) -> None:
        self._coordinator.on_fact(fact)
        self._vitals.on_fact(fact)
        self._news.on_fact(fact)
        if self._ledger is not None:
            self._ledger.on_fact(fact)
        self._happenings.booked(fact)
        self.round_trips.on_fact(fact)
        log_fact(fact)

    def _observe(self, approved: ApprovedIntent) -> None:
        """Observe mode's hand-off: the decision is recorded, nothing is sent, nothing stays reserved."""
        self._account.gate.release(approved.proposal.intent_id)

    def _on_market_event(self, event: MarketEvent) -> None:
        self._coordinator.publish(event)
        if isinstance(event, CandleChanged):
            if event.closed:
                self._happenings.closed(event)
        elif isinstance(event, QuoteChanged) and self._executor is not None:
            self._executor.on_quote(event.instrument_id, event.bid, event.ask)

    async def _save_risk_state(self, state: RiskState) -> None:
        if self._executor is not None:
            await self._computer.lane("data").run(self._keep_risk_state, state, deadline_s=5.0)

    def _progress_limit_s(self, plans: tuple[SymbolPlan, ...]) -> float:
        """A cycle is due at each close, so nothing is overdue before two candles of the shortest series have passed."""
        shortest_s = min(plan.key.timeframe.ms for plan in plans) / 1_000 / self._clock.speed
        return max(self._settings.watchdog.progress_overdue_s, 2.5 * shortest_s)

    def _now(self) -> Moment:
        return Moment(self._clock.now_ns(), self._monotonic.now_ns(), self._clock.speed)
