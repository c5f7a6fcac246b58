"""Frozen pictures of a running daemon, taken from its parts' statistics."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from core import __version__
from core.api.answers import Why
from core.api.bulkheads import breaker_states, lane_states, workers_state
from core.api.lines import foreign_line, order_line, plain, plan_line
from core.compute.computer import AsyncFeatureComputer
from core.compute.lag import LagMonitor
from core.compute.memory import rss_mb
from core.decision.recent import RecentDecisions
from core.decision_ledger.writer import DecisionLedger
from core.domain.candles import SeriesKey
from core.domain.freshness import Moment
from core.domain.instruments import InstrumentId, InstrumentKind, kind_of
from core.domain.positions import Position, VenuePosition
from core.domain.status import (
    CourierStatus,
    DaemonStatus,
    DecisionLine,
    LagMs,
    LimitUse,
    OrderStatusLine,
    PositionStatus,
    ResourceTrend,
    SymbolStatus,
)
from core.execution.duty_status import DutyStatus
from core.execution.executor import OrderExecutor
from core.execution.statistics import ExecutionStatistics
from core.kill_switch import KillSwitch
from core.market.feed_states import Channel, FeedState
from core.market.picture import MarketPicture
from core.portfolio.valuation import Valuation
from core.ports.clock import MonotonicClock, TradingClock
from core.production_coordinator import ProductionCoordinator
from core.risk.account import Account
from core.runtime.breaker import Breakers
from core.runtime.histogram import LatencySummary
from core.runtime.turns import in_turns
from core.runtime.watchdog import Watchdog

_SYMBOLS_A_TURN = 20
_RECENT_ORDERS = 8
_LISTED_ORDERS = 200
"""Putting one into words takes 17 µs of the loop."""
_NS_PER_MS = 1_000_000
_WELL = frozenset(str(state) for state in FeedState if state.is_healthy) | {str(FeedState.STARTING)}


@dataclass(slots=True)
class Phase:
    """Where the daemon's life stands; written by whoever moves it on."""

    state: str = "starting"
    note: str = "starting"


@dataclass(frozen=True, slots=True)
class Identity:
    mode: str
    venue: str
    started_ns: int
    """Monotonic."""
    orders_venue: str | None = None
    """Who gets the orders; `None`: nobody."""
    keys: tuple[SeriesKey, ...] = ()


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts that a picture is taken from; `None` before the daemon has got so far."""

    market: MarketPicture
    account: Account
    coordinator: ProductionCoordinator
    executor: OrderExecutor | None
    """`None` in observe mode."""
    decisions: RecentDecisions
    breakers: Breakers
    keys: tuple[SeriesKey, ...] = field(default=())
    kill_switch: KillSwitch | None = None
    rate_limits: Callable[[], Sequence[LimitUse]] = tuple
    guards: Mapping[str, Breakers] = field(default_factory=dict)
    """Breakers of what is no symbol, by what they guard."""
    ledger: DecisionLedger | None = None
    breaks: Callable[[], Sequence[str]] = tuple
    """Differences from the venue's books that nothing explains, in words."""
    """`None`: decisions are kept in memory only."""


