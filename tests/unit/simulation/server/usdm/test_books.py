"""What is stored of perpetuals is all that there is: the exchange rebuilt from its books is the exchange."""

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from core.domain.instruments import InstrumentId
from core.domain.orders import OrderType, Side, TimeInForce
from core.simulation.engine.fees import FeeSchedule
from core.simulation.engine.perpetual.orders import (
    ConditionalType,
    MarginType,
    NewAlgoOrder,
    NewPerpetualOrder,
    PositionSide,
)
from core.simulation.engine.perpetual.venue import PerpetualVenue, with_perpetuals
from core.simulation.engine.venue import generated_venue
from core.simulation.server.books import NewAccount
from core.simulation.server.market_publisher import MarketPublisher
from core.simulation.server.records import Record
from core.simulation.server.store import AccountStore
from core.simulation.server.stream_hub import StreamHub
from core.simulation.server.usdm.floor import UsdmFloor
from core.simulation.server.usdm.ledger import ledger
from core.simulation.server.usdm.mark_publisher import MarkPublisher
from core.simulation.server.usdm.records import FUNDING, NOBODY, UsdmRecords
from core.simulation.server.usdm.resume import (
    account_snapshot,
    listed,
    remember_listed,
    remember_numbers,
    stored_sequence,
)
from tests.unit.simulation.server.floors import HandClock

MINUTE_NS = 60_000_000_000
FUNDING_NS = 480 * MINUTE_NS
START_NS = 1_700_000_000_000_000_000 // FUNDING_NS * FUNDING_NS - 2 * MINUTE_NS
"""Two minutes before a payment."""
SPOT, PERPETUAL = InstrumentId("BTC/USDT"), InstrumentId("BTC/USDT:USDT")
BTC = "BTCUSDT"


def build() -> PerpetualVenue:
    fees = FeeSchedule(Decimal(2), Decimal(5))
    spot = generated_venue([SPOT], fees=fees, seed=7, start_ns=START_NS, messages_per_s=0.02)
    return with_perpetuals(spot, [PERPETUAL], fees=fees, seed=7, messages_per_s=0.02)


class Life:
    """A floor of perpetuals over a store, with a clock moved by hand."""

    def __init__(self, store: AccountStore) -> None:
        venue = build()
        self.exchange = venue.exchange
        self.clock = HandClock(START_NS)
        self.store = store
        self.told: list[Any] = []
        self._market = venue.market
        hub = StreamHub()
        self.floor = UsdmFloor(
            exchange=venue.exchange,
            advance=self.advance,
            clock=self.clock,
            store=store,
            records=UsdmRecords(venue.exchange),
            publisher=MarketPublisher(venue.exchange, hub, self.clock.now_ms, turn_ms=20),
            marks=MarkPublisher(venue.exchange.symbols, hub, self.clock.now_ms, turn_ms=20),
            hub=hub,
            tell_private=self.told.extend,
        )

    def advance(self) -> int:
        _, events = self._market.advance(self.clock.time_ns)
        self.floor.take(events)
        return self.clock.time_ns

    def open(self, account: str) -> None:
        self.store.append((), opened=NewAccount(account, "secret", self.clock.time_ns))
        self.floor.open_account(account, {"USDT": Decimal(10_000)})

    def order(self, account: str, side: Side, quantity: str, price: float | None = None) -> Any:
        kind = OrderType.MARKET if price is None else OrderType.LIMIT
        order = NewPerpetualOrder(
            symbol=BTC,
            side=side,
            order_type=kind,
            quantity=Decimal(quantity),
            price=None if price is None else Decimal(str(round(price, 1))),
            time_in_force=None if price is None else TimeInForce.GTC,
        )
        return self.floor.submit(account, order)

    def price(self) -> float:
        return float(self.exchange.last_price(BTC)) / 10


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[AccountStore]:
    store = AccountStore(tmp_path / "venue.sqlite")
    store.start()
    yield store
    await store.stop()
    store.close()


