"""When recorded messages are played, and in which order.

The order is that of receipt, with one correction: a best quote that a change of the book has overtaken on its way goes
back before it, if it was received within `OVERTAKEN_NS`. The time of a message is the exchange's own. The local clock
may be wrong by any amount (it is by more than a second in the recordings at hand) and is only used for messages that
bear no time: theirs is the time of receipt, moved by the difference of the clocks (as the quickest message shows it),
between the times of the messages around it. Times that would go back stay where they are.
"""

from collections import deque
from collections.abc import Iterable, Iterator

from core.simulation.server.recorded_streams.messages import DepthDiff, Message, Quote

OVERTAKEN_NS = 20_000_000
"""Between two connections to Binance's USD-M streams quotes were late by up to 7 ms."""


def in_order(messages: Iterable[Message]) -> Iterator[tuple[Message, int]]:
    """Each message with its exchange's time, or with that of the next message that bears one; 0: none does of those
    received soon after it."""
    held: deque[Message] = deque()
    for message in messages:
        while held and message.line.local_ns - held[0].line.local_ns > OVERTAKEN_NS:
            yield _first(held, message.exchange_ns)
        if isinstance(message, Quote):
            _put_back(held, message)
        else:
            held.append(message)
    while held:
        yield _first(held, 0)


class PlayingTimes:
    """`clock_ns`: what the exchange's clock is ahead of the local one."""

    def __init__(self, clock_ns: int) -> None:
        self._clock_ns = clock_ns
        self._last_ns = 0

    def of(self, message: Message, exchange_ns: int) -> int:
        """`exchange_ns`: as `in_order` gives it."""
        time_ns = exchange_ns
        if not message.exchange_ns:
            received_ns = message.line.local_ns + self._clock_ns
            time_ns = min(received_ns, exchange_ns or received_ns)
        self._last_ns = max(self._last_ns, time_ns)
        return self._last_ns


def _first(held: deque[Message], following_ns: int) -> tuple[Message, int]:
    message = held.popleft()
    if message.exchange_ns:
        return message, message.exchange_ns
    return message, next((other.exchange_ns for other in held if other.exchange_ns), following_ns)


def _put_back(held: deque[Message], quote: Quote) -> None:
    """Behind all that was received before it, but not behind a newer change of its book."""
    place = len(held)
    for index in range(len(held) - 1, -1, -1):
        other = held[index]
        if isinstance(other, DepthDiff) and other.symbol == quote.symbol:
            if other.last_id <= quote.update_id:
                break
            place = index
    held.insert(place, quote)
