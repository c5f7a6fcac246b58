"""What a run came to, as one JSON file."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from core.domain.status import DaemonStatus
from core.runtime.durable_files import write_durably


def summarise(status: DaemonStatus, *, pss_tree_mb: float, exit_code: int) -> dict[str, Any]:
    """`decisions` counts reasons by code; money as decimal strings; `pss_tree_mb` counts shared pages once."""
    return {
        "version": status.version,
        "mode": status.mode,
        "venue": status.venue,
        "exit_code": exit_code,
        "runtime_s": round(status.uptime_s, 3),
        "clock_speed": status.clock_speed,
        "cycles": status.cycles,
        "decisions": status.decisions,
        "orders": status.orders,
        "fills": status.fills,
        "unknown_orders": status.unknown_orders,
        "profit": status.profit,
        "equity": status.equity,
        "fees": status.fees,
        "currency": status.currency,
        "loop_lag_ms": asdict(status.loop_lag_ms),
        "decision_ms": asdict(status.decision_ms),
        "order_ms": asdict(status.order_ms),
        "messages": status.messages,
        "feed_reconnects": status.feed_reconnects,
        "feed_gaps": status.feed_gaps,
        "abandoned_threads": status.abandoned_threads,
        "abandoned_tasks": status.abandoned_tasks,
        "rss_mb": round(status.rss_mb, 1),
        "pss_tree_mb": round(pss_tree_mb, 1),
    }


def write_summary(path: Path, summary: dict[str, Any]) -> None:
    """Whole or not at all. Raises `OSError`."""
    write_durably(path, (json.dumps(summary, indent=2) + "\n").encode())
