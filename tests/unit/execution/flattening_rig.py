"""A flattener on an executor at work, with a gate of its own."""

from decimal import Decimal

from core.domain.freshness import Moment
from core.domain.instruments import InstrumentId
from core.domain.orders import Fill, OrderReport, OrderRequest, OrderType, Side
from core.execution.flattener import Flattener
from core.risk.gate import RiskGate, RiskState
from core.risk.levels import FlattenScope, RiskLevel
from core.settings.risk import RiskSettings
from unit.execution.fake_venue import FakeVenue
from unit.execution.making import BTC, leg
from unit.execution.rig import Rig


class FollowingGate(RiskGate):
    """Hears of the rig's facts before it judges."""

    def __init__(self, rig: Rig) -> None:
        super().__init__(RiskSettings(), RiskState(RiskLevel.FLATTEN, "test"))
        self._rig = rig
        self._heard = 0

    def judge(self, *arguments):
        for fact in self._rig.facts[self._heard :]:
            self.on_fact(fact)
        self._heard = len(self._rig.facts)
        return super().judge(*arguments)


def flattener_of(rig: Rig, gate: RiskGate | None = None) -> Flattener:
    async def price(instrument_id: InstrumentId) -> Decimal | None:
        return rig.venue.prices.get(instrument_id)

    return Flattener(
        rig.executor, gate or FollowingGate(rig), price, lambda: Moment(rig.executor.parts.recorder.now_ns(), 0, 1.0)
    )


async def flatten(rig: Rig, scope: FlattenScope = FlattenScope.BOT, flattener: Flattener | None = None):
    """Runs to its proven end."""
    running = flattener or flattener_of(rig)
    return await running.run(lambda: scope, "test")


def by_hand(venue: FakeVenue, name: str, quantity: str, side: Side, price: str | None) -> OrderReport:
    """An order that the bot knows nothing of."""
    return venue.place(OrderRequest(name, leg(quantity, side, price)))


def sold(venue: FakeVenue, instrument_id: InstrumentId = BTC) -> Decimal:
    return sum((one.quantity for one in sells(venue, instrument_id)), Decimal(0))


def sells(venue: FakeVenue, instrument_id: InstrumentId = BTC) -> list[Fill]:
    return [one for one in venue.trades() if one.instrument_id == instrument_id and one.side is Side.SELL]


def closing_orders(venue: FakeVenue) -> list[OrderRequest]:
    return [one for one in venue.placed if one.leg.side is Side.SELL and one.leg.order_type is OrderType.MARKET]
