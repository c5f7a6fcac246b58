"""Tables of symbols, positions, orders and decisions: pure, frozen lines in, a rich table out."""

from collections.abc import Iterable, Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from core.cli import wording
from core.domain.status import DecisionLine, OrderStatusLine, PlanStatusLine, PositionStatus, SymbolStatus

WIDE = 110
"""Columns from which on the tables show everything."""
_VERY_WIDE = 140

_FEED_STYLE = {"live": "green", "rest": "yellow", "starting": "dim"}
OUTCOME_STYLE = {"TRADE": "bold green", "REFUSED": "yellow", "FAILED": "bold red", "NO_TRADE": "dim"}
_STATE_STYLE = {"filled": "green", "rejected": "red", "unknown": "bold red", "absent": "yellow"}
_SIGN_STYLE = {1: "green", 0: "", -1: "red"}


def symbols_table(symbols: Sequence[SymbolStatus], positions: Sequence[PositionStatus], width: int) -> Table:
    held = {position.symbol: position for position in positions}
    table = _table()
    for name in ("symbol", "price"):
        table.add_column(name, justify="right" if name == "price" else "left", no_wrap=True)
    table.add_column("ages" if width < WIDE else "quote/candle age", justify="right", no_wrap=True)
    table.add_column("feed", no_wrap=True)
    table.add_column("last decision", ratio=1, no_wrap=True, overflow="ellipsis")
    table.add_column("position", justify="right", no_wrap=True)
    table.add_column("profit", justify="right", no_wrap=True)
    for each in symbols:
        position = held.get(each.symbol)
        table.add_row(
            each.symbol,
            wording.price(each.last_price),
            f"{wording.age(each.quote_age_s)}/{wording.age(each.candle_age_s)}",
            _feed(each),
            _decision(each, width),
            _held(position),
            _profit(position.unrealised_profit) if position and not position.is_dust else Text(wording.NOTHING),
        )
    return table


def positions_table(positions: Iterable[PositionStatus]) -> Table:
    shown = list(positions)
    are_derivatives = any(each.funding is not None for each in shown)
    table = _table(
        *("symbol", "quantity", "average", "mark", "unrealised", "realised"),
        *(("funding", "liquidation") if are_derivatives else ()),
        "target",
        "stop",
    )
    for each in shown:
        table.add_row(
            each.symbol,
            wording.quantity(each.quantity),
            wording.exact_price(each.average_price),
            wording.price(each.mark_price),
            _profit(each.unrealised_profit),
            _profit(each.realised_profit),
            *((_profit(each.funding), wording.exact_price(each.liquidation_price)) if are_derivatives else ()),
            wording.exact_price(each.target_price),
            "dust: too little to sell" if each.is_dust else wording.exact_price(each.stop_price),
            style="dim" if each.is_dust else None,
        )
    return table


def orders_table(orders: Iterable[OrderStatusLine], width: int) -> Table:
    """What changed last comes first, as the times beside it say."""
    table = _table("time", "symbol", "side", "type", "filled", "price", "state")
    table.add_column("why", ratio=1, no_wrap=True, overflow="ellipsis")
    if width >= _VERY_WIDE:
        table.add_column("client order id", no_wrap=True)
    for each in sorted(orders, key=lambda order: -order.changed_ms):
        shown_price = each.average_price or each.price or each.stop_price
        table.add_row(
            wording.clock(each.changed_ms),
            each.symbol,
            Text(each.side, style="green" if each.side == "buy" else "red"),
            each.order_type,
            _filled(each),
            wording.exact_price(shown_price),
            Text(each.state, style=_STATE_STYLE.get(each.state, "")),
            Text(wording.one_line(f"{each.purpose}: {each.reason}" if each.reason else each.purpose)),
            *([each.client_order_id] if width >= _VERY_WIDE else []),
        )
    return table


def plans_table(plans: Iterable[PlanStatusLine]) -> Table:
    table = _table("plan", "symbol", "side", "style", "filled", "slices", "until", "state")
    table.add_column("note", ratio=1, no_wrap=True, overflow="ellipsis")
    for each in plans:
        table.add_row(
            each.plan_id,
            each.symbol,
            Text(each.side, style="green" if each.side == "buy" else "red"),
            each.style,
            f"{wording.quantity(each.filled_quantity)}/{wording.quantity(each.quantity)}",
            f"{each.sent}/{each.slices}",
            wording.NOTHING if each.until_ms is None else wording.clock(each.until_ms),
            each.state,
            Text(wording.one_line(each.note)),
        )
    return table


def decisions_table(decisions: Iterable[DecisionLine], width: int) -> Table:
    table = _table("candle close", "strategy", "outcome")
    table.add_column("why", ratio=1, overflow="fold")
    if width >= WIDE:
        table.add_column("inputs", ratio=1, overflow="fold", style="dim")
    for each in decisions:
        table.add_row(
            wording.date_and_clock(each.close_ms),
            Text(wording.one_line(each.strategy)),
            Text(each.outcome, style=OUTCOME_STYLE.get(each.outcome, "")),
            Text(wording.one_line(each.sentence or each.reason)),
            *([Text(wording.one_line(_inputs(each)))] if width >= WIDE else []),
        )
    return table


def _inputs(decision: DecisionLine) -> str:
    return " ".join(f"{key}={value}" for key, value in decision.inputs.items())


def _filled(order: OrderStatusLine) -> str:
    filled, wanted = wording.quantity(order.filled_quantity), wording.quantity(order.quantity)
    return filled if filled == wanted else f"{filled}/{wanted}"


def _table(*columns: str) -> Table:
    table = Table(
        box=box.SIMPLE_HEAD, expand=True, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold"
    )
    for name in columns:
        table.add_column(name, no_wrap=True)
    return table


def _feed(symbol: SymbolStatus) -> Text:
    if symbol.breaker != "closed":
        return Text(symbol.breaker.replace("_", "-"), style="bold red")
    return Text(symbol.feed, style=_FEED_STYLE.get(symbol.feed, "bold red"))


def _held(position: PositionStatus | None) -> Text:
    if position is None:
        return Text(wording.NOTHING)
    return Text("dust", style="dim") if position.is_dust else Text(wording.quantity(position.quantity))


def _decision(symbol: SymbolStatus, width: int) -> Text:
    """On a narrow terminal the outcome's colour stands for its word."""
    style = OUTCOME_STYLE.get(symbol.last_outcome, "")
    words = symbol.last_decision or "waiting for a candle to close"
    shown = f"{symbol.last_outcome} {words}" if width >= WIDE and symbol.last_outcome else words
    return Text(wording.one_line(shown), style=style)


def _profit(text: str | None) -> Text:
    return Text(wording.money(text, signed=True), style=_SIGN_STYLE[wording.sign(text)])
