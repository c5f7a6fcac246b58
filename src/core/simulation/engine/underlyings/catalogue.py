"""The stocks and crypto indices that the venue knows: well-known names with the look of the middle of the 2020s."""

from dataclasses import dataclass

from core.simulation.engine.process import AssetTraits


@dataclass(frozen=True, slots=True)
class Underlying:
    """`price` is where its path begins and is weakly drawn to."""

    symbol: str
    price: float
    traits: AssetTraits
    daily_volume: float
    """Shares or coins on an ordinary day."""
    shares_per_trade: float
    dividend_yield: float = 0.0
    is_fund: bool = False
    """Exchange-traded funds: options expire each trading day, and the smile is that of an index."""
    tape: str = "C"
    """`A`: listed in New York, `B`: elsewhere, `C`: on NASDAQ."""
    tick: float = 0.01


def _stock(
    symbol: str, price: float, yearly_vol: float, beta: float, millions: float, dividend: float, tape: str = "C"
) -> Underlying:
    sigma_bps = yearly_vol / (252 * 390) ** 0.5 * 1e4
    is_fund = tape == "B"
    return Underlying(symbol, price, AssetTraits(sigma_bps, beta), millions * 1e6, 120.0, dividend, is_fund, tape)


def _coin(symbol: str, price: float, yearly_vol: float, correlation: float, volume: float, tick: float) -> Underlying:
    sigma_bps = yearly_vol / (365 * 1_440) ** 0.5 * 1e4
    return Underlying(symbol, price, AssetTraits(sigma_bps, correlation), volume, 0.05, tick=tick)


STOCKS = (
    # Symbol, USD, volatility of a year, correlation with the market, million shares a day, dividend yield, tape.
    _stock("SPY", 520.0, 0.16, 0.98, 70.0, 0.013, "B"),
    _stock("QQQ", 440.0, 0.20, 0.95, 45.0, 0.006, "B"),
    _stock("IWM", 205.0, 0.21, 0.90, 30.0, 0.012, "B"),
    _stock("DIA", 390.0, 0.15, 0.95, 3.5, 0.017, "B"),
    _stock("AAPL", 190.0, 0.26, 0.75, 60.0, 0.005),
    _stock("MSFT", 415.0, 0.24, 0.75, 22.0, 0.007),
    _stock("NVDA", 880.0, 0.45, 0.70, 45.0, 0.0),
    _stock("AMZN", 180.0, 0.30, 0.70, 45.0, 0.0),
    _stock("GOOGL", 165.0, 0.27, 0.70, 28.0, 0.004),
    _stock("GOOG", 166.0, 0.27, 0.70, 20.0, 0.004),
    _stock("META", 490.0, 0.34, 0.65, 15.0, 0.004),
    _stock("TSLA", 175.0, 0.52, 0.55, 95.0, 0.0),
    _stock("AMD", 165.0, 0.45, 0.65, 55.0, 0.0),
    _stock("NFLX", 620.0, 0.36, 0.55, 4.0, 0.0),
    _stock("INTC", 35.0, 0.36, 0.55, 50.0, 0.014),
    _stock("AVGO", 1_320.0, 0.35, 0.65, 3.0, 0.015),
    _stock("CSCO", 48.0, 0.20, 0.60, 18.0, 0.032),
    _stock("ADBE", 480.0, 0.33, 0.60, 4.0, 0.0),
    _stock("COST", 740.0, 0.21, 0.55, 2.0, 0.006),
    _stock("PEP", 172.0, 0.15, 0.45, 6.0, 0.030),
    _stock("JPM", 195.0, 0.23, 0.65, 9.0, 0.023, "A"),
    _stock("BAC", 37.0, 0.27, 0.62, 38.0, 0.026, "A"),
    _stock("GS", 410.0, 0.26, 0.63, 2.2, 0.026, "A"),
    _stock("WFC", 58.0, 0.27, 0.60, 18.0, 0.024, "A"),
    _stock("V", 275.0, 0.19, 0.65, 6.0, 0.008, "A"),
    _stock("MA", 460.0, 0.20, 0.65, 2.5, 0.006, "A"),
    _stock("XOM", 117.0, 0.24, 0.45, 17.0, 0.033, "A"),
    _stock("CVX", 158.0, 0.24, 0.45, 8.0, 0.040, "A"),
    _stock("JNJ", 150.0, 0.16, 0.40, 7.0, 0.032, "A"),
    _stock("PFE", 28.0, 0.25, 0.35, 35.0, 0.060, "A"),
    _stock("UNH", 490.0, 0.25, 0.40, 3.5, 0.015, "A"),
    _stock("PG", 160.0, 0.16, 0.40, 6.5, 0.024, "A"),
    _stock("KO", 61.0, 0.14, 0.42, 13.0, 0.031, "A"),
    _stock("WMT", 60.0, 0.18, 0.42, 16.0, 0.014, "A"),
    _stock("HD", 345.0, 0.22, 0.60, 3.2, 0.026, "A"),
    _stock("DIS", 112.0, 0.27, 0.55, 10.0, 0.008, "A"),
    _stock("BA", 180.0, 0.34, 0.52, 7.0, 0.0, "A"),
    _stock("CAT", 345.0, 0.27, 0.58, 2.6, 0.015, "A"),
    _stock("GE", 158.0, 0.28, 0.55, 5.5, 0.007, "A"),
    _stock("T", 17.0, 0.22, 0.35, 32.0, 0.065, "A"),
    _stock("PLTR", 23.0, 0.58, 0.50, 50.0, 0.0),
    _stock("COIN", 240.0, 0.80, 0.45, 9.0, 0.0),
    _stock("F", 12.5, 0.34, 0.50, 50.0, 0.048, "A"),
    _stock("XLE", 93.0, 0.25, 0.50, 15.0, 0.031, "B"),
    _stock("XLF", 41.0, 0.19, 0.80, 35.0, 0.015, "B"),
    _stock("TLT", 92.0, 0.16, -0.10, 35.0, 0.038, "B"),
    _stock("GLD", 215.0, 0.15, 0.05, 7.0, 0.0, "B"),
)
"""New ones go to the end, and change the paths of all the others."""

COINS = (
    _coin("BTC", 64_000.0, 0.55, 0.85, 25_000.0, 0.01),
    _coin("ETH", 3_100.0, 0.68, 0.85, 250_000.0, 0.01),
)
