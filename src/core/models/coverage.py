"""Whether a symbol has a model, and what becomes of it: the states of one symbol and the table of its moves.

`step` is the whole machine, a pure function. Times are trading time in UTC ms. What a state needs to know lies in the
state; what outlives states (the newest model, the grid of the schedule, failures in a row) lies in `Coverage`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec.structs import replace

from core.domain.instruments import InstrumentId
from core.models.schedule import TrainingPolicy


class _State(msgspec.Struct, frozen=True, tag=True):
    pass


class Trained(_State, frozen=True, tag="TRAINED"):
    due_at_ms: int
    """When it is trained again."""


class Queued(_State, frozen=True, tag="QUEUED"):
    since_ms: int


class Training(_State, frozen=True, tag="TRAINING"):
    attempt: int
    """Only the attempt that was begun last may report."""
    begun_ms: int
    queued_ms: int
    """When it came into the queue."""
    lost_at_ms: int
    """From then on nobody waits for its report."""


class BlockedTemporary(_State, frozen=True, tag="BLOCKED_TEMPORARY"):
    reason: str
    retry_at_ms: int
    """It is not looked at again before."""


class BlockedPermanent(_State, frozen=True, tag="BLOCKED_PERMANENT"):
    reason: str
    """It is looked at again only when a person says so."""


class Failed(_State, frozen=True, tag="FAILED"):
    reason: str
    retry_at_ms: int


State = Trained | Queued | Training | BlockedTemporary | BlockedPermanent | Failed


class Coverage(msgspec.Struct, frozen=True):
    """One symbol."""

    symbol: InstrumentId
    state: State
    version: str | None = None
    """Its newest model, which it is traded with while it is trained again; `None`: it never had one."""
    anchor_ms: int | None = None
    """When its first successful training began: due times lie on the grid from here. `None`: there was none."""
    attempts: int = 0
    failures: int = 0
    """In a row."""
    left_at_ms: int | None = None
    """When it left the universe; `None`: it is in it. Who comes back finds everything as it was."""

    @property
    def word(self) -> str:
        """`TRAINED`, `BLOCKED_TEMPORARY` and so on."""
        return str(self.state.__struct_config__.tag)

    @property
    def due_at_ms(self) -> int | None:
        """When time alone moves it on; `None`: never."""
        match self.state:
            case Trained(due_at_ms=at_ms) | BlockedTemporary(retry_at_ms=at_ms) | Failed(retry_at_ms=at_ms):
                return at_ms if self.left_at_ms is None else None
            case Training(lost_at_ms=at_ms):
                return at_ms
            case _:
                return None


@dataclass(frozen=True, slots=True)
class Due:
    """Its time has come: the schedule's, or that of a retry."""


@dataclass(frozen=True, slots=True)
class Forced:
    """A person wants it trained now."""


@dataclass(frozen=True, slots=True)
class Begun:
    """It is at the head of the queue, and a trainer is free."""


@dataclass(frozen=True, slots=True)
class Succeeded:
    version: str


@dataclass(frozen=True, slots=True)
class Short:
    """What it needs is not there yet: too little history."""

    reason: str
    retry_at_ms: int


@dataclass(frozen=True, slots=True)
class Refused:
    """It will never do: delisted, or its history is unfit."""

    reason: str


@dataclass(frozen=True, slots=True)
class Broke:
    """The training failed, or its process was killed."""

    reason: str


@dataclass(frozen=True, slots=True)
class Interrupted:
    """The training was ended from outside, in order: nothing is wrong with it."""


@dataclass(frozen=True, slots=True)
class Lost:
    """Nobody knows what became of the training: no report in time, or none when the daemon began."""


Outcome = Succeeded | Short | Refused | Broke | Interrupted
Event = Due | Forced | Begun | Lost | Outcome


def step(coverage: Coverage, event: Event, policy: TrainingPolicy, now_ms: int) -> Coverage:
    """The symbol after `event`. Raises `ValueError` where the table has no such move."""
    move = _TABLE.get((type(coverage.state), type(event)))
    if move is None:
        raise ValueError(f"{coverage.symbol}: {coverage.word} can't take {type(event).__name__}")
    return move(coverage, coverage.state, event, policy, now_ms)


# Each move takes (coverage, its state, event, policy, now_ms); the table says which types they are.


def _queue(coverage: Coverage, state: Any, event: Any, policy: TrainingPolicy, now_ms: int) -> Coverage:
    return replace(coverage, state=Queued(now_ms))


def _stay(coverage: Coverage, state: Any, event: Any, policy: TrainingPolicy, now_ms: int) -> Coverage:
    return coverage


def _begin(coverage: Coverage, state: Queued, event: Begun, policy: TrainingPolicy, now_ms: int) -> Coverage:
    attempt = coverage.attempts + 1
    training = Training(attempt, now_ms, state.since_ms, now_ms + policy.training_limit_ms)
    return replace(coverage, state=training, attempts=attempt)


def _succeed(coverage: Coverage, state: Training, event: Succeeded, policy: TrainingPolicy, now_ms: int) -> Coverage:
    anchor_ms = state.begun_ms if coverage.anchor_ms is None else coverage.anchor_ms
    due_at_ms = policy.next_due_ms(anchor_ms, state.begun_ms)
    return replace(coverage, state=Trained(due_at_ms), version=event.version, anchor_ms=anchor_ms, failures=0)


def _block(coverage: Coverage, state: Training, event: Short, policy: TrainingPolicy, now_ms: int) -> Coverage:
    retry_at_ms = policy.retry_at_ms(event.retry_at_ms, now_ms)
    return replace(coverage, state=BlockedTemporary(event.reason, retry_at_ms), failures=0)


def _refuse(coverage: Coverage, state: Training, event: Refused, policy: TrainingPolicy, now_ms: int) -> Coverage:
    return replace(coverage, state=BlockedPermanent(event.reason), failures=0)


def _fail(coverage: Coverage, state: Training, event: Any, policy: TrainingPolicy, now_ms: int) -> Coverage:
    failures = coverage.failures + 1
    reason = event.reason if isinstance(event, Broke) else "nothing was heard of the training"
    return replace(coverage, state=Failed(reason, now_ms + policy.backoff_ms(failures)), failures=failures)


def _return(coverage: Coverage, state: Training, event: Interrupted, policy: TrainingPolicy, now_ms: int) -> Coverage:
    return replace(coverage, state=Queued(state.queued_ms))


_TABLE: dict[tuple[type[_State], type[Any]], Callable[[Coverage, Any, Any, TrainingPolicy, int], Coverage]] = {
    (Trained, Due): _queue,
    (Trained, Forced): _queue,
    (Queued, Forced): _stay,
    (Queued, Begun): _begin,
    (Training, Forced): _stay,
    (Training, Succeeded): _succeed,
    (Training, Short): _block,
    (Training, Refused): _refuse,
    (Training, Broke): _fail,
    (Training, Lost): _fail,
    (Training, Interrupted): _return,
    (BlockedTemporary, Due): _queue,
    (BlockedTemporary, Forced): _queue,
    (BlockedPermanent, Forced): _queue,
    (Failed, Due): _queue,
    (Failed, Forced): _queue,
}
