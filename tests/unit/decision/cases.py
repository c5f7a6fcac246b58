"""Inputs for decisions: a sound entry, to be changed in one respect each."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

from core.decision.cycle import Cycle
from core.decision.decide import decide
from core.decision.decision import Decision
from core.decision.inputs import AgeLimits, DecisionInputs
from core.domain.candles import Timeframe
from core.domain.freshness import Moment, Stamp
from core.domain.positions import Position
from core.domain.reasons import Reason
from core.domain.signals import Direction, Signal
from core.settings.risk import SizingSettings
from core.strategies.spec import Analytics, Evaluation
from tests.unit.instruments import quote, spot

D = Decimal
BTC = spot()
CLOSE_MS = 1_760_000_100_000
NOW = Moment(trading_ns=CLOSE_MS * 1_000_000 + 2_000_000_000, monotonic_ns=50_000_000_000, speed=20.0)
LIMITS = AgeLimits(candle_s=20, quote_s=5, balance_s=60)
SIZING = SizingSettings(method="fixed_fraction", fraction_pct=10, max_fraction_pct=50)
CYCLE = Cycle("ema_cross", BTC.id, Timeframe.M1, CLOSE_MS)

LONG = Signal(Direction.LONG, stop_distance=2.0, reason="fast crossed above slow")
FLAT = Signal(Direction.FLAT, reason="fast below slow")
SHORT = Signal(Direction.SHORT, stop_distance=2.0)
HOLD = Signal(Direction.LONG, hold=True)


def evaluation(signal: Signal | Reason, strategy: str = "ema_cross", volatility: float | None = 0.5) -> Evaluation:
    return Evaluation(
        strategy=strategy,
        instrument_id=BTC.id,
        close_ms=CLOSE_MS,
        signal=signal if isinstance(signal, Signal) else None,
        error=signal if isinstance(signal, Reason) else None,
        analytics=Analytics(last_close=100.0, annualised_volatility=volatility),
        features={"ema_5": 100.5},
        features_hash="abc123",
        compute_us=250.0,
    )


def position(quantity: str = "0") -> Position:
    return Position(BTC.id, D(quantity), D(100) if D(quantity) else None, D(0), D(0), None)


def inputs(*signals: Signal | Reason, held: str = "0", **changes: Any) -> DecisionInputs:
    """One evaluation a signal: of `ema_cross`, then `second`, `third`."""
    names = ("ema_cross", "second", "third")
    sound = DecisionInputs(
        cycle=CYCLE,
        instrument=BTC,
        evaluations=tuple(evaluation(signal, name) for signal, name in zip(signals, names, strict=False)),
        candle=Stamp(CLOSE_MS * 1_000_000, NOW.monotonic_ns - 100_000_000),
        quote=quote("99.99", "100.01", confirmed_ns=NOW.monotonic_ns - 1_000_000_000),
        balance=Stamp(None, NOW.monotonic_ns - 1_000_000_000),
        position=position(held),
        in_flight=D(0),
        equity=D(10_000),
        free_cash=D(10_000),
        strategies=("ema_cross",),
    )
    return replace(sound, **changes)


def decided(case: DecisionInputs, sizing: SizingSettings = SIZING, now: Moment = NOW) -> Decision:
    return decide(case, LIMITS, sizing, now)
