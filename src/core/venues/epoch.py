"""What a venue's answers tell of its time besides the time itself."""

from collections.abc import Callable, Mapping

from core.domain.errors import VenueUnavailable


class VenueEpoch:
    """Which life of a simulated venue this is and how fast its clock goes, as it says in its headers; no real venue
    says so, and its clock goes at speed 1."""

    def __init__(self, ask: Callable[[], object]) -> None:
        """`ask` asks the venue for its time and hands what came with it to `learn`."""
        self._ask = ask
        self._id: str | None = None
        self._speed: float | None = None

    def learn(self, headers: Mapping[str, str]) -> None:
        """Names are in lower case. Raises `VenueUnavailable` for a speed that is none."""
        self._id = headers.get("x-venue-epoch")
        self._speed = _positive(headers.get("x-venue-clock-speed", "1"))

    def id(self) -> str | None:
        """As of the latest answer; asks once when there was none."""
        if self._speed is None:
            self._ask()
        return self._id

    def clock_speed(self) -> float:
        """As of the latest answer; asks once when there was none."""
        if self._speed is None:
            self._ask()
        return self._speed or 1.0


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1e6:
        raise VenueUnavailable(f"the venue's clock speed is not a number above 0: {text!r}")
    return value
