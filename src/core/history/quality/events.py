"""Series whose rows come when something happens: trades, quotes, funding."""

import numpy as np
import pandas as pd
import pyarrow as pa

from core.history.quality.bars import disorder_in, floats_of, times_of
from core.history.quality.jumps import price_spikes
from core.history.quality.marks import Floats, Times, found, marked
from core.history.quality.quotes import quote_findings
from core.history.quality.report import Finding, FindingKind

_LARGEST_RATE = 0.05
"""Of a funding payment: venues cap theirs far below."""
_CLOCKS_DIFFER_MS = 50.0
_LATE = 1.5
"""Of the usual time between payments: later is a gap."""


def trade_findings(rows: pa.Table) -> list[Finding]:
    """Of a table in `TRADES`' schema. Trades without ids can't be told from their copies."""
    times, price, size = times_of(rows["time"]), floats_of(rows["price"]), floats_of(rows["size"])
    ids = pd.Series(rows["trade_id"].to_numpy())
    again = (ids.notna() & ids.duplicated()).to_numpy()
    n = len(times) - int(again.sum())
    bad = ~(np.isfinite(price) & (price > 0))
    good = np.flatnonzero(~bad & ~again)
    good = good[np.argsort(times[good], kind="stable")]
    spikes = np.zeros(len(times), dtype=bool)
    if len(good) > 2:
        spikes[good] = price_spikes(np.log(price[good]))
    with np.errstate(invalid="ignore"):
        bad_size = ~(size > 0)
    findings = (
        disorder_in(times),
        marked(FindingKind.DUPLICATE, again, times, n, lambda row: f"trade {ids[row]} is there twice"),
        marked(FindingKind.BAD_PRICE, bad, times, n, lambda row: f"price {price[row]:g}"),
        marked(FindingKind.BAD_VOLUME, bad_size, times, n, lambda row: f"size {size[row]:g}"),
        marked(FindingKind.OUTLIER, spikes, times, n, lambda row: f"price {price[row]:g}"),
    )
    return [each for each in findings if each is not None]


def quote_series_findings(rows: pa.Table) -> list[Finding]:
    """Of a table in `QUOTES`' schema. Several quotes of one millisecond are no copies."""
    times = times_of(rows["time"])
    disorder = disorder_in(times)
    found_here = quote_findings(times, floats_of(rows["bid"]), floats_of(rows["ask"]))
    return found_here if disorder is None else [disorder, *found_here]


def funding_findings(rows: pa.Table) -> list[Finding]:
    """Of a table in `FUNDING`'s schema: payments that are missing by their usual distance, and absurd rates."""
    times, rate = times_of(rows["time"]), floats_of(rows["rate"])
    unique, first = np.unique(times, return_index=True)
    again = np.ones(len(times), dtype=bool)
    again[first] = False
    with np.errstate(invalid="ignore"):
        absurd = ~(np.abs(rate) <= _LARGEST_RATE)
    findings = [
        disorder_in(times),
        marked(FindingKind.DUPLICATE, again, times, len(unique)),
        marked(FindingKind.BAD_PRICE, absurd, times, len(unique), lambda row: f"rate {rate[row]:g}"),
    ]
    steps = np.diff(unique)
    if len(steps):
        usual = float(np.median(steps))
        late = np.flatnonzero(steps > _LATE * usual)
        missing = int(np.maximum(np.rint(steps[late] / usual) - 1, 1).sum())
        of = len(unique) + missing
        words = "payments are missing after it"
        findings.append(found(FindingKind.GAP, late, unique, count=missing, of=of, words=lambda row: words))
    return [each for each in findings if each is not None]


def skew_finding(times: Times, delays_ms: Floats) -> Finding | None:
    """Rows that were received before they happened, by more than clocks may differ."""

    def words(row: int) -> str:
        return f"received {-delays_ms[row] / 1_000:.2f} s before it happened"

    return marked(FindingKind.CLOCK_SKEW, delays_ms < -_CLOCKS_DIFFER_MS, times, len(times), words)
