"""The composition root: the only file that picks implementations and wires them.

`run_daemon` starts what needs no venue (logs, watchdog, workers, API), then walks the one path to trading: reach the
venue, learn its instruments, load the strategies, recover the journal, fill the candle rings, subscribe, trade.
"""

import asyncio
import contextlib
import faulthandler
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import structlog

from core.api.live_view import Phase
from core.api.summary import summarise, write_summary
from core.compute.computer import AsyncFeatureComputer
from core.compute.lag import LagMonitor
from core.compute.memory import pss_tree_mb
from core.desk import TradingDesk
from core.domain.errors import MetronomeError
from core.domain.instruments import Instrument, InstrumentId
from core.domain.status import DaemonStatus
from core.embedded_venue import CHILD
from core.faces import Faces
from core.key_fitness import check_key
from core.listing import Listing
from core.model_training import STOP_TIMEOUT_S, TRAINING, training_for
from core.model_watching import begin_watch, watch_for
from core.notify.news import ended, trading_begins
from core.notify.notifier import Notifier
from core.paper_venue import takes_anothers_market
from core.reloading import ReloadSignal
from core.risk.state_file import RiskStateFile
from core.runtime.blocking_guard import BlockingGuard
from core.runtime.clocks import NS_PER_MS, SystemMonotonicClock
from core.runtime.gc_pauses import GcPauses
from core.runtime.leaks import LeakSentinel
from core.runtime.logging import LogPipeline
from core.runtime.loop import freeze_long_lived, tune_interpreter
from core.runtime.scheduler import Scheduler
from core.runtime.staged_stop import StopStage
from core.runtime.supervisor import RestartPolicy, StopReport, Supervisor
from core.runtime.synced_clock import SyncedClock
from core.runtime.systemd import ServiceNotifier
from core.runtime.watchdog import Watchdog
from core.secrets_known import secrets_of
from core.settings.tree import Settings
from core.startup import Startup
from core.strategies.plans import SymbolPlan, plan_symbols
from core.venue_opening import FORWARDER, OpenVenue, VenueOpening

log = structlog.get_logger()

_PRELOAD = ("core.strategies.ring_worker", "core.strategies.evaluation")
"""What each worker imports before its first job."""
_STATUS_LINE_EVERY_S = 60.0
_GOODBYE_S = 5.0
_DECIDING = ("startup", "reloads", "scheduler", "coordinator", "kill switch")
_WAIT_S = 90.0
"""What systemd is asked for again and again while the venue does not answer: a start may wait if it says so."""


class DaemonFault(MetronomeError):
    """Nobody's mistake but the daemon's own; `__cause__` is what happened."""


@dataclass(frozen=True, slots=True)
class RunOptions:
    max_runtime_s: float | None = None
    """Stop by itself after so much real time; `None`: run until told to stop."""
    summary_json: Path | None = None
    on_status: Callable[[DaemonStatus], None] | None = None
    """Called on the loop twice a second with a frozen picture; must return at once."""
    reload: Callable[[], Settings] | None = None
    """Reads the settings again, and may block; `None`: nobody can."""
    config: tuple[Path, ...] = ()
    """The files that the settings were read from, for processes that read them too."""
    log_stream: TextIO | None = None
    """Where log lines go; `None`: standard error."""


async def run_daemon(settings: Settings, options: RunOptions) -> int:
    """Run until SIGTERM, SIGINT, `max_runtime_s` or a fatal error; the exit code of a clean stop.

    Raises `MetronomeError`, whose `exit_code` counts, for what a person must mend: settings, keys, a broken journal.
    """
    return await Daemon(settings, options).run()


