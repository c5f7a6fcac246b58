from pathlib import Path

import pytest
from sqlalchemy import create_engine

from core.simulation.server.records import Record, RecordTable


@pytest.fixture
def table(tmp_path: Path) -> RecordTable:
    return RecordTable(create_engine(f"sqlite:///{tmp_path / 'records.sqlite'}"))


def write(table: RecordTable, *records: Record) -> None:
    with table._engine.begin() as connection:
        table.write(connection, records)


def test_a_later_record_of_the_same_name_takes_the_place(table: RecordTable) -> None:
    write(table, Record("order", "alice", "BTC", 1, "new", is_open=True), Record("order", "bob", "BTC", 2, "new"))
    write(table, Record("order", "alice", "BTC", 1, "filled"), Record("order", "alice", "BTC", 1, "closed"))
    assert table.of("alice", "order", str) == ["closed"]
    assert table.of("bob", "order", str) == ["new"]
    assert table.of("alice", "trade", str) == []


def test_parts_of_one_number_stand_side_by_side(table: RecordTable) -> None:
    write(table, Record("trade", "alice", "BTC", 7, "buy", part=1), Record("trade", "alice", "BTC", 7, "sell", part=2))
    assert sorted(table.of("alice", "trade", str)) == ["buy", "sell"]


def test_the_newest_closed_ones_of_each_symbol_and_all_open_ones(table: RecordTable) -> None:
    write(table, Record("order", "alice", "BTC", 1, "open", is_open=True))
    write(table, *(Record("order", "alice", "BTC", number, f"btc {number}") for number in range(2, 6)))
    write(table, *(Record("order", "alice", "ETH", number, f"eth {number}") for number in range(6, 9)))
    found = table.of("alice", "order", str, newest=2)
    assert found == ["open", "btc 4", "btc 5", "eth 7", "eth 8"]
    assert len(table.of("alice", "order", str)) == 8
    assert table.symbols("order") == ["BTC", "ETH"]
    assert (table.last_number("order"), table.last_number("trade")) == (8, 0)


def test_old_closed_ones_are_dropped(table: RecordTable) -> None:
    write(table, Record("order", "alice", "BTC", 1, "open", is_open=True))
    write(table, *(Record("order", "alice", "BTC", number, f"btc {number}") for number in range(2, 20)))
    with table._engine.begin() as connection:
        table.drop_old(connection, kept=3)
    assert table.of("alice", "order", str) == ["open", "btc 17", "btc 18", "btc 19"]
