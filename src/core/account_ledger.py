"""The decision ledger of an account at a venue, for its writer and for its readers."""

import time

from core.decision_ledger.reader import DecisionLedgerReader
from core.decision_ledger.schema import ledger_file
from core.decision_ledger.storage import LedgerFile
from core.decision_ledger.writer import DecisionLedger
from core.execution.journal.identity import JournalIdentity
from core.settings.tree import Settings

_DAY_MS = 86_400_000
_JOURNAL_FIRST = 2
"""So many times the least free space: the record of decisions stops well before the journal has to."""


def ledger_of(settings: Settings, account: str) -> DecisionLedger | None:
    """Touches nothing yet. `None`: decisions are not to be recorded."""
    decisions = settings.decisions
    if not decisions.record:
        return None
    file = LedgerFile(
        ledger_file(settings.storage.data_dir, _identity(settings, account)),
        max_age_ms=None if decisions.max_age_days is None else int(decisions.max_age_days * _DAY_MS),
        max_bytes=decisions.max_mb * 1_000_000,
        wall_ms=lambda: time.time_ns() // 1_000_000,
    )
    return DecisionLedger(
        file, queue_size=decisions.queue_size, min_free_mb=_JOURNAL_FIRST * settings.storage.min_free_disk_mb
    )


def ledger_reader(settings: Settings, account: str) -> DecisionLedgerReader:
    """`account` is what `core.single_writer.account_name` says, here and above."""
    return DecisionLedgerReader(ledger_file(settings.storage.data_dir, _identity(settings, account)))


def _identity(settings: Settings, account: str) -> JournalIdentity:
    return JournalIdentity(settings.trading.mode, settings.venue.name, account)
