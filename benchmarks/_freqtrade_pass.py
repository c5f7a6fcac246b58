"""Runs in an environment of freqtrade's own, so it imports nothing of ours: `python _freqtrade_pass.py FRAMES.pkl N`.

For each pair what the bot does with it when a candle has closed (`IStrategy.analyze_pair`, without fetching): its
result checks, `populate_indicators`, `populate_entry_trend`, `populate_exit_trend`, and the newest signal read off the
frame (`get_entry_signal`, `get_exit_signal`). Prints one line of JSON: seconds of each round over all pairs.
"""

import json
import logging
import sys
import time
from typing import Any, ClassVar

import freqtrade
import numpy as np
import pandas as pd
import talib.abstract as ta
from freqtrade.enums import CandleType, RunMode
from freqtrade.strategy import IStrategy

logging.disable(logging.WARNING)


class Standard(IStrategy):
    """The columns of `core.features.standard`, as one would write them for freqtrade: TA-Lib's abstract interface, the
    rest in pandas."""

    INTERFACE_VERSION = 3
    timeframe = "1m"
    minimal_roi: ClassVar[dict[str, float]] = {"0": 10.0}
    stoploss = -0.99
    process_only_new_candles = False
    startup_candle_count = 100

    def populate_indicators(self, dataframe: pd.DataFrame, metadata: dict[str, Any]) -> pd.DataFrame:
        close, volume = dataframe["close"], dataframe["volume"]
        for period in (1, 5, 20, 60):
            dataframe[f"return_{period}"] = ta.ROCP(dataframe, timeperiod=period)
        for period in (9, 21, 50):
            dataframe[f"ema_{period}"] = close / ta.EMA(dataframe, timeperiod=period) - 1
        dataframe["sma_100"] = close / ta.SMA(dataframe, timeperiod=100) - 1
        dataframe["ppo"] = ta.PPO(dataframe, fastperiod=12, slowperiod=26, matype=1)
        dataframe["trix"] = ta.TRIX(dataframe, timeperiod=15)
        dataframe["slope"] = ta.LINEARREG_SLOPE(dataframe, timeperiod=20) / close
        for name in ("ADX", "PLUS_DI", "MINUS_DI", "CMO", "WILLR", "MFI"):
            dataframe[name.lower()] = getattr(ta, name)(dataframe, timeperiod=14)
        for period in (7, 14):
            dataframe[f"rsi_{period}"] = ta.RSI(dataframe, timeperiod=period)
            dataframe[f"natr_{period}"] = ta.NATR(dataframe, timeperiod=period)
        stochastic = ta.STOCH(dataframe, fastk_period=14, slowk_period=3, slowd_period=3)
        dataframe["stoch_k"], dataframe["stoch_d"] = stochastic["slowk"], stochastic["slowd"]
        stochastic = ta.STOCHRSI(dataframe, timeperiod=14, fastk_period=14, fastd_period=3)
        dataframe["stochrsi_k"], dataframe["stochrsi_d"] = stochastic["fastk"], stochastic["fastd"]
        bands = ta.BBANDS(dataframe, timeperiod=20, nbdevup=2.0, nbdevdn=2.0)
        width = bands["upperband"] - bands["lowerband"]
        dataframe["bb_position"] = (close - bands["lowerband"]) / width
        dataframe["bb_width"] = width / bands["middleband"]
        dataframe["volatility"] = np.log(close / close.shift()).rolling(20).std(ddof=0)
        lowest, highest = dataframe["low"].rolling(20).min(), dataframe["high"].rolling(20).max()
        dataframe["range_position"] = (close - lowest) / (highest - lowest)
        dataframe["relative_volume"] = volume / volume.rolling(20).mean()
        dataframe["bop"] = ta.BOP(dataframe)
        body = dataframe[["open", "close"]]
        dataframe["upper_shadow"] = (dataframe["high"] - body.max(axis=1)) / close
        dataframe["lower_shadow"] = (body.min(axis=1) - dataframe["low"]) / close
        return dataframe

    def populate_entry_trend(self, dataframe: pd.DataFrame, metadata: dict[str, Any]) -> pd.DataFrame:
        up = (dataframe["ema_9"] < dataframe["ema_21"]) & (dataframe["volume"] > 0)
        dataframe.loc[up, "enter_long"] = 1
        return dataframe

    def populate_exit_trend(self, dataframe: pd.DataFrame, metadata: dict[str, Any]) -> pd.DataFrame:
        dataframe.loc[dataframe["ema_9"] > dataframe["ema_21"], "exit_long"] = 1
        return dataframe


class Frames:
    """What its data provider does for a strategy: gives frames, keeps the analysed ones."""

    def __init__(self, frames: dict[str, pd.DataFrame]) -> None:
        self.frames = frames
        self.analysed: dict[str, pd.DataFrame] = {}

    def ohlcv(self, pair: str, timeframe: str, copy: bool = True, candle_type: object = "") -> pd.DataFrame:
        return self.frames[pair].copy()  # as freqtrade's own does

    def _set_cached_df(self, pair: str, timeframe: str, frame: pd.DataFrame, candle_type: object) -> None:
        self.analysed[pair] = frame

    def _emit_df(self, *_: object) -> None:
        """Only with an external message consumer."""


def main() -> None:
    frames = pd.read_pickle(sys.argv[1])
    rounds = int(sys.argv[2])
    strategy = Standard({"runmode": RunMode.LIVE, "candle_type_def": CandleType.SPOT, "dry_run": True})
    provider = strategy.dp = Frames(frames)
    spent = []
    for _ in range(rounds + 1):
        began = time.perf_counter()
        for pair in frames:
            strategy.analyze_pair(pair)
            strategy.get_entry_signal(pair, "1m", provider.analysed[pair])
            strategy.get_exit_signal(pair, "1m", provider.analysed[pair])
        spent.append(time.perf_counter() - began)
    columns = len(provider.analysed[next(iter(frames))].columns)
    said = {"version": freqtrade.__version__, "seconds": spent[1:], "pairs": len(frames), "columns": columns}
    print(json.dumps(said))


if __name__ == "__main__":
    main()
