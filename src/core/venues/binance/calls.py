"""Calls to one of Binance's markets: stamped and signed, read into a shape, the venue's clock noted."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from core.domain.errors import OutcomeUnknown
from core.ports.clock import TradingClock
from core.ports.venue import Credentials
from core.runtime.clocks import NS_PER_MS
from core.runtime.fence import RequestFence
from core.settings.venue import VenueSettings
from core.venues.binance.capabilities import stamp_ms, window_ms
from core.venues.binance.client import BinanceClient
from core.venues.binance.decode import TimeAnswer
from core.venues.budget.toll import Toll
from core.venues.epoch import VenueEpoch
from core.venues.failures import Call

T = TypeVar("T")
A = TypeVar("A")
Send = Callable[[Any, dict[str, object]], object]
"""(ccxt, parameters) to the answer of one endpoint."""


class SignedCalls:
    """Thread-safe. `time` is ccxt's endpoint method for the market's server time; `fence` bounds every request that
    changes the account; `toll` charges every request, `None`: they are free."""

    def __init__(
        self,
        settings: VenueSettings,
        credentials: Credentials | None,
        trading_clock: TradingClock,
        *,
        time: Callable[[Any], object],
        on_clock_refused: Callable[[], None],
        fence: RequestFence,
        toll: Toll | None = None,
    ) -> None:
        self._window_ms = settings.recv_window_ms
        self._clock = trading_clock
        self._time = time
        self._fence = fence
        self._toll = toll
        self.epoch = VenueEpoch(self.server_time_ms)
        self.client = BinanceClient(
            settings.base_url,
            credentials,
            trading_clock,
            timeout_s=settings.request_timeout_s,
            on_clock_refused=on_clock_refused,
            toll=toll,
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

    def venue_ms(self, real_s: float) -> int:
        return round(real_s * 1_000 * self._clock.speed)

    def learn_limits(self, limits: Mapping[str, int]) -> None:
        """What the venue says that it allows now, by the limits' names."""
        if self._toll is not None:
            self._toll.address.learn(limits)
            self._toll.account.learn(limits)

    def server_time_ms(self) -> int:
        answer, response = self.client.call(Call.READ, self._time, TimeAnswer)
        self.epoch.learn(response.headers)
        return answer.server_time

    def read(self, invoke: Callable[[Any], object], shape: type[T]) -> T:
        return self.client.call(Call.READ, invoke, shape)[0]

    def read_signed(self, parameters: Mapping[str, object], send: Send, shape: type[T]) -> T:
        def stamped(ccxt: Any) -> object:
            return send(ccxt, self._stamped(parameters, self.window_ms, self._clock.now_ns()))

        return self.read(stamped, shape)

    def order(
        self,
        parameters: Mapping[str, object],
        send: Send,
        shape: type[A],
        convert: Callable[[A], T],
    ) -> T:
        """`send` changes orders. An answer that cannot be read leaves the outcome unknown.
        Raises `VenueUnavailable` where the fence leaves no time."""
        with self._fence.let_out():
            answer, _ = self.client.call(Call.ORDER, lambda ccxt: send(ccxt, self._fenced(parameters)), shape)
        try:
            return convert(answer)
        except ValueError as error:
            raise OutcomeUnknown(f"unreadable answer: {error}") from error

    def change(self, parameters: Mapping[str, object], send: Send) -> None:
        """As `order`, for what changes the account and no order, and may be asked for again."""
        with self._fence.let_out():
            self.client.call(Call.READ, lambda ccxt: send(ccxt, self._fenced(parameters)), object)

    def _fenced(self, parameters: Mapping[str, object]) -> dict[str, object]:
        """Stamped so that the venue refuses them once the fence is shut. The time is read first: see
        `RequestFence`."""
        now_ns = self._clock.now_ns()
        left_ms = self._fence.left_ms()
        window = self.window_ms if left_ms is None else min(self.window_ms, int(left_ms * self._clock.speed))
        return self._stamped(parameters, window, now_ns)

    @staticmethod
    def _stamped(parameters: Mapping[str, object], window: int, now_ns: int) -> dict[str, object]:
        return {**parameters, "recvWindow": window, "timestamp": stamp_ms(now_ns, window)}
