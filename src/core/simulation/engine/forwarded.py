"""The forwarded market: the house shows what another venue shows, and orders meet what trades there.

The other venue never sees our orders, so what would have become of them is a rule, and the rule leans against us:

- **Taking.** The touch stands as it was last shown, price and quantity. Behind it stand `LADDER_LEVELS` made-up
  levels, `LADDER_GAP_BPS` apart (a tick at least), each `LADDER_GROWTH` times as large as the one before. What an order
  takes is gone until that side is shown with another price or quantity; what finds nothing expires or rests, as its
  type says.
- **Resting.** A buy order fills, at its own price, by the quantity of sellers' trades below that price; of those at
  that price, by what is left once the quantity that was shown ahead of it has traded; and by the quantity of an ask
  that is shown at or below it. Sell orders likewise. Ahead of an order is the touch at its price when it came; for one
  behind the touch, the touch that first reaches it. Only trades shorten that queue: who cancels, cancels behind us. A
  trade older than an order does not fill it.
- **Stops** trigger on trades.
- A trade beyond the touch proves that the touch is gone: until that side is shown again, only the ladder is there,
  hung from the trade.
- **Without a market** (none yet, or lost) the house shows nothing: orders rest, stops sleep, takers find nothing.
  Trades before a symbol's first quote are passed over.
"""

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from core.domain.errors import SettingsError
from core.domain.instruments import Instrument
from core.simulation.engine.book import BookSide
from core.simulation.engine.events import Event
from core.simulation.engine.exchange import Exchange
from core.simulation.engine.fees import FeeSchedule
from core.simulation.engine.house import House
from core.simulation.engine.resting import RestingOrder
from core.simulation.engine.symbols import SymbolSpec
from core.simulation.engine.venue import Venue

LADDER_LEVELS = 10
LADDER_GAP_BPS = 2
LADDER_GROWTH = 2
MOST_WAITING = 50_000
"""Events taken and not played yet; more are refused."""
_ALL = 1 << 62
_MINUTE_NS = 60_000_000_000


class QuoteShown(msgspec.Struct, frozen=True, gc=False):
    """The other venue's best bid and ask: ticks and lots, bid < ask. No lots: the side is empty."""

    symbol: str
    bid: int
    bid_lots: int
    ask: int
    ask_lots: int


class TradeSeen(msgspec.Struct, frozen=True, gc=False):
    """A trade there. `time_ns`: when it happened, in venue time."""

    symbol: str
    price: int
    lots: int
    buyer_is_maker: bool
    time_ns: int


class MarketLost(msgspec.Struct, frozen=True, gc=False):
    """Nothing is known of this symbol any more, until its next quote."""

    symbol: str


Forwarded = QuoteShown | TradeSeen | MarketLost


class ForwardedMarket:
    """`offer` events, and `advance` plays them in their order, at the time of the call."""

    def __init__(self, exchange: Exchange, *, start_ns: int) -> None:
        self._exchange = exchange
        self._symbols = {name: _ForwardedSymbol(exchange.house(name)) for name in exchange.symbols}
        self._waiting: list[Forwarded] = []
        self._minute_end_ns = start_ns - start_ns % _MINUTE_NS + _MINUTE_NS

    def offer(self, events: Sequence[Forwarded]) -> bool:
        """Take events of listed symbols; false, and none of them, where more than `MOST_WAITING` would wait."""
        if len(self._waiting) + len(events) > MOST_WAITING:
            return False
        self._waiting += events
        return True

    def lose(self) -> None:
        """The whole market is lost: what waits is still played, then nothing is shown."""
        self._waiting += [MarketLost(symbol) for symbol in self._symbols]

    def advance(self, now_ns: int) -> list[Event]:
        if now_ns >= self._minute_end_ns:
            self._exchange.close_due(now_ns)
            self._minute_end_ns = now_ns - now_ns % _MINUTE_NS + _MINUTE_NS
        waiting, self._waiting = self._waiting, []
        for event in waiting:
            symbol = self._symbols[event.symbol]
            if isinstance(event, MarketLost):
                symbol.lose(now_ns)
            elif symbol.is_halted:
                continue
            elif isinstance(event, QuoteShown):
                symbol.show(event, now_ns)
            else:
                symbol.see(event, now_ns)
        return self._exchange.take_events(now_ns)


