"""What an endpoint has to say."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reply:
    payload: object
    """For msgspec to encode."""
    n_rows: int
    """What its latency is reckoned by."""
