"""What failed for good off the loop, kept for whoever looks: the last so many, and a count of all."""

from collections import Counter, deque
from dataclasses import dataclass

from core.domain.errors import JobRaised

LONGEST_TEXT = 500


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One call that came to nothing: nobody will try it again."""

    operation: str
    error: str
    """Kind of the error; of one in a worker, its own."""
    message: str
    failed_ns: int
    """Monotonic."""
    took_s: float
    """From the call to its failure, queueing included."""


class DeadLetters:
    def __init__(self, kept: int) -> None:
        self._letters: deque[DeadLetter] = deque(maxlen=kept)
        self._counts: Counter[str] = Counter()

    def put(self, operation: str, error: BaseException, failed_ns: int, took_s: float) -> None:
        kind = error.error_type if isinstance(error, JobRaised) else type(error).__name__
        self._letters.append(DeadLetter(operation, kind, str(error)[:LONGEST_TEXT], failed_ns, took_s))
        self._counts[kind] += 1

    def newest_first(self) -> tuple[DeadLetter, ...]:
        return tuple(reversed(self._letters))

    def counts(self) -> dict[str, int]:
        """All that there ever were, by kind of error."""
        return dict(self._counts)
