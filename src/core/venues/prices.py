"""What an order book says that one unit is worth."""

from decimal import Decimal

from core.domain.market import BookChanged


def middle_of_book(book: BookChanged) -> Decimal | None:
    """Between the best bid and the best ask; the one that there is where a side is empty; `None` where both are."""
    sides = [sorted((price for price, quantity in side if quantity > 0)) for side in (book.bids, book.asks)]
    touch = [side[-1 if number == 0 else 0] for number, side in enumerate(sides) if side]
    return sum((Decimal(repr(price)) for price in touch), Decimal(0)) / len(touch) if touch else None
