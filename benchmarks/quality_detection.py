"""Quality of history: defects of each kind are planted into clean series, drawn and recorded, and looked for.

Recall is the share of planted places that are found; precision the share of reported places that were planted (of the
kind itself, or what is true of it as well: a day that stops early has missing bars). Clean series, crashes and earnings
and all, must not be accused of anything. What is claimed is the worst of all these shares; then how long a million bars
take to examine, against pandas reading them from CSV.

The recorded series need `METRONOME_DATA` (or `shared/data` beside the checkout); without it only drawn ones are used.
"""

import io
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

import numpy as np
import pandas as pd
from benchmarks._daemon import ROOT, claim
from rich.console import Console
from rich.table import Table
from tests.market_series import chain, columns_of, crypto_minutes, stock_days, stock_minutes, with_columns
from tests.planted_defects import IN_BARS, IN_CHAINS, Planted, spots

from core.domain.series import SeriesKind
from core.history.files.discovery import series_in
from core.history.files.reading import read_series
from core.history.quality.examine import examine
from core.history.quality.marks import SHOWN_PLACES
from core.history.quality.report import FindingKind
from core.history.series import Series

DATA = Path(os.environ.get("METRONOME_DATA", ROOT.parent / "shared" / "data"))
SEEDS = 20
MILLION = 1_000_000
WORST = 0.95
FAINT_SIZES = (4.0, 6.0, 8.0, 10.0, 12.0, 15.0, 20.0, 30.0)
CHRISTMAS_MS = 1_608_508_800_000  # 2020-12-21: with a half day


@dataclass
class Score:
    planted: int = 0
    found: int = 0
    reported: int = 0
    right: int = 0
    accused_of: Counter[str] = field(default_factory=Counter)

    @property
    def recall(self) -> float:
        return self.found / self.planted if self.planted else 1.0

    @property
    def precision(self) -> float:
        wrong = sum(self.accused_of.values())
        return self.right / (self.reported + wrong) if self.reported + wrong else 1.0


def main() -> int:
    scores: dict[str, Score] = {}
    clean = accused = 0
    for series, seed in drawn_and_recorded():
        clean += 1
        report = examine(series)
        accused += bool(report.findings)
        if report.findings:
            print(f"accused: {report.name} (seed {seed}): {report.findings[0].reason}")
            continue
        rng = np.random.default_rng(seed)
        is_chain = series.name.kind is SeriesKind.OPTION_CHAIN
        for defect, (kind, plant) in (IN_CHAINS if is_chain else IN_BARS).items():
            planted = plant(series, rng)
            if planted is not None:
                judge(scores.setdefault(defect, Score()), planted, kind)
    Console(width=None if sys.stdout.isatty() else 120).print(as_table(scores, clean, accused))
    Console(width=None if sys.stdout.isatty() else 120).print(faintest())
    worst = min(min(each.recall, each.precision) for each in scores.values())
    status = claim(
        "planted defects found and good data not accused: the worst recall or precision of a kind",
        round(worst, 3),
        WORST,
        worst >= WORST and accused == 0,
        kinds=len(scores),
        series=clean,
        accused=accused,
        planted=sum(each.planted for each in scores.values()),
    )
    return status | speed()


def drawn_and_recorded() -> Iterator[tuple[Series, int]]:
    for seed in range(SEEDS):
        rng = np.random.default_rng(seed)
        yield crypto_minutes(rng), seed
        yield stock_days(rng), seed
        yield stock_minutes(rng), seed
        yield stock_minutes(rng, start_ms=CHRISTMAS_MS), seed
        yield chain(rng), seed
    if DATA.is_dir():
        yield from ((series, seed) for seed, series in enumerate(recorded()))


def recorded() -> Iterator[Series]:
    """Series without a defect: a fund over 23 years, sixteen adjusted stocks, a month of a perpetual's minutes day by
    day."""
    for each in series_in(DATA / "sp500_5yr").series:
        yield read_series(each)
    for each in series_in(DATA / "lean" / "equity" / "usa" / "daily" / "spy.zip").series:
        yield read_series(each)
    (perpetual,) = series_in(DATA / "nautilus" / "market" / "btc-perp-20211231-20220201_1m.csv").series
    minutes = read_series(perpetual)
    for start in range(0, len(minutes) - 7_200, 7_200):
        yield Series(minutes.name, minutes.rows.slice(start, 7_200))


