import os
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest

from core.domain.errors import JournalError
from core.domain.instruments import InstrumentId
from core.domain.orders import OrderStatus, OrderType, Side
from core.simulation.engine.exchange import Exchange
from core.simulation.engine.fees import FeeSchedule
from core.simulation.engine.orders import NewOrder
from core.simulation.engine.requests import Cancel
from core.simulation.server.books import Books, Entries, NewAccount
from core.simulation.server.resume import SymbolNumbers, account_snapshot, remember, remember_market, resume
from core.simulation.server.store import AccountStore
from tests.unit.simulation.server.floors import START_NS, Venue, quiet_venue

BTC = InstrumentId("BTC/USDT")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[AccountStore]:
    store = AccountStore(tmp_path / "sim" / "venue.sqlite")
    store.start()
    yield store
    await store.stop()
    store.close()


def trade_a_little(venue: Venue) -> None:
    """A fill, a resting order partly filled, a waiting stop and a cancelled order."""
    floor = venue.floor
    floor.submit("alice", NewOrder("BTCUSDT", Side.BUY, OrderType.MARKET, quantity=Decimal("0.5")))
    floor.submit(
        "alice", NewOrder("BTCUSDT", Side.BUY, OrderType.LIMIT, quantity=Decimal("1.0"), price=Decimal("60000.01"))
    )
    stop = NewOrder("BTCUSDT", Side.SELL, OrderType.STOP_LOSS, quantity=Decimal("0.2"), stop_price=Decimal(59_000))
    floor.submit("alice", stop)
    order = NewOrder("BTCUSDT", Side.BUY, OrderType.LIMIT, quantity=Decimal("0.1"), price=Decimal(50_000))
    record, _ = floor.submit("alice", order)
    floor.cancel("alice", Cancel("BTCUSDT", record.order_id))


async def test_what_is_told_is_on_disk(store: AccountStore) -> None:
    venue = quiet_venue()
    trade_a_little(venue)
    told: list[str] = []
    store.append(venue.store.events, lambda: told.append("first"))
    store.append((), lambda: told.append("second"))
    assert told == []
    await store.durable()
    assert told == ["first", "second"]
    statuses = [order.status for order in store.books.orders("alice")]
    assert statuses == [OrderStatus.FILLED, OrderStatus.PARTIALLY_FILLED, OrderStatus.NEW, OrderStatus.CANCELLED]
    assert [order.order_id for order in store.books.orders("alice", newest=1)] == [2, 3, 4]
    assert len(store.books.trades("alice", newest=1)) == 1
    assert store.books.trades("alice") == venue.floor.exchange.trades("alice")
    assert store.books.deposits("alice") == [("USDT", 10_000_000_000_000, START_NS), ("BTC", 100_000_000, START_NS)]


async def test_a_venue_resumes_where_it_was(store: AccountStore) -> None:
    before = quiet_venue()
    trade_a_little(before)
    assert before.store.accounts == [NewAccount("alice", "secret", START_NS)]
    store.append(before.store.events, opened=before.store.accounts[0])
    store.append((), opened=NewAccount("alice", "another secret", START_NS + 1))
    exchange = before.floor.exchange
    first = resume(store.books, None, [BTC])
    remember(store, first, exchange.symbols.values())
    numbers = {"BTCUSDT": SymbolNumbers(trade_id=7, aggregate_id=5, update_id=90)}
    remember_market(store, {BTC: Decimal("60000.01")}, numbers, sequence=50)
    store.put_fact("horizon_ns", str(START_NS + 5))
    await store.durable()

    (account,) = store.books.accounts()
    assert (account.secret, account.opened_ns) == ("another secret", START_NS)
    second = resume(store.books, None, [InstrumentId("ETH/USDT")])
    assert (second.epoch, second.seed) == (first.epoch, first.seed)
    assert second.horizon_ns == START_NS + 5
    assert second.symbols == ("ETH/USDT", BTC), "symbols with a past stay listed"
    assert second.prices == {BTC: Decimal("60000.01")}
    assert second.numbers["BTCUSDT"].trade_id > 7

    after = Exchange(list(exchange.symbols.values()), fees=FeeSchedule(), start_ns=second.horizon_ns)
    after.restore_accounts(account_snapshot(store.books, second, after.symbols))
    assert after.balances("alice") == exchange.balances("alice")
    assert after.open_orders("alice") == exchange.open_orders("alice")
    assert after.orders("alice") == exchange.orders("alice")
    assert after.trades("alice") == exchange.trades("alice")
    assert after.fees_collected() == exchange.fees_collected()
    assert after.house_balances() == exchange.house_balances()
    record, _ = after.submit(
        "alice",
        NewOrder("BTCUSDT", Side.BUY, OrderType.LIMIT, quantity=Decimal("0.1"), price=Decimal(50_000)),
        second.horizon_ns,
    )
    assert record.order_id == 5, "order ids go on"


async def test_a_new_store_is_a_new_epoch(store: AccountStore, tmp_path: Path) -> None:
    other = AccountStore(tmp_path / "other.sqlite")
    try:
        assert resume(store.books, None, [BTC]).epoch != resume(other.books, None, [BTC]).epoch
        assert account_snapshot(other.books, resume(other.books, 7, [BTC]), {})["accounts"] == {}
        assert resume(other.books, 7, [BTC]).seed == 7
    finally:
        other.close()


async def test_a_store_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    path = tmp_path / "venue.sqlite"
    store = AccountStore(path)
    store.start()
    store.books.close()
    path.unlink()
    path.mkdir()
    store.put_fact("epoch", "x")
    with pytest.raises(JournalError, match=str(path)):
        await store.durable()
    with pytest.raises(JournalError):
        await store.failed()
    await store.stop()
    store.close()


def test_old_closed_orders_and_trades_are_dropped(tmp_path: Path) -> None:
    books = Books(tmp_path / "books.sqlite", kept=20)
    venue = quiet_venue()
    resting = NewOrder("BTCUSDT", Side.BUY, OrderType.LIMIT, quantity=Decimal("0.1"), price=Decimal(50_000))
    venue.floor.submit("alice", resting)
    for _ in range(60):
        venue.floor.submit("alice", NewOrder("BTCUSDT", Side.BUY, OrderType.MARKET, quantity=Decimal("0.001")))
        books.write(Entries(events=venue.store.events))
        venue.store.events = []
    orders, trades = books.orders("alice"), books.trades("alice")
    assert orders[0].status is OrderStatus.NEW, "open ones stay"
    assert [order.order_id for order in orders[-20:]] == list(range(42, 62))
    assert 20 <= len(orders) <= 25
    assert 20 <= len(trades) <= 25
    assert books.sums()["base:BTCUSDT"] == 60 * 100, "sums count them all"
    books.close()


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "venue.sqlite"
    path.write_bytes(os.urandom(4_096))
    with pytest.raises(JournalError, match=str(path)):
        AccountStore(path)
