"""The venue's dead-man timer: `POST /fapi/v1/countdownCancelAll` of Binance's futures documentation.

All open orders of one symbol are cancelled when a countdown ends that nobody has wound up again; 0 stops it. It ends
once: what is placed later is not touched. Conditional orders, which the venue keeps apart (`algoOrder`), stay: they are
cancelled by endpoints of their own. Countdowns are of venue time, and do not outlive the venue's process.
"""

from collections.abc import Callable

from core.simulation.engine.refusals import Refusal
from core.simulation.server import errors
from core.simulation.server.endpoint import Call
from core.simulation.server.market_questions import required_symbol
from core.simulation.server.usdm.floor import UsdmFloor


class Countdowns:
    def __init__(self, floor: UsdmFloor, now_ms: Callable[[], int]) -> None:
        self._floor = floor
        self._now_ms = now_ms
        self._ends_ms: dict[tuple[str, str], int] = {}
        self.wound_up = 0
        """How often, ever."""

    def wind_up(self, call: Call) -> object:
        symbol = required_symbol(self._floor, call.params).name
        countdown_ms = call.params.integer("countdownTime")
        if countdown_ms is None:
            raise errors.mandatory("countdownTime")
        if countdown_ms < 0:
            raise errors.invalid_value("countdownTime")
        if countdown_ms == 0:
            self._ends_ms.pop((call.account, symbol), None)
        else:
            self.wound_up += 1
            self._ends_ms[call.account, symbol] = self._now_ms() + countdown_ms
        return {"symbol": symbol, "countdownTime": str(countdown_ms)}

    def turn(self) -> None:
        """Cancel what is due."""
        if not self._ends_ms:
            return
        now_ms = self._now_ms()
        for account, symbol in [key for key, end_ms in self._ends_ms.items() if end_ms <= now_ms]:
            del self._ends_ms[account, symbol]
            try:
                self._floor.cancel_all(account, symbol)
            except Refusal:  # its account or symbol is gone, and its orders with it
                continue
