"""What a strategy says of the newest candles of many symbols: per symbol a signal, or the reason why there is none."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from core.domain.candles import SeriesKey
from core.domain.errors import MetronomeError, StrategyError
from core.domain.instruments import InstrumentId
from core.domain.reason_codes import ReasonCode, because
from core.domain.reasons import Reason
from core.domain.signals import Signal
from core.market.candle_store import CandleStore
from core.strategies.evaluator import StrategyEvaluator
from core.strategies.plans import StrategyPlan
from core.strategies.spec import Evaluation

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class TickerSignal:
    """One strategy's answer for one symbol; exactly one of `signal` and `fault` is `None`."""

    instrument_id: InstrumentId
    close_ms: int | None
    """Close of the candle that was looked at, UTC ms; `None`: there is none."""
    signal: Signal | None
    fault: Reason | None
    evaluation: Evaluation | None = None
    """The whole answer of the worker, with features and analytics; `None` where none came."""


class WatchlistSignals:
    """Belongs to one event loop. Symbols that are asked for together travel in one job; what one of them does to its
    worker costs the others nothing but time."""

    def __init__(self, evaluator: StrategyEvaluator, candles: CandleStore) -> None:
        self._evaluator = evaluator
        self._candles = candles

    async def generate_ticker_signal_async(self, plan: StrategyPlan, instrument_id: InstrumentId) -> TickerSignal:
        """The signal at the newest closed candle. What fails is a value, too: raises nothing but `CancelledError`,
        upon which the others of the job go on."""
        key = SeriesKey(instrument_id, plan.description.timeframe)
        try:
            close_ms = self._newest_close_ms(key)
        except KeyError:
            words = f"no {key.timeframe.value} candles of {instrument_id} are kept"
            return TickerSignal(instrument_id, None, None, because(ReasonCode.CANDLE_MISSING, error=words))
        if close_ms is None:
            reason = because(ReasonCode.WARMUP_MISSING, have=0, need=plan.description.warmup)
            return TickerSignal(instrument_id, None, None, reason)
        return await self._ask(plan, key, close_ms)

    async def generate_signals_for_watchlist_async(
        self, plan: StrategyPlan, watchlist: Sequence[InstrumentId]
    ) -> dict[InstrumentId, TickerSignal]:
        """One answer a symbol, in the order asked; a symbol named twice is asked for once. Never one exception for
        all: as `generate_ticker_signal_async`."""
        symbols = list(dict.fromkeys(watchlist))
        answers = await asyncio.gather(*(self.generate_ticker_signal_async(plan, each) for each in symbols))
        return dict(zip(symbols, answers, strict=True))

    def _newest_close_ms(self, key: SeriesKey) -> int | None:
        opened_ms = self._candles.last_closed_ms(key)
        return None if opened_ms is None else opened_ms + key.timeframe.ms

    async def _ask(self, plan: StrategyPlan, key: SeriesKey, close_ms: int) -> TickerSignal:
        try:
            evaluation = await self._evaluator.evaluate(plan, key, close_ms)
        except StrategyError as error:
            fault = because(ReasonCode.STRATEGY_FAILED, error=error)
        except MetronomeError as error:
            fault = because(ReasonCode.ANALYSIS_FAILED, error=error)
        except Exception as error:  # the boundary of one symbol: a bug costs it this answer, and is shown whole
            log.exception("signal_failed", strategy=plan.name, symbol=key.instrument_id)
            fault = because(ReasonCode.INTERNAL_ERROR, error=f"{type(error).__name__}: {error}")
        else:
            return TickerSignal(key.instrument_id, evaluation.close_ms, evaluation.signal, evaluation.error, evaluation)
        return TickerSignal(key.instrument_id, close_ms, None, fault)
