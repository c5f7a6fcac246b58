"""`flatten --direct`: the daemon's own journal, recovery and flattening, without the daemon. No strategy, no decision,
no API. The kill switch keeps its level where the daemon looks for it: the next start goes on, or finds itself locked.
"""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Callable, Iterator

import structlog

from core.account_journal import journal_of
from core.app import risk_state_file
from core.compute.computer import AsyncFeatureComputer
from core.domain.commands import Flatten, FlattenProgress, KillSwitchStatus
from core.domain.errors import SettingsError
from core.domain.facts import ExecutionFact
from core.domain.freshness import Moment
from core.domain.instruments import InstrumentId
from core.execution.executor import OrderExecutor
from core.execution.flattener import Flattener
from core.execution.journal.journal import Journal
from core.execution.journal.state import JournalState
from core.kill_switch import KillSwitch
from core.order_log import log_fact
from core.ports.venue import StreamSubscriptions
from core.risk.gate import RiskGate, RiskState
from core.risk.levels import RiskLevel
from core.runtime import core_dumps
from core.runtime.clocks import SystemMonotonicClock
from core.runtime.logging import LogPipeline
from core.runtime.scheduler import Scheduler
from core.runtime.staged_stop import StopStage
from core.runtime.supervisor import RestartPolicy, Supervisor
from core.runtime.synced_clock import SyncedClock
from core.secrets_known import secrets_of
from core.settings.tree import Settings
from core.single_writer import require_free_account
from core.startup import Startup
from core.venue_lanes import VenueLanes
from core.venue_opening import FORWARDER, OpenVenue, VenueOpening

log = structlog.get_logger("flatten")

_LOOK_EVERY_S = 0.2
_SAVE_DEADLINE_S = 5.0