def judge(score: Score, planted: Planted, kind: str) -> None:
    report = examine(planted.series)
    places = [place.time_ms for each in report.findings if each.kind == kind for place in each.places]
    near = [[abs(place - time_ms) <= planted.tolerance_ms for place in places] for time_ms in planted.times]
    score.planted += min(len(planted.times), SHOWN_PLACES)
    score.found += sum(any(each) for each in near)
    score.reported += len(places)
    score.right += sum(any(column) for column in zip(*near, strict=True))
    others = (each.kind for each in report.findings if each.kind != kind and each.kind not in planted.follows)
    score.accused_of.update(str(each) for each in others)


def as_table(scores: dict[str, Score], clean: int, accused: int) -> Table:
    table = Table(title=f"{clean} clean series, {accused} of them accused", title_justify="left")
    for name in ("defect", "planted", "recall", "precision", "also accused of"):
        table.add_column(name, justify="left" if name in ("defect", "also accused of") else "right")
    for defect, score in scores.items():
        others = ", ".join(f"{kind} {count}" for kind, count in score.accused_of.most_common())
        table.add_row(defect, f"{score.planted:,}", f"{score.recall:.3f}", f"{score.precision:.3f}", others)
    return table


def faintest() -> Table:
    """Shares of bad prints found, by their size in deviations of the bars around; nothing is claimed of it."""
    table = Table(title="bad prints of one bar, share found by size in deviations", title_justify="left")
    table.add_column("series")
    for size in FAINT_SIZES:
        table.add_column(f"{size:g}", justify="right")
    for name, draw in (("days of a stock", stock_days), ("minutes of a coin", crypto_minutes)):
        shares = [_found_share(draw, size) for size in FAINT_SIZES]
        table.add_row(name, *(f"{share:.2f}" for share in shares))
    return table


def _found_share(draw: Callable[[np.random.Generator], Series], size: float) -> float:
    hits = planted = 0
    for seed in range(SEEDS // 2):
        rng = np.random.default_rng(seed)
        series = draw(rng)
        columns = columns_of(series)
        steps = np.abs(np.diff(np.log(columns["close"])))
        rows = spots(len(columns["close"]), rng)
        for row in rows:
            deviation = 1.4826 * np.median(steps[row - 30 : row + 30])
            columns["close"][row] *= np.exp(size * deviation * rng.choice([-1, 1]))
            columns["high"][row] = max(columns["high"][row], columns["close"][row])
            columns["low"][row] = min(columns["low"][row], columns["close"][row])
        finding = examine(with_columns(series, columns)).finding(FindingKind.OUTLIER)
        times = {place.time_ms for place in finding.places} if finding is not None else set()
        planted += len(rows)
        hits += sum(int(columns["open_time"][row]) in times for row in rows)
    return hits / planted


def speed() -> int:
    """A million bars of minutes, as drawn ones a few times over."""
    minutes = crypto_minutes(np.random.default_rng(0), days=30)
    columns = columns_of(minutes)
    times = -(-MILLION // len(minutes))
    tiled = {name: np.tile(column, times)[:MILLION] for name, column in columns.items()}
    tiled["open_time"] = columns["open_time"][0] + 60_000 * np.arange(MILLION)
    series = with_columns(minutes, tiled)
    text = pd.DataFrame(tiled).to_csv(index=False)
    reading = min(_seconds(lambda: pd.read_csv(io.StringIO(text))) for _ in range(3))
    examining = min(_seconds(lambda: examine(series)) for _ in range(3))
    return claim(
        "a million bars examined in less time than pandas reads them from CSV: CSV seconds per second",
        round(reading / examining, 2),
        1.0,
        examining <= reading,
        examine_s=round(examining, 3),
        read_csv_s=round(reading, 3),
    )


def _seconds(work: Callable[[], object]) -> float:
    """Of CPU."""
    started = time.process_time()
    work()
    return time.process_time() - started


if __name__ == "__main__":
    sys.exit(main())
