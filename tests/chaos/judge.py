"""Compares the venue's ledger with the journal file. Imports nothing of the bot: the standard library only.

    python -m tests.chaos.judge --venue URL --admin URL --account KEY --journal FILE [--marks FILE] [--speed 60]

Prints one JSON object; ends with 1 where anything is wrong. What must be nothing is in `FAULTS`. The account must be
still: with an order left that can fill, the two would be read at different times.
"""

import argparse
import json
import sqlite3
import sys
import urllib.request
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.chaos.bare_times import ZERO, Rules, Spell, spells

PREFIX = "mtn-"
FAULTS = (
    "lost",
    "doubled",
    "phantom",
    "unresolved",
    "wrong_orders",
    "both_live",
    "asked_beyond",
    "missed_fills",
    "fills_booked_twice",
    "invented_fills",
    "wrong_fills",
    "overfilled_plans",
    "unprotected",
    "unprotected_after_recovery",
)
_GRACE_S = 1.0
"""Real: what trades in the moment in which a recovery ends gets its stop right after it."""
_MOST_FINDINGS = 50
_FINAL = {"FILLED": "filled", "CANCELED": "cancelled", "EXPIRED": "expired", "REJECTED": "rejected"}
_NEVER_THERE = frozenset({"refused", "withdrawn", "absence_proven"})

Json = dict[str, Any]


class Journal:
    """The rows of the one book in a file."""

    def __init__(self, file: Path) -> None:
        self._database = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
        self._database.row_factory = sqlite3.Row
        try:
            self.requests = {row["client_order_id"]: row for row in self._rows("requests")}
            self.fills = self._rows("fills")
            self.intents = {row["intent_id"]: row for row in self._rows("intents")}
            self.plans = [row for row in self._rows("plans") if row["kind"] == "opened"]
            self.events: defaultdict[str, list[sqlite3.Row]] = defaultdict(list)
            for row in self._rows("events"):
                self.events[row["client_order_id"]].append(row)
        finally:
            self._database.close()

    def _rows(self, table: str) -> list[sqlite3.Row]:
        return self._database.execute(f"SELECT * FROM {table} ORDER BY seq").fetchall()

    def kinds(self, client_order_id: str) -> set[str]:
        return {row["kind"] for row in self.events[client_order_id]}

    def leg(self, client_order_id: str) -> Json:
        """What was asked, as the last proven amendment has left it."""
        asked: Json = json.loads(self.requests[client_order_id]["leg"])
        for row in self.events[client_order_id]:
            if row["kind"] == "amended":
                asked |= {"quantity": row["quantity"], "price": row["price"]}
        return asked

    def replacements(self) -> Iterator[tuple[str, str, Decimal]]:
        """An order, the one in its place, and how much was asked for of both together."""
        for new, request in self.requests.items():
            old = request["replaces"]
            if old is not None:
                asked = [row for row in self.events[old] if row["kind"] == "amend_asked"]
                yield old, new, Decimal(asked[-1]["quantity"])

    def said(self, client_order_id: str) -> set[str]:
        """What the venue's pictures of it have ever been."""
        return {row["status"] for row in self.events[client_order_id] if row["kind"] == "reported"}


