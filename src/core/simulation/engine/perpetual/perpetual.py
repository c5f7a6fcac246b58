"""One listed perpetual: its contract, book, mark price and waiting conditional orders."""

from core.simulation.engine.listing import Listing
from core.simulation.engine.perpetual.conditional import AlgoOrder, TriggerBook
from core.simulation.engine.perpetual.contracts import Contract
from core.simulation.engine.perpetual.marks import Marks
from core.simulation.engine.perpetual.orders import PerpetualOrderRecord, WorkingType
from core.simulation.engine.perpetual.resting import PerpetualOrder


class Perpetual:
    __slots__ = (
        "_first_price",
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
        self._first_price = listing.last_price * contract.spec.tick_atoms
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
        """The mark price; before the first second what the last trade before the start cost, 0: there was none."""
        return self.marks.mark_price or self._first_price
