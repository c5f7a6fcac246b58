"""What protects a position, as the venue's own ledger has it: spot's order lists and USD-M's conditional orders."""

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

ZERO = Decimal(0)
_PREFIX = "mtn-"
_STATES = {
    "NEW": "accepted",
    "CANCELED": "cancelled",
    "EXPIRED": "expired",
    "FILLED": "filled",
    "REJECTED": "rejected",
}
_STOPS = ("STOP_LOSS", "STOP_MARKET", "TRAILING_STOP_MARKET")


@dataclass(frozen=True, slots=True)
class Protector:
    client_order_id: str
    is_stop: bool
    """Else it is a target."""
    quantity: Decimal
    state: str
    """As the journal should have it in the end."""

    @property
    def is_open(self) -> bool:
        return self.state == "accepted"


@dataclass(frozen=True, slots=True)
class ProtectiveLedger:
    """One symbol's, of an account that trades nothing else."""

    held: Decimal
    lowest: Decimal
    """The least that was ever held: below 0 where a protective order sold what was not there."""
    protectors: tuple[Protector, ...]
    fills: tuple[str, ...]
    """Trade ids, sorted."""

    @classmethod
    def of(cls, ledger: dict[str, Any], *, is_spot: bool) -> "ProtectiveLedger":
        books = ledger if is_spot else ledger["usdm"]
        changes = [_change(fill, is_spot=is_spot) for fill in sorted(books["fills"], key=lambda each: each["id"])]
        held = lowest = ZERO
        for change in changes:
            held += change
            lowest = min(lowest, held)
        protectors = tuple(_of_lists(books) if is_spot else _conditional(books))
        return cls(held, lowest, protectors, tuple(sorted(str(fill["id"]) for fill in books["fills"])))

    def standing(self, *, is_stop: bool) -> list[Decimal]:
        return [each.quantity for each in self.protectors if each.is_open and each.is_stop is is_stop]

    def check(self, journal_folder: Path, lot: Decimal, *, has_target: bool) -> None:
        """At rest: every order once and as the journal has it, what is held under one stop (and one target), and never
        more that can fill than is held: both kinds take the same away, in order lists or by reducing only."""
        ids = [each.client_order_id for each in self.protectors]
        states = {each.client_order_id: each.state for each in self.protectors}
        owed = self.held - self.held % lot
        for what, found, wanted in (
            ("sold beyond what is held", self.lowest, ZERO),
            ("order ids", len(states), len(ids)),
            ("journal", journalled(journal_folder), (states, self.fills)),
            ("stops", self.standing(is_stop=True), [owed] if owed else []),
            ("targets", self.standing(is_stop=False), [owed] if owed and has_target else []),
        ):
            assert found == wanted, f"{what}: {found}, not {wanted}; {self}"


def journalled(folder: Path) -> tuple[dict[str, str], tuple[str, ...]]:
    """Last states of the protective orders that have reached the venue, and the trade ids; read without any code of
    the bot."""
    (file,) = (folder / "journal").glob("*.sqlite")
    database = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
    try:
        requests = database.execute("SELECT client_order_id, leg FROM requests WHERE protects <> ''").fetchall()
        protective = {each for each, leg in requests if json.loads(leg)["order_type"] in ("stop_loss", "take_profit")}
        events = database.execute("SELECT client_order_id, status FROM events WHERE kind = 'reported' ORDER BY seq")
        said: defaultdict[str, list[str]] = defaultdict(list)
        for client_order_id, status in events:
            if client_order_id in protective:
                said[client_order_id].append(status)
        trades = database.execute("SELECT trade_id FROM fills").fetchall()
    finally:
        database.close()
    states = {each: _last(statuses) for each, statuses in said.items() if set(statuses) != {"rejected"}}
    return states, tuple(sorted(str(trade) for (trade,) in trades))


def _last(statuses: list[str]) -> str:
    """What is over stays over, however late an older picture comes."""
    ends = [each for each in statuses if each in ("filled", "cancelled", "expired", "rejected")]
    return ends[-1] if ends else "accepted"


def _change(fill: dict[str, Any], *, is_spot: bool) -> Decimal:
    is_buy = fill["isBuyer" if is_spot else "buyer"]
    change = Decimal(fill["qty"]) if is_buy else -Decimal(fill["qty"])
    is_fee_in_base = is_spot and fill["symbol"].startswith(fill["commissionAsset"])
    return change - (Decimal(fill["commission"]) if is_fee_in_base else ZERO)


def _of_lists(books: dict[str, Any]) -> Iterator[Protector]:
    for each in books["orders"]:
        if each["type"] in ("STOP_LOSS", "TAKE_PROFIT") and each["clientOrderId"].startswith(_PREFIX):
            yield Protector(
                each["clientOrderId"],
                each["type"] in _STOPS,
                Decimal(each["origQty"]),
                _STATES[each["status"]],
            )


def _conditional(books: dict[str, Any]) -> Iterator[Protector]:
    """One that has triggered is what has become of the order that it placed."""
    placed = {str(each["orderId"]): each["status"] for each in books["orders"]}
    for each in books["algoOrders"]:
        state = placed.get(str(each["actualOrderId"]), each["algoStatus"])
        yield Protector(each["clientAlgoId"], each["orderType"] in _STOPS, Decimal(each["quantity"]), _STATES[state])
