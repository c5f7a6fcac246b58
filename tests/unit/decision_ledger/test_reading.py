"""What was recorded is found again: by symbol, by moment, with what became of its orders."""

import sqlite3
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.decision_ledger.codec import decode, encode
from core.decision_ledger.storage import Batch
from core.domain.errors import LedgerError
from core.domain.facts import FillBooked, OrderChanged, OrderState
from core.domain.status import DecisionLine
from tests.waiting import eventually
from unit.decision_ledger.making import START_MS, ledger_file, line, reader, recording
from unit.execution import making

words = st.text(max_size=30)


def written(file: Path, *lines: DecisionLine) -> None:
    storage = ledger_file(file)
    storage.write(Batch(list(lines)))
    storage.close()


@settings(max_examples=30, deadline=None)
@given(inputs=st.dictionaries(words, words, max_size=5), reason=words)
def test_a_decision_comes_back_as_it_went_in(inputs: dict[str, str], reason: str) -> None:
    told = replace(line(), inputs=inputs, reason=reason)
    assert decode(encode(told)) == told


@pytest.mark.parametrize("body", [b"", b"nonsense", encode(line())[:-5], b"\x00" * 40])
def test_what_is_no_decision_is_said_to_be_damaged(body: bytes) -> None:
    with pytest.raises(LedgerError, match="damaged"):
        decode(body)


def test_newest_first_up_to_a_moment(tmp_path: Path) -> None:
    file = tmp_path / "decisions" / "x.sqlite"
    written(file, *(line(symbol, minute) for minute in range(5) for symbol in ("BTC/USDT", "ETH/USDT")))
    of = reader(file)
    assert of.symbols() == ("BTC/USDT", "ETH/USDT")
    assert [each.close_ms for each in of.decisions("ETH/USDT", 2)] == [START_MS + 240_000, START_MS + 180_000]
    assert [each.close_ms for each in of.decisions("ETH/USDT", 9, at_ms=START_MS + 119_999)] == [
        START_MS + 60_000,
        START_MS,
    ]
    assert of.decisions("ETH/USDT", 9, at_ms=START_MS - 1) == of.decisions("SOL/USDT", 9) == ()
    assert [(each.symbol, each.close_ms) for each in of.newest(3)] == [
        ("ETH/USDT", START_MS + 240_000),
        ("BTC/USDT", START_MS + 240_000),
        ("ETH/USDT", START_MS + 180_000),
    ]


def test_reasons_are_counted_by_symbol_and_hour(tmp_path: Path) -> None:
    file = tmp_path / "x.sqlite"
    written(file, line(minute=59), line(minute=60), line(minute=61))
    written(file, line(minute=62, reason="STALE_QUOTE age_s=4.2 limit_s=2"), line("ETH/USDT", 62))
    counted = [
        (each.symbol, (each.hour_ms - START_MS) // 3_600_000, each.code, each.count) for each in reader(file).summary()
    ]
    assert counted == [
        ("BTC/USDT", 0, "SIGNAL_HOLD", 1),
        ("BTC/USDT", 1, "SIGNAL_HOLD", 2),
        ("BTC/USDT", 1, "STALE_QUOTE", 1),
        ("ETH/USDT", 1, "SIGNAL_HOLD", 1),
    ]
    (only,) = reader(file).summary("ETH/USDT", since_ms=START_MS + 3_700_000)
    assert (only.symbol, only.outcome) == ("ETH/USDT", "NO_TRADE")
    assert reader(file).summary("BTC/USDT", until_ms=START_MS - 1) == ()


def test_no_file_is_no_decision_yet(tmp_path: Path) -> None:
    of = reader(tmp_path / "none.sqlite")
    assert of.symbols() == of.newest(5) == of.decisions("BTC/USDT", 5) == of.summary() == ()


async def test_a_decision_says_what_became_of_its_orders_and_what_they_cost(tmp_path: Path) -> None:
    file = tmp_path / "x.sqlite"
    begun = making.order().view()
    filled = replace(begun, state=OrderState.FILLED, filled_quantity=begun.leg.quantity, average_price=Decimal("101"))
    fill = making.fill(client_order_id=begun.client_order_id, fee="0.10")
    decided = line(
        outcome="TRADE",
        reason="SIGNAL_LONG strategy=x",
        intent_id=str(begun.intent_id),
        intent={"side": "buy", "quantity": "1", "reference_price": "100"},
    )
    async with recording(ledger_file(file)) as ledger:
        ledger.record(decided)
        ledger.on_fact(OrderChanged(begun, OrderState.INTENDED))
        ledger.on_fact(FillBooked(fill, filled))
        ledger.on_fact(FillBooked(fill, filled))
        ledger.on_fact(FillBooked(replace(fill, trade_id="another"), filled))
        ledger.on_fact(OrderChanged(filled, OrderState.FILLED))  # nothing new
    (found,) = reader(file).decisions("BTC/USDT", 1)
    (order,) = found.orders
    assert (order.state, order.average_price, order.fees) == ("filled", "101", {"USDT": "0.2"})
    assert order.slippage_bps == pytest.approx(100)
    assert found.sentence == (
        f"buy 1: x wants to be long; {order.purpose} order filled: {order.filled_quantity} at 101, "
        "100 bps worse than decided, fee 0.2 USDT"
    )


@pytest.mark.parametrize("content", [b"not a database at all" * 100, b"SQLite format 3\x00" + b"\xff" * 5_000])
def test_a_damaged_file_is_an_error_that_names_it(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "x.sqlite"
    file.write_bytes(content)
    with pytest.raises(LedgerError, match=r"x\.sqlite.*sets such a file aside"):
        reader(file).newest(1)


def test_a_file_of_another_version_is_an_error_to_readers(tmp_path: Path) -> None:
    file = tmp_path / "x.sqlite"
    with sqlite3.connect(file) as other:
        other.execute("PRAGMA user_version = 99")
    other.close()
    with pytest.raises(LedgerError, match="version 99"):
        reader(file).newest(1)


async def test_a_reader_sees_what_a_writer_adds(tmp_path: Path) -> None:
    file = tmp_path / "x.sqlite"
    async with recording(ledger_file(file)) as ledger:
        for minute in range(3):
            ledger.record(line(minute=minute))
            await eventually(lambda n=minute + 1: len(reader(file).decisions("BTC/USDT", 9)) == n)
