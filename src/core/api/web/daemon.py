"""The daemon as its serving process sees it: its last picture, questions, orders."""

import asyncio
import itertools
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress

import msgspec

from core.api.link import (
    Ask,
    Denied,
    Happened,
    Link,
    Order,
    Ready,
    Refresh,
    Standing,
    ToApi,
    ToDaemon,
    Told,
    Watch,
    Welcome,
)
from core.api.web.allowance import Allowance
from core.domain.errors import MetronomeError
from core.domain.status import DaemonStatus

ASKED_PER_S = 4.0
"""However many ask the same, the daemon is asked it so often at most, save for a few at the start."""
ANSWERS_KEPT_S = 0.25
"""For those that are more."""
MOST_ANSWERS_KEPT = 256
MOST_QUESTIONS = 16
"""Under way at once; more are refused, as they would only wait."""
MOST_ORDERS = 64
_FRESH_WITHIN_S = 0.5
_NS_PER_S = 1_000_000_000

Argument = str | int | None


class DaemonSilent(MetronomeError):
    """The daemon gives no sign of life, or does not answer in time."""


class DaemonBusy(MetronomeError):
    """So many questions, or orders, are under way that another would only wait."""


class Refused(MetronomeError):
    """The daemon said no; `kind` is the name of its error."""

    def __init__(self, kind: str, words: str) -> None:
        super().__init__(words)
        self.kind = kind


