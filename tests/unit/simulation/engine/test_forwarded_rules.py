"""Random orders in a random forwarded market: no fill is ever better, or larger, than the rules allow."""

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from core.domain.orders import OrderType, Side, TimeInForce
from core.simulation.engine.events import Deposited, Event, OrderChange, OrderChanged
from core.simulation.engine.fees import FeeSchedule
from core.simulation.engine.forwarded import (
    LADDER_GAP_BPS,
    LADDER_GROWTH,
    LADDER_LEVELS,
    ForwardedMarket,
    MarketLost,
    QuoteShown,
    TradeSeen,
    forwarded_venue,
)
from core.simulation.engine.orders import AccountTrade, NewOrder, OrderRecord
from core.simulation.engine.refusals import Refusal
from tests.unit.instruments import spot
from tests.unit.simulation.engine.exchanges import START_NS

COARSE = {"tick_size": Decimal("0.01"), "lot_size": Decimal("0.001"), "min_notional": Decimal(0)}
INSTRUMENTS = [
    spot("BTC/USDT", **COARSE),
    # Tick x lot is finer than an atom here: quote amounts are rounded.
    spot("ETH/BTC", **{**COARSE, "tick_size": Decimal("0.000001"), "lot_size": Decimal("0.003")}),
]
ACCOUNTS = ("a", "b")
DEPOSITS = {"BTC": Decimal(2), "ETH": Decimal(3), "USDT": Decimal(20)}
SYMBOLS = st.sampled_from(["BTCUSDT", "ETHBTC"])
TICKS = st.integers(98, 102)
LOTS = st.integers(1, 25)
TYPES = st.sampled_from([OrderType.LIMIT] * 4 + [OrderType.MARKET, OrderType.LIMIT_MAKER, OrderType.STOP_LOSS])


