"""Requests that are refused, and answers that are lost, late or unreadable."""

import math
from collections.abc import MutableMapping
from dataclasses import replace
from typing import Annotated, Literal, TypeVar

import msgspec

from core.simulation.server.dispatcher import Answer, Request
from core.simulation.server.faults.delivery import BodyFault, Hang, OddBody, Page, Reset
from core.simulation.server.faults.injector import NoParameters, Proceed, RequestInjector
from core.simulation.server.faults.refusals import Refusal, refusal

PLACING = ("POST */order", "POST */algoOrder", "POST */orderList*", "POST */cancelReplace", "order.place")
"""Routes that place orders."""
Milliseconds = Annotated[float, msgspec.Meta(ge=0, le=86_400_000)]
_UNKNOWN = {
    "code": -1007,
    "msg": "Timeout waiting for response from backend server. Send status unknown; execution status unknown.",
}


class RefuseParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    answer: Refusal = "overloaded"
    retry_after_s: Annotated[int, msgspec.Meta(ge=1)] = 1
    """Real seconds, as clients sleep them."""


class Refuse(RequestInjector):
    """The request never reaches the venue's engine."""

    params: RefuseParameters

    def applies(self, request: Request) -> bool:
        match self.params.answer:
            case "would_take":
                return _is_maker_only(request)
            case "would_trigger":
                return request.values.get("type", "").startswith(("STOP", "TAKE_PROFIT"))
            case "market_closed":
                return "type" in request.values
        return True

    async def answer(self, request: Request, proceed: Proceed) -> Answer:
        until_ms = self.work.ends_ms or self.hands.clock.now_ms() + self.params.retry_after_s * 1_000
        return refusal(
            self.params.answer,
            route=request.route,
            until_ms=until_ms,
            retry_after_s=self.params.retry_after_s,
            headers=self.hands.identity,
        )


class LoseAnswerParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    how: Literal["hang", "reset", "unknown", "gateway_timeout"] = "hang"
    """`unknown` is a 503 with -1007, `gateway_timeout` an HTML page with 504."""
    hang_ms: Milliseconds | None = None
    """Venue time until a hanging connection is reset; absent: until the client leaves."""


class LoseAnswer(RequestInjector):
    """The venue does what is asked, and whoever asked never learns it."""

    ROUTES = PLACING
    params: LoseAnswerParameters

    async def answer(self, request: Request, proceed: Proceed) -> Answer:
        answer = await proceed()
        match self.params.how:
            case "hang":
                hang_ms = self.params.hang_ms
                real_s = None if hang_ms is None else hang_ms / 1_000 / self.hands.clock.speed
                return replace(answer, delivery=Hang(real_s))
            case "reset":
                return replace(answer, delivery=Reset())
            case "unknown":
                return Answer(503, msgspec.json.encode(_UNKNOWN), answer.used_weight)
            case "gateway_timeout":
                return replace(answer, status=504, headers={}, delivery=Page("504 Gateway Time-out"))


class LateAnswerParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    delay_ms: Milliseconds = 2_000
    jitter_ms: Milliseconds = 0
    """At most so much is added, at random."""
    where: Literal["answer", "request"] = "answer"
    """`request`: it reaches the venue late, which may find its timestamp too old."""


class LateAnswer(RequestInjector):
    """Answers that come after the private events of what they tell."""

    params: LateAnswerParameters

    async def answer(self, request: Request, proceed: Proceed) -> Answer:
        delay_ms = self.params.delay_ms + self.work.rng.uniform(0, self.params.jitter_ms)
        if self.params.where == "request":
            await self.hands.sleep(delay_ms)
            return await proceed()
        answer = await proceed()
        await self.hands.sleep(delay_ms)
        return answer


class BadBodyParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    how: BodyFault = "truncated"
    slow_ms: Milliseconds = 10_000
    """Venue time that a slow body takes."""


