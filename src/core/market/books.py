"""The books of all subscribed instruments, and when each needs a snapshot."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from core.domain.instruments import InstrumentId
from core.domain.market import BookChanged
from core.market.book_sync import BookSync, Step, SyncState
from core.market.order_book import OrderBook
from core.runtime.clocks import NS_PER_S


@dataclass(frozen=True, slots=True)
class BookStatistics:
    instruments: int
    live: int
    gaps: int


class _Entry:
    __slots__ = ("attempts", "due_ns", "pending", "sync", "synced_ns")

    def __init__(self) -> None:
        self.sync = BookSync()
        self.pending = False  # a snapshot is on its way
        self.attempts = 0
        self.due_ns: int | None = None  # when to ask again; None: nothing to ask
        self.synced_ns: int | None = None  # receive time of the snapshot that brought it in step


class Books:
    """Feeds each instrument's `BookSync` and asks for snapshots through `request_snapshot`.

    `request_snapshot(id)` must return at once; its owner fetches the snapshot in a lane and hands it to `apply`, or
    calls `snapshot_failed`. One request an instrument is under way at a time; the first is immediate, repetitions wait
    1, 2, 4 ... `max_delay_s`, because a snapshot is the heaviest request a venue sells.
    """

    def __init__(self, request_snapshot: Callable[[InstrumentId], None], *, max_delay_s: float = 60.0) -> None:
        self._request = request_snapshot
        self._max_delay_s = max_delay_s
        self._entries: dict[InstrumentId, _Entry] = {}

    def apply(self, event: BookChanged) -> Step:
        """Takes a diff from the stream or a snapshot from REST."""
        entry = self._entries.get(event.instrument_id)
        if entry is None:
            entry = self._entries[event.instrument_id] = _Entry()
        step = entry.sync.apply(event)
        if event.is_snapshot:
            self._after_snapshot(event, entry, step)
        elif step in (Step.BUFFERED, Step.GAP) and not entry.pending and entry.due_ns is None:
            self._ask_or_schedule(event, entry)
        return step

    def interrupted(self, instrument_ids: Iterable[InstrumentId]) -> None:
        """The stream of these was lost: their books are void."""
        for instrument_id in instrument_ids:
            entry = self._entries.get(instrument_id)
            if entry is not None:
                entry.sync.invalidate()

    def snapshot_failed(self, instrument_id: InstrumentId, now_ns: int) -> None:
        """The requested snapshot did not come; `check` asks again later. `now_ns` is monotonic."""
        entry = self._entries.get(instrument_id)
        if entry is not None:
            entry.pending = False
            self._schedule(entry, now_ns)

    def check(self, now_ns: int) -> None:
        """Asks for the snapshots that are due. Call about once a second; `now_ns` is monotonic."""
        for instrument_id, entry in self._entries.items():
            if entry.due_ns is not None and now_ns >= entry.due_ns:
                self._ask(instrument_id, entry)

    def book(self, instrument_id: InstrumentId) -> OrderBook | None:
        """The live book; `None` while it is not in step with the venue."""
        entry = self._entries.get(instrument_id)
        return entry.sync.book if entry is not None and entry.sync.state is SyncState.LIVE else None

    def statistics(self) -> BookStatistics:
        syncs = [entry.sync for entry in self._entries.values()]
        return BookStatistics(
            instruments=len(syncs),
            live=sum(sync.state is SyncState.LIVE for sync in syncs),
            gaps=sum(sync.gaps for sync in syncs),
        )

    def _after_snapshot(self, snapshot: BookChanged, entry: _Entry, step: Step) -> None:
        entry.pending = False
        if step in (Step.GAP, Step.TOO_OLD):
            self._ask_or_schedule(snapshot, entry)
        else:
            entry.due_ns = None
            entry.synced_ns = snapshot.received_ns

    def _ask_or_schedule(self, event: BookChanged, entry: _Entry) -> None:
        """At once after a long calm, with growing delays when syncing keeps failing."""
        if entry.synced_ns is not None and event.received_ns - entry.synced_ns > self._max_delay_s * NS_PER_S:
            entry.attempts = 0
        entry.synced_ns = None
        if entry.attempts == 0:
            self._ask(event.instrument_id, entry)
        else:
            self._schedule(entry, event.received_ns)

    def _ask(self, instrument_id: InstrumentId, entry: _Entry) -> None:
        entry.due_ns = None
        if entry.pending:
            return
        entry.pending = True
        entry.attempts += 1
        self._request(instrument_id)

    def _schedule(self, entry: _Entry, now_ns: int) -> None:
        delay_s = min(2.0 ** max(entry.attempts - 1, 0), self._max_delay_s)
        entry.due_ns = now_ns + int(delay_s * NS_PER_S)
