"""What each feed owes the watchdog: to be well again, once it has fallen ill."""

from core.market.feed_states import FeedChanged, FeedState
from core.runtime.watchdog import Watchdog


class FeedProofs:
    """A feed that is well or quiet owes nothing: `FeedHealth` tells a quiet market from a dead feed. One that stays ill
    is named by the watchdog, and only named: no restart cures a venue."""

    def __init__(self, watchdog: Watchdog, limit_s: float) -> None:
        self._watchdog = watchdog
        self._limit_s = limit_s
        self._ill: set[str] = set()

    def on_change(self, change: FeedChanged) -> None:
        """Cheap; from one illness to another the time goes on counting."""
        name = f"feed {change.channel} {change.instrument_id}"
        if change.state.is_healthy or change.state is FeedState.STARTING:
            self._ill.discard(name)
            self._watchdog.drop(name)
        elif name not in self._ill:
            self._ill.add(name)
            waits_for = f"the venue ({change.state}); REST stands in where it can"
            self._watchdog.proof(name, self._limit_s, restart_cures=False, waits_for=waits_for).beat()
