"""Quotes that cannot have been: bid above ask, or a side that is missing where one would be expected."""

import numpy as np

from core.history.quality.marks import Flags, Floats, Times, marked
from core.history.quality.report import Finding, FindingKind

_WORTH_A_BID = 0.5
"""An option that is offered below this needs no bid: it is all but worthless. In the quote's own currency."""
_PEER_MULTIPLE = 3.0


def quote_findings(times: Times, bid: Floats, ask: Floats, *, of_options: bool = False) -> list[Finding]:
    """Rows of bids and asks; NaN or 0: there is none. Neither side: nobody quotes, which is no defect."""
    has_bid, has_ask = _there(bid), _there(ask)
    with np.errstate(invalid="ignore"):
        crossed = has_bid & has_ask & (bid > ask)
        negative = (bid < 0) | (ask < 0)
    lone_ask = has_ask & ~has_bid
    if of_options:
        lone_ask &= ask > _bidless_below(ask, has_bid, has_ask)
    one_sided = (has_bid & ~has_ask) | lone_ask
    quoted = int(np.count_nonzero(has_bid | has_ask))

    def words(row: int) -> str:
        return f"bid {_price(bid[row])}, ask {_price(ask[row])}"

    findings = (
        marked(FindingKind.BAD_PRICE, negative, times, len(times), words),
        marked(FindingKind.CROSSED_QUOTE, crossed, times, quoted, words),
        marked(FindingKind.ONE_SIDED_QUOTE, one_sided, times, quoted, words),
    )
    return [each for each in findings if each is not None]


def _there(side: Floats) -> Flags:
    with np.errstate(invalid="ignore"):
        return np.asarray(side > 0)


def _bidless_below(ask: Floats, has_bid: Flags, has_ask: Flags) -> float:
    """Asks up to which a missing bid is no surprise: what is offered for no more than the cheapest that find bids."""
    both = ask[has_bid & has_ask]
    cheapest = float(np.quantile(both, 0.05)) if len(both) else 0.0
    return max(_WORTH_A_BID, _PEER_MULTIPLE * cheapest)


def _price(value: float) -> str:
    return "none" if not value > 0 and not value < 0 else f"{value:g}"
