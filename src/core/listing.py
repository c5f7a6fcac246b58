"""What the venue lists, and by which rules: learned at the start, looked at anew from time to time, and soon where a
refusal says that what we know is of yesterday."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import fields, replace
from functools import partial

import structlog

from core.domain.errors import ComputeError, VenueError, VenueUnavailable
from core.domain.instruments import Instrument, InstrumentId, InstrumentStatus
from core.ports.clock import MonotonicClock
from core.runtime.scheduler import Scheduler

_SOONEST_S = 10.0
"""Between two looks, however many orders are refused; twice as long after each that has shown nothing new."""
_WAITING_EVERY_S = 300.0
"""While something that is traded here does not trade at the venue, or the last look failed."""
_LOOK_TIMEOUT_S = 60.0
"""A look, and what the account is then set up for; each request has its own, shorter limit."""
_JOB = "instruments"
_NS_PER_S = 1_000_000_000

log = structlog.get_logger()

Look = Callable[[], Awaitable[Mapping[InstrumentId, Instrument]]]
Prepare = Callable[[Iterable[InstrumentId]], Awaitable[None]]


class LookTimes:
    """When to look next. Real seconds; `now_ns` is monotonic."""

    def __init__(self, every_s: float, now_ns: int) -> None:
        """`every_s`: where nothing calls for more. `now_ns`: of the first look."""
        self._every_s = every_s
        self._waiting_s = min(every_s, _WAITING_EVERY_S)
        self.soonest_s = min(every_s, _SOONEST_S)
        self._pause_s = self.soonest_s
        self._last_ns = now_ns
        self._doubts = self._answered = 0
        self._has_failed = False

    def doubt(self) -> None:
        """The venue has refused something by rules that are not those we know."""
        self._doubts += 1

    def is_due(self, now_ns: int, *, is_waiting: bool) -> bool:
        """`is_waiting`: something that is traded here does not trade at the venue."""
        after_s = self._waiting_s if is_waiting or self._has_failed else self._every_s
        if self._doubts > self._answered:
            after_s = min(after_s, self._pause_s)
        return now_ns - self._last_ns >= after_s * _NS_PER_S

    def looking(self, now_ns: int) -> int:
        """A look begins, which has failed until `looked` is told what this gives back."""
        self._last_ns, self._has_failed = now_ns, True
        return self._doubts

    def looked(self, doubts: int, *, is_news: bool) -> None:
        """It has answered these doubts; those since are for the next one."""
        is_vain = doubts > self._answered and not is_news
        self._answered, self._has_failed = doubts, False
        self._pause_s = min(self._pause_s * 2, self._waiting_s) if is_vain else self.soonest_s


class Listing:
    """Read it from the loop; `begin` has the scheduler look. All pictures are whole: a mapping that was read is never
    changed."""

    def __init__(
        self,
        listed: Mapping[InstrumentId, Instrument],
        traded: Iterable[InstrumentId],
        look: Look,
        monotonic: MonotonicClock,
        *,
        look_every_s: float,
        rules_stay: bool = False,
    ) -> None:
        """`listed`: what the start has learned, with all that is `traded` here. `look` asks the venue again; it raises
        `VenueError` or `ComputeError`. `rules_stay`: the steps of what is traded are not this venue's to change, for
        orders go to another; only whether it trades is."""
        self._all = dict(listed)
        self._traded = {each: listed[each] for each in traded}
        self._look = look
        self._monotonic = monotonic
        self._rules_stay = rules_stay
        self._times = LookTimes(look_every_s, monotonic.now_ns())
        self._prepared = set(self.trading())
        self._called: Callable[[], None] = lambda: None

    def all(self) -> Mapping[InstrumentId, Instrument]:
        """All that the venue lists, and what it has listed since the start: DELISTED then."""
        return self._all

    def traded(self) -> Mapping[InstrumentId, Instrument]:
        """What is traded here; DELISTED where the venue lists it no more."""
        return self._traded

    def trading(self) -> Sequence[InstrumentId]:
        """What is traded here and at the venue now."""
        return tuple(each for each, known in self._traded.items() if known.status is InstrumentStatus.TRADING)

    def begin(self, scheduler: Scheduler, prepare: Prepare | None) -> None:
        """`prepare` sets the account up for what did not trade at the start; `None`: there is no account."""
        scheduler.every(_JOB, self._times.soonest_s, lambda: self.look_if_due(prepare), timeout_s=_LOOK_TIMEOUT_S)
        self._called = partial(scheduler.trigger, _JOB)

    def doubt(self) -> None:
        """The venue has refused something by rules that are not those we know: look again as soon as may be."""
        self._times.doubt()
        self._called()

    async def look_if_due(self, prepare: Prepare | None) -> None:
        """`prepare` as in `begin`. Raises `VenueError` and `ComputeError`; nothing has changed then. Cancelling is
        safe."""
        now_ns = self._monotonic.now_ns()
        if not self._times.is_due(now_ns, is_waiting=len(self.trading()) < len(self._traded)):
            return
        doubts = self._times.looking(now_ns)
        found = await self._look()
        if not found:
            raise VenueUnavailable("the venue lists nothing at all, which is not believed")
        news = relisted(self._all, found, self._traded if self._rules_stay else ())
        traded = {each: news[each] for each in self._traded}
        for each in await self._unprepared(traded, prepare) if prepare is not None else ():
            news[each] = traded[each] = self._traded[each]
        self._tell(traded)
        self._times.looked(doubts, is_news=traded != self._traded)
        self._all, self._traded = news, traded

    async def _unprepared(self, traded: Mapping[InstrumentId, Instrument], prepare: Prepare) -> list[InstrumentId]:
        """What trades for the first time and for which the account can't be set up yet: that is tried again."""
        failed = []
        for each, instrument in traded.items():
            if instrument.status is not InstrumentStatus.TRADING or each in self._prepared:
                continue
            try:
                await prepare((each,))
            except (VenueError, ComputeError) as error:
                failed.append(each)
                log.warning("instrument_not_prepared", symbol=each, reason=str(error))
            else:
                self._prepared.add(each)
        return failed

    def _tell(self, traded: Mapping[InstrumentId, Instrument]) -> None:
        for each, now in traded.items():
            if changed := differences(self._traded[each], now):
                level = log.info if now.status is InstrumentStatus.TRADING else log.warning
                level("instrument_changed", symbol=each, **changed)


def relisted(
    known: Mapping[InstrumentId, Instrument],
    found: Mapping[InstrumentId, Instrument],
    rules_stay: Iterable[InstrumentId] = (),
) -> dict[InstrumentId, Instrument]:
    """What is known after a look that has `found` these. `rules_stay`: of these only whether they trade changes."""
    gone = {
        each: replace(instrument, status=InstrumentStatus.DELISTED)
        for each, instrument in known.items()
        if each not in found
    }
    kept = {each: replace(known[each], status=found[each].status) for each in rules_stay if each in found}
    return {**gone, **found, **kept}


def differences(before: Instrument, after: Instrument) -> dict[str, str]:
    """What has changed, by field: `0.01 -> 0.1`."""
    values = ((each.name, getattr(before, each.name), getattr(after, each.name)) for each in fields(Instrument))
    return {name: f"{was} -> {now}" for name, was, now in values if was != now}
