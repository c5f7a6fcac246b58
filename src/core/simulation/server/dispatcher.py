"""From a decoded request to its answer, over REST or WebSocket: limits, security, parameters, endpoint, durability."""

import functools
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import msgspec
import structlog

from core.domain.errors import JournalError
from core.simulation.engine.refusals import Refusal
from core.simulation.server import errors, signature
from core.simulation.server.accounts import AccountRegistry
from core.simulation.server.clock import VenueClock
from core.simulation.server.endpoint import Call, Endpoint, Security
from core.simulation.server.errors import ApiError
from core.simulation.server.limits import OrderCounts, OrderLimits, RequestLimits
from core.simulation.server.order_form import as_api_error
from core.simulation.server.parameters import Parameters
from core.simulation.server.store import AccountStore

if TYPE_CHECKING:
    from core.simulation.server.http_exchange import HttpExchange
    from core.simulation.server.socket import Socket

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Request:
    """`signed_payload` is the text a client signs; `session_account` an account that logged on to the connection."""

    values: Mapping[str, str]
    signed_payload: str
    api_key: str | None
    address: str
    session_account: str | None = None
    route: str = ""
    """What is asked, as `POST /api/v3/order` or, over WebSocket, `order.place`."""


class Delivery(Protocol):
    """A way in which an answer leaves that is not the usual one."""

    async def over_http(self, exchange: "HttpExchange", answer: "Answer") -> None: ...

    def over_socket(self, socket: "Socket", text: bytes) -> None:
        """`text` is the whole message that holds the answer."""
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes
    """JSON: the result, or `{"code", "msg"}` when `status` is not 200."""
    used_weight: int | None
    """Of the present minute; 0: none was charged; `None`: the protocol knows no weights."""
    order_counts: OrderCounts = ()
    """Empty for requests that place no order."""
    headers: Mapping[str, str] = field(default_factory=dict)
    delivery: Delivery | None = None
    """`None`: the usual way."""


class RequestFaults(Protocol):
    """What may happen to a request or its answer."""

    async def answer(self, request: Request, proceed: Callable[[], Awaitable[Answer]]) -> Answer:
        """`proceed` lets the venue answer as ever; raises nothing but `CancelledError`."""
        ...


class Faulty(Protocol):
    """What answers requests that faults may come to. May be set at any time."""

    faults: RequestFaults | None


class Dispatcher:
    """Of one market, with its limits. `in_words` tells the engine's refusals in the venue's words. `faults` may be set
    at any time."""

    def __init__(
        self,
        registry: AccountRegistry,
        clock: VenueClock,
        store: AccountStore,
        request_limits: RequestLimits,
        order_limits: OrderLimits,
        *,
        in_words: Callable[[Refusal], ApiError] = as_api_error,
    ) -> None:
        self._registry = registry
        self._clock = clock
        self._store = store
        self._request_limits = request_limits
        self._order_limits = order_limits
        self._in_words = in_words
        self.faults: RequestFaults | None = None
        self.answered = 0
        """Requests answered since the start, refused ones included."""

    async def answer(self, endpoint: Endpoint, request: Request) -> Answer:
        """The venue's answer, whatever the request; raises nothing but `CancelledError`. Cancelling does not take back
        an order that the exchange has taken."""
        self.answered += 1
        if self.faults is not None:
            return await self.faults.answer(request, functools.partial(self._answer_or_refusal, endpoint, request))
        return await self._answer_or_refusal(endpoint, request)

    def used_weight(self, address: str) -> int:
        """Of the present minute."""
        return self._request_limits.used(address)

    async def _answer_or_refusal(self, endpoint: Endpoint, request: Request) -> Answer:
        try:
            return await self._answer(endpoint, request)
        except ApiError as refusal:
            return self._refused(refusal, request)
        except Refusal as refusal:
            return self._refused(self._in_words(refusal), request)
        except JournalError:
            unknown = "Timeout waiting for response from backend server. Send status unknown; execution status unknown."
            return self._refused(ApiError(-1007, unknown, status=503), request)
        except Exception:  # the boundary of one request: a fault in one endpoint must not cost the others
            _log.exception("request_failed")
            return self._refused(errors.internal(), request)

    def authenticate(self, request: Request) -> str:
        """The account whose key signed the request. Raises `ApiError`."""
        if request.api_key is None and request.session_account is not None:
            signature.check_window(Parameters(request.values), self._clock.shown_ms())
            return request.session_account
        account = self._registry.account(request.api_key)
        params = Parameters(request.values)
        given = params.required("signature")
        signature.check_window(params, self._clock.shown_ms())
        signature.verify(self._registry.secret(account), request.signed_payload, given)
        return account

    async def _answer(self, endpoint: Endpoint, request: Request) -> Answer:
        params = Parameters(request.values)
        used_weight = self._request_limits.charge(request.address, endpoint.weight_of(params))
        account = self._identify(endpoint, request)
        params.require_known(endpoint.params)
        payload = endpoint.handle(Call(params, account))
        if endpoint.security is Security.SIGNED:
            await self._store.durable()
        order_counts = self._order_limits.used(account) if endpoint.counts_order else ()
        return Answer(200, msgspec.json.encode(payload), used_weight, order_counts, endpoint.headers)

    def _identify(self, endpoint: Endpoint, request: Request) -> str:
        if endpoint.security is Security.SIGNED:
            account = self.authenticate(request)
            rights = self._registry.rights(account)
            if not (rights.trading if endpoint.counts_order else rights.reading or rights.trading):
                raise errors.unknown_api_key()
            return account
        if endpoint.security is Security.KEY:
            return self._registry.account(request.api_key)
        return ""

    def _refused(self, error: ApiError, request: Request) -> Answer:
        return refused(error, self._request_limits.used(request.address))


def refused(error: ApiError, used_weight: int = 0) -> Answer:
    content: dict[str, object] = {"code": error.code, "msg": error.message}
    if error.data is not None:
        content["data"] = error.data
    body = msgspec.json.encode(content)
    return Answer(error.status, body, used_weight, headers=error.headers)
