"""Private events of USD-M, and the connections that hear them with a listen key."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from urllib.parse import parse_qs

import msgspec

from core.simulation.engine.perpetual.events import (
    AccountChanged,
    AlgoOrderChanged,
    LeverageChanged,
    MarginCalled,
    PerpetualOrderChanged,
)
from core.simulation.engine.perpetual.exchange import PerpetualExchange
from core.simulation.engine.perpetual.views import PositionView
from core.simulation.server.payloads import Json
from core.simulation.server.socket import Socket
from core.simulation.server.stream_front import Connection, StreamFront, StreamRules, close_flooding, requested
from core.simulation.server.stream_hub import StreamHub
from core.simulation.server.usdm import user_frames
from core.simulation.server.usdm.listen_keys import ListenKeys
from core.simulation.server.user_streams import AccountStreams

UsdmPrivateEvent = PerpetualOrderChanged | AlgoOrderChanged | AccountChanged | LeverageChanged | MarginCalled


class UsdmUserStreams(AccountStreams[UsdmPrivateEvent]):
    def __init__(self, exchange: PerpetualExchange, keys: ListenKeys, now_ms: Callable[[], int]) -> None:
        super().__init__(now_ms)
        self._exchange = exchange
        self._keys = keys

    def expire(self) -> None:
        """Tell those whose listen key has expired; they hear nothing after that."""
        for account, key in self._keys.take_expired():
            self._end(account, key)

    def terminate(self, account: str) -> None:
        """End an account's listen key as if its time were over."""
        key = self._keys.close(account)
        if key is not None:
            self._end(account, key)

    def forget(self, account: str) -> None:
        """End an account's listen key at its own wish: silently."""
        self._keys.close(account)
        self._by_account.pop(account, None)

    def _end(self, account: str, key: str) -> None:
        self._send(account, user_frames.listen_key_expired(key, self._now_ms()))
        self._by_account.pop(account, None)

    def _account(self, event: UsdmPrivateEvent) -> str:
        if isinstance(event, (PerpetualOrderChanged, AlgoOrderChanged)):
            return event.order.account
        return event.account

    def _payloads(self, event: UsdmPrivateEvent, event_ms: int) -> Iterable[Json]:
        symbols = self._exchange.symbols
        if isinstance(event, PerpetualOrderChanged):
            spec = symbols[event.order.symbol]
            if event.trade is not None:
                yield user_frames.trade_lite(spec, event, event_ms)
            yield user_frames.order_update(spec, event, event_ms)
        elif isinstance(event, AlgoOrderChanged):
            yield user_frames.algo_update(symbols[event.order.symbol], event, event_ms)
        elif isinstance(event, AccountChanged):
            yield user_frames.account_update(symbols, event, event_ms)
        elif isinstance(event, LeverageChanged):
            yield user_frames.leverage_update(event, event_ms)
        else:
            yield user_frames.margin_call(symbols, event, self._called(event), event_ms)

    def _called(self, event: MarginCalled) -> list[PositionView]:
        called = {(position.symbol, position.side) for position in event.positions}
        return [view for view in self._exchange.positions(event.account) if (view.symbol, view.side) in called]


@dataclass(frozen=True, slots=True)
class KeyHolder:
    """A connection that presented a listen key."""

    socket: Socket
    key: str
    combined: bool

    def tell(self, payload: Json) -> None:
        self.socket.send(msgspec.json.encode({"stream": self.key, "data": payload} if self.combined else payload))


class UsdmStreamFront(StreamFront):
    """A `SocketHandler` for all futures streams. A listen key is the name of a stream too: in the path, the query
    (`?listenKey=`) or a SUBSCRIBE. One that is nobody's is ignored in an address, as any other unknown name."""

    def __init__(
        self,
        hub: StreamHub,
        rules: StreamRules,
        keys: ListenKeys,
        users: UsdmUserStreams,
        flooded: Callable[[Socket], None] = close_flooding,
    ) -> None:
        super().__init__(hub, rules, flooded)
        self._keys = keys
        self._users = users
        self._holders: dict[Socket, dict[str, tuple[str, KeyHolder]]] = {}

    def opened(self, socket: Socket, path: str, query: str) -> None:
        super().opened(socket, path, query)
        _, texts = requested(path, query)
        for text in (*texts, *parse_qs(query).get("listenKey", [])):
            self._listen(socket, text)

    def closed(self, socket: Socket) -> None:
        super().closed(socket)
        for account, holder in self._holders.pop(socket, {}).values():
            self._users.unsubscribe(account, holder)

    def _answer(self, socket: Socket, connection: Connection, request: dict[str, object]) -> object:
        method, params = request.get("method"), request.get("params")
        if method == "LIST_SUBSCRIPTIONS":
            return [*connection.streams, *self._holders.get(socket, ())]
        if method in ("SUBSCRIBE", "UNSUBSCRIBE") and isinstance(params, list):
            act = self._listen if method == "SUBSCRIBE" else self._drop
            request = request | {"params": [name for name in params if not act(socket, name)]}
        return super()._answer(socket, connection, request)

    def _listen(self, socket: Socket, key: object) -> bool:
        """Whether `key` is a listen key: from now on its account's events go to `socket` too."""
        account = self._keys.account_of(key) if isinstance(key, str) else None
        if account is None or not isinstance(key, str):
            return False
        held = self._holders.setdefault(socket, {})
        if key not in held:
            holder = KeyHolder(socket, key, self._connections[socket].combined)
            held[key] = account, holder
            socket.accounts.add(account)
            self._users.subscribe(account, holder)
        return True

    def _drop(self, socket: Socket, key: object) -> bool:
        """Whether `key` was one that `socket` listened with."""
        held = self._holders.get(socket, {})
        if not isinstance(key, str) or key not in held:
            return False
        account, holder = held.pop(key)
        socket.accounts.discard(account)
        self._users.unsubscribe(account, holder)
        return True
