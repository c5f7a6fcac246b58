"""The face of the journal: open, append, load, close."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from core.domain.errors import JournalError
from core.domain.facts import PlanView
from core.domain.instruments import InstrumentId
from core.domain.orders import ClientOrderId, IntentId, Proposal, VenueOrderId
from core.execution.journal import replay
from core.execution.journal.identity import JournalIdentity, JournalOpened
from core.execution.journal.lease import Lease, LeaseTerms
from core.execution.journal.records import Record
from core.execution.journal.state import JournalState
from core.execution.journal.storage import Storage
from core.execution.journal.writer import GroupCommitWriter, JournalStatistics
from core.execution.order import Order
from core.runtime.clocks import SystemMonotonicClock
from core.runtime.fence import RequestFence
from core.runtime.watchdog import Proof

_LOOK_EVERY_S = 0.5
"""At a lease that is waited for, and whether ours is lost."""


def _utc_now_iso() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _say_nothing(_: str) -> None:
    pass


class Journal:
    """Append-only and durable, written by a thread of its own; the constructor touches nothing."""

    def __init__(
        self,
        identity: JournalIdentity,
        *,
        data_dir: Path,
        url: str | None = None,
        queue_size: int = 10_000,
        busy_timeout_s: float = 5.0,
        probe_s: float = 1.0,
        now_iso: Callable[[], str] = _utc_now_iso,
        terms: LeaseTerms | None = None,
        fence: RequestFence | None = None,
        proof: Proof | None = None,
        snapshot_every: int = 1_000,
    ) -> None:
        """`url` is `StorageSettings.journal_url`; `None`: SQLite at
        `data_dir/journal/<mode>-<venue>-<account>.sqlite`. `busy_timeout_s`: patience with another process's lock.
        `probe_s`: how often a failed journal is tried again. `terms` of the lease on the account, which goes with the
        journal; `None`: the usual ones. `fence` is kept open for as long as the lease lasts. `proof`: of the
        writing thread's progress. `snapshot_every` so many records what they come to is written down, when nobody
        waits for the disk."""
        self._storage = Storage(
            identity,
            data_dir=data_dir,
            url=url,
            now_iso=now_iso,
            busy_timeout_s=busy_timeout_s,
            terms=terms,
            fence=fence,
            snapshot_every=snapshot_every,
        )
        self._new_writer = partial(
            GroupCommitWriter,
            self._storage,
            queue_size=queue_size,
            clock=SystemMonotonicClock(),
            probe_s=probe_s,
            proof=proof,
        )
        self._writer = self._new_writer()
        self._opened: JournalOpened | None = None

    async def open(self, epoch: str | None, on_wait: Callable[[str], None] = _say_nothing) -> JournalOpened:
        """Take the lease on the account, open or create, upgrade an older schema, check identity and integrity. A known
        `epoch` that differs from the journal's puts the old one aside and starts a new one. `None`: real venues, whose
        books never restart. Idempotent while open.

        Waits for a lease whose holder may be dead, as `core.execution.journal.lease` has it; `on_wait` hears why.
        Raises `LeaseHeld` where its holder is at work, and `JournalError` with what to do: newer schema, another
        identity, damaged, read-only, locked. Cancelling is safe.
        """
        if self._opened is not None:
            return self._opened
        writer = self._new_writer()
        writer.start()
        try:
            opened = await self._open(writer, epoch, on_wait)
        except BaseException:  # whatever it was, cancelling included: no thread is left behind
            await writer.close(timeout_s=1.0)
            raise
        self._writer, self._opened = writer, opened
        return opened

    async def _open(
        self, writer: GroupCommitWriter, epoch: str | None, on_wait: Callable[[str], None]
    ) -> JournalOpened:
        first: Lease | None = None
        while True:
            found = await writer.call(lambda storage: storage.open(epoch, first))  # noqa: B023 - awaited at once
            if isinstance(found, JournalOpened):
                return found
            if first is None:
                on_wait(found.why)
                first = found.lease
            await asyncio.sleep(min(_LOOK_EVERY_S, found.left_s))

    async def watch_lease(self) -> None:
        """Runs until cancelled. Raises `LeaseLost` as soon as that is known: nothing may be sent any more. Says when
        the disk hangs, too."""
        while True:
            self._storage.check_lease()
            self._writer.watch()
            await asyncio.sleep(_LOOK_EVERY_S)

    async def append(self, records: Sequence[Record]) -> None:
        """Returns when all of them are committed and synced, in order, in one transaction shared with whoever appends
        at the same time. Raises `JournalError`: then none of them is in the journal (a lost database server may leave
        that open). `RecordRepeats` where an id is used again. Cancelling is safe and does not take the records back.
        """
        self._require_open()
        if records:
            await self._writer.append(records)

    async def load(self, *, retain_closed: int = 2_000) -> JournalState:
        """Replay, from the newest snapshot on. `retain_closed`: how many of the settled orders come back. Raises
        `JournalError`. Which orders are settled is written down where it had to be found out."""
        self._require_open()
        state = await self._writer.call(lambda storage: storage.load(retain_closed))
        if state.unmarked:
            with suppress(JournalError):  # nothing is lost by it but time
                await self.append(state.unmarked)
        return state

    async def find(
        self,
        client_order_ids: Iterable[ClientOrderId] = (),
        venue_order_ids: Iterable[tuple[InstrumentId, VenueOrderId]] = (),
    ) -> tuple[Order, ...]:
        """Orders that have left memory, replayed; those never journalled are missing. Raises `JournalError`."""
        self._require_open()
        query = partial(replay.find, client_order_ids=tuple(client_order_ids), venue_order_ids=tuple(venue_order_ids))
        return await self._writer.call(lambda storage: storage.read(query))

    async def find_intent(self, intent_id: IntentId) -> Proposal | None:
        """As it was recorded, a plan's slicing left out; `None`: it never was. Raises `JournalError`."""
        self._require_open()
        query = partial(replay.find_intent, intent_id=intent_id)
        return await self._writer.call(lambda storage: storage.read(query))

    async def find_plan(self, plan_id: ClientOrderId) -> PlanView | None:
        """A plan with how far it came, however long it has been over; `None`: there never was one. Raises
        `JournalError`."""
        self._require_open()
        query = partial(replay.find_plan, plan_id=plan_id)
        return await self._writer.call(lambda storage: storage.read(query))

    @property
    def is_writable(self) -> bool:
        """False before `open`, after `close`, and while writing fails or hangs: no new risk until it works again."""
        return self._opened is not None and not self._writer.failure

    @property
    def epoch(self) -> str | None:
        """Of the venue's books that this journal belongs to; `None` on real venues and before `open`."""
        return self._opened.epoch if self._opened else None

    async def close(self, timeout_s: float = 5.0) -> bool:
        """Write what is queued, then close. False where the disk did not answer in time. Idempotent."""
        self._opened = None
        return await self._writer.close(timeout_s)

    def statistics(self) -> JournalStatistics:
        return self._writer.statistics()

    def _require_open(self) -> None:
        if self._opened is None:
            raise JournalError("the journal is not open")