@dataclass
class ShownSide:
    """What the rules let takers find on one side: lots by price, less what was taken."""

    sign: int
    """1: bids, -1: asks."""
    shown: tuple[int, int] | None = None
    """(price, lots) as last shown; `None` after a trade beyond it."""
    lots: int = 0
    price: int = 0
    levels: Counter[int] = field(default_factory=Counter)

    def show(self, price: int, lots: int) -> bool:
        if self.shown == (price, lots):
            return False
        self.shown, self.price, self.lots = (price, lots), price, lots
        self.levels = Counter({price: lots} | self.ladder()) if lots else Counter()
        return True

    def hang(self, price: int) -> None:
        self.shown, self.price = None, price
        self.levels = Counter(self.ladder())

    def ladder(self) -> dict[int, int]:
        gap = max(1, -(-self.price * LADDER_GAP_BPS // 10_000))
        steps = range(1, LADDER_LEVELS + 1)
        return {self.price - self.sign * step * gap: self.lots * LADDER_GROWTH**step for step in steps}


class ForwardedMachine(RuleBasedStateMachine):
    open_orders = Bundle("open_orders")

    def __init__(self) -> None:
        super().__init__()
        venue = forwarded_venue(INSTRUMENTS, fees=FeeSchedule(Decimal("7.5"), Decimal(10)), start_ns=START_NS)
        assert isinstance(venue.market, ForwardedMarket)
        self.venue, self.market = venue.exchange, venue.market
        self.now_ns = START_NS
        self.deposited: Counter[str] = Counter()
        self.sides = {spec: {Side.BUY: ShownSide(1), Side.SELL: ShownSide(-1)} for spec in self.venue.symbols}
        self.queued: dict[int, int] = {}
        """Lots that must still trade at their price before these orders may fill there."""
        for account in ACCOUNTS:
            for event in self.venue.open_account(account, DEPOSITS, START_NS):
                if isinstance(event, Deposited):
                    self.deposited[event.asset] += event.amount

    # What the house may have done in one step

    def house_fills(self, events: list[Event]) -> list[AccountTrade]:
        """Fills of orders against the house; those of one account with another are between themselves."""
        fills = [event.trade for event in events if isinstance(event, OrderChanged) and event.trade is not None]
        sides = Counter((fill.symbol, fill.trade_id) for fill in fills)
        return [fill for fill in fills if sides[fill.symbol, fill.trade_id] == 1]

    def check_taken(self, fills: list[AccountTrade]) -> None:
        for fill in fills:
            if fill.is_maker:
                continue
            found = self.sides[fill.symbol][fill.side.opposite].levels
            assert found[fill.price] >= fill.quantity, (fill, found)
            found[fill.price] -= fill.quantity

    def order_of(self, fill: AccountTrade) -> OrderRecord:
        found = self.venue.order(fill.account, fill.symbol, order_id=fill.order_id)
        assert found is not None
        return found

    @rule(symbol=SYMBOLS, bid=TICKS, spread=st.integers(1, 3), bid_lots=LOTS, ask_lots=st.integers(0, 25))
    def the_market_quotes(self, symbol: str, bid: int, spread: int, bid_lots: int, ask_lots: int) -> None:
        shown = self.sides[symbol]
        opposite_lots = {
            Side.BUY: ask_lots if shown[Side.SELL].show(bid + spread, ask_lots) else 0,
            Side.SELL: bid_lots if shown[Side.BUY].show(bid, bid_lots) else 0,
        }
        for order in self.resting(symbol):
            touch = shown[order.side]
            if order.side.sign * (order.price - touch.price) > 0 or not touch.lots:
                self.queued.pop(order.order_id, None)
        fills = self.house_fills(self.play(QuoteShown(symbol, bid, bid_lots, bid + spread, ask_lots)))
        for fill in fills:
            if not fill.is_maker:
                continue
            opposite = shown[fill.side.opposite]
            assert fill.price == self.order_of(fill).price
            assert fill.side.sign * (fill.price - opposite.price) >= 0
            opposite_lots[fill.side] -= fill.quantity
            assert opposite_lots[fill.side] >= 0
            opposite.levels[opposite.price] -= fill.quantity
        self.check_taken(fills)

    @rule(symbol=SYMBOLS)
    def the_market_repeats_itself(self, symbol: str) -> None:
        bids, asks = self.sides[symbol][Side.BUY].shown, self.sides[symbol][Side.SELL].shown
        if bids is not None and asks is not None:
            assert self.house_fills(self.play(QuoteShown(symbol, *bids, *asks))) == []

    @rule(
        symbol=SYMBOLS,
        price=TICKS,
        lots=LOTS,
        buyer_is_maker=st.booleans(),
        late=st.sampled_from([False, False, True]),
        at_touch=st.booleans(),
    )
    def somebody_trades(
        self, symbol: str, price: int, lots: int, buyer_is_maker: bool, late: bool, at_touch: bool
    ) -> None:
        hit_side = Side.BUY if buyer_is_maker else Side.SELL
        price = self.touch(symbol, hit_side) if at_touch else price
        hit, other = self.sides[symbol][hit_side], self.sides[symbol][hit_side.opposite]
        if hit.lots and hit.sign * (hit.price - price) > 0:
            hit.hang(price)
        if other.lots and other.sign * (other.price - price) >= 0:
            other.hang(price)
        time_ns = START_NS - 1 if late else self.now_ns + 1
        fills = self.house_fills(self.play(TradeSeen(symbol, price, lots, buyer_is_maker, time_ns)))
        at_price: Counter[int] = Counter()
        left = lots
        for fill in fills:
            if fill.is_maker:
                assert not late
                assert fill.side is hit_side
                assert fill.price == self.order_of(fill).price
                assert fill.side.sign * (fill.price - price) >= 0
                left -= fill.quantity
                at_price[fill.order_id] += fill.quantity if fill.price == price else 0
        assert left >= 0
        for order_id, quantity in at_price.items():
            assert quantity <= max(0, lots - self.queued.get(order_id, 0))
        if not late:
            for order in self.resting(symbol):
                if order.side is hit_side and order.price == price and order.order_id in self.queued:
                    self.queued[order.order_id] = max(0, self.queued[order.order_id] - lots)
        self.check_taken(fills)

    @rule(symbol=SYMBOLS)
    def the_market_is_lost(self, symbol: str) -> None:
        self.sides[symbol] = {Side.BUY: ShownSide(1), Side.SELL: ShownSide(-1)}
        assert self.house_fills(self.play(MarketLost(symbol))) == []
        for order in self.resting(symbol):
            self.queued.pop(order.order_id, None)

    def play(self, event: QuoteShown | TradeSeen | MarketLost) -> list[Event]:
        self.now_ns += 7_000_000_000
        assert self.market.offer([event])
        return self.market.advance(self.now_ns)

    def touch(self, symbol: str, side: Side) -> int:
        return self.sides[symbol][side].price or 100

    def resting(self, symbol: str) -> list[OrderRecord]:
        return [order for account in ACCOUNTS for order in self.venue.open_orders(account, symbol) if order.is_working]

    # What accounts do

    @rule(
        target=open_orders,
        account=st.sampled_from(ACCOUNTS),
        symbol=SYMBOLS,
        side=st.sampled_from(Side),
        order_type=TYPES,
        ticks=TICKS,
        lots=LOTS,
        time=st.sampled_from([None, None, TimeInForce.IOC, TimeInForce.FOK]),
        at_touch=st.booleans(),
    )
    def submit(
        self,
        account: str,
        symbol: str,
        side: Side,
        order_type: OrderType,
        ticks: int,
        lots: int,
        time: TimeInForce | None,
        at_touch: bool,
    ) -> object:
        spec = self.venue.symbols[symbol]
        ticks = self.touch(symbol, side) if at_touch else ticks
        order = NewOrder(
            symbol,
            side,
            order_type,
            quantity=spec.quantity_decimal(lots),
            price=spec.price_decimal(ticks) if order_type.name.startswith("LIMIT") else None,
            stop_price=spec.price_decimal(ticks) if order_type is OrderType.STOP_LOSS else None,
            time_in_force=time if order_type is OrderType.LIMIT else None,
        )
        self.now_ns += 7_000_000_000
        try:
            record, events = self.venue.submit(account, order, self.now_ns)
        except Refusal:
            return multiple()
        fills = self.house_fills(events)
        assert not any(fill.is_maker for fill in fills)
        self.check_taken(fills)
        if not record.status.is_open:
            return multiple()
        touch = self.sides[symbol][side]
        if record.is_working and touch.shown == (record.price, touch.lots):
            self.queued[record.order_id] = touch.lots
        return record

    @rule(record=consumes(open_orders))
    def cancel(self, record: OrderRecord) -> None:
        try:
            _, events = self.venue.cancel(record.account, record.symbol, order_id=record.order_id, now_ns=self.now_ns)
        except Refusal:
            return
        assert [event.change for event in events if isinstance(event, OrderChanged)] == [OrderChange.CANCELED]

    # What holds at all times

    @invariant()
    def every_asset_is_conserved(self) -> None:
        totals: Counter[str] = Counter()
        for account in ACCOUNTS:
            for asset, (free, locked) in self.venue.balances(account).items():
                assert free >= 0
                assert locked >= 0
                totals[asset] += int((free + locked).scaleb(8))
        for amounts in (self.venue.fees_collected(), self.venue.house_balances()):
            for asset, amount in amounts.items():
                totals[asset] += int(amount.scaleb(8))
        assert totals == self.deposited

    @invariant()
    def the_book_shows_no_more_than_the_market_and_the_orders(self) -> None:
        for symbol, shown in self.sides.items():
            depth = self.venue.depth(symbol, 100)
            for side, levels in ((Side.BUY, depth.bids), (Side.SELL, depth.asks)):
                ordered: Counter[int] = Counter()
                for order in self.resting(symbol):
                    if order.side is side:
                        ordered[order.price] += order.quantity - order.filled
                for price, lots in levels:
                    assert ordered[price] <= lots <= ordered[price] + max(0, shown[side].levels[price])
            assert not depth.bids or not depth.asks or depth.bids[0][0] < depth.asks[0][0]


TestForwardedMarket = pytest.mark.slow(ForwardedMachine.TestCase)
TestForwardedMarket.settings = settings(max_examples=120, stateful_step_count=35, deadline=None)
