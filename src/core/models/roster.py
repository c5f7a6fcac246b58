"""All symbols' coverage: who is due, who is next, who reported.

The queue is no list beside the states: it *is* the symbols that are `QUEUED`, so it holds none twice and needs no
saving of its own. Every method answers what changed; its owner writes that down before it acts on it, and reads it back
when it begins.
"""

from collections import Counter
from collections.abc import Collection, Iterable
from typing import NamedTuple

from msgspec.structs import replace

from core.domain.instruments import InstrumentId
from core.models.coverage import (
    Begun,
    BlockedPermanent,
    BlockedTemporary,
    Coverage,
    Due,
    Event,
    Failed,
    Forced,
    Interrupted,
    Lost,
    Outcome,
    Queued,
    Training,
    step,
)
from core.models.schedule import TrainingPolicy


class Change(NamedTuple):
    """What is to be written down, and perhaps said."""

    before: Coverage | None
    """`None`: the symbol is new."""
    after: Coverage | None
    """`None`: it is forgotten."""
    is_news: bool
    """Whether a person should read of it: blocked or failed for a reason that was not the last one."""


class Roster:
    """Not thread-safe. `records` are those that were written down last."""

    def __init__(self, policy: TrainingPolicy, records: Iterable[Coverage] = ()) -> None:
        self._policy = policy
        self._records = {each.symbol: each for each in records}
        self._last_reasons: dict[InstrumentId, str] = {}
        self._wake_ms: int | None = None
        self._is_planned = False

    def begin(self, now_ms: int) -> list[Change]:
        """When its owner starts: trainings that were under way have lost whoever would have heard of them."""
        return [self._move(each, Lost(), now_ms) for each in self._in(Training)]

    def stop(self, now_ms: int) -> list[Change]:
        """When its owner ends in order and has ended its trainers: the trainings go back to where they were in the
        queue."""
        return [self._move(each, Interrupted(), now_ms) for each in self._in(Training)]

    def refresh(self, universe: Collection[InstrumentId], now_ms: int) -> list[Change]:
        """`universe` is all of it. Newcomers are queued; what is known of leavers stays for when they are back."""
        changes = []
        for symbol in universe:
            known = self._records.get(symbol)
            if known is None:
                changes.append(self._put(None, Coverage(symbol, Queued(now_ms))))
            elif known.left_at_ms is not None:
                changes.append(self._put(known, replace(known, left_at_ms=None)))
        for each in list(self._records.values()):
            if each.symbol not in universe:
                changes += self._without(each, now_ms)
        return changes

    def wake(self, now_ms: int) -> list[Change]:
        """Queue what is due, give up what is overdue. Does nothing before `next_wake_ms`."""
        if self.next_wake_ms is None or now_ms < self.next_wake_ms:
            return []
        due = [each for each in self._records.values() if each.due_at_ms is not None and each.due_at_ms <= now_ms]
        return [self._move(each, Lost() if isinstance(each.state, Training) else Due(), now_ms) for each in due]

    def take(self, now_ms: int, among: Collection[InstrumentId] | None = None) -> Change | None:
        """Begin the training that is next; `None`: nobody waits, or no trainer is free. Symbols without any model come
        first. `among`: only these (`None`: all)."""
        if len(self._in(Training)) >= self._policy.at_once:
            return None
        waiting = [
            (each.version is not None, each.state.since_ms, each.symbol)
            for each in self._records.values()
            if isinstance(each.state, Queued) and each.left_at_ms is None and (among is None or each.symbol in among)
        ]
        if not waiting:
            return None
        _, _, symbol = min(waiting)
        return self._move(self._records[symbol], Begun(), now_ms)

    def report(self, symbol: InstrumentId, attempt: int, outcome: Outcome, now_ms: int) -> Change | None:
        """What became of a training; `None`: it is not awaited any more (given up, or begun anew)."""
        known = self._records.get(symbol)
        if known is None or not isinstance(known.state, Training) or known.state.attempt != attempt:
            return None
        return self._move(known, outcome, now_ms)

    def force(self, symbols: Iterable[InstrumentId], now_ms: int) -> list[Change]:
        """Queue them whatever their state. Raises `KeyError` for a symbol that is not known."""
        return [self._move(self._records[symbol], Forced(), now_ms) for symbol in symbols]

    @property
    def next_wake_ms(self) -> int | None:
        """Before then `wake` has nothing to do; `None`: until something else happens."""
        if not self._is_planned:
            times = [each.due_at_ms for each in self._records.values() if each.due_at_ms is not None]
            self._wake_ms, self._is_planned = min(times, default=None), True
        return self._wake_ms

    def coverage(self, symbol: InstrumentId) -> Coverage | None:
        return self._records.get(symbol)

    def snapshot(self) -> tuple[Coverage, ...]:
        return tuple(self._records.values())

    def counts(self) -> Counter[str]:
        """Members by the word of their state."""
        return Counter(each.word for each in self._records.values() if each.left_at_ms is None)

    def _in(self, kind: type) -> list[Coverage]:
        return [each for each in self._records.values() if isinstance(each.state, kind)]

    def _without(self, gone: Coverage, now_ms: int) -> list[Change]:
        if gone.left_at_ms is None:
            return [self._put(gone, replace(gone, left_at_ms=now_ms))]
        if now_ms - gone.left_at_ms < self._policy.forget_after_ms or isinstance(gone.state, Training):
            return []
        del self._records[gone.symbol]
        self._last_reasons.pop(gone.symbol, None)
        self._is_planned = False
        return [Change(gone, None, is_news=False)]

    def _move(self, before: Coverage, event: Event, now_ms: int) -> Change:
        return self._put(before, step(before, event, self._policy, now_ms))

    def _put(self, before: Coverage | None, after: Coverage) -> Change:
        self._records[after.symbol] = after
        self._is_planned = False
        return Change(before, after, self._is_news(after))

    def _is_news(self, after: Coverage) -> bool:
        match after.state:
            case BlockedTemporary(reason=reason) | BlockedPermanent(reason=reason) | Failed(reason=reason):
                is_news = self._last_reasons.get(after.symbol) != reason
                self._last_reasons[after.symbol] = reason
                return is_news
            case Queued() | Training():
                return False
            case _:
                return self._last_reasons.pop(after.symbol, None) is not None
