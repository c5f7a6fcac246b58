"""From a feed's illness to the watchdog's word on it."""

from core.domain.instruments import InstrumentId
from core.market.feed_proofs import FeedProofs
from core.market.feed_states import Channel, FeedChanged, FeedState
from core.runtime.clocks import VirtualClock
from core.runtime.systemd import ServiceNotifier
from core.runtime.watchdog import Watchdog


def test_a_feed_that_stays_ill_is_named_however_its_illness_changes() -> None:
    clock = VirtualClock(start_ns=10**12)
    watchdog = Watchdog(clock, ServiceNotifier({}), loop_limit_s=5.0)
    proofs = FeedProofs(watchdog, limit_s=60.0)

    def change(was: FeedState, now: FeedState) -> None:
        proofs.on_change(FeedChanged(InstrumentId("BTC/USDT"), Channel.QUOTES, was, now))

    def look_for(seconds: int) -> tuple[str, ...]:
        for _ in range(seconds):
            clock.jump(1.0)
            watchdog.check()
        return watchdog.statistics().waiting

    change(FeedState.STARTING, FeedState.LIVE)
    change(FeedState.LIVE, FeedState.QUIET)
    assert look_for(300) == (), "a quiet market owes nothing"
    change(FeedState.QUIET, FeedState.MUTE)
    assert look_for(50) == ()
    change(FeedState.MUTE, FeedState.HALF_OPEN)
    assert look_for(20) == ("feed quotes BTC/USDT",)
    change(FeedState.HALF_OPEN, FeedState.LIVE)
    assert look_for(1) == ()
    assert watchdog.statistics().parts == {}
