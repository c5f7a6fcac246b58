"""Whose orders a journal holds, and what opening it found."""

import re
from dataclasses import dataclass

from core.execution.journal.lease import Lease


@dataclass(frozen=True, slots=True)
class JournalIdentity:
    """One journal for each."""

    mode: str
    venue: str
    account: str
    """A name of the account that is no secret."""

    @property
    def file_stem(self) -> str:
        return "-".join(_safe(part) for part in (self.mode, self.venue, self.account))


@dataclass(frozen=True, slots=True)
class JournalOpened:
    location: str
    """File, or URL without its password."""
    epoch: str | None
    previous_epoch: str | None = None
    """Of the journal that was put aside because the venue has new books; `None`: none was."""
    kept_aside: str | None = None
    """Where the earlier epoch's journal is now."""


@dataclass(frozen=True, slots=True)
class LeaseWait:
    """Somebody may still have the account, and nobody can see whether."""

    lease: Lease
    left_s: float
    """Until it is free, unless it is renewed before."""
    why: str


def _safe(part: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.]", "_", part) or "_"
