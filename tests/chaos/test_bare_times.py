"""When a position stood without its stop, from ledgers made by hand."""

from decimal import Decimal
from typing import Any

from tests.chaos.bare_times import Rules, Spell, spells

RULES = {"BTCUSDT": Rules(Decimal("0.00001"), Decimal(5))}


def fill(at_ms: int, quantity: str, *, buyer: bool = True, order: int = 1, who: str = "mtn-a") -> dict[str, Any]:
    fee = {"commission": "0", "commissionAsset": "USDT"}
    return {
        "clientOrderId": who, "symbol": "BTCUSDT", "qty": quantity, "price": "100", "isBuyer": buyer, "time": at_ms,
        "orderId": order, **fee,
    }  # fmt: skip


def stop(from_ms: int, quantity: str, until_ms: int | None = None) -> dict[str, Any]:
    status, updated_ms = ("NEW", from_ms) if until_ms is None else ("CANCELED", until_ms)
    return {
        "clientOrderId": "mtn-s", "symbol": "BTCUSDT", "type": "STOP_LOSS", "origQty": quantity, "time": from_ms,
        "updateTime": updated_ms, "status": status,
    }  # fmt: skip


def told(*fills: dict[str, Any], stops: tuple[dict[str, Any], ...] = ()) -> list[Spell]:
    return spells({"fills": list(fills), "orders": list(stops)}, RULES, "mtn-")


def test_bare_from_the_purchase_to_the_stop() -> None:
    assert told(fill(10, "1"), stops=(stop(25, "1"),)) == [Spell("BTCUSDT", 10, 25, Decimal(1))]


def test_bare_for_ever_without_a_stop_and_after_its_end() -> None:
    assert told(fill(10, "1")) == [Spell("BTCUSDT", 10, None, Decimal(1))]
    found = told(fill(10, "1"), stops=(stop(10, "1", until_ms=30),))
    assert found == [Spell("BTCUSDT", 30, None, Decimal(1))]


def test_a_stop_that_ends_as_the_position_does_leaves_nothing_bare() -> None:
    assert told(fill(10, "1"), fill(40, "1", buyer=False, order=2), stops=(stop(10, "1", until_ms=40),)) == []


def test_a_stop_for_a_part_leaves_the_rest_bare() -> None:
    found = told(fill(10, "1"), fill(20, "1", order=2), stops=(stop(10, "1"), stop(50, "1")))
    assert found == [Spell("BTCUSDT", 20, 50, Decimal(1))]


def test_what_the_venue_would_not_protect_is_no_position_and_other_hands_are_none_of_ours() -> None:
    assert told(fill(10, "0.09"), fill(10, "5", who="by-hand")) == []
    assert told(fill(10, "0.2"))[0].from_ms == 10


def test_rests_of_many_purchases_are_tolerated_until_all_is_sold() -> None:
    rests = [fill(n, "0.09", order=n) for n in range(1, 6)]
    assert told(*rests) == []
    sold = fill(10, "0.45", buyer=False, order=9)
    assert told(*rests, sold, fill(20, "0.45", order=10)) == [Spell("BTCUSDT", 20, None, Decimal("0.45"))]
