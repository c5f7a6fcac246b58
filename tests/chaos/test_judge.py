"""The judge finds what is planted, and nothing where nothing is. The books are those of a short campaign."""

import copy
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.bare_times import Rules
from tests.chaos.campaign import SPEED, Campaign, Plan
from tests.chaos.judge import FAULTS, Journal, judge, read_marks, rules_of
from tests.venues import SOURCES

pytestmark = pytest.mark.processes

Json = dict[str, Any]


@dataclass(slots=True)
class Books:
    """Both sides; a test may change its copy."""

    ledger: Json
    journal: Path
    marks: list[Json]
    rules: dict[str, Rules]

    def judged(self) -> Json:
        return judge(self.ledger, Journal(self.journal), rules=self.rules, marks=self.marks, speed=SPEED)

    def sql(self, statement: str, *values: object) -> None:
        with sqlite3.connect(self.journal) as database:
            assert database.execute(statement, values).rowcount, "nothing was planted"
        database.close()

    def order(self, **wanted: str) -> Json:
        """The first one in the ledger."""
        return next(one for one in self.ledger["orders"] if wanted.items() <= one.items())


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Books:
    folder = tmp_path_factory.mktemp("campaign")
    verdict = Campaign(Plan(kills=2, seed=30, people=1), folder, lambda _: None).run()
    assert verdict["holds"], verdict
    person = folder / "person-0"
    (journal,) = (person / "disk" / "data" / "journal").glob("*.sqlite")
    venue = json.loads((person / "venue.json").read_text())
    return Books(venue["ledger"], journal, read_marks(person / "marks.jsonl"), rules_of(venue["exchange_info"]))


@pytest.fixture
def books(whole: Books, tmp_path: Path) -> Books:
    journal = tmp_path / "journal.sqlite"
    shutil.copy(whole.journal, journal)
    return Books(copy.deepcopy(whole.ledger), journal, copy.deepcopy(whole.marks), whole.rules)


def test_nothing_is_found_where_nothing_is(books: Books) -> None:
    result = books.judged()
    assert result["holds"], result
    assert result["orders"] > 5
    assert result["fills"] > 3
    assert {result[name] for name in FAULTS} == {0}


def order_removed(books: Books) -> None:
    books.sql("DELETE FROM requests WHERE client_order_id = ?", books.order(status="FILLED")["clientOrderId"])


def absence_of_what_is_there(books: Books) -> None:
    cid = books.order(status="FILLED")["clientOrderId"]
    books.sql("UPDATE events SET kind = 'absence_proven' WHERE client_order_id = ?", cid)


def same_id_twice(books: Books) -> None:
    books.ledger["orders"].append(dict(books.order(status="CANCELED"), orderId=10**6))


def one_errand_sent_twice(books: Books) -> None:
    order = books.order(type="STOP_LOSS")
    books.ledger["orders"].append(dict(order, orderId=10**6, clientOrderId="mtn-again"))
    books.sql(
        "INSERT INTO requests (book, seq, client_order_id, intent_id, role, purpose, strategies, leg, sent_because,"
        " protects, created_ns) SELECT book, 1000000, 'mtn-again', intent_id, role, purpose, strategies, leg,"
        " sent_because, protects, created_ns FROM requests WHERE client_order_id = ?",
        order["clientOrderId"],
    )


def order_that_the_venue_has_not(books: Books) -> None:
    books.ledger["orders"].remove(books.order(type="STOP_LOSS"))


def end_that_the_journal_has_not(books: Books) -> None:
    cid = books.order(status="CANCELED")["clientOrderId"]
    books.sql("DELETE FROM events WHERE client_order_id = ? AND status = 'cancelled'", cid)


def other_quantity_asked(books: Books) -> None:
    books.order(type="STOP_LOSS")["origQty"] = "0.00100000"


def fill_removed(books: Books) -> None:
    books.sql("DELETE FROM fills WHERE seq = (SELECT max(seq) FROM fills)")


