"""Every error this system raises on purpose.

MetronomeError
├── SettingsError              wrong settings or arguments: exit code 2, a person must act
├── VenueError                 something a venue did or said; `code` and `message` are its own words
│   ├── OrderRefused           definite: the venue took the request and said no. Do not repeat.
│   ├── RequestRefused         definite: any other request the venue refused (bad symbol, signature, permission)
│   ├── VenueUnavailable       definite: the request did not happen; come back after `retry_after_s`
│   └── OutcomeUnknown         ambiguous: it may have happened. Ask, never repeat.
├── JournalError               the journal can't be written or read: no new risk until it can
├── StrategyError              user code raised, answered nonsense, or took too long
├── ComputeError               a job could not be computed
│   ├── QueueFull              back pressure, with depth and the oldest job's age
│   ├── DeadlineExceeded       the job's time ran out
│   └── WorkerDied             its worker process crashed or was killed
└── DataFileError              a data file is not what it says; names file and line

Each class answers: may it be repeated (`retryable`), is the outcome known (`outcome_known`), who must act.
"""

from typing import ClassVar


class MetronomeError(Exception):
    retryable: ClassVar[bool] = False
    outcome_known: ClassVar[bool] = True
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


class RequestRefused(VenueError):
    pass


class VenueUnavailable(VenueError):
    retryable: ClassVar[bool] = True


class OutcomeUnknown(VenueError):
    outcome_known: ClassVar[bool] = False


class JournalError(MetronomeError):
    exit_code: ClassVar[int] = 4


class StrategyError(MetronomeError):
    pass


class ComputeError(MetronomeError):
    pass


class QueueFull(ComputeError):
    retryable: ClassVar[bool] = True


class DeadlineExceeded(ComputeError):
    pass


class WorkerDied(ComputeError):
    retryable: ClassVar[bool] = True


class DataFileError(MetronomeError):
    exit_code: ClassVar[int] = 2
