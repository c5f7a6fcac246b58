"""The stages of a model's life as a table: candidate, shadow, canary, live, retired or rejected."""

from enum import StrEnum


class Stage(StrEnum):
    CANDIDATE = "candidate"
    """Trained and published; nobody asks it yet."""
    SHADOW = "shadow"
    """Predicts on live candles; nothing is traded on it."""
    CANARY = "canary"
    """Trades a stated fraction of the size."""
    LIVE = "live"
    """What is traded on: at most one in each scope."""
    RETIRED = "retired"
    """Was good and is out of use: it can be brought back."""
    REJECTED = "rejected"
    """Failed a gate or broke a bound: it never comes back."""


class StageEvent(StrEnum):
    PASSED = "passed"
    """The gate to the next stage let it through."""
    PROMOTED = "promoted"
    """A person made it live, past whatever gates were left."""
    FAILED = "failed"
    """It failed a gate, or could not be loaded."""
    REPLACED = "replaced"
    """Another became live in its scope."""
    BREACHED = "breached"
    """While it traded: drift, calibration, hit rate or drawdown beyond its bounds."""
    EXPIRED = "expired"
    RESTORED = "restored"
    """Brought back in place of one that is worse."""


_TABLE: dict[tuple[Stage, StageEvent], Stage] = {
    (Stage.CANDIDATE, StageEvent.PASSED): Stage.SHADOW,
    (Stage.CANDIDATE, StageEvent.PROMOTED): Stage.LIVE,
    (Stage.CANDIDATE, StageEvent.FAILED): Stage.REJECTED,
    (Stage.CANDIDATE, StageEvent.EXPIRED): Stage.RETIRED,
    (Stage.SHADOW, StageEvent.PASSED): Stage.CANARY,
    (Stage.SHADOW, StageEvent.PROMOTED): Stage.LIVE,
    (Stage.SHADOW, StageEvent.FAILED): Stage.REJECTED,
    (Stage.SHADOW, StageEvent.EXPIRED): Stage.RETIRED,
    (Stage.CANARY, StageEvent.PASSED): Stage.LIVE,
    (Stage.CANARY, StageEvent.PROMOTED): Stage.LIVE,
    (Stage.CANARY, StageEvent.FAILED): Stage.REJECTED,
    (Stage.CANARY, StageEvent.BREACHED): Stage.REJECTED,
    (Stage.CANARY, StageEvent.EXPIRED): Stage.RETIRED,
    (Stage.LIVE, StageEvent.REPLACED): Stage.RETIRED,
    (Stage.LIVE, StageEvent.EXPIRED): Stage.RETIRED,
    (Stage.LIVE, StageEvent.BREACHED): Stage.REJECTED,
    # A live model whose file can't be loaded any more.
    (Stage.LIVE, StageEvent.FAILED): Stage.REJECTED,
    (Stage.RETIRED, StageEvent.RESTORED): Stage.LIVE,
    (Stage.RETIRED, StageEvent.PROMOTED): Stage.LIVE,
    (Stage.RETIRED, StageEvent.FAILED): Stage.REJECTED,
}


def advance(stage: Stage, event: StageEvent) -> Stage:
    """Raises `ValueError` where the table has no such move."""
    after = _TABLE.get((stage, event))
    if after is None:
        raise ValueError(f"a model that is {stage} can't be {event}")
    return after
