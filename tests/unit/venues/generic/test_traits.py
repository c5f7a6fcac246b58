"""Every exchange that ccxt knows: fit for paper, for live, or refused with a reason. No network."""

from collections import Counter

import pytest

from core.domain.candles import SeriesKey, Timeframe
from core.domain.errors import SettingsError
from core.domain.instruments import InstrumentId
from core.domain.orders import OrderType
from core.ports.venue import StreamSubscriptions
from core.runtime.clocks import SystemMonotonicClock, WallClock
from core.settings.venue import VenueSettings
from core.venues.adapter import build_adapter
from core.venues.ccxt_import import exchange_class, exchange_names, has_streams, pro_exchange_class
from core.venues.generic.channels import groups_of
from core.venues.generic.traits import mentions, traits_of

BTC = InstrumentId("BTC/USDT")
PAPER = StreamSubscriptions(candles=(SeriesKey(BTC, Timeframe.M1),), quotes=(BTC,), trades=(BTC,))
LEAST_FIT_FOR_MARKET = 88
LEAST_FIT_FOR_LIVE = 45


def test_every_exchange_is_fit_or_says_why_not() -> None:
    fate: Counter[str] = Counter()
    for name in exchange_names():
        settings = VenueSettings(name=name, adapter="ccxt")
        try:
            adapter = build_adapter(settings, WallClock(), SystemMonotonicClock())
        except SettingsError as refused:
            assert name in str(refused) and "can't be used" in str(refused)
            fate["refused"] += 1
            continue
        capabilities = adapter.rest.capabilities
        assert capabilities.name == name and capabilities.max_klines >= 1
        assert {OrderType.MARKET, OrderType.LIMIT} <= capabilities.order_types
        assert capabilities.request_window_ms is None and not capabilities.short_selling
        fate["market"] += 1
        fate["streams"] += has_streams(name)
        fate["live"] += not adapter.not_for_live
        adapter.close()
    print(f"of {len(exchange_names())} exchanges: {dict(fate)}")  # noqa: T201  # the count, for `pytest -s`
    assert fate["market"] >= LEAST_FIT_FOR_MARKET and fate["live"] >= LEAST_FIT_FOR_LIVE, fate


def test_every_exchange_with_streams_has_one_of_each_kind() -> None:
    sources: Counter[str] = Counter()
    for name in filter(has_streams, exchange_names()):
        exchange = pro_exchange_class(name)()
        for group in groups_of(PAPER, exchange):
            assert callable(getattr(exchange, group.method.one)) and hasattr(exchange, group.method.cache)
            if group.method.many:
                assert callable(getattr(exchange, group.method.many))
            sources[f"{group.channel.split()[0]} by {group.method.one}"] += 1
    print(dict(sources))  # noqa: T201  # the count, for `pytest -s`
    assert sources["quotes by watch_bids_asks"] > 30


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("kraken", None),
        ("okx", None),
        ("bitflyer", "an id of ours"),
        ("hyperliquid", "walletAddress"),
    ],
)
def test_what_live_trading_needs(name: str, reason: str | None) -> None:
    lacks = traits_of(exchange_class(name)).not_for_live
    assert (reason is None and lacks == ()) or (reason is not None and reason in "; ".join(lacks))


def test_stops_kept_apart_from_orders_are_not_native() -> None:
    assert traits_of(exchange_class("binance")).native_stops
    assert OrderType.STOP_LOSS in traits_of(exchange_class("binance")).order_types
    assert not traits_of(exchange_class("okx")).native_stops


class Plain:
    """Stands where ccxt's own base class does."""


class Exchange(Plain):
    def create_order(self) -> str:
        return "clientOrderId"


class Written(Exchange):
    def create_order(self) -> str:
        return self.request()

    def request(self) -> str:
        return self.deeper({"clientOrderId": 1})

    def deeper(self, _: object) -> str:
        return ""

    def cancel_order(self) -> str:
        """Says clientOrderId in words only."""
        return self.cancel_order()


class Inherited(Exchange):
    pass


def test_a_word_is_found_in_what_the_exchange_itself_wrote() -> None:
    assert mentions(Written, "create_order", "clientOrderId")
    assert not mentions(Written, "cancel_order", "clientOrderId")
    assert not mentions(Inherited, "create_order", "clientOrderId")
    assert not mentions(Written, "no_such_method", "clientOrderId")
