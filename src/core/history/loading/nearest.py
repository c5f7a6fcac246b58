"""Which contracts of a chain are worth having bars of. Pure."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc


def nearest_contracts(chain: pa.Table, *, spot: float | None, most: int, within_days: int) -> list[str]:
    """Of the newest snapshot of `chain` (schema `OPTION_CHAIN`) those whose strikes are the fewest standard deviations
    (of the same volatility for all) from `spot`, at most `most`. `spot` `None`: the middle of the listed strikes."""
    if chain.num_rows == 0:
        return []
    newest = pc.max(chain.column("time"))
    rows = chain.filter(pc.equal(chain.column("time"), newest)).select(["contract", "expiry", "strike"]).to_pylist()
    today = datetime.fromtimestamp(newest.as_py().timestamp(), UTC).date()
    near = [row for row in rows if 0 <= (row["expiry"] - today).days <= within_days and row["strike"] > 0]
    if not near:
        return []
    middle = spot or _median([row["strike"] for row in near])

    def distance(row: dict[str, object]) -> tuple[float, str]:
        days = max((row["expiry"] - today).days, 0) + 1  # type: ignore[operator]  # the schema says: a date
        return abs(math.log(float(str(row["strike"])) / middle)) / math.sqrt(days), str(row["contract"])

    return [str(row["contract"]) for row in sorted(near, key=distance)[:most]]


def _median(values: Sequence[float]) -> float:
    return sorted(values)[len(values) // 2]
