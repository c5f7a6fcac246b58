"""`orders place` and `orders cancel`: orders by hand."""

import re
import sys
import uuid
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.cli.halt import operator
from core.cli.options import AsJson, ConfigFiles, settings_of
from core.domain.errors import MetronomeError, SettingsError

if TYPE_CHECKING:
    from core.domain.orders import OrderType, Side, TimeInForce
    from core.domain.status import OrderStatusLine, PlanStatusLine
    from core.domain.tickets import PlaceOrder
    from core.settings.tree import Settings

_TIMEOUT_S = 60.0
"""Longer than the daemon itself waits for the venue."""
_SPAN = re.compile(r"(\d+(?:\.\d+)?)(s|m|h|d)")
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_TYPES = {"stop": "stop_loss", "stop_limit": "stop_loss_limit", "post_only": "limit_maker"}
_FAILED = ("rejected", "absent")

Reason = Annotated[str, typer.Option("--reason", "-r", metavar="TEXT", help="Why; journalled with the order.")]


class NotPlaced(MetronomeError):
    """The venue refused it; its words were said."""


def place(
    symbol: Annotated[str, typer.Argument(metavar="SYMBOL", help="One that the daemon trades, e.g. BTC/USDT.")],
    side: Annotated[str, typer.Argument(metavar="buy|sell")],
    quantity: Annotated[str, typer.Argument(metavar="QUANTITY", help="In base (spot) or contracts.")],
    reason: Reason,
    kind: Annotated[
        str | None,
        typer.Option(
            "--type",
            metavar="TYPE",
            help="market, limit, stop-loss, stop-limit, take-profit, take-profit-limit. None: limit where there is a "
            "--price, else market.",
        ),
    ] = None,
    price: Annotated[str | None, typer.Option(metavar="PRICE", help="The limit.")] = None,
    stop_price: Annotated[str | None, typer.Option(metavar="PRICE", help="What triggers a stop or target.")] = None,
    tif: Annotated[str | None, typer.Option(metavar="GTC|IOC|FOK|GTD", help="None: GTD with --until.")] = None,
    until: Annotated[
        str | None,
        typer.Option(
            metavar="WHEN", help="What has not filled by then is over: a span (90s, 30m, 2h, 1d) or a time (UTC)."
        ),
    ] = None,
    post_only: Annotated[bool, typer.Option("--post-only", help="Refused where it would trade at once.")] = False,
    reduce_only: Annotated[bool, typer.Option("--reduce-only", help="Refused where it would not close.")] = False,
    visible: Annotated[str | None, typer.Option(metavar="QUANTITY", help="An iceberg: what the book shows.")] = None,
    trail_bps: Annotated[int | None, typer.Option(metavar="BPS", help="A stop-loss that follows the market.")] = None,
    twap: Annotated[
        str | None,
        typer.Option(metavar="SPAN", help="A plan: equal slices over so long (90s, 30m, 2h), market time."),
    ] = None,
    slices: Annotated[
        int | None, typer.Option(metavar="N", help="Of a --twap. None: 20, or one a second where that is fewer.")
    ] = None,
    protect_stop: Annotated[str | None, typer.Option(metavar="PRICE", help="The stop of what it opens.")] = None,
    protect_target: Annotated[str | None, typer.Option(metavar="PRICE", help="The target of what it opens.")] = None,
    ticket: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Your own name for it: said again, it never makes a second order."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    config: ConfigFiles = None,
    as_json: AsJson = False,
) -> None:
    """Order by hand: through the running daemon's risk gate, journal and executor, as every order."""
    from core.cli.client import DaemonClient
    from core.cli.output import print_json
    from core.domain.tickets import PlaceOrder, TicketAnswer

    order_type = _order_type(kind, has_price=price is not None)
    command = PlaceOrder(
        ticket_id=ticket or f"cli-{uuid.uuid4()}",
        symbol=symbol,
        side=_side(side),
        quantity=_amount("quantity", quantity),
        order_type=order_type,
        reason=reason,
        by=operator(),
        price=_maybe("--price", price),
        stop_price=_maybe("--stop-price", stop_price),
        time_in_force=_time_in_force(tif),
        post_only=post_only,
        reduce_only=reduce_only,
        visible_quantity=_maybe("--visible", visible),
        trailing_bps=trail_bps,
        protect_stop=_maybe("--protect-stop", protect_stop),
        protect_target=_maybe("--protect-target", protect_target),
        twap_s=None if twap is None else _span_s("--twap", twap),
        slices=slices,
        **_date(until),
    )
    command.check()
    settings = settings_of(config).settings
    if not yes:
        _confirm(settings, command)
    client = DaemonClient(settings, timeout_s=_TIMEOUT_S)
    answer = client.post("/api/v1/orders", command, TicketAnswer)
    if as_json:
        print_json(answer)
    else:
        again = " (the ticket was carried out before)" if answer.is_repeated else ""
        typer.echo((_plan_in_words(answer.plan) if answer.order is None else _in_words(answer.order)) + again)
        for note in answer.notes:
            typer.echo(note)
    if answer.order is not None and answer.order.state in _FAILED:
        raise NotPlaced(f"{answer.order.client_order_id} is {answer.order.state}: {answer.order.reason}")


