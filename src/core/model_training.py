"""Training beside trading: the daemon begins `live_bot.py train --due` when something is due, one at a time.

The process reads the candles, trains and writes down what became of each symbol; the daemon only reads that. So a
training may be killed at any point, a timer may do the same work, and neither touches a model that is live. What is due
is told by the wall clock, as in every other sitting.
"""

import asyncio
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import structlog

from core.compute.computer import AsyncFeatureComputer, Kind
from core.domain.candles import Timeframe
from core.domain.errors import MetronomeError
from core.domain.instruments import InstrumentId
from core.domain.pictures import CoverageLine, ModelsShown
from core.models.coverage import BlockedPermanent, BlockedTemporary, Coverage, Failed
from core.models.registry.coverage_store import CoverageStore, market_name
from core.models.schedule import TrainingPolicy
from core.models.turns import Turns
from core.runtime.children import PACKAGES, ChildExited, ChildProcess
from core.settings.tree import Settings
from core.strategies.plans import StrategyPlan

log = structlog.get_logger()

TRAINING = "training"
"""Its name among the supervisor's children."""
STOP_TIMEOUT_S = 5.0
_READ_DEADLINE_S = 15.0
_LIVE_BOT = (sys.executable, "-c", "from core.cli.main import main; raise SystemExit(main())")
_PROGRESS, _FAULT = "training: ", "error: "
"""What the lines of the command begin with."""


@dataclass(slots=True)
class _Market:
    """What the strategies of one timeframe ask for."""

    timeframe: Timeframe
    symbols: tuple[InstrumentId, ...]
    store: CoverageStore
    turns: Turns
    records: dict[InstrumentId, Coverage] = field(default_factory=dict)
    told: dict[InstrumentId, str] = field(default_factory=dict)
    """Why each symbol that has no training was said to have none."""


class ModelTraining:
    """Give `run` to the supervisor. Belongs to one event loop."""

    def __init__(
        self,
        strategies: Sequence[StrategyPlan],
        settings: Settings,
        computer: AsyncFeatureComputer,
        now_ms: Callable[[], int],
        config: Sequence[Path] = (),
        *,
        is_wanted: Callable[[InstrumentId], bool] = lambda _: True,
        program: Sequence[str] = _LIVE_BOT,
    ) -> None:
        """`strategies` are those that ask models, `now_ms` is the wall clock, `config` the files of `settings`,
        `is_wanted` whether a symbol shall have a model now, `program` what understands `train`."""
        self._settings = settings
        self._computer = computer
        self._now_ms = now_ms
        self._config = tuple(config)
        self._is_wanted = is_wanted
        self._program = tuple(program)
        self._markets = tuple(_markets(strategies, settings))
        self._doing = self._fault = ""
        self._trainings = self._failures = 0

    async def run(self) -> None:
        """Until cancelled; that ends a training in order, and its symbol is back in the queue."""
        while True:
            await self.look()
            await asyncio.sleep(self._settings.models.look_every_s)

    async def look(self) -> None:
        """Train what is due, one market after the other, and return when that is done. Cancelling is safe."""
        for market in self._markets:
            await self._attend(market)

    def shown(self, models: ModelsShown) -> ModelsShown:
        """`models` with what is trained."""
        lines = [_line(market.timeframe, each) for market in self._markets for each in market.records.values()]
        return replace(
            models,
            coverage=tuple(lines),
            training=self._doing,
            trainings=self._trainings,
            training_failures=self._failures,
        )

    def counts(self) -> dict[str, int]:
        """Symbols by the word of their state."""
        return Counter(each.word for market in self._markets for each in market.records.values())

    async def _attend(self, market: _Market) -> None:
        wanted = tuple(each for each in market.symbols if self._is_wanted(each))
        try:
            await self._read(market)
            if not market.turns.is_due(wanted, market.records.values(), self._now_ms()):
                return
            await self._train(market, wanted)
            await self._read(market)
        except MetronomeError as error:  # the registry can't be read: said by the watch with each look
            log.warning("training_postponed", timeframe=market.timeframe.value, reason=str(error))
            return
        if not market.turns.ended(wanted, market.records.values(), self._now_ms()):
            self._failures += 1
            until = _moment(market.turns.not_before_ms)
            log.error("training_failed", timeframe=market.timeframe.value, reason=self._fault, next_try=until)

    async def _train(self, market: _Market, wanted: Sequence[InstrumentId]) -> None:
        """One sitting. Nothing that it ends with is raised: its coverage says what came of it."""
        self._trainings += 1
        self._doing, self._fault = "starting", "it ended before it had done all that was due"
        child = ChildProcess(
            TRAINING,
            self._command(market, wanted),
            environment=self._environment(),
            on_line=self._hear,
            stop_timeout_s=STOP_TIMEOUT_S,
        )
        log.info("training_began", timeframe=market.timeframe.value)
        try:
            async with asyncio.timeout(self._settings.models.training_limit_s):
                await child.run()
        except TimeoutError:
            self._fault = f"ended after {self._settings.models.training_limit_s:g} s, models.training_limit_s"
        except ChildExited as ended:
            if ended.code < 0:
                self._fault = f"killed by signal {-ended.code}"
            log.info("training_ended", timeframe=market.timeframe.value, exit_code=ended.code)
        except OSError as error:
            self._fault = f"can't be started: {error.strerror or error}"
        finally:
            self._doing = ""

    async def _read(self, market: _Market) -> None:
        """What is written down of its symbols; what is new about those that are not trained is said, once."""
        records = await self._computer.run(
            market.store.read, kind=Kind.IO, deadline_s=_READ_DEADLINE_S, operation="model:coverage"
        )
        market.records = {each.symbol: each for each in records if each.symbol in market.symbols}
        for symbol, coverage in market.records.items():
            _tell(market, symbol, coverage)

    def _hear(self, line: str) -> None:
        if line.startswith(_PROGRESS):
            self._doing = line.removeprefix(_PROGRESS)
        elif line.startswith(_FAULT):
            self._fault = line.removeprefix(_FAULT)

    def _command(self, market: _Market, wanted: Sequence[InstrumentId]) -> list[str]:
        command = [*self._program, "train", "--due", "--as-child", "--timeframe", market.timeframe.value]
        for file in self._config:
            command += ["--config", str(file)]
        for symbol in wanted:
            command += ["--symbols", symbol]
        return command

    def _environment(self) -> dict[str, str]:
        """What the command line of the daemon may have changed is handed on."""
        paths = [PACKAGES, os.environ.get("PYTHONPATH", "")]
        return {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(path for path in paths if path),
            "METRONOME__VENUE__NAME": self._settings.venue.name,
            "METRONOME__STORAGE__DATA_DIR": str(self._settings.storage.data_dir),
        }