class LiveView:
    """What terminal, API and summary ask. Reads only; called on the loop."""

    def __init__(
        self,
        identity: Identity,
        phase: Phase,
        *,
        computer: AsyncFeatureComputer,
        lag: LagMonitor,
        watchdog: Watchdog,
        trading_clock: TradingClock,
        monotonic_clock: MonotonicClock,
        skew_ms: Callable[[], float | None],
        resources: Callable[[], tuple[ResourceTrend, ...]] = lambda: (),
        couriers: Callable[[], tuple[CourierStatus, ...]] = lambda: (),
        models: Callable[[], dict[str, int]] = dict,
    ) -> None:
        self._identity = identity
        self._phase = phase
        self._computer = computer
        self._lag = lag
        self._watchdog = watchdog
        self._clock = trading_clock
        self._monotonic = monotonic_clock
        self._skew_ms = skew_ms
        self._resources = resources
        self._couriers = couriers
        self._models = models
        self._parts: Parts | None = None

    def attach(self, parts: Parts) -> None:
        """From now on there is a market to show."""
        self._parts = parts

    def status(self) -> DaemonStatus:
        parts, now = self._parts, self._now()
        return self._with(parts, now, self._symbols(parts, now) if parts else (), _execution(parts), _valuation(parts))

    async def status_in_turns(self) -> DaemonStatus:
        """As `status`, made in several turns of the loop, none of which takes long: what hurries comes in between."""
        parts, now = self._parts, self._now()
        if parts is None:
            return self.status()
        traded = in_turns(_traded(parts), _SYMBOLS_A_TURN)
        symbols = [_symbol_status(parts, each, now) async for each in traded]
        await asyncio.sleep(0)
        execution = _execution(parts)
        await asyncio.sleep(0)
        valuation = _valuation(parts)
        await asyncio.sleep(0)
        return self._with(parts, self._now(), tuple(symbols), execution, valuation)

    def _now(self) -> Moment:
        return Moment(self._clock.now_ns(), self._monotonic.now_ns(), self._clock.speed)

    def _with(
        self,
        parts: Parts | None,
        now: Moment,
        symbols: tuple[SymbolStatus, ...],
        execution: ExecutionStatistics | None,
        valuation: Valuation | None,
    ) -> DaemonStatus:
        computing = self._computer.statistics()
        coordinator = parts.coordinator.statistics() if parts else None
        risk = parts.account.gate.statistics() if parts else None
        guards = {"symbol": parts.breakers, **parts.guards} if parts else {}
        broken = breaker_states(guards, computing, now.monotonic_ns)
        note = (execution.note or _unexplained(execution) if execution else "") or self._phase.note
        return DaemonStatus(
            version=__version__,
            mode=self._identity.mode,
            venue=self._identity.venue,
            orders_venue=self._identity.orders_venue,
            state=self._phase.state,
            note=note or (_ill_feeds(symbols) if self._phase.state == "trading" else ""),
            risk_level=str(risk.level) if risk else "NORMAL",
            risk_reason=risk.reason if risk else "",
            risk_since_ms=risk.since_ns // _NS_PER_MS if risk and risk.since_ns is not None else None,
            flattening=parts.kill_switch.progress if parts and parts.kill_switch else None,
            uptime_s=(now.monotonic_ns - self._identity.started_ns) / 1e9,
            trading_time_ms=now.trading_ns // _NS_PER_MS,
            clock_speed=now.speed,
            clock_skew_ms=self._skew_ms(),
            cycles=coordinator.cycles if coordinator else 0,
            decisions=parts.decisions.by_code() if parts else {},
            orders=execution.orders if execution else 0,
            fills=execution.fills if execution else 0,
            equity=_money(valuation.equity) if valuation else None,
            profit=_money(valuation.profit) if valuation else None,
            realised_profit=_money(valuation.realised_profit) if valuation else None,
            unrealised_profit=_money(valuation.unrealised_profit) if valuation else None,
            fees=_money(valuation.fees) if valuation else None,
            funding=_money(valuation.funding) if valuation and parts and _has_perpetuals(parts) else None,
            currency=parts.account.currency if parts else "",
            unknown_orders=execution.unknown if execution else 0,
            unprotected_ms=_lag_ms(execution.unprotected_ms) if execution else LagMs(),
            unprotected_now_s=execution.unprotected_now_s if execution else 0.0,
            unprotected_overdue=execution.unprotected_overdue if execution else 0,
            foreign_orders=execution.foreign_orders if execution else 0,
            feed_reconnects=parts.market.interruptions if parts else 0,
            feed_gaps=parts.market.candles.gaps if parts else 0,
            messages=parts.market.messages if parts else 0,
            abandoned_threads=computing.abandoned_threads,
            abandoned_tasks=coordinator.abandoned_tasks if coordinator else 0,
            queue_depth=computing.queue_depth,
            loop_lag_ms=self._lag.lag_ms(),
            decision_ms=_lag_ms(coordinator.decision_ms) if coordinator else LagMs(),
            order_ms=_lag_ms(coordinator.order_ms) if coordinator else LagMs(),
            rss_mb=rss_mb(),
            symbols=symbols,
            positions=self._positions(parts, execution, valuation) if parts else (),
            breakers={each.name: each.phase for each in broken},
            breaker_states=broken,
            lanes=lane_states(computing.lanes),
            workers=workers_state(computing.workers),
            recent_orders=self._newest_orders(parts, _RECENT_ORDERS),
            plans=tuple(map(plan_line, parts.executor.plans())) if parts and parts.executor else (),
            rate_limits=tuple(parts.rate_limits()) if parts else (),
            resources=self._resources(),
            couriers=self._couriers(),
            models=self._models(),
            decision_ledger=parts.ledger.statistics() if parts and parts.ledger else None,
            overdue=self._watchdog.statistics().stalled,
        )

    def orders(self) -> tuple[OrderStatusLine, ...]:
        """What others have open on the account; then, newest first, our last few hundred, whatever became of them."""
        parts = self._parts
        foreign = parts.executor.statistics().foreign if parts and parts.executor else ()
        return (*map(foreign_line, foreign), *self._newest_orders(parts, _LISTED_ORDERS))

    def decisions(self, symbol: str | None, limit: int) -> tuple[DecisionLine, ...]:
        """Newest first; of all symbols where `symbol` is `None`."""
        return self._parts.decisions.of(symbol, limit) if self._parts else ()

    def why(self, symbol: str, limit: int) -> Why:
        """Raises `KeyError` for a symbol that is not traded."""
        parts, now = self._parts, self._now()
        if parts is None or symbol not in _traded(parts):
            raise KeyError(symbol)
        traded = InstrumentId(symbol)
        return Why(_symbol_status(parts, traded, now), self.decisions(symbol, limit))

    def _newest_orders(self, parts: Parts | None, limit: int) -> tuple[OrderStatusLine, ...]:
        if parts is None or parts.executor is None:
            return ()
        return tuple(order_line(order) for order in reversed(parts.executor.orders(newest=limit)))

    def _symbols(self, parts: Parts, now: Moment) -> tuple[SymbolStatus, ...]:
        return tuple(_symbol_status(parts, each, now) for each in _traded(parts))

    def _positions(
        self, parts: Parts, execution: ExecutionStatistics | None, valuation: Valuation | None
    ) -> tuple[PositionStatus, ...]:
        duties = {duty.instrument: duty for duty in execution.duties} if execution else {}
        marks = parts.account.marks() if valuation else {}
        held = (each for each in parts.account.portfolio.positions().values() if each.quantity)
        at_venue = parts.executor.venue_positions() if parts.executor else {}
        return tuple(
            _position_status(
                parts.account,
                each,
                marks.get(each.instrument_id),
                duties.get(each.instrument_id),
                at_venue.get(each.instrument_id),
            )
            for each in held
        )


