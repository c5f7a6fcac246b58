"""Reasons as a person says them: `STALE_QUOTE age_s=4.2 limit_s=2` is `quote 4.2 s old (limit 2 s)`."""

import re

from core.domain.reason_codes import ReasonCode
from core.domain.reasons import Reason

_DETAIL = re.compile(r" (?=[a-z][a-z0-9_]*=)")

_WORDS: dict[ReasonCode, str] = {
    ReasonCode.STALE_CANDLE: "candle closed {age_s} s ago (limit {limit_s} s)",
    ReasonCode.STALE_QUOTE: "quote {age_s} s old (limit {limit_s} s)",
    ReasonCode.STALE_BALANCE: "balances {age_s} s old (limit {limit_s} s)",
    ReasonCode.QUOTE_MISSING: "no bid and ask have arrived yet",
    ReasonCode.QUOTE_INVALID: "bid {bid} and ask {ask} contradict each other",
    ReasonCode.BALANCE_MISSING: "the account's balances are not known yet",
    ReasonCode.EQUITY_MISSING: "the account's equity is {equity}",
    ReasonCode.MARK_MISSING: "{symbol} is held and has no price, so the exposure cannot be known",
    ReasonCode.WARMUP_MISSING: "{have} closed candles, the strategy needs {need}",
    ReasonCode.CYCLE_MISSED: "noticed {age_s} s after the close, when a later candle had closed",
    ReasonCode.SYMBOL_TIMEOUT: "the analysis took longer than {limit_s} s",
    ReasonCode.ANALYSIS_FAILED: "the analysis failed: {error}",
    ReasonCode.STRATEGY_FAILED: "the strategy's code took its worker down or never returned: {error}",
    ReasonCode.INTERNAL_ERROR: "a fault of the daemon itself: {error}",
    ReasonCode.STRATEGY_RAISED: "the strategy's code raised {error} at {at}: {message}",
    ReasonCode.STRATEGY_INVALID_OUTPUT: "the strategy answered {field} = {value}, which {must}",
    ReasonCode.SIGNAL_HOLD: "{strategy} changes nothing on this candle",
    ReasonCode.SIGNAL_FLAT: "{strategy} wants no position",
    ReasonCode.SIGNAL_LONG: "{strategy} wants to be long",
    ReasonCode.SIGNAL_SHORT: "{strategy} wants to be short",
    ReasonCode.SHORT_NOT_SUPPORTED: "{strategy} wanted a short, which cannot be had here; it counts as flat",
    ReasonCode.POSITION_HELD: "what is held ({held}) is close enough to the target ({target})",
    ReasonCode.POSITION_DUST: "what is held ({held}) is too little to be sold",
    ReasonCode.LEVEL_FORBIDS: "the risk level {level} lets no {purpose} through",
    ReasonCode.APPROVAL_EXPIRED: "the approval ran out {late_s} s before it was used",
    ReasonCode.INSTRUMENT_HALTED: "the venue takes no orders in {symbol} now ({status})",
    ReasonCode.INSTRUMENT_DELISTED: "the venue has taken {symbol} off its list",
    ReasonCode.ORDER_UNKNOWN: "order {order} may or may not have arrived; no new risk in {symbol} until that is known",
    ReasonCode.QUANTITY_BELOW_MINIMUM: "quantity {quantity} is below the venue's minimum {minimum}",
    ReasonCode.QUANTITY_ABOVE_MAXIMUM: "quantity {quantity} is above the venue's maximum {maximum}",
    ReasonCode.NOTIONAL_BELOW_MINIMUM: "the order's value {notional} is below the venue's minimum {minimum}",
    ReasonCode.NOTIONAL_ABOVE_MAXIMUM: "the order's value {notional} is above the venue's maximum {maximum}",
    ReasonCode.PRICE_BAND: "price {price} lies outside the band that the venue accepts around {mid}",
    ReasonCode.EXIT_EXCEEDS_POSITION: "exit of {quantity}, where {held} are held and {leaving} are leaving already",
    ReasonCode.CASH_INSUFFICIENT: "{needed} {asset} needed, {free} free",
    ReasonCode.ORDERS_TOO_MANY: "{last_minute} entries in the last minute (limit {limit})",
    ReasonCode.COOLDOWN_ACTIVE: "left {since_s} s ago (cooldown {cooldown_s} s)",
    ReasonCode.DAILY_LOSS: "the day's loss is {loss_pct} % (limit {limit_pct} %)",
    ReasonCode.DRAWDOWN_LIMIT: "the equity is {drawdown_pct} % below its peak (limit {limit_pct} %)",
}
"""Where a reason's numbers belong into the sentence; all others are their code's sentence with the numbers after it."""


def parse(text: str) -> Reason:
    """The reason that `str` made `text` of; of a key that comes twice the first counts. Anything else is a code of its
    own that nobody knows."""
    code, *details = _DETAIL.split(text)
    found: dict[str, str] = {}
    for key, _, value in (each.partition("=") for each in details):
        found.setdefault(key, value)
    return Reason(code, found)


def in_words(reason: Reason | str) -> str:
    """A sentence without its full stop."""
    reason = parse(reason) if isinstance(reason, str) else reason
    code = ReasonCode.__members__.get(reason.code)
    if code is None:
        return str(reason)
    details = {key: _rounded(value) for key, value in reason.details.items()}
    if (words := _WORDS.get(code)) is not None:
        try:
            return words.format_map(details)
        except KeyError:  # of an earlier version, which knew less
            pass
    plain = code.sentence.rstrip(".")
    plain = plain if plain[:2].isupper() else plain[0].lower() + plain[1:]
    named = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in details.items())
    return f"{plain} ({named})" if named else plain


def _rounded(value: str) -> str:
    """Four digits are enough for an age; amounts and prices keep theirs."""
    try:
        number = float(value)
    except ValueError:
        return value
    return f"{number:.4g}" if "." in value and abs(number) < 1_000 and len(value) > 6 else value
