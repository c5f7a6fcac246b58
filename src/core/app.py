"""The composition root: the only file that picks implementations and wires them.

`run_daemon` starts what needs no venue (logs, watchdog, workers, API), then walks the one path to trading: reach the
venue, learn its instruments, load the strategies, recover the journal, fill the candle rings, subscribe, trade.
"""

import asyncio
import contextlib
import faulthandler
import hashlib
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO

import structlog
from pydantic import SecretStr

from core.api.live_view import Identity, LiveView, Phase
from core.api.server import ApiServer
from core.api.summary import summarise, write_summary
from core.compute.computer import AsyncFeatureComputer
from core.compute.lag import LagMonitor
from core.compute.memory import pss_tree_mb
from core.desk import TradingDesk
from core.domain.errors import MetronomeError, SettingsError
from core.domain.instruments import Instrument, InstrumentId
from core.domain.status import DaemonStatus
from core.paper_venue import PaperVenue, orders_venue, takes_anothers_market, without_keys
from core.ports.venue import VenueRest
from core.risk.state_file import RiskStateFile
from core.runtime.clocks import SystemMonotonicClock
from core.runtime.logging import LogPipeline
from core.runtime.loop import freeze_long_lived, tune_interpreter
from core.runtime.scheduler import Scheduler
from core.runtime.staged_stop import StopStage
from core.runtime.supervisor import RestartPolicy, StopReport, Supervisor
from core.runtime.synced_clock import SyncedClock
from core.runtime.systemd import ServiceNotifier
from core.runtime.watchdog import Watchdog
from core.settings.tree import Settings
from core.settings.venue import VenueSettings
from core.simulation.server.accounts import DEFAULT_KEY, DEFAULT_SECRET
from core.simulation.server.child import EmbeddedVenue
from core.simulation.server.forwarding import ForwardingStatistics
from core.simulation.server.probe import RunningVenue
from core.startup import Startup
from core.strategies.plans import plan_symbols
from core.venues.adapter import EMBEDDED, VenueAdapter, build_adapter

log = structlog.get_logger()

_PRELOAD = ("core.strategies.ring_worker", "core.strategies.evaluation")
"""What each worker imports before its first job."""
_STATUS_EVERY_S = 0.5
_STATUS_LINE_EVERY_S = 60.0
_WAIT_S = 90.0
"""What systemd is asked for again and again while the venue does not answer: a start may wait if it says so."""
_CLOCK_JOB = "venue clock"
_ORDERS_CLOCK_JOB = "orders' venue clock"
_CLOCK_SAMPLE_EVERY_S = 20.0


class DaemonFault(MetronomeError):
    """Nobody's mistake but the daemon's own; `__cause__` is what happened."""


@dataclass(frozen=True, slots=True)
class RunOptions:
    max_runtime_s: float | None = None
    """Stop by itself after so much real time; `None`: run until told to stop."""
    summary_json: Path | None = None
    on_status: Callable[[DaemonStatus], None] | None = None
    """Called on the loop twice a second with a frozen picture; must return at once."""
    log_stream: TextIO | None = None
    """Where log lines go; `None`: standard error."""


def starts_its_venue(venue: VenueSettings) -> bool:
    """Whether `run` starts this venue itself, where it does not listen yet."""
    return venue.name == EMBEDDED and venue.base_url is None


