"""Calls to one of Binance's markets: stamped and signed, read into a shape, the venue's clock noted."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from core.domain.errors import OutcomeUnknown, VenueUnavailable
from core.ports.clock import TradingClock
from core.ports.venue import Credentials
from core.runtime.clocks import NS_PER_MS
from core.settings.venue import VenueSettings
from core.venues.binance.capabilities import stamp_ms, window_ms
from core.venues.binance.client import BinanceClient
from core.venues.binance.decode import TimeAnswer
from core.venues.binance.errors import Call

T = TypeVar("T")
A = TypeVar("A")


class SignedCalls:
    """Thread-safe. `time` is ccxt's endpoint method for the market's server time."""

    def __init__(
        self,
        settings: VenueSettings,
        credentials: Credentials | None,
        trading_clock: TradingClock,
        *,
        time: Callable[[Any], object],
        on_clock_refused: Callable[[], None],
    ) -> None:
        self._window_ms = settings.recv_window_ms
        self._clock = trading_clock
        self._time = time
        self._epoch_id: str | None = None
        self._speed: float | None = None
        self.client = BinanceClient(
            settings.base_url,
            credentials,
            trading_clock,
            timeout_s=settings.request_timeout_s,
            on_clock_refused=on_clock_refused,
        )

    @property
    def window_ms(self) -> int:
        """recvWindow of a request, in venue time."""
        return window_ms(self._window_ms, self._clock.speed)

    @property
    def now_ns(self) -> int:
        """Venue time."""
        return self._clock.now_ns()

    @property
    def now_ms(self) -> int:
        return self._clock.now_ns() // NS_PER_MS

    def server_time_ms(self) -> int:
        answer, response = self.client.call(Call.READ, self._time, TimeAnswer)
        speed = response.headers.get("x-venue-clock-speed")
        self._epoch_id = response.headers.get("x-venue-epoch")
        self._speed = 1.0 if speed is None else _positive(speed)
        return answer.server_time

    def epoch_id(self) -> str | None:
        """As of the last `server_time_ms`; asks once when there was none."""
        if self._speed is None:
            self.server_time_ms()
        return self._epoch_id

    def clock_speed(self) -> float:
        """As of the last `server_time_ms`; asks once when there was none."""
        if self._speed is None:
            self.server_time_ms()
        return self._speed or 1.0

    def read(self, invoke: Callable[[Any], object], shape: type[T]) -> T:
        return self.client.call(Call.READ, invoke, shape)[0]

    def order(self, invoke: Callable[[Any], object], shape: type[A], convert: Callable[[A], T]) -> T:
        """An answer that cannot be read leaves an order's outcome unknown."""
        answer, _ = self.client.call(Call.ORDER, invoke, shape)
        try:
            return convert(answer)
        except ValueError as error:
            raise OutcomeUnknown(f"unreadable answer: {error}") from error

    def signed(
        self, parameters: Mapping[str, object], request_window_ms: int | None = None
    ) -> Callable[[], dict[str, object]]:
        """Call it to stamp them, just before they are sent. Raises VenueUnavailable when no time at all is left in
        which the request may reach the venue."""
        real_ms = self._window_ms if request_window_ms is None else min(request_window_ms, self._window_ms)
        if real_ms <= 0:
            raise VenueUnavailable("no time is left in which this request may reach the venue")

        def stamped() -> dict[str, object]:
            window = window_ms(real_ms, self._clock.speed)
            return {**parameters, "recvWindow": window, "timestamp": stamp_ms(self._clock.now_ns(), window)}

        return stamped


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1e6:
        raise VenueUnavailable(f"the venue's clock speed is not a number above 0: {text!r}")
    return value
