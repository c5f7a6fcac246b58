"""Group commit: a thread that takes all that waits, writes it in one transaction, and tells everyone at once.

The longer a sync takes, the more comes together for the next one: throughput grows with load, and an idle journal costs
one commit.
"""

import asyncio
import math
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog

from core.domain.errors import JournalError
from core.execution.journal.engine import RecordRepeats
from core.execution.journal.records import Record
from core.execution.journal.storage import Storage
from core.ports.clock import MonotonicClock
from core.runtime.watchdog import Proof

T = TypeVar("T")

_MAX_GROUP = 2_000
"""Appends in one transaction: bounds how long the first waits for the last."""


@dataclass(frozen=True, slots=True)
class _Append:
    records: Sequence[Record]
    done: "asyncio.Future[None]"


@dataclass(frozen=True, slots=True)
class _Call:
    """Anything else that needs the storage: open, read."""

    work: Callable[[Storage], Any]
    done: "asyncio.Future[Any]"


@dataclass(frozen=True, slots=True)
class JournalStatistics:
    failure: str
    """Why writing fails now; empty when it works."""
    appends: int
    commits: int


class GroupCommitWriter:
    """Everything that touches the storage happens in its thread, in the order in which it was asked for.

    While writing fails it tries again every `probe_s`, and with every append, so it mends itself. A disk that takes
    longer than `patience_s` over one commit counts as failing until it answers.
    """

    def __init__(
        self,
        storage: Storage,
        *,
        queue_size: int,
        clock: MonotonicClock,
        probe_s: float = 1.0,
        patience_s: float = 5.0,
        proof: Proof | None = None,
    ) -> None:
        """`proof` beats when work is taken up, and rests when there is none; `None`: nobody asks."""
        self._storage = storage
        self._proof = proof or Proof("journal", math.inf, clock)
        self._clock = clock
        self._patience_s = patience_s
        self._asked_ns: int | None = None
        """When the commit under way began; `None`: there is none."""
        self._hangs = False
        self._queue_size = queue_size
        self._probe_s = probe_s
        self._waiting: deque[_Append | _Call] = deque()
        self._wake = threading.Condition()
        self._is_closing = False
        self._ended: asyncio.Future[None] | None = None
        self._failure = ""
        self._appends = self._commits = 0
        self._log = structlog.get_logger("journal")

    def start(self) -> None:
        """Call it on the loop that will append."""
        self._ended = asyncio.get_running_loop().create_future()
        # A daemon thread: a disk that never answers must not keep the process from ending.
        threading.Thread(target=self._work, args=(self._ended,), name="journal-writer", daemon=True).start()

    async def append(self, records: Sequence[Record]) -> None:
        """Raises `JournalError`: queue full, closed, or not written."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._put(_Append(records, done))
        await done

    async def call(self, work: Callable[[Storage], T]) -> T:
        """Run `work` in the thread, after everything that was asked for before."""
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._put(_Call(work, done))
        return await done

    async def close(self, timeout_s: float) -> bool:
        """Write what waits, close the storage, end the thread. False where that took longer."""
        with self._wake:
            self._is_closing = True
            self._wake.notify()
        if self._ended is None:
            return True
        await asyncio.wait([self._ended], timeout=timeout_s)
        return self._ended.done()

    @property
    def failure(self) -> str:
        """Why writing fails now; empty when it works."""
        asked_ns = self._asked_ns
        if self._failure or asked_ns is None:
            return self._failure
        waited_s = (self._clock.now_ns() - asked_ns) / 1e9
        return f"the disk has not answered for {waited_s:.0f} s" if waited_s >= self._patience_s else ""

    def watch(self) -> None:
        """Call it from time to time: says once that the disk hangs, and once that it answers again. What fails for
        another reason is said by the thread."""
        failure = self.failure
        hangs = bool(failure) and not self._failure
        if hangs and not self._hangs:
            self._log.error("journal_hangs", reason=failure)
        elif self._hangs and not hangs:
            self._log.info("journal_answers_again")
        self._hangs = hangs

    def statistics(self) -> JournalStatistics:
        return JournalStatistics(
            failure=self.failure,
            appends=self._appends,
            commits=self._commits,
        )

    def _put(self, job: _Append | _Call) -> None:
        with self._wake:
            if self._is_closing:
                raise JournalError("the journal is closed")
            if len(self._waiting) >= self._queue_size:
                raise JournalError(f"the journal's queue is full: {len(self._waiting)} appends wait for the disk")
            self._waiting.append(job)
            self._wake.notify()

    def _work(self, ended: "asyncio.Future[None]") -> None:
        while True:
            self._proof.rest()
            group, call = self._take()
            self._proof.beat()
            if group:
                self._commit(group)
            elif call:
                self._run(call)
            elif self._is_closing:
                break
            elif self._failure:
                self._probe()
            else:
                self._follow()
        try:
            self._storage.close()
        except JournalError as error:
            self._log.warning("journal_close_failed", reason=str(error))
        finally:
            self._proof.rest()
        _tell(ended, lambda: _resolve(ended, None))

    def _take(self) -> tuple[list[_Append], _Call | None]:
        """All appends up to the next call, or that call; nothing when closing, when it is time to probe, and where
        nobody waits while a snapshot is due."""
        with self._wake:
            while not self._waiting and not self._is_closing:
                if self._storage.is_behind and not self._failure:
                    return [], None
                if not self._wake.wait(self._probe_s if self._failure else None):
                    return [], None
            group: list[_Append] = []
            while self._waiting and len(group) < _MAX_GROUP:
                job = self._waiting[0]
                if isinstance(job, _Call):
                    if not group:
                        self._waiting.popleft()
                        return [], job
                    break
                self._waiting.popleft()
                group.append(job)
            return group, None

    def _commit(self, group: list[_Append]) -> None:
        try:
            self._asked_ns = self._clock.now_ns()
            try:
                self._storage.write([record for job in group for record in job.records])
            finally:
                self._asked_ns = None
        except RecordRepeats as error:
            if len(group) > 1:
                # One of them is at fault: the others must not suffer for it.
                for job in group:
                    self._commit([job])
            else:
                self._tell_failed(group, error)
        except Exception as error:  # the boundary of one commit: whoever waits for it is told, the thread lives on
            self._note_failure(error)
            self._tell_failed(group, error)
        else:
            self._note_success()
            self._tell_written(group)

    def _tell_written(self, group: list[_Append]) -> None:
        def tell() -> None:
            self._commits += 1
            self._appends += len(group)
            for job in group:
                _resolve(job.done, None)

        _tell(group[0].done, tell)

    def _tell_failed(self, group: list[_Append], error: Exception) -> None:
        kind = type(error) if isinstance(error, JournalError) else JournalError

        def tell() -> None:
            for job in group:
                if not job.done.done():
                    job.done.set_exception(kind(str(error)))

        _tell(group[0].done, tell)

    def _run(self, call: _Call) -> None:
        try:
            result = call.work(self._storage)
        except Exception as error:  # the boundary of one call: whoever waits for it is told, the thread lives on
            failed = error
            _tell(call.done, lambda: None if call.done.done() else call.done.set_exception(failed))
        else:
            _tell(call.done, lambda: _resolve(call.done, result))

    def _probe(self) -> None:
        try:
            self._storage.probe()
        except JournalError as error:
            self._note_failure(error)
        else:
            self._note_success()

    def _follow(self) -> None:
        self._asked_ns = self._clock.now_ns()
        try:
            self._storage.follow()
        except Exception as error:  # the boundary of one step: snapshots only save time
            self._storage.postpone_snapshot()
            self._log.warning("snapshot_failed", reason=str(error), then="a start reads more")
        finally:
            self._asked_ns = None

    def _note_failure(self, error: Exception) -> None:
        if not self._failure:
            self._log.error("journal_failed", reason=str(error))
        self._failure = str(error)

    def _note_success(self) -> None:
        if self._failure:
            self._log.info("journal_works_again", was=self._failure)
        self._failure = ""


def _tell(one_of: "asyncio.Future[Any]", what: Callable[[], object]) -> None:
    """Run `what` on the loop of those who wait."""
    try:
        one_of.get_loop().call_soon_threadsafe(what)
    except RuntimeError:
        return  # The loop has ended, and with it everyone who waited.


def _resolve(done: "asyncio.Future[Any]", result: object) -> None:
    if not done.done():
        done.set_result(result)
