"""What is behind all methods: the coins' derivatives and their trades, and the state of an instrument at a moment."""

from core.simulation.engine.coins.derivatives import CoinDerivatives
from core.simulation.engine.coins.instruments import Instrument
from core.simulation.engine.coins.trades import Trades, TradeTape
from core.simulation.engine.underlyings.catalogue import COINS
from core.simulation.server.deribit import errors
from core.simulation.server.made_data import MadeData

DAY_MS = 86_400_000
NAMES = {"BTC": "Bitcoin", "ETH": "Ethereum"}


class CoinMarket:
    """To be used in the thread of `MadeData` alone. Times are of the venue."""

    def __init__(self, data: MadeData) -> None:
        self._data = data
        self.coins = tuple(each.symbol for each in COINS)

    @property
    def derivatives(self) -> CoinDerivatives:
        return self._data.derivatives

    @property
    def tape(self) -> TradeTape:
        return self._data.tape

    def checked(self, instrument: Instrument, now_s: float) -> Instrument:
        """Raises `RpcError` for one that has never traded."""
        if not self.derivatives.instruments.exists(instrument, now_s):
            raise errors.unknown_instrument()
        return instrument

    def live(self, instrument: Instrument, now_s: float) -> Instrument:
        """Raises `RpcError` for one that does not trade now."""
        if self.checked(instrument, now_s).expiry_s <= now_s:
            raise errors.unknown_instrument()
        return instrument

    def last_day(self, instrument: Instrument, now_ms: int) -> Trades:
        """Trades of the last 24 hours."""
        return self.tape.between(instrument, now_ms - DAY_MS, now_ms, at_most=100_000, newest=True)

    def last_trade(self, instrument: Instrument, now_ms: int) -> Trades:
        """One, or none in the last three days."""
        return self.tape.between(instrument, now_ms - 3 * DAY_MS, now_ms, at_most=1, newest=True)
