"""Where market data that is made on demand comes from: the stocks, the coins and their options, behind one thread.

Making years of bars is work for the processor. It is done beside the loop, one request at a time, so that nothing of
the venue waits for it and nothing is made twice.
"""

import asyncio
import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from core.simulation.engine.coins.derivatives import CoinDerivatives
from core.simulation.engine.coins.trades import TradeTape
from core.simulation.engine.options.stock_options import StockOptions
from core.simulation.engine.underlyings.catalogue import COINS, STOCKS
from core.simulation.engine.underlyings.market import UnderlyingMarket
from core.simulation.engine.underlyings.sessions import never_closing, us_stocks

_T = TypeVar("_T")


class MadeData:
    """Nothing is made, nor imported, before it is asked for. What it holds is to be used within `make`
    alone."""

    def __init__(self, seed: int) -> None:
        self._seed = seed % 2**63
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="made data")

    @functools.cached_property
    def stocks(self) -> UnderlyingMarket:
        return UnderlyingMarket(STOCKS, us_stocks(), self._seed)

    @functools.cached_property
    def options(self) -> StockOptions:
        return StockOptions(self.stocks, self._seed)

    @functools.cached_property
    def coins(self) -> UnderlyingMarket:
        return UnderlyingMarket(COINS, never_closing(), self._seed)

    @functools.cached_property
    def derivatives(self) -> CoinDerivatives:
        return CoinDerivatives(self.coins, self._seed)

    @functools.cached_property
    def tape(self) -> TradeTape:
        return TradeTape(self.derivatives)

    async def make(self, work: Callable[[], _T]) -> _T:
        """What `work` returns or raises. Cancelling leaves it to end by itself."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def close(self) -> None:
        """What is still wanted is not made any more; waits for what is being made."""
        self._thread.shutdown(cancel_futures=True)
