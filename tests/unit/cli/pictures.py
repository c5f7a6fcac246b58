"""A frozen picture of a daemon with some of everything in it."""

from dataclasses import replace
from typing import Any

from core.domain.status import (
    DaemonStatus,
    DecisionLine,
    LagMs,
    OrderStatusLine,
    PositionStatus,
    SymbolStatus,
)

NOW_MS = 1_794_000_000_000


def symbol(name: str, **changes: Any) -> SymbolStatus:
    line = SymbolStatus(
        symbol=name,
        last_price=67_123.45,
        quote_age_s=0.1,
        candle_age_s=1.4,
        feed="live",
        last_decision="HOLD strategy=ema_cross fast=67100.1 slow=67000.2",
        last_outcome="NO_TRADE",
        last_decided_ms=NOW_MS,
        breaker="closed",
        cycles=34,
    )
    return replace(line, **changes)


def position(name: str, **changes: Any) -> PositionStatus:
    line = PositionStatus(
        symbol=name,
        quantity="0.29800",
        average_price="67000.10",
        mark_price=67_123.45,
        unrealised_profit="36.756",
        realised_profit="-12.5",
        stop_price="66000.00",
    )
    return replace(line, **changes)


def order(name: str, **changes: Any) -> OrderStatusLine:
    line = OrderStatusLine(
        client_order_id="m-3f9a2c-1",
        venue_order_id="812",
        symbol=name,
        side="buy",
        order_type="limit",
        quantity="0.29800",
        filled_quantity="0.29800",
        price="67010.00",
        stop_price=None,
        average_price="67000.10",
        state="filled",
        purpose="entry",
        reason="ema_cross: fast above slow",
        created_ms=NOW_MS,
        changed_ms=NOW_MS + 40,
    )
    return replace(line, **changes)


def decision(name: str, **changes: Any) -> DecisionLine:
    line = DecisionLine(
        cycle=f"ema_cross|{name}|1m|{NOW_MS}",
        symbol=name,
        strategy="ema_cross",
        close_ms=NOW_MS,
        outcome="NO_TRADE",
        reason="HOLD fast=67100.1 slow=67000.2",
        inputs={"quote_age_s": "0.1", "candle_age_s": "0.4"},
        timings_ms={"total": 12.5},
    )
    return replace(line, **changes)


def picture(**changes: Any) -> DaemonStatus:
    status = DaemonStatus(
        version="0.1.0",
        mode="paper",
        venue="sim",
        state="trading",
        note="",
        risk_level="NORMAL",
        risk_reason="",
        uptime_s=3_725.4,
        trading_time_ms=NOW_MS,
        clock_speed=20.0,
        clock_skew_ms=0.4,
        cycles=340,
        decisions={"HOLD": 320, "TRADE": 20},
        orders=24,
        fills=31,
        equity="100234.5112",
        profit="234.5112",
        realised_profit="197.7552",
        unrealised_profit="36.756",
        fees="41.22",
        currency="USDT",
        unknown_orders=0,
        feed_reconnects=1,
        feed_gaps=0,
        messages=123_456,
        abandoned_threads=0,
        abandoned_tasks=0,
        queue_depth=0,
        loop_lag_ms=LagMs(0.3, 1.2, 8.1),
        decision_ms=LagMs(9.0, 21.5, 40.0),
        order_ms=LagMs(14.0, 35.1, 60.3),
        rss_mb=145.2,
        symbols=(
            symbol("BTC/USDT"),
            symbol("ETH/USDT", last_price=3_456.7, last_outcome="TRADE", last_decision="ENTER_LONG quantity=1.2"),
            symbol("XRP/USDT", last_price=0.51234, feed="mute", quote_age_s=44.0, last_outcome="", last_decision=""),
        ),
        positions=(position("BTC/USDT"),),
        recent_orders=(order("BTC/USDT"), order("ETH/USDT", side="sell", state="unknown", filled_quantity="0")),
    )
    return replace(status, **changes)