class Daemon:
    """One run. The constructor builds what needs no venue and touches nothing; `run` does everything else."""

    def __init__(self, settings: Settings, options: RunOptions) -> None:
        self._settings = settings
        self._options = options
        self._monotonic = SystemMonotonicClock()
        self._clock = SyncedClock(self._monotonic)
        self._phase = Phase()
        self._logs = LogPipeline(
            settings.logging, stream=options.log_stream or sys.stderr, secrets=secrets_of(settings)
        )
        self._notifier = ServiceNotifier(os.environ)
        self._watchdog = Watchdog(self._monotonic, self._notifier, loop_limit_s=settings.watchdog.loop_overdue_s)
        self._lag = LagMonitor(self._monotonic)
        self._guard = BlockingGuard()
        self._leaks = LeakSentinel(settings.leaks, self._monotonic)
        self._computer = AsyncFeatureComputer(settings.compute, preload=_PRELOAD, monotonic=self._monotonic)
        self._supervisor = Supervisor(self._monotonic)
        self._people = Notifier.of(settings.notify, self._monotonic)
        self._scheduler = Scheduler(self._monotonic)
        self._startup = Startup(
            self._computer,
            self._clock,
            self._monotonic,
            trading=settings.trading,
            venue=settings.venue,
            say=self._say,
        )
        self._gc_pauses = GcPauses()
        self._faces = Faces(
            settings,
            self._phase,
            computer=self._computer,
            lag=self._lag,
            gc_pauses=self._gc_pauses,
            watchdog=self._watchdog,
            leaks=self._leaks,
            people=self._people,
            logs=self._logs,
            clock=self._clock,
            monotonic=self._monotonic,
            on_status=options.on_status,
            reload=options.reload,
        )
        self._reloads = ReloadSignal(self._faces.controls.reload, self._reload_begins, self._reload_ended)
        self._desk: TradingDesk | None = None
        self._last_status = self._faces.view.status()
        self._pss_tree_mb = 0.0

    async def run(self) -> int:
        """0 for a clean stop. Raises what ended the daemon otherwise."""
        self._logs.start()
        tune_interpreter(self._settings.compute.switch_interval_s)
        self._gc_pauses.start()
        try:
            if self._settings.api.enabled:
                self._faces.api.bind()
            with self._signals():
                report = await self._supervise()
            error = _explained(report.cause)
            await self._sum_up(report, error)
        finally:
            self._faces.api.close()
            self._gc_pauses.stop()
            self._logs.close()
        if error is not None:
            raise error
        return 0

    async def _supervise(self) -> StopReport:
        supervisor = self._supervisor
        if self._settings.watchdog.enabled:
            supervisor.add("watchdog", self._watchdog.run)
        if self._settings.leaks.action != "off":
            supervisor.add("leaks", self._leaks.run)
        supervisor.add("computer", self._computer.serve)
        supervisor.add("status", self._faces.show, may_end=True)
        if self._settings.api.enabled:
            supervisor.add("api", self._faces.api.run, restart=RestartPolicy())
        if self._settings.notify.each_url():
            supervisor.add("couriers", self._people.run, restart=RestartPolicy())
        supervisor.add("reloads", self._reloads.run)
        supervisor.add("startup", self._start_trading, may_end=True)
        for stage in self._stages():
            supervisor.add_stage(stage)
        if self._options.max_runtime_s is not None:
            asyncio.get_running_loop().call_later(self._options.max_runtime_s, supervisor.stop, "max runtime reached")
        return await supervisor.run()

    async def _start_trading(self) -> None:
        """The one path from nothing to trading; ends when all that trades has been given to the supervisor."""
        settings, startup = self._settings, self._startup
        self._supervisor.add("scheduler", self._scheduler.run)
        opening = VenueOpening(
            settings,
            startup,
            supervisor=self._supervisor,
            scheduler=self._scheduler,
            clock=self._clock,
            monotonic=self._monotonic,
        )
        venue = await opening.open()
        await check_key(settings, venue.account, startup, venue.adapter.rest)
        strategies = await startup.strategies()
        plans = plan_symbols(strategies)
        models = watch_for(strategies, settings, self._computer, self._clock)
        risk_file = risk_state_file(settings, venue.account)
        desk = TradingDesk(
            settings,
            venue.adapter,
            self._listing(venue, plans),
            plans,
            account=venue.account,
            risk_state=await startup.call(risk_file.load, venue.epoch, operation="risk_state"),
            keep_risk_state=lambda state: risk_file.save(state, venue.epoch),
            computer=self._computer,
            watchdog=self._watchdog,
            clock=self._clock,
            monotonic=self._monotonic,
            lag_p99_ms=lambda: self._lag.statistics().minute_ms.p99,
            tell=self._people.tell,
            happenings=self._faces.happenings,
            models=(lambda _: None) if models is None else models.for_close,
        )
        self._desk = desk
        training = training_for(
            strategies, settings, self._computer, _wall_ms, self._options.config, is_wanted=desk.eligibility.is_wanted
        )
        self._faces.attach(desk, venue.forwarding, models, training)
        self._say("recovering", "replaying the journal, asking the venue")
        await startup.patiently("recovery", desk.recover)
        desk.begin_orders(self._supervisor)
        await startup.fill_rings(desk.fetcher, plans, at_once=settings.compute.data_lane_threads)
        self._say("starting", "which symbols may be entered")
        await desk.eligibility.look()
        if models is not None:
            self._say("starting", "models")
            await begin_watch(models, self._scheduler, settings.models.look_every_s)
        freeze_long_lived()
        self._supervisor.add("lag", self._lag.run)  # only now: imports and the collection hold nothing up
        desk.begin(self._supervisor, self._scheduler)
        self._scheduler.every("status line", _STATUS_LINE_EVERY_S, self._faces.log_status)
        if training is not None:
            self._supervisor.add(TRAINING, training.run, restart=RestartPolicy())
        self._say("trading", "")
        self._scheduler.every("service manager", 1.0, self._repeat_to_service_manager)
        self._notifier.ready(f"trading {len(plans)} series, {settings.trading.mode} on {settings.venue.name}")
        if settings.watchdog.forbid_blocking:
            self._guard.arm()
        self._people.tell(trading_begins(settings.trading.mode, settings.venue.name, len(plans)))
        log.info("trading", mode=settings.trading.mode, venue=settings.venue.name, series=len(plans))

    def _listing(self, venue: OpenVenue, plans: Sequence[SymbolPlan]) -> Listing:
        async def look() -> Mapping[InstrumentId, Instrument]:
            return await self._startup.call(venue.adapter.market.instruments, operation="instruments")

        return Listing(
            venue.instruments,
            dict.fromkeys(plan.key.instrument_id for plan in plans),
            look,
            self._monotonic,
            look_every_s=self._settings.venue.instruments_every_s,
            rules_stay=takes_anothers_market(self._settings),
        )

    def _stages(self) -> tuple[StopStage, ...]:
        """The order of an end: stop deciding, settle orders, drop the streams, close the journal, then the sessions."""
        settle_s = self._settings.execution.settle_on_stop_s
        return (
            StopStage("deciding", 3.0, self._announce_stop, _DECIDING),
            StopStage("orders", settle_s + 2.0, self._settle_orders, ("executor",)),
            StopStage("streams", 3.0, children=("market streams", "user stream", FORWARDER)),
            StopStage("journal", 6.0, self._close_journal, essential=True),
            StopStage("training", STOP_TIMEOUT_S + 1.0, children=(TRAINING,)),
            StopStage("messages", _GOODBYE_S + 1.0, self._say_goodbye, ("couriers",)),
            StopStage("sessions", 3.0, self._close_sessions, ("api", "status", "computer", "lag")),
            StopStage("embedded venue", 12.0, children=(CHILD,)),
        )

    async def _announce_stop(self) -> None:
        self._guard.disarm()  # what ends may take its time
        self._say("stopping", "")
        self._notifier.stopping("stopping")

    async def _settle_orders(self) -> None:
        if self._desk is not None and self._settings.trading.close_on_stop:
            await self._desk.cancel_entries("STOPPING")

    async def _close_journal(self) -> None:
        if self._desk is not None:
            await self._desk.close_journal()

    async def _say_goodbye(self) -> None:
        stop = self._supervisor.statistics()
        self._people.tell(ended(stop.reason, has_failed=stop.has_failed))
        await self._people.flush(_GOODBYE_S)

    async def _close_sessions(self) -> None:
        self._last_status = self._faces.view.status()
        if self._options.summary_json is not None:
            self._pss_tree_mb = await self._computer.lane("data").run(pss_tree_mb, deadline_s=5.0)
        if self._desk is not None:
            self._desk.close()

    async def _sum_up(self, report: StopReport, error: BaseException | None) -> None:
        if error is None:
            log.info("stopped", reason=report.reason)
        else:
            log.error("failed", error=str(error), exc_info=error.__cause__ if isinstance(error, DaemonFault) else None)
        file = self._options.summary_json
        if file is None:
            return
        exit_code = 0 if error is None else getattr(error, "exit_code", 1)
        summary = summarise(self._last_status, pss_tree_mb=self._pss_tree_mb, exit_code=exit_code)
        try:
            write_summary(file, summary)
        except OSError as refused:
            log.error("summary_not_written", file=str(file), error=str(refused))
            if error is None:
                raise MetronomeError(f"--summary-json {file}: {refused.strerror or refused}") from refused

    # Faces

    def _say(self, state: str, note: str) -> None:
        before = self._phase.note or self._phase.state
        self._phase.state, self._phase.note = state, note
        if (note or state) != before:
            self._notifier.status(note or state)
            self._faces.api.show_soon()
        if state == "waiting_for_venue":
            self._notifier.extend_timeout(_WAIT_S)

    async def _repeat_to_service_manager(self) -> None:
        self._notifier.flush()

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        handlers: dict[signal.Signals, Callable[[], None]] = {
            signal.SIGTERM: lambda: self._supervisor.stop("SIGTERM"),
            signal.SIGINT: lambda: self._supervisor.stop("SIGINT"),
            signal.SIGUSR1: lambda: self._faces.controls.halt("SIGUSR1"),
            signal.SIGUSR2: faulthandler.dump_traceback,
            signal.SIGHUP: self._hang_up,
        }
        for number, handler in handlers.items():
            loop.add_signal_handler(number, handler)
        try:
            yield
        finally:
            for number in handlers:
                loop.remove_signal_handler(number)

    def _hang_up(self) -> None:
        """The terminal has gone, and its daemon goes in order; without one it is a request to reload."""
        if self._options.on_status is not None:
            self._supervisor.stop("SIGHUP: the terminal was closed")
        else:
            self._reloads.ask()

    def _reload_begins(self) -> None:
        """Whoever is not ready yet must not become it by the end of this."""
        if self._phase.state == "trading":
            self._notifier.reloading()

    def _reload_ended(self) -> None:
        if self._phase.state == "trading":
            self._notifier.ready()


def _wall_ms() -> int:
    return time.time_ns() // NS_PER_MS


def _explained(cause: BaseException | None) -> BaseException | None:
    """What ended the daemon, with words and an exit code of its own; `None` where nothing did."""
    if isinstance(cause, BaseExceptionGroup):
        known = cause.subgroup(MetronomeError)
        return _explained((known or cause).exceptions[0])
    if cause is None or isinstance(cause, MetronomeError) or not isinstance(cause, Exception):
        return cause
    fault = DaemonFault(f"a fault of the daemon itself, its log shows where: {type(cause).__name__}: {cause}")
    fault.__cause__ = cause
    return fault


def risk_state_file(settings: Settings, account: str) -> RiskStateFile:
    """Where the kill switch of an account keeps its level."""
    name = f"{settings.trading.mode}-{settings.venue.name}-{account}.risk.json"
    return RiskStateFile(settings.storage.data_dir / "journal" / name)
