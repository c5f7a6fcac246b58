"""What has happened, as notices. Pure: facts, or two pictures of the daemon, in; notices out."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from core.domain.facts import ExecutionFact, FillBooked, OrderChanged, OrderView
from core.domain.notices import Notice, NoticeLevel
from core.domain.orders import Purpose, Side
from core.domain.reason_words import in_words

_NORMAL = "NORMAL"


@dataclass(frozen=True, slots=True)
class Signs:
    """What is worth a message where it changes."""

    risk_level: str = _NORMAL
    risk_reason: str = ""
    unknown_orders: int = 0
    breakers: Mapping[str, str] = field(default_factory=dict)
    """Why, by the name of each that is not closed."""
    models: Mapping[str, str] = field(default_factory=dict)
    """Version by the name of each that is in use."""
    ledger_failure: str = ""


def done_order(fact: ExecutionFact) -> OrderView | None:
    """The order that is over, with all its fills booked, if it has any; an order may be so by several facts."""
    if not isinstance(fact, FillBooked | OrderChanged) or (order := fact.order) is None:
        return None
    is_done = order.state.is_terminal and not order.unbooked_quantity and order.filled_quantity
    return order if is_done else None


def news_of_order(order: OrderView) -> Notice:
    """Of one that is done: all its fills together."""
    done = "bought" if order.leg.side is Side.BUY else "sold"
    price = "" if order.average_price is None else f" at {_plain(round(order.average_price, 10))}"
    words = "stop or target" if order.purpose is Purpose.PROTECT else f"{order.purpose.value}: {order.reason}"
    title = f"{done} {_plain(order.filled_quantity)} {order.leg.instrument_id}{price}"
    return Notice(NoticeLevel.INFO, title, words)


def news_of_force(fact: ExecutionFact) -> Notice | None:
    """Of a fill that is the venue's own doing to our position."""
    if not isinstance(fact, FillBooked) or not fact.fill.is_forced:
        return None
    fill = fact.fill
    done = "bought" if fill.side is Side.BUY else "sold"
    title = f"the venue {done} {_plain(fill.quantity)} {fill.instrument_id} at {_plain(fill.price)}"
    return Notice(NoticeLevel.CRITICAL, title, "A liquidation, an automatic deleveraging or a settlement.")


def changes(before: Signs, after: Signs) -> Iterator[Notice]:
    if after.risk_level != before.risk_level:
        yield _level(before, after)
    if after.unknown_orders > before.unknown_orders:
        yield Notice(
            NoticeLevel.WARNING,
            f"{after.unknown_orders} orders of unknown outcome",
            "They may or may not have arrived; the venue is asked, and nothing new opens in them until it says.",
        )
    elif before.unknown_orders and not after.unknown_orders:
        yield Notice(NoticeLevel.INFO, "the outcome of all orders is known again")
    for name in sorted(after.breakers.keys() - before.breakers.keys()):
        yield Notice(NoticeLevel.WARNING, f"left alone after failures: {name}", after.breakers[name])
    for name in sorted(before.breakers.keys() - after.breakers.keys()):
        yield Notice(NoticeLevel.INFO, f"works again: {name}")
    for name, version in sorted(after.models.items()):
        if before.models.get(name) != version:
            yield Notice(NoticeLevel.INFO, f"model {name} is now {version}", f"was {before.models.get(name, 'none')}")
    for name in sorted(before.models.keys() - after.models.keys()):
        yield Notice(NoticeLevel.WARNING, f"model {name} is no longer used", f"was {before.models[name]}")
    if bool(after.ledger_failure) != bool(before.ledger_failure):
        words = f"decisions are not recorded: {after.ledger_failure}" if after.ledger_failure else ""
        yield Notice(NoticeLevel.WARNING if words else NoticeLevel.INFO, words or "decisions are recorded again")


def trading_begins(mode: str, venue: str, series: int) -> Notice:
    return Notice(NoticeLevel.INFO, f"trading: {mode} on {venue}, {series} series")


def ended(reason: str, *, has_failed: bool) -> Notice:
    if has_failed:
        return Notice(NoticeLevel.CRITICAL, "the daemon has failed", reason)
    return Notice(NoticeLevel.INFO, f"the daemon stops: {reason}")


def profit_of_the_day(profit: Decimal, equity: Decimal, currency: str, since: str, orders: int) -> Notice:
    """`since`: when the day began, or when this daemon did."""
    return Notice(
        NoticeLevel.INFO,
        f"profit {profit:+,.2f} {currency} since {since}",
        f"equity {equity:,.2f} {currency}, {orders} orders filled",
    )


def _level(before: Signs, after: Signs) -> Notice:
    if after.risk_level == _NORMAL:
        return Notice(NoticeLevel.INFO, "trading again", f"was {before.risk_level}")
    return Notice(NoticeLevel.CRITICAL, f"halted: {after.risk_level}", in_words(after.risk_reason))


def _plain(amount: Decimal) -> str:
    return f"{amount.normalize():f}"
