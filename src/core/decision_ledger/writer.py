"""Records decisions without the loop ever waiting: a bounded queue, and a thread that empties it in batches."""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable

import structlog

from core.decision_ledger.storage import Batch, LedgerFile, free_mb
from core.domain.errors import LedgerError
from core.domain.facts import ExecutionFact, FillBooked, OrderChanged, OrderView
from core.domain.orders import Fill
from core.domain.status import DecisionLine, LedgerStatus

_FLUSH_S = 0.5
"""What is younger may be missing from the file."""
_RETRY_S = 5.0
_MAX_BATCH = 200
"""Encoding them takes some ms of a thread; the next batch lets others go first."""
_PRUNE_EVERY_S = 60.0

_log = structlog.get_logger(__name__)


class DecisionLedger:
    """`record` and `on_fact` cost the loop about a microsecond, and never wait: what finds the queue full is dropped
    and counted. While the file can't be written the thread tries again every few seconds; said once when it begins and
    once when it is over."""

    def __init__(
        self,
        file: LedgerFile,
        *,
        queue_size: int,
        min_free_mb: float,
        flush_s: float = _FLUSH_S,
        retry_s: float = _RETRY_S,
        free: Callable[[], float] | None = None,
    ) -> None:
        """With less than `min_free_mb` on the disk nothing is written: others need it more. `free` `None`: ask the
        disk."""
        self._file = file
        self._queue_size = queue_size
        self._min_free_mb = min_free_mb
        self._flush_s = flush_s
        self._retry_s = retry_s
        self._free_mb = free or (lambda: free_mb(file.file.parent))
        self._waiting: deque[DecisionLine | OrderView | Fill] = deque()
        self._held: Batch | None = None
        """What could not be written yet."""
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._recorded = self._dropped = self._dropped_said = 0
        self._failure = ""
        self._file_mb = 0.0

    def start(self) -> None:
        # A daemon thread: a disk that never answers must not keep the process from ending.
        self._thread = threading.Thread(target=self._run, name="decision-ledger", daemon=True)
        self._thread.start()

    def record(self, line: DecisionLine) -> None:
        self._put(line)

    def on_fact(self, fact: ExecutionFact) -> None:
        """Follow what becomes of orders."""
        match fact:
            case OrderChanged(order=order, previous=previous) if order.state is not previous:
                self._put(order)
            case FillBooked(fill=fill, order=order) if order is not None:
                self._put(order)
                if fill.client_order_id is not None:
                    self._put(fill)

    async def close(self, timeout_s: float) -> bool:
        """Write what waits and end the thread; false where that took longer. Cancelling is safe."""
        self._stop.set()
        if self._thread is None:
            return True
        await asyncio.to_thread(self._thread.join, timeout_s)
        return not self._thread.is_alive()

    def statistics(self) -> LedgerStatus:
        return LedgerStatus(
            recorded=self._recorded,
            waiting=len(self._waiting) + (len(self._held.decisions) if self._held else 0),
            dropped=self._dropped,
            failure=self._failure,
            file_mb=self._file_mb,
        )

    def _put(self, item: DecisionLine | OrderView | Fill) -> None:
        if len(self._waiting) >= self._queue_size:
            self._dropped += 1
        else:
            self._waiting.append(item)

    def _run(self) -> None:
        prune_at_s = 0.0
        while True:
            is_last = self._stop.wait(self._retry_s if self._failure else self._flush_s)
            try:
                self._flush()
                if time.monotonic() >= prune_at_s and not is_last:
                    prune_at_s = time.monotonic() + _PRUNE_EVERY_S
                    self._prune()
                self._note_success()
            except Exception as error:  # the boundary of the record: whatever is wrong with it, trading goes on
                self._note_failure(error)
            if is_last:
                self._file.close()
                return

    def _flush(self) -> None:
        while self._held or self._waiting:
            if (free := self._free_mb()) < self._min_free_mb:
                raise LedgerError(f"{free:.0f} MB are left on the disk; from {self._min_free_mb:.0f} MB on it goes on")
            self._held = batch = self._held or self._taken()
            self._file.write(batch)
            self._recorded += len(batch.decisions)
            self._held = None

    def _taken(self) -> Batch:
        batch = Batch()
        for _ in range(min(_MAX_BATCH, len(self._waiting))):
            batch.add(self._waiting.popleft())
        return batch

    def _prune(self) -> None:
        while self._file.prune() and not self._stop.is_set():
            self._flush()
        self._file_mb = self._file.size_mb

    def _note_failure(self, error: Exception) -> None:
        if not self._failure:
            _log.error("decision_ledger_failed", reason=str(error))
        self._failure = str(error)

    def _note_success(self) -> None:
        dropped, self._dropped_said = self._dropped - self._dropped_said, self._dropped
        if self._failure:
            _log.info("decision_ledger_works_again", was=self._failure, dropped=dropped)
        elif dropped:
            _log.warning("decisions_not_recorded", dropped=dropped)
        self._failure = ""
