"""Balances, fills and what else belongs to one account, and the `sapi` answers that clients ask for at start-up."""

from collections.abc import Callable
from decimal import Decimal

from core.simulation.engine.amounts import text, to_atoms
from core.simulation.engine.fees import FeeSchedule
from core.simulation.server import errors, order_payloads, payloads
from core.simulation.server.accounts import KeyRights
from core.simulation.server.endpoint import Call
from core.simulation.server.errors import ApiError
from core.simulation.server.floor import TradingFloor
from core.simulation.server.limits import OrderLimits
from core.simulation.server.market_questions import chosen_symbols, required_symbol
from core.simulation.server.order_endpoints import time_span
from core.simulation.server.time_span import page

_BPS = Decimal(10_000)


class AccountEndpoints:
    def __init__(
        self, floor: TradingFloor, fees: FeeSchedule, limits: OrderLimits, rights: Callable[[str], KeyRights]
    ) -> None:
        """`rights` of an account's key."""
        self._rights = rights
        self._floor = floor
        self._exchange = floor.exchange
        self._fees = fees
        self._limits = limits
        specs = self._exchange.symbols.values()
        self._assets = sorted({spec.base for spec in specs} | {spec.quote for spec in specs})

    def account(self, call: Call) -> object:
        without_zeros = call.params.boolean("omitZeroBalances") or False
        held = self._floor.reads.balances(call.account)
        zero = (Decimal(0), Decimal(0))
        rows = []
        for asset in sorted({*self._assets, *held}):
            free, locked = held.get(asset, zero)
            if free or locked or not without_zeros:
                rows.append({"asset": asset, "free": text(to_atoms(free)), "locked": text(to_atoms(locked))})
        return {
            "makerCommission": int(self._fees.maker_bps),
            "takerCommission": int(self._fees.taker_bps),
            "buyerCommission": 0,
            "sellerCommission": 0,
            "commissionRates": self._rates(),
            "canTrade": True,
            "canWithdraw": False,
            "canDeposit": True,
            "brokered": False,
            "requireSelfTradePrevention": False,
            "preventSor": False,
            "updateTime": self._floor.clock.now_ms(),
            "accountType": "SPOT",
            "balances": rows,
            "permissions": ["SPOT"],
            "uid": _uid(call.account),
        }

    def my_trades(self, call: Call) -> object:
        params = call.params
        spec = required_symbol(self._floor, params)
        limit, from_id, order_id = params.limit(500, 1_000), params.integer("fromId"), params.integer("orderId")
        span = time_span(params)
        if from_id is not None and span.is_named:
            raise errors.bad_combination()
        found = [
            record
            for record in self._floor.reads.trades(call.account, spec.name)
            if record.trade_id >= (from_id or 0)
            and (order_id is None or record.order_id == order_id)
            and span.holds(record.time_ns)
        ]
        wanted = page(found, limit, from_start=from_id is not None or span.start_ms is not None)
        return [
            order_payloads.account_trade(
                spec, record, self._exchange.order(call.account, spec.name, order_id=record.order_id)
            )
            for record in wanted
        ]

    def commission(self, call: Call) -> object:
        spec = required_symbol(self._floor, call.params)
        none = {"maker": payloads.ZERO, "taker": payloads.ZERO, "buyer": payloads.ZERO, "seller": payloads.ZERO}
        return {
            "symbol": spec.name,
            "standardCommission": self._rates(),
            "specialCommission": none,
            "taxCommission": none,
            "discount": self._discount(),
        }

    def commission_of_order(self, call: Call) -> object:
        """What `order/test` answers with `computeCommissionRates`."""
        none = {"maker": payloads.ZERO, "taker": payloads.ZERO}
        return {
            "standardCommissionForOrder": {side: self._rates()[side] for side in none},
            "specialCommissionForOrder": none,
            "taxCommissionForOrder": none,
            "discount": self._discount(),
        }

    def order_counts(self, call: Call) -> object:
        return [limit.as_json(used) for limit, used in self._limits.used(call.account)]

    def coins(self, call: Call) -> object:
        held = self._floor.reads.balances(call.account)
        return [_coin(asset, *held.get(asset, (Decimal(0), Decimal(0)))) for asset in self._assets]

    def trade_fees(self, call: Call) -> object:
        maker, taker = str(self._fees.maker_bps / _BPS), str(self._fees.taker_bps / _BPS)
        return [
            {"symbol": name, "makerCommission": maker, "takerCommission": taker}
            for name in chosen_symbols(self._floor, call.params)
        ]

    def api_restrictions(self, call: Call) -> object:
        rights = self._rights(call.account)
        return {
            "ipRestrict": rights.ip_restricted,
            "createTime": self._floor.clock.now_ms(),
            "enableReading": rights.reading,
            "enableSpotAndMarginTrading": rights.trading,
            "enableWithdrawals": rights.withdrawals,
            "enableInternalTransfer": False,
            "enableMargin": False,
            "enableFutures": rights.trading,
            "permitsUniversalTransfer": False,
            "enableVanillaOptions": False,
            "enableFixApiTrade": False,
            "enableFixReadOnly": False,
            "enablePortfolioMarginTrading": False,
        }

    def system_status(self, call: Call) -> object:
        return {"status": 0, "msg": "normal"}

    def no_pairs(self, call: Call) -> object:
        return []

    def gone(self, call: Call) -> object:
        """Spot listen keys went on 2026-02-20; private events come over the WebSocket API."""
        raise ApiError(-1016, "This service is no longer available.", status=410)

    def _discount(self) -> dict[str, object]:
        return {
            "enabledForAccount": False,
            "enabledForSymbol": False,
            "discountAsset": "BNB",
            "discount": f"{1 - self._fees.discount_pct / 100:.8f}",
        }

    def _rates(self) -> dict[str, str]:
        return {
            "maker": f"{self._fees.maker_bps / _BPS:.8f}",
            "taker": f"{self._fees.taker_bps / _BPS:.8f}",
            "buyer": payloads.ZERO,
            "seller": payloads.ZERO,
        }


def _uid(account: str) -> int:
    """A number that stays the same for a key."""
    return int.from_bytes(account.encode()[:6].ljust(6, b"\0"), "big") % 1_000_000_000


def _coin(asset: str, free: Decimal, locked: Decimal) -> dict[str, object]:
    network = {
        "network": asset,
        "coin": asset,
        "isDefault": True,
        "depositEnable": False,
        "withdrawEnable": False,
        "depositDesc": "Simulated venue",
        "withdrawDesc": "Simulated venue",
        "name": asset,
        "withdrawFee": "0",
        "withdrawMin": "0",
        "withdrawMax": "0",
        "withdrawIntegerMultiple": "0.00000001",
        "minConfirm": 1,
        "unLockConfirm": 0,
        "resetAddressStatus": False,
        "sameAddress": False,
        "busy": False,
    }
    return {
        "coin": asset,
        "name": asset,
        "depositAllEnable": False,
        "withdrawAllEnable": False,
        "free": str(free),
        "locked": str(locked),
        "freeze": "0",
        "ipoable": "0",
        "ipoing": "0",
        "storage": "0",
        "withdrawing": "0",
        "isLegalMoney": False,
        "trading": True,
        "networkList": [network],
    }
