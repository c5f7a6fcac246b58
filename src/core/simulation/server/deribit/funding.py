"""Funding of perpetuals, by the hour."""

from hashlib import blake2b

HOUR_MS = 3_600_000
_USUAL = 4e-6
_SPREAD = 8e-6


def hourly_rate(seed: int, coin: str, hour: int) -> float:
    """What longs pay shorts in the hour of that number since 1970, as a part of the position."""
    digest = blake2b(f"{seed}/{coin}/{hour}".encode(), digest_size=4).digest()
    return _USUAL + _SPREAD * (int.from_bytes(digest) / 2**32 - 0.4)
