"""Describing and evaluating strategies, once in a worker process. Loaded ones are kept per spec."""

import time
from collections.abc import Callable, Sequence

from core.domain.candles import CandleWindow, Timeframe
from core.domain.instruments import InstrumentId
from core.domain.reason_codes import ReasonCode, because
from core.domain.reasons import Reason
from core.domain.signals import Signal
from core.features.schema import row_hash
from core.features.validity import check_window
from core.models.serving.in_use import ModelsInUse
from core.strategies.analytics import measure
from core.strategies.base import InvalidAnswer, Strategy
from core.strategies.builtin.model import ModelStrategy
from core.strategies.forecasts import Forecast, forecast
from core.strategies.loading import LoadedStrategy, load
from core.strategies.spec import Analytics, Evaluation, StrategyDescription, StrategySpec
from core.strategies.verdict import check_features, check_signal, invalid, raised

_loaded: dict[str, LoadedStrategy] = {}
"""The worker process's own; a new worker loads anew."""


def describe(spec: StrategySpec) -> StrategyDescription:
    """Load the strategy and say what it needs. Raises `SettingsError` with the place and the cure."""
    return _strategy(spec).description


def evaluate(
    spec: StrategySpec, windows: Sequence[tuple[InstrumentId, CandleWindow]], models: ModelsInUse | None = None
) -> list[Evaluation]:
    """Ask the strategy for each symbol, in order; before that, where it asks models, `models` about all of them in one
    batch. What its code raises or answers wrongly becomes that symbol's `error`, never an exception; only loading
    raises (`SettingsError`)."""
    loaded = _strategy(spec)
    if not loaded.description.asks_models or models is None:
        return [_evaluate(loaded, instrument_id, window) for instrument_id, window in windows]
    forecasts = forecast(models, windows, loaded.description.timeframe)
    return [
        _evaluate(loaded, instrument_id, window, said)
        for (instrument_id, window), said in zip(windows, forecasts, strict=True)
    ]


def _strategy(spec: StrategySpec) -> LoadedStrategy:
    if spec.key not in _loaded:
        _loaded[spec.key] = load(spec)
    return _loaded[spec.key]


def _evaluate(
    loaded: LoadedStrategy, instrument_id: InstrumentId, window: CandleWindow, said: Forecast | Reason | None = None
) -> Evaluation:
    began_ns = time.perf_counter_ns()
    features: dict[str, float] = {}
    analytics: Analytics | None = None
    answer: Signal | Reason | None = _unfit(loaded, window)
    if answer is None:
        analytics = measure(window, loaded.description.timeframe)
        features, answer = ({}, said) if isinstance(said, Reason) else _ask(loaded, window, said)
    model = said if isinstance(said, Forecast) else None
    seen = features if model is None else {**features, **model.features}
    return Evaluation(
        strategy=loaded.description.name,
        instrument_id=instrument_id,
        close_ms=_close_ms(window, loaded.description.timeframe),
        signal=answer if isinstance(answer, Signal) else None,
        error=answer if isinstance(answer, Reason) else None,
        analytics=analytics,
        features=features,
        features_hash=row_hash(seen) if seen else "",
        compute_us=(time.perf_counter_ns() - began_ns) / 1_000,
        model="" if model is None else model.version,
    )


def _unfit(loaded: LoadedStrategy, window: CandleWindow) -> Reason | None:
    if len(window) < loaded.description.warmup:
        return because(ReasonCode.WARMUP_MISSING, have=len(window), need=loaded.description.warmup)
    return check_window(window)


def _ask(
    loaded: LoadedStrategy, window: CandleWindow, said: Forecast | None
) -> tuple[dict[str, float], Signal | Reason]:
    """The boundary around user code: nothing it raises comes out, `SystemExit` included."""
    features: dict[str, float] = {}
    try:
        features, question = _prepared(loaded.strategy, window, said)
        if not loaded.strategy.allow_nan and (fault := check_features(features)) is not None:
            return features, fault
        return features, check_signal(question())
    except InvalidAnswer as error:
        return features, invalid(error.field, error.value, error.must)
    except (Exception, SystemExit) as error:  # user code, which may raise anything: it costs this symbol its answer
        return features, raised(error)


def _prepared(
    strategy: Strategy, window: CandleWindow, said: Forecast | None
) -> tuple[dict[str, float], Callable[[], Signal]]:
    if isinstance(strategy, ModelStrategy):
        if said is None:
            raise InvalidAnswer("models", None, "must be handed over to a strategy that asks them")
        return strategy.prepare_with(window, said)
    return strategy.prepare(window)


def _close_ms(window: CandleWindow, timeframe: Timeframe) -> int:
    return int(window.open_ms[-1]) + timeframe.ms if len(window) else 0
