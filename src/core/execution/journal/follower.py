"""Follows a book while it is written, so that a snapshot of it costs little and a start finds a new one."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection

from core.execution.journal import snapshots
from core.execution.journal.fold import Folded, fold_on

_A_STEP = 250
"""Numbers: some milliseconds, for which whoever appends would have to wait."""


class Follower:
    """Of one open book, from its first `taken_on` on."""

    def __init__(self, every: int) -> None:
        """A snapshot is due when the book has so many records more than the one before."""
        self._every = every
        self._folded: Folded | None = None
        self._kept_seq = 0

    def is_behind(self, last_seq: int) -> bool:
        return self._folded is not None and last_seq - self._kept_seq >= self._every

    def stop(self) -> None:
        """Until the book is loaded anew."""
        self._folded = None

    def postpone(self, last_seq: int) -> None:
        self._kept_seq = last_seq

    @contextmanager
    def taken_on(self, connection: Connection, book: int, last_seq: int) -> Iterator[Folded]:
        """As far as it is folded by now, or by the newest snapshot: whoever asks takes it on to `last_seq`."""
        folded, self._folded = self._folded, None
        if folded is None:
            folded = snapshots.newest(connection, book, last_seq)
            self._kept_seq = folded.seq if folded is not None else 0
        folded = folded or Folded()
        yield folded
        self._folded = folded

    def follow(self, connection: Connection, book: int, last_seq: int) -> bool:
        """Take one step; whether a snapshot is due now."""
        with self.taken_on(connection, book, last_seq) as folded:
            fold_on(connection, book, folded, min(folded.seq + _A_STEP, last_seq))
        return folded.seq == last_seq

    def keep(self, connection: Connection, book: int) -> None:
        """Write it down, in the caller's transaction."""
        if self._folded is not None:
            self._kept_seq = self._folded.seq
            snapshots.keep(connection, book, self._folded)