class Judgement:
    def __init__(self, ledger: Json, journal: Journal) -> None:
        self._ledger = ledger
        self._journal = journal
        self._orders = [order for order in ledger["orders"] if order["clientOrderId"].startswith(PREFIX)]
        self._fills = {_key(fill): fill for fill in ledger["fills"]}
        self.counts: Counter[str] = Counter()
        self.findings: list[str] = []

    def books(self) -> Json:
        """Orders, fills and money, both sides."""
        self._lost_and_doubled()
        self._phantoms()
        self._compare_orders()
        self._compare_fills()
        self._overfilled()
        self._compare_replacements()
        events = [row for rows in self._journal.events.values() for row in rows]
        lost = [row for row in events if row["kind"] == "outcome_lost"]
        return {
            "orders": len(self._orders),
            "fills": len(self._ledger["fills"]),
            "unknown": len({row["client_order_id"] for row in lost}),
            "unknown_by_venue": len(
                {row["client_order_id"] for row in lost if not row["reason"].startswith("RESTARTED")}
            ),
            "amended": sum(row["kind"] == "amended" for row in events),
            "replaced": sum(request["replaces"] is not None for request in self._journal.requests.values()),
            "absent": len({row["client_order_id"] for row in events if row["kind"] == "absence_proven"}),
            "restarts_in_flight": len({row["at_ns"] for row in lost if row["reason"].startswith("RESTARTED")}),
            **self._money(),
        }

    def protection(self, bare: Sequence[Spell], marks: Sequence[Json], speed: float) -> Json:
        """Positions without their stop: when all had settled, after recoveries, and for how long at most."""
        for moment in (mark["venue_ms"] for mark in marks if mark["what"] == "settled" and mark["at_rest"]):
            for spell in (spell for spell in bare if spell.stands_at(moment)):
                self._find("unprotected", f"{spell} when settled at {moment}")
        grace_ms = int(_GRACE_S * 1_000 * speed)
        for moment in _calm_recoveries(marks, grace_ms):
            for spell in (spell for spell in bare if spell.stands_at(moment, grace_ms)):
                self._find("unprotected_after_recovery", f"{spell} after the recovery at {moment}")
        for spell in (spell for spell in bare if spell.until_ms is None):
            self._find("unprotected", f"{spell} in the end")
        longest_ms = max(((spell.until_ms or spell.from_ms) - spell.from_ms for spell in bare), default=0)
        return {"unprotected_s_max": round(longest_ms / 1_000 / speed, 3)}

    def result(self, **more: Any) -> Json:
        faults = {name: self.counts[name] for name in FAULTS}
        is_even = all(Decimal(more[name]) == ZERO for name in ("cash_difference", "position_difference"))
        return more | faults | {"holds": is_even and not any(faults.values()), "findings": self.findings}

    def _lost_and_doubled(self) -> None:
        times = Counter(order["clientOrderId"] for order in self._orders)
        roles: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
        for client_order_id, n in times.items():
            if n > 1:
                self._find("doubled", f"{client_order_id} is {n} orders at the venue")
            request = self._journal.requests.get(client_order_id)
            if request is None:
                self._find("lost", f"{client_order_id} is not in the journal")
                continue
            roles[request["intent_id"], _errand(request)].add(client_order_id)
            if self._journal.kinds(client_order_id) & _NEVER_THERE and not self._journal.said(client_order_id):
                self._find("lost", f"{client_order_id} is at the venue, and never was for the journal")
        for role, ids in roles.items():
            if len(ids) > 1:
                self._find("doubled", f"{role} was sent as {sorted(ids)}")

    def _phantoms(self) -> None:
        there = {order["clientOrderId"] for order in self._orders}
        for client_order_id in self._journal.requests.keys() - there:
            if self._journal.said(client_order_id) - {"rejected"}:
                self._find("phantom", f"{client_order_id} is in the journal as seen at the venue, which has it not")
            elif not self._journal.kinds(client_order_id) & _NEVER_THERE | self._journal.said(client_order_id):
                self._find("unresolved", f"{client_order_id} never reached the venue, which the journal does not know")

    def _compare_orders(self) -> None:
        booked: defaultdict[str, Decimal] = defaultdict(Decimal)
        for fill in self._journal.fills:
            booked[fill["client_order_id"]] += Decimal(fill["quantity"])
        for order in self._orders:
            client_order_id = order["clientOrderId"]
            request = self._journal.requests.get(client_order_id)
            if request is None:
                continue
            if differing := list(_differing(order, self._journal.leg(client_order_id))):
                self._find("wrong_orders", f"{client_order_id}: {differing} differ from what was asked")
            said = self._journal.said(client_order_id)
            is_known = _FINAL.get(order["status"], "") in said or booked[client_order_id] >= Decimal(order["origQty"])
            if order["status"] in _FINAL and not is_known:
                self._find("unresolved", f"{client_order_id} is {order['status']} at the venue, {said} in the journal")
            if order["status"] not in _FINAL and said & set(_FINAL.values()):
                self._find("unresolved", f"{client_order_id} is open at the venue, {said} in the journal")

    def _compare_fills(self) -> None:
        booked: dict[tuple[str, str, bool], sqlite3.Row] = {}
        for row in self._journal.fills:
            key = (row["instrument_id"].replace("/", ""), str(row["trade_id"]), row["side"] == "buy")
            if key in booked:
                self._find("fills_booked_twice", f"{key}")
            booked[key] = row
        for key in booked.keys() - self._fills.keys():
            self._find("invented_fills", f"{key} is booked, and the venue has it not")
        for key, fill in self._fills.items():
            is_ours = str(fill["clientOrderId"]).startswith(PREFIX)
            row = booked.get(key)
            if row is None:
                self._find("missed_fills", f"{key} of {fill['clientOrderId']}")
            elif _differs(fill, row) or (is_ours and row["client_order_id"] != fill["clientOrderId"]):
                self._find("wrong_fills", f"{key} is booked otherwise than it was: {dict(row)}")

    def _overfilled(self) -> None:
        """Parents whose slices have traded more at the venue than the parent asks for."""
        executed: defaultdict[str, Decimal] = defaultdict(Decimal)
        for order in self._orders:
            request = self._journal.requests.get(order["clientOrderId"])
            if request is not None and request["plan_id"]:
                executed[request["plan_id"]] += Decimal(order["executedQty"])
        for plan in self._journal.plans:
            (leg,) = json.loads(self._journal.intents[plan["intent_id"]]["legs"])
            if executed[plan["plan_id"]] > Decimal(leg["quantity"]):
                self._find("overfilled_plans", f"{plan['plan_id']} asks for {leg['quantity']}")

    def _compare_replacements(self) -> None:
        """The new order came after the end of the old one, and asked for no more than was left of what both were to
        be."""
        at_venue = {order["clientOrderId"]: order for order in self._orders}
        for old, new, asked in self._journal.replacements():
            if new not in at_venue:
                continue
            before, after = at_venue[old], at_venue[new]
            if before["status"] not in _FINAL or after["time"] < before["updateTime"]:
                self._find("both_live", f"{new} came while {old} was still there")
            if Decimal(before["executedQty"]) + Decimal(self._journal.leg(new)["quantity"]) > asked:
                self._find("asked_beyond", f"{new} asks for more than {old} has left of {asked}")

    def _money(self) -> Json:
        """Deposits and booked fills against the balances that the venue shows, to the last digit."""
        expected: defaultdict[str, Decimal] = defaultdict(Decimal)
        for deposit in self._ledger["deposits"]:
            expected[deposit["asset"]] += Decimal(deposit["amount"])
        for row in self._journal.fills:
            base, quote = row["instrument_id"].split("/")
            sign = 1 if row["side"] == "buy" else -1
            expected[base] += sign * Decimal(row["quantity"])
            expected[quote] -= sign * Decimal(row["quantity"]) * Decimal(row["price"])
            expected[row["fee_asset"]] -= Decimal(row["fee"])
        balances = self._ledger["balances"]
        actual = {asset: Decimal(each["free"]) + Decimal(each["locked"]) for asset, each in balances.items()}
        off = {asset: actual.get(asset, ZERO) - expected[asset] for asset in {*actual, *expected}}
        for asset in sorted(asset for asset, difference in off.items() if difference):
            self.findings.append(f"{asset} is off by {off[asset]}")
        cash = {row["instrument_id"].split("/")[1] for row in self._journal.fills} | {"USDT"}
        return {
            "cash_difference": _largest(off[asset] for asset in off if asset in cash),
            "position_difference": _largest(off[asset] for asset in off if asset not in cash),
        }

    def _find(self, what: str, words: str) -> None:
        self.counts[what] += 1
        if len(self.findings) < _MOST_FINDINGS:
            self.findings.append(f"{what}: {words}")


