"""Methods that tell of now: instruments, quotes, books, indices."""

from typing import Any

from core.simulation.engine.coins.instruments import Instrument, expiry_name
from core.simulation.server.deribit import errors
from core.simulation.server.deribit.instrument_payloads import instrument_payload
from core.simulation.server.deribit.market import NAMES, CoinMarket
from core.simulation.server.deribit.params import Params
from core.simulation.server.deribit.reply import Reply
from core.simulation.server.deribit.state_payloads import summaries, ticker

KINDS = ("future", "option", "spot", "future_combo", "option_combo")
"""Of which the last three have no instruments here."""
_EXPIRED_DAYS = 14
_DEPTHS = 10_000
_OTHER_CURRENCIES = ("USDC", "USDT", "EURR", "STETH", "USDE")


class MarketMethods:
    """All run in the thread of `MadeData`; `now_ms` is the venue's time."""

    def __init__(self, market: CoinMarket) -> None:
        self._market = market

    def get_time(self, params: Params, now_ms: int) -> Reply:
        return Reply(now_ms)

    def test(self, params: Params, now_ms: int) -> Reply:
        if params.text("expected_result") == "exception":
            raise errors.RpcError(11044, "not_open_order")
        return Reply({"version": "1.2.26"})

    def hello(self, params: Params, now_ms: int) -> Reply:
        params.required("client_name")
        params.required("client_version")
        return Reply({"version": "1.2.26"})

    def status(self, params: Params, now_ms: int) -> Reply:
        return Reply({"locked": "false", "locked_currencies": [], "locked_indices": []})

    def get_currencies(self, params: Params, now_ms: int) -> Reply:
        return Reply([_currency(coin) for coin in self._market.coins], len(self._market.coins))

    def get_index_price_names(self, params: Params, now_ms: int) -> Reply:
        return Reply([f"{coin.lower()}_usd" for coin in self._market.coins])

    def get_instruments(self, params: Params, now_ms: int) -> Reply:
        coins, kind = self.coins(params, default="any"), params.choice("kind", KINDS, "any")
        listed, now_s = self._market.derivatives.instruments, now_ms / 1_000
        is_expired = params.boolean("expired", default=False)
        found = [
            instrument_payload(each, now_s)
            for coin in coins
            for each in (listed.expired(coin, now_s, _EXPIRED_DAYS) if is_expired else listed.listed(coin, now_s))
            if kind in ("any", each.kind)
        ]
        return Reply(found, len(found))

    def get_instrument(self, params: Params, now_ms: int) -> Reply:
        return Reply(instrument_payload(self._market.checked(params.instrument(), now_ms / 1_000), now_ms / 1_000))

    def get_expirations(self, params: Params, now_ms: int) -> Reply:
        coins, kind = self.coins(params), params.choice("kind", ("future", "option", "any"), "any")
        found: dict[str, Any] = {}
        for coin in coins:
            listed = self._market.derivatives.instruments.listed(coin, now_ms / 1_000)
            found[coin.lower()] = {
                each: _expiry_names(listed, each) for each in ("future", "option") if kind in ("any", each)
            }
        return Reply(found)

    def get_index_price(self, params: Params, now_ms: int) -> Reply:
        coin = self.index(params)
        price = self._market.derivatives.index(coin, now_ms / 1_000)
        return Reply({"index_price": price, "estimated_delivery_price": price})

    def ticker(self, params: Params, now_ms: int) -> Reply:
        return Reply(ticker(self._market, self._live(params, now_ms), now_ms)[0], 1)

    def get_order_book(self, params: Params, now_ms: int) -> Reply:
        depth = params.integer("depth", 5, 1, _DEPTHS)
        payload, book = ticker(self._market, self._live(params, now_ms), now_ms)
        levels = {"bids": book.bids[:depth], "asks": book.asks[:depth]}
        return Reply({**payload, **levels, "change_id": change_id(now_ms)}, depth)

    def get_book_summary_by_currency(self, params: Params, now_ms: int) -> Reply:
        coins, kind = self.coins(params), params.choice("kind", KINDS, "any")
        found: list[dict[str, object]] = []
        for coin in coins:
            listed = self._market.derivatives.instruments.listed(coin, now_ms / 1_000)
            found += summaries(self._market, [each for each in listed if kind in ("any", each.kind)], now_ms)
        return Reply(found, len(found))

    def get_book_summary_by_instrument(self, params: Params, now_ms: int) -> Reply:
        return Reply(summaries(self._market, [self._live(params, now_ms)], now_ms), 1)

    def coins(self, params: Params, *, default: str | None = None) -> tuple[str, ...]:
        """Those of `currency`; `any` is all. Raises `RpcError` where it is missing and there is no `default`."""
        name = params.text("currency") or default
        if name is None:
            raise errors.missing("currency")
        if name.upper() in _OTHER_CURRENCIES:
            return ()
        if name.lower() == "any":
            return self._market.coins
        if name.upper() not in self._market.coins:
            raise errors.invalid("currency", "invalid currency")
        return (name.upper(),)

    def index(self, params: Params) -> str:
        """The coin of `index_name`."""
        coin, _, usd = params.required("index_name").upper().partition("_")
        if coin not in self._market.coins or usd != "USD":
            raise errors.invalid("index_name")
        return coin

    def _live(self, params: Params, now_ms: int) -> Instrument:
        return self._market.live(params.instrument(), now_ms / 1_000)


def change_id(now_ms: int) -> int:
    """Of the book at that time: one each tenth of a second."""
    return now_ms // 100


def _expiry_names(listed: list[Instrument], kind: str) -> list[str]:
    dates = sorted({each.expiry for each in listed if each.kind == kind and each.expiry is not None})
    return [expiry_name(each) for each in dates] + (["PERPETUAL"] if kind == "future" else [])


def _currency(coin: str) -> dict[str, object]:
    return {
        "currency": coin,
        "currency_long": NAMES[coin],
        "coin_type": "BITCOIN" if coin == "BTC" else "ETHER",
        "network_currency": coin,
        "min_confirmations": 1,
        "fee_precision": 4,
        "withdrawal_fee": 0.0001,
        "min_withdrawal_fee": 0.0001,
        "network_fee": 0.0001,
        "withdrawal_priorities": [],
        "apr": 0.0,
        "in_cross_collateral_pool": True,
        "decimals": 8,
    }