@contextlib.contextmanager
def checking_venue(settings: Settings) -> Iterator[VenueRest]:
    """The venue's REST face for one-off questions. Raises `VenueError` where nothing answers."""
    monotonic = SystemMonotonicClock()
    clock = SyncedClock(monotonic)
    venue = settings.venue
    if starts_its_venue(venue):
        venue = _embedded(venue, f"http://{settings.simulation.host}:{settings.simulation.port}", ws_url=None)
    rest = build_adapter(venue, clock, monotonic).rest
    try:
        sent_ns = monotonic.now_ns()
        server_ms = rest.server_time_ms()
        clock.observe(server_ms, sent_ns, monotonic.now_ns(), declared_speed=rest.clock_speed())
        yield rest
    finally:
        rest.close()


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
        self._logs = LogPipeline(settings.logging, stream=options.log_stream or sys.stderr, secrets=_secrets(settings))
        self._notifier = ServiceNotifier(os.environ)
        self._watchdog = Watchdog(self._monotonic, self._notifier, loop_limit_s=settings.watchdog.loop_overdue_s)
        self._lag = LagMonitor(self._monotonic)
        self._computer = AsyncFeatureComputer(settings.compute, preload=_PRELOAD, monotonic=self._monotonic)
        self._supervisor = Supervisor(self._monotonic)
        self._scheduler = Scheduler(self._monotonic)
        self._startup = Startup(
            self._computer,
            self._clock,
            self._monotonic,
            trading=settings.trading,
            venue=settings.venue,
            say=self._say,
        )
        self._view = LiveView(
            Identity(settings.trading.mode, settings.venue.name, self._monotonic.now_ns(), orders_venue(settings)),
            self._phase,
            computer=self._computer,
            lag=self._lag,
            watchdog=self._watchdog,
            trading_clock=self._clock,
            monotonic_clock=self._monotonic,
            skew_ms=lambda: self._clock.skew_ms,
        )
        self._api = ApiServer(settings.api, settings.storage.data_dir, self._view)
        self._desk: TradingDesk | None = None
        self._halt_reason: str | None = None  # somebody was quicker than the start
        self._forwarding: Callable[[], ForwardingStatistics] | None = None
        self._last_status = self._view.status()
        self._pss_tree_mb = 0.0

    async def run(self) -> int:
        """0 for a clean stop. Raises what ended the daemon otherwise."""
        self._logs.start()
        tune_interpreter(self._settings.compute.switch_interval_s)
        try:
            if self._settings.api.enabled:
                self._api.bind()
            with self._signals():
                report = await self._supervise()
            error = _explained(report.cause)
            await self._sum_up(report, error)
        finally:
            self._api.close()
            self._logs.close()
        if error is not None:
            raise error
        return 0

    async def _supervise(self) -> StopReport:
        supervisor = self._supervisor
        if self._settings.watchdog.enabled:
            supervisor.add("watchdog", self._watchdog.run)
        supervisor.add("computer", self._computer.serve)
        supervisor.add("status", self._show_status, may_end=True)
        if self._settings.api.enabled:
            supervisor.add("api", self._api.run, restart=RestartPolicy())
        supervisor.add("startup", self._start_trading, may_end=True)
        for stage in self._stages():
            supervisor.add_stage(stage)
        if self._options.max_runtime_s is not None:
            asyncio.get_running_loop().call_later(self._options.max_runtime_s, supervisor.stop, "max runtime reached")
        return await supervisor.run()

    async def _start_trading(self) -> None:
        """The one path from nothing to trading; ends when all that trades has been given to the supervisor."""
        settings, startup = self._settings, self._startup
        venue = await self._start_embedded_venue() if settings.venue.name == EMBEDDED else settings.venue
        if takes_anothers_market(settings):
            venue = without_keys(venue)
        adapter = build_adapter(venue, self._clock, self._monotonic, on_clock_refused=self._ask_the_time(_CLOCK_JOB))
        await startup.reach(adapter.rest)
        self._scheduler.every(_CLOCK_JOB, _CLOCK_SAMPLE_EVERY_S, lambda: startup.sample_clock(adapter.rest))
        self._supervisor.add("scheduler", self._scheduler.run)
        instruments = await startup.instruments(adapter.rest)
        plans = plan_symbols(await startup.strategies())
        if takes_anothers_market(settings):
            adapter, venue = await self._start_paper_venue(adapter, instruments)
        account = _account_name(venue)
        risk_file, epoch = self._risk_state_file(account), await startup.epoch(adapter.rest)
        _require_simulated_venue(settings, epoch)
        desk = TradingDesk(
            settings,
            adapter,
            instruments,
            plans,
            account=account,
            risk_state=await startup.call(risk_file.load, epoch, operation="risk_state"),
            keep_risk_state=lambda state: risk_file.save(state, epoch),
            computer=self._computer,
            watchdog=self._watchdog,
            clock=self._clock,
            monotonic=self._monotonic,
        )
        self._desk = desk
        if self._halt_reason is not None:
            desk.halt(self._halt_reason)
        self._view.attach(desk.parts)
        self._say("recovering", "replaying the journal, asking the venue")
        await startup.patiently("recovery", desk.recover)
        await startup.fill_rings(desk.fetcher, plans)
        freeze_long_lived()
        self._supervisor.add("lag", self._lag.run)  # only now: imports and the collection hold nothing up
        desk.begin(self._supervisor, self._scheduler)
        self._scheduler.every("status line", _STATUS_LINE_EVERY_S, self._log_status)
        self._say("trading", "")
        self._scheduler.every("service manager", 1.0, self._repeat_to_service_manager)
        self._notifier.ready(f"trading {len(plans)} series, {settings.trading.mode} on {settings.venue.name}")
        log.info("trading", mode=settings.trading.mode, venue=settings.venue.name, series=len(plans))

    async def _start_embedded_venue(self) -> VenueSettings:
        """Find the venue that already listens, or start one that dies with us; the settings that lead to it."""
        settings = self._settings
        if settings.venue.base_url is not None:
            return settings.venue
        key, secret = _embedded_keys(settings.venue)
        embedded = EmbeddedVenue(
            settings.simulation,
            [InstrumentId(symbol) for symbol in settings.trading.symbols],
            settings.storage.data_dir,
            accounts=[(key, secret)],
            on_line=lambda line: log.debug("venue", line=line),
        )
        self._say("starting", "starting the embedded venue")
        found = await self._first_start(embedded)
        log.info("embedded_venue", url=found.url, speed=found.speed, epoch=found.epoch)
        return _embedded(settings.venue, found.url, found.ws_url)

    async def _start_paper_venue(
        self, market: VenueAdapter, instruments: Mapping[InstrumentId, Instrument]
    ) -> tuple[VenueAdapter, VenueSettings]:
        """Begin to forward the market into an embedded venue; both as one adapter, and the account's settings."""
        self._say("starting", "starting the embedded venue")
        paper = PaperVenue(self._settings, instruments, self._clock, self._monotonic)
        found = await self._first_start(paper.embedded)
        adapter = paper.adapter(market, found, self._ask_the_time(_ORDERS_CLOCK_JOB))
        self._supervisor.add("market forwarder", paper.forwarder.run, restart=RestartPolicy())
        await self._startup.reach(adapter.rest, paper.clock)
        self._scheduler.every(
            _ORDERS_CLOCK_JOB, _CLOCK_SAMPLE_EVERY_S, lambda: self._startup.sample_clock(adapter.rest, paper.clock)
        )
        await self._startup.instruments(adapter.rest)  # so that it knows how its symbols are spelled
        self._forwarding = paper.forwarder.statistics
        log.info("paper_venue", url=found.url, speed=found.speed, epoch=found.epoch, market=self._settings.venue.name)
        return adapter, paper.venue(found)

    async def _first_start(self, embedded: EmbeddedVenue) -> RunningVenue:
        """A venue that has never begun is no crash that another try would mend. Raises `SettingsError` for it."""
        failed: asyncio.Future[RunningVenue] = asyncio.get_running_loop().create_future()
        ready = asyncio.create_task(embedded.ready(), name="embedded venue ready")

        async def run() -> None:
            try:
                await embedded.run()
            except MetronomeError as error:
                if ready.done():
                    raise
                failed.set_exception(SettingsError(str(error)))
                await asyncio.Event().wait()

        self._supervisor.add("embedded venue", run, restart=RestartPolicy())
        try:
            done, _ = await asyncio.wait({ready, failed}, return_when=asyncio.FIRST_COMPLETED)
            return done.pop().result()
        finally:
            ready.cancel()
            failed.cancel()

    def _risk_state_file(self, account: str) -> RiskStateFile:
        settings = self._settings
        name = f"{settings.trading.mode}-{settings.venue.name}-{account}.risk.json"
        return RiskStateFile(settings.storage.data_dir / "journal" / name)

    def _ask_the_time(self, job: str) -> Callable[[], None]:
        """What to do, from any thread, when a venue has refused our clock."""
        loop = asyncio.get_running_loop()

        def trigger() -> None:
            with contextlib.suppress(KeyError):  # the job begins with trading
                self._scheduler.trigger(job)

        def from_any_thread() -> None:
            loop.call_soon_threadsafe(trigger)

        return from_any_thread

    def _stages(self) -> tuple[StopStage, ...]:
        """The order of an end: stop deciding, settle orders, drop the streams, close the journal, then the sessions."""
        settle_s = self._settings.execution.settle_on_stop_s
        return (
            StopStage("deciding", 3.0, self._announce_stop, ("startup", "scheduler", "coordinator")),
            StopStage("orders", settle_s + 2.0, self._settle_orders, ("executor",)),
            StopStage("streams", 3.0, children=("market streams", "user stream", "market forwarder")),
            StopStage("journal", 6.0, self._close_journal, essential=True),
            StopStage("sessions", 3.0, self._close_sessions, ("api", "status", "computer", "lag")),
            StopStage("embedded venue", 12.0, children=("embedded venue",)),
        )

    async def _announce_stop(self) -> None:
        self._say("stopping", "")
        self._notifier.stopping("stopping")

    async def _settle_orders(self) -> None:
        if self._desk is not None and self._settings.trading.close_on_stop:
            await self._desk.cancel_entries("STOPPING")

    async def _close_journal(self) -> None:
        if self._desk is not None:
            await self._desk.close_journal()

    async def _close_sessions(self) -> None:
        self._last_status = self._view.status()
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
        if state == "waiting_for_venue":
            self._notifier.extend_timeout(_WAIT_S)

    async def _repeat_to_service_manager(self) -> None:
        self._notifier.flush()

    async def _show_status(self) -> None:
        """For whoever watches: a picture of a hundred symbols costs the loop milliseconds."""
        while self._options.on_status is not None:
            try:
                self._options.on_status(self._view.status())
            except Exception:  # the boundary of the show: whatever it stumbles over, trading goes on
                log.exception("status_failed")
                return
            await asyncio.sleep(_STATUS_EVERY_S)

    async def _log_status(self) -> None:
        status = self._view.status()
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

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        handlers: dict[signal.Signals, Callable[[], None]] = {
            signal.SIGTERM: lambda: self._supervisor.stop("SIGTERM"),
            signal.SIGINT: lambda: self._supervisor.stop("SIGINT"),
            signal.SIGUSR1: lambda: self._halt("SIGUSR1"),
            signal.SIGUSR2: faulthandler.dump_traceback,
            signal.SIGHUP: lambda: log.warning("reload_not_supported", hint="restart the daemon to apply settings"),
        }
        for number, handler in handlers.items():
            loop.add_signal_handler(number, handler)
        try:
            yield
        finally:
            for number in handlers:
                loop.remove_signal_handler(number)

    def _halt(self, reason: str) -> None:
        self._halt_reason = reason
        if self._desk is not None:
            self._desk.halt(reason)


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