class BadBody(RequestInjector):
    """The right answer, in a body that is slow, cut in odd places, packed, huge, empty or cut short."""

    params: BadBodyParameters

    async def answer(self, request: Request, proceed: Proceed) -> Answer:
        answer = await proceed()
        real_s = self.params.slow_ms / 1_000 / self.hands.clock.speed
        return replace(answer, delivery=OddBody(self.params.how, real_s))


class LoopPages(RequestInjector):
    """The token of the next page is always the one that the first answer had: pages without end."""

    ROUTES = ("GET /v2/stocks/*", "GET /v1beta1/options/*")
    params: NoParameters

    def begin(self) -> None:
        self._token: str | None = None

    async def answer(self, request: Request, proceed: Proceed) -> Answer:
        answer = await proceed()
        page = msgspec.json.decode(answer.body) if answer.status == 200 else None
        if not isinstance(page, dict) or "next_page_token" not in page:
            return answer
        self._token = self._token or page["next_page_token"]
        return replace(answer, body=msgspec.json.encode(page | {"next_page_token": self._token}))


class ReviseCandlesParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    bars: Annotated[int, msgspec.Meta(ge=1, le=10)] = 2
    by_bps: Annotated[float, msgspec.Meta(gt=0, le=1_000)] = 20.0


class ReviseCandles(RequestInjector):
    """REST shows other values for the last bars than the stream did, and other ones the next time."""

    ROUTES = ("GET */klines", "GET */uiKlines", "klines", "uiKlines")
    params: ReviseCandlesParameters

    def applies(self, request: Request) -> bool:
        return request.route.lower().endswith("klines")

    async def answer(self, request: Request, proceed: Proceed) -> Answer:
        answer = await proceed()
        if answer.status != 200:
            return answer
        rows = msgspec.json.decode(answer.body)
        for row in rows[-self.params.bars :]:
            candle = dict(enumerate(row))
            revise(candle, self.work.rng.uniform(0.2, 1) * self.params.by_bps, keys=(2, 3, 4, 5))
            row[:] = candle.values()
        return replace(answer, body=msgspec.json.encode(rows))


class OldSnapshotParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    updates_back: Annotated[int, msgspec.Meta(ge=0)] = 50
    """How far its update id lies behind the book that it shows."""


class OldSnapshot(RequestInjector):
    """The first book that each client asks for is told again and again, with an id older than it is."""

    ROUTES = ("GET */depth", "depth")
    params: OldSnapshotParameters

    def applies(self, request: Request) -> bool:
        return request.route.endswith("depth")

    def begin(self) -> None:
        self._kept: dict[tuple[str, str, str], bytes] = {}

    async def answer(self, request: Request, proceed: Proceed) -> Answer:
        answer = await proceed()
        if answer.status != 200:
            return answer
        key = (request.route, request.values.get("symbol", ""), request.values.get("limit", ""))
        if key not in self._kept:
            book = msgspec.json.decode(answer.body)
            book["lastUpdateId"] = max(1, book["lastUpdateId"] - self.params.updates_back)
            self._kept[key] = msgspec.json.encode(book)
        return replace(answer, body=self._kept[key])


_Key = TypeVar("_Key", int, str)


def revise(candle: MutableMapping[_Key, str], by_bps: float, keys: tuple[_Key, _Key, _Key, _Key]) -> None:
    """Change high, low, close and volume (at `keys`) in place, by `by_bps`, so that it stays a candle."""
    high, low, close, volume = keys
    factor = 1 + by_bps / 10_000
    for key, by in ((high, factor), (low, 1 / factor), (close, factor), (volume, factor)):
        candle[key] = _scaled(candle[key], by)


def _scaled(text: str, factor: float) -> str:
    decimals = len(text.partition(".")[2])
    value = float(text) * factor
    return f"{value:.{decimals}f}" if math.isfinite(value) else text


def _is_maker_only(request: Request) -> bool:
    return request.values.get("type") == "LIMIT_MAKER" or request.values.get("timeInForce") == "GTX"
