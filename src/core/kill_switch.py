"""The kill switch: moves the level when an operator says so or a limit is reached, and carries out what it asks for.

    NORMAL -> NO_ENTRY -> REDUCE_ONLY -> FLATTEN -> LOCKED -> NORMAL     (the moves: `core.risk.levels`)

The level is kept on the disk before a command is answered, and what it asks for is derived from it alone, so a restart
goes on where a crash has cut it off.
"""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from core.domain.commands import (
    Command,
    CommandRefused,
    Flatten,
    FlattenProgress,
    Halt,
    KillSwitchStatus,
    Resume,
)
from core.domain.freshness import Moment
from core.domain.orders import Purpose
from core.domain.reason_codes import ReasonCode, because
from core.execution.executor import OrderExecutor
from core.execution.flattener import Flattener
from core.risk.gate import RiskGate, RiskState
from core.risk.levels import FlattenScope, RiskLevel
from core.risk.triggers import Alarm

_RETRY_S = (0.5, 1.0, 2.0, 5.0)
_NS_PER_MS = 1_000_000

log = structlog.get_logger("kill_switch")


class KillSwitch:
    """Give `run` to the supervisor once the executor runs. Everything else may be called at any time, on the loop."""

    def __init__(
        self,
        gate: RiskGate,
        *,
        save: Callable[[RiskState], Awaitable[None]],
        now: Callable[[], Moment],
        executor: OrderExecutor | None = None,
        flattener: Flattener | None = None,
        breaks: Callable[[], tuple[str, ...]] = lambda: (),
        resumed: Callable[[], None] = lambda: None,
    ) -> None:
        """`save` raises what a disk may raise; `breaks` are the differences from the venue's books that are known now;
        `resumed` is told when trading is armed again. Without `executor` and `flattener` (observe mode) nothing is held
        and nothing can be closed."""
        self._gate = gate
        self._save = save
        self._now = now
        self._executor = executor
        self._flattener = flattener
        self._breaks = breaks
        self._resumed = resumed
        self._saved = gate.state()
        self._is_durable = True
        self._saving = asyncio.Lock()
        self._moved = asyncio.Event()
        self._saved_soon: Callable[[], None] = lambda: None
        gate.on_level(self._say)
        if gate.level is not RiskLevel.NORMAL:
            self._moved.set()

    def save_soon(self, ask: Callable[[], None]) -> None:
        """`ask` is called when a level was moved by nobody who waits for the disk."""
        self._saved_soon = ask

    def status(self) -> KillSwitchStatus:
        state = self._gate.state()
        return KillSwitchStatus(
            level=state.level.value,
            reason=state.reason,
            since_ms=None if state.since_ns is None else state.since_ns // _NS_PER_MS,
            is_durable=self._is_durable,
            flattening=self.progress,
        )

    @property
    def progress(self) -> FlattenProgress | None:
        return None if self._flattener is None else self._flattener.progress

    async def command(self, command: Command) -> KillSwitchStatus:
        """Carry it out as far as the level goes, durably; what that asks for follows. Raises `CommandRefused`."""
        was = self._gate.level
        try:
            self._obey(command)
        except CommandRefused as refused:
            log.warning("command", **_words(command), risk_level=was.value, outcome=f"REFUSED {refused}")
            raise
        log.warning("command", **_words(command), was=was.value, risk_level=self._gate.level.value, outcome="DONE")
        await self.save()
        return self.status()

    def halt(self, reason: str) -> None:
        """NO_ENTRY, for whoever can't wait (a signal); kept on the disk as soon as possible."""
        self._tighten(RiskLevel.NO_ENTRY, reason)

    def heed(self, alarm: Alarm | None) -> None:
        """Move where an alarm is stricter than the level."""
        self._gate.heed(alarm, self._now().trading_ns)

    async def save(self) -> None:
        """Keep the gate's state on the disk where it has changed. Raises nothing: a disk that can't is logged, shown,
        and tried again with the next call."""
        async with self._saving:
            state = self._gate.state()
            if state == self._saved and self._is_durable:
                return
            try:
                await self._save(state)
            except Exception as error:  # the boundary of the disk: whatever it raises, the level counts in memory
                if self._is_durable:
                    log.error("risk_state_not_saved", reason=str(error), risk_level=state.level.value)
                self._is_durable = False
            else:
                self._saved, self._is_durable = state, True

    async def run(self) -> None:
        """Do what the level asks for, until cancelled; cancelling leaves the level where it is."""
        while True:
            await self._moved.wait()
            self._moved.clear()
            if self._gate.level is RiskLevel.REDUCE_ONLY:
                await self._cancel_entries()
            elif self._gate.level is RiskLevel.FLATTEN:
                await self._flatten()

    # Commands

    def _obey(self, command: Command) -> None:
        match command:
            case Halt():
                level = RiskLevel.REDUCE_ONLY if command.reduce_only else RiskLevel.NO_ENTRY
                self._tighten(level, _because(command))
            case Resume():
                self._resume()
            case Flatten():
                self._begin_flattening(command)

    def _tighten(self, level: RiskLevel, reason: str) -> None:
        """Nothing where it is as strict already."""
        if level.is_stricter_than(self._gate.level):
            self._gate.set_level(level, reason, at_ns=self._now().trading_ns)

    def _resume(self) -> None:
        if self._gate.level is RiskLevel.FLATTEN:
            note = self.progress.note if self.progress is not None else ""
            raise CommandRefused(
                "flattening is under way, and ends only when the venue shows that nothing is left; resume then."
                + (f" Now: {note}" if note else "")
            )
        self._gate.accept(self._breaks())
        self._gate.set_level(RiskLevel.NORMAL, "", at_ns=self._now().trading_ns)
        self._resumed()

    def _begin_flattening(self, command: Flatten) -> None:
        if self._flattener is None:
            raise CommandRefused("in observe mode nothing is ordered, so there is nothing to flatten")
        scope = FlattenScope(command.scope)
        if self._gate.level is not RiskLevel.FLATTEN:
            self._gate.set_level(RiskLevel.FLATTEN, _because(command), at_ns=self._now().trading_ns, scope=scope)
        elif scope is FlattenScope.ACCOUNT:
            self._gate.widen(scope)

    def _say(self, was: RiskLevel) -> None:
        """The level has moved."""
        state = self._gate.state()
        if state.level is RiskLevel.NORMAL:
            log.warning("resumed", was=was.value)
        elif state.level is RiskLevel.LOCKED:
            log.warning("locked", was=was.value, reason=state.reason)
        else:
            log.warning("halted", was=was.value, risk_level=state.level.value, reason=state.reason)
        self._moved.set()
        self._saved_soon()

    # What the levels ask for

    async def _cancel_entries(self) -> None:
        """Until none works, or the level has moved on."""
        attempt = 0
        while self._executor is not None and self._gate.level is RiskLevel.REDUCE_ONLY:
            left = await self._executor.cancel_working(Purpose.ENTRY, "REDUCE_ONLY")
            if not left:
                return
            log.warning("entries_still_working", orders=[order.client_order_id for order in left])
            await asyncio.sleep(_RETRY_S[min(attempt, len(_RETRY_S) - 1)])
            attempt += 1

    async def _flatten(self) -> None:
        if self._flattener is None:
            return
        await self.save()  # a crash from here on begins where this one has
        state = self._gate.state()
        log.warning("flatten_began", scope=state.scope.value, reason=state.reason)
        report = await self._flattener.run(lambda: self._gate.state().scope, state.reason)
        log.warning(
            "flattened",
            scope=report.scope,
            rounds=report.rounds,
            elapsed_s=round(report.elapsed_s, 3),
            dust=list(report.dust),
        )
        flattened = because(ReasonCode.FLATTEN_PROVEN, scope=report.scope, dust=len(report.dust), after=state.reason)
        self._gate.set_level(RiskLevel.LOCKED, str(flattened), at_ns=self._now().trading_ns)
        await self.save()


def _because(command: Halt | Flatten) -> str:
    return str(because(ReasonCode.OPERATOR_REQUEST, by=command.by, reason=command.reason))


def _words(command: Command) -> dict[str, object]:
    named = {"command": type(command).__name__.lower(), "by": command.by, "reason": command.reason}
    if isinstance(command, Flatten):
        named["scope"] = command.scope
    if isinstance(command, Halt) and command.reduce_only:
        named["reduce_only"] = "true"
    return dict(named)
