"""Any sequence of judgements and order events: the limits hold, and everything reserved comes back, once."""

from dataclasses import dataclass, replace
from decimal import Decimal

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule

from core.domain.facts import OrderState
from core.domain.orders import Proposal, Purpose
from core.risk.approval import ApprovedIntent
from core.risk.gate import RiskGate
from core.settings.risk import RiskSettings
from tests.unit.risk.orders import BTC, ETH, NOW, SOL, booked, changed, entry, exit_, order_of, world

D = Decimal
ZERO = D(0)
EQUITY = D(10_000)
LIMITS = RiskSettings(
    max_gross_exposure_pct=80.0,
    max_symbol_notional_usd=D(4_000),
    max_order_notional_usd=D(3_000),
    max_open_positions=2,
    max_orders_per_minute=None,
    max_daily_loss_pct=None,
)
ENDS = [OrderState.CANCELLED, OrderState.EXPIRED, OrderState.REJECTED, OrderState.ABSENT]


@dataclass
class Sent:
    """The model's own book of one approved intent."""

    made: Proposal
    filled: Decimal = ZERO
    told: Decimal = ZERO
    """Filled by the venue's word, booked or not."""
    state: OrderState | None = None

    @property
    def quantity(self) -> Decimal:
        return self.made.legs[0].quantity

    @property
    def pending(self) -> Decimal:
        over = self.state is not None and self.state.is_terminal
        return self.told - self.filled if over else self.quantity - self.filled


class GateMachine(RuleBasedStateMachine):
    sent = Bundle("sent")

    def __init__(self):
        super().__init__()
        self.gate = RiskGate(LIMITS)
        self.held = dict.fromkeys((BTC, ETH, SOL), D(0))
        self.open = []
        self.number = 0

    @property
    def context(self):
        return world({symbol: str(quantity) for symbol, quantity in self.held.items()}, cash="9000")

    @initialize(btc=st.integers(0, 25), eth=st.integers(0, 25))
    def begin(self, btc, eth):
        self.held |= {BTC: D(btc), ETH: D(eth)}

    @rule(target=sent, symbol=st.sampled_from([BTC, ETH, SOL]), lots=st.integers(1, 40), is_market=st.booleans())
    def enter(self, symbol, lots, is_market):
        self.number += 1
        made = entry(self.number, str(lots), symbol=symbol, price=None if is_market else "100.10")
        return self._judge(made)

    @rule(target=sent, symbol=st.sampled_from([BTC, ETH, SOL]), lots=st.integers(1, 25))
    def leave(self, symbol, lots):
        self.number += 1
        return self._judge(exit_(self.number, str(lots), symbol=symbol))

    def _judge(self, made):
        judged = self.gate.judge(made, self.context, NOW)
        if not isinstance(judged, ApprovedIntent):
            return multiple()
        one = Sent(made)
        self.open.append(one)
        assert self.gate.still_valid(judged, NOW.monotonic_ns) is None
        return one

    @rule(one=sent, state=st.sampled_from([OrderState.INTENDED, OrderState.SUBMITTING, OrderState.UNKNOWN]))
    def becomes_an_order(self, one, state):
        if one.state in (None, OrderState.INTENDED, OrderState.SUBMITTING):
            one.state = state
            self._tell(one)

    @rule(one=sent, share=st.decimals("0.1", 1, places=1), again=st.booleans())
    def fills(self, one, share, again):
        if not one.pending:
            return
        quantity = min((one.quantity * share).quantize(D("0.1")), one.pending)
        one.filled += quantity
        one.told = max(one.told, one.filled)
        if one.state is None or not one.state.is_terminal:
            one.state = OrderState.FILLED if one.filled == one.quantity else OrderState.PARTIALLY_FILLED
        self.held[self._symbol(one)] += one.made.legs[0].side.sign * quantity
        for _ in range(2 if again else 1):
            self.gate.on_fact(booked(self._view(one), str(quantity), trade=str(one.filled)))

    @rule(one=sent, share=st.decimals(0, 1, places=1), state=st.sampled_from(ENDS))
    def ends(self, one, share, state):
        if one.state is not None and one.state.is_terminal:
            return
        if state in (OrderState.CANCELLED, OrderState.EXPIRED):
            one.told = one.filled + ((one.quantity - one.filled) * share).quantize(D("0.1"))
        else:
            one.told = one.filled
        one.state = state
        self._tell(one)

    @rule(one=consumes(sent))
    def never_leaves(self, one):
        if one.state is None:
            assert self.gate.release(one.made.intent_id)
            assert not self.gate.release(one.made.intent_id)
            one.state = OrderState.REJECTED

    @rule(one=sent)
    def is_told_again(self, one):
        if one.state is not None:
            before = self.gate.statistics().claims
            self._tell(one)
            assert self.gate.statistics().claims == before

    @rule()
    def restarts(self):
        """A new gate that recovers the working orders knows the same."""
        for one in self.open:
            one.state = one.state or OrderState.REJECTED
        self.gate = RiskGate(LIMITS)
        self.gate.recover([self._view(one) for one in self.open if one.pending])

    def _symbol(self, one):
        return next(each for each in self.held if each.id == one.made.legs[0].instrument_id)

    def _view(self, one):
        return replace(
            order_of(one.made, one.state, str(one.filled)), unbooked_quantity=max(one.told - one.filled, D(0))
        )

    def _tell(self, one):
        self.gate.on_fact(changed(self._view(one)))

    @invariant()
    def nothing_is_reserved_that_is_not_pending(self):
        for symbol in self.held:
            pending = sum(
                (
                    one.made.legs[0].side.sign * one.pending
                    for one in self.open
                    if one.made.legs[0].instrument_id == symbol.id
                ),
                D(0),
            )
            assert self.gate.in_flight(symbol.id) == pending
        assert self.gate.statistics().claims == sum(
            1 for one in self.open if one.pending or not (one.state is not None and one.state.is_terminal)
        )

    @invariant()
    def limits_hold_even_if_everything_fills(self):
        worst = {symbol: quantity * 100 for symbol, quantity in self.held.items()}
        for one in self.open:
            leg = one.made.legs[0]
            if one.made.purpose is Purpose.ENTRY:
                worst[self._symbol(one)] += one.pending * (leg.price or D("100.01"))
        assert sum(worst.values()) <= EQUITY * 80 / 100
        assert max(worst.values()) <= 4_000
        assert sum(1 for value in worst.values() if value >= 5) <= 2

    @invariant()
    def nothing_is_ever_sold_short(self):
        for symbol, quantity in self.held.items():
            leaving = sum(
                (
                    one.pending
                    for one in self.open
                    if one.made.purpose is Purpose.EXIT and one.made.legs[0].instrument_id == symbol.id
                ),
                D(0),
            )
            assert quantity - leaving >= 0


TestGateMachine = GateMachine.TestCase
TestGateMachine.settings = settings(max_examples=120, stateful_step_count=40, deadline=None)
