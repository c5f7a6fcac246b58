"""Wallets, positions, settings and listen keys of USD-M accounts."""

from collections.abc import Callable
from decimal import Decimal

from core.simulation.engine.fees import FeeSchedule
from core.simulation.engine.perpetual.orders import MarginType, PositionSide
from core.simulation.engine.perpetual.views import PositionView
from core.simulation.engine.symbols import SymbolSpec
from core.simulation.server import errors
from core.simulation.server.endpoint import Call
from core.simulation.server.errors import ApiError
from core.simulation.server.limits import OrderLimits
from core.simulation.server.market_questions import chosen_symbol, chosen_symbols, required_symbol
from core.simulation.server.parameters import Parameters
from core.simulation.server.payloads import Json
from core.simulation.server.time_span import TimeSpan, page
from core.simulation.server.usdm import account_payloads
from core.simulation.server.usdm.account_payloads import DONE
from core.simulation.server.usdm.floor import UsdmFloor
from core.simulation.server.usdm.listen_keys import ListenKeys
from core.simulation.server.usdm.order_form import positive
from core.simulation.server.usdm.user_streams import UsdmUserStreams

_BPS = Decimal(10_000)
_Shape = Callable[[SymbolSpec, PositionView], Json]


class UsdmAccountEndpoints:
    def __init__(self, floor: UsdmFloor, fees: FeeSchedule, limits: OrderLimits) -> None:
        self._floor = floor
        self._exchange = floor.exchange
        self._fees = fees
        self._limits = limits

    def account_v2(self, call: Call) -> object:
        view = self._exchange.account(call.account)
        positions = self._positions(call.account, account_payloads.account_position_v2, everywhere=True)
        return account_payloads.account_v2(view, positions)

    def account_v3(self, call: Call) -> object:
        view = self._exchange.account(call.account)
        return account_payloads.account_v3(view, self._positions(call.account, account_payloads.account_position_v3))

    def balance(self, call: Call) -> object:
        return [account_payloads.balance(asset) for asset in self._exchange.account(call.account).assets]

    def position_risk_v2(self, call: Call) -> object:
        return self._risk(call, account_payloads.position_risk_v2, everywhere=True)

    def position_risk_v3(self, call: Call) -> object:
        return self._risk(call, account_payloads.position_risk_v3, everywhere=False)

    def leverage_brackets(self, call: Call) -> object:
        names = chosen_symbols(self._floor, call.params)
        return [account_payloads.leverage_brackets(self._exchange.contracts[name]) for name in names]

    def commission_rate(self, call: Call) -> object:
        return {
            "symbol": required_symbol(self._floor, call.params).name,
            "makerCommissionRate": f"{self._fees.maker_bps / _BPS:.6f}",
            "takerCommissionRate": f"{self._fees.taker_bps / _BPS:.6f}",
        }

    def symbol_config(self, call: Call) -> object:
        names = chosen_symbols(self._floor, call.params)
        rows = []
        for name in names:
            leverage = self._exchange.leverage(call.account, name)
            margin_type = self._exchange.margin_type(call.account, name)
            most = self._exchange.contracts[name].max_notional(leverage)
            rows.append(account_payloads.symbol_config(name, leverage, margin_type, most))
        return rows

    def account_config(self, call: Call) -> object:
        return account_payloads.account_config(is_hedged=self._exchange.is_hedged(call.account))

    def income(self, call: Call) -> object:
        params = call.params
        name = chosen_symbol(self._floor, params)
        kind = params.text("incomeType")
        limit, page_number = params.limit(100, 1_000), params.integer("page") or 1
        span = TimeSpan.read(params)
        found = [
            change
            for change in self._exchange.income(call.account)
            if name in (None, change.symbol) and kind in (None, change.kind.value) and span.holds(change.time_ns)
        ]
        from_start = span.start_ms is not None or "page" in params
        if from_start:
            found = found[limit * (page_number - 1) :]
        wanted = page(found, limit, from_start=from_start)
        return [account_payloads.income(change) for change in wanted]

    def order_counts(self, call: Call) -> object:
        return [limit.as_json() for limit, _ in self._limits.used(call.account)]

    def adl_quantiles(self, call: Call) -> object:
        """Nobody is ever deleveraged here, so everybody is last in the queue."""
        sides = [side.value for side in PositionSide]
        names = chosen_symbols(self._floor, call.params)
        return [{"symbol": name, "adlQuantile": dict.fromkeys(sides, 0)} for name in names]

    # Settings

    def set_leverage(self, call: Call) -> object:
        spec = required_symbol(self._floor, call.params)
        call.params.required("leverage")
        leverage = call.params.integer("leverage") or 0
        most = self._floor.set_leverage(call.account, spec.name, leverage)
        return account_payloads.leverage_set(spec.name, leverage, most)

    def set_margin_type(self, call: Call) -> object:
        spec = required_symbol(self._floor, call.params)
        margin_type = call.params.required_choice(
            "marginType", MarginType, lambda: ApiError(-4055, "Invalid margin type.")
        )
        self._floor.set_margin_type(call.account, spec.name, margin_type)
        return DONE

    def change_margin(self, call: Call) -> object:
        spec, params = required_symbol(self._floor, call.params), call.params
        side = params.choice("positionSide", PositionSide, lambda: ApiError(-4060, "Invalid position side."))
        amount = positive(params, "amount", ApiError(-4053, "Amount must be positive."))
        kind = params.required_choice(
            "type", lambda text: {"1": 1, "2": -1}[text], lambda: errors.invalid_value("type")
        )
        self._floor.change_margin(call.account, spec.name, side or PositionSide.BOTH, kind * amount)
        return {
            "amount": float(amount),
            "code": 200,
            "msg": "Successfully modify position margin.",
            "type": 1 if kind > 0 else 2,
        }

    def position_mode(self, call: Call) -> object:
        return {"dualSidePosition": self._exchange.is_hedged(call.account)}

    def set_position_mode(self, call: Call) -> object:
        self._floor.set_hedged(call.account, is_hedged=_flag(call.params, "dualSidePosition"))
        return DONE

    def assets_mode(self, call: Call) -> object:
        return {"multiAssetsMargin": False}

    def set_assets_mode(self, call: Call) -> object:
        """Margin is in the contract's own asset here."""
        if _flag(call.params, "multiAssetsMargin"):
            raise ApiError(-1020, "This operation is not supported.")
        raise ApiError(-4171, "Adjusted asset mode is currently set and does not need to be adjusted repeatedly")

    def fee_burn(self, call: Call) -> object:
        return {"feeBurn": False}

    def _positions(self, account: str, shape: _Shape, *, everywhere: bool = False) -> list[Json]:
        """`everywhere`: of all symbols, whether there is a position or not."""
        exchange = self._exchange
        if everywhere:
            found = [view for name in exchange.symbols for view in exchange.positions(account, name)]
        else:
            found = exchange.positions(account)
        return [shape(exchange.symbols[view.symbol], view) for view in found]

    def _risk(self, call: Call, shape: _Shape, *, everywhere: bool) -> object:
        symbol = chosen_symbol(self._floor, call.params)
        if symbol is None:
            return self._positions(call.account, shape, everywhere=everywhere)
        spec = self._exchange.symbols[symbol]
        return [shape(spec, view) for view in self._exchange.positions(call.account, symbol)]


class ListenKeyEndpoints:
    """A listen key needs the API key alone, no signature."""

    def __init__(self, keys: ListenKeys, streams: UsdmUserStreams) -> None:
        self._keys = keys
        self._streams = streams

    def open(self, call: Call) -> object:
        return {"listenKey": self._keys.open(call.account)}

    def keep(self, call: Call) -> object:
        return {"listenKey": self._keys.keep(call.account)}

    def close(self, call: Call) -> object:
        self._streams.forget(call.account)
        return {}


def _flag(params: Parameters, name: str) -> bool:
    params.required(name)
    return params.boolean(name) or False
