"""The WebSocket API (`/ws-api/v3`): the endpoints of REST, sessions, and private event streams."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import msgspec

from core.simulation.server import signature
from core.simulation.server.clock import VenueClock
from core.simulation.server.dispatcher import Answer, Dispatcher, Request, refused
from core.simulation.server.endpoint import Call, Endpoint
from core.simulation.server.errors import ApiError
from core.simulation.server.limits import RequestLimits
from core.simulation.server.parameters import from_json
from core.simulation.server.routes import SIGNED_PARAMS
from core.simulation.server.socket import Socket
from core.simulation.server.user_frames import server_shutdown
from core.simulation.server.user_streams import AccountStreams, Subscription

PATH = "/ws-api/v3"
MAX_IN_FLIGHT = 100
"""Requests of one connection that may be unanswered at a time; more are refused with -1003."""


@dataclass(slots=True)
class _Session:
    connected_ms: int
    show_limits: bool
    account: str | None = None
    """Who logged on; `None`: nobody."""
    authorized_ms: int | None = None
    subscriptions: dict[str, Subscription] = field(default_factory=dict)
    """Private streams by account."""
    next_number: int = 0
    in_flight: int = 0


class SocketApi:
    """A `SocketHandler`. `streams` are subscribed to over the same connection; `None`: this market's are not.

    `run` owns the answers under way; connections made while it does not run are not answered."""

    def __init__(
        self,
        methods: Mapping[str, Endpoint],
        dispatcher: Dispatcher,
        streams: AccountStreams[Any] | None,
        clock: VenueClock,
        limits: RequestLimits,
    ) -> None:
        self._limits = limits
        self._methods = methods
        self._dispatcher = dispatcher
        self._streams = streams
        self._clock = clock
        self._sessions: dict[Socket, _Session] = {}
        self._tasks: asyncio.TaskGroup | None = None

    async def run(self) -> None:
        """Until cancelled; requests under way are cancelled with it."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            await asyncio.get_running_loop().create_future()

    def opened(self, socket: Socket, path: str, query: str) -> None:
        show_limits = parse_qs(query).get("returnRateLimits", ["true"])[-1].lower() != "false"
        self._sessions[socket] = _Session(self._clock.now_ms(), show_limits)

    def control_frame(self, socket: Socket) -> None:
        """Pings are free here: requests are limited by weight."""

    def goodbye(self, now_ms: int) -> bytes:
        return msgspec.json.encode({"event": server_shutdown(now_ms)})

    def closed(self, socket: Socket) -> None:
        session = self._sessions.pop(socket, None)
        if session is not None:
            self._drop(session, list(session.subscriptions))

    def message(self, socket: Socket, text: bytes) -> None:
        session = self._sessions[socket]
        request_id: object = None
        try:
            message = _decode(text)
            request_id = message.get("id")
            method = _method(message)
            params = _params(message)
            if session.in_flight >= MAX_IN_FLIGHT:
                raise ApiError(-1003, "Too many requests queued.", status=429)
        except ApiError as error:
            self._reply(socket, request_id, refused(error), show_limits=False)
            return
        if self._tasks is None:
            return
        session.in_flight += 1
        self._tasks.create_task(self._serve(socket, session, request_id, method, params), name=f"ws-api {method}")

    async def _serve(
        self, socket: Socket, session: _Session, request_id: object, method: str, params: dict[str, str]
    ) -> None:
        try:
            payload = signature.sorted_payload(params)
            show_limits = params.pop("returnRateLimits", str(session.show_limits)).lower() != "false"
            request = Request(params, payload, params.get("apiKey"), socket.address, session.account, route=method)
            endpoint = self._methods.get(method) or self._session_endpoint(socket, session, method, request)
            answer = await self._dispatcher.answer(endpoint, request)
            self._reply(socket, request_id, answer, show_limits=show_limits)
        finally:
            session.in_flight -= 1

    def _reply(self, socket: Socket, request_id: object, answer: Answer, *, show_limits: bool) -> None:
        message: dict[str, object] = {"id": request_id, "status": answer.status}
        message["result" if answer.status == 200 else "error"] = msgspec.Raw(answer.body)
        if show_limits:
            message["rateLimits"] = self._rate_limits(answer)
        text = msgspec.json.encode(message)
        if answer.delivery is None:
            socket.send(text)
        else:
            answer.delivery.over_socket(socket, text)

    def _rate_limits(self, answer: Answer) -> list[object]:
        orders = [limit.as_json(used) for limit, used in answer.order_counts]
        return [*orders, self._limits.weight.as_json(answer.used_weight)]

    def _session_endpoint(self, socket: Socket, session: _Session, method: str, request: Request) -> Endpoint:
        """The methods that are about the connection itself."""

        def logon(_: Call) -> object:
            session.account = self._dispatcher.authenticate(request)
            socket.accounts.add(session.account)
            session.authorized_ms = self._clock.now_ms()
            return self._status(session)

        def status(_: Call) -> object:
            return self._status(session)

        def logout(_: Call) -> object:
            session.account = session.authorized_ms = None
            return self._status(session)

        def subscribe(_: Call) -> object:
            if session.account is None:
                raise ApiError(-1102, "Session is not authenticated; log on with session.logon first.", status=401)
            return self._subscribe(socket, session, session.account)

        def subscribe_signed(_: Call) -> object:
            return self._subscribe(socket, session, self._dispatcher.authenticate(request))

        def unsubscribe(_: Call) -> object:
            return self._unsubscribe(session, request.values.get("subscriptionId"))

        def subscriptions(_: Call) -> object:
            return [{"subscriptionId": subscription.number} for subscription in session.subscriptions.values()]

        def unknown(_: Call) -> object:
            raise ApiError(-1135, f"Invalid 'method' in JSON request; unknown method '{method[:60]}'.")

        signed = SIGNED_PARAMS
        endpoints = {
            "session.logon": Endpoint(logon, signed, 2),
            "session.status": Endpoint(status, weight=2),
            "session.logout": Endpoint(logout, weight=2),
        }
        if self._streams is not None:
            endpoints |= {
                "session.subscriptions": Endpoint(subscriptions, weight=2),
                "userDataStream.subscribe": Endpoint(subscribe, weight=2),
                "userDataStream.subscribe.signature": Endpoint(subscribe_signed, signed, 2),
                "userDataStream.unsubscribe": Endpoint(unsubscribe, frozenset({"subscriptionId"}), 2),
            }
        return endpoints.get(method) or Endpoint(unknown, frozenset(request.values))

    def _status(self, session: _Session) -> dict[str, object]:
        return {
            "apiKey": session.account,
            "authorizedSince": session.authorized_ms,
            "connectedSince": session.connected_ms,
            "returnRateLimits": session.show_limits,
            "serverTime": self._clock.now_ms(),
            "userDataStream": bool(session.subscriptions),
        }

    def _subscribe(self, socket: Socket, session: _Session, account: str) -> object:
        subscription = session.subscriptions.get(account)
        if subscription is None and socket in self._sessions and self._streams is not None:
            subscription = session.subscriptions[account] = Subscription(socket, session.next_number)
            session.next_number += 1
            socket.accounts.add(account)
            self._streams.subscribe(account, subscription)
        return {"subscriptionId": subscription.number if subscription else 0}

    def _unsubscribe(self, session: _Session, number: str | None) -> object:
        """Without a number: all of the connection's streams."""
        subscriptions = session.subscriptions.items()
        self._drop(session, [account for account, each in subscriptions if number in (None, str(each.number))])
        return {}

    def _drop(self, session: _Session, accounts: Iterable[str]) -> None:
        for account in accounts:
            subscription = session.subscriptions.pop(account)
            if self._streams is not None:
                self._streams.unsubscribe(account, subscription)


def _decode(text: bytes) -> dict[str, Any]:
    try:
        message = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise ApiError(-1135, "Invalid JSON Request") from None
    if not isinstance(message, dict):
        raise ApiError(-1135, "Invalid JSON Request")
    if not _is_request_id(message.get("id")):
        message["id"] = None
        raise ApiError(-1135, "Invalid 'id' in JSON request; expected an integer, a string, or null.")
    return message


def _is_request_id(value: object) -> bool:
    """What may come back as `id`: text, null, or a signed 64-bit integer."""
    if isinstance(value, bool):
        return False
    return value is None or isinstance(value, str) or (isinstance(value, int) and -(2**63) <= value < 2**63)


def _method(message: Mapping[str, object]) -> str:
    method = message.get("method")
    if not isinstance(method, str):
        raise ApiError(-1135, "Invalid 'method' in JSON request; expected a string.")
    return method.removeprefix("v3/")


def _params(message: Mapping[str, object]) -> dict[str, str]:
    params = message.get("params", {})
    if not isinstance(params, dict):
        raise ApiError(-1135, "Invalid 'params' in JSON request; expected an object.")
    return from_json(params)