class _ForwardedSymbol:
    __slots__ = ("_asks", "_bids", "_house", "_is_shown")

    def __init__(self, house: House) -> None:
        self._house = house
        self._bids = _ForwardedSide(house.bids)
        self._asks = _ForwardedSide(house.asks)
        self._is_shown = False

    @property
    def is_halted(self) -> bool:
        return self._house.is_halted

    def show(self, quote: QuoteShown, now_ns: int) -> None:
        bids, asks = self._bids, self._asks
        bids.learn_orders()
        asks.learn_orders()
        new_bid = bids.is_news(quote.bid, quote.bid_lots)
        new_ask = asks.is_news(quote.ask, quote.ask_lots)
        bid_left = self._meet(asks, quote.bid, quote.bid_lots, now_ns) if new_bid else 0
        ask_left = self._meet(bids, quote.ask, quote.ask_lots, now_ns) if new_ask else 0
        if new_bid:
            bids.stand_at_touch(bid_left, beyond=asks)
        if new_ask:
            asks.stand_at_touch(ask_left, beyond=bids)
        self._is_shown = True
        self._house.log(now_ns)

    def see(self, trade: TradeSeen, now_ns: int) -> None:
        if not self._is_shown:
            return
        hit, other = (self._bids, self._asks) if trade.buyer_is_maker else (self._asks, self._bids)
        hit.learn_orders()
        other.learn_orders()
        if hit.advantage(trade.price) > 0:
            hit.stand_behind(trade.price, beyond=other)
        if other.advantage(trade.price) >= 0:
            other.stand_behind(trade.price, beyond=hit)
        left = trade.lots
        for order, lots in hit.owed(trade):
            self._house.fill(hit.side, order, lots, now_ns)
            left -= lots
        if left:
            self._house.print_trade(trade.price, left, now_ns, buyer_is_maker=trade.buyer_is_maker)
        self._house.log(now_ns)

    def lose(self, now_ns: int) -> None:
        self._is_shown = False
        self._bids.forget()
        self._asks.forget()
        self._house.log(now_ns)

    def _meet(self, resting: "_ForwardedSide", price: int, lots: int, now_ns: int) -> int:
        """Let `lots` shown at `price` trade with the orders in their way; the lots that are left."""
        limit_key = price * resting.side.sign
        for key, order in resting.side.orders():
            if key < limit_key or not lots:
                break
            traded = min(lots, order.remaining)
            self._house.fill(resting.side, order, traded, now_ns)
            lots -= traded
        return lots


