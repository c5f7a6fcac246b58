"""Binance spot's user data stream over the WebSocket API: `core.ports.venue.UserStream`."""

import hashlib
import hmac
import random
from collections.abc import Callable, Mapping

import msgspec
import structlog

from core.domain.orders import UserEvent
from core.ports.clock import MonotonicClock, TradingClock
from core.ports.venue import Credentials
from core.settings.venue import VenueSettings
from core.venues.binance.account_news import AccountNews
from core.venues.binance.capabilities import stamp_ms, window_ms
from core.venues.binance.decode import UNREADABLE, AccountPosition, ExecutionReport, SocketFrame, UserEventKind
from core.venues.binance.instruments import Symbols
from core.venues.binance.reports import balances_changed, execution_report
from core.venues.socket import LeaveConnection, WatchedConnection, keep_dialling

log = structlog.get_logger()

ROOT = "wss://ws-api.binance.com:443"
_TIMESTAMP_REFUSED = -1021
_ENDS = frozenset({"eventStreamTerminated", "serverShutdown"})

_frames = msgspec.json.Decoder(SocketFrame)
_kinds = msgspec.json.Decoder(UserEventKind)
_reports = msgspec.json.Decoder(ExecutionReport)
_positions = msgspec.json.Decoder(AccountPosition)
_encode = msgspec.json.Encoder().encode


class BinanceUserStream:
    """Subscribes by signature. Events of a gap are lost for good, so each (re)subscription is said to whoever must
    reconcile: `UserStreamRestored`."""

    def __init__(
        self,
        settings: VenueSettings,
        credentials: Credentials,
        trading_clock: TradingClock,
        monotonic_clock: MonotonicClock,
        *,
        symbols: Symbols,
        chance: random.Random,
        on_clock_refused: Callable[[], None] = lambda: None,
    ) -> None:
        """`on_clock_refused` is called on the loop after the venue refused a timestamp; it must return at once."""
        self.news = AccountNews(monotonic_clock.now_ns)
        self._url = f"{(settings.ws_base_url or ROOT).rstrip('/')}/ws-api/v3"
        self._settings = settings
        self._credentials = credentials
        self._symbols = symbols
        self._clock = trading_clock
        self._chance = chance
        self._on_clock_refused = on_clock_refused
        self._last_id = 0

    async def run(self, publish: Callable[[UserEvent], None]) -> None:
        """See `UserStream.run`."""
        self.news.publish = publish
        stale_s = self._settings.stale_stream_s
        await keep_dialling(self._url, self._serve, self.news.lost, stale_s=stale_s, chance=self._chance)

    async def _serve(self, connection: WatchedConnection) -> None:
        self._last_id += 1
        request_id = str(self._last_id)
        timeout = connection.loop.call_later(self._settings.stale_stream_s, connection.abort, "SUBSCRIBE_UNANSWERED")
        try:
            await connection.send(_encode(self._subscription(request_id)).decode())
            while not self._handle(await connection.recv(decode=False), request_id):
                pass
            timeout.cancel()
            while True:
                self._handle(await connection.recv(decode=False), request_id)
        finally:
            timeout.cancel()

    def _subscription(self, request_id: str) -> Mapping[str, object]:
        window = window_ms(self._settings.recv_window_ms, self._clock.speed)
        params: dict[str, object] = {
            "apiKey": self._credentials.api_key,
            "recvWindow": window,
            "timestamp": stamp_ms(self._clock.now_ns(), window),
        }
        payload = "&".join(f"{name}={params[name]}" for name in sorted(params))
        signature = hmac.new(self._credentials.secret.encode(), payload.encode(), hashlib.sha256).hexdigest()
        method = "userDataStream.subscribe.signature"
        return {"id": request_id, "method": method, "params": {**params, "signature": signature}}

    def _handle(self, raw: bytes, request_id: str) -> bool:
        """Whether this frame acknowledged our subscription. Raises `LeaveConnection` when it was refused or ended."""
        try:
            frame = _frames.decode(raw)
            if bytes(frame.event):
                self._handle_event(frame.event)
                return False
        except (*UNREADABLE, ValueError) as error:
            self.news.complain(error, raw)
            return False
        if frame.id != request_id:
            return False
        if frame.status != 200 or frame.error is not None:
            self._refused(frame)
        self.news.restored()
        return True

    def _handle_event(self, event: msgspec.Raw) -> None:
        kind = _kinds.decode(event).event
        if kind == "executionReport":
            self.news.publish(execution_report(_reports.decode(event), self._symbols))
        elif kind == "outboundAccountPosition":
            self.news.publish(balances_changed(_positions.decode(event)))
        elif kind in _ENDS:
            raise LeaveConnection(f"STREAM_ENDED event={kind}")

    def _refused(self, frame: SocketFrame) -> None:
        code = frame.error.code if frame.error is not None else None
        words = frame.error.msg if frame.error is not None else f"status {frame.status}"
        if code == _TIMESTAMP_REFUSED:
            self._on_clock_refused()
        log.warning("user_stream_refused", venue="binance", code=code, answer=words)
        raise LeaveConnection(f"SUBSCRIBE_REFUSED code={code}")
