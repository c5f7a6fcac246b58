"""Shapes of the API's own answers; the rest are the pictures of `core.domain.status`."""

from dataclasses import dataclass

from core.domain.status import DecisionLine, SymbolStatus


@dataclass(frozen=True, slots=True)
class Alive:
    alive: bool = True


@dataclass(frozen=True, slots=True)
class Readiness:
    ready: bool
    state: str
    reason: str | None
    """Why it is not ready; `None` when it is."""


@dataclass(frozen=True, slots=True)
class Why:
    """One symbol: how it stands now, and its last decisions, newest first."""

    now: SymbolStatus
    decisions: tuple[DecisionLine, ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Body of every 4xx answer."""

    detail: str
