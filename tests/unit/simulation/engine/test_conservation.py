"""Random order flow of accounts and of the house: what must hold whatever happens."""

from decimal import Decimal

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from core.domain.orders import OrderType, Side, TimeInForce
from core.simulation.engine.events import (
    BalancesChanged,
    BookChanged,
    Deposited,
    Event,
    OrderChange,
    OrderChanged,
    Trade,
)
from core.simulation.engine.exchange import Exchange
from core.simulation.engine.fees import FeeSchedule
from core.simulation.engine.orders import NewOrder, OrderRecord
from core.simulation.engine.refusals import Refusal
from core.simulation.engine.symbols import SymbolSpec
from tests.unit.instruments import spot
from tests.unit.simulation.engine.exchanges import START_NS

ACCOUNTS = ("a", "b", "bnb")
COARSE = {"tick_size": Decimal("0.01"), "lot_size": Decimal("0.001"), "min_notional": Decimal(0)}
SPECS = [
    SymbolSpec.of(spot("BTC/USDT", **COARSE), max_open_orders=6),
    SymbolSpec.of(spot("BNB/USDT", **COARSE)),
    # Tick x lot is finer than an atom here: quote amounts are rounded.
    SymbolSpec.of(spot("ETH/BTC", **{**COARSE, "tick_size": Decimal("0.000001"), "lot_size": Decimal("0.003")})),
]
SYMBOLS = st.sampled_from([spec.name for spec in SPECS])
SIDES = st.sampled_from([Side.BUY, Side.SELL])
TICKS = st.integers(95, 105)
LOTS = st.integers(1, 40)
TYPES = st.sampled_from(
    [OrderType.LIMIT] * 4
    + [OrderType.MARKET, OrderType.LIMIT_MAKER, OrderType.STOP_LOSS, OrderType.TAKE_PROFIT, OrderType.STOP_LOSS_LIMIT]
)
TIMES = st.sampled_from([None, TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK])
DEPOSITS = {"BTC": Decimal(2), "BNB": Decimal("0.05"), "ETH": Decimal(3), "USDT": Decimal(20)}


