"""Random order flow of accounts, of the house and of prices: what must hold whatever happens."""

import json
import random
from collections import Counter
from decimal import Decimal

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from core.domain.orders import OrderType, Side, TimeInForce
from core.simulation.engine.events import OrderChange, Trade
from core.simulation.engine.perpetual.contracts import MEDIUM
from core.simulation.engine.perpetual.events import (
    AccountChanged,
    AlgoOrderChanged,
    PerpetualEvent,
    PerpetualOrderChanged,
)
from core.simulation.engine.perpetual.exchange import PerpetualExchange
from core.simulation.engine.perpetual.orders import (
    ConditionalType,
    MarginType,
    NewAlgoOrder,
    NewPerpetualOrder,
    PositionSide,
    WorkingType,
)
from core.simulation.engine.refusals import Refusal
from tests.unit.simulation.engine.perpetual.perpetuals import SECOND_NS, START_NS, USDT, USUAL, contract

ACCOUNTS = ("one-way", "hedged", "isolated")
CONTRACTS = [contract(max_open_orders=8, funding_interval_h=1), contract("ETH/USDT:USDT", table=MEDIUM)]
SYMBOLS = st.sampled_from([each.spec.name for each in CONTRACTS])
SIDES = st.sampled_from([Side.BUY, Side.SELL])
TICKS = st.integers(960, 1_040)
"""Around a price of 100 USDT."""
LOTS = st.integers(1, 400).map(lambda tens: tens * 500)
TIMES = st.sampled_from([None, None, *TimeInForce])
DEPOSIT = 1_000


class PerpetualMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.venue = PerpetualExchange(CONTRACTS, fees=USUAL, start_ns=START_NS)
        self.now_ns = START_NS
        self.sequence = 0
        self.deposited = Decimal(0)
        self.filled: dict[int, int] = {}
        self.held: dict[tuple[str, str, PositionSide], int] = {}
        self.prices = {each.spec.name: 1_000 for each in CONTRACTS}
        self.seen: Counter[str] = Counter()
        for account in ACCOUNTS:
            self.follow(self.venue.open_account(account, {"USDT": Decimal(DEPOSIT)}, START_NS))
            self.deposited += DEPOSIT
        self.venue.set_hedged("hedged", START_NS, is_hedged=True)
        for each in CONTRACTS:
            self.follow(self.venue.set_margin_type("isolated", each.spec.name, MarginType.ISOLATED, START_NS))

    @initialize()
    def open_the_market(self) -> None:
        for each in CONTRACTS:
            self.quote(each.spec.name)
        self.strike(0)

    def follow(self, events: list[PerpetualEvent]) -> None:
        for event in events:
            assert event.sequence == self.sequence + 1
            self.sequence = event.sequence
            match event:
                case PerpetualOrderChanged():
                    self.check_order(event)
                case AccountChanged():
                    self.seen[event.reason.value] += 1
                    for state in event.positions:
                        self.held[event.account, state.symbol, state.side] = state.lots
                case Trade():
                    assert event.quantity > 0
                case AlgoOrderChanged():
                    self.seen[event.order.status.value] += 1
                case _:
                    pass

    def check_order(self, event: PerpetualOrderChanged) -> None:
        order, trade = event.order, event.trade
        assert (trade is not None) is (event.change is OrderChange.TRADE)
        assert 0 <= order.filled <= order.quantity
        if event.change is OrderChange.AMENDED:
            self.seen["amended"] += 1
        if trade is None:
            return
        self.seen["trade"] += 1
        self.seen["liquidation"] += order.is_liquidation
        self.seen["reducing trade"] += order.reduce_only
        if order.price:
            assert trade.price <= order.price if order.side is Side.BUY else trade.price >= order.price
        self.filled[order.order_id] = self.filled.get(order.order_id, 0) + trade.quantity
        assert self.filled[order.order_id] == order.filled
        key = order.account, order.symbol, order.position_side
        before = self.held.get(key, 0)
        after = self.held[key] = before + trade.quantity * order.side.sign
        reduces = order.reduce_only or order.close_position or order.is_liquidation
        if reduces or order.position_side is (PositionSide.SHORT if order.side is Side.BUY else PositionSide.LONG):
            assert abs(after) < abs(before)
            assert before * after >= 0
        if order.position_side is PositionSide.LONG:
            assert after >= 0
        if order.position_side is PositionSide.SHORT:
            assert after <= 0

    def position_side(self, account: str, wanted: bool) -> PositionSide:
        if account != "hedged":
            return PositionSide.BOTH
        return PositionSide.LONG if wanted else PositionSide.SHORT

    @rule(
        account=st.sampled_from(ACCOUNTS),
        symbol=SYMBOLS,
        side=SIDES,
        is_market=st.booleans(),
        ticks=TICKS,
        lots=LOTS,
        time=TIMES,
        long=st.booleans(),
        reduce_only=st.booleans(),
    )
    def submit(
        self,
        account: str,
        symbol: str,
        side: Side,
        is_market: bool,
        ticks: int,
        lots: int,
        time: TimeInForce | None,
        long: bool,
        reduce_only: bool,
    ) -> None:
        self.now_ns += 7_000_000
        order = NewPerpetualOrder(
            symbol=symbol,
            side=side,
            order_type=OrderType.MARKET if is_market else OrderType.LIMIT,
            quantity=Decimal(lots).scaleb(-3),
            price=None if is_market else Decimal(ticks).scaleb(-1),
            time_in_force=None if is_market else time,
            position_side=self.position_side(account, long),
            reduce_only=reduce_only and account != "hedged",
            good_till_ns=self.now_ns + 700 * SECOND_NS if time is TimeInForce.GTD and not is_market else None,
        )
        try:
            _, events = self.venue.submit(account, order, self.now_ns)
        except Refusal:
            return
        self.follow(events)

    @rule(
        account=st.sampled_from(ACCOUNTS),
        symbol=SYMBOLS,
        side=SIDES,
        kind=st.sampled_from(ConditionalType),
        ticks=TICKS,
        lots=LOTS,
        long=st.booleans(),
        closes=st.booleans(),
        working=st.sampled_from(WorkingType),
    )
    def submit_algo(
        self,
        account: str,
        symbol: str,
        side: Side,
        kind: ConditionalType,
        ticks: int,
        lots: int,
        long: bool,
        closes: bool,
        working: WorkingType,
    ) -> None:
        can_close = kind in (ConditionalType.STOP_MARKET, ConditionalType.TAKE_PROFIT_MARKET)
        is_trailing = kind is ConditionalType.TRAILING_STOP_MARKET
        order = NewAlgoOrder(
            symbol=symbol,
            side=side,
            order_type=kind,
            quantity=None if closes and can_close else Decimal(lots).scaleb(-3),
            price=Decimal(ticks).scaleb(-1) if kind.has_limit else None,
            trigger_price=None if is_trailing else Decimal(ticks).scaleb(-1),
            callback_rate=Decimal("0.5") if is_trailing else None,
            position_side=self.position_side(account, long),
            reduce_only=closes and not can_close and account != "hedged",
            close_position=closes and can_close,
            working_type=working,
        )
        try:
            _, events = self.venue.submit_algo(account, order, self.now_ns)
        except Refusal:
            return
        self.follow(events)

    @rule(account=st.sampled_from(ACCOUNTS), which=st.integers(0, 20))
    def cancel(self, account: str, which: int) -> None:
        if orders := self.venue.open_orders(account):
            order = orders[which % len(orders)]
            self.follow(self.venue.cancel(account, order.symbol, order_id=order.order_id, now_ns=self.now_ns)[1])

    @rule(account=st.sampled_from(ACCOUNTS), which=st.integers(0, 20), ticks=TICKS, lots=LOTS)
    def amend(self, account: str, which: int, ticks: int, lots: int) -> None:
        if not (orders := self.venue.open_orders(account)):
            return
        order = orders[which % len(orders)]
        quantity, price = Decimal(lots).scaleb(-3), Decimal(ticks).scaleb(-1)
        try:
            _, events = self.venue.amend(
                account, order.symbol, quantity=quantity, price=price, order_id=order.order_id, now_ns=self.now_ns
            )
        except Refusal:
            return
        self.follow(events)

    @rule(account=st.sampled_from(ACCOUNTS), symbol=SYMBOLS, leverage=st.sampled_from([1, 5, 20, 50, 75, 125]))
    def choose_leverage(self, account: str, symbol: str, leverage: int) -> None:
        try:
            self.follow(self.venue.set_leverage(account, symbol, leverage, self.now_ns)[1])
        except Refusal:
            return

    @rule(symbol=SYMBOLS, by=st.integers(-25, 25), deep=st.booleans())
    def move_the_price(self, symbol: str, by: int, deep: bool) -> None:
        self.prices[symbol] = min(max(self.prices[symbol] + by, 950), 1_050)
        self.quote(symbol, 400_000 if deep else 500)

    @rule(symbol=SYMBOLS, side=SIDES, lots=LOTS, reach=st.integers(0, 10))
    def the_house_takes(self, symbol: str, side: Side, lots: int, reach: int) -> None:
        house = self.venue.house(symbol)
        book = house.asks if side is Side.BUY else house.bids
        if book.keys:
            house.take(book, lots, book.best_price() - book.sign * reach, self.now_ns)
            house.log(self.now_ns)
            self.follow(self.venue.take_events(self.now_ns))

    @rule(seconds=st.sampled_from([1, 1, 5, 3_600]))
    def strike(self, seconds: int) -> None:
        self.now_ns += seconds * SECOND_NS
        indices = {symbol: price * USDT // 10 for symbol, price in self.prices.items()}
        self.venue.mark(indices, self.now_ns)
        events = self.venue.take_events(self.now_ns)
        self.follow(events)
        for account in ACCOUNTS:
            (asset,) = self.venue.account(account).assets
            if not any(isinstance(event, Trade) for event in events):
                # A liquidation's trades may bring others into trouble, until the next second.
                assert asset.margin_balance >= asset.maintenance_margin
            if account == "isolated" or not self.venue.positions(account):
                assert asset.cross_wallet >= 0

    @precondition(lambda self: self.sequence > 30)
    @rule()
    def restart(self) -> None:
        data = json.loads(json.dumps(self.venue.snapshot_accounts()))
        young = PerpetualExchange(CONTRACTS, fees=USUAL, start_ns=self.now_ns)
        young.restore_accounts(data)
        assert young.snapshot_accounts() == self.venue.snapshot_accounts()
        for account in ACCOUNTS:
            assert young.open_orders(account) == self.venue.open_orders(account)
            assert young.open_algo_orders(account) == self.venue.open_algo_orders(account)
        self.venue = young
        for each in CONTRACTS:
            self.quote(each.spec.name)
        self.strike(1)

    def quote(self, symbol: str, lots: int = 400_000) -> None:
        """The house stands around the present price, trading with whoever is in the way."""
        house, price = self.venue.house(symbol), self.prices[symbol]
        for side in (house.bids, house.asks):
            for key in list(side.keys):
                side.remove_house(key, 1 << 60)
        house.take(house.asks, 1 << 40, price - 1, self.now_ns)
        house.take(house.bids, 1 << 40, price + 1, self.now_ns)
        for away in (1, 2, 5, 20):
            house.bids.add_house(price - away, lots)
            house.asks.add_house(-(price + away), lots)
        house.log(self.now_ns)
        self.follow(self.venue.take_events(self.now_ns))

    @invariant()
    def money_is_conserved(self) -> None:
        total = sum((self.venue.wallets(account)["USDT"] for account in ACCOUNTS), Decimal(0))
        for amounts in (self.venue.fees_collected(), self.venue.insurance_fund(), self.venue.house_balances()):
            total += amounts.get("USDT", Decimal(0))
        assert total == self.deposited

    @invariant()
    def positions_sum_to_nothing(self) -> None:
        for each in CONTRACTS:
            symbol = each.spec.name
            held = [view.lots for account in ACCOUNTS for view in self.venue.positions(account, symbol)]
            assert sum(held) + self.venue.house_position(symbol) == 0
            for account in ACCOUNTS:
                for view in self.venue.positions(account, symbol):
                    assert self.held.get((account, symbol, view.side), 0) == view.lots

    @invariant()
    def what_reduces_never_exceeds_its_position(self) -> None:
        for account in ACCOUNTS:
            left: dict[tuple[str, PositionSide, Side], int] = {}
            for order in self.venue.open_orders(account):
                closing = PositionSide.SHORT if order.side is Side.BUY else PositionSide.LONG
                if order.reduce_only or order.position_side is closing:
                    key = order.symbol, order.position_side, order.side
                    left[key] = left.get(key, 0) + order.quantity - order.filled
            for (symbol, side, order_side), lots in left.items():
                view = next(each for each in self.venue.positions(account, symbol) if each.side is side)
                assert lots <= -view.lots * order_side.sign

    @invariant()
    def margins_add_up(self) -> None:
        for account in ACCOUNTS:
            view = self.venue.account(account)
            (asset,) = view.assets
            assert asset.position_initial_margin == sum(each.position_initial_margin for each in view.positions)
            assert asset.open_order_initial_margin == sum(each.open_order_initial_margin for each in view.positions)
            assert asset.maintenance_margin == sum(each.maintenance_margin for each in view.positions)
            assert asset.unrealised == sum(each.unrealised for each in view.positions)
            assert asset.cross_wallet == asset.wallet - sum(each.isolated_wallet for each in view.positions)
            spec_notional = {each.spec.name: each.spec.notional_num for each in CONTRACTS}
            for each in view.positions:
                opening = [
                    order
                    for order in self.venue.open_orders(account, each.symbol)
                    if order.position_side is each.side
                    and not order.reduce_only
                    and order.position_side is not (PositionSide.SHORT if order.side is Side.BUY else PositionSide.LONG)
                ]
                for side, notional in ((Side.BUY, each.bid_notional), (Side.SELL, each.ask_notional)):
                    lots = [order.price * (order.quantity - order.filled) for order in opening if order.side is side]
                    assert sum(lots) * spec_notional[each.symbol] == notional

    @invariant()
    def books_are_never_crossed(self) -> None:
        for each in CONTRACTS:
            best = self.venue.best(each.spec.name)
            assert not best.bid_quantity or not best.ask_quantity or best.bid < best.ask


TestPerpetuals = PerpetualMachine.TestCase
TestPerpetuals.settings = settings(max_examples=25, stateful_step_count=40, deadline=None)


def play(seed: int, n: int) -> PerpetualMachine:
    """The same machine in the hands of a trader who mostly sends what will be taken, and stays at it."""
    rng, machine = random.Random(seed), PerpetualMachine()
    machine.open_the_market()
    names = [each.spec.name for each in CONTRACTS]
    for _ in range(n):
        account, symbol, side = rng.choice(ACCOUNTS), rng.choice(names), rng.choice((Side.BUY, Side.SELL))
        ticks = machine.prices[symbol] + round(rng.gauss(0, 8))
        lots, kind = rng.randrange(1, 40) * 1_000, rng.random()
        if kind < 0.45:
            time = rng.choice((None, None, None, *TimeInForce))
            machine.submit(
                account, symbol, side, rng.random() < 0.3, ticks, lots, time, rng.random() < 0.5, kind < 0.15
            )
        elif kind < 0.55:
            closes, working = rng.random() < 0.5, rng.choice(list(WorkingType))
            algo, long = rng.choice(list(ConditionalType)), rng.random() < 0.5
            machine.submit_algo(account, symbol, side, algo, ticks, lots, long, closes, working)
        elif kind < 0.60:
            machine.cancel(account, rng.randrange(20))
        elif kind < 0.65:
            machine.amend(account, rng.randrange(20), ticks, lots)
        elif kind < 0.68:
            machine.choose_leverage(account, symbol, rng.choice((5, 20, 50, 75)))
        elif kind < 0.80:
            machine.move_the_price(symbol, round(rng.gauss(0, 6)), rng.random() < 0.9)
        elif kind < 0.90:
            machine.the_house_takes(symbol, side, lots, 5)
        elif kind < 0.995:
            machine.strike(1 if rng.random() < 0.98 else 3_600)
        else:
            machine.restart()
        machine.money_is_conserved()
        machine.positions_sum_to_nothing()
        machine.what_reduces_never_exceeds_its_position()
        machine.margins_add_up()
        machine.books_are_never_crossed()
    return machine


@pytest.mark.parametrize("seed", [1, 2])
def test_a_long_flow_of_orders(seed: int) -> None:
    seen = play(seed, 700).seen
    for what in ("trade", "liquidation", "amended", "reducing trade", "FINISHED", "FUNDING_FEE", "INSURANCE_CLEAR"):
        assert seen[what], f"the flow never came to this: {what}"
