"""One call, whichever way it came: counted, looked up, answered beside the loop."""

import asyncio
import functools
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import structlog

from core.simulation.server.clock import VenueClock
from core.simulation.server.deribit import errors
from core.simulation.server.deribit.errors import RpcError
from core.simulation.server.deribit.methods import Method
from core.simulation.server.deribit.params import Params
from core.simulation.server.dispatcher import Answer, Request, RequestFaults
from core.simulation.server.latencies import Latencies
from core.simulation.server.made_data import MadeData

_log = structlog.get_logger(__name__)

_BURST_S = 5
_ADDRESSES_KEPT = 10_000


@dataclass(slots=True)
class _Credit:
    left: float
    at_s: float


class Credits:
    """So many requests a second of each address, five times as many at once. In real time."""

    def __init__(self, per_s: int) -> None:
        self._per_s = per_s
        self._credits: dict[str, _Credit] = {}

    def charge(self, address: str) -> None:
        """Raises `RpcError` when nothing is left."""
        now_s = time.monotonic()
        credit = self._credits.get(address)
        if credit is None:
            if len(self._credits) >= _ADDRESSES_KEPT:
                del self._credits[next(iter(self._credits))]
            credit = self._credits[address] = _Credit(self._per_s * _BURST_S, now_s)
        credit.left = min(self._per_s * _BURST_S, credit.left + (now_s - credit.at_s) * self._per_s)
        credit.at_s = now_s
        if credit.left < 1:
            raise errors.too_many_requests()
        credit.left -= 1


class Calls:
    """Answers are whole JSON-RPC messages. `faults` may be set at any time."""

    def __init__(
        self,
        methods: Mapping[str, Method],
        data: MadeData,
        clock: VenueClock,
        credits: Credits,  # noqa: A002 - the API's own word
        latencies: Latencies,
    ) -> None:
        self._methods = methods
        self._data = data
        self._clock = clock
        self._credits = credits
        self._latencies = latencies
        self.faults: RequestFaults | None = None
        self.answered = 0
        """Calls answered since the start, refused ones included."""

    async def ask(self, request: Request, proceed: Callable[[], Awaitable[Answer]]) -> Answer:
        """What comes of `proceed` when faults have had their share."""
        return await (proceed() if self.faults is None else self.faults.answer(request, proceed))

    async def answer(self, method: str, params: Mapping[str, Any], request_id: object, address: str) -> Answer:
        """Raises nothing but `CancelledError`. `method` with its `public/`; `request_id` `None`: it bore none."""
        began_s, began_us = asyncio.get_running_loop().time(), self._clock_us()
        self.answered += 1
        try:
            self._credits.charge(address)
            result, n_rows = await self._result(method, params)
        except RpcError as error:
            return self._refused(error, request_id, began_us)
        except Exception:  # the boundary of one call: a fault in one method must not cost the others
            _log.exception("call_failed", method=method)
            return self._refused(errors.internal(), request_id, began_us)
        await self._latencies.pass_by(method, n_rows, began_s)
        return Answer(200, self._enveloped({"result": msgspec.Raw(result)}, request_id, began_us), None)

    def refused(self, error: RpcError, request_id: object = None) -> Answer:
        return self._refused(error, request_id, self._clock_us())

    def told(self, result: object, request_id: object) -> Answer:
        """What a connection answers by itself."""
        return Answer(200, self._enveloped({"result": result}, request_id, self._clock_us()), None)

    async def _result(self, method: str, params: Mapping[str, Any]) -> tuple[bytes, int]:
        scope, _, name = method.partition("/")
        if scope == "private":
            raise errors.unauthorized()
        found = self._methods.get(name) if scope == "public" else None
        if found is None:
            raise errors.unknown_method()
        return await self._data.make(functools.partial(_made, found, Params(params), self._clock.shown_ms()))

    def _refused(self, error: RpcError, request_id: object, began_us: int) -> Answer:
        return Answer(error.status, self._enveloped({"error": error.as_json()}, request_id, began_us), None)

    def _enveloped(self, content: dict[str, object], request_id: object, began_us: int) -> bytes:
        ended_us = self._clock_us()
        head: dict[str, object] = {"jsonrpc": "2.0"} if request_id is None else {"jsonrpc": "2.0", "id": request_id}
        times = {"usIn": began_us, "usOut": ended_us, "usDiff": ended_us - began_us, "testnet": False}
        return msgspec.json.encode({**head, **content, **times})

    def _clock_us(self) -> int:
        return self._clock.now_ns() // 1_000


def _made(method: Method, params: Params, now_ms: int) -> tuple[bytes, int]:
    reply = method(params, now_ms)
    return msgspec.json.encode(reply.result), reply.n_rows
