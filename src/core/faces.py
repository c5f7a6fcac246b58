"""What shows a daemon and takes commands for it: its pictures, the terminal's and the log's, and the API."""

import asyncio
from collections.abc import Callable
from dataclasses import asdict

import structlog

from core.account_ledger import ledger_reader
from core.api.controls import Controls
from core.api.happenings import Happenings
from core.api.live_details import LiveDetails
from core.api.live_measures import LiveMeasures
from core.api.live_view import Identity, LiveView, Phase
from core.api.server import ApiServer, Question
from core.compute.computer import AsyncFeatureComputer
from core.compute.lag import LagMonitor
from core.desk import TradingDesk
from core.domain.errors import DeadlineExceeded, SettingsError
from core.domain.pictures import LogLine, ModelsShown
from core.domain.status import DaemonStatus
from core.model_training import ModelTraining
from core.models.serving.watch import ModelWatch
from core.notify.notifier import Notifier
from core.paper_venue import orders_venue
from core.ports.clock import MonotonicClock
from core.reloading import Reloading
from core.runtime.gc_pauses import GcPauses
from core.runtime.leaks import LeakSentinel
from core.runtime.logging import LogPipeline
from core.runtime.redaction import PROCESS
from core.runtime.synced_clock import SyncedClock
from core.runtime.watchdog import Watchdog
from core.settings.show import masked_settings
from core.settings.tree import Settings
from core.simulation.server.forwarding import ForwardingStatistics
from core.single_writer import account_name

log = structlog.get_logger("core.app")

_STATUS_EVERY_S = 0.5
_READING_S = 10.0
"""Of settings, from a disk that may hang."""


class Faces:
    """The constructor touches nothing; `attach` gives them what trades, once there is such."""

    def __init__(
        self,
        settings: Settings,
        phase: Phase,
        *,
        computer: AsyncFeatureComputer,
        lag: LagMonitor,
        gc_pauses: GcPauses,
        watchdog: Watchdog,
        leaks: LeakSentinel,
        people: Notifier,
        logs: LogPipeline,
        clock: SyncedClock,
        monotonic: MonotonicClock,
        on_status: Callable[[DaemonStatus], None] | None,
        reload: Callable[[], Settings] | None,
    ) -> None:
        """`on_status`, `reload`: see `core.app.RunOptions`."""
        self._computer = computer
        self._logs = logs
        self._on_status = on_status
        self._reload = reload
        self._forwarding: Callable[[], ForwardingStatistics] | None = None
        self._models: ModelWatch | None = None
        self._training: ModelTraining | None = None
        self.view = LiveView(
            Identity(settings.trading.mode, settings.venue.name, monotonic.now_ns(), orders_venue(settings)),
            phase,
            computer=computer,
            lag=lag,
            watchdog=watchdog,
            trading_clock=clock,
            monotonic_clock=monotonic,
            skew_ms=lambda: clock.skew_ms,
            resources=leaks.trends,
            couriers=people.statistics,
            models=lambda: {} if self._training is None else self._training.counts(),
        )
        self._reloading = Reloading(settings, self._read_settings)
        self._reloading.heed(lambda now: logs.set_level(now.logging.level))
        self._reloading.heed(lambda now: people.use(now.notify))
        self.controls = Controls(
            reload=None if reload is None else self._reloading.reload, forget=computer.forget_newest
        )
        self.happenings = Happenings()
        self._details = LiveDetails(monotonic)
        self._measures = LiveMeasures(
            computer=computer,
            lag=lag,
            gc_pauses=gc_pauses,
            monotonic=monotonic,
            log_lines_dropped=lambda: logs.statistics().dropped,
            events_dropped=lambda: self.happenings.dropped,
            models=self._models_shown,
        )
        self.api = ApiServer(
            settings.api,
            settings.storage.data_dir,
            self.view,
            self.controls,
            silent_after_s=settings.watchdog.loop_overdue_s,
            ledger=ledger_reader(settings, account_name(settings)).file if settings.decisions.record else None,
            questions=self._questions(),
            happenings=self.happenings,
            monotonic=monotonic,
        )

    def attach(
        self,
        desk: TradingDesk,
        forwarding: Callable[[], ForwardingStatistics] | None,
        models: ModelWatch | None,
        training: ModelTraining | None,
    ) -> None:
        """`forwarding` `None`: no other venue's market is forwarded. `models` `None`: no strategy asks models;
        `training` `None`: none are trained beside."""
        self._forwarding = forwarding
        self._models, self._training = models, training
        self.controls.attach(desk.kill_switch, desk.operator, desk.pauses)
        self.view.attach(desk.parts)
        self._details.attach(desk.parts)
        self._measures.attach(desk.parts, desk.round_trips)
        self._reloading.heed(desk.use)

    async def show(self) -> None:
        """For whoever watches: a picture of a hundred symbols costs the loop milliseconds."""
        while self._on_status is not None:
            try:
                self._on_status(await self.view.status_in_turns())
            except Exception:  # the boundary of the show: whatever it stumbles over, trading goes on
                log.exception("status_failed")
                return
            await asyncio.sleep(_STATUS_EVERY_S)

    async def log_status(self) -> None:
        status = await self.view.status_in_turns()
        log.info(
            "status",
            cycles=status.cycles,
            orders=status.orders,
            fills=status.fills,
            equity=status.equity,
            profit=status.profit,
            lag_p99_ms=status.loop_lag_ms.p99,
            rss_mb=round(status.rss_mb, 1),
            unknown_orders=status.unknown_orders,
            **({} if self._forwarding is None else {"forwarded": asdict(self._forwarding())}),
        )

    def _questions(self) -> dict[str, Question]:
        return {
            "fills": self.happenings.fills,
            "logs": lambda limit: tuple(LogLine(text) for text in self._logs.newest(limit)),
            "settings": lambda: PROCESS.mask_keys(masked_settings(self._reloading.in_force)),
            "feeds": self._details.feeds,
            "models": self._models_shown,
            "measures": self._measures.take,
            "operations": self._computer.newest,
            "queue_size": lambda: self._computer.queue_size,
            "candles": self._details.candles,
        }

    def _models_shown(self) -> ModelsShown:
        models = ModelsShown({}) if self._models is None else self._models.statistics()
        return models if self._training is None else self._training.shown(models)

    async def _read_settings(self) -> Settings:
        assert self._reload is not None  # noqa: S101 - the controls refuse before
        try:
            return await self._computer.lane("data").run(self._reload, deadline_s=_READING_S)
        except DeadlineExceeded:
            raise SettingsError(f"the settings files can't be read: no answer in {_READING_S:g} s") from None