def judge(
    ledger: Json, journal: Journal, *, rules: Mapping[str, Rules], marks: Sequence[Json] = (), speed: float = 1.0
) -> Json:
    """`speed`: venue seconds in a real one."""
    judgement = Judgement(ledger, journal)
    books = judgement.books()
    times = judgement.protection(spells(ledger, rules, PREFIX), marks, speed)
    return judgement.result(**books, **times)


def read_marks(file: Path) -> list[Json]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def rules_of(exchange_info: Json) -> dict[str, Rules]:
    found = {}
    for symbol in exchange_info["symbols"]:
        filters = {each["filterType"]: each for each in symbol["filters"]}
        step = Decimal(filters["LOT_SIZE"]["stepSize"])
        found[symbol["symbol"]] = Rules(step, Decimal(filters["NOTIONAL"]["minNotional"]))
    return found


def _calm_recoveries(marks: Sequence[Json], grace_ms: int) -> Iterator[int]:
    """Venue ms of those that no fault of the venue reached into (one that refuses a stop leaves a position bare), in
    lives that went on for so long."""
    faults = [(mark["from_ms"], mark["until_ms"]) for mark in marks if mark["what"] == "fault"]
    timed = [mark for mark in marks if "venue_ms" in mark]
    for before, mark, after in zip([{"venue_ms": 0}, *timed], timed, timed[1:], strict=False):
        born_ms, until_ms = before["venue_ms"], mark["venue_ms"] + grace_ms
        is_calm = not any(began_ms <= until_ms and ends_ms >= born_ms for began_ms, ends_ms in faults)
        if mark["what"] == "recovered" and after["venue_ms"] > until_ms and is_calm:
            yield mark["venue_ms"]