def fill_under_another_number(books: Books) -> None:
    books.sql("UPDATE fills SET trade_id = '77' WHERE seq = (SELECT max(seq) FROM fills)")


def fill_doubled(books: Books) -> None:
    with sqlite3.connect(books.journal) as database:
        database.executescript(
            "CREATE TABLE loose AS SELECT * FROM fills; DROP TABLE fills; ALTER TABLE loose RENAME TO fills;"
        )
    database.close()
    books.sql("INSERT INTO fills SELECT * FROM fills WHERE seq = (SELECT max(seq) FROM fills)")


def fill_at_another_price(books: Books) -> None:
    books.sql("UPDATE fills SET price = price || '1' WHERE seq = (SELECT max(seq) FROM fills)")


def fill_of_another_order(books: Books) -> None:
    books.sql("UPDATE fills SET client_order_id = 'mtn-other' WHERE seq = (SELECT max(seq) FROM fills)")


def stop_missing_in_the_end(books: Books) -> None:
    """The moment of rest is put where a position is surely bare: between its purchase and its stop."""
    bought = next(fill for fill in books.ledger["fills"] if fill["isBuyer"])
    settled = next(mark for mark in books.marks if mark["what"] == "settled")
    settled["venue_ms"] = bought["time"] + 1


def position_left_bare_by_a_recovery(books: Books) -> None:
    bought = next(fill for fill in books.ledger["fills"] if fill["isBuyer"])
    moment = bought["time"] + 1
    books.ledger["fills"] = [fill for fill in books.ledger["fills"] if fill["isBuyer"]]
    books.ledger["orders"] = [order for order in books.ledger["orders"] if order["type"] != "STOP_LOSS"]
    books.marks[:] = [{"what": "recovered", "venue_ms": moment}, {"what": "killed", "venue_ms": moment + 10**6}]


@pytest.mark.parametrize(
    ("plant", "found"),
    [
        (order_removed, "lost"),
        (absence_of_what_is_there, "lost"),
        (same_id_twice, "doubled"),
        (one_errand_sent_twice, "doubled"),
        (order_that_the_venue_has_not, "phantom"),
        (end_that_the_journal_has_not, "unresolved"),
        (other_quantity_asked, "wrong_orders"),
        (fill_removed, "missed_fills"),
        (fill_under_another_number, "invented_fills"),
        (fill_doubled, "fills_booked_twice"),
        (fill_at_another_price, "wrong_fills"),
        (fill_of_another_order, "wrong_fills"),
        (stop_missing_in_the_end, "unprotected"),
        (position_left_bare_by_a_recovery, "unprotected_after_recovery"),
    ],
)
def test_what_is_planted_is_found(books: Books, plant: Callable[[Books], None], found: str) -> None:
    plant(books)
    result = books.judged()
    assert result[found], result
    assert not result["holds"]


@pytest.mark.parametrize(("asset", "found"), [("USDT", "cash_difference"), ("BTC", "position_difference")])
def test_the_last_digit_counts(books: Books, asset: str, found: str) -> None:
    balance = books.ledger["balances"].setdefault(asset, {"free": "0", "locked": "0"})
    balance["free"] = str(Decimal(balance["free"]) + Decimal("0.00000001"))
    result = books.judged()
    assert (Decimal(result[found]), result["holds"]) == (Decimal("0.00000001"), False)


def test_it_could_not_import_the_bot_if_it_wanted_to() -> None:
    program = "import sys, tests.chaos.judge; print(sorted({name.partition('.')[0] for name in sys.modules}))"
    done = subprocess.run(
        [sys.executable, "-S", "-c", program],
        env={**os.environ, "PYTHONPATH": str(SOURCES.parent)},
        capture_output=True,
        text=True,
        check=True,
    )
    imported = set(json.loads(done.stdout.replace("'", '"')))
    assert imported - sys.stdlib_module_names - {"__main__"} == {"tests"}
