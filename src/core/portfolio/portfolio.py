"""The book of positions and cash that fills leave behind."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal, localcontext
from typing import NamedTuple

from core.domain.instruments import Instrument, InstrumentId, InstrumentKind
from core.domain.orders import Fill, FillKey, FundingPayment, Side
from core.domain.positions import Position
from core.portfolio.holding import EXACT, Holding, traded
from core.portfolio.past import FeeSum, Past
from core.portfolio.valuation import Valuation

ZERO = Decimal(0)
_FLAT = Holding()
_REMEMBERED_FILLS = 1_000
"""Guards against a fill told twice; beyond so many the journal's own check stands alone."""


class _Part(NamedTuple):
    """What one holding adds to the valuation, in the account's currency."""

    instrument_id: InstrumentId
    equity: Decimal
    exposure: Decimal
    realised: Decimal
    unrealised: Decimal
    fees: Decimal
    funding: Decimal
    is_priced: bool


class _Valued(NamedTuple):
    """A part, and what it was made of."""

    holding: Holding
    mark: Decimal | None
    rate: Decimal | None
    part: _Part


class Portfolio:
    """Folds fills and deposits; asks nobody and reads no clock. `currency` is the account's, e.g. `USDT`.

    Rates are prices of one unit of an asset in the account's currency; that of the currency itself is 1 and need not
    be given.
    """

    def __init__(self, currency: str, instruments: Mapping[InstrumentId, Instrument]) -> None:
        self._currency = currency
        self._instruments = dict(instruments)
        self._holdings: dict[InstrumentId, Holding] = {}
        self._cash: dict[str, Decimal] = {}
        self._deposits = ZERO
        self._unvalued_fees: dict[str, Decimal] = {}
        self._folded: OrderedDict[tuple[InstrumentId, FillKey], None] = OrderedDict()
        self._positions: dict[InstrumentId, tuple[Holding, Position]] = {}
        self._valued: dict[InstrumentId, _Valued] = {}

    def take_over(self, past: Mapping[InstrumentId, Past], rates: Mapping[str, Decimal] | None = None) -> None:
        """Begin with what an earlier run's fills and payments come to, in the instruments that are named here. Fees are
        valued at these rates; payments in another asset than the instrument settles in are left out."""
        with localcontext(EXACT):
            for instrument_id, each in past.items():
                if (instrument := self._instruments.get(instrument_id)) is not None:
                    self._holdings[instrument_id] = self._taken_over(each, instrument, {} if rates is None else rates)

    def apply_fill(self, fill: Fill, rates: Mapping[str, Decimal] | None = None) -> bool:
        """Fold one fill; `False` when its (instrument, trade id) was folded before. Fees in assets that have no rate
        are taken from that asset's cash and counted as unvalued. Raises KeyError for an instrument never named."""
        instrument = self._instruments[fill.instrument_id]
        if not self._is_new(fill):
            return False
        with localcontext(EXACT):
            before = self._holdings.get(fill.instrument_id, _FLAT)
            after = traded(before, fill.side, fill.quantity, fill.price * instrument.multiplier, fill.event_ns)
            after = self._charge(after, fill, instrument, {} if rates is None else rates)
            self._holdings[fill.instrument_id] = after
            if instrument.kind is InstrumentKind.SPOT:
                self._move(instrument.quote, -fill.side.sign * fill.quantity * fill.price)
            else:
                self._move(instrument.settle, after.realised_profit - before.realised_profit)
        return True

    def apply_funding(self, payment: FundingPayment) -> None:
        """Fold one payment, which must be new (the journal sees to that). Raises KeyError for an instrument never named
        and ValueError for a payment in another asset than the instrument settles in."""
        settle = self._instruments[payment.instrument_id].settle
        if payment.asset != settle:
            raise ValueError(f"funding of {payment.instrument_id} in {payment.asset}, not in {settle}")
        with localcontext(EXACT):
            holding = self._holdings.get(payment.instrument_id, _FLAT)
            self._holdings[payment.instrument_id] = replace(holding, funding=holding.funding + payment.amount)
            self._move(payment.asset, payment.amount)

    def deposit(self, asset: str, amount: Decimal, rates: Mapping[str, Decimal] | None = None) -> None:
        """Book a deposit (negative: a withdrawal) or a starting balance. Raises ValueError where the asset has no
        rate: a deposit that is worth nothing would later look like profit."""
        rate = self._rate(asset, {} if rates is None else rates)
        if rate is None:
            raise ValueError(f"a deposit of {asset} needs its price in {self._currency}")
        with localcontext(EXACT):
            self._move(asset, amount)
            self._deposits += amount * rate

    def adopt_balance(self, asset: str, venue_total: Decimal, rates: Mapping[str, Decimal] | None = None) -> Decimal:
        """Book as a deposit what the venue holds of an asset beyond what fills explain (negative: a withdrawal), and
        return that difference. Called at start, after the journal's fills are folded. Raises as `deposit` does."""
        with localcontext(EXACT):
            difference = venue_total - self.total(asset)
        if difference:
            self.deposit(asset, difference, rates)
        return difference

    def cash(self, asset: str) -> Decimal:
        """Folded total of an asset, what is held as a position not included."""
        return self._cash.get(asset, ZERO)

    def total(self, asset: str) -> Decimal:
        """What the venue should hold of an asset: cash, and spot positions in it."""
        with localcontext(EXACT):
            held = (
                holding.quantity
                for instrument_id, holding in self._holdings.items()
                if self._is_spot_of(instrument_id, asset)
            )
            return self.cash(asset) + sum(held, ZERO)

    def position(self, instrument_id: InstrumentId) -> Position:
        """A flat one where nothing was traded."""
        holding = self._holdings.get(instrument_id, _FLAT)
        known = self._positions.get(instrument_id)
        if known is None or known[0] is not holding:
            known = self._positions[instrument_id] = holding, self._position(instrument_id, holding)
        return known[1]

    def positions(self) -> dict[InstrumentId, Position]:
        """All that were ever traded, flat ones included."""
        return {instrument_id: self.position(instrument_id) for instrument_id in self._holdings}

    def unrealised_profit(self, instrument_id: InstrumentId, mark: Decimal) -> Decimal:
        """Of one position at this price, in its settle asset."""
        holding = self._holdings.get(instrument_id, _FLAT)
        if not holding.quantity:
            return ZERO
        with localcontext(EXACT):
            return holding.worth(mark, self._instruments[instrument_id].multiplier) - holding.cost

    def value(self, marks: Mapping[InstrumentId, Decimal], rates: Mapping[str, Decimal] | None = None) -> Valuation:
        """Worth at these prices (in the instruments' settle asset) and rates."""
        rates = {} if rates is None else rates
        with localcontext(EXACT):
            cash_value, unpriced_assets = self._cash_value(rates)
            parts = [self._part(instrument_id, marks.get(instrument_id), rates) for instrument_id in self._holdings]
            return Valuation(
                currency=self._currency,
                equity=cash_value + sum((part.equity for part in parts), ZERO),
                cash=self.cash(self._currency),
                deposits=self._deposits,
                realised_profit=sum((part.realised for part in parts), ZERO),
                unrealised_profit=sum((part.unrealised for part in parts), ZERO),
                fees=sum((part.fees for part in parts), ZERO),
                exposures={part.instrument_id: part.exposure for part in parts if part.exposure},
                unpriced=(*unpriced_assets, *(part.instrument_id for part in parts if not part.is_priced)),
                unvalued_fees=dict(self._unvalued_fees),
                funding=sum((part.funding for part in parts), ZERO),
            )

    def _cash_value(self, rates: Mapping[str, Decimal]) -> tuple[Decimal, list[str]]:
        value, unpriced = ZERO, []
        for asset, amount in self._cash.items():
            rate = self._rate(asset, rates)
            if rate is not None:
                value += amount * rate
            elif amount:
                unpriced.append(asset)
        return value, unpriced

    def _position(self, instrument_id: InstrumentId, holding: Holding) -> Position:
        return Position(
            instrument_id=instrument_id,
            quantity=holding.quantity,
            average_price=self._average_price(instrument_id, holding),
            realised_profit=holding.realised_profit,
            fees=holding.fees,
            opened_ns=holding.opened_ns,
            funding=holding.funding,
        )

    def _part(self, instrument_id: InstrumentId, mark: Decimal | None, rates: Mapping[str, Decimal]) -> _Part:
        """Most parts are what they were when last asked for: hundreds that are flat, or whose price stands."""
        holding = self._holdings[instrument_id]
        rate = self._rate(self._instruments[instrument_id].settle, rates)
        known = self._valued.get(instrument_id)
        if known is None or known.holding is not holding or known.mark != mark or known.rate != rate:
            known = _Valued(holding, mark, rate, self._valued_part(instrument_id, holding, mark, rate))
            self._valued[instrument_id] = known
        return known.part

    def _valued_part(
        self, instrument_id: InstrumentId, holding: Holding, mark: Decimal | None, rate: Decimal | None
    ) -> _Part:
        instrument = self._instruments[instrument_id]
        worth = holding.cost if mark is None else holding.worth(mark, instrument.multiplier)
        gain = worth - holding.cost
        in_currency = ZERO if rate is None else rate
        return _Part(
            instrument_id=instrument_id,
            equity=in_currency * (worth if instrument.kind is InstrumentKind.SPOT else gain),
            exposure=in_currency * worth,
            realised=in_currency * holding.realised_profit,
            unrealised=in_currency * gain,
            fees=in_currency * holding.fees,
            funding=in_currency * holding.funding,
            is_priced=rate is not None and (mark is not None or not holding.quantity),
        )

    def _is_new(self, fill: Fill) -> bool:
        key = (fill.instrument_id, fill.key)
        if key in self._folded:
            return False
        self._folded[key] = None
        if len(self._folded) > _REMEMBERED_FILLS:
            self._folded.popitem(last=False)
        return True

    def _taken_over(self, past: Past, instrument: Instrument, rates: Mapping[str, Decimal]) -> Holding:
        is_spot = instrument.kind is InstrumentKind.SPOT
        realised = past.holding.realised_profit * instrument.multiplier
        self._move(instrument.quote if is_spot else instrument.settle, -past.spent if is_spot else realised)
        fees = ZERO
        for asset, paid in past.fees.items():
            if not (is_spot and asset == instrument.base):
                self._move(asset, -paid.amount)
            value = self._value_of_fees(asset, paid, instrument, rates)
            if value is None:
                self._unvalued_fees[asset] = self._unvalued_fees.get(asset, ZERO) + paid.amount
            else:
                fees += value
        funding = past.funding.get(instrument.settle, ZERO)
        if funding:
            self._move(instrument.settle, funding)
        cost = past.holding.cost * instrument.multiplier
        return replace(past.holding, cost=cost, realised_profit=realised, fees=fees, funding=funding)

    def _charge(self, holding: Holding, fill: Fill, instrument: Instrument, rates: Mapping[str, Decimal]) -> Holding:
        """Take the fee out of where it is paid from, and value it in the settle asset."""
        if fill.fee_asset == instrument.base and instrument.kind is InstrumentKind.SPOT:
            side = Side.SELL if fill.fee >= 0 else Side.BUY
            holding = traded(holding, side, abs(fill.fee), fill.price, fill.event_ns)
        else:
            self._move(fill.fee_asset, -fill.fee)
        paid = FeeSum(fill.fee, fill.fee * fill.price)
        value = self._value_of_fees(fill.fee_asset, paid, instrument, rates)
        if value is None:
            self._unvalued_fees[fill.fee_asset] = self._unvalued_fees.get(fill.fee_asset, ZERO) + fill.fee
            return holding
        return replace(holding, fees=holding.fees + value)

    def _value_of_fees(
        self, asset: str, paid: FeeSum, instrument: Instrument, rates: Mapping[str, Decimal]
    ) -> Decimal | None:
        """In the settle asset; `None` where a rate is missing."""
        if asset == instrument.settle:
            return paid.amount
        if asset == instrument.base:
            return paid.at_trade_prices
        of_fee, of_settle = self._rate(asset, rates), self._rate(instrument.settle, rates)
        if of_fee is None or of_settle is None:
            return None
        return paid.amount * of_fee if of_settle == 1 else paid.amount * of_fee / of_settle

    def _rate(self, asset: str, rates: Mapping[str, Decimal]) -> Decimal | None:
        return Decimal(1) if asset == self._currency else rates.get(asset)

    def _move(self, asset: str, amount: Decimal) -> None:
        self._cash[asset] = self._cash.get(asset, ZERO) + amount

    def _is_spot_of(self, instrument_id: InstrumentId, asset: str) -> bool:
        instrument = self._instruments[instrument_id]
        return instrument.kind is InstrumentKind.SPOT and instrument.base == asset

    def _average_price(self, instrument_id: InstrumentId, holding: Holding) -> Decimal | None:
        if not holding.quantity:
            return None
        return holding.cost / (holding.quantity * self._instruments[instrument_id].multiplier)
