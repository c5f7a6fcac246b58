"""What the API shows beside the status: frozen, in plain values. Money as strings, ages in real seconds."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FillLine:
    symbol: str
    side: str
    quantity: str
    price: str
    fee: str
    fee_asset: str
    is_maker: bool
    at_ms: int
    """The venue's time."""
    trade_id: str
    client_order_id: str | None
    """`None`: of an order that is not ours, or the venue does not say."""


@dataclass(frozen=True, slots=True)
class FeedLine:
    symbol: str
    channel: str
    """`candles`, `quotes`, `trades`, `book`."""
    state: str
    """As `core.market.feed_states.FeedState`."""
    age_s: float | None
    """Since its last event; `None` before the first."""
    lag_s: float | None
    """How old that was on arrival; `None` where the venue does not say."""
    on_rest: bool
    """REST stands in for it."""
    cures: int
    """Tried since it was last well."""


@dataclass(frozen=True, slots=True)
class CoverageLine:
    """Whether a symbol has a model, and what becomes of it."""

    symbol: str
    timeframe: str
    state: str
    """TRAINED, QUEUED, TRAINING, BLOCKED_TEMPORARY, BLOCKED_PERMANENT or FAILED."""
    version: str | None
    """Trained last; `None`: none was."""
    reason: str
    """Why it is blocked or failed; empty where it is not."""
    due_at_ms: int | None
    """When it is looked at again, UTC; `None`: not by time alone."""


@dataclass(frozen=True, slots=True)
class ModelsShown:
    """What decides, where strategies ask models."""

    in_use: dict[str, str]
    """Version by scope: venue, timeframe, and symbol or `*`."""
    loads: int = 0
    """Begun since the start."""
    swaps: int = 0
    """Scopes whose model changed, the first ones included."""
    refusals: int = 0
    last_refusal: str = ""
    """Why the last one that was refused was; empty: none was."""
    coverage: tuple[CoverageLine, ...] = ()
    """Empty where the daemon does not train."""
    training: str = ""
    """What the training that is under way does; empty: none is."""
    trainings: int = 0
    """Processes begun since the start."""
    training_failures: int = 0
    """Of these, those that left undone what was due."""


@dataclass(frozen=True, slots=True)
class CandleLine:
    open_ms: int
    open: float
    high: float
    low: float
    close: float
    volume: float


@dataclass(frozen=True, slots=True)
class CandlesShown:
    """Of one series, oldest first."""

    symbol: str
    timeframe: str
    candles: tuple[CandleLine, ...]
    """Closed ones."""
    forming: CandleLine | None
    """The one that is not closed yet; nothing is decided on it."""


@dataclass(frozen=True, slots=True)
class LogLine:
    text: str
    """As it was written, secrets masked."""
