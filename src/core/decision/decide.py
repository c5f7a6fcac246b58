"""The decision itself: freshness, what the strategies want, how much of it, at which price."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from core.decision.decision import Decision, Outcome
from core.decision.inputs import AgeLimits, DecisionInputs
from core.decision.picture import candle_age_s, picture, timings_ms
from core.decision.targets import carried, net
from core.domain.freshness import Moment, Quote
from core.domain.instruments import InstrumentKind
from core.domain.orders import Leg, Proposal, Protection, Purpose, Side
from core.domain.reason_codes import ReasonCode, because
from core.domain.reasons import Reason
from core.domain.signals import Direction, Signal
from core.risk.checks import check_quote
from core.risk.pricing import entry_leg, exit_leg, protection
from core.risk.sizing import Change, Stake, change_towards, turned, wanted_fraction
from core.settings.risk import SizingSettings
from core.strategies.spec import Evaluation


def decide(inputs: DecisionInputs, limits: AgeLimits, sizing: SizingSettings, now: Moment) -> Decision:
    """To trade, or not to, and why. Pure: same inputs, same decision, same intent id."""
    return _Case(inputs, limits, sizing, now).decision()


@dataclass(frozen=True, slots=True)
class _Wish:
    """A signal that asks for something, with what sizes it."""

    strategy: str
    signal: Signal
    volatility: float | None


@dataclass(frozen=True, slots=True)
class _Case:
    """One cycle before its judge. Each step answers with its result or with the `Reason` that ends the matter."""

    inputs: DecisionInputs
    limits: AgeLimits
    sizing: SizingSettings
    now: Moment

    def decision(self) -> Decision:
        stake = self._stake()
        targets = (
            dict(self.inputs.targets) if stake is None else carried(self.inputs.targets, self._strategies(), stake)
        )
        wishes = self._wishes()
        if isinstance(wishes, Reason) or stake is None:
            reason = wishes if isinstance(wishes, Reason) else because(ReasonCode.QUOTE_MISSING)
            return self._no_trade(targets, reason)
        shorts = [wish.strategy for wish in wishes if wish.signal.direction is Direction.SHORT]
        notes: tuple[Reason, ...] = ()
        if shorts and not self.inputs.short_selling:
            notes = (because(ReasonCode.SHORT_NOT_SUPPORTED, strategy="+".join(shorts)),)
        wanted = self._wanted(wishes)
        if isinstance(wanted, Reason):
            return self._no_trade(targets, wanted)
        targets |= wanted
        fraction = net(targets, self.sizing.max_fraction_pct / 100)
        proposal = self._proposal(fraction, stake, wishes)
        if isinstance(proposal, Reason):
            is_flat = proposal.code == ReasonCode.SIGNAL_FLAT
            return self._no_trade(targets, *((*notes, proposal) if is_flat else (proposal, *notes)))
        reversal = self._reversal(fraction, stake, proposal, wishes)
        if isinstance(reversal, Reason):
            notes = (*notes, reversal)
            reversal = None
        reason = _trade_reason(proposal, fraction)
        words = _words(wishes)
        decision = self._decision(Outcome.TRADE, targets, (reason, *notes), replace(proposal, reason=words))
        return decision if reversal is None else replace(decision, reversal=replace(reversal, reason=words))

    def _wishes(self) -> tuple[_Wish, ...] | Reason:
        """The signals that change something; the reason where there is none or where they came too late."""
        age_s = candle_age_s(self.inputs, self.now)
        if age_s > self.limits.candle_s:
            return because(ReasonCode.STALE_CANDLE, age_s=age_s, limit_s=self.limits.candle_s)
        wishes = tuple(wish for each in self.inputs.evaluations if (wish := _wish(each)) is not None)
        if wishes:
            return wishes
        errors = (each.error for each in self.inputs.evaluations if each.error is not None)
        held = "+".join(each.strategy for each in self.inputs.evaluations)
        return next(errors, None) or because(ReasonCode.SIGNAL_HOLD, strategy=held)

    def _wanted(self, wishes: tuple[_Wish, ...]) -> dict[str, float] | Reason:
        wanted: dict[str, float] = {}
        for wish in wishes:
            fraction = wanted_fraction(wish.signal, wish.volatility, self.sizing)
            if isinstance(fraction, Reason):
                return fraction
            wanted[wish.strategy] = fraction if self.inputs.short_selling else max(fraction, 0.0)
        return wanted

    def _proposal(self, fraction: float, stake: Stake, wishes: tuple[_Wish, ...]) -> Proposal | Reason:
        if fraction == 0 and not stake.in_flight and stake.is_dust(stake.held):
            return because(ReasonCode.SIGNAL_FLAT, strategy="+".join(wish.strategy for wish in wishes))
        if fraction != 0 and stake.equity <= 0:
            return because(ReasonCode.EQUITY_MISSING, equity=stake.equity)
        change = change_towards(fraction, stake, self.sizing)
        if isinstance(change, Reason):
            return change
        if change.purpose is Purpose.EXIT:
            return self._intent(exit_leg(change, stake.instrument), change, stake.price, None, wishes)
        return self._entry(change, stake, wishes)

    def _reversal(
        self, fraction: float, stake: Stake, exit_: Proposal, wishes: tuple[_Wish, ...]
    ) -> Proposal | Reason | None:
        """The entry to the other side, as if all that is held were closed; `None` where nothing is to be opened, or
        where `exit_` leaves something: then the next decision goes on."""
        flat = turned(fraction, stake)
        if flat is None or exit_.purpose is not Purpose.EXIT or not stake.is_dust(stake.held + _signed(exit_)):
            return None
        change = change_towards(fraction, flat, self.sizing)
        if isinstance(change, Reason):
            return change
        entry = self._entry(change, flat, wishes)
        return entry if isinstance(entry, Reason) else replace(entry, intent_id=self.inputs.cycle.reversal_id)

    def _entry(self, change: Change, stake: Stake, wishes: tuple[_Wish, ...]) -> Proposal | Reason:
        if self.inputs.no_entry is not None:
            return self.inputs.no_entry
        quote = self.inputs.quote
        if (reason := self._unfit_for_entry()) is not None or quote is None:
            return reason or because(ReasonCode.QUOTE_MISSING)
        free_cash = self.inputs.free_cash if stake.instrument.kind is InstrumentKind.SPOT else None
        guard = self._protection(change.side, quote, wishes)
        if isinstance(guard, Reason):
            return guard
        stop_price = None if guard is None else guard.stop_price
        leg = entry_leg(change, stake.instrument, quote, self.sizing, free_cash=free_cash, stop_price=stop_price)
        return leg if isinstance(leg, Reason) else self._intent(leg, change, quote.mid, guard, wishes)

    def _unfit_for_entry(self) -> Reason | None:
        """Getting in needs a price and an account that are known to be right; getting out needs neither."""
        if (reason := check_quote(self.inputs.quote, self.limits.quote_s, self.now)) is not None:
            return reason
        if self.inputs.balance is None:
            return because(ReasonCode.BALANCE_MISSING)
        age_s = self.inputs.balance.age_s(self.now)
        if age_s > self.limits.balance_s:
            return because(ReasonCode.STALE_BALANCE, age_s=age_s, limit_s=self.limits.balance_s)
        return None

    def _protection(self, side: Side, quote: Quote, wishes: tuple[_Wish, ...]) -> Protection | Reason | None:
        """The nearest stop and target of those who want this side."""
        direction = Direction.LONG if side is Side.BUY else Direction.SHORT
        signals = [wish.signal for wish in wishes if wish.signal.direction is direction]
        stops = [signal.stop_distance for signal in signals if signal.stop_distance is not None]
        targets = [signal.target_distance for signal in signals if signal.target_distance is not None]
        trails = [signal.trailing_distance for signal in signals if signal.trailing_distance is not None]
        touch = quote.ask if side is Side.BUY else quote.bid
        stop, target, trail = (min(distances, default=None) for distances in (stops, targets, trails))
        return protection(side, self.inputs.instrument, touch, stop, target, trailing_distance=trail)

    def _intent(
        self, leg: Leg, change: Change, reference: Decimal, guard: Protection | None, wishes: tuple[_Wish, ...]
    ) -> Proposal:
        return Proposal(
            intent_id=self.inputs.cycle.intent_id,
            purpose=change.purpose,
            legs=(leg,),
            strategies=tuple(wish.strategy for wish in wishes),
            cycle=str(self.inputs.cycle),
            created_ns=self.now.trading_ns,
            reference_price=reference,
            protection=guard,
        )

    def _stake(self) -> Stake | None:
        """`None`: there is neither a quote nor a close to value anything at."""
        price = self._price()
        if price is None:
            return None
        sellable = self.inputs.sellable
        return Stake(
            instrument=self.inputs.instrument,
            price=price,
            equity=self.inputs.equity,
            held=self.inputs.held,
            in_flight=self.inputs.in_flight,
            sellable=None if sellable is None else max(sellable - self.inputs.by_hand, Decimal(0)),
        )

    def _price(self) -> Decimal | None:
        """The mid where the quote is good, else the last close."""
        quote = self.inputs.quote
        if quote is not None and check_quote(quote, self.limits.quote_s, self.now) is None:
            return quote.mid
        closes = [each.analytics.last_close for each in self.inputs.evaluations if each.analytics is not None]
        return Decimal(repr(closes[0])) if closes else None

    def _strategies(self) -> tuple[str, ...]:
        speaking = (each.strategy for each in self.inputs.evaluations)
        return tuple(dict.fromkeys((*self.inputs.strategies, *self.inputs.targets, *speaking)))

    def _no_trade(self, targets: Mapping[str, float], *reasons: Reason) -> Decision:
        return self._decision(Outcome.NO_TRADE, targets, reasons, None)

    def _decision(
        self, outcome: Outcome, targets: Mapping[str, float], reasons: tuple[Reason, ...], proposal: Proposal | None
    ) -> Decision:
        return Decision(
            cycle=self.inputs.cycle,
            outcome=outcome,
            reasons=reasons,
            proposal=proposal,
            targets=targets,
            inputs=picture(self.inputs, self.now),
            timings_ms=timings_ms(self.inputs),
            models={each.strategy: each.model for each in self.inputs.evaluations if each.model},
        )


def _wish(evaluation: Evaluation) -> _Wish | None:
    signal = evaluation.signal
    if signal is None or signal.hold:
        return None
    analytics = evaluation.analytics
    return _Wish(evaluation.strategy, signal, None if analytics is None else analytics.annualised_volatility)


def _signed(proposal: Proposal) -> Decimal:
    """What it adds to the position, of one leg."""
    leg = proposal.legs[0]
    return leg.side.sign * leg.quantity


def _trade_reason(proposal: Proposal, fraction: float) -> Reason:
    """Named after what is wanted; the side may be either (a target that has shrunk is sold towards)."""
    leg = proposal.legs[0]
    code = ReasonCode.SIGNAL_LONG if fraction > 0 else ReasonCode.SIGNAL_SHORT if fraction else ReasonCode.SIGNAL_FLAT
    details: dict[str, object] = {"side": leg.side.value, "quantity": leg.quantity}
    if leg.price is not None:
        details["limit"] = leg.price
    return because(code, strategy="+".join(proposal.strategies), **details)


def _words(wishes: tuple[_Wish, ...]) -> str:
    """`ema_cross: fast crossed above slow`"""
    return "; ".join(f"{wish.strategy}: {wish.signal.reason}".rstrip(": ") for wish in wishes)
