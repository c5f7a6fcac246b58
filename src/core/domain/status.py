"""The frozen picture of a running daemon that terminal, API and summary all show. Money as strings, ages in real s."""

from dataclasses import dataclass, field

from core.domain.commands import FlattenProgress


@dataclass(frozen=True, slots=True)
class LagMs:
    """Event-loop lag over the window named by its owner, in ms; `None` before the first sample."""

    p50: float | None = None
    p99: float | None = None
    max: float | None = None
    p95: float | None = None


@dataclass(frozen=True, slots=True)
class SymbolStatus:
    symbol: str
    last_price: float | None
    quote_age_s: float | None
    """`None`: no quote yet."""
    candle_age_s: float | None
    """Real seconds since the last candle event; `None`: none yet."""
    feed: str
    """`live`, `mute`, `gapped`, `interrupted`, `rest`, `starting`."""
    last_decision: str
    """Reason code with its numbers; empty before the first cycle."""
    last_outcome: str
    """`TRADE`, `NO_TRADE`, `REFUSED`, `FAILED`, or empty."""
    last_decided_ms: int | None
    """Close of the candle decided last, UTC ms."""
    breaker: str
    """`closed`, `open`, `half_open`."""
    cycles: int


@dataclass(frozen=True, slots=True)
class PositionStatus:
    symbol: str
    quantity: str
    average_price: str | None
    mark_price: float | None
    unrealised_profit: str | None
    realised_profit: str
    stop_price: str | None
    """Where it belongs now; a trailing one has come there."""
    is_dust: bool = False
    """Too little to be sold: a remainder, no position that anything is decided on."""
    funding: str | None = None
    """Received, or paid when negative; `None` on spot."""
    liquidation_price: str | None = None
    """`None`: on spot, and where the venue names none."""
    target_price: str | None = None


@dataclass(frozen=True, slots=True)
class OrderStatusLine:
    client_order_id: str
    venue_order_id: str | None
    symbol: str
    side: str
    order_type: str
    quantity: str
    filled_quantity: str
    price: str | None
    stop_price: str | None
    average_price: str | None
    state: str
    purpose: str
    reason: str
    created_ms: int
    changed_ms: int
    time_in_force: str | None = None
    expires_ms: int | None = None
    """When what has not filled is over, trading time; `None`: never."""
    visible_quantity: str | None = None
    """What the book shows of it; `None`: all."""
    trailing_bps: int | None = None
    strategies: tuple[str, ...] = ()
    """Whose it is; `manual` for those by hand."""
    replaces: str | None = None
    """The order in whose place it was sent."""
    plan_id: str | None = None
    """The plan whose slice it is."""


@dataclass(frozen=True, slots=True)
class AmendAnswer:
    result: str
    """`amended`, `replaced`, `nothing_left`, `refused`, `given_up`, `in_doubt`."""
    order: OrderStatusLine
    """The one that was to be amended, as it is now."""
    replacement: OrderStatusLine | None
    """The one in its place; `None`: there is none."""
    note: str
    """Why."""


@dataclass(frozen=True, slots=True)
class PlanStatusLine:
    """A parent order, carried out in slices."""

    plan_id: str
    symbol: str
    side: str
    style: str
    """`twap`, `iceberg`."""
    quantity: str
    filled_quantity: str
    price: str | None
    """The limit of its slices; `None`: at market."""
    average_price: str | None
    sent: int
    """Slices so far."""
    slices: int
    """As planned."""
    until_ms: int | None
    """Trading time; `None`: until it is filled or cancelled."""
    purpose: str
    state: str
    """`working`, `over`."""
    note: str
    """What it waits for, or why it ended."""
    opened_ms: int


