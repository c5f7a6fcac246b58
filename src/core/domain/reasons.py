"""Machine-readable reasons: `CATEGORY_CONDITION key=value`, the same word in logs, ledger, API and messages."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something was, or was not, done. `code` is upper snake case and stable; `details` are its numbers.

    >>> str(Reason("STALE_QUOTE", {"age_s": "4.2", "limit_s": "2"}))
    'STALE_QUOTE age_s=4.2 limit_s=2'
    """

    code: str
    details: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return " ".join([self.code, *(f"{key}={value}" for key, value in self.details.items())])
