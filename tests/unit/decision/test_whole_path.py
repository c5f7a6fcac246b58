"""Candles to profit without a venue: strategy, decision, gate and portfolio over a day of candles, every order filled
at once or partly, stops included. What the parts promise each other holds on every step."""

import random
from collections import Counter
from dataclasses import dataclass, field, replace
from decimal import Decimal

import pytest

from core.decision.cycle import Cycle
from core.decision.decide import decide
from core.decision.inputs import AgeLimits, DecisionInputs
from core.domain.candles import Timeframe
from core.domain.facts import FillBooked, OrderChanged, OrderState, OrderView
from core.domain.freshness import Moment, Quote, Stamp
from core.domain.money import Rounding, to_price
from core.domain.orders import ClientOrderId, Fill, Proposal, Side, TradeId, VenueOrderId
from core.domain.reason_codes import ReasonCode
from core.portfolio.portfolio import Portfolio
from core.risk.approval import ApprovedIntent
from core.risk.context import RiskContext
from core.risk.gate import RiskGate
from core.settings.risk import RiskSettings, SizingSettings
from core.strategies.worker import evaluate
from tests.unit.instruments import spot
from tests.unit.random_walks import first, walk
from tests.unit.strategies.strategy_files import spec

D = Decimal
LIMITS = AgeLimits(candle_s=20, quote_s=5, balance_s=60)
SYMBOLS = [spot(symbol) for symbol in ("BTC/USDT", "ETH/USDT", "SOL/USDT")]
INSTRUMENTS = {instrument.id: instrument for instrument in SYMBOLS}
SETTINGS = RiskSettings(max_gross_exposure_pct=60.0, max_daily_loss_pct=None)
SIZING = SizingSettings(target_volatility_pct=40, max_fraction_pct=25)


