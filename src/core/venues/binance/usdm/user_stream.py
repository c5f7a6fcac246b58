"""USD-M's user data stream, named by a listen key: `core.ports.venue.UserStream`."""

import asyncio
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

import msgspec
import structlog

from core.domain.errors import VenueError
from core.domain.orders import FundingAnnounced, UserEvent
from core.ports.clock import MonotonicClock, TradingClock
from core.runtime.clocks import NS_PER_MS
from core.settings.venue import VenueSettings
from core.venues.binance.account_news import AccountNews
from core.venues.binance.decode import UNREADABLE
from core.venues.binance.instruments import Symbols
from core.venues.binance.usdm.decode import AccountUpdate, AlgoUpdate, OrderTradeUpdate, UserFrame
from core.venues.binance.usdm.reports import algo_update, order_update, positions_changed, wallets_changed
from core.venues.binance.usdm.streams import root_of
from core.venues.socket import LeaveConnection, WatchedConnection, keep_dialling

log = structlog.get_logger()

T = TypeVar("T")
_KEEP_ALIVE_S = (20 * 60.0, 30 * 60.0)
"""A key lasts for an hour; drawn anew each time, so that many clients do not ask at once."""
_KEEP_ALIVE_RETRY_S = 60.0
_NO_SUCH_KEY = -1125
_ENDS = frozenset({"listenKeyExpired", "serverShutdown"})
_FUNDING = "FUNDING_FEE"

_frames = msgspec.json.Decoder(UserFrame)
_orders = msgspec.json.Decoder(OrderTradeUpdate)
_accounts = msgspec.json.Decoder(AccountUpdate)
_algos = msgspec.json.Decoder(AlgoUpdate)


class ListenKeys(Protocol):
    """What the stream needs of REST; both calls block and raise `VenueError`."""

    def new_listen_key(self) -> str: ...

    def keep_listen_key(self) -> None: ...


class UsdmUserStream:
    """Events of a gap are lost for good, so each (re)connection is said to whoever must reconcile:
    `UserStreamRestored`. The blocking calls about the key run in a thread of its own."""

    def __init__(
        self,
        settings: VenueSettings,
        keys: ListenKeys,
        trading_clock: TradingClock,
        monotonic_clock: MonotonicClock,
        *,
        symbols: Symbols,
        chance: random.Random,
    ) -> None:
        self.news = AccountNews(monotonic_clock.now_ns)
        self._root = root_of(settings.ws_base_url)
        self._stale_s = settings.stale_stream_s
        self._keys = keys
        self._symbols = symbols
        self._clock = trading_clock
        self._chance = chance
        self._thread: ThreadPoolExecutor | None = None

    async def run(self, publish: Callable[[UserEvent], None]) -> None:
        """See `UserStream.run`."""
        self.news.publish = publish
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="listen-key")
        try:
            await keep_dialling(self._address, self._serve, self.news.lost, stale_s=self._stale_s, chance=self._chance)
        finally:
            self._thread.shutdown(wait=False, cancel_futures=True)  # a call under way ends by its own deadline

    async def _address(self) -> str:
        try:
            key = await self._in_thread(self._keys.new_listen_key)
        except VenueError as error:
            log.warning("listen_key_refused", venue="binance", reason=str(error))
            raise LeaveConnection(f"NO_LISTEN_KEY code={error.code}") from error
        return f"{self._root}/private/ws?listenKey={key}"

    async def _serve(self, connection: WatchedConnection) -> None:
        self.news.restored()
        due_s = connection.loop.time() + self._keep_alive_s()
        while True:
            try:
                async with asyncio.timeout_at(due_s):
                    frame = await connection.recv(decode=False)
            except TimeoutError:
                due_s = connection.loop.time() + await self._keep_alive()
            else:
                self._handle(frame)

    async def _keep_alive(self) -> float:
        """Real seconds until it is due again."""
        try:
            await self._in_thread(self._keys.keep_listen_key)
        except VenueError as error:
            log.warning("listen_key_not_kept", venue="binance", reason=str(error))
            if error.code == _NO_SUCH_KEY:
                raise LeaveConnection("LISTEN_KEY_EXPIRED") from error
            return _KEEP_ALIVE_RETRY_S / max(self._clock.speed, 1.0)
        return self._keep_alive_s()

    def _keep_alive_s(self) -> float:
        """The key's hour is one of the venue's time."""
        return self._chance.uniform(*_KEEP_ALIVE_S) / max(self._clock.speed, 1.0)

    def _handle(self, raw: bytes) -> None:
        """Raises `LeaveConnection` when the stream has ended."""
        try:
            frame = _frames.decode(raw)
            event = bytes(frame.data) or raw
            kind = frame.event or _frames.decode(event).event
            self._handle_event(kind, event)
        except (*UNREADABLE, ValueError) as error:
            self.news.complain(error, raw)

    def _handle_event(self, kind: str, event: bytes) -> None:
        if kind == "ORDER_TRADE_UPDATE":
            self.news.publish(order_update(_orders.decode(event).order, self._symbols))
        elif kind == "ALGO_UPDATE":
            report = algo_update(_algos.decode(event), self._symbols)
            if report is not None:
                self.news.publish(report)
        elif kind == "ACCOUNT_UPDATE":
            self._handle_account(_accounts.decode(event))
        elif kind in _ENDS:
            raise LeaveConnection(f"STREAM_ENDED event={kind}")

    def _handle_account(self, update: AccountUpdate) -> None:
        for event in (wallets_changed(update), positions_changed(update, self._symbols)):
            if event is not None:
                self.news.publish(event)
        if update.change.reason == _FUNDING:
            self.news.publish(FundingAnnounced(update.transaction_ms * NS_PER_MS))

    async def _in_thread(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call)
