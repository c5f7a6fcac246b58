"""The heart of the daemon: feed health, one bulkhead a symbol, hand-off of approved intents. Nothing else.

A cycle is one (strategies, symbol, timeframe, candle close). Each is decided exactly once, to trade or not to, with a
reason: by the close's arrival on the stream or, where that does not come, by the clock and REST. All symbols run
concurrently, each under its own time limit; what one of them does costs its neighbours nothing.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import structlog

from core.cycle_log import CycleLog
from core.decision.cycle import Cycle
from core.decision.decide import decide
from core.decision.decision import Decision, Outcome
from core.decision.inputs import AgeLimits, DecisionInputs
from core.decision.recent import RecentDecisions
from core.decision.slicing import sliced
from core.domain.candles import SeriesKey, Timeframe
from core.domain.errors import (
    BreakerOpen,
    DeadlineExceeded,
    MetronomeError,
    QueueFull,
    StrategyError,
)
from core.domain.facts import ExecutionFact
from core.domain.freshness import Moment, Quote, Stamp
from core.domain.instruments import Instrument, InstrumentId
from core.domain.market import CandleChanged, MarketEvent
from core.domain.reason_codes import ReasonCode, because
from core.domain.reasons import Reason
from core.domain.status import DecisionLine
from core.market.candle_store import Applied
from core.market.closed_candles import CandleMissing, ClosedCandles
from core.market.feed_care import FeedCare
from core.market.feed_states import FeedChanged
from core.market.fetching import MarketFetcher
from core.market.picture import MarketPicture
from core.ports.clock import MonotonicClock, TradingClock
from core.ports.venue import MarketStreams
from core.risk.account import Account
from core.risk.approval import ApprovedIntent, Refused
from core.risk.checks import check_status
from core.runtime.breaker import Breakers
from core.runtime.bulkhead import Bulkhead
from core.runtime.histogram import Histogram, LatencySummary
from core.runtime.turns import in_turns
from core.settings.risk import SizingSettings
from core.settings.slicing import SlicingSettings
from core.strategies.evaluator import StrategyEvaluator
from core.strategies.plans import SymbolPlan, strategies_by_symbol
from core.strategies.spec import Evaluation

log = structlog.get_logger()

_NS_PER_MS = 1_000_000
_LATE_CLOSE_S = 1.5
"""Real time after which a close that the stream did not bring is fetched by REST; a third of shorter candles."""

_CLOSES_A_TURN = 25
"""Cycles that the clock begins in one turn of the loop."""


@dataclass(frozen=True, slots=True)
class CoordinatorSettings:
    symbol_timeout_s: float
    short_selling: bool
    """Whether the venue lets the account sell what it does not hold."""
    limits: AgeLimits
    sizing: SizingSettings
    slicing: SlicingSettings
    ask_again_s: tuple[float, ...] = (0.1, 0.3, 0.6, 1.0, 3.0)
    """Real time before a candle that could not be had is asked for again; less is waited where the next one closes."""


@dataclass(frozen=True, slots=True)
class CoordinatorStatistics:
    cycles: int
    """Decided, each with a reason."""
    running: int
    late: int
    """Closes that the stream did not bring in time."""
    missed: int
    """Closes that were too old to analyse when they were noticed."""
    abandoned_tasks: int
    decision_ms: LatencySummary
    """Candle close received to decided."""
    order_ms: LatencySummary
    """Candle close received to order request handed to its thread."""


class ProductionCoordinator:
    """Give `run` to the supervisor, `publish` to the streams, `on_fact` to the executor, `watch_closes` and
    `cure_feeds` to the scheduler. Belongs to one event loop."""

    def __init__(
        self,
        plans: Sequence[SymbolPlan],
        *,
        market: MarketPicture,
        fetcher: MarketFetcher,
        streams: MarketStreams,
        evaluator: StrategyEvaluator,
        account: Account,
        instruments: Callable[[], Mapping[InstrumentId, Instrument]],
        hand_off: Callable[[ApprovedIntent], None],
        decisions: RecentDecisions,
        breakers: Breakers,
        trading_clock: TradingClock,
        monotonic_clock: MonotonicClock,
        settings: CoordinatorSettings,
        progressed: Callable[[], None] = lambda: None,
        by_hand: Callable[[InstrumentId], Decimal] = lambda _: Decimal(0),
        on_feed_change: Callable[[FeedChanged], None] = lambda _: None,
        record: Callable[[DecisionLine], None] = lambda _: None,
        no_entry: Callable[[InstrumentId], Reason | None] = lambda _: None,
    ) -> None:
        """`hand_off` takes an approved intent and must not block; `progressed` is called by `run` and for each cycle
        decided; `by_hand` is the part of a position that an operator has ordered; `on_feed_change` must not block;
        `record` is called for each cycle decided and must not block; `no_entry` says why nothing may be entered in a
        symbol now, `None`: it may."""
        self._plans = {plan.key: plan for plan in plans}
        self._strategies = strategies_by_symbol(plans)
        self._market = market
        self._care = FeedCare(
            market,
            fetcher,
            streams,
            {plan.key: plan.window for plan in plans},
            monotonic_clock,
            start=self._start_task,
            on_change=on_feed_change,
        )
        self._fetch_ohlcv = ClosedCandles(
            market,
            fetcher,
            trading_clock,
            ask_again_s=settings.ask_again_s,
            patience_s=settings.symbol_timeout_s / 4,  # the analysis needs its part
        ).fetch
        self._evaluator = evaluator
        self._account = account
        self._instruments = instruments
        self._hand_off = hand_off
        self._by_hand = by_hand
        self._no_entry = no_entry
        self._breakers = breakers
        self._clock = trading_clock
        self._monotonic = monotonic_clock
        self._settings = settings
        self._progressed = progressed
        self._cycles = CycleLog(decisions, trading_clock, monotonic_clock, progressed, record)
        self._bulkhead = Bulkhead()
        self._tasks: asyncio.TaskGroup | None = None
        self._running = 0
        self._taken: dict[SeriesKey, int] = {}  # close of the newest cycle begun
        self._targets: dict[InstrumentId, Mapping[str, float]] = {}
        self._late = 0
        self._paused: dict[InstrumentId, Reason] = {}

    def use(self, settings: CoordinatorSettings) -> None:
        """From the next decision on; how patiently candles are asked for stays."""
        self._settings = settings

    async def run(self) -> None:
        """Owns the cycles' tasks; runs until cancelled, which cancels analysis and never an order handed off."""
        now_ms = self._now_ms()
        self._taken = {key: key.timeframe.open_ms(now_ms) for key in self._plans}
        self._progressed()  # the first cycle is owed from now on
        try:
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                await asyncio.get_running_loop().create_future()
        finally:
            self._tasks = None
            await self._evaluator.close()

    def publish(self, event: MarketEvent) -> None:
        """Take one event of the market streams. Costs microseconds; never raises for what a venue sends."""
        applied = self._market.apply(event)
        if applied is Applied.CLOSED and isinstance(event, CandleChanged):
            key = SeriesKey(event.instrument_id, event.timeframe)
            self._begin(key, event.candle.open_ms + event.timeframe.ms, event.received_ns)
        elif applied is Applied.GAP and isinstance(event, CandleChanged):
            self._care.heal(SeriesKey(event.instrument_id, event.timeframe))

    def on_fact(self, fact: ExecutionFact) -> None:
        """Follow orders and fills."""
        self._cycles.on_fact(fact)
        self._account.on_fact(fact)

    async def watch_closes(self) -> None:
        """Begin the cycles whose close has passed without a word from the stream. Call every quarter of a second."""
        now_ms, now_ns = self._now_ms(), self._monotonic.now_ns()
        due_ms = {each: self._close_due_ms(each, now_ms) for each in {key.timeframe for key in self._taken}}
        overdue = [key for key, taken_ms in self._taken.items() if due_ms[key.timeframe] > taken_ms]
        async for key in in_turns(overdue, _CLOSES_A_TURN):
            close_ms = due_ms[key.timeframe]
            if close_ms > self._taken[key]:
                self._late += 1
                closed_for_ns = int((now_ms - close_ms) * _NS_PER_MS / self._clock.speed)
                self._begin(key, close_ms, now_ns - closed_for_ns)

    def _close_due_ms(self, timeframe: Timeframe, now_ms: int) -> int:
        """The newest close that the stream has had its time for."""
        grace_ms = min(_LATE_CLOSE_S * 1_000 * self._clock.speed, timeframe.ms / 3)
        return timeframe.open_ms(int(now_ms - grace_ms))

    async def cure_feeds(self) -> None:
        """Judge the feeds and give each sick one its cure. Call every second."""
        await self._care.cure()

    def pause(self, symbol: InstrumentId, reason: Reason) -> None:
        """Decide on it no more. What is under way is decided; orders and their stops go on."""
        self._paused[symbol] = reason

    def unpause(self, symbol: InstrumentId) -> None:
        """Nothing where it was not paused."""
        self._paused.pop(symbol, None)

    def paused(self) -> Mapping[InstrumentId, Reason]:
        return dict(self._paused)

    def times(self) -> tuple[Histogram, Histogram]:
        """Candle close received to decided, and to order request handed to its thread; both go on to be filled."""
        return self._cycles.decision_times, self._cycles.order_times

    def statistics(self) -> CoordinatorStatistics:
        return CoordinatorStatistics(
            cycles=self._cycles.n_cycles,
            running=self._running,
            late=self._late,
            missed=self._cycles.n_missed,
            abandoned_tasks=len(self._bulkhead.abandoned),
            decision_ms=self._cycles.decision_times.summary(),
            order_ms=self._cycles.order_times.summary(),
        )

    # One symbol's cycle

    def _begin(self, key: SeriesKey, close_ms: int, received_ns: int) -> None:
        """Start the cycle of this close unless it was begun before; closes skipped on the way count as missed."""
        plan = self._plans.get(key)
        taken_ms = self._taken.get(key)
        if plan is None or taken_ms is None or self._tasks is None or close_ms <= taken_ms:
            return
        self._cycles.missed(plan, taken_ms, close_ms)
        self._taken[key] = close_ms
        cycle = Cycle.of(plan, close_ms)
        self._tasks.create_task(self._run_cycle(plan, cycle, received_ns), name=f"cycle {cycle}")

    async def _run_cycle(self, plan: SymbolPlan, cycle: Cycle, received_ns: int) -> None:
        symbol = plan.key.instrument_id
        shut = self._shut(symbol)
        if shut is not None and shut.code == ReasonCode.INSTRUMENT_DELISTED:  # nothing can be asked about it
            self._cycles.not_analysed(cycle, shut)
            return
        if (paused := self._paused.get(symbol)) is not None:
            self._cycles.not_analysed(cycle, paused)
            return
        if not self._breakers.admits(symbol):
            state = self._breakers.state(symbol)
            self._cycles.not_analysed(cycle, because(ReasonCode.BREAKER_OPEN, failures=state.failures))
            return
        self._running += 1
        try:
            evaluations = await self._bulkhead.run(
                f"analyse {cycle}", self._analyse(plan, cycle), self._settings.symbol_timeout_s
            )
            analysed_ns = self._monotonic.now_ns()
            self._conclude(plan, cycle, evaluations, received_ns, analysed_ns)
            self._breakers.succeeded(symbol)
        except CandleMissing as missing:
            self._cycles.not_analysed(cycle, self._shut(symbol) or missing.reason)
        except TimeoutError:
            self._fail(cycle, because(ReasonCode.SYMBOL_TIMEOUT, limit_s=self._settings.symbol_timeout_s), received_ns)
        except BreakerOpen as error:
            self._cycles.not_analysed(cycle, because(ReasonCode.BREAKER_OPEN, error=error))
        except (QueueFull, DeadlineExceeded) as error:  # no room: no fault of the symbol, so its breaker does not count
            self._cycles.failed(cycle, because(ReasonCode.ANALYSIS_FAILED, error=error), received_ns)
        except StrategyError as error:
            self._fail(cycle, because(ReasonCode.STRATEGY_FAILED, error=error), received_ns)
        except MetronomeError as error:
            self._fail(cycle, because(ReasonCode.ANALYSIS_FAILED, error=error), received_ns)
        except Exception as error:  # the boundary of one symbol: a bug costs it this cycle, and is shown whole
            log.exception("cycle_failed", cycle=str(cycle))
            self._fail(cycle, because(ReasonCode.INTERNAL_ERROR, error=f"{type(error).__name__}: {error}"), received_ns)
        finally:
            self._running -= 1

    async def _analyse(self, plan: SymbolPlan, cycle: Cycle) -> tuple[Evaluation, ...]:
        """Raises `CandleMissing` where there is no candle to decide on: older ones are never taken for it."""
        await self._fetch_ohlcv(plan.key, plan.window, cycle.close_ms)
        answers = [self._evaluator.evaluate(each, plan.key, cycle.close_ms) for each in plan.strategies]
        evaluations = await asyncio.gather(*answers)
        for each in evaluations:
            if each.signal is not None and each.close_ms != cycle.close_ms:
                raise CandleMissing(newest_ms=each.close_ms - plan.key.timeframe.ms)
        return tuple(evaluations)

    def _shut(self, symbol: InstrumentId) -> Reason | None:
        """Why nothing can be traded in it, whatever its strategies want; `None`: it can."""
        return check_status(self._instruments()[symbol])

    def _start_task(self, work: Coroutine[Any, Any, None], name: str) -> None:
        if self._tasks is None:
            work.close()
        else:
            self._tasks.create_task(work, name=name)

    def _conclude(
        self, plan: SymbolPlan, cycle: Cycle, evaluations: tuple[Evaluation, ...], received_ns: int, analysed_ns: int
    ) -> None:
        """Decide, ask the gate, hand off; no await from the first look at the account to the reservation."""
        now = self.now()
        quote = self._market.quote(cycle.instrument_id)
        decision = decide(self._inputs(cycle, evaluations, quote), self._settings.limits, self._settings.sizing, now)
        self._targets[cycle.instrument_id] = decision.targets
        if decision.outcome is Outcome.NO_TRADE and (shut := self._shut(cycle.instrument_id)) is not None:
            decision = replace(decision, reasons=(shut, *decision.reasons))  # whatever else there was to say
        verdict = self._judge(decision, quote, now)
        refusal = verdict.reason if isinstance(verdict, Refused) else None
        self._cycles.decided(decision, refusal, received_ns, analysed_ns)
        if isinstance(verdict, ApprovedIntent):
            self._cycles.handed_off(verdict.proposal.intent_id, received_ns)
            self._hand_off(verdict)
            self._follow_up(decision, quote, now)

    def _follow_up(self, decision: Decision, quote: Quote | None, now: Moment) -> None:
        """The other half of a turn from long to short or back; it leaves only once the first has closed what was held.
        A refusal is a line of its own."""
        if decision.reversal is None:
            return
        verdict = self._judge(replace(decision, proposal=decision.reversal), quote, now)
        if isinstance(verdict, ApprovedIntent):
            self._hand_off(verdict)
        elif isinstance(verdict, Refused):
            log.info("reversal_refused", cycle=str(decision.cycle), reason=str(verdict.reason))

    def _inputs(self, cycle: Cycle, evaluations: tuple[Evaluation, ...], quote: Quote | None) -> DecisionInputs:
        instrument = self._instruments()[cycle.instrument_id]
        account = self._account
        return DecisionInputs(
            cycle=cycle,
            instrument=instrument,
            evaluations=evaluations,
            candle=Stamp(cycle.close_ms * _NS_PER_MS, self._monotonic.now_ns()),
            quote=quote,
            balance=account.balances_stamp,
            position=account.position(cycle.instrument_id),
            in_flight=account.gate.in_flight(cycle.instrument_id),
            equity=account.equity_in(instrument.settle),
            free_cash=account.free_cash(instrument.settle),
            sellable=account.sellable(instrument),
            targets=self._targets.get(cycle.instrument_id, {}),
            strategies=self._strategies[cycle.instrument_id],
            short_selling=self._settings.short_selling,
            by_hand=self._by_hand(cycle.instrument_id),
            no_entry=self._no_entry(cycle.instrument_id),
        )

    def _judge(self, decision: Decision, quote: Quote | None, now: Moment) -> ApprovedIntent | Refused | None:
        if decision.outcome is not Outcome.TRADE or decision.proposal is None:
            return None
        quotes = {decision.cycle.instrument_id: quote} if quote is not None else {}
        instruments = self._instruments()
        instrument = instruments[decision.cycle.instrument_id]
        proposal = sliced(decision.proposal, instrument, quote, self._settings.slicing)
        return self._account.judge(proposal, instruments, quotes, now)

    def _fail(self, cycle: Cycle, reason: Reason, received_ns: int) -> None:
        self._breakers.failed(cycle.instrument_id, str(reason))
        self._cycles.failed(cycle, reason, received_ns)

    def now(self) -> Moment:
        return Moment(self._clock.now_ns(), self._monotonic.now_ns(), self._clock.speed)

    def _now_ms(self) -> int:
        return self._clock.now_ns() // _NS_PER_MS
