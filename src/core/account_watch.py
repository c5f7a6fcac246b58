"""Keeps what is known of the account true: its private stream, its balances, and comparison with the venue's books."""

import asyncio
from collections.abc import Callable

import structlog

from core.domain.errors import SettingsError
from core.domain.freshness import Moment
from core.domain.instruments import InstrumentId
from core.domain.orders import BalancesChanged, UserEvent, UserStreamInterrupted, UserStreamRestored
from core.execution.executor import OrderExecutor
from core.execution.journal.state import JournalState
from core.execution.reconciler import EpochChanged
from core.risk.account import Account
from core.runtime.scheduler import Scheduler
from core.runtime.supervisor import RestartPolicy, Supervisor
from core.settings.tree import Settings
from core.venue_lanes import VenueLanes
from core.venues.adapter import VenueAdapter

_BALANCES_EVERY_S = 5.0
_RECONCILE_TIMEOUT_S = 60.0

log = structlog.get_logger()


class AccountWatch:
    """`recover()`, then `begin_stream()` and `begin()`."""

    def __init__(
        self,
        settings: Settings,
        adapter: VenueAdapter,
        lanes: VenueLanes,
        *,
        executor: OrderExecutor,
        account: Account,
        traded: frozenset[InstrumentId],
        now: Callable[[], Moment],
    ) -> None:
        self._settings = settings
        self._adapter = adapter
        self._lanes = lanes
        self._executor = executor
        self._account = account
        self._traded = traded
        self._now = now
        self._stream_is_up = False
        self._gaps = self._gaps_read = 0  # in the user stream; those after which balances were read
        self._ask_for_balances: Callable[[], None] = lambda: None

    async def recover(self) -> None:
        """Learn the past, from the journal and from the venue, once the account is ours. Raises as
        `OrderExecutor.recover`."""
        await self._executor.recover(self._replayed)
        await self._read_balances()
        for asset in self._account.adopt_cash():
            log.warning("cash_without_price", asset=asset, hint=f"no {asset}/{self._account.currency} is traded here")

    def begin_stream(self, supervisor: Supervisor) -> None:
        supervisor.add("user stream", self._run_user_stream, restart=RestartPolicy())

    def begin(self, supervisor: Supervisor, scheduler: Scheduler) -> None:
        supervisor.add("venue's books", self._watch_epoch)
        reconcile_s = self._settings.execution.reconcile_s
        scheduler.every("reconcile", reconcile_s, self._reconcile, timeout_s=_RECONCILE_TIMEOUT_S)
        scheduler.every("balances", _BALANCES_EVERY_S, self._confirm_balances)
        self._ask_for_balances = lambda: scheduler.trigger("balances")

    def _replayed(self, state: JournalState) -> None:
        self._account.portfolio.take_over(state.ledger.past, self._account.rates())
        intents = [proposal.intent_id for proposal in state.last_intents]
        parents = [plan.proposal for plan in state.plans]
        self._account.gate.recover(state.working, state.ledger.left_ns, intents, parents)

    def _on_user_event(self, event: UserEvent) -> None:
        if isinstance(event, UserStreamInterrupted):
            self._stream_is_up = False
        elif isinstance(event, UserStreamRestored):
            self._stream_is_up = True
            self._gaps += 1
            self._ask_for_balances()
        elif isinstance(event, BalancesChanged):
            self._account.on_balances_changed(event, self._now())
        self._executor.on_user_event(event)

    async def _run_user_stream(self) -> None:
        if self._adapter.user_stream is None:
            raise SettingsError(f"{self._settings.trading.mode} mode on {self._settings.venue.name} needs keys")
        await self._adapter.user_stream.run(self._on_user_event)

    async def _watch_epoch(self) -> None:
        """Ends the daemon when the venue's books have begun anew: the next start begins a journal of their own."""
        self._books_began_anew = asyncio.get_running_loop().create_future()
        await self._books_began_anew

    async def _reconcile(self) -> None:
        try:
            await self._executor.reconcile()
        except EpochChanged as error:
            self._books_began_anew.set_exception(error)
            return
        await self._read_balances()

    async def _confirm_balances(self) -> None:
        """Balances are only sent when they change: a private stream that is up vouches for those we have, once they
        were asked for after its last gap."""
        if not self._stream_is_up:
            return
        gaps = self._gaps
        if gaps == self._gaps_read:
            self._account.confirm_balances(self._now())
        else:
            await self._read_balances()
            self._gaps_read = gaps

    async def _read_balances(self) -> None:
        asked_ns = self._adapter.clock.now_ns()
        self._account.on_account_read(await self._lanes.balances(), asked_ns, self._now())
