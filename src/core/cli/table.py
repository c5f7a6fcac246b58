"""The live table: a pure function from the frozen picture of the daemon to something rich can draw."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from core.cli import wording
from core.cli.columns import WIDE, orders_table, symbols_table
from core.domain.status import DaemonStatus, LagMs, SymbolStatus

_MODE_STYLE = {"live": "bold white on red", "paper": "bold black on green", "observe": "bold black on cyan"}
_STATE_STYLE = {"trading": "green", "stopped": "dim"}
_PANEL_LINES = 2
_TABLE_LINES = 2
_MIN_ROWS = 3
_MAX_ORDERS = 6
_BARE_TOLD_S = 1.0
_UNTRAINED = ("BLOCKED_TEMPORARY", "BLOCKED_PERMANENT", "FAILED")
"""Shorter than that a position is without its stop each time one is bought."""


def render(status: DaemonStatus, width: int, height: int | None = None) -> RenderableType:
    """The whole picture, at most `height` lines (`None`: as long as it takes)."""
    header = _header_texts(status, width)
    orders = status.recent_orders[:_MAX_ORDERS]
    room = None
    if height is not None:
        orders = orders[: max(1, height // 4 - 3)]
        room = height - (len(header) + _PANEL_LINES) - _TABLE_LINES - (len(orders) + _TABLE_LINES + 1 if orders else 0)
    shown = _chosen(status, room)
    parts: list[RenderableType] = [_panel(status, header), symbols_table(shown, status.positions, width)]
    if hidden := len(status.symbols) - len(shown):
        words = f"… and {hidden} more symbols; `live_bot.py status` shows all"
        parts.append(Text(words, style="dim", no_wrap=True, overflow="ellipsis"))
    if orders:
        parts += [Text(), orders_table(orders, width)]
    return Group(*parts)


def _chosen(status: DaemonStatus, room: int | None) -> Sequence[SymbolStatus]:
    """All symbols, or, where they do not fit, those with a problem or a position first; in their usual order."""
    symbols = status.symbols
    if room is None or len(symbols) <= room:
        return symbols
    held = {position.symbol for position in status.positions if not position.is_dust}
    urgent = sorted(
        symbols, key=lambda each: (each.feed == "live" and each.breaker == "closed", each.symbol not in held)
    )
    kept = {each.symbol for each in urgent[: max(_MIN_ROWS, room - 1)]}
    return [each for each in symbols if each.symbol in kept]


def _panel(status: DaemonStatus, lines: Sequence[Text]) -> RenderableType:
    grid = Table.grid(expand=True, padding=(0, 1))
    grid.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    for line in lines:
        grid.add_row(line)
    return Panel(grid, title=f"metronome {status.version}", title_align="left", padding=(0, 1), border_style="blue")


def _header_texts(status: DaemonStatus, width: int) -> list[Text]:
    lines = [_state(status), _money(status, width), _work(status, width), _machine(status, width), _reasons(status)]
    if trouble := _trouble(status):
        lines.append(trouble)
    return lines


def _state(status: DaemonStatus) -> Text:
    speed = "" if status.clock_speed == 1 else f" ×{status.clock_speed:g}"
    risk_style = "green" if status.risk_level == "NORMAL" else "bold red"
    return Text.assemble(
        (f" {status.mode.upper()} ", _MODE_STYLE.get(status.mode, "bold")),
        f" on {status.venue}{_orders_go(status)}  ",
        (f"● {status.state}", _STATE_STYLE.get(status.state, "yellow")),
        "  ",
        (status.risk_level, risk_style),
        f"  {wording.date_and_clock(status.trading_time_ms)}",
        (speed, "bold magenta"),
        f"  up {wording.duration(status.uptime_s)}",
    )


def _orders_go(status: DaemonStatus) -> str:
    """Where to, unless that goes without saying."""
    if status.orders_venue in (None, status.venue):
        return ""
    return f", orders to {status.orders_venue}"


def _money(status: DaemonStatus, width: int) -> Text:
    profit = wording.money(status.profit, signed=True)
    parts = (
        f" (open {wording.money(status.unrealised_profit, signed=True)},"
        f" booked {wording.money(status.realised_profit, signed=True)})"
    )
    return Text.assemble(
        "equity ",
        (f"{wording.money(status.equity)} {status.currency}", "bold"),
        "  profit ",
        (profit, {1: "bold green", 0: "", -1: "bold red"}[wording.sign(status.profit)]),
        parts if width >= WIDE else "",
        f"  fees {wording.money(status.fees)}",
        "" if status.funding is None else f"  funding {wording.money(status.funding, signed=True)}",
    )


def _work(status: DaemonStatus, width: int) -> Text:
    text = (
        f"cycles {status.cycles:,}  orders {status.orders:,}  fills {status.fills:,}"
        f"  messages {status.messages:,}  reconnects {status.feed_reconnects}  gaps {status.feed_gaps}"
    )
    if width >= WIDE:
        text += "".join(f"  {each.name} {each.used:,}/{each.limit:,}" for each in status.rate_limits if each.used)
    return Text(text)


def _machine(status: DaemonStatus, width: int) -> Text:
    text = f"loop lag ms {_lag(status.loop_lag_ms)}  rss {status.rss_mb:.0f} MB"
    if width >= WIDE:
        text += f"  close→decision ms {_lag(status.decision_ms)}"
    if width >= 140:
        text += f"  close→order ms {_lag(status.order_ms)}"
    return Text(text)


def _reasons(status: DaemonStatus) -> Text:
    """The most frequent reasons of the decisions so far."""
    counted = sorted(status.decisions.items(), key=lambda item: -item[1])
    return Text("decisions " + (", ".join(f"{code} {count:,}" for code, count in counted) or "none yet"))


def _lag(lag: LagMs) -> str:
    numbers = (wording.milliseconds(value) for value in (lag.p50, lag.p99, lag.max))
    return "p50 {} p99 {} max {}".format(*numbers)


def _halted(status: DaemonStatus) -> str:
    """Why the level is what it is, and since when; empty at NORMAL."""
    if not status.risk_reason or status.risk_since_ms is None:
        return status.risk_reason
    return f"{status.risk_reason} (since {wording.date_and_clock(status.risk_since_ms)})"


def _trouble(status: DaemonStatus) -> Text | None:
    """What is not well, in one line; `None` when all is."""
    parts = [status.note, _halted(status)]
    if status.flattening is not None and status.risk_level == "FLATTEN":
        parts.append(f"left: {', '.join(status.flattening.left)}" if status.flattening.left else "")
        parts.append(status.flattening.note)
    if status.overdue:
        parts.append(f"no progress: {', '.join(status.overdue)}")
    leaks = [f"{each.name} +{each.per_hour:g} an hour" for each in status.resources if each.is_leaking]
    if leaks:
        parts.append(f"leaking: {', '.join(leaks)}")
    if status.unknown_orders:
        parts.append(f"{status.unknown_orders} orders of unknown outcome")
    if status.unprotected_now_s >= _BARE_TOLD_S:
        parts.append(f"a position is without its stop for {status.unprotected_now_s:.0f} s")
    if status.foreign_orders:
        parts.append(f"{status.foreign_orders} open orders of somebody else on this account")
    ledger = status.decision_ledger
    if ledger is not None and ledger.failure:
        parts.append(f"decisions are not recorded ({ledger.dropped:,} lost): {ledger.failure}")
    failing = [each for each in status.couriers if each.failure]
    if failing:
        parts.append(f"messages fail, {sum(each.waiting for each in failing)} wait: {failing[0].failure}")
    untrained = [state for state in _UNTRAINED if status.models.get(state)]
    if untrained:
        words = ", ".join(f"{status.models[state]} {state.lower().replace('_', ' ')}" for state in untrained)
        parts.append(f"models: {words}")
    broken = [f"{name} {state.replace('_', '-')}" for name, state in status.breakers.items() if state != "closed"]
    if broken:
        parts.append(f"breakers: {', '.join(broken)}")
    words = wording.one_line(" · ".join(part for part in parts if part))
    return Text(f"! {words}", style="yellow") if words else None
