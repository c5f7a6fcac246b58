"""What a cycle has to pass on its way to an order, and which of it said no."""

from functools import lru_cache

from core.domain.orders import Purpose
from core.domain.reason_codes import ReasonCode

GATES = ("cycle", "instrument", "candle", "strategy", "size", "quote", "balance", "order", "risk")
"""In the order in which they count. `cycle`: breaker, time limit, analysis. `order`: price, quantity, stop."""

_ONLY_ENTRIES = frozenset({"quote", "balance"})
"""Getting out needs neither."""
_SAYS_NO: dict[str, str] = {
    code.value: gate
    for gate, codes in {
        "cycle": (
            ReasonCode.CYCLE_MISSED,
            ReasonCode.BREAKER_OPEN,
            ReasonCode.SYMBOL_TIMEOUT,
            ReasonCode.ANALYSIS_FAILED,
            ReasonCode.STRATEGY_FAILED,
            ReasonCode.INTERNAL_ERROR,
        ),
        "candle": (ReasonCode.STALE_CANDLE, ReasonCode.CANDLE_MISSING),
        "strategy": (
            ReasonCode.WARMUP_MISSING,
            ReasonCode.CANDLE_INVALID,
            ReasonCode.STRATEGY_RAISED,
            ReasonCode.STRATEGY_NAN,
            ReasonCode.STRATEGY_INVALID_OUTPUT,
            ReasonCode.SIGNAL_HOLD,
            ReasonCode.SIGNAL_FLAT,
            ReasonCode.SHORT_NOT_SUPPORTED,
        ),
        "size": (
            ReasonCode.VOLATILITY_MISSING,
            ReasonCode.EQUITY_MISSING,
            ReasonCode.POSITION_HELD,
            ReasonCode.POSITION_DUST,
        ),
        "quote": (ReasonCode.STALE_QUOTE, ReasonCode.QUOTE_MISSING, ReasonCode.QUOTE_INVALID),
        "balance": (ReasonCode.STALE_BALANCE, ReasonCode.BALANCE_MISSING),
        "instrument": (
            ReasonCode.INSTRUMENT_HALTED,
            ReasonCode.INSTRUMENT_DELISTED,
            ReasonCode.OUTSIDE_UNIVERSE,
            ReasonCode.HISTORY_REFUSED,
        ),
    }.items()
    for code in codes
}
"""All other codes are the order's own: its size, price or stop."""


@lru_cache(maxsize=1_024)
def verdicts(outcome: str, code: str, purpose: Purpose | None) -> dict[str, str]:
    """By gate, `passed`, `no` or `not asked`. `purpose` of the order that was to be; `None`: there was none. The answer
    is shared: don't change it."""
    if outcome == "TRADE":
        return {gate: "not asked" if _is_spared(gate, purpose) else "passed" for gate in GATES}
    at = "risk" if outcome == "REFUSED" else _SAYS_NO.get(code, "order")
    where = GATES.index(at)
    told = {gate: "not asked" if _is_spared(gate, purpose) else "passed" for gate in GATES[:where]}
    return told | {at: "no"} | dict.fromkeys(GATES[where + 1 :], "not asked")


@lru_cache(maxsize=64)
def undecided(code: str) -> dict[str, str]:
    """The same of a cycle that never came to a decision."""
    at = "candle" if code == ReasonCode.CANDLE_MISSING else "cycle"
    before = dict.fromkeys(GATES[: GATES.index(at)], "passed")
    return before | {at: "no"} | dict.fromkeys(GATES[GATES.index(at) + 1 :], "not asked")


def _is_spared(gate: str, purpose: Purpose | None) -> bool:
    return purpose is not None and purpose.takes_away and gate in _ONLY_ENTRIES
