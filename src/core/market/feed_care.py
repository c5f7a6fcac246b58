"""Feed health at work: gives each sick feed its cure, and fetches by REST what the streams owe."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any

import structlog

from core.domain.candles import SeriesKey
from core.domain.errors import MetronomeError
from core.domain.instruments import InstrumentId
from core.market.feed_states import Channel, FeedChanged, FeedState, Reconnect, RestFallback, Resubscribe
from core.market.fetching import MarketFetcher
from core.market.picture import MarketPicture
from core.ports.clock import MonotonicClock
from core.ports.venue import MarketStreams
from core.runtime.turns import in_turns

log = structlog.get_logger()

_A_TURN = 25
"""Feeds that are seen to in one turn of the loop: where a connection ends, hundreds fall ill together."""
_UNREMARKABLE = (FeedState.STARTING, FeedState.LIVE, FeedState.QUIET)


class FeedCare:
    """Belongs to one event loop. Requests run in the background, one a name at a time."""

    def __init__(
        self,
        market: MarketPicture,
        fetcher: MarketFetcher,
        streams: MarketStreams,
        windows: Mapping[SeriesKey, int],
        monotonic: MonotonicClock,
        *,
        start: Callable[[Coroutine[Any, Any, None], str], None],
        on_change: Callable[[FeedChanged], None] = lambda _: None,
    ) -> None:
        """`windows`: closed candles wanted of each series. `start` runs a coroutine under that name; where nothing runs
        any more it closes it. `on_change` hears of each feed that falls ill or gets well."""
        self._market = market
        self._fetcher = fetcher
        self._streams = streams
        self._windows = windows
        self._monotonic = monotonic
        self._start = start
        self._on_change = on_change
        self._fetching: set[str] = set()
        self._failing: set[str] = set()

    async def cure(self) -> None:
        """Judge all feeds and give each sick one its cure. Call every second."""
        for cure in self._market.check(self._monotonic.now_ns()):
            match cure:
                case Resubscribe(instrument_ids):
                    await self._streams.resubscribe(instrument_ids)
                case Reconnect(instrument_ids):
                    await self._streams.reconnect(instrument_ids)
                case RestFallback(Channel.CANDLES, instrument_ids):
                    async for key in in_turns(self._keys_of(instrument_ids), _A_TURN):
                        self.heal(key)
                case RestFallback(Channel.QUOTES, instrument_ids):
                    async for instrument_id in in_turns(instrument_ids, _A_TURN):
                        self._fetch(f"quote {instrument_id}", self._fetcher.quote(instrument_id))
                case _:
                    pass  # trades come back with their stream, order books ask for their own snapshots
        for instrument_id in self._market.wanted_snapshots():
            self._fetch(f"book {instrument_id}", self._fetcher.book(instrument_id))
        while changes := self._market.feeds.drain_changes(_A_TURN):
            for change in changes:
                _log_change(change)
                self._on_change(change)
            await asyncio.sleep(0)

    def heal(self, key: SeriesKey) -> None:
        """Fetch what a series lacks; nothing for a series that nobody wants."""
        if key in self._windows:
            name = f"candles {key.instrument_id} {key.timeframe.value}"
            self._fetch(name, self._fetcher.candles(key, self._windows[key]))

    def _fetch(self, name: str, work: Coroutine[None, None, None]) -> None:
        if name in self._fetching:
            work.close()
            return
        self._fetching.add(name)
        self._start(self._guarded(name, work), name)

    async def _guarded(self, name: str, work: Coroutine[None, None, None]) -> None:
        """A failure is only logged, once until it works again."""
        try:
            await work
        except MetronomeError as error:
            if name not in self._failing:
                log.warning("fetch_failed", what=name, error=str(error))
            self._failing.add(name)
        else:
            self._failing.discard(name)
        finally:
            self._fetching.discard(name)

    def _keys_of(self, instrument_ids: Iterable[InstrumentId]) -> list[SeriesKey]:
        wanted = set(instrument_ids)
        return [key for key in self._windows if key.instrument_id in wanted]


def _log_change(change: FeedChanged) -> None:
    if change.state.is_healthy or change.previous is FeedState.STARTING:
        emit = log.debug if change.previous in _UNREMARKABLE else log.info
    else:
        emit = log.warning
    emit("feed", symbol=change.instrument_id, channel=change.channel, was=change.previous, now=change.state)
