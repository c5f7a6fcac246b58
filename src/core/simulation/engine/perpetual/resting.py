"""An open order proper in the exchange's hands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.simulation.engine.perpetual.orders import ConditionalType, PerpetualOrderRecord, PositionSide
from core.simulation.engine.resting import RestingOrder

if TYPE_CHECKING:
    from core.simulation.engine.perpetual.accounts import PerpetualAccount


class PerpetualOrder(RestingOrder, eq=False, kw_only=True):
    """`lock` is here the notional of what may still open a position; nothing of the wallet is set aside for it."""

    account: PerpetualAccount
    position_side: PositionSide
    reduces: bool
    """May only take a position down: reduce-only, or in hedge mode against its position side."""
    reduce_only: bool
    close_position: bool = False
    good_till_ns: int = 0
    algo_id: int = 0
    conditional_type: ConditionalType | None = None
    is_liquidation: bool = False

    @property
    def latest(self) -> PerpetualOrderRecord:
        record = self.record
        return record if isinstance(record, PerpetualOrderRecord) else self.picture()

    def picture(self) -> PerpetualOrderRecord:
        """Take and keep a record of the present state."""
        self.record = record = PerpetualOrderRecord(
            account=self.account.key,
            symbol=self.symbol,
            order_id=self.order_id,
            client_order_id=self.client_order_id,
            side=self.side,
            order_type=self.order_type,
            time_in_force=self.time_in_force,
            price=self.price,
            stop_price=0,
            quantity=self.quantity,
            quote_quantity=0,
            filled=self.quantity - self.remaining,
            filled_quote=self.filled_quote,
            status=self.status,
            is_working=True,
            created_ns=self.created_ns,
            updated_ns=self.updated_ns,
            working_ns=self.working_ns,
            position_side=self.position_side,
            reduce_only=self.reduce_only,
            close_position=self.close_position,
            good_till_ns=self.good_till_ns,
            algo_id=self.algo_id,
            conditional_type=self.conditional_type,
            is_liquidation=self.is_liquidation,
        )
        return record
