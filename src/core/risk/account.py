"""The account as decisions see it: portfolio, risk gate and the venue's balances, kept in step by the same facts."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from core.domain.facts import ExecutionFact, FillBooked, FundingBooked, OrderView
from core.domain.freshness import Moment, Quote, Stamp
from core.domain.instruments import Instrument, InstrumentId, InstrumentKind
from core.domain.orders import Balance, BalancesChanged, Fill, FundingPayment, Proposal, Terms
from core.domain.positions import Position
from core.domain.reasons import Reason
from core.portfolio.portfolio import Portfolio
from core.portfolio.valuation import Valuation
from core.ports.clock import MonotonicClock
from core.risk.approval import ApprovedAmendment, ApprovedIntent, Refused
from core.risk.context import RiskContext
from core.risk.gate import RiskGate
from core.risk.rates import Rates, sources_of
from core.risk.sizing import is_dust

_FRESH_S = 0.05
_FRESH_NS = int(_FRESH_S * 1e9)


@dataclass(frozen=True, slots=True)
class _Priced:
    taken_ns: int
    rates: Rates


@dataclass(frozen=True, slots=True)
class _Sources:
    """Of the rates, and whose."""

    instruments: Mapping[InstrumentId, Instrument]
    by_asset: Mapping[str, Sequence[InstrumentId]]


@dataclass(frozen=True, slots=True)
class _Worth:
    taken_ns: int
    positions: Mapping[InstrumentId, Position]
    valuation: Valuation


class Account:
    """Serial and synchronous: owned by the loop, read and judged without an await in between."""

    def __init__(
        self,
        portfolio: Portfolio,
        gate: RiskGate,
        currency: str,
        *,
        price: Callable[[InstrumentId], Decimal | None],
        instruments: Callable[[], Mapping[InstrumentId, Instrument]],
        monotonic: MonotonicClock,
    ) -> None:
        """`price` gives what an instrument is worth now, `None` where nothing is known; `currency` is the account's."""
        self.portfolio = portfolio
        self.gate = gate
        self.currency = currency
        self._price = price
        self._instruments = instruments
        self._monotonic = monotonic
        self._sources = _Sources({}, {})
        self._priced: _Priced | None = None
        self._worth: _Worth | None = None
        self._changed_ns: dict[str, int] = {}  # when the private stream last spoke of an asset, trading time
        self._read_ns = 0  # when the whole account was last asked for
        self._traded_ns: dict[str, int] = {}  # the newest trade of an asset
        self.balances: dict[str, Balance] = {}
        self.balances_stamp: Stamp | None = None
        """When the venue last confirmed the balances; `None`: never."""

    def on_fact(self, fact: ExecutionFact) -> None:
        """A fill of somebody else's order on this account is no position of ours; its cash shows at the next start. So
        is what happens in an instrument that is not traded here."""
        if isinstance(fact, FillBooked):
            self._note_trade(fact.fill)
            if fact.is_ours and fact.fill.instrument_id in self._instruments():
                self.portfolio.apply_fill(fact.fill, self.rates())
                self._worth = None
        elif isinstance(fact, FundingBooked):
            self.on_funding(fact.payment)
        self.gate.on_fact(fact)

    def on_funding(self, payment: FundingPayment) -> None:
        """Of the instruments traded here; others' payments are none of our profit."""
        instrument = self._instruments().get(payment.instrument_id)
        if instrument is not None and payment.asset == instrument.settle:
            self.portfolio.apply_funding(payment)
            self._worth = None

    def on_account_read(self, balances: Mapping[str, Balance], asked_ns: int, now: Moment) -> None:
        """The venue's answer to a question sent at `asked_ns` (trading time): all that the account holds. What the
        private stream has said of an asset since then is newer and stands."""
        self._read_ns = max(self._read_ns, asked_ns)
        for asset in self.balances.keys() | balances.keys():
            if self._changed_ns.get(asset, 0) < asked_ns:
                self.balances[asset] = balances.get(asset) or Balance(asset, Decimal(0), Decimal(0))
        self.confirm_balances(now, asked_ns)

    def on_balances_changed(self, event: BalancesChanged, now: Moment) -> None:
        """The venue's absolute balances of these assets; the others stand as they were."""
        for balance in event.balances:
            if self._changed_ns.get(balance.asset, 0) <= event.event_ns:
                self._changed_ns[balance.asset] = event.event_ns
                self.balances[balance.asset] = balance
        self.confirm_balances(now, event.event_ns)

    def confirm_balances(self, now: Moment, event_ns: int | None = None) -> None:
        """The stream that would tell of a change is alive."""
        held = self.balances_stamp
        event = event_ns if event_ns is not None else (held.event_ns if held else None)
        self.balances_stamp = Stamp(event, now.monotonic_ns)

    def assume_balances(self, now: Moment) -> None:
        """There is no account at a venue (observe mode): the portfolio's own cash counts as confirmed for ever."""
        self.balances_stamp = Stamp(None, now.monotonic_ns)

    def adopt_cash(self) -> tuple[str, ...]:
        """Book what the venue holds of each cash asset beyond what fills explain. Called once the journal is folded.

        Gives back the assets that instruments settle in and that have no price in the account's currency: they stay
        out of the books, so nothing is bought with them. What else lies on the account is none of our business.
        """
        traded = {each.base for each in self._instruments().values() if each.kind is InstrumentKind.SPOT}
        settled = {each.settle for each in self._instruments().values()}
        rates = self.rates()
        for asset in rates.keys() - traded:
            held = self.balances.get(asset)
            self.portfolio.adopt_balance(asset, held.total if held is not None else Decimal(0), rates)
        self._worth = None
        return tuple(sorted(settled - traded - rates.keys()))

    def marks(self) -> dict[InstrumentId, Decimal]:
        """Prices of what is held."""
        return self._marks(self.portfolio.positions())

    def _marks(self, positions: Mapping[InstrumentId, Position]) -> dict[InstrumentId, Decimal]:
        held = (each for each, position in positions.items() if position.quantity)
        return {each: price for each in held if (price := self._price(each)) is not None}

    def is_dust(self, position: Position, mark: Decimal | None) -> bool:
        """Whether too little is held to be sold; `False` where it has no price."""
        instrument = self._instruments().get(position.instrument_id)
        return instrument is not None and mark is not None and is_dust(position.quantity, mark, instrument)

    def rates(self) -> Mapping[str, Decimal]:
        """What one unit of each asset that can be bought with the account's currency is worth in it; at most `_FRESH_S`
        old, since hundreds of symbols that close together all ask."""
        now_ns = self._monotonic.now_ns()
        if self._priced is None or now_ns - self._priced.taken_ns > _FRESH_NS:
            self._priced = _Priced(now_ns, self._rates())
        return self._priced.rates

    def valuation(self) -> Valuation:
        """At most `_FRESH_S` old; never older than the newest fill."""
        return self._now_worth().valuation

    def _note_trade(self, fill: Fill) -> None:
        instrument = self._instruments().get(fill.instrument_id)
        if instrument is not None:
            self._traded_ns[instrument.base] = max(fill.event_ns, self._traded_ns.get(instrument.base, 0))

    def _now_worth(self) -> "_Worth":
        now_ns = self._monotonic.now_ns()
        if self._worth is None or now_ns - self._worth.taken_ns > _FRESH_NS:
            positions = self.portfolio.positions()
            valuation = self.portfolio.value(self._marks(positions), self.rates())
            self._worth = _Worth(now_ns, positions, valuation)
        return self._worth

    def _rates(self) -> Rates:
        instruments = self._instruments()
        if instruments is not self._sources.instruments:
            self._sources = _Sources(instruments, sources_of(self.currency, instruments))
        return Rates(self.currency, self._sources.by_asset, self._price)

    def equity_in(self, asset: str) -> Decimal:
        """The account's worth in units of `asset`; 0 where that asset has no price."""
        rate = self.rates().get(asset)
        return self.valuation().equity / rate if rate else Decimal(0)

    def free_cash(self, asset: str) -> Decimal:
        """What spot buys may still cost: cash minus what entries in flight have reserved."""
        return self.portfolio.cash(asset) - self.gate.reserved_cash(asset)

    def position(self, instrument_id: InstrumentId) -> Position:
        return self.portfolio.position(instrument_id)

    def is_held(self, instrument_id: InstrumentId) -> bool:
        """Whether there is a position, or something that may still become or end one."""
        return bool(self.position(instrument_id).quantity or self.gate.in_flight(instrument_id))

    def sellable(self, instrument: Instrument) -> Decimal | None:
        """Base asset that the account holds, our own stops' locks included; `None` where that means nothing
        (derivatives) or is not known: never asked, or traded since the venue last spoke of it."""
        asset = instrument.base
        said_ns = max(self._read_ns, self._changed_ns.get(asset, 0))
        is_known = self.balances_stamp is not None and said_ns >= self._traded_ns.get(asset, 0)
        if instrument.kind is not InstrumentKind.SPOT or not is_known:
            return None
        held = self.balances.get(asset)
        return held.total if held is not None else Decimal(0)

    def judge(
        self,
        proposal: Proposal,
        instruments: Mapping[InstrumentId, Instrument],
        quotes: Mapping[InstrumentId, Quote],
        now: Moment,
    ) -> ApprovedIntent | Refused:
        return self.gate.judge(proposal, self._context(instruments, quotes), now)

    def judge_amendment(
        self,
        order: OrderView,
        terms: Terms,
        instruments: Mapping[InstrumentId, Instrument],
        quotes: Mapping[InstrumentId, Quote],
        now: Moment,
        *,
        in_place: bool,
    ) -> ApprovedAmendment | Refused:
        """As `RiskGate.judge_amendment`."""
        return self.gate.judge_amendment(order, terms, self._context(instruments, quotes), now, in_place=in_place)

    def _context(
        self, instruments: Mapping[InstrumentId, Instrument], quotes: Mapping[InstrumentId, Quote]
    ) -> RiskContext:
        valuation = self.valuation()
        return RiskContext(
            instruments=instruments,
            quotes=quotes,
            positions=self._now_worth().positions,
            valuation=valuation,
            rates=self.rates(),
            cash=self._cash(instruments),
        )

    def observe(self, now: Moment) -> Reason | None:
        """Measure the day's loss now; the reason at the moment when it reaches its limit."""
        return self.gate.observe(self.valuation(), now)

    def _cash(self, instruments: Mapping[InstrumentId, Instrument]) -> dict[str, Decimal]:
        assets = {each.settle for each in instruments.values()}
        return {asset: self.portfolio.cash(asset) for asset in assets}
