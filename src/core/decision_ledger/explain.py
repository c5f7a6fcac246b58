"""A decision in sentences. Pure."""

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal, InvalidOperation

from core.domain.reason_words import in_words
from core.domain.status import DecisionLine, OrderOutcome

_OPENING = {"NO_TRADE": "no trade", "REFUSED": "refused by the risk gate", "FAILED": "no decision"}
_BPS = Decimal(10_000)


def explained(line: DecisionLine, orders: Iterable[OrderOutcome] = ()) -> DecisionLine:
    """With its sentence, and with what became of its orders."""
    reference = line.intent.get("reference_price")
    judged = tuple(replace(each, slippage_bps=_slippage_bps(each, reference)) for each in orders)
    line = replace(line, orders=judged)
    return replace(line, sentence=sentence(line))


def sentence(line: DecisionLine) -> str:
    """`no trade: quote 4.2 s old (limit 2 s)`"""
    words = in_words(line.reason)
    if line.outcome != "TRADE":
        return f"{_OPENING.get(line.outcome, line.outcome)}: {words}"
    done = "; ".join(_outcome(each) for each in line.orders)
    return f"{_intent(line.intent)}: {words}" + (f"; {done}" if done else "")


def _intent(intent: dict[str, str]) -> str:
    """`buy 0.01 at most at 67000, stop at 65000`"""
    words = f"{intent.get('side', 'trade')} {intent.get('quantity', '')}".rstrip()
    if "price" in intent:
        words += f" at {intent['price']} or better"
    if "stop_price" in intent:
        words += f", stop at {intent['stop_price']}"
    if "target_price" in intent:
        words += f", target at {intent['target_price']}"
    return words


def _outcome(order: OrderOutcome) -> str:
    words = f"{order.purpose} order {order.state.replace('_', ' ')}"
    if order.average_price is not None:
        words += f": {order.filled_quantity} at {order.average_price}"
        if order.slippage_bps is not None and order.purpose != "protect":
            side = "worse" if order.slippage_bps > 0 else "better"
            words += f", {abs(order.slippage_bps):.3g} bps {side} than decided" if order.slippage_bps else ""
        fees = ", ".join(f"{amount} {asset}" for asset, amount in order.fees.items())
        words += f", fee {fees}" if fees else ""
    elif order.state in ("rejected", "absent", "unknown") and order.reason:
        words += f": {order.reason}"
    return words


def _slippage_bps(order: OrderOutcome, reference: str | None) -> float | None:
    """Of the average price, from what it was decided at."""
    if order.average_price is None or reference is None:
        return None
    try:
        paid, decided = Decimal(order.average_price), Decimal(reference)
    except InvalidOperation:
        return None
    if not decided:
        return None
    worse = paid - decided if order.side == "buy" else decided - paid
    return float(round(worse / decided * _BPS, 4))
