"""The mark price and the funding rate of one perpetual, second by second.

Binance ("Mark Price and Price Index in USD-M Futures", "Introduction to Binance Futures Funding Rates", as of September
2025):

    mark price  = median(price 1, price 2, last contract price)
    price 1     = index x (1 + last funding rate x time until funding / funding interval)
    price 2     = index + mean over 30 s of (best bid + best ask) / 2 - index
    premium     = (max(0, impact bid - index) - max(0, index - impact ask)) / index, each 5 s
    average premium P = (1 x P1 + 2 x P2 + ... + n x Pn) / (1 + 2 + ... + n) since the last payment
    funding rate      = [P + clamp(interest - P, -0.05 %, 0.05 %)] / (8 h / interval), within the contract's cap

An impact price is what the impact notional (200 of the quote x the highest leverage) would trade at on average. All of
it is integer arithmetic: prices in quote atoms per unit of base, rates in 1e-8.
"""

from collections import deque

from core.simulation.engine.amounts import ATOMS
from core.simulation.engine.book import BookSide
from core.simulation.engine.candles import CandleBook
from core.simulation.engine.intervals import LENGTH_MS, Interval
from core.simulation.engine.listing import Listing
from core.simulation.engine.perpetual.contracts import HOUR_NS, RATE, Contract
from core.simulation.engine.perpetual.views import FundingRate, MarkPrice
from core.simulation.engine.series import AMOUNTS, N_TRADES, PRICES, Rows

FUNDING_RATES_KEPT = 1_000
BASIS_SECONDS = 30
PREMIUM_EVERY_S = 5
_CLAMP = 50_000
"""0.05 %"""
_SETTLE_SECONDS = 30
_SECOND_NS = 1_000_000_000
_MS_NS = 1_000_000


class Marks:
    """Everything is 0 until the first `update`."""

    __slots__ = (
        "_basis",
        "_basis_sum",
        "_contract",
        "_indices",
        "_indices_sum",
        "_listing",
        "_n_premiums",
        "_premiums",
        "_seconds",
        "candles",
        "index_price",
        "last_funding_rate",
        "mark_price",
        "next_funding_ns",
        "rates",
        "time_ns",
    )

    def __init__(self, contract: Contract, listing: Listing, start_ns: int) -> None:
        self._contract = contract
        self._listing = listing
        self._basis: deque[int] = deque(maxlen=BASIS_SECONDS)
        self._basis_sum = 0
        self._indices: deque[int] = deque(maxlen=_SETTLE_SECONDS)
        self._indices_sum = 0
        self._seconds = 0
        self._premiums = 0
        """The sum above the line of the average premium..."""
        self._n_premiums = 0
        """...and how many are in it."""
        self.index_price = self.mark_price = 0
        self.last_funding_rate = 0
        self.next_funding_ns = contract.next_funding_ns(start_ns)
        self.rates: deque[FundingRate] = deque(maxlen=FUNDING_RATES_KEPT)
        self.time_ns = 0
        self.candles = CandleBook(start_ns // _MS_NS, _as_marks(listing.candles, contract.spec.tick_atoms))
        """Of the mark price, in quote atoms, a "trade" each second; from before the start: of the contract's trades."""

    def update(self, index_price: int, now_ns: int) -> None:
        """One second has passed and the index stands at `index_price` > 0."""
        self.index_price, self.time_ns = index_price, now_ns
        self._indices_sum += index_price - (self._indices[0] if len(self._indices) == _SETTLE_SECONDS else 0)
        self._indices.append(index_price)
        basis = self._mid() - index_price
        self._basis_sum += basis - (self._basis[0] if len(self._basis) == BASIS_SECONDS else 0)
        self._basis.append(basis)
        if self._seconds % PREMIUM_EVERY_S == 0:
            self._n_premiums += 1
            self._premiums += self._n_premiums * self._premium()
        self._seconds += 1
        self.mark_price = self._mark_price()
        self.candles.close_due(now_ns // _MS_NS)
        self.candles.add(self.mark_price, 0, self._seconds, buyer_is_maker=False)

    def funding_rate(self) -> int:
        """As it would be paid now."""
        n = self._n_premiums
        premium = 2 * self._premiums // (n * (n + 1)) if n else 0
        contract = self._contract
        rate = premium + min(max(contract.interest - premium, -_CLAMP), _CLAMP)
        rate = rate * contract.funding_interval_ns // (8 * HOUR_NS)
        return min(max(rate, -contract.funding_cap), contract.funding_cap)

    def settle_funding(self, now_ns: int) -> FundingRate:
        """Fix the rate that is paid now, and begin the next interval."""
        self.last_funding_rate = self.funding_rate()
        self._premiums = self._n_premiums = 0
        self.next_funding_ns = self._contract.next_funding_ns(now_ns)
        rate = FundingRate(self._contract.spec.name, self.last_funding_rate, self.mark_price, now_ns)
        self.rates.append(rate)
        return rate

    def settle_price(self) -> int:
        return self._indices_sum // len(self._indices) if self._indices else 0

    def view(self) -> MarkPrice:
        return MarkPrice(
            self._contract.spec.name,
            self.mark_price,
            self.index_price,
            self.settle_price(),
            self.funding_rate(),
            self.last_funding_rate,
            self._contract.interest,
            self.next_funding_ns,
            self.time_ns,
        )

    def _mark_price(self) -> int:
        index = self.index_price
        left = max(0, self.next_funding_ns - self.time_ns) // _SECOND_NS
        whole = self._contract.funding_interval_ns // _SECOND_NS
        first = index + index * self.last_funding_rate * left // (RATE * whole)
        second = index + self._basis_sum // len(self._basis)
        last = self._listing.last_price * self._contract.spec.tick_atoms or second
        return max(1, sorted((first, second, last))[1])

    def _mid(self) -> int:
        """Middle of the book; the index where a side is empty."""
        bid, ask = self._listing.bids.best_price(), self._listing.asks.best_price()
        return (bid + ask) * self._contract.spec.tick_atoms // 2 if bid and ask else self.index_price

    def _premium(self) -> int:
        index, notional = self.index_price, self._contract.impact_notional
        bid = self._impact_price(self._listing.bids, notional) or index
        ask = self._impact_price(self._listing.asks, notional) or index
        return (max(0, bid - index) - max(0, index - ask)) * RATE // index

    def _impact_price(self, side: BookSide, notional: int) -> int:
        """Average price of trading `notional` quote atoms against `side`; 0: it is empty. The price of its last level
        stands for what it lacks."""
        spec, left, lots = self._contract.spec, notional, 0
        price = 0
        for key in reversed(side.keys):
            price, there = key * side.sign, side.lots[key]
            taken = min(there, left // (price * spec.notional_num) + 1)
            lots += taken
            left -= taken * price * spec.notional_num
            if left <= 0:
                break
        if not lots:
            return 0
        if left > 0:
            more = left // (price * spec.notional_num)
            lots += more
            left -= more * price * spec.notional_num
        return (notional - left) * ATOMS // (lots * spec.lot_atoms)


def _as_marks(traded: CandleBook, tick_atoms: int) -> dict[Interval, Rows]:
    """Those candles as if the mark price had stood wherever the contract traded."""
    marks = {}
    for interval, rows in traded.closed_rows().items():
        rows[:, PRICES] *= tick_atoms
        rows[:, AMOUNTS] = 0
        rows[:, N_TRADES] = LENGTH_MS[interval] // 1_000
        marks[interval] = rows
    return marks
