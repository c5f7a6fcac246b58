"""Which model to ask about which symbols: what fits, then what is best, and why."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from core.domain.candles import Timeframe
from core.domain.instruments import InstrumentId
from core.models.encoding import SymbolEncoding, TrainingMode
from core.models.manifest import Manifest
from core.models.stages import Stage

_COVERAGE, _QUALITY, _RECENCY = 0.5, 0.3, 0.2
"""Weights of the score's parts."""
_USABLE = (Stage.LIVE, Stage.CANARY)
_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Score:
    """All parts from 0 to 1."""

    coverage: float
    """Share of the wanted symbols that it was trained on (1 where it is told no symbol)."""
    quality: float
    """How far its validation was from chance."""
    recency: float
    """1 for one of today, less by half with each tenth of its allowed age."""

    @property
    def total(self) -> float:
        return _COVERAGE * self.coverage + _QUALITY * self.quality + _RECENCY * self.recency


@dataclass(frozen=True, slots=True)
class Considered:
    version: str
    unfit: str
    """Why it can't be asked; empty: it can."""
    score: Score | None
    """`None` where it is unfit."""


@dataclass(frozen=True, slots=True)
class Selection:
    chosen: Manifest | None
    considered: tuple[Considered, ...]
    """Best first, then the unfit ones."""

    def explain(self) -> str:
        """A line for each model that was looked at."""
        lines = ["no model fits" if self.chosen is None else f"chosen: {self.chosen.version}"]
        for each in self.considered:
            if each.score is None:
                lines.append(f"{each.version}: {each.unfit}")
            else:
                score = each.score
                lines.append(
                    f"{each.version}: {score.total:.3f} (coverage {score.coverage:.2f}, quality {score.quality:.2f},"
                    f" recency {score.recency:.2f})"
                )
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Wanted:
    training_mode: TrainingMode
    symbol_encoding: SymbolEncoding
    symbols: tuple[InstrumentId, ...]
    venue: str
    timeframe: Timeframe
    schema_hash: str


def select_best_model(
    wanted: Wanted,
    models: Iterable[tuple[Manifest, Stage]],
    now_ms: int,
    *,
    pinned: Collection[str] = (),
) -> Selection:
    """Pure. Only what is live or canary, compatible and not expired is scored; ties go to the newer version."""
    looked_at = [(manifest, _unfit(wanted, manifest, stage, now_ms, pinned)) for manifest, stage in models]
    scored = [(_score(wanted, manifest, now_ms), manifest) for manifest, unfit in looked_at if not unfit]
    scored.sort(key=lambda each: (each[0].total, each[1].created_ms, each[1].version), reverse=True)
    considered = [Considered(manifest.version, "", score) for score, manifest in scored]
    considered += [Considered(manifest.version, unfit, None) for manifest, unfit in looked_at if unfit]
    return Selection(scored[0][1] if scored else None, tuple(considered))


def _unfit(wanted: Wanted, manifest: Manifest, stage: Stage, now_ms: int, pinned: Collection[str]) -> str:
    """Why it can't be asked; empty: it can."""
    unknown = [each for each in wanted.symbols if each not in manifest.symbols]
    needs_symbols = manifest.mode is TrainingMode.SINGLE_SYMBOL or manifest.encoding is not SymbolEncoding.NONE
    reasons = (
        (stage not in _USABLE, f"is {stage}"),
        (manifest.mode is not wanted.training_mode, f"is {manifest.mode}, not {wanted.training_mode}"),
        (manifest.encoding is not wanted.symbol_encoding, f"encodes symbols by {manifest.encoding}"),
        (manifest.venue != wanted.venue, f"learned from {manifest.venue}"),
        (manifest.timeframe is not wanted.timeframe, f"takes candles of {manifest.timeframe.value}"),
        (manifest.schema_hash != wanted.schema_hash, "takes other features"),
        (needs_symbols and len(unknown) == len(wanted.symbols), f"was not trained on {', '.join(unknown)}"),
        (now_ms >= manifest.expires_ms and manifest.version not in pinned, "has expired"),
    )
    return next((words for is_so, words in reasons if is_so), "")


def _score(wanted: Wanted, manifest: Manifest, now_ms: int) -> Score:
    known = sum(each in manifest.symbols for each in wanted.symbols)
    is_told_none = manifest.mode is TrainingMode.MULTI_SYMBOL and manifest.encoding is SymbolEncoding.NONE
    coverage = 1.0 if is_told_none else known / max(1, len(wanted.symbols))
    allowed_ms = max(_DAY_MS, manifest.expires_ms - manifest.created_ms)
    age = max(0, now_ms - manifest.created_ms) / allowed_ms
    return Score(coverage, 1.0 - manifest.verdict.skill_p_value, 0.5 ** (10 * age))
