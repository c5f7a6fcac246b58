"""Which contracts of a chain are worth having bars of."""

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from core.domain.series import SeriesName
from core.history.cache.store import HistoryCache

_SPOT_DAYS_MS = 10 * 86_400_000
"""The latest close is looked for in so much time."""


def cached_contracts(
    cache: HistoryCache, chain: SeriesName, bars: SeriesName | None, *, until_ms: int, most: int, within_days: int
) -> list[str] | None:
    """By the newest chain in the cache; `None`: there is none. `bars`: whose latest close before `until_ms` is the spot
    price, `None`: nobody's. Blocking. Raises `CacheError`."""
    snapshots = cache.covered([chain])[chain]
    if not snapshots:
        return None
    spot = None
    if bars is not None:
        recent = cache.read(bars, (until_ms - _SPOT_DAYS_MS, until_ms)).rows
        spot = float(recent.column("close")[-1].as_py()) if recent.num_rows else None
    newest = cache.read(chain, snapshots[-1]).rows
    return nearest_contracts(newest, spot=spot, most=most, within_days=within_days)


def nearest_contracts(chain: pa.Table, *, spot: float | None, most: int, within_days: int) -> list[str]:
    """Of the newest snapshot of `chain` (schema `OPTION_CHAIN`) those whose strikes are the fewest standard deviations
    (of the same volatility for all) from `spot`, at most `most`. `spot` `None`: the middle of the listed strikes."""
    if chain.num_rows == 0:
        return []
    newest = pc.max(chain.column("time"))
    rows = chain.filter(pc.equal(chain.column("time"), newest))
    today = np.datetime64(datetime.fromtimestamp(newest.as_py().timestamp(), UTC).date())
    days = (rows.column("expiry").to_numpy().astype("datetime64[D]") - today).astype(np.int64)
    strikes = rows.column("strike").to_numpy()
    near = np.flatnonzero((days >= 0) & (days <= within_days) & (strikes > 0))
    if not len(near):
        return []
    middle = spot or float(np.median(strikes[near]))
    distance = np.abs(np.log(strikes[near] / middle)) / np.sqrt(days[near] + 1)
    chosen = near[np.argsort(distance, kind="stable")[:most]]
    return [str(each) for each in rows.column("contract").take(pa.array(chosen)).to_pylist()]