class RemoteDaemon:
    """Belongs to one loop. `on_standing` and `on_happened` may be set by whoever shows what happens."""

    def __init__(self, *, answer_timeout_s: float = 5.0, order_timeout_s: float = 60.0) -> None:
        self.silent_after_s = 5.0
        """A picture that is older is no proof of life any more."""
        self._answer_timeout_s = answer_timeout_s
        self._order_timeout_s = order_timeout_s
        self._link: Link[ToApi] | None = None
        self._welcome: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._first = asyncio.Event()
        self._came = asyncio.Event()
        """Set for a moment with each picture."""
        self._standing: Standing | None = None
        self._status: DaemonStatus | None = None
        self._status_json: bytes | None = None
        """Both made of the last picture when they are first wanted."""
        self._decoder = msgspec.msgpack.Decoder(DaemonStatus)
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[bytes]] = {}
        self._allowance = Allowance(ASKED_PER_S, time.monotonic)
        self._questions = 0
        self._orders = 0
        self._kept: OrderedDict[tuple[str, tuple[tuple[str, Argument], ...]], tuple[float, asyncio.Task[bytes]]] = (
            OrderedDict()
        )
        self.on_standing: Callable[[], None] = lambda: None
        self.on_happened: Callable[[bytes], None] = lambda _: None

    def attach(self, link: Link[ToApi]) -> None:
        self._link = link

    async def welcome(self) -> bytes:
        """What the daemon has this process do."""
        return await self._welcome

    async def first_picture(self) -> None:
        await self._first.wait()

    # What comes

    def take(self, frame: ToApi) -> None:
        match frame:
            case Standing():
                self._standing, self._status, self._status_json = frame, None, None
                self._first.set()
                self._came.set()
                self._came.clear()
                self.on_standing()
            case Happened():
                self.on_happened(frame.events)
            case Told():
                if (waiting := self._waiting.pop(frame.number, None)) is not None and not waiting.done():
                    waiting.set_result(frame.body)
            case Denied():
                if (waiting := self._waiting.pop(frame.number, None)) is not None and not waiting.done():
                    waiting.set_exception(Refused(frame.kind, frame.words))
            case Welcome():
                if not self._welcome.done():
                    self._welcome.set_result(frame.orders)

    # What is asked

    def age_s(self) -> float | None:
        """Of the last picture; `None` before the first."""
        standing = self._standing
        return None if standing is None else max(0.0, (time.monotonic_ns() - standing.at_ns) / _NS_PER_S)

    def status(self) -> DaemonStatus:
        """The last picture. Raises `DaemonSilent` where that is too old to be true."""
        self._require_life()
        if self._status is None:
            assert self._standing is not None  # noqa: S101 - there is life
            self._status = self._decoder.decode(self._standing.status)
        return self._status

    async def fresh_status(self) -> DaemonStatus:
        """A picture of now, or one that is `ANSWERS_KEPT_S` old at most where many ask, where the daemon gives one
        soon; else the last. Raises `DaemonSilent`."""
        self._require_life()
        if self._allowance.take("status") or (self.age_s() or 0.0) > ANSWERS_KEPT_S:
            asked_ns = time.monotonic_ns()
            self._send(Refresh())
            with suppress(TimeoutError):
                async with asyncio.timeout(_FRESH_WITHIN_S):
                    while self._standing is not None and self._standing.at_ns < asked_ns:
                        await self._came.wait()
        return self.status()

    async def fresh_status_json(self) -> bytes:
        """As `fresh_status`, made once for all that ask."""
        status = await self.fresh_status()
        if self._status_json is None:
            self._status_json = msgspec.json.encode(status)
        return self._status_json

    async def ask(self, what: str, **arguments: Argument) -> bytes:
        """The daemon's answer, JSON; `ANSWERS_KEPT_S` old at most where many ask. Raises `DaemonSilent`, `DaemonBusy`
        and `Refused`. Cancelling is safe: others may wait for the same answer."""
        self._require_life()
        key = (what, tuple(sorted(arguments.items())))
        kept = self._kept.get(key)
        if kept is None or self._allowance.take(f"ask {key}") or time.monotonic() - kept[0] > ANSWERS_KEPT_S:
            if self._questions >= MOST_QUESTIONS:
                raise DaemonBusy(f"{MOST_QUESTIONS} questions are under way; try again in a second")
            asking = asyncio.create_task(self._ask(what, arguments), name=f"ask {what}")
            asking.add_done_callback(_take_error)
            kept = (time.monotonic(), asking)
            self._kept[key] = kept
            self._kept.move_to_end(key)
            while len(self._kept) > MOST_ANSWERS_KEPT:
                self._kept.popitem(last=False)
        return await asyncio.shield(kept[1])

    async def order(self, name: str, body: bytes, key: str, who: str) -> bytes:
        """Have the daemon do something; its answer, JSON. Raises `DaemonSilent` (it may have been done all the same:
        ask with the same key), `DaemonBusy` and `Refused`. Cancelling ends the waiting, not the order."""
        self._require_life()
        if self._orders >= MOST_ORDERS:
            raise DaemonBusy(f"{MOST_ORDERS} commands are under way; try again in a second")
        self._orders += 1
        try:
            number = next(self._numbers)
            return await self._answered(number, Order(number, name, body, key, who), self._order_timeout_s)
        finally:
            self._orders -= 1
            self._kept.clear()  # whoever asks after this sees what it did

    def ready(self) -> None:
        """Tell the daemon that it is served."""
        self._send(Ready())

    def watch(self, wanted: bool) -> None:
        self._send(Watch(wanted))

    async def _ask(self, what: str, arguments: dict[str, Argument]) -> bytes:
        self._questions += 1
        try:
            number = next(self._numbers)
            return await self._answered(number, Ask(number, what, arguments), self._answer_timeout_s)
        finally:
            self._questions -= 1

    async def _answered(self, number: int, frame: Ask | Order, timeout_s: float) -> bytes:
        waiting = self._waiting[number] = asyncio.get_running_loop().create_future()
        self._send(frame)
        try:
            async with asyncio.timeout(timeout_s):
                answer: bytes = await waiting
                return answer
        except TimeoutError:
            raise DaemonSilent(f"the daemon has not answered within {timeout_s:g} s") from None
        finally:
            self._waiting.pop(number, None)

    def _send(self, frame: ToDaemon) -> None:
        if self._link is not None:
            self._link.send(frame)

    def _require_life(self) -> None:
        age_s = self.age_s()
        if age_s is None or age_s > self.silent_after_s:
            raise DaemonSilent(
                "the daemon has given no sign of life"
                + ("" if age_s is None else f" for {age_s:.1f} s")
                + ": its loop is stuck, or its process is stopped; its log and its watchdog say more"
            )


def _take_error(asking: asyncio.Task[bytes]) -> None:
    """Whoever waited for it may have left."""
    if not asking.cancelled():
        asking.exception()