@dataclass(frozen=True, slots=True)
class OrderOutcome:
    """What became of an order that a decision led to."""

    client_order_id: str
    purpose: str
    side: str
    state: str
    quantity: str
    filled_quantity: str
    average_price: str | None
    """`None`: nothing of it is filled."""
    reason: str
    changed_ms: int
    """Trading time."""
    fees: dict[str, str] = field(default_factory=dict)
    """Amount by asset, of the fills that are booked."""
    slippage_bps: float | None = None
    """How much worse than the price that was decided at, negative: better. `None`: nothing filled, or not known."""


@dataclass(frozen=True, slots=True)
class DecisionLine:
    """One cycle's decision, for `why` and the API."""

    cycle: str
    symbol: str
    strategy: str
    close_ms: int
    outcome: str
    reason: str
    inputs: dict[str, str] = field(default_factory=dict)
    """What it was decided from: values, ages, signals, features and their hash."""
    timings_ms: dict[str, float] = field(default_factory=dict)
    intent_id: str | None = None
    gates: dict[str, str] = field(default_factory=dict)
    """What had a say, in order, with its verdict: `passed`, `no`, `not asked`."""
    intent: dict[str, str] = field(default_factory=dict)
    """What was to be done; empty where nothing was."""
    models: dict[str, str] = field(default_factory=dict)
    """Model and version of each strategy that asks one; empty where none does."""
    sentence: str = ""
    """The reason in words; empty where nobody has asked for them yet."""
    orders: tuple[OrderOutcome, ...] = ()
    """What it led to, where that was asked for."""


@dataclass(frozen=True, slots=True)
class LedgerStatus:
    """How the record of the decisions is doing."""

    recorded: int
    waiting: int
    dropped: int
    """Not recorded, because the file could not be written for too long."""
    failure: str
    """Why it can't be written now; empty when it can."""
    file_mb: float


@dataclass(frozen=True, slots=True)
class CourierStatus:
    """How the messages to one service are doing."""

    service: str
    """Its number and kind; nothing of its URL."""
    waiting: int
    sent: int
    """Messages."""
    failed: int
    """Attempts."""
    dropped: int
    """Notices lost, because too many waited."""
    failure: str
    """Why the last attempt failed; empty when it did not."""


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """How often one reason decided, for a symbol in an hour."""

    symbol: str
    hour_ms: int
    """Its begin, UTC ms, of the candles' close."""
    outcome: str
    code: str
    count: int


@dataclass(frozen=True, slots=True)
class LimitUse:
    """One of the venue's rate limits, and what was used of it in the window that ends now, by whoever shares it."""

    name: str
    """`weight 1m`, `orders 10s`: what is counted, and in which time of the venue."""
    used: int
    limit: int


@dataclass(frozen=True, slots=True)
class ResourceTrend:
    """What this process holds of one thing."""

    name: str
    """`memory_mb`, `descriptors`, `tasks`, `threads`."""
    level: float
    per_hour: float | None
    """Growth over the window of `[leaks]`; `None`: it has not passed yet."""
    is_leaking: bool


@dataclass(frozen=True, slots=True)
class BreakerStatus:
    """A breaker that is not closed."""

    guards: str
    """`symbol`: its cycles; `strategy`: its jobs; `request`: one question about one symbol to the venue; `operation`:
    that question, whoever it is about; `lane`: a pool of threads that all hang."""
    name: str
    phase: str
    """`open`, `half_open`: its probe is under way."""
    failures: int
    """In a row."""
    trips: int
    """Backoffs in a row."""
    retry_in_s: float | None
    """Until the next probe; `None`: a lane mends itself when a thread comes back."""
    reason: str
    """Of the last failure."""


@dataclass(frozen=True, slots=True)
class LaneStatus:
    """A pool of threads for calls that wait."""

    name: str
    threads: int
    busy: int
    waiting: int
    """Calls in its queue."""
    abandoned: int
    """Threads that hang in calls which nobody awaits any more."""
    abandoned_total: int
    replaced_total: int
    """Fresh threads that took the place of such ones."""
    expired_total: int
    """Calls that ran out of time, queued or running."""
    refused_total: int
    """Calls that were not taken: the queue was full, or all threads hung."""
    is_broken: bool


