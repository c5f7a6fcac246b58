"""Models in the daemon: the watch that its strategies need, begun before the first decision."""

from collections.abc import Sequence

import structlog

from core.compute.computer import AsyncFeatureComputer
from core.domain.errors import MetronomeError
from core.models.serving.shelf import WarmUp
from core.models.serving.watch import ModelWatch
from core.ports.clock import TradingClock
from core.runtime.clocks import NS_PER_MS
from core.runtime.scheduler import Scheduler
from core.settings.tree import Settings
from core.strategies.plans import StrategyPlan

log = structlog.get_logger()

_LOOK_TIMEOUT_S = 60.0


def watch_for(
    strategies: Sequence[StrategyPlan], settings: Settings, computer: AsyncFeatureComputer, clock: TradingClock
) -> ModelWatch | None:
    """`None`: no strategy asks models."""
    asking = [each for each in strategies if each.description.asks_models]
    if not asking:
        return None
    return ModelWatch(
        settings.storage.data_dir / "models",
        settings.venue.name,
        computer,
        lambda: clock.now_ns() // NS_PER_MS,
        candle_ms=min(each.description.timeframe.ms for each in asking),
        bounds=WarmUp(
            symbols=max(len(each.spec.symbols) for each in asking),
            window=min(each.description.window for each in asking),
            limit_ms=settings.models.batch_limit_ms,
        ),
        workers=settings.compute.workers,
    )


async def begin_watch(watch: ModelWatch, scheduler: Scheduler, every_s: float) -> None:
    """Have what is live ready before the first decision, then look again about each `every_s` real seconds. Where the
    registry can't be read now, the daemon begins without, and each decision says so."""
    try:
        await watch.look(at_once=True)
    except MetronomeError as error:
        log.error("models_unknown", reason=str(error))
    scheduler.every("models", every_s, watch.look, jitter_s=every_s / 2, timeout_s=_LOOK_TIMEOUT_S)