def _traded(parts: Parts) -> tuple[InstrumentId, ...]:
    return tuple(dict.fromkeys(key.instrument_id for key in parts.keys))


def _execution(parts: Parts | None) -> ExecutionStatistics | None:
    return parts.executor.statistics() if parts and parts.executor else None


def _valuation(parts: Parts | None) -> Valuation | None:
    """`None` until the venue has said what the account holds: nothing is not what it is worth."""
    return parts.account.valuation() if parts and parts.account.balances_stamp is not None else None


def _symbol_status(parts: Parts, symbol: InstrumentId, now: Moment) -> SymbolStatus:
    touch = parts.market.quotes.touch(symbol, now.monotonic_ns)
    last = parts.decisions.last(symbol)
    return SymbolStatus(
        symbol=symbol,
        last_price=touch.mid if touch else None,
        quote_age_s=touch.age_s if touch else None,
        candle_age_s=parts.market.feeds.age_s(symbol, Channel.CANDLES, now.monotonic_ns),
        feed=parts.market.feeds.summary(symbol),
        last_decision=last.reason if last else "",
        last_outcome=last.outcome if last else "",
        last_decided_ms=last.close_ms if last else None,
        breaker=str(parts.breakers.phase(symbol)),
        cycles=parts.decisions.cycles(symbol),
    )


def _ill_feeds(symbols: tuple[SymbolStatus, ...]) -> str:
    """In words, which feeds do not do their part; empty where all do, or only begin to."""
    ill = Counter(each.feed for each in symbols if each.feed not in _WELL)
    if not ill:
        return ""
    kinds = ", ".join(f"{kind} {count}" for kind, count in ill.most_common())
    return f"the market of {ill.total()} of {len(symbols)} symbols is not live: {kinds}"


def _has_perpetuals(parts: Parts) -> bool:
    return any(kind_of(key.instrument_id) is InstrumentKind.PERPETUAL for key in parts.keys)


def _unexplained(execution: ExecutionStatistics) -> str:
    """In words, which positions at the venue our trades do not explain; empty where they explain all."""
    return ", ".join(
        f"the venue's position in {symbol} differs by {difference} from what our trades leave"
        for symbol, difference in execution.unexplained_positions.items()
    )


def _position_status(
    account: Account,
    position: Position,
    mark: Decimal | None,
    duty: DutyStatus | None,
    at_venue: VenuePosition | None,
) -> PositionStatus:
    liquidation = None if at_venue is None else at_venue.liquidation_price
    unrealised = None if mark is None else account.portfolio.unrealised_profit(position.instrument_id, mark)
    return PositionStatus(
        symbol=position.instrument_id,
        quantity=plain(position.quantity),
        average_price=plain(position.average_price) if position.average_price is not None else None,
        mark_price=float(mark) if mark is not None else None,
        unrealised_profit=None if unrealised is None else _money(unrealised),
        realised_profit=_money(position.realised_profit),
        stop_price=duty.stop_price if duty else None,
        target_price=duty.target_price if duty else None,
        is_dust=account.is_dust(position, mark),
        funding=None if kind_of(position.instrument_id) is InstrumentKind.SPOT else _money(position.funding),
        liquidation_price=plain(liquidation) if liquidation is not None else None,
    )


def _lag_ms(summary: LatencySummary) -> LagMs:
    return LagMs(summary.p50, summary.p99, summary.max, summary.p95)


def _money(amount: Decimal) -> str:
    return f"{amount:.2f}"
