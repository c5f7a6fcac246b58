"""Markets that are made once for all tests: their calendar takes a second."""

from datetime import UTC, datetime
from functools import cache

from core.simulation.engine.options.stock_options import StockOptions
from core.simulation.engine.underlyings.catalogue import COINS, STOCKS
from core.simulation.engine.underlyings.market import UnderlyingMarket
from core.simulation.engine.underlyings.sessions import Sessions, never_closing, us_stocks

SEED = 7


@cache
def new_york() -> Sessions:
    return us_stocks()


def fresh_stocks(seed: int = SEED) -> UnderlyingMarket:
    return UnderlyingMarket(STOCKS, new_york(), seed)


@cache
def stocks() -> UnderlyingMarket:
    return fresh_stocks()


@cache
def options() -> StockOptions:
    return StockOptions(stocks(), SEED)


@cache
def coins() -> UnderlyingMarket:
    return UnderlyingMarket(COINS, never_closing(), SEED)


def at(text: str) -> float:
    """UTC s of `2026-03-06 15:00`."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()
