"""Mark prices and liquidations to their streams. Paces are of real time, as those of all market streams."""

from collections.abc import Callable, Mapping, Sequence

import msgspec

from core.simulation.engine.amounts import text
from core.simulation.engine.perpetual.events import MarkPriceChanged, PerpetualOrderChanged
from core.simulation.engine.symbols import SymbolSpec
from core.simulation.server.clock import NS_PER_MS
from core.simulation.server.market_publisher import is_due
from core.simulation.server.payloads import Json
from core.simulation.server.stream_hub import StreamHub
from core.simulation.server.stream_names import StreamKind
from core.simulation.server.usdm import user_frames
from core.simulation.server.usdm.streams import MARK_PRICE_PERIODS_MS


class MarkPublisher:
    """`handle` takes events as they happen; `turn` is called once per `turn_ms` real ms."""

    def __init__(
        self, symbols: Mapping[str, SymbolSpec], hub: StreamHub, now_ms: Callable[[], int], *, turn_ms: int
    ) -> None:
        self._symbols = symbols
        self._hub = hub
        self._now_ms = now_ms
        self._turn_ms = turn_ms
        self._turns = 0
        self._latest: dict[str, MarkPriceChanged] = {}
        self._sent: dict[int, dict[str, MarkPriceChanged]] = {period_ms: {} for period_ms in MARK_PRICE_PERIODS_MS}
        """By period and symbol: what the streams were told last."""

    def handle(self, events: Sequence[object]) -> None:
        for event in events:
            if isinstance(event, MarkPriceChanged):
                self._latest[event.symbol] = event
            elif isinstance(event, PerpetualOrderChanged) and user_frames.is_liquidation_report(event):
                self._send_liquidation(event)

    def turn(self) -> None:
        self._turns += 1
        for period_ms, sent in self._sent.items():
            if is_due(self._turns, period_ms, self._turn_ms):
                fresh = {name: mark for name, mark in self._latest.items() if sent.get(name) is not mark}
                sent.update(fresh)
                self._send_marks(period_ms, fresh)

    def _send_marks(self, period_ms: int, marks: Mapping[str, MarkPriceChanged]) -> None:
        event_ms = self._now_ms()
        for name, mark in marks.items():
            for topic in self._hub.topics(StreamKind.MARK_PRICE, name):
                if topic.name.period_ms == period_ms:
                    self._hub.publish(topic, msgspec.json.encode(mark_price(mark, event_ms)))
        for topic in self._hub.topics(StreamKind.MARK_PRICE, None):
            if topic.name.period_ms == period_ms and marks:
                rows = [mark_price(mark, event_ms) for mark in marks.values()]
                self._hub.publish(topic, msgspec.json.encode(rows))

    def _send_liquidation(self, event: PerpetualOrderChanged) -> None:
        name = event.order.symbol
        topics = (
            *self._hub.topics(StreamKind.FORCED_ORDER, name),
            *self._hub.topics(StreamKind.FORCED_ORDER, None),
        )
        for topic in topics:
            frame = user_frames.forced_order(self._symbols[name], event, self._now_ms())
            self._hub.publish(topic, msgspec.json.encode(frame))


def mark_price(mark: MarkPriceChanged, event_ms: int) -> Json:
    return {
        "e": "markPriceUpdate",
        "E": event_ms,
        "s": mark.symbol,
        "p": text(mark.mark_price),
        "i": text(mark.index_price),
        "P": text(mark.settle_price),
        "r": text(mark.funding_rate),
        "T": mark.next_funding_ns // NS_PER_MS,
        "st": 1,
    }
