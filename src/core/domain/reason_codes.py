"""Every reason for which something was, or was not, done, with the sentence that explains it to a person."""

import math
from decimal import Decimal
from enum import StrEnum

from core.domain.reasons import Reason


class ReasonCode(StrEnum):
    """`ReasonCode.STALE_QUOTE` is the word in logs, ledger and API; `.sentence` is what it means."""

    sentence: str

    def __new__(cls, code: str, sentence: str) -> "ReasonCode":
        member = str.__new__(cls, code)
        member._value_ = code
        member.sentence = sentence
        return member

    # Inputs
    STALE_CANDLE = "STALE_CANDLE", "The candle closed too long ago to decide on it now."
    STALE_QUOTE = "STALE_QUOTE", "The best bid and ask have not been confirmed for too long to price an order."
    STALE_BALANCE = "STALE_BALANCE", "The account's balances have not been confirmed for too long to size an order."
    QUOTE_MISSING = "QUOTE_MISSING", "No best bid and ask have arrived yet."
    QUOTE_INVALID = "QUOTE_INVALID", "The best bid and ask contradict each other or are not positive."
    BALANCE_MISSING = "BALANCE_MISSING", "The account's balances are not known yet."
    EQUITY_MISSING = "EQUITY_MISSING", "The account's equity is unknown or not positive."
    MARK_MISSING = "MARK_MISSING", "A held instrument has no price, so the exposure cannot be known."
    WARMUP_MISSING = "WARMUP_MISSING", "Fewer closed candles than the strategy's warm-up needs."
    CANDLE_MISSING = "CANDLE_MISSING", "The candle that has closed came neither with the stream nor by REST."
    CANDLE_INVALID = "CANDLE_INVALID", "The candles contradict themselves: not finite, not positive, or out of order."

    # Cycles
    CYCLE_MISSED = "CYCLE_MISSED", "The candle's close was noticed only after a later one had closed."
    BREAKER_OPEN = "BREAKER_OPEN", "The symbol failed several times in a row; it is left alone until its next probe."
    SYMBOL_PAUSED = "SYMBOL_PAUSED", "An operator has paused the symbol: nothing is decided on it until he resumes it."
    OUTSIDE_UNIVERSE = (
        "OUTSIDE_UNIVERSE",
        "The symbol does not pass the filters of `[universe]`: nothing is entered; what is held may be closed.",
    )
    HISTORY_REFUSED = (
        "HISTORY_REFUSED",
        "The symbol's candles score below `history.min_quality`: nothing is entered; what is held may be closed.",
    )
    SYMBOL_TIMEOUT = "SYMBOL_TIMEOUT", "The symbol's analysis took longer than one cycle may."
    ANALYSIS_FAILED = "ANALYSIS_FAILED", "The venue refused to give candles, or no worker was free to compute."
    STRATEGY_FAILED = "STRATEGY_FAILED", "The strategy's code took its worker process down or never returned."
    INTERNAL_ERROR = "INTERNAL_ERROR", "A fault of the daemon itself; the log shows it whole."

    # Strategies
    STRATEGY_RAISED = "STRATEGY_RAISED", "The strategy's code raised an error."
    STRATEGY_NAN = "STRATEGY_NAN", "The strategy's features or signal contain a value that is not a number."
    STRATEGY_INVALID_OUTPUT = "STRATEGY_INVALID_OUTPUT", "The strategy answered something that is not a valid signal."
    SIGNAL_HOLD = "SIGNAL_HOLD", "The strategy changes nothing on this candle."
    SIGNAL_FLAT = "SIGNAL_FLAT", "The strategy wants no position; with NO_TRADE: and none is held."
    SIGNAL_LONG = "SIGNAL_LONG", "The strategy wants to be long."
    SIGNAL_SHORT = "SIGNAL_SHORT", "The strategy wants to be short."
    SHORT_NOT_SUPPORTED = (
        "SHORT_NOT_SUPPORTED",
        "A short was wanted where nothing can be sold short; it counts as flat.",
    )

    # Models
    MODEL_MISSING = "MODEL_MISSING", "No model is live for this symbol."
    MODEL_EXPIRED = "MODEL_EXPIRED", "The model that was live is too old to be asked."
    MODEL_UNUSABLE = "MODEL_UNUSABLE", "The model's files or features are not what they were when it was trained."
    MODEL_SYMBOL_UNKNOWN = "MODEL_SYMBOL_UNKNOWN", "The model was not trained on this symbol."

    # Sizing
    POSITION_HELD = "POSITION_HELD", "What is held, with the orders at work, is close enough to the target."
    POSITION_DUST = "POSITION_DUST", "What is held is too little to be sold."
    VOLATILITY_MISSING = "VOLATILITY_MISSING", "Too few candles to measure the volatility that sizes the position."
    SIZE_BELOW_MINIMUM = "SIZE_BELOW_MINIMUM", "The size comes out below what the venue accepts."
    STOP_INVALID = (
        "STOP_INVALID",
        "The stop or target price is not on the right side of the entry price, or not positive.",
    )

    # Orders by hand
    STOP_WOULD_TRIGGER = (
        "STOP_WOULD_TRIGGER",
        "The stop price is on the wrong side of the market.",
    )
    DATE_PASSED = "DATE_PASSED", "The order's date has passed already."
    POSITION_TURNS = (
        "POSITION_TURNS",
        "The order would close what is held and open the other side; close it first, then open with a second order.",
    )
    STOP_GUARDS = (
        "STOP_GUARDS",
        "A protective stop or target guards what this would sell; only what is traded at once (market, IOC, FOK) may"
        " take its place, an order that rests may not.",
    )
    TICKET_REPEATED = (
        "TICKET_REPEATED",
        "A ticket of this id was carried out before, and asked for something else.",
    )

    # Risk gate
    LEVEL_FORBIDS = "LEVEL_FORBIDS", "The kill switch's level does not let this kind of order through."
    EPOCH_CHANGED = "EPOCH_CHANGED", "The risk state changed after the approval."
    APPROVAL_EXPIRED = "APPROVAL_EXPIRED", "The approval was not used in time."
    APPROVAL_MISSING = "APPROVAL_MISSING", "The gate holds no reservation for this intent (any more)."
    INTENT_REPEATED = "INTENT_REPEATED", "This very intent was judged before."
    INSTRUMENT_UNKNOWN = "INSTRUMENT_UNKNOWN", "The venue does not list this instrument (any more)."
    INSTRUMENT_HALTED = "INSTRUMENT_HALTED", "The venue takes no new orders in this instrument now."
    INSTRUMENT_DELISTED = "INSTRUMENT_DELISTED", "The venue has taken this instrument off its list."
    ORDER_UNKNOWN = (
        "ORDER_UNKNOWN",
        "An order in this instrument may or may not have arrived; no new risk until that is known.",
    )
    PRICE_OFF_GRID = "PRICE_OFF_GRID", "A price is not a positive multiple of the instrument's tick."
    QUANTITY_OFF_GRID = "QUANTITY_OFF_GRID", "The quantity is not a positive multiple of the instrument's lot."
    QUANTITY_BELOW_MINIMUM = "QUANTITY_BELOW_MINIMUM", "The quantity is below the venue's minimum."
    QUANTITY_ABOVE_MAXIMUM = "QUANTITY_ABOVE_MAXIMUM", "The quantity is above the venue's maximum."
    NOTIONAL_BELOW_MINIMUM = "NOTIONAL_BELOW_MINIMUM", "The order's value is below the venue's minimum."
    NOTIONAL_ABOVE_MAXIMUM = "NOTIONAL_ABOVE_MAXIMUM", "The order's value is above the venue's maximum."
    PRICE_COLLAR = "PRICE_COLLAR", "The price is too far from the current bid and ask."
    PRICE_BAND = "PRICE_BAND", "The price lies outside the band that the venue accepts."
    EXIT_EXCEEDS_POSITION = (
        "EXIT_EXCEEDS_POSITION",
        "The exit is larger than what is held and not already being closed.",
    )
    EXPOSURE_ORDER = "EXPOSURE_ORDER", "The order's value is above the limit of one order."
    EXPOSURE_SYMBOL = "EXPOSURE_SYMBOL", "The symbol's exposure would pass its limit."
    EXPOSURE_GROSS = "EXPOSURE_GROSS", "The account's gross exposure would pass its limit."
    CASH_INSUFFICIENT = "CASH_INSUFFICIENT", "The free cash does not cover the order."
    POSITIONS_TOO_MANY = "POSITIONS_TOO_MANY", "The limit of open positions is reached."
    ORDERS_TOO_MANY = "ORDERS_TOO_MANY", "The limit of entries a minute is reached."
    COOLDOWN_ACTIVE = "COOLDOWN_ACTIVE", "The symbol was left too recently to enter it again."
    DAILY_LOSS = "DAILY_LOSS", "The day's loss has reached its limit: no entries until resumed by hand."
    DRAWDOWN_LIMIT = "DRAWDOWN_LIMIT", "The equity has fallen too far from its peak."
    ORDER_ERRORS = "ORDER_ERRORS", "Too many of the latest orders were refused, or their answers were lost."
    FEEDS_STALE = "FEEDS_STALE", "Too many symbols have been without a live market for too long."
    RECONCILIATION_BREAK = (
        "RECONCILIATION_BREAK",
        "The venue's books differ from what all known trades explain.",
    )
    LOOP_LAG = "LOOP_LAG", "The daemon's loop has been late for too long to act in time."
    STOP_OVERDUE = "STOP_OVERDUE", "A position has been without its stop for longer than a stop ever takes."
    FLATTEN_PROVEN = "FLATTEN_PROVEN", "All that was to be closed is closed, by the venue's own word."
    OPERATOR_REQUEST = "OPERATOR_REQUEST", "An operator asked for it."


def because(code: ReasonCode, **details: object) -> Reason:
    """A reason with its numbers in plain notation: floats to six digits, Decimals without exponent, to twelve places.

    >>> str(because(ReasonCode.STALE_QUOTE, age_s=4.25, limit_s=2.0))
    'STALE_QUOTE age_s=4.25 limit_s=2'
    """
    return Reason(code.value, {key: _plain(value) for key, value in details.items()})


def _plain(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.6g}" if math.isfinite(value) else str(value)
    if isinstance(value, Decimal) and value.is_finite():
        text = f"{round(value, 12):f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    return str(value)
