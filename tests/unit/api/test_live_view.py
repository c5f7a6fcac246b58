"""The picture of a daemon, taken from real parts: an executor on a fake venue, a portfolio, a market of two symbols."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from core import __version__
from core.api.live_view import Identity, LiveView, Parts, Phase
from core.compute.computer import AsyncFeatureComputer
from core.compute.lag import LagMonitor
from core.decision.recent import RecentDecisions
from core.domain.candles import SeriesKey, Timeframe
from core.domain.facts import OrderState
from core.domain.freshness import Moment
from core.domain.market import QuoteChanged, StreamInterrupted
from core.domain.status import DecisionLine
from core.market.candle_store import CandleStore
from core.market.feeds import FeedHealth
from core.market.picture import MarketPicture
from core.market.quotes import Quotes
from core.portfolio.portfolio import Portfolio
from core.ports.venue import StreamSubscriptions
from core.production_coordinator import CoordinatorStatistics
from core.risk.account import Account
from core.risk.gate import RiskGate
from core.risk.levels import RiskLevel
from core.runtime.breaker import BreakerPolicy, Breakers
from core.runtime.clocks import SystemMonotonicClock, WallClock
from core.runtime.histogram import LatencySummary
from core.runtime.systemd import ServiceNotifier
from core.runtime.watchdog import Watchdog
from core.settings.compute import ComputeSettings
from core.settings.risk import RiskSettings
from tests.waiting import eventually
from unit.execution.making import BTC, ETH, INSTRUMENTS
from unit.execution.rig import Rig, entry, exit_, rig_on

KEYS = (SeriesKey(BTC, Timeframe.M1), SeriesKey(ETH, Timeframe.M1), SeriesKey(ETH, Timeframe.H1))


class Cycles:
    """Stands for the coordinator."""

    def statistics(self) -> CoordinatorStatistics:
        return CoordinatorStatistics(
            cycles=7,
            running=1,
            late=2,
            missed=3,
            abandoned_tasks=4,
            decision_ms=LatencySummary(count=1, p50=1.0, p99=2.0, max=3.0),
            order_ms=LatencySummary(),
        )


@dataclass
class House:
    view: LiveView
    phase: Phase
    account: Account
    market: MarketPicture
    decisions: RecentDecisions
    breakers: Breakers
    monotonic: SystemMonotonicClock

    def quote(self, bid: float, ask: float) -> None:
        now_ns = self.monotonic.now_ns()
        self.market.apply(QuoteChanged(BTC, bid, 1.0, ask, 1.0, now_ns, None, now_ns))

    def decide(self, symbol: str, close_ms: int, reason: str) -> None:
        self.decisions.record(DecisionLine(f"x|{symbol}|{close_ms}", symbol, "x", close_ms, "NO_TRADE", reason))


def house(rig: Rig | None = None) -> House:
    monotonic = SystemMonotonicClock()
    phase = Phase()
    view = LiveView(
        Identity("paper", "sim", monotonic.now_ns()),
        phase,
        computer=AsyncFeatureComputer(ComputeSettings(), monotonic=monotonic),
        lag=LagMonitor(monotonic),
        watchdog=Watchdog(monotonic, ServiceNotifier({}), loop_limit_s=5.0),
        trading_clock=WallClock(),
        monotonic_clock=monotonic,
        skew_ms=lambda: 1.5,
    )
    subscriptions = StreamSubscriptions(candles=KEYS, quotes=(BTC, ETH))
    market = MarketPicture(CandleStore(KEYS), Quotes(), FeedHealth(subscriptions, WallClock()))
    portfolio = Portfolio("USDT", INSTRUMENTS)
    portfolio.deposit("USDT", Decimal(10_000))
    account = Account(
        portfolio,
        RiskGate(RiskSettings()),
        "USDT",
        price=lambda symbol: None if (price := market.price(symbol)) is None else Decimal(repr(price)),
        instruments=lambda: INSTRUMENTS,
        monotonic=monotonic,
    )
    decisions, breakers = RecentDecisions(), Breakers(BreakerPolicy(failures_to_open=1), monotonic)
    made = House(view, phase, account, market, decisions, breakers, monotonic)
    if rig is not None:
        coordinator: Any = Cycles()
        view.attach(Parts(market, account, coordinator, rig.executor, decisions, breakers, KEYS))
    return made


@asynccontextmanager
async def trading(folder: Path) -> AsyncIterator[tuple[House, Rig]]:
    """A house whose account has followed everything that the rig's executor said when `settle` was awaited."""
    async with rig_on(folder) as rig:
        made = house(rig)
        made.phase.state, made.phase.note = "trading", ""
        made.account.assume_balances(Moment(0, made.monotonic.now_ns(), 1.0))
        yield made, rig


async def follow(made: House, rig: Rig) -> None:
    """Everything that has been said until execution has nothing to do any more."""
    await rig.idle()
    for fact in rig.facts:
        made.account.on_fact(fact)
    rig.facts.clear()


async def test_before_anything_is_known_there_is_a_picture_all_the_same() -> None:
    status = house().view.status()
    assert (status.version, status.mode, status.venue, status.state) == (__version__, "paper", "sim", "starting")
    assert (status.cycles, status.equity, status.symbols, status.positions) == (0, None, (), ())
    assert status.clock_skew_ms == 1.5
    assert status.rss_mb > 1
    assert house().view.orders() == house().view.decisions(None, 5) == ()
    assert msgspec.json.decode(msgspec.json.encode(status))["risk_level"] == "NORMAL"


