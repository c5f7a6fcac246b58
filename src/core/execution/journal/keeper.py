"""Renews the lease from a thread of its own, with a connection of its own: nothing that trades waits for it, and it
waits for nothing that trades."""

import threading

import structlog

from core.domain.errors import JournalError, LeaseLost
from core.execution.journal.engine import Database
from core.execution.journal.lease import Holder, LeaseTerms
from core.execution.journal.lease_table import LeaseRow
from core.ports.clock import MonotonicClock
from core.runtime.fence import RequestFence

_RETRY_S = 1.0


class LeaseKeeper:
    """`start` once the lease has been taken; `check` from time to time, from any thread.

    A lease that lapses shuts the fence by itself. Where it turns out to be ours still, because nobody wanted it, it is
    renewed and work goes on; where somebody has it, it is lost for good. A file that can't be written can be taken by
    nobody else either, so that is waited out; a server that can't be reached may be reached by others, so a lease that
    lapsed there is lost.
    """

    def __init__(
        self, database: Database, row: LeaseRow, terms: LeaseTerms, fence: RequestFence, clock: MonotonicClock
    ) -> None:
        self._database = database
        self._row = row
        self._terms = terms
        self._fence = fence
        self._clock = clock
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="lease-keeper", daemon=True)
        self._over_ns = 0
        self._failure = ""
        self._lost: LeaseLost | None = None
        self._log = structlog.get_logger("lease")

    def start(self, asked_ns: int) -> None:
        """`asked_ns`: by our clock, before the lease was asked for."""
        self._note_ours(asked_ns)
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Renew no more; wait for a renewal under way."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def check(self) -> None:
        """Raises `LeaseLost`."""
        if self._lost is None and self._database.file is None and self._clock.now_ns() > self._over_ns:
            why = self._failure or "it does not answer"
            self._lose(
                LeaseLost(
                    f"the lease on the account has lapsed: the journal's database could not be reached for"
                    f" {self._terms.length_s:g} s ({why}), and another daemon may have the account by now. Nothing is"
                    " sent from here any more; start again when the database answers"
                )
            )
        if self._lost is not None:
            raise self._lost

    def lose_to(self, holder: Holder | None) -> LeaseLost:
        """Somebody else has it: the error that says so, which `check` raises from now on, too."""
        whose = "nobody any more: its row was deleted" if holder is None else f"{words(holder)}"
        return self._lose(
            LeaseLost(
                f"the lease on the account is lost: it lapsed while this process did not run, and belongs to {whose}."
                " Nothing is sent from here any more; one daemon is enough for one account"
            )
        )

    def _lose(self, error: LeaseLost) -> LeaseLost:
        if self._lost is None:
            self._lost = error
            self._fence.shut("the lease on the account is lost")
            self._log.error("lease_lost", reason=str(error))
        return self._lost

    def _work(self) -> None:
        pause_s = self._terms.renew_s
        while self._lost is None and not self._stopping.wait(pause_s):
            pause_s = self._terms.renew_s if self._renew() else min(_RETRY_S, self._terms.renew_s)
        try:
            self._database.close()
        except JournalError as error:
            self._log.warning("lease_connection_not_closed", reason=str(error))

    def _renew(self) -> bool:
        asked_ns = self._clock.now_ns()
        try:
            with self._database.transaction() as connection:
                is_ours = self._row.renew(connection)
                holder = None if is_ours else self._row.holder(connection)
        except JournalError as error:
            if not self._failure:
                self._log.warning("lease_not_renewed", reason=str(error))
            self._failure = str(error)
            return False
        if is_ours:
            self._note_renewed(asked_ns)
        elif not self._stopping.is_set():
            self.lose_to(holder)
        return True

    def _note_renewed(self, asked_ns: int) -> None:
        lapsed_ns = asked_ns - self._over_ns
        if lapsed_ns > 0:
            self._log.warning("lease_had_lapsed", for_s=round(lapsed_ns / 1e9, 1), reason=self._failure or "paused")
        elif self._failure:
            self._log.info("lease_renewed_again", was=self._failure)
        self._failure = ""
        self._note_ours(asked_ns)

    def _note_ours(self, asked_ns: int) -> None:
        self._over_ns = asked_ns + int(self._terms.length_s * 1e9)
        if self._lost is None:
            self._fence.open_until(self._terms.fence_ns(asked_ns))


def words(holder: Holder) -> str:
    return f"process {holder.pid} on {holder.host}, which has it since {holder.since}"
