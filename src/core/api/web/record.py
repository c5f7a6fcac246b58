"""The recorded decisions, read in threads of the serving process: a disk that is slow holds up nobody else."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from core.api.web.daemon import DaemonBusy
from core.decision_ledger.reader import DecisionLedgerReader

T = TypeVar("T")

_THREADS = 2
MOST_READS = 16
"""Under way at once; more are refused, as they would only wait."""


class Record:
    """Belongs to one loop."""

    def __init__(self, file: Path | None) -> None:
        """`None`: nothing is recorded."""
        self.reader = None if file is None else DecisionLedgerReader(file)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="record")
        self._reads = 0

    async def read(self, work: Callable[[DecisionLedgerReader], T], otherwise: T) -> T:
        """What `work` gives in a thread; `otherwise` where nothing is recorded. Raises `DaemonBusy` and `LedgerError`.
        Cancelling ends the waiting, not the read."""
        if self.reader is None:
            return otherwise
        if self._reads >= MOST_READS:
            raise DaemonBusy(f"{MOST_READS} reads of the record are under way; try again in a second")
        self._reads += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work, self.reader)
        finally:
            self._reads -= 1