def _require_simulated_venue(settings: Settings, epoch: str | None) -> None:
    """Paper orders go to a venue that owns up to being simulated, or nowhere. Raises `SettingsError`."""
    if settings.trading.mode == "paper" and epoch is None:
        venue = settings.venue.base_url or settings.venue.name
        raise SettingsError(
            f'trading.mode is "paper", but the venue {venue} is no simulated one: paper orders must not go there. '
            'Choose mode = "observe", or venue.name = "sim".'
        )


def _secrets(settings: Settings) -> tuple[str, ...]:
    given = (settings.venue.api_key, settings.venue.secret, settings.api.token)
    return tuple(secret.get_secret_value() for secret in given if secret is not None)


def _embedded(venue: VenueSettings, url: str, ws_url: str | None) -> VenueSettings:
    key, secret = _embedded_keys(venue)
    found = {"base_url": url, "ws_base_url": ws_url, "api_key": SecretStr(key), "secret": SecretStr(secret)}
    return venue.model_copy(update=found)


def _embedded_keys(venue: VenueSettings) -> tuple[str, str]:
    key = venue.api_key.get_secret_value() if venue.api_key else DEFAULT_KEY
    secret = venue.secret.get_secret_value() if venue.secret else DEFAULT_SECRET
    return key, secret


def _account_name(venue: VenueSettings) -> str:
    """What the journal calls the account: a digest of its key, which is no secret."""
    if venue.api_key is None:
        return "none"
    return hashlib.sha256(venue.api_key.get_secret_value().encode()).hexdigest()[:8]
