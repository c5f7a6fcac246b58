"""Every error this system raises on purpose.

MetronomeError
├── SettingsError              wrong settings or arguments: exit code 2, a person must act
├── VenueError                 something a venue did or said; `code` and `message` are its own words
│   ├── OrderRefused           definite: the venue took the request and said no. Do not repeat.
│   │   ├── StopWouldTrigger   a stop on the wrong side of the market: its time has already come
│   │   └── RuleBroken         off the venue's steps, limits or hours: what we know of them may be of yesterday
│   ├── RequestRefused         definite: any other request the venue refused (bad symbol, signature, permission)
│   │   └── SymbolRefused      it lists no such symbol, or lets nobody ask about it now
│   ├── VenueUnavailable       definite: the request did not happen; come back after `retry_after_s`
│   │   └── BudgetSpent        our own share of the venue's limits is used up: nothing was sent
│   └── OutcomeUnknown         ambiguous: it may have happened. Ask, never repeat.
├── JournalError               the journal can't be written or read: no new risk until it can
│   ├── LeaseHeld              another daemon has the account: exit code 5
│   └── LeaseLost              another daemon has it by now: exit code 5, and nothing more is sent
├── LedgerError                the record of the decisions can't be read or written: trading goes on without
├── NotifyError                a message can't be sent
├── StrategyError              user code raised, answered nonsense, or took too long
├── ComputeError               a job could not be computed
│   ├── QueueFull              back pressure, with depth and the oldest job's age
│   ├── LaneBroken             every thread of a lane hangs, its replacements too
│   ├── DeadlineExceeded       the job's time ran out; `started` says whether it had begun
│   ├── BreakerOpen            not tried: it has failed too often in a row, and is left alone for a while
│   ├── JobRaised              the job itself raised; carries type, message and traceback as text
│   └── WorkerDied             its worker process crashed or was killed
├── HistoryError               a source of history did not give what was asked for; names the source
│   ├── UnknownSymbols         it has no such symbols, `symbols` names them; the others can be asked for
│   ├── QueryRefused           it took the request and said no: a kind, timeframe or range that it does not serve
│   ├── KeysRefused            keys are missing or wrong: a person must act
│   ├── NotPermitted           the keys are good, the account may not read this feed: a person must act
│   ├── RateLimited            come back after `retry_after_s`
│   ├── SourceUnavailable      it did not answer, or not in time: come back
│   └── GarbageAnswer          it answered what cannot be read: HTML, half a page, a page that leads back to itself
├── SeriesRefused              a recorded series is too poor to train or to trade on; says why
├── ModelError                 a model that can't be trained, read or used; the one in use stays
│   ├── ArtifactBad            its files are not what its manifest says, or say what this version can't know
│   ├── HistoryShort           too few candles yet: come back when `missing` more have closed
│   └── HistoryUnfit           nothing can be learned from these candles, however many come
├── CacheError                 the cache of history can't be read or written: a full disk, a lock that is held for ever
└── DataFileError              a data file is not what it says; names file and line

`exit_code` is what the process ends with where nobody catches it.
"""

from collections.abc import Sequence
from typing import ClassVar


class MetronomeError(Exception):
    exit_code: ClassVar[int] = 1


class SettingsError(MetronomeError):
    exit_code: ClassVar[int] = 2


class VenueError(MetronomeError):
    """`code` is the venue's numeric code, `None` where there was none (a reset, HTML, a timeout)."""

    exit_code: ClassVar[int] = 3

    def __init__(self, message: str, *, code: int | None = None, retry_after_s: float | None = None) -> None:
        super().__init__(f"[{code}] {message}" if code is not None else message)
        self.message = message
        self.code = code
        self.retry_after_s = retry_after_s


class OrderRefused(VenueError):
    pass


class StopWouldTrigger(OrderRefused):
    pass


class RuleBroken(OrderRefused):
    pass


class RequestRefused(VenueError):
    pass


class SymbolRefused(RequestRefused):
    pass


class VenueUnavailable(VenueError):
    pass


class BudgetSpent(VenueUnavailable):
    pass


class OutcomeUnknown(VenueError):
    pass


class JournalError(MetronomeError):
    exit_code: ClassVar[int] = 4


class LeaseHeld(JournalError):
    exit_code: ClassVar[int] = 5


class LeaseLost(JournalError):
    exit_code: ClassVar[int] = 5


class LedgerError(MetronomeError):
    pass


class NotifyError(MetronomeError):
    pass


class StrategyError(MetronomeError):
    pass


class ComputeError(MetronomeError):
    pass


class QueueFull(ComputeError):
    """Definite: the job was not taken, so it never ran."""

    def __init__(self, message: str, *, depth: int = 0, oldest_age_s: float = 0.0) -> None:
        super().__init__(message)
        self.depth = depth
        self.oldest_age_s = oldest_age_s


class LaneBroken(ComputeError):
    """Definite: the job was not taken, so it never ran. Mends itself when a hung thread comes back."""


class BreakerOpen(ComputeError):
    """Definite: nothing was tried."""


class DeadlineExceeded(ComputeError):
    """`started` is false where the job was still queued: then it never ran and never will. Where it is true a thread
    may still be at it, so whatever it does to the outside world is of unknown outcome."""

    def __init__(self, message: str, *, started: bool = True) -> None:
        super().__init__(message)
        self.started = started


class JobRaised(ComputeError):
    """An exception of user code in a worker process, as text: its own class may not exist in the daemon."""

    def __init__(self, error_type: str, error_message: str, traceback_text: str) -> None:
        super().__init__(f"{error_type}: {error_message}")
        self.error_type = error_type
        self.error_message = error_message
        self.traceback_text = traceback_text


class WorkerDied(ComputeError):
    pass


class HistoryError(MetronomeError):
    """Survives pickling: pages are read in worker processes."""

    exit_code: ClassVar[int] = 3

    def __init__(self, source: str, message: str) -> None:
        super().__init__(source, message)
        self.source = source
        self.message = message

    def __str__(self) -> str:
        return f"{self.source}: {self.message}"


class UnknownSymbols(HistoryError):
    exit_code: ClassVar[int] = 2

    def __init__(self, source: str, symbols: Sequence[str], hint: str = "") -> None:
        """`hint`: what to do about it; may be empty."""
        super().__init__(source, f"no such symbol: {', '.join(symbols)}{'. ' if hint else ''}{hint}")
        self.args = (source, symbols, hint)
        self.symbols = tuple(symbols)


class QueryRefused(HistoryError):
    exit_code: ClassVar[int] = 2


class KeysRefused(HistoryError):
    exit_code: ClassVar[int] = 2


class NotPermitted(HistoryError):
    exit_code: ClassVar[int] = 2


class RateLimited(HistoryError):
    def __init__(self, source: str, message: str, retry_after_s: float | None = None) -> None:
        """`retry_after_s` `None`: the source does not say."""
        super().__init__(source, message)
        self.args = (source, message, retry_after_s)
        self.retry_after_s = retry_after_s


class SourceUnavailable(HistoryError):
    pass


class GarbageAnswer(HistoryError):
    pass


class SeriesRefused(MetronomeError):
    pass


class CacheError(MetronomeError):
    pass


class DataFileError(MetronomeError):
    exit_code: ClassVar[int] = 2


class ModelError(MetronomeError):
    pass


class ArtifactBad(ModelError):
    pass


class HistoryShort(ModelError):
    """`missing` is in candles."""

    def __init__(self, message: str, *, missing: int) -> None:
        super().__init__(message)
        self.missing = missing


class HistoryUnfit(ModelError):
    pass