def _key(fill: Json) -> tuple[str, str, bool]:
    return fill["symbol"], str(fill["id"]), fill["isBuyer"]


def _errand(request: sqlite3.Row) -> str:
    return f"{request['protects'] or ''}/{request['role']}"


def _differing(order: Json, leg: Json) -> Iterator[str]:
    pairs = {"symbol": leg["instrument_id"].replace("/", ""), "side": leg["side"].upper()}
    yield from (name for name, asked in pairs.items() if order[name] != asked)
    amounts = {"origQty": leg["quantity"], "price": leg["price"], "stopPrice": leg["stop_price"]}
    yield from (name for name, asked in amounts.items() if Decimal(order[name]) != Decimal(asked or 0))
    if order["type"] != leg["order_type"].upper():
        yield "type"


def _differs(fill: Json, row: sqlite3.Row) -> bool:
    pairs = (("price", "price"), ("qty", "quantity"), ("commission", "fee"))
    return (
        any(Decimal(fill[theirs]) != Decimal(row[ours]) for theirs, ours in pairs)
        or fill["commissionAsset"] != row["fee_asset"]
        or str(fill["orderId"]) != row["venue_order_id"]
    )


def _largest(differences: Iterable[Decimal]) -> str:
    return f"{max((abs(each) for each in differences), default=ZERO).normalize():f}"


def _get(url: str) -> Json:
    with urllib.request.urlopen(url, timeout=60) as answer:
        found: Json = json.load(answer)
        return found


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description="Compare a venue's ledger with a journal.")
    parser.add_argument("--venue", required=True, help="REST root, for the symbols' rules")
    parser.add_argument("--admin", required=True, help="its admin port, for the ledger")
    parser.add_argument("--account", required=True)
    parser.add_argument("--journal", required=True, type=Path)
    parser.add_argument("--marks", type=Path)
    parser.add_argument("--speed", type=float, default=1.0, help="venue seconds in a real one")
    parser.add_argument("--keep", type=Path, help="write down what the venue has answered")
    given = parser.parse_args(arguments)
    try:
        ledger = _get(f"{given.admin}/ledger?account={given.account}")
        exchange_info = _get(f"{given.venue}/api/v3/exchangeInfo")
        if given.keep:
            given.keep.write_text(json.dumps({"ledger": ledger, "exchange_info": exchange_info}))
        journal = Journal(given.journal)
        marks = read_marks(given.marks) if given.marks else ()
    except (OSError, sqlite3.Error, ValueError) as error:
        parser.error(f"nothing was judged: {error}")
    result = judge(ledger, journal, rules=rules_of(exchange_info), marks=marks, speed=given.speed)
    sys.stdout.write(json.dumps(result) + "\n")
    return 0 if result["holds"] else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