@dataclass(frozen=True, slots=True)
class WorkersStatus:
    """The processes that compute."""

    workers: int
    ready: int
    busy: int
    waiting: int
    """Jobs in their queue."""
    killed_total: int
    """For a job over its deadline, or no longer awaited."""
    died_total: int
    """By themselves, or by the system."""
    outgrown_total: int
    """Replaced for the memory that they held."""


@dataclass(frozen=True, slots=True)
class DaemonStatus:
    version: str
    mode: str
    venue: str
    state: str
    """`starting`, `waiting_for_venue`, `recovering`, `trading`, `stopping`, `stopped`."""
    note: str
    """What it waits for, in words; empty when all is well."""
    risk_level: str
    """`NORMAL`, `NO_ENTRY`, ..."""
    risk_reason: str
    uptime_s: float
    trading_time_ms: int
    clock_speed: float
    clock_skew_ms: float | None
    cycles: int
    decisions: dict[str, int]
    """Count by reason code."""
    orders: int
    fills: int
    equity: str | None
    profit: str | None
    realised_profit: str | None
    unrealised_profit: str | None
    fees: str | None
    currency: str
    unknown_orders: int
    feed_reconnects: int
    feed_gaps: int
    messages: int
    abandoned_threads: int
    abandoned_tasks: int
    queue_depth: int
    loop_lag_ms: LagMs
    decision_ms: LagMs
    """Candle close received to decided."""
    order_ms: LagMs
    """Candle close received to order request sent."""
    rss_mb: float
    symbols: tuple[SymbolStatus, ...] = ()
    positions: tuple[PositionStatus, ...] = ()
    breakers: dict[str, str] = field(default_factory=dict)
    """Those that are not closed: phase by name."""
    recent_orders: tuple[OrderStatusLine, ...] = ()
    """The newest few, newest first."""
    orders_venue: str | None = None
    """The venue that gets the orders; `None`: nobody does."""
    funding: str | None = None
    """Received, or paid when negative; `None` on spot and before the first valuation."""
    risk_since_ms: int | None = None
    """Trading time at which the risk level was entered; `None`: it was never moved."""
    flattening: FlattenProgress | None = None
    """Under way, or the last of this process; `None`: none yet."""
    unprotected_ms: LagMs = field(default_factory=LagMs)
    """How long positions were without their stop, each time, in this process; `None` where none ever was."""
    unprotected_now_s: float = 0.0
    """The longest of those that are without it now; 0 where none is."""
    unprotected_overdue: int = 0
    """How often it took longer than it ever should (`STOP_OVERDUE`)."""
    foreign_orders: int = 0
    """Open on the account, and not of this daemon's making: somebody else trades there, too."""
    plans: tuple[PlanStatusLine, ...] = ()
    """Parent orders that are not over, oldest first, then the last few that are."""
    overdue: tuple[str, ...] = ()
    """Proofs of progress that are overdue, by name; empty when every part makes progress."""
    rate_limits: tuple[LimitUse, ...] = ()
    """Of the venue that the market comes from; empty where none are counted."""
    resources: tuple[ResourceTrend, ...] = ()
    """Empty before the first sample."""
    breaker_states: tuple[BreakerStatus, ...] = ()
    """Those of `breakers`, in full."""
    lanes: tuple[LaneStatus, ...] = ()
    workers: WorkersStatus | None = None
    """`None`: nobody has looked."""
    decision_ledger: LedgerStatus | None = None
    """`None`: decisions are kept in memory only."""
    couriers: tuple[CourierStatus, ...] = ()
    """Of messages to people; empty where there are none."""
    models: dict[str, int] = field(default_factory=dict)
    """Symbols by what becomes of their models (`TRAINED`, `BLOCKED_TEMPORARY` …); empty: the daemon trains none."""
