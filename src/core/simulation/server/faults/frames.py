"""Market frames that are lost, late, told twice, out of order or wrong."""

from collections.abc import Callable
from typing import Annotated, Literal

import msgspec

from core.simulation.server.faults.injector import FrameInjector, Work
from core.simulation.server.faults.requests import Milliseconds, revise

BOOKS = ("*@depth*", "*@bookTicker", "!bookTicker")
CANDLES = ("*@kline_*", "*@continuousKline_*")
_CLOSING = b'"x":true'
Deliver = Callable[[bytes], None]


class Mute(FrameInjector):
    """A stream says nothing more, while its connection answers pings and its other streams go on."""

    def send(self, payload: bytes, deliver: Deliver) -> None:
        pass


class DepthGap(Mute):
    """Book changes are missing: update ids jump."""

    STREAMS = ("*@depth", "*@depth@*")


class MissingCandlesParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    closing_only: bool = False


class MissingCandles(Mute):
    """Frames of candles are missing; with `closing_only` those that close them."""

    STREAMS = CANDLES
    params: MissingCandlesParameters

    def applies_to_frame(self, payload: bytes) -> bool:
        return not self.params.closing_only or _CLOSING in payload


class LateFramesParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    delay_ms: Milliseconds = 2_000
    jitter_ms: Milliseconds = 0


class LateFrames(FrameInjector):
    """Frames come late; without jitter in their order."""

    params: LateFramesParameters

    def send(self, payload: bytes, deliver: Deliver) -> None:
        delay_ms = self.params.delay_ms + self.work.rng.uniform(0, self.params.jitter_ms)
        self.work.later(self.hands.clock.now_ms() + int(delay_ms), lambda: deliver(payload))


class LateClose(LateFrames):
    """The frame that closes a candle comes after frames of the next one."""

    STREAMS = CANDLES

    def applies_to_frame(self, payload: bytes) -> bool:
        return _CLOSING in payload


class DuplicateParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    times: Annotated[int, msgspec.Meta(ge=1, le=100)] = 1
    """How often it is told again."""
    after_ms: Milliseconds = 0


class DuplicateFrames(FrameInjector):
    """Frames come again."""

    params: DuplicateParameters

    def send(self, payload: bytes, deliver: Deliver) -> None:
        deliver(payload)
        due_ms = self.hands.clock.now_ms() + int(self.params.after_ms)
        for _ in range(self.params.times):
            if self.params.after_ms:
                self.work.later(due_ms, lambda: deliver(payload))
            else:
                deliver(payload)


class ReorderParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    window_ms: Milliseconds = 1_000
    """What comes within it is told at its end, in another order."""
    order: Literal["shuffled", "reversed"] = "shuffled"


class ReorderFrames(FrameInjector):
    """Frames come out of order."""

    params: ReorderParameters

    def begin(self) -> None:
        self._held = Held(self.work, self.hands.clock.now_ms, self.params)

    def send(self, payload: bytes, deliver: Deliver) -> None:
        self._held.add(lambda: deliver(payload))


class Held:
    """What waits for the end of the window that the first of it opened, to be told in another order."""

    def __init__(self, work: Work, now_ms: Callable[[], int], params: ReorderParameters) -> None:
        self._work = work
        self._now_ms = now_ms
        self._params = params
        self._waiting: list[Callable[[], None]] = []

    def add(self, tell: Callable[[], None]) -> None:
        self._waiting.append(tell)
        if len(self._waiting) == 1:
            self._work.later(self._now_ms() + int(self._params.window_ms), self._tell)

    def _tell(self) -> None:
        """The last comes first in any case: something is out of order whenever there are two."""
        waiting, self._waiting = self._waiting[::-1], []
        if self._params.order == "shuffled":
            last, *others = waiting
            self._work.rng.shuffle(others)
            waiting = [last, *others]
        for tell in waiting:
            tell()


class CrossedBook(FrameInjector):
    """The best bid is shown above the best ask."""

    STREAMS = BOOKS

    def applies_to_frame(self, payload: bytes) -> bool:
        is_book = b'"bids":[' in payload or b'"b":[' in payload
        return is_book or (b'"B":"' in payload and b'"A":"' in payload and payload.startswith(b"{"))

    def send(self, payload: bytes, deliver: Deliver) -> None:
        frame = msgspec.json.decode(payload)
        if "B" in frame and "A" in frame:
            frame["b"], frame["a"] = frame["a"], frame["b"]
        else:
            bids, asks = ("bids", "asks") if "bids" in frame else ("b", "a")
            frame[bids], frame[asks] = frame[asks], frame[bids]
        deliver(msgspec.json.encode(frame))


class ReviseCloseParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    by_bps: Annotated[float, msgspec.Meta(gt=0, le=1_000)] = 20.0


class ReviseClose(FrameInjector):
    """The frame that closes a candle has other values than REST will show."""

    STREAMS = CANDLES
    params: ReviseCloseParameters

    def applies_to_frame(self, payload: bytes) -> bool:
        return _CLOSING in payload

    def send(self, payload: bytes, deliver: Deliver) -> None:
        frame = msgspec.json.decode(payload)
        revise(frame["k"], self.params.by_bps, keys=("h", "l", "c", "v"))
        deliver(msgspec.json.encode(frame))


class EarlyCandleParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    early_ms: Milliseconds = 1_500


class EarlyCandle(FrameInjector):
    """A candle is told at a time that lies before its own start."""

    STREAMS = CANDLES
    params: EarlyCandleParameters

    def applies_to_frame(self, payload: bytes) -> bool:
        return b'"k":{' in payload

    def send(self, payload: bytes, deliver: Deliver) -> None:
        frame = msgspec.json.decode(payload)
        frame["E"] = frame["k"]["t"] - int(self.params.early_ms)
        deliver(msgspec.json.encode(frame))
