"""One sitting of training: the queue is worked off, each model is published, each outcome is written down.

A sitting may be cut off at any point: what was trained stays, what was under way is found by the next one. One sitting
at a time works on a folder of models.
"""

import fcntl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Protocol

from core.domain.candles import CandleWindow, Timeframe
from core.domain.errors import ArtifactBad, HistoryShort, HistoryUnfit, ModelError
from core.domain.instruments import InstrumentId
from core.features.schema import FeatureSchema
from core.models import artifacts
from core.models.artifacts import Artifact
from core.models.coverage import (
    BlockedPermanent,
    BlockedTemporary,
    Broke,
    Failed,
    Outcome,
    Refused,
    Short,
    Succeeded,
    Training,
)
from core.models.encoding import TrainingMode
from core.models.manifest import Manifest, scope_of
from core.models.recipe import Recipe
from core.models.registry.coverage_store import CoverageStore, market_name
from core.models.registry.registry import Registry
from core.models.roster import Change, Roster
from core.models.schedule import TrainingPolicy
from core.models.stages import Stage, StageEvent
from core.models.training.market import Market
from core.models.training.samples import build_samples
from core.models.training.training import Trained, manifest_of, train
from core.models.training.validation import Tell


class CandleSource(Protocol):
    """Closed candles, wherever they come from."""

    def candles(self, symbol: InstrumentId, timeframe: Timeframe) -> CandleWindow:
        """All there are, oldest first; empty where the symbol has none. Raises `MetronomeError`."""
        ...


@dataclass(frozen=True, slots=True)
class Assignment:
    """What is trained."""

    venue: str
    timeframe: Timeframe
    symbols: tuple[InstrumentId, ...]
    schema: FeatureSchema
    recipe: Recipe
    policy: TrainingPolicy
    expire_after_ms: int

    @property
    def market(self) -> str:
        """Under which name its coverage is kept."""
        return market_name(self.venue, self.timeframe, self.recipe.mode)


@dataclass(frozen=True, slots=True, eq=False)
class Attended:
    """What became of one training; several symbols where the model is of many."""

    symbols: tuple[InstrumentId, ...]
    outcome: Outcome
    manifest: Manifest | None = None
    """`None`: nothing was published."""
    stage: Stage | None = None
    trained: Trained | None = None


@dataclass(frozen=True, slots=True)
class Passed:
    """A symbol that is not trained now, and why."""

    symbol: InstrumentId
    word: str
    reason: str
    due_at_ms: int | None


