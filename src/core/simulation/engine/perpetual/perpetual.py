"""One listed perpetual: its contract, book, mark price and waiting conditional orders."""

from core.simulation.engine.listing import Listing
from core.simulation.engine.perpetual.conditional import AlgoOrder, TriggerBook
from core.simulation.engine.perpetual.contracts import Contract
from core.simulation.engine.perpetual.marks import Marks
from core.simulation.engine.perpetual.orders import PerpetualOrderRecord, WorkingType
from core.simulation.engine.perpetual.resting import PerpetualOrder


class Perpetual:
    __slots__ = (
        "by_contract_price",
        "by_mark_price",
        "contract",
        "ended",
        "listing",
        "marks",
        "name",
        "timed",
        "timed_algos",
    )

    def __init__(self, contract: Contract, listing: Listing, start_ns: int) -> None:
        self.name = contract.spec.name
        self.contract = contract
        self.listing = listing
        self.marks = Marks(contract, listing, start_ns)
        self.by_contract_price = TriggerBook()
        self.by_mark_price = TriggerBook()
        self.ended: list[PerpetualOrderRecord] = []
        """Orders proper of conditional orders that came to their end in the present operation."""

        self.timed: dict[int, PerpetualOrder] = {}
        """Open orders that are good till a date."""
        self.timed_algos: dict[int, AlgoOrder] = {}

    @property
    def asset(self) -> str:
        """What margin, profit and fees are counted in."""
        return self.contract.spec.quote

    def triggers(self, algo: AlgoOrder) -> TriggerBook:
        """The book an order waits in."""
        return self.by_mark_price if algo.working_type is WorkingType.MARK_PRICE else self.by_contract_price

    def price(self) -> int:
        """The mark price; before there is one the last price, and 0 before anything has traded."""
        return self.marks.mark_price or self.listing.last_price * self.contract.spec.tick_atoms
