"""The recorded values beside the bands are what the recorded data say."""

import gzip
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.unit.simulation.engine import returns as bands
from tests.unit.simulation.engine.returns import Band, Floats

WEEKS = 7


def check(band: Band, whole: float, stretches: list[float]) -> None:
    assert whole == pytest.approx(band.recorded, rel=0.02, abs=0.0005)
    assert (min(stretches), max(stretches)) == pytest.approx(band.weeks, rel=0.02, abs=0.0006)
    assert band.low <= min(stretches)
    assert max(stretches) <= band.high
    assert band.recorded in band


def test_minute_returns(recorded_data: Path) -> None:
    (file,) = (recorded_data / "nautilus" / "market").glob("btc-perp-*_1m.csv")
    candles = pd.read_csv(file)
    whole = bands.log_returns(candles["close"].to_numpy(np.float64))
    volumes = candles["volume"].to_numpy(np.float64)[1:]
    length = len(candles) // WEEKS
    cuts = [slice(week * length, week * length + length - 1) for week in range(WEEKS)]
    weeks = [whole[cut] for cut in cuts]
    check(bands.EXCESS_KURTOSIS, bands.excess_kurtosis(whole), [bands.excess_kurtosis(week) for week in weeks])
    check(bands.TAIL_INDEX, bands.tail_index(whole), [bands.tail_index(week) for week in weeks])
    check(bands.DEVIATION_BPS, whole.std() * 1e4, [week.std() * 1e4 for week in weeks])
    check(
        bands.RETURN_AUTOCORRELATION,
        bands.autocorrelation(whole, 1),
        [bands.autocorrelation(week, 1) for week in weeks],
    )
    for lag, band in bands.AUTOCORRELATION.items():
        check(band, bands.autocorrelation(abs(whole), lag), [bands.autocorrelation(abs(week), lag) for week in weeks])
    check(
        bands.VOLUME_CORRELATION,
        bands.volume_correlation(whole, volumes),
        [bands.volume_correlation(whole[cut], volumes[cut]) for cut in cuts],
    )


def test_quotes(recorded_data: Path) -> None:
    spreads, ticks = [], []
    with gzip.open(recorded_data / "hftbacktest" / "spot" / "btcusdt_20240808.gz", "rt") as lines:
        for line in lines:
            if '"btcusdt@bookTicker"' in line:
                quote = json.loads(line.partition(" ")[2])["data"]
                bid, ask = float(quote["b"]), float(quote["a"])
                spreads.append((ask - bid) / (ask + bid) * 2e4)
                ticks.append(round((ask - bid) * 100))
    widths: Floats = np.array(spreads)
    assert len(widths) == 28_040
    for band, value in (
        (bands.SPREAD_MEAN_BPS, widths.mean()),
        (bands.SPREAD_MEDIAN_BPS, np.median(widths)),
        (bands.ONE_TICK_SHARE, np.mean(np.array(ticks) == 1)),
    ):
        check(band, float(value), [float(value)])