class TrainingSession:
    """Blocks for as long as it takes. `now_ms` is trading time; `tell` hears of each step."""

    def __init__(
        self, folder: Path, source: CandleSource, work: Assignment, now_ms: Callable[[], int], tell: Tell
    ) -> None:
        self._is_of_many = work.recipe.mode is TrainingMode.MULTI_SYMBOL
        self._policy = replace(work.policy, at_once=max(1, len(work.symbols))) if self._is_of_many else work.policy
        self._folder, self._source, self._work, self._now_ms, self._tell = folder, source, work, now_ms, tell
        self._registry = Registry(folder)
        self._store = CoverageStore(folder, work.market)
        self._roster = Roster(self._policy)

    @contextmanager
    def open(self, *, is_forced: bool = False, is_resumed: bool = False) -> Iterator[None]:
        """Takes the folder, and finds out what is due: `is_forced` all symbols, `is_resumed` also those whose training
        was cut off, without the waiting of a failure. Raises `ModelError` where another sitting is at it."""
        with _alone(self._folder):
            artifacts.clear_drafts(self._folder)
            now_ms = self._now_ms()
            self._registry.expire(now_ms)
            self._roster = Roster(self._policy, self._store.read())
            if is_resumed:
                self._write(self._roster.stop(now_ms))
            self._write(self._roster.begin(now_ms))
            known = {each.symbol for each in self._roster.snapshot() if each.left_at_ms is None}
            self._write(self._roster.refresh(known | set(self._work.symbols), now_ms))
            self._write(self._roster.wake(now_ms))
            if is_forced or (self._is_of_many and self.waiting()):
                self._write(self._roster.force(self._work.symbols if is_forced else self._trained_ones(), now_ms))
            try:
                yield
            finally:
                self._write(self._roster.stop(self._now_ms()))
                self._store.close()
                self._registry.close()

    def waiting(self) -> tuple[InstrumentId, ...]:
        """Of the assignment, in no order."""
        return tuple(each for each in self._work.symbols if self._word(each) == "QUEUED")

    def passed(self) -> tuple[Passed, ...]:
        """Of the assignment, those that are not trained now."""
        return tuple(self._passed(each) for each in self._work.symbols if self._word(each) != "QUEUED")

    def run(self) -> Iterator[Attended]:
        """Work the queue off. An exception from outside (an interrupt) puts the training under way back."""
        while taken := self._take():
            yield from self._attend(taken)

    def _take(self) -> list[Change]:
        """One symbol, or all that wait for a model of many. Symbols of other assignments stay where they are."""
        taken: list[Change] = []
        wanted = set(self.waiting())
        while wanted and (change := self._roster.take(self._now_ms(), wanted)) is not None:
            taken.append(change)
        self._write(taken)
        return taken

    def _attend(self, taken: Sequence[Change]) -> Iterator[Attended]:
        """A symbol whose candles will not do costs the others of its model nothing."""
        begun = {each.after.symbol for each in taken if each.after is not None}
        symbols = [each for each in self._work.symbols if each in begun]
        series: dict[InstrumentId, CandleWindow] = {}
        for symbol in symbols:
            try:
                series[symbol] = self._candles(symbol)
            except (HistoryShort, HistoryUnfit) as error:
                yield self._report(Attended((symbol,), self._outcome(error)))
        if series:
            yield self._report(self._trained(Market(series, self._work.timeframe)))

    def _candles(self, symbol: InstrumentId) -> CandleWindow:
        self._tell(f"candles of {symbol}")
        window = self._source.candles(symbol, self._work.timeframe)
        if self._is_of_many:
            alone = build_samples(Market({symbol: window}, self._work.timeframe), self._work.schema, self._work.recipe)
            if not len(alone):
                missing = max(1, self._work.schema.warmup + self._work.recipe.label.horizon_candles - len(window))
                raise HistoryShort(f"{symbol}: {len(window)} candles give no sample yet", missing=missing)
        return window

    def _trained(self, market: Market) -> Attended:
        try:
            parent = self._live(market)
            trained = train(market, self._work.schema, self._work.recipe, self._tell, parent)
            self._tell("publishing")
            manifest, stage = self._publish(trained, parent)
        except ModelError as error:
            return Attended(market.symbols, self._outcome(error))
        return Attended(market.symbols, Succeeded(manifest.version), manifest, stage, trained)

    def _outcome(self, error: ModelError) -> Outcome:
        match error:
            case HistoryShort(missing=missing):
                return Short(str(error), self._now_ms() + missing * self._work.timeframe.ms)
            case HistoryUnfit():
                return Refused(str(error))
            case _:
                return Broke(str(error))

    def _report(self, attended: Attended) -> Attended:
        """Written down, then told."""
        for symbol in attended.symbols:
            known = self._roster.coverage(symbol)
            if known is not None and isinstance(known.state, Training):
                reported = self._roster.report(symbol, known.state.attempt, attended.outcome, self._now_ms())
                self._write([] if reported is None else [reported])
        return attended

    def _live(self, market: Market) -> Artifact | None:
        """What the new model is to follow; `None`: nothing, or nothing that can be read."""
        work, symbols = self._work, () if self._is_of_many else market.symbols
        live = self._registry.live().get(scope_of(work.venue, work.timeframe, symbols))
        if live is None:
            return None
        try:
            return artifacts.read(self._folder, live.version, live.sums_sha256)
        except ArtifactBad as error:
            self._tell(f"the live model can't be compared with: {error}")
            return None

    def _publish(self, trained: Trained, parent: Artifact | None) -> tuple[Manifest, Stage]:
        created_ms, work = self._now_ms(), self._work
        manifest = manifest_of(
            trained,
            venue=work.venue,
            parent=None if parent is None else parent.manifest.version,
            created_ms=created_ms,
            expires_ms=created_ms + work.expire_after_ms,
        )
        self._registry.publish(manifest, trained.fitted.trees.text, "trained")
        if not manifest.verdict.is_worth_it:
            return manifest, Stage.CANDIDATE
        reason = f"skill (p {manifest.verdict.skill_p_value:.4f}) and a gain after costs"
        return manifest, self._registry.move(manifest.version, StageEvent.PASSED, reason, created_ms)

    def _trained_ones(self) -> tuple[InstrumentId, ...]:
        """A model of many is trained on all that it can be, whoever of them was due."""
        return tuple(each for each in self._work.symbols if self._word(each) == "TRAINED")

    def _write(self, changes: Sequence[Change]) -> None:
        if changes:
            self._store.write(changes)

    def _word(self, symbol: InstrumentId) -> str:
        coverage = self._roster.coverage(symbol)
        return "" if coverage is None else coverage.word

    def _passed(self, symbol: InstrumentId) -> Passed:
        coverage = self._roster.coverage(symbol)
        if coverage is None:
            raise ValueError(f"{symbol} is not in the roster")
        match coverage.state:
            case BlockedTemporary(reason=reason) | BlockedPermanent(reason=reason) | Failed(reason=reason):
                return Passed(symbol, coverage.word, reason, coverage.due_at_ms)
            case _:
                return Passed(symbol, coverage.word, f"has the model {coverage.version}", coverage.due_at_ms)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Holds the folder's lock, which the kernel lets go of with this process."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file: IO[bytes] = (folder / "training.lock").open("ab")
    except OSError as error:
        raise ModelError(f"{folder}: cannot be written: {error.strerror or error}") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ModelError(f"{folder}: another training is under way; its models are not touched") from None
        yield
