"""What a method has to say."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reply:
    result: object
    n_rows: int = 0
    """What its latency is reckoned by."""
