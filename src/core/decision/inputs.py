"""All that one decision is taken from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from core.decision.cycle import Cycle
from core.domain.freshness import Quote, Stamp
from core.domain.instruments import Instrument
from core.domain.positions import Position
from core.domain.reasons import Reason
from core.strategies.spec import Evaluation


@dataclass(frozen=True, slots=True)
class DecisionInputs:
    """One symbol at one candle close. Money in the instrument's settle asset unless said otherwise."""

    cycle: Cycle
    instrument: Instrument
    evaluations: tuple[Evaluation, ...]
    """Of the strategies that speak in this cycle (one, or several to be netted)."""
    candle: Stamp
    """`event_ns` is the candle's close."""
    quote: Quote | None
    balance: Stamp | None
    """Last proof that the account's balances are as the portfolio has them; `None`: never had them."""
    position: Position
    """All of it; see `by_hand`."""
    in_flight: Decimal
    """`RiskGate.in_flight`: signed quantity of strategies' orders at work."""
    equity: Decimal
    """In the settle asset."""
    free_cash: Decimal | None = None
    """What a spot buy may cost; `None`: not limited by cash."""
    sellable: Decimal | None = None
    """What the account holds of the base asset, locks of our own protection included; `None`: not known."""
    targets: Mapping[str, float] = field(default_factory=dict)
    """What each strategy of the symbol last asked for, as signed fraction of equity (`Decision.targets` of the decision
    before); strategies not in it have not spoken since the start."""
    strategies: tuple[str, ...] = ()
    """All strategies that trade the symbol; those unknown to `targets` share the unexplained part of the position."""
    short_selling: bool = False
    by_hand: Decimal = Decimal(0)
    """The part of the position that an operator has ordered, signed: no strategy counts it as its own, or closes it."""

    no_entry: Reason | None = None
    """Why nothing may be opened or added to, whatever the strategies want; `None`: it may."""

    @property
    def held(self) -> Decimal:
        """The strategies' part of the position."""
        return self.position.quantity - self.by_hand


@dataclass(frozen=True, slots=True)
class AgeLimits:
    """How old each input may be, in real seconds."""

    candle_s: float
    quote_s: float
    balance_s: float
