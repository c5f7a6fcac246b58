"""Latest quotes and trades."""

from core.domain.instruments import InstrumentId
from core.domain.market import QuoteChanged, StreamInterrupted, TradePrinted
from core.market.quotes import Quotes

A = InstrumentId("A/USDT")
S = 1_000_000_000


def quote(sequence: int, bid: float = 10.0, ask: float = 11.0, received_ns: int = 0) -> QuoteChanged:
    return QuoteChanged(A, bid, 1.0, ask, 2.0, sequence, None, received_ns)


def test_the_touch_has_its_age_mid_and_spread() -> None:
    quotes = Quotes()
    assert quotes.touch(A, 0) is None
    quotes.apply(quote(1, 99.0, 101.0, received_ns=S))
    touch = quotes.touch(A, 3 * S)
    assert touch is not None
    assert (touch.mid, touch.age_s) == (100.0, 2.0)


def test_an_older_update_never_replaces_a_newer_one() -> None:
    quotes = Quotes()
    quotes.apply(quote(5, bid=10.0))
    quotes.apply(quote(4, bid=9.0))
    held = quotes.quote(A)
    assert held is not None and held.bid == 10.0


def test_a_side_that_is_empty_makes_no_touch() -> None:
    quotes = Quotes()
    quotes.apply(quote(1, bid=0.0))
    assert quotes.quote(A) is not None
    assert quotes.touch(A, 0) is None


def test_after_an_interruption_update_ids_may_start_over() -> None:
    quotes = Quotes()
    quotes.apply(quote(1_000))
    quotes.interrupted(StreamInterrupted((A,), "CONNECTION_CLOSED code=1006", 0))
    assert quotes.quote(A) is None
    quotes.apply(quote(3))
    assert quotes.quote(A) is not None


def test_the_last_trade_is_kept() -> None:
    quotes = Quotes()
    assert quotes.last_trade(A) is None
    trade = TradePrinted(A, 1, "10.50", "0.1", True, 0, 0)
    quotes.apply(trade)
    assert quotes.last_trade(A) is trade