class _ForwardedSide:
    """One side: what the house shows there, and how much stands ahead of each order of an account."""

    __slots__ = ("_ahead", "_is_current", "_lots", "_price", "_standing", "side")

    def __init__(self, side: BookSide) -> None:
        self.side = side
        self._price = 0
        """Of the touch, or, when a trade has gone beyond it, of that trade."""
        self._lots = 0
        """Of the touch when it was shown last; 0: the side is empty, or nothing is known."""
        self._is_current = False
        """False from a trade beyond the touch until the next quote."""
        self._standing: set[int] = set()
        """Keys of the levels where the house may have lots."""
        self._ahead: dict[int, int | None] = {}
        """Lots that must trade before each order; `None`: not known yet. By order id."""

    def learn_orders(self) -> None:
        """See which orders have come and gone. Call it before each change, so that a new order is measured against what
        was shown when it came."""
        orders = self.side.orders()
        if orders or self._ahead:
            known = self._ahead
            self._ahead = {
                order.order_id: known[order.order_id] if order.order_id in known else self._ahead_at(key)
                for key, order in orders
            }

    def is_news(self, price: int, lots: int) -> bool:
        """Whether the touch differs from what was shown before; it is kept."""
        if self._is_current and price == self._price and lots == self._lots:
            return False
        self._price, self._lots, self._is_current = price, lots, True
        for key, order in self.side.orders():
            ahead = self._ahead_at(key)
            if ahead == 0 or self._ahead.get(order.order_id) is None:
                self._ahead[order.order_id] = ahead
        return True

    def advantage(self, price: int) -> int:
        """Ticks by which the touch is better than `price` for a taker; -1 where there is none."""
        return (self._price - price) * self.side.sign if self._lots else -1

    def stand_at_touch(self, lots: int, *, beyond: "_ForwardedSide") -> None:
        """Show `lots` at the touch and the ladder behind it, nothing that crosses an order of the other side."""
        touch = [(self._price, lots)] if lots else []
        self._stand([*touch, *self._ladder()], beyond)

    def stand_behind(self, price: int, *, beyond: "_ForwardedSide") -> None:
        """A trade at `price` has taken the touch."""
        self._price, self._is_current = price, False
        self._stand(self._ladder(), beyond)

    def forget(self) -> None:
        self._price = self._lots = 0
        self._is_current = False
        self._ahead = dict.fromkeys(self._ahead)
        self._set_levels({})

    def owed(self, trade: TradeSeen) -> list[tuple[RestingOrder, int]]:
        """What each order gets of a trade whose taker came to this side."""
        trade_key, left, owed = trade.price * self.side.sign, trade.lots, []
        for key, order in self.side.orders():
            if key < trade_key or not left:
                break
            if order.working_ns > trade.time_ns:
                continue
            ahead = 0 if key > trade_key else self._ahead[order.order_id]
            if ahead is None:
                continue
            if ahead:
                self._ahead[order.order_id] = max(0, ahead - left)
            # At its own price an iceberg gets the slice it shows; the next one stands behind what is shown there.
            most = order.displayed if key == trade_key else order.remaining
            lots = min(max(0, left - ahead), most)
            if lots:
                owed.append((order, lots))
                left -= lots
            if lots == most < order.remaining:
                self._ahead[order.order_id] = self._ahead_at(key)
        return owed

    def _ahead_at(self, key: int) -> int | None:
        if not self._is_current:
            return None
        touch_key = self._price * self.side.sign
        if not self._lots or key > touch_key:
            return 0
        return self._lots if key == touch_key else None

    def _ladder(self) -> Iterator[tuple[int, int]]:
        """(price, lots) of the levels behind the touch."""
        price, lots = self._price, self._lots
        gap = max(1, -(-price * LADDER_GAP_BPS // 10_000))
        for _ in range(LADDER_LEVELS if lots else 0):
            price -= self.side.sign * gap
            lots *= LADDER_GROWTH
            if price > 0:
                yield price, lots

    def _stand(self, levels: Iterable[tuple[int, int]], beyond: "_ForwardedSide") -> None:
        sign, others = self.side.sign, beyond.side.orders()
        nearest = others[0][1].price if others else None
        self._set_levels(
            {price * sign: lots for price, lots in levels if nearest is None or (nearest - price) * sign > 0}
        )

    def _set_levels(self, levels: dict[int, int]) -> None:
        """Let the house have just these lots by key, each level's queue kept."""
        for key in self._standing - levels.keys():
            self.side.remove_house(key, _ALL)
        for key, lots in levels.items():
            missing = lots - self.side.house_lots(key)
            if missing > 0:
                self.side.add_house(key, missing)
            elif missing < 0:
                self.side.remove_house(key, -missing)
        self._standing = set(levels)


def forwarded_venue(instruments: Iterable[Instrument], *, fees: FeeSchedule, start_ns: int) -> Venue:
    """A venue that lists these instruments and has no market of its own. Raises `SettingsError` for one whose steps the
    engine can't count in."""
    try:
        specs = [SymbolSpec.of(instrument) for instrument in instruments]
    except ValueError as error:
        raise SettingsError(f"the paper venue can't list {error}") from None
    exchange = Exchange(specs, fees=fees, start_ns=start_ns)
    return Venue(exchange, ForwardedMarket(exchange, start_ns=start_ns), start_ns)