class DirectFlattening:
    """One run; the constructor touches nothing. It takes the lease of the account, as a daemon does."""

    def __init__(
        self,
        settings: Settings,
        command: Flatten,
        *,
        on_progress: Callable[[FlattenProgress], None],
        on_wait: Callable[[str], None],
    ) -> None:
        """Both are called on the loop and must not block: `on_wait` with what is waited for, in words."""
        self._settings = settings
        self._command = command
        self._on_progress = on_progress
        self._monotonic = SystemMonotonicClock()
        self._clock = SyncedClock(self._monotonic)
        self._computer = AsyncFeatureComputer(settings.compute, monotonic=self._monotonic)
        self._supervisor = Supervisor(self._monotonic)
        self._scheduler = Scheduler(self._monotonic)
        self._startup = Startup(
            self._computer,
            self._clock,
            self._monotonic,
            trading=settings.trading,
            venue=settings.venue,
            say=lambda state, note: on_wait(note or state),
        )
        self._kill_switch: KillSwitch | None = None
        self._journal: Journal | None = None
        self._venue: OpenVenue | None = None

    async def run(self) -> KillSwitchStatus | None:
        """Where the kill switch stands at the end: LOCKED when all is proven; still FLATTEN where a signal came first;
        `None` where it came before it had begun. Raises `LeaseHeld` where a daemon is at work (exit code 5), and
        whatever else a start of the daemon does."""
        if self._settings.trading.mode == "observe":
            raise SettingsError('trading.mode is "observe": nothing is ordered, so there is nothing to flatten')
        core_dumps.forbid()
        require_free_account(self._settings)
        logs = LogPipeline(self._settings.logging, stream=sys.stderr, secrets=secrets_of(self._settings))
        logs.start()
        try:
            supervisor = self._supervisor
            supervisor.add("scheduler", self._scheduler.run)
            supervisor.add("flatten", self._flatten, may_end=True)
            for stage in self._stages():
                supervisor.add_stage(stage)
            with self._signals():
                report = await supervisor.run()
            if report.cause is not None:
                raise report.cause
        finally:
            await self._computer.close()
            if self._venue is not None:
                self._venue.adapter.close()
            logs.close()
        return None if self._kill_switch is None else self._kill_switch.status()

    async def _flatten(self) -> None:
        opening = VenueOpening(
            self._settings,
            self._startup,
            supervisor=self._supervisor,
            scheduler=self._scheduler,
            clock=self._clock,
            monotonic=self._monotonic,
        )
        self._venue = venue = await opening.open()
        risk_file = risk_state_file(self._settings, venue.account)
        state = await self._startup.call(risk_file.load, venue.epoch, operation="risk_state")
        gate = RiskGate(self._settings.risk, state)
        lanes = VenueLanes(self._settings, venue.adapter, self._computer)
        executor = self._build_executor(venue, gate, lanes)
        await self._startup.patiently("recovery", lambda: self._recover(executor, gate))

        async def save(kept: RiskState) -> None:
            await self._computer.lane("data").run(risk_file.save, kept, venue.epoch, deadline_s=_SAVE_DEADLINE_S)

        flattener = Flattener(executor, gate, lanes.price, self._now)
        self._kill_switch = KillSwitch(gate, save=save, now=self._now, executor=executor, flattener=flattener)
        await self._kill_switch.command(self._command)
        self._supervisor.add("lease", executor.parts.journal.watch_lease)
        self._supervisor.add("executor", executor.run)
        if venue.adapter.user_stream is not None:
            stream = venue.adapter.user_stream
            self._supervisor.add("user stream", lambda: stream.run(executor.on_user_event), restart=RestartPolicy())
        self._feed_market(venue, executor)
        self._supervisor.add("kill switch", self._kill_switch.run)
        await self._watch(self._kill_switch)

    async def _recover(self, executor: OrderExecutor, gate: RiskGate) -> None:
        def replayed(state: JournalState) -> None:
            intents = [proposal.intent_id for proposal in state.last_intents]
            gate.recover(state.working, state.ledger.left_ns, intents, [plan.proposal for plan in state.plans])

        await executor.recover(replayed)

    def _build_executor(self, venue: OpenVenue, gate: RiskGate, lanes: VenueLanes) -> OrderExecutor:
        settings = self._settings
        self._journal = journal_of(settings, venue.adapter, venue.account)

        def publish(fact: ExecutionFact) -> None:
            gate.on_fact(fact)
            log_fact(fact)

        return OrderExecutor(
            venue=venue.adapter.rest,
            run_in_lane=lanes.run_in_order_lane,
            journal=self._journal,
            publish=publish,
            still_valid=gate.still_valid,
            instruments=lambda: venue.instruments,
            trading_clock=venue.adapter.clock,
            monotonic_clock=self._monotonic,
            settings=settings.execution,
            traded=[InstrumentId(symbol) for symbol in settings.trading.symbols],
        )

    def _feed_market(self, venue: OpenVenue, executor: OrderExecutor) -> None:
        """A venue that trades another's market fills nothing unless that market reaches it."""
        held = tuple(each for each in executor.parts.books.holdings() if each in venue.instruments)
        if venue.forwarding is None or not held:
            return
        streams = venue.adapter.streams(StreamSubscriptions(candles=(), quotes=held))
        self._supervisor.add("market streams", lambda: streams.run(lambda _: None), restart=RestartPolicy())

    async def _watch(self, kill_switch: KillSwitch) -> None:
        while kill_switch.status().level == RiskLevel.FLATTEN.value:
            if (progress := kill_switch.progress) is not None:
                self._on_progress(progress)
            await asyncio.sleep(_LOOK_EVERY_S)
        if (progress := kill_switch.progress) is not None:
            self._on_progress(progress)
        await kill_switch.save()
        self._supervisor.stop("flat")

    def _now(self) -> Moment:
        return Moment(self._clock.now_ns(), self._monotonic.now_ns(), self._clock.speed)

    def _stages(self) -> tuple[StopStage, ...]:
        settle_s = self._settings.execution.settle_on_stop_s
        return (
            StopStage("deciding", 3.0, children=("flatten", "kill switch", "scheduler")),
            StopStage("orders", settle_s + 2.0, children=("executor",)),
            StopStage("streams", 3.0, children=("market streams", "user stream", FORWARDER)),
            StopStage("journal", 6.0, self._close_journal, essential=True),
        )

    async def _close_journal(self) -> None:
        if self._journal is not None and not await self._journal.close():
            log.error("journal_close_timeout")

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._supervisor.stop, number.name)
        try:
            yield
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)
