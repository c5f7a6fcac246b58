"""When the kill switch moves by itself: one frozen picture in, alarms out. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from core.domain.reason_codes import ReasonCode, because
from core.domain.reasons import Reason
from core.risk.levels import RiskLevel
from core.settings.risk import AlarmLevel, RiskSettings


@dataclass(frozen=True, slots=True)
class Vitals:
    """What the triggers look at. Everything that is not known raises no alarm."""

    day_loss_pct: float | None = None
    drawdown_pct: float | None = None
    requests: int = 0
    """Order requests that have ended, one way or the other, within the window."""
    failed_requests: int = 0
    """Those of them that were refused, could not be sent, or whose answer was lost."""
    symbols: int = 0
    stale_symbols: int = 0
    """Without a live market for longer than the settings allow."""
    breaks: tuple[str, ...] = ()
    """Differences from the venue's books that nothing explains and nobody has seen, in words."""
    loop_lag_p99_ms: float | None = None
    """Over the last minute."""
    loop_lag_for_s: float = 0.0
    """For how long it has been above its limit."""


@dataclass(frozen=True, slots=True)
class Alarm:
    level: RiskLevel
    reason: Reason


def alarms(vitals: Vitals, settings: RiskSettings) -> tuple[Alarm, ...]:
    """Every limit that is reached now; empty when all is well."""
    return tuple(_alarms(vitals, settings))


def strictest(raised: tuple[Alarm, ...]) -> Alarm | None:
    """The one to act on: the first of the strictest level; `None`: none was raised."""
    worst: Alarm | None = None
    for alarm in raised:
        if worst is None or alarm.level.is_stricter_than(worst.level):
            worst = alarm
    return worst


def _alarms(vitals: Vitals, settings: RiskSettings) -> Iterator[Alarm]:
    limit = settings.max_daily_loss_pct
    if limit is not None and vitals.day_loss_pct is not None and vitals.day_loss_pct >= limit:
        reason = because(ReasonCode.DAILY_LOSS, loss_pct=vitals.day_loss_pct, limit_pct=limit)
        yield _alarm(settings.daily_loss_level, reason)
    limit = settings.max_drawdown_pct
    if limit is not None and vitals.drawdown_pct is not None and vitals.drawdown_pct >= limit:
        reason = because(ReasonCode.DRAWDOWN_LIMIT, drawdown_pct=vitals.drawdown_pct, limit_pct=limit)
        yield _alarm(settings.drawdown_level, reason)
    limit = settings.max_order_errors_pct
    if limit is not None and vitals.failed_requests >= settings.min_order_errors:
        share_pct = vitals.failed_requests / vitals.requests * 100
        if share_pct >= limit:
            reason = because(
                ReasonCode.ORDER_ERRORS,
                failed=vitals.failed_requests,
                of=vitals.requests,
                window_s=settings.order_errors_window_s,
                limit_pct=limit,
            )
            yield _alarm(settings.order_errors_level, reason)
    limit = settings.max_stale_symbols_pct
    if limit is not None and vitals.stale_symbols and vitals.stale_symbols / vitals.symbols * 100 >= limit:
        reason = because(
            ReasonCode.FEEDS_STALE,
            stale=vitals.stale_symbols,
            of=vitals.symbols,
            for_s=settings.stale_feeds_s,
            limit_pct=limit,
        )
        yield _alarm(settings.stale_feeds_level, reason)
    if settings.reconciliation_break_level is not None and vitals.breaks:
        reason = because(ReasonCode.RECONCILIATION_BREAK, what="; ".join(vitals.breaks))
        yield _alarm(settings.reconciliation_break_level, reason)
    limit = settings.max_loop_lag_ms
    lag_ms = vitals.loop_lag_p99_ms
    if limit is not None and lag_ms is not None and lag_ms > limit and vitals.loop_lag_for_s >= settings.loop_lag_s:
        reason = because(ReasonCode.LOOP_LAG, p99_ms=lag_ms, for_s=vitals.loop_lag_for_s, limit_ms=limit)
        yield _alarm(settings.loop_lag_level, reason)


def _alarm(level: AlarmLevel, reason: Reason) -> Alarm:
    return Alarm(RiskLevel(level), reason)