def training_for(
    strategies: Sequence[StrategyPlan],
    settings: Settings,
    computer: AsyncFeatureComputer,
    now_ms: Callable[[], int],
    config: Sequence[Path],
    *,
    is_wanted: Callable[[InstrumentId], bool],
) -> ModelTraining | None:
    """`None`: no strategy asks models, or the daemon is not to train them."""
    asking = [each for each in strategies if each.description.asks_models]
    if not asking or not settings.models.train_beside:
        return None
    return ModelTraining(asking, settings, computer, now_ms, config, is_wanted=is_wanted)


def _markets(strategies: Sequence[StrategyPlan], settings: Settings) -> Iterator[_Market]:
    wanted: dict[Timeframe, dict[InstrumentId, None]] = {}
    for each in strategies:
        wanted.setdefault(each.description.timeframe, {}).update(dict.fromkeys(each.spec.symbols))
    models, folder = settings.models, settings.storage.data_dir / "models"
    for timeframe, symbols in wanted.items():
        store = CoverageStore(folder, market_name(settings.venue.name, timeframe, models.training_mode))
        yield _Market(timeframe, tuple(symbols), store, Turns(TrainingPolicy()))


def _tell(market: _Market, symbol: InstrumentId, coverage: Coverage) -> None:
    reason = _reason(coverage)
    if reason == market.told.get(symbol, "") or (not reason and coverage.word != "TRAINED"):
        return
    market.told[symbol] = reason
    if reason:
        said = {"state": coverage.word, "reason": reason, "until": _moment(coverage.due_at_ms)}
        log.warning("model_not_trained", symbol=symbol, timeframe=market.timeframe.value, **said)


def _reason(coverage: Coverage) -> str:
    match coverage.state:
        case BlockedTemporary(reason=reason) | BlockedPermanent(reason=reason) | Failed(reason=reason):
            return reason
        case _:
            return ""


def _moment(at_ms: int | None) -> str:
    """`None`: nothing but a person moves it on."""
    if at_ms is None:
        return "`train --force`"
    return datetime.fromtimestamp(at_ms / 1_000, UTC).isoformat(timespec="seconds")


def _line(timeframe: Timeframe, coverage: Coverage) -> CoverageLine:
    return CoverageLine(
        coverage.symbol,
        timeframe.value,
        coverage.word,
        coverage.version,
        _reason(coverage),
        coverage.due_at_ms,
    )