class ExchangeMachine(RuleBasedStateMachine):
    open_orders = Bundle("open_orders")

    def __init__(self) -> None:
        super().__init__()
        fees = FeeSchedule(Decimal("7.5"), Decimal(10))
        self.venue = Exchange(SPECS, fees=fees, start_ns=START_NS)
        self.now_ns = START_NS
        self.sequence = 0
        self.deposited: dict[str, Decimal] = {}
        self.books: dict[str, tuple[dict[int, int], dict[int, int]]] = {spec.name: ({}, {}) for spec in SPECS}
        self.update_ids = {spec.name: 0 for spec in SPECS}
        self.balances: dict[tuple[str, str], tuple[int, int]] = {}
        self.fills: dict[int, int] = {}
        house = self.venue.house("BNBUSDT")
        house.bids.add_house(100, 20)
        house.take(house.bids, 10, 100, START_NS)
        house.log(START_NS)
        self.follow(self.venue.take_events(START_NS))
        for account in ACCOUNTS:
            fee_asset = "BNB" if account == "bnb" else None
            self.follow(self.venue.open_account(account, DEPOSITS, START_NS, fee_asset=fee_asset))

    def follow(self, events: list[Event]) -> None:
        """Fold the log into a second picture of books and balances, and check each step."""
        for event in events:
            assert event.sequence == self.sequence + 1
            self.sequence = event.sequence
            match event:
                case BookChanged():
                    self.apply(event)
                case BalancesChanged():
                    self.balances |= {(event.account, asset): (free, locked) for asset, free, locked in event.balances}
                case Deposited():
                    self.deposited[event.asset] = self.deposited.get(event.asset, Decimal(0)) + Decimal(event.amount)
                case OrderChanged():
                    self.check_order(event)
                case Trade():
                    assert event.quantity > 0
                case _:
                    pass

    def apply(self, event: BookChanged) -> None:
        n_changed = len(event.bids) + len(event.asks)
        assert n_changed > 0
        assert event.first_update_id == self.update_ids[event.symbol] + 1
        assert event.last_update_id == self.update_ids[event.symbol] + n_changed
        self.update_ids[event.symbol] = event.last_update_id
        for book, changed in zip(self.books[event.symbol], (event.bids, event.asks), strict=True):
            for price, lots in changed:
                if lots:
                    book[price] = lots
                else:
                    book.pop(price, None)
        bids, asks = self.books[event.symbol]
        assert (event.best_bid, event.best_ask) == (max(bids, default=0), min(asks, default=0))
        assert (event.best_bid_quantity, event.best_ask_quantity) == (
            bids.get(event.best_bid, 0),
            asks.get(event.best_ask, 0),
        )

    def check_order(self, event: OrderChanged) -> None:
        order, trade = event.order, event.trade
        assert (trade is not None) is (event.change is OrderChange.TRADE)
        if trade is None:
            return
        if order.price:
            assert trade.price <= order.price if order.side is Side.BUY else trade.price >= order.price
        self.fills[order.order_id] = self.fills.get(order.order_id, 0) + trade.quantity
        assert self.fills[order.order_id] == order.filled <= order.quantity

    @rule(
        target=open_orders,
        account=st.sampled_from(ACCOUNTS),
        symbol=SYMBOLS,
        side=SIDES,
        order_type=TYPES,
        ticks=TICKS,
        at=TICKS,
        lots=LOTS,
        time=TIMES,
        by_quote=st.booleans(),
    )
    def submit(
        self,
        account: str,
        symbol: str,
        side: Side,
        order_type: OrderType,
        ticks: int,
        at: int,
        lots: int,
        time: TimeInForce | None,
        by_quote: bool,
    ) -> object:
        spec = self.venue.symbols[symbol]
        has_limit = order_type in (OrderType.LIMIT, OrderType.LIMIT_MAKER, OrderType.STOP_LOSS_LIMIT)
        by_quote = by_quote and order_type is OrderType.MARKET
        order = NewOrder(
            symbol,
            side,
            order_type,
            quantity=None if by_quote else spec.quantity_decimal(lots),
            quote_quantity=Decimal(lots).scaleb(-3) if by_quote else None,
            price=spec.price_decimal(ticks) if has_limit else None,
            stop_price=spec.price_decimal(at) if order_type.name.startswith(("STOP", "TAKE")) else None,
            time_in_force=time if order_type in (OrderType.LIMIT, OrderType.STOP_LOSS_LIMIT) else None,
        )
        self.now_ns += 7_000_000_000
        try:
            record, events = self.venue.submit(account, order, self.now_ns)
        except Refusal:
            return multiple()
        self.follow(events)
        return record if record.status.is_open else multiple()

    @rule(record=consumes(open_orders))
    def cancel(self, record: OrderRecord) -> None:
        try:
            _, events = self.venue.cancel(record.account, record.symbol, order_id=record.order_id, now_ns=self.now_ns)
        except Refusal:
            found = self.venue.order(record.account, record.symbol, order_id=record.order_id)
            assert found is not None
            assert not found.status.is_open
            return
        self.follow(events)

    @rule(symbol=SYMBOLS, side=SIDES, ticks=TICKS, lots=LOTS)
    def the_house_rests(self, symbol: str, side: Side, ticks: int, lots: int) -> None:
        house = self.venue.house(symbol)
        own, other = (house.bids, house.asks) if side is Side.BUY else (house.asks, house.bids)
        left = house.take(other, lots, ticks, self.now_ns)
        if left:
            own.add_house(ticks * own.sign, left)
        house.log(self.now_ns)
        self.follow(self.venue.take_events(self.now_ns))

    @rule(symbol=SYMBOLS, side=SIDES, ticks=TICKS, lots=LOTS)
    def the_house_withdraws(self, symbol: str, side: Side, ticks: int, lots: int) -> None:
        house = self.venue.house(symbol)
        own = house.bids if side is Side.BUY else house.asks
        own.remove_house(ticks * own.sign, lots)
        house.log(self.now_ns)
        self.follow(self.venue.take_events(self.now_ns))

    @invariant()
    def every_asset_is_conserved(self) -> None:
        totals = {asset: Decimal(0) for asset in DEPOSITS}
        for account in ACCOUNTS:
            for asset, (free, locked) in self.venue.balances(account).items():
                assert free >= 0
                assert locked >= 0
                totals[asset] += free + locked
        for amounts in (self.venue.fees_collected(), self.venue.house_balances()):
            for asset, amount in amounts.items():
                totals[asset] += amount
        assert totals == {asset: atoms.scaleb(-8) for asset, atoms in self.deposited.items()}

    @invariant()
    def what_is_locked_is_what_open_orders_may_cost(self) -> None:
        for account in ACCOUNTS:
            expected: dict[str, int] = {}
            for order in self.venue.open_orders(account):
                spec, left = self.venue.symbols[order.symbol], order.quantity - order.filled
                if order.side is Side.BUY:
                    expected[spec.quote] = expected.get(spec.quote, 0) + spec.notional_up(
                        order.price or order.stop_price, left
                    )
                else:
                    expected[spec.base] = expected.get(spec.base, 0) + left * spec.lot_atoms
            locked = {asset: int(held.scaleb(8)) for asset, (_, held) in self.venue.balances(account).items() if held}
            assert locked == expected

    @invariant()
    def the_log_gives_the_same_books_and_balances(self) -> None:
        for symbol, (bids, asks) in self.books.items():
            depth = self.venue.depth(symbol, 1_000)
            assert depth.last_update_id == self.update_ids[symbol]
            assert depth.bids == tuple(sorted(bids.items(), reverse=True))
            assert depth.asks == tuple(sorted(asks.items()))
        for account in ACCOUNTS:
            for asset, (free, locked) in self.venue.balances(account).items():
                assert self.balances[account, asset] == (int(free.scaleb(8)), int(locked.scaleb(8)))

    @invariant()
    def books_are_never_crossed(self) -> None:
        for symbol in self.books:
            best = self.venue.best(symbol)
            assert not best.bid_quantity or not best.ask_quantity or best.bid < best.ask


TestExchange = ExchangeMachine.TestCase
TestExchange.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
