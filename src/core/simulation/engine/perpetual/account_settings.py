"""What an account may choose: position mode, leverage, margin type, the margin of an isolated position."""

from collections.abc import Mapping

from core.simulation.engine.perpetual.accounts import PerpetualAccount
from core.simulation.engine.perpetual.event_log import PerpetualLog
from core.simulation.engine.perpetual.events import LeverageChanged
from core.simulation.engine.perpetual.margin import MarginBook
from core.simulation.engine.perpetual.orders import MarginType, PositionSide
from core.simulation.engine.perpetual.perpetual import Perpetual
from core.simulation.engine.perpetual.settlement import Settlement
from core.simulation.engine.refusals import Refusal, RefusalKind


class SettingsDesk:
    """Each method raises `Refusal` and then has changed nothing; the caller logs accounts afterwards."""

    __slots__ = ("_log", "_margins", "_perpetuals", "_settlement")

    def __init__(
        self, perpetuals: Mapping[str, Perpetual], settlement: Settlement, margins: MarginBook, log: PerpetualLog
    ) -> None:
        self._perpetuals = perpetuals
        self._settlement = settlement
        self._margins = margins
        self._log = log

    def set_hedged(self, account: PerpetualAccount, *, is_hedged: bool) -> None:
        if account.is_hedged is is_hedged:
            raise Refusal(RefusalKind.SAME_POSITION_MODE)
        if account.algos or any(owned.open for owned in account.owned()):
            raise Refusal(RefusalKind.POSITION_MODE_OPEN_ORDERS)
        if account.open_positions():
            raise Refusal(RefusalKind.POSITION_MODE_POSITION)
        account.is_hedged = is_hedged
        account.dirty.update(dict.fromkeys(account.burdens.by_symbol))

    def set_leverage(self, account: PerpetualAccount, perpetual: Perpetual, leverage: int, now_ns: int) -> int:
        """The largest position now allowed."""
        contract = perpetual.contract
        settings = account.settings_of(contract)
        if not 1 <= leverage <= contract.max_leverage:
            raise Refusal(RefusalKind.LEVERAGE, str(leverage))
        allowed = contract.max_notional(leverage)
        for side in account.sides():
            if self._margins.need(account, perpetual, side, 1).total > allowed:
                raise Refusal(RefusalKind.MAX_POSITION, f"at {leverage}x")
        if leverage < settings.leverage:
            self._check_lower(account, perpetual, leverage)
        if leverage != settings.leverage:
            settings.leverage = leverage
            account.dirty[perpetual.name] = None
            self._log.add(LeverageChanged(self._log.next(), now_ns, account.key, perpetual.name, leverage))
        return allowed

    def set_margin_type(self, account: PerpetualAccount, perpetual: Perpetual, margin_type: MarginType) -> None:
        settings = account.settings_of(perpetual.contract)
        if settings.margin_type is margin_type:
            raise Refusal(RefusalKind.SAME_MARGIN_TYPE)
        if any(owned.open for owned in account.owned(perpetual.name)):
            raise Refusal(RefusalKind.MARGIN_TYPE_OPEN_ORDERS)
        if any(account.position(perpetual.name, side).lots for side in account.sides()):
            raise Refusal(RefusalKind.MARGIN_TYPE_POSITION)
        settings.margin_type = margin_type
        self._settlement.touch_margin_type(account, perpetual)

    def change_margin(self, account: PerpetualAccount, perpetual: Perpetual, side: PositionSide, atoms: int) -> None:
        if account.settings_of(perpetual.contract).margin_type is not MarginType.ISOLATED:
            raise Refusal(RefusalKind.NOT_ISOLATED)
        if side not in account.sides():
            raise Refusal(RefusalKind.POSITION_SIDE, side.value)
        position = account.position(perpetual.name, side)
        if not position.lots:
            raise Refusal(RefusalKind.NO_POSITION)
        if atoms > max(0, self._margins.totals(account, perpetual.asset).available):
            raise Refusal(RefusalKind.CROSS_BALANCE)
        if atoms < 0:
            profit = min(0, position.unrealised(perpetual.contract, perpetual.price()))
            spare = position.isolated + profit - self._margins.need(account, perpetual, side).position
            if -atoms > spare:
                raise Refusal(RefusalKind.ISOLATED_BALANCE)
        self._settlement.set_aside(account, position, atoms)

    def _check_lower(self, account: PerpetualAccount, perpetual: Perpetual, leverage: int) -> None:
        """Less leverage needs more margin: none can be had for an isolated position, for the rest it must be there."""
        isolated = account.settings_of(perpetual.contract).margin_type is MarginType.ISOLATED
        if isolated and any(account.position(perpetual.name, side).lots for side in account.sides()):
            raise Refusal(RefusalKind.LEVERAGE_REDUCTION)
        more = sum(
            self._margins.need(account, perpetual, side, leverage).total
            - self._margins.need(account, perpetual, side).total
            for side in account.sides()
        )
        if more > max(0, self._margins.totals(account, perpetual.asset).available):
            raise Refusal(RefusalKind.LEVERAGE_TOO_LOW)