def cancel(
    client_order_id: Annotated[str, typer.Argument(metavar="CLIENT_ORDER_ID", help="As `orders` shows it.")],
    reason: Reason,
    config: ConfigFiles = None,
    as_json: AsJson = False,
) -> None:
    """Cancel an order of the bot that is at work; says what became of it."""
    from urllib.parse import quote

    from core.cli.client import DaemonClient
    from core.cli.output import print_json
    from core.domain.status import OrderStatusLine

    client = DaemonClient(settings_of(config).settings, timeout_s=_TIMEOUT_S)
    address = f"/api/v1/orders/{quote(client_order_id, safe='')}/cancel"
    line = client.post(address, {"reason": reason, "by": operator()}, OrderStatusLine)
    if as_json:
        print_json(line)
    else:
        typer.echo(_in_words(line))


def _confirm(settings: "Settings", ticket: "PlaceOrder") -> None:
    """Raises `SettingsError` where nobody can be asked."""
    at = f" at {ticket.price:f}" if ticket.price is not None else ""
    when = f" once the market is at {ticket.stop_price:f}" if ticket.stop_price is not None else ""
    how = f" in slices over {ticket.twap_s:g} s" if ticket.twap_s is not None else ""
    what = f"{ticket.side} {ticket.quantity:f} {ticket.symbol} ({ticket.order_type}){at}{when}{how}"
    where = f"{settings.trading.mode} on {settings.venue.name}"
    if not sys.stdin.isatty():
        raise SettingsError(f"{what} ({where}): say --yes where nobody can be asked.")
    typer.confirm(f"{what} ({where})?", abort=True)


def _plan_in_words(plan: "PlanStatusLine | None") -> str:
    if plan is None:
        return "the daemon has said nothing of it; see `live_bot.py orders` and `live_bot.py plans`"
    filled = f"{plan.filled_quantity} of {plan.quantity} filled"
    return f"the plan {plan.plan_id} is {plan.state}, {filled}: {plan.note} (`live_bot.py plans` shows how far it is)"


def _in_words(order: "OrderStatusLine") -> str:
    filled = f", {order.filled_quantity} of {order.quantity} filled" if order.filled_quantity != "0" else ""
    average = f" at {order.average_price}" if order.average_price else ""
    return f"{order.client_order_id} is {order.state}{filled}{average}: {order.reason}"


def _order_type(word: str | None, *, has_price: bool) -> "OrderType":
    from core.domain.orders import OrderType

    if word is None:
        return OrderType.LIMIT if has_price else OrderType.MARKET
    plain = word.lower().replace("-", "_")
    try:
        return OrderType(_TYPES.get(plain, plain))
    except ValueError:
        known = ", ".join(each.value.replace("_", "-") for each in OrderType)
        raise SettingsError(f"--type: no orders are called {word!r}; there are {known}") from None


def _side(word: str) -> "Side":
    from core.domain.orders import Side

    try:
        return Side(word.lower())
    except ValueError:
        raise SettingsError(f"side: buy or sell, not {word!r}") from None


def _time_in_force(word: str | None) -> "TimeInForce | None":
    from core.domain.orders import TimeInForce

    try:
        return None if word is None else TimeInForce(word.upper())
    except ValueError:
        raise SettingsError(f"--tif: GTC, IOC, FOK or GTD, not {word!r}") from None


def _maybe(name: str, text: str | None) -> Decimal | None:
    return None if text is None else _amount(name, text)


def _amount(name: str, text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise SettingsError(f"{name}: {text!r} is no number") from None


def _span_s(name: str, text: str) -> float:
    span = _SPAN.fullmatch(text)
    if span is None:
        raise SettingsError(f"{name}: {text!r} is no span of time (90s, 30m, 2h, 1d)")
    return float(span[1]) * _SECONDS[span[2]]


def _date(text: str | None) -> dict[str, Any]:
    """A span is counted by the daemon, in the venue's time."""
    if text is None:
        return {}
    if _SPAN.fullmatch(text):
        return {"good_for_s": _span_s("--until", text)}
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise SettingsError(
            f"--until: {text!r} is neither a span (90s, 30m, 2h, 1d) nor a time (2026-11-30T18:00)"
        ) from None
    moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return {"until_ms": int(moment.timestamp() * 1_000)}