async def a_busy_day(store: AccountStore) -> Life:
    """Crossed and isolated positions, orders, conditional orders, leverage, and a funding payment."""
    life = Life(store)
    life.open("alice")
    life.open("bob")
    life.floor.set_leverage("alice", BTC, 10)
    life.floor.set_margin_type("bob", BTC, MarginType.ISOLATED)
    life.order("alice", Side.BUY, "0.05")
    life.order("bob", Side.SELL, "0.02")
    life.floor.change_margin("bob", BTC, PositionSide.BOTH, Decimal(100))
    resting = life.order("alice", Side.BUY, "0.01", life.price() * 0.97)
    life.floor.amend(
        "alice",
        BTC,
        quantity=Decimal("0.02"),
        price=Decimal(str(round(life.price() * 0.96, 1))),
        order_id=resting.order_id,
        client_order_id=None,
    )
    for kind, share in ((ConditionalType.STOP_MARKET, 0.5), (ConditionalType.TAKE_PROFIT_MARKET, 1.5)):
        trigger = Decimal(str(round(life.price() * share, 1)))
        order = NewAlgoOrder(
            symbol=BTC, side=Side.SELL, order_type=kind, quantity=Decimal("0.01"), trigger_price=trigger
        )
        waiting = life.floor.submit_algo("alice", order)
    life.floor.cancel_algo("alice", algo_id=waiting.algo_id, client_algo_id=None)
    life.clock.time_ns += 3 * MINUTE_NS
    life.advance()
    life.order("alice", Side.SELL, "0.01")
    remember_listed(store, life.exchange)
    remember_numbers(store, life.exchange, life.floor.last_sequence)
    await store.durable()
    return life


async def test_the_exchange_rebuilt_from_its_books_is_the_exchange(store: AccountStore) -> None:
    life = await a_busy_day(store)
    assert len(life.exchange.funding_rates(BTC)) == 1
    kept = account_snapshot(store.books, life.exchange.symbols)
    truth = life.exchange.snapshot_accounts()
    assert kept["accounts"] == truth["accounts"]
    assert (kept["fees_collected"], kept["insurance"]) == (truth["fees_collected"], truth["insurance"])
    for key in ("house_base", "house_quote", "rates"):
        assert kept["symbols"][BTC][key] == truth["symbols"][BTC][key]
    assert kept["last_ids"][:3] == truth["last_ids"][:3]
    assert kept["last_ids"][3] > truth["last_ids"][3]
    again = build().exchange
    again.restore_accounts(kept)
    assert again.snapshot_accounts()["accounts"] == truth["accounts"]


async def test_the_ledger_adds_up(store: AccountStore) -> None:
    life = await a_busy_day(store)
    for account in ("alice", "bob"):
        shown: Any = ledger(store.books.records, life.exchange.symbols, account)
        kinds = {entry["incomeType"] for entry in shown["income"]}
        assert {"TRANSFER", "COMMISSION", "FUNDING_FEE"} <= kinds
        total = sum(Decimal(entry["income"]) for entry in shown["income"])
        assert Decimal(shown["wallets"]["USDT"]) == total == life.exchange.wallets(account)["USDT"]


async def test_private_events_are_told_after_their_commit(store: AccountStore) -> None:
    life = Life(store)
    life.open("alice")
    life.order("alice", Side.BUY, "0.01")
    assert life.told == []
    await store.durable()
    assert [type(event).__name__ for event in life.told][-2:] == ["PerpetualOrderChanged", "AccountChanged"]


async def test_what_is_listed(store: AccountStore) -> None:
    solana, pair = InstrumentId("SOL/USDT:USDT"), InstrumentId("SOL/USDT")
    fresh = listed(store.books, [SPOT, solana])
    assert (fresh.spot, fresh.perpetuals, fresh.known) == ((SPOT, pair), (solana,), {})
    assert stored_sequence(store.books) == 0
    life = await a_busy_day(store)
    later = listed(store.books, [pair])
    assert (later.spot, later.perpetuals) == ((pair, SPOT), (PERPETUAL,))
    assert later.known[PERPETUAL] == life.exchange.symbols[BTC].instrument
    assert stored_sequence(store.books) > life.floor.last_sequence


async def test_an_account_whose_perpetual_is_gone_is_not_resumed_in_silence(store: AccountStore) -> None:
    await a_busy_day(store)
    exchange = build().exchange
    with pytest.raises(ValueError, match="not listed here"):
        snapshot = account_snapshot(store.books, exchange.symbols)
        for order in snapshot["accounts"]["alice"]["orders"]:
            order["symbol"] = "GONEUSDT"
        exchange.restore_accounts(snapshot)
    assert not exchange.has_account("alice")


async def test_funding_is_kept_by_time(store: AccountStore) -> None:
    store.append((), records=[Record(FUNDING, NOBODY, BTC, n, {"rate": n}) for n in (3, 1, 2)])
    await store.durable()
    assert [each["rate"] for each in store.books.records.of(NOBODY, FUNDING, dict[str, int])] == [1, 2, 3]
