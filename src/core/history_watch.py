"""Examines the candles that decisions are made on, when they have been loaded and every few minutes from then on. A
symbol with a series of too little quality is not entered; what is held in it may be closed."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import structlog

from core.compute.computer import AsyncFeatureComputer, Kind
from core.compute.priority import Priority
from core.domain.candles import CandleWindow, SeriesKey, Timeframe
from core.domain.errors import ComputeError
from core.domain.instruments import InstrumentId
from core.domain.reason_codes import ReasonCode, because
from core.domain.reasons import Reason
from core.market.candle_store import CandleStore
from core.market.ring_windows import RingRequest, over_rings
from core.runtime.scheduler import Scheduler

if TYPE_CHECKING:
    from core.history.series import Series

log = structlog.get_logger()

_JOB = "history quality"
_EVERY_S = 600.0
_DEADLINE_S = 60.0
_SERIES_A_JOB = 50
Judgement = tuple[float, str | None]
"""Score, 0 to 1, and why the series must not be traded on; `None`: it may."""


class HistoryWatch:
    """Read it from the loop. The rings are whole by construction: holes were filled, or the series is not decided on.
    What is examined is what the candles say."""

    def __init__(
        self,
        windows: Mapping[SeriesKey, int],
        candles: CandleStore,
        computer: AsyncFeatureComputer,
        *,
        venue: str,
        min_quality: float,
    ) -> None:
        """`windows`: closed candles that each series is decided on; `min_quality` from 0 to 1, as
        `history.min_quality`."""
        self._windows = windows
        self._candles = candles
        self._computer = computer
        self._venue = venue
        self._min_quality = min_quality
        self._refused: dict[SeriesKey, Reason] = {}

    def no_entry(self, symbol: InstrumentId) -> Reason | None:
        """Why nothing may be entered in it; `None`: it may."""
        return next((reason for key, reason in self._refused.items() if key.instrument_id == symbol), None)

    def begin(self, scheduler: Scheduler) -> None:
        """What was refused is traded again once its faults have left the window."""
        scheduler.every(_JOB, _EVERY_S, self.look, timeout_s=_EVERY_S)

    async def look(self) -> None:
        """Judges all series, in worker processes. What can't be judged now keeps the judgement that it had, with a word
        in the log. Cancelling is safe."""
        for timeframe in sorted({key.timeframe for key in self._windows}, key=lambda each: each.ms):
            keys = [key for key in self._windows if key.timeframe is timeframe and self._candles.count(key)]
            for start in range(0, len(keys), _SERIES_A_JOB):
                await self._judge(keys[start : start + _SERIES_A_JOB], timeframe)

    async def _judge(self, keys: Sequence[SeriesKey], timeframe: Timeframe) -> None:
        try:
            judgements = await self._computer.run(
                judge_rings,
                [self._request(key) for key in keys],
                self._venue,
                timeframe,
                self._min_quality,
                kind=Kind.CPU,
                priority=Priority.BACKGROUND,
                deadline_s=_DEADLINE_S,
                operation=_JOB,
            )
        except ComputeError as error:
            log.warning("history_not_judged", series=len(keys), timeframe=timeframe.value, error=str(error))
            return
        for key, judgement in zip(keys, judgements, strict=True):
            self._take(key, *judgement)

    def _request(self, key: SeriesKey) -> RingRequest:
        newest_ms = self._candles.last_closed_ms(key) or 0
        return RingRequest(key.instrument_id, self._candles.handle(key), newest_ms, self._windows[key])

    def _take(self, key: SeriesKey, score: float, why: str | None) -> None:
        where = {"symbol": key.instrument_id, "timeframe": key.timeframe.value, "quality": round(score, 2)}
        if why is None:
            if self._refused.pop(key, None) is not None:
                log.info("history_accepted", **where)
            return
        if key not in self._refused:
            log.warning("history_refused", **where, reason=why)
        self._refused[key] = because(
            ReasonCode.HISTORY_REFUSED, timeframe=key.timeframe.value, quality=round(score, 2), why=why
        )


def judge_rings(
    requests: Sequence[RingRequest], venue: str, timeframe: Timeframe, min_quality: float
) -> list[Judgement]:
    """In a worker process: a judgement of each series, in order. Raises `ComputeError`."""
    from core.history.quality.judge import judge  # noqa: PLC0415 - only workers need it, and pandas with it

    def judged(windows: Sequence[tuple[InstrumentId, CandleWindow]]) -> list[Judgement]:
        verdicts = [judge(_series(venue, symbol, timeframe, window), min_quality) for symbol, window in windows]
        return [(each.score, each.refusal) for each in verdicts]

    return over_rings(requests, judged, _JOB)


def _series(venue: str, symbol: InstrumentId, timeframe: Timeframe, window: CandleWindow) -> "Series":
    import pyarrow as pa  # noqa: PLC0415 - as above

    from core.domain.series import SeriesKind, SeriesName  # noqa: PLC0415 - as above
    from core.history.series import BARS, TIME, Series  # noqa: PLC0415 - as above

    prices = [pa.array(each) for each in (window.open, window.high, window.low, window.close, window.volume)]
    unknown = [pa.nulls(len(window.open_ms), BARS.field(name).type) for name in ("vwap", "n_trades")]
    times = pa.array(window.open_ms, pa.int64()).cast(TIME)
    name = SeriesName(venue, SeriesKind.CANDLES, symbol, timeframe)
    return Series(name, pa.Table.from_arrays([times, *prices, *unknown], schema=BARS))
