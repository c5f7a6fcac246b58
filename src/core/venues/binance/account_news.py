"""What a user data stream has to say, on whatever market: events, and once each that it is down and that it is back."""

from collections.abc import Callable

import structlog

from core.domain.orders import UserEvent, UserStreamInterrupted, UserStreamRestored

log = structlog.get_logger()
_SHOWN_BYTES = 200


class AccountNews:
    """Nothing is published before `publish` is set."""

    def __init__(self, now_ns: Callable[[], int]) -> None:
        """`now_ns` is monotonic."""
        self.malformed = 0
        self.publish: Callable[[UserEvent], None] = lambda event: None
        self._now_ns = now_ns
        self._is_down = False

    def restored(self) -> None:
        """Events of the gap are lost for good: whoever must reconcile is told."""
        if self._is_down:
            log.info("user_stream_back", venue="binance")
        self._is_down = False
        self.publish(UserStreamRestored(self._now_ns()))

    def lost(self, reason: str) -> None:
        """Said once; while the venue cannot be reached again there is nothing new to say."""
        if self._is_down:
            return
        self._is_down = True
        log.warning("user_stream_lost", venue="binance", reason=reason)
        self.publish(UserStreamInterrupted(reason, self._now_ns()))

    def complain(self, error: Exception, raw: bytes) -> None:
        """A message about our money that cannot be read is said each time; reconciliation finds what it meant."""
        self.malformed += 1
        text = raw[:_SHOWN_BYTES].decode(errors="replace")
        log.error("user_frame_malformed", venue="binance", error=str(error), frame=text)