@dataclass
class House:
    """Everything between the candles and the fills, wired as the daemon wires it."""

    use: str
    seed: int
    portfolio: Portfolio = field(default_factory=lambda: Portfolio("USDT", INSTRUMENTS))
    gate: RiskGate = field(default_factory=lambda: RiskGate(SETTINGS))
    targets: dict = field(default_factory=dict)
    stops: dict = field(default_factory=dict)
    outcomes: Counter = field(default_factory=Counter)
    trades: int = 0

    def __post_init__(self):
        self.random = random.Random(self.seed)
        self.portfolio.deposit("USDT", D(10_000))
        self.quotes = {}

    def candle(self, instrument, window, now):
        close = to_price(float(window.close[-1]), instrument, Rounding.NEAREST)
        stamp = Stamp(now.trading_ns, now.monotonic_ns)
        self.quotes[instrument.id] = Quote(close - D("0.01"), close + D("0.01"), stamp)
        self._stop(instrument, D(str(window.low[-1])), now)
        (evaluation,) = evaluate(spec(self.use), [(instrument.id, window)])
        valuation = self._valuation()
        inputs = DecisionInputs(
            cycle=Cycle(self.use, instrument.id, Timeframe.M1, evaluation.close_ms),
            instrument=instrument,
            evaluations=(evaluation,),
            candle=Stamp(evaluation.close_ms * 1_000_000, now.monotonic_ns),
            quote=self.quotes[instrument.id],
            balance=stamp,
            position=self.portfolio.position(instrument.id),
            in_flight=self.gate.in_flight(instrument.id),
            equity=valuation.equity,
            free_cash=self.portfolio.cash("USDT") - self.gate.reserved_cash("USDT"),
            targets=self.targets.get(instrument.id, {}),
            strategies=(self.use,),
        )
        decision = decide(inputs, LIMITS, SIZING, now)
        self.targets[instrument.id] = decision.targets
        self.outcomes[decision.reasons[0].code] += 1
        if decision.proposal is not None:
            self._trade(decision.proposal, valuation, now)

    def _trade(self, proposal: Proposal, valuation, now):
        context = RiskContext(
            INSTRUMENTS, self.quotes, self.portfolio.positions(), valuation, cash={"USDT": self.portfolio.cash("USDT")}
        )
        judged = self.gate.judge(proposal, context, now)
        if not isinstance(judged, ApprovedIntent):
            self.outcomes[judged.reason.code] += 1
            return
        assert self.gate.still_valid(judged, now.monotonic_ns) is None
        leg = proposal.legs[0]
        share = self.random.choice([D(1), D(1), D("0.5"), D(0)])
        quantity = (leg.quantity * share).quantize(D("0.00001"))
        order = _order(proposal)
        self.gate.on_fact(OrderChanged(order, OrderState.INTENDED))
        if quantity:
            order = replace(order, filled_quantity=quantity)
            self._fill(order, quantity, self.quotes[leg.instrument_id], now)
        over = OrderState.FILLED if share == 1 else OrderState.EXPIRED
        self.gate.on_fact(OrderChanged(replace(order, state=over), order.state))
        if proposal.protection is not None and quantity:
            self.stops[leg.instrument_id] = proposal.protection.stop_price

    def _stop(self, instrument, low, now):
        held = self.portfolio.position(instrument.id).quantity
        price = self.stops.get(instrument.id)
        quantity = held.quantize(D("0.00001"), rounding="ROUND_DOWN")
        if price is None or not quantity or low > price:
            return
        self.outcomes["stopped"] += 1
        self._book(instrument, Side.SELL, quantity, price, now)

    def _fill(self, order: OrderView, quantity, quote, now):
        leg = order.leg
        price = quote.ask if leg.side is Side.BUY else quote.bid
        fill = self._book(INSTRUMENTS[leg.instrument_id], leg.side, quantity, price, now)
        self.gate.on_fact(FillBooked(fill, order))

    def _book(self, instrument, side, quantity, price, now):
        self.trades += 1
        fee = quantity * D("0.001") if side is Side.BUY else quantity * price * D("0.001")
        asset = instrument.base if side is Side.BUY else "USDT"
        fill = Fill(
            instrument.id, TradeId(str(self.trades)), VenueOrderId("v"), None, side, price, quantity, fee, asset,
            is_maker=False, event_ns=now.trading_ns,
        )  # fmt: skip
        assert self.portfolio.apply_fill(fill)
        return fill

    def _valuation(self):
        return self.portfolio.value({symbol: quote.mid for symbol, quote in self.quotes.items()})

    def check(self):
        valuation = self._valuation()
        assert valuation.equity - valuation.deposits == valuation.profit
        assert valuation.cash >= 0
        for instrument in SYMBOLS:
            assert self.portfolio.position(instrument.id).quantity >= 0
            assert self.gate.in_flight(instrument.id) == 0
        assert self.gate.statistics().claims == 0


def _order(proposal: Proposal) -> OrderView:
    return OrderView(
        client_order_id=ClientOrderId(f"c-{proposal.intent_id}"),
        intent_id=proposal.intent_id,
        purpose=proposal.purpose,
        strategies=proposal.strategies,
        leg=proposal.legs[0],
        state=OrderState.SUBMITTING,
        venue_order_id=None,
        filled_quantity=D(0),
        average_price=None,
        reason="",
        created_ns=0,
        changed_ns=0,
    )


@pytest.mark.parametrize(
    ("use", "seed"), [("ema_cross", 1), ("ema_cross", 2), ("rsi_reversion", 3), ("donchian_breakout", 4)]
)
def test_a_day_of_candles_is_traded_and_every_promise_kept(use, seed):
    house = House(use, seed)
    windows = {instrument: walk(100 * seed + index, 600) for index, instrument in enumerate(SYMBOLS)}
    for end in range(250, 600):
        for instrument, window in windows.items():
            last_open_ms = int(window.open_ms[end - 1])
            now = Moment((last_open_ms + 60_500) * 1_000_000, end * 1_000_000_000, 20.0)
            house.candle(instrument, first(window, end), now)
            house.check()
    assert house.trades > 8
    assert house.outcomes.keys() - {"stopped"} <= {code.value for code in ReasonCode}
    assert not {"STRATEGY_RAISED", "STRATEGY_NAN", "STALE_CANDLE", "EXIT_EXCEEDS_POSITION"} & house.outcomes.keys()
