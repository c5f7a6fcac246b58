"""What an entry must pass on top of its form: freshness, exposure, cash, counts. Pure questions to a prepared state."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from core.domain.freshness import Moment
from core.domain.instruments import InstrumentId, InstrumentKind
from core.domain.orders import Leg, Proposal, Side
from core.domain.reason_codes import ReasonCode, because
from core.domain.reasons import Reason
from core.risk.checks import check_band, check_collar, check_quote
from core.risk.context import RiskContext
from core.risk.exposure import Exposure, notional_of
from core.risk.reservations import Reservations
from core.settings.risk import RiskSettings

_CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class EntryCase:
    """One entry before the gate, with all that is known."""

    proposal: Proposal
    context: RiskContext
    reservations: Reservations
    settings: RiskSettings
    now: Moment
    left_ns: dict[InstrumentId, int]
    """Trading time of the last exit's fill, per instrument."""
    recent_entries: int
    """Approved in the last minute, real time."""

    def verdict(self) -> Reason | None:
        """The first reason against it; `None`: it may pass."""
        checks: tuple[Callable[[], Reason | None], ...] = (
            self._market,
            self._unknown_order,
            self._cooldown,
            self._exposure,
            self._cash,
            self._rate,
        )
        return next((reason for check in checks if (reason := check()) is not None), None)

    def worst_price(self, leg: Leg) -> Decimal:
        """The most a buy may cost, or a sale that opens may come to; the price at which it triggers counts, too."""
        quote = self.context.quotes[leg.instrument_id]
        if leg.price is not None and leg.side is Side.BUY:
            return leg.price
        named = (price for price in (leg.price, leg.stop_price) if price is not None)
        return max(quote.ask, self.proposal.reference_price, *named)

    def _market(self) -> Reason | None:
        for leg in self.proposal.legs:
            quote = self.context.quotes.get(leg.instrument_id)
            if (reason := check_quote(quote, self.settings.max_quote_age_s, self.now)) is not None or quote is None:
                return reason
            collar = check_collar(leg, self.proposal.reference_price, quote, self.settings.price_collar_bps)
            if collar is not None:
                return collar
            if (band := check_band(leg, quote, self.context.instruments[leg.instrument_id])) is not None:
                return band
        return None

    def _unknown_order(self) -> Reason | None:
        for leg in self.proposal.legs:
            if (claim := self.reservations.unknown(leg.instrument_id)) is not None:
                return because(ReasonCode.ORDER_UNKNOWN, symbol=leg.instrument_id, order=claim.client_order_id)
        return None

    def _cooldown(self) -> Reason | None:
        for leg in self.proposal.legs:
            left_ns = self.left_ns.get(leg.instrument_id)
            if left_ns is None:
                continue
            since_s = (self.now.trading_ns - left_ns) / 1e9
            if since_s < self.settings.cooldown_s:
                return because(ReasonCode.COOLDOWN_ACTIVE, since_s=since_s, cooldown_s=self.settings.cooldown_s)
        return None

    def _exposure(self) -> Reason | None:
        equity = self.context.valuation.equity
        if equity <= 0:
            return because(ReasonCode.EQUITY_MISSING, equity=equity)
        exposure = Exposure.of(self.context, self.reservations.entries())
        before = exposure.open_instruments(self.context)
        if exposure.unpriced:
            return because(ReasonCode.MARK_MISSING, symbol=exposure.unpriced[0])
        total = Decimal(0)
        for leg in self.proposal.legs:
            notional = notional_of(leg.instrument_id, leg.quantity, self.worst_price(leg), self.context)
            if notional is None:
                return because(ReasonCode.MARK_MISSING, symbol=leg.instrument_id)
            exposure.add(leg.instrument_id, leg.side, notional)
            total += notional
        return self._limits(exposure, total, before)

    def _limits(self, exposure: Exposure, notional: Decimal, before: set[InstrumentId]) -> Reason | None:
        limits = self.settings
        touched = {leg.instrument_id for leg in self.proposal.legs}
        if (order := _above(ReasonCode.EXPOSURE_ORDER, notional, limits.max_order_notional_usd)) is not None:
            return order
        for instrument_id in sorted(touched):
            worst = exposure.symbol(instrument_id)
            if (symbol := _above(ReasonCode.EXPOSURE_SYMBOL, worst, limits.max_symbol_notional_usd)) is not None:
                return symbol
        most = limits.max_open_positions
        if most is not None and touched - before and len(before | touched) > most:
            return because(ReasonCode.POSITIONS_TOO_MANY, open=len(before), limit=most)
        if limits.max_gross_exposure_pct is None:
            return None
        gross = self.context.valuation.equity * Decimal(repr(limits.max_gross_exposure_pct)) / 100
        return _above(ReasonCode.EXPOSURE_GROSS, exposure.gross(), gross)

    def _cash(self) -> Reason | None:
        if self.context.cash is None:
            return None
        needed: dict[str, Decimal] = {}
        for leg in self.proposal.legs:
            instrument = self.context.instruments[leg.instrument_id]
            if instrument.kind is InstrumentKind.SPOT and leg.side is Side.BUY:
                cost = leg.quantity * self.worst_price(leg)
                needed[instrument.quote] = needed.get(instrument.quote, Decimal(0)) + cost
        for asset, cost in needed.items():
            free = self.context.cash.get(asset, Decimal(0)) - self.reservations.cash(asset)
            if cost > free:
                return because(ReasonCode.CASH_INSUFFICIENT, asset=asset, needed=cost, free=free)
        return None

    def _rate(self) -> Reason | None:
        most = self.settings.max_orders_per_minute
        if most is None or self.recent_entries < most:
            return None
        return because(ReasonCode.ORDERS_TOO_MANY, last_minute=self.recent_entries, limit=most)


def _above(code: ReasonCode, value: Decimal, limit: Decimal | None) -> Reason | None:
    if limit is None or value <= limit:
        return None
    return because(code, value=value.quantize(_CENT), limit=limit.quantize(_CENT))
