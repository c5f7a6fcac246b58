"""What has been changed, since the venue started, about how its symbols may be traded. As a rule: nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from typing import Any

from core.simulation.engine.amounts import text, to_atoms
from core.simulation.engine.market_data import MarketData
from core.simulation.engine.symbols import SymbolSpec
from core.simulation.server import errors
from core.simulation.server.errors import ApiError


class SymbolStatus(Enum):
    TRADING = "TRADING"
    CANCEL_ONLY = "CANCEL_ONLY"
    """Nothing trades; open orders may be cancelled."""
    BREAK = "BREAK"
    """Nothing trades, nothing may be cancelled, the market shows nothing."""
    ABSENT = "ABSENT"
    """The venue has never heard of it."""


@dataclass(frozen=True, slots=True)
class Filters:
    """Steps that are coarser than the symbol's own, and a smallest notional; `None`: its own."""

    tick_size: Decimal | None = None
    step_size: Decimal | None = None
    min_notional: Decimal | None = None


@dataclass(slots=True)
class MarketRules:
    """By the venue's symbols. Orders that are open stay as they are."""

    exchange: MarketData
    statuses: dict[str, SymbolStatus] = field(default_factory=dict)
    filters: dict[str, Filters] = field(default_factory=dict)

    def set_status(self, symbol: str, status: SymbolStatus) -> None:
        if status is SymbolStatus.TRADING:
            self.statuses.pop(symbol, None)
            self.exchange.halt(symbol, is_halted=False)
        else:
            self.statuses[symbol] = status
            self.exchange.halt(symbol)

    def status(self, symbol: str) -> SymbolStatus:
        return self.statuses.get(symbol, SymbolStatus.TRADING) if self.statuses else SymbolStatus.TRADING

    def is_listed(self, symbol: str) -> bool:
        return self.status(symbol) is not SymbolStatus.ABSENT

    def shows_market(self, symbol: str) -> bool:
        return self.status(symbol) in (SymbolStatus.TRADING, SymbolStatus.CANCEL_ONLY)

    def check_order(
        self,
        symbol: str,
        prices: tuple[Decimal | None, ...],
        quantity: Decimal | None,
        quote_quantity: Decimal | None = None,
    ) -> None:
        """`prices`: limit and stop price, `None` for what it has not. Raises `ApiError` for an order that may not be
        placed now."""
        if not self.statuses and not self.filters:
            return
        self._require(symbol, SymbolStatus.TRADING)
        changed = self.filters.get(symbol)
        if changed is None:
            return
        given = [price for price in prices if price is not None]
        if changed.tick_size is not None and any(price % changed.tick_size for price in given):
            raise ApiError(-1013, "Filter failure: PRICE_FILTER")
        if quantity is not None and changed.step_size is not None and quantity % changed.step_size:
            raise ApiError(-1013, "Filter failure: LOT_SIZE")
        price = given[0] if given else self._average_price(symbol)
        notional = quote_quantity if quantity is None else price * quantity
        if changed.min_notional is not None and notional is not None and notional < changed.min_notional:
            raise ApiError(-1013, "Filter failure: NOTIONAL")

    def check_cancel(self, symbol: str) -> None:
        """Raises `ApiError` where nothing can be cancelled now."""
        if self.statuses:
            self._require(symbol, SymbolStatus.TRADING, SymbolStatus.CANCEL_ONLY)

    def shown(self, spec: SymbolSpec, row: dict[str, Any]) -> dict[str, Any]:
        """A symbol's row of exchangeInfo as it is now."""
        if spec.name in self.statuses:
            row["status"] = self.statuses[spec.name].value
        changed = self.filters.get(spec.name)
        if changed is not None:
            for each in row["filters"]:
                each |= _as_filter(changed, each)
        return row

    def _require(self, symbol: str, *allowed: SymbolStatus) -> None:
        status = self.status(symbol)
        if status is SymbolStatus.ABSENT:
            raise errors.invalid_symbol()
        if status not in allowed:
            raise ApiError(-1013, "Market is closed.")

    def _average_price(self, symbol: str) -> Decimal:
        return self.exchange.symbols[symbol].price_decimal(self.exchange.average_price(symbol))


def _as_filter(changed: Filters, row: Mapping[str, Any]) -> dict[str, str]:
    match row["filterType"]:
        case "PRICE_FILTER" if changed.tick_size is not None:
            return {"tickSize": text(to_atoms(changed.tick_size)), "minPrice": text(to_atoms(changed.tick_size))}
        case "LOT_SIZE" if changed.step_size is not None:
            return {"stepSize": text(to_atoms(changed.step_size)), "minQty": text(to_atoms(changed.step_size))}
        case "NOTIONAL" if changed.min_notional is not None:
            return {"minNotional": text(to_atoms(changed.min_notional))}
        case "MIN_NOTIONAL" if changed.min_notional is not None:
            return {"notional": text(to_atoms(changed.min_notional))}
    return {}
