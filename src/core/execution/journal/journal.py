"""The face of the journal: open, append, load, close."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from core.domain.orders import ClientOrderId
from core.execution.journal.records import Record
from core.execution.journal.state import JournalState
from core.execution.order import Order
from core.runtime.histogram import LatencySummary


@dataclass(frozen=True, slots=True)
class JournalIdentity:
    """Whose orders these are: one journal for each."""

    mode: str
    venue: str
    account: str
    """A name of the account that is no secret."""


@dataclass(frozen=True, slots=True)
class JournalOpened:
    location: str
    """File or URL without its password."""
    epoch: str | None
    previous_epoch: str | None
    """Of the journal that was put aside because the venue has new books; `None`: none was."""
    kept_aside: str | None
    """Where the earlier epoch's journal is now."""
    is_new: bool


class JournalCondition(StrEnum):
    CLOSED = "closed"
    OK = "ok"
    FAILED = "failed"
    """Cannot be written; no new risk until it can. Mends itself when writing works again."""


@dataclass(frozen=True, slots=True)
class JournalStatistics:
    condition: JournalCondition
    reason: str
    """Why it failed; empty otherwise."""
    location: str
    queue_depth: int
    appends: int
    commits: int
    records: int
    failures: int
    commit_ms: LatencySummary
    """From the first record taken to the end of the fsync'ed commit."""
    append_ms: LatencySummary
    """What one `append` cost its caller."""


class Journal:
    """Append-only, durable, in a thread of its own; the constructor touches nothing."""

    def __init__(
        self,
        identity: JournalIdentity,
        *,
        data_dir: Path,
        url: str | None = None,
        queue_size: int = 10_000,
    ) -> None:
        """`url` is `StorageSettings.journal_url`; `None`: SQLite at
        `data_dir/journal/<mode>-<venue>-<account>.sqlite`."""
        raise NotImplementedError

    async def open(self, epoch: str | None) -> JournalOpened:
        """Open or create, upgrade an older schema, check identity and integrity. A known `epoch` that differs from the
        journal's puts the old one aside and starts a new one. `None`: real venues, whose books never restart.
        Idempotent.

        Raises `JournalError` with what to do: newer schema, another identity, corrupt, read-only, locked.
        """
        raise NotImplementedError

    async def append(self, records: Sequence[Record]) -> None:
        """Returns when all of them are committed and synced, in order, in one transaction shared with whoever appends
        at the same time. Raises `JournalError`: then none of them is in the journal (save where the error says that
        the outcome is unknown). Cancelling is safe and does not take the records back.
        """
        raise NotImplementedError

    async def load(self, *, retain_closed: int = 2_000) -> JournalState:
        """Replay. Raises `JournalError`."""
        raise NotImplementedError

    async def find(self, client_order_ids: Sequence[ClientOrderId]) -> tuple[Order, ...]:
        """Orders that have left memory, replayed; those never journalled are missing. Raises `JournalError`."""
        raise NotImplementedError

    @property
    def is_writable(self) -> bool:
        """False before `open`, and while writing fails."""
        raise NotImplementedError

    async def close(self, timeout_s: float = 5.0) -> bool:
        """Write what is queued, then close. False where the disk did not answer in time. Idempotent."""
        raise NotImplementedError

    def statistics(self) -> JournalStatistics:
        raise NotImplementedError
