"""The built-in features written out from their definitions in pandas and plain loops: slow, and nothing of TA-Lib.

Definitions: J. W. Wilder, New Concepts in Technical Trading Systems (1978), for RSI, ATR and the directional movement;
J. Bollinger, Bollinger on Bollinger Bands (2001); C. LeBeau and D. Lucas, Computer Analysis of the Futures Market
(1992), for the others. Averages that refer to themselves start as TA-Lib's do: with the mean of their first period.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd

from core.domain.candles import CandleWindow


def reference(window: CandleWindow) -> dict[str, pd.Series]:
    """Every column of `core.features.standard.STANDARD`, by name."""
    o, h, low, c, v = (pd.Series(getattr(window, name)) for name in ("open", "high", "low", "close", "volume"))
    columns = {f"change_{n}": c / c.shift(n) - 1 for n in (1, 5, 20, 60)}
    columns |= {f"ema_gap_{n}": c / exponential(c, n) - 1 for n in (9, 21, 50)}
    columns["sma_gap_100"] = c / c.rolling(100).mean() - 1
    slow, fast = exponential(c, 26), exponential(c, 12)
    columns["ppo_12_26"] = 100 * (fast - slow) / slow
    columns["trix_15"] = 100 * exponential(exponential(exponential(c, 15), 15), 15).pct_change()
    columns["slope_20"] = c.rolling(20).apply(lambda y: np.polyfit(np.arange(20.0), y, 1)[0], raw=True) / c
    columns |= directional(h, low, c, 14)
    for n in (7, 14):
        gain, loss = gains_and_losses(c, n)
        columns[f"rsi_{n}"] = 100 * gain / (gain + loss)
    columns["cmo_14"] = 100 * (gain - loss) / (gain + loss)
    highest, lowest = h.rolling(14).max(), low.rolling(14).min()
    columns["williams_14"] = -100 * (highest - c) / (highest - lowest)
    slow_k = (100 * (c - lowest) / (highest - lowest)).rolling(3).mean()
    columns |= both_from_the_second_on("stochastic_14_3_3", slow_k, slow_k.rolling(3).mean())
    rsi = columns["rsi_14"]
    rsi_k = 100 * (rsi - rsi.rolling(14).min()) / (rsi.rolling(14).max() - rsi.rolling(14).min())
    columns |= both_from_the_second_on("stochastic_rsi_14_14_3", rsi_k, rsi_k.rolling(3).mean())
    for n in (7, 14):
        columns[f"natr_{n}"] = 100 * wilder(true_range(h, low, c), n) / c
    middle, sigma = c.rolling(20).mean(), c.rolling(20).apply(np.std, raw=True)
    columns["bollinger_place_20_2_place"] = (c - (middle - 2 * sigma)) / (4 * sigma)
    columns["bollinger_place_20_2_width"] = 4 * sigma / middle
    columns["deviation_20"] = np.log(c / c.shift(1)).rolling(20).apply(np.std, raw=True)
    columns["channel_place_20"] = (c - low.rolling(20).min()) / (h.rolling(20).max() - low.rolling(20).min())
    columns["money_flow_14"] = money_flow(h, low, c, v, 14)
    columns["volume_ratio_20"] = v / v.rolling(20).mean()
    columns["balance"] = ((c - o) / (h - low)).where(h > low, 0.0)
    columns["shadow_upper"] = (h - np.maximum(o, c)) / c
    columns["shadow_lower"] = (np.minimum(o, c) - low) / c
    return columns


def recursive(values: pd.Series, n: int, step: Callable[[float, float], float], start: float) -> pd.Series:
    """`start` at the n-th of the values, then `step` with each that follows; NaN wherever there are none yet."""
    out = pd.Series(np.nan, values.index)
    known = values.dropna()
    state = start
    out[known.index[n - 1]] = state
    for at, value in known.iloc[n:].items():
        state = out[at] = step(state, value)
    return out.reindex(pd.RangeIndex(int(values.index[-1]) + 1))


def exponential(values: pd.Series, n: int) -> pd.Series:
    start = float(values.dropna().iloc[:n].mean())
    return recursive(values, n, lambda average, value: average + 2 / (n + 1) * (value - average), start)


def wilder(values: pd.Series, n: int) -> pd.Series:
    start = float(values.dropna().iloc[:n].mean())
    return recursive(values, n, lambda average, value: (average * (n - 1) + value) / n, start)


def gains_and_losses(close: pd.Series, n: int) -> tuple[pd.Series, pd.Series]:
    moves = close.diff().iloc[1:]
    return wilder(moves.clip(lower=0), n), wilder(-moves.clip(upper=0), n)


def true_range(high: pd.Series, low: pd.Series, close: pd.Series) -> pd.Series:
    before = close.shift(1)
    return (np.maximum(high, before) - np.minimum(low, before)).iloc[1:]


def directional(high: pd.Series, low: pd.Series, close: pd.Series, n: int) -> dict[str, pd.Series]:
    up, down = high.diff().iloc[1:], -low.diff().iloc[1:]
    plus = up.where((up > down) & (up > 0), 0.0)
    minus = down.where((down > up) & (down > 0), 0.0)

    def total(values: pd.Series) -> pd.Series:
        """Wilder's running sum, which TA-Lib starts with the first n - 1 values and shows from the n-th on."""
        start = float(values.iloc[: n - 1].sum())
        start += values.iloc[n - 1] - start / n
        return recursive(values, n, lambda summed, value: summed - summed / n + value, start)

    span = total(true_range(high, low, close))
    plus_index, minus_index = 100 * total(plus) / span, 100 * total(minus) / span
    apart = 100 * (plus_index - minus_index).abs() / (plus_index + minus_index)
    stem = f"directional_{n}"
    return {f"{stem}_adx": wilder(apart, n), f"{stem}_plus": plus_index, f"{stem}_minus": minus_index}


def money_flow(high: pd.Series, low: pd.Series, close: pd.Series, volume: pd.Series, n: int) -> pd.Series:
    typical = (high + low + close) / 3
    move, flow = typical.diff(), typical * volume
    rising = flow.where(move > 0, 0.0).where(move.notna()).rolling(n).sum()
    falling = flow.where(move < 0, 0.0).where(move.notna()).rolling(n).sum()
    return 100 * rising / (rising + falling)


def both_from_the_second_on(stem: str, k: pd.Series, d: pd.Series) -> dict[str, pd.Series]:
    """TA-Lib shows neither line before both exist."""
    return {f"{stem}_k": k.where(d.notna()), f"{stem}_d": d}
