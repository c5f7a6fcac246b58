"""Do the daemon's journal, its own picture and its venue's ledger tell the same story? Read without code of the bot."""

import sqlite3
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

from integration.daemon.bot import SYMBOLS, Bot, Truth

NEVER_ARRIVED = {"absent", "rejected"}
STATES = {"NEW": "accepted", "CANCELED": "cancelled"}


def journal_file(data_dir: Path) -> Path:
    """The one that is in use; older books are kept aside under other names."""
    (file,) = (each for each in (data_dir / "journal").glob("*.sqlite") if each.name.count(".") == 1)
    return file


def rows(data_dir: Path, query: str) -> list[tuple[Any, ...]]:
    with sqlite3.connect(f"file:{journal_file(data_dir)}?mode=ro", uri=True) as database:
        found = database.execute(query).fetchall()
    database.close()
    return found


def assert_books_agree(data_dir: Path, ledger: dict[str, Any]) -> None:
    """Journal and ledger: no order lost, none doubled, every fill booked once."""
    asked = Counter(name for (name,) in rows(data_dir, "SELECT client_order_id FROM requests"))
    assert set(asked.values()) <= {1}
    at_venue = Counter(order["clientOrderId"] for order in ledger["orders"])
    assert set(at_venue.values()) <= {1}, "an order was doubled"
    assert at_venue.keys() <= asked.keys(), "an order that the journal does not know"
    booked = Counter(rows(data_dir, "SELECT instrument_id, trade_id FROM fills WHERE is_ours"))
    filled = Counter((_symbol(fill["symbol"]), str(fill["id"])) for fill in ledger["fills"])
    assert booked == filled


def assert_all_agree(bot: Bot, venue: Truth) -> None:
    """The running daemon's orders, positions and stops too; wait for this while nothing new is traded."""
    ledger = venue.ledger()
    assert_books_agree(bot.data_dir, ledger)
    ours = {each["client_order_id"]: each for each in bot.api("/api/v1/orders")}
    truth = {each["clientOrderId"]: each for each in ledger["orders"]}
    assert {name for name, each in ours.items() if each["state"] not in NEVER_ARRIVED} == truth.keys() & ours.keys()
    for name, order in ours.items():
        if name in truth:
            there = truth[name]
            assert order["state"] == STATES.get(there["status"], there["status"].lower()), order
            assert Decimal(order["filled_quantity"]) == Decimal(there["executedQty"]), order
    positions = {each["symbol"]: Decimal(each["quantity"]) for each in bot.api("/api/v1/positions")}
    for symbol in SYMBOLS:
        held = _held(ledger, symbol)
        assert positions.get(symbol, Decimal(0)) == held
        base = symbol.partition("/")[0]
        balance = ledger["balances"].get(base, {"free": "0", "locked": "0"})
        assert Decimal(balance["free"]) + Decimal(balance["locked"]) == held
        covered = sum(
            Decimal(each["origQty"]) - Decimal(each["executedQty"])
            for each in ledger["orders"]
            if each["type"] == "STOP_LOSS" and each["status"] == "NEW" and each["symbol"] == symbol.replace("/", "")
        )
        assert held - Decimal("0.0002") < covered <= held, f"{symbol}: {held} held, {covered} covered"


def wait_until_all_agree(bot: Bot, venue: Truth | None = None) -> None:
    def agree() -> bool:
        assert_all_agree(bot, venue or bot.venue)
        return True

    bot.until(agree)


def _held(ledger: dict[str, Any], symbol: str) -> Decimal:
    """What the account's fills have left of the base asset."""
    held = Decimal(0)
    for fill in ledger["fills"]:
        if _symbol(fill["symbol"]) == symbol:
            quantity = Decimal(fill["qty"])
            held += quantity if fill["isBuyer"] else -quantity
            held -= Decimal(fill["commission"]) if fill["commissionAsset"] == symbol.partition("/")[0] else 0
    return held


def _symbol(venue_symbol: str) -> str:
    return next(symbol for symbol in SYMBOLS if symbol.replace("/", "") == venue_symbol)
