"""What the daemon tells a forwarded venue of another venue's market, as JSON on the admin port's WebSocket.

One message is a list of events in the order in which they happened; each is answered by one `FeedAnswer` before the
next is due. Fields are those of `core.domain.market`, without the times of the daemon's own clock.
"""

import msgspec

PATH = "/market"
MOST_EVENTS = 1_000
"""In one message."""


class QuoteMessage(msgspec.Struct, frozen=True, gc=False, tag="quote", forbid_unknown_fields=True):
    """Best bid and ask; a quantity of 0 stands for an empty side."""

    instrument_id: str
    bid: float
    bid_quantity: float
    ask: float
    ask_quantity: float


class TradeMessage(msgspec.Struct, frozen=True, gc=False, tag="trade", forbid_unknown_fields=True):
    instrument_id: str
    price: str
    quantity: str
    buyer_is_maker: bool
    event_ns: int
    """When it happened, in the time of the venue that is told (UTC ns)."""


class LostMessage(msgspec.Struct, frozen=True, gc=False, tag="lost", forbid_unknown_fields=True):
    """The stream of these instruments is interrupted: nothing is known of them until their next quote."""

    instrument_ids: tuple[str, ...]


FeedMessage = QuoteMessage | TradeMessage | LostMessage


class FeedAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    taken: int = 0
    refused: int = 0
    """Events that mean nothing here; the others of the message are taken."""
    reason: str = ""
    """Of the first event refused, or why the whole message was."""
    is_full: bool = False
    """Nothing was taken because too much waits: send the same again."""