async def test_a_position_is_shown_with_its_stop_its_price_and_its_profit(tmp_path: Path) -> None:
    async with trading(tmp_path) as (made, rig):
        made.quote(99.99, 100.01)
        order = rig.submit(entry("2", stop="90"))
        await rig.until(order, OrderState.FILLED)
        await eventually(lambda: rig.executor.statistics().working == 1)
        await follow(made, rig)
        made.quote(109.0, 111.0)
        await eventually(lambda: made.account.valuation().exposures[BTC] > 200)
        status = made.view.status()
        (position,) = status.positions
        assert position.symbol == BTC
        assert (position.quantity, position.average_price, position.stop_price) == ("1.998", "100", "90")
        assert position.mark_price == 110.0
        assert not position.is_dust
        assert position.unrealised_profit == f"{(Decimal(110) - 100) * Decimal('1.998'):.2f}"
        assert (status.orders, status.fills, status.unknown_orders) == (2, 1, 0)
        equity = 10_000 - 200 + Decimal("1.998") * 110
        assert (status.equity, status.currency) == (f"{equity:.2f}", "USDT")
        assert status.profit == f"{equity - 10_000:.2f}"
        assert [line.purpose for line in status.recent_orders] == ["protect", "entry"]
        stop, first = made.view.orders()
        assert (first.state, first.filled_quantity, first.average_price) == ("filled", "2", "100")
        assert (stop.stop_price, stop.price, stop.state) == ("90", None, "accepted")

        rig.submit(exit_("1.998"))
        await eventually(lambda: len(rig.fills()) == 1 and not rig.executor.statistics().working)
        await follow(made, rig)
        status = made.view.status()
        assert status.positions == ()
        assert status.unrealised_profit == "0.00"
        assert len(status.recent_orders) == 3


async def test_a_market_that_went_away_is_said_in_words(tmp_path: Path) -> None:
    async with trading(tmp_path) as (made, _):
        assert made.view.status().note == ""
        made.market.apply(StreamInterrupted((BTC,), "CONNECTION_CLOSED code=1006", made.monotonic.now_ns()))
        made.market.check(made.monotonic.now_ns())
        assert made.view.status().note == "the market of 1 of 2 symbols is not live: interrupted 1"


async def test_nobody_is_told_what_an_account_is_worth_before_the_venue_has_said_what_it_holds(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        made = house(rig)
        assert made.view.status().equity is None
        made.account.assume_balances(Moment(0, made.monotonic.now_ns(), 1.0))
        assert made.view.status().equity == "10000.00"


async def test_what_is_too_little_to_be_sold_is_shown_as_dust(tmp_path: Path) -> None:
    async with trading(tmp_path) as (made, rig):
        made.quote(99.0, 101.0)
        await rig.until(rig.submit(entry("2")), OrderState.FILLED)
        await rig.until(rig.submit(exit_("1.99")), OrderState.FILLED)
        await follow(made, rig)
        (position,) = made.view.status().positions
        assert (position.quantity, position.is_dust) == ("0.008", True)


async def test_symbols_are_shown_once_each_with_what_was_decided_last(tmp_path: Path) -> None:
    async with trading(tmp_path) as (made, _):
        made.quote(99.0, 101.0)
        made.decide(BTC, 60_000, "SIGNAL_FLAT strategy=x")
        made.decide(BTC, 120_000, "SIGNAL_HOLD strategy=x")
        made.breakers.failed(ETH, "STRATEGY_FAILED")
        made.market.apply(StreamInterrupted((ETH,), "CONNECTION_CLOSED", made.monotonic.now_ns()))
        made.market.check(made.monotonic.now_ns())
        status = made.view.status()
        btc, eth = status.symbols
        assert (btc.symbol, btc.last_price, btc.breaker, btc.cycles) == (BTC, 100.0, "closed", 2)
        assert (btc.last_decision, btc.last_outcome, btc.last_decided_ms) == (
            "SIGNAL_HOLD strategy=x",
            "NO_TRADE",
            120_000,
        )
        assert (eth.symbol, eth.last_price, eth.quote_age_s, eth.feed, eth.breaker) == (
            ETH,
            None,
            None,
            "interrupted",
            "open",
        )
        assert status.breakers == {ETH: "open"}
        assert status.decisions == {"SIGNAL_FLAT": 1, "SIGNAL_HOLD": 1}
        assert [line.close_ms for line in made.view.decisions(BTC, 1)] == [120_000]
        assert (status.cycles, status.abandoned_tasks, status.feed_reconnects) == (7, 4, 1)
        assert (status.decision_ms.p99, status.order_ms.p99) == (2.0, None)


async def test_a_halt_is_shown_with_its_reason(tmp_path: Path) -> None:
    async with trading(tmp_path) as (made, _):
        made.account.gate.set_level(RiskLevel.NO_ENTRY, "SIGUSR1")
        status = made.view.status()
        assert (status.risk_level, status.risk_reason) == ("NO_ENTRY", "SIGUSR1")


async def test_only_the_newest_orders_are_put_into_words(tmp_path: Path) -> None:
    async with trading(tmp_path) as (made, rig):
        for number in range(12):
            await rig.until(rig.submit(entry("0.1", intent=f"in-{number}")), OrderState.FILLED)
        assert len(made.view.status().recent_orders) == 8
        listed = made.view.orders()
        assert len(listed) == 12
        assert [line.created_ms for line in listed] == sorted((line.created_ms for line in listed), reverse=True)
