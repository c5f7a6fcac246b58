"""Choosing an adapter by name."""

import asyncio

import pytest
from pydantic import SecretStr

from core.domain.errors import SettingsError
from core.domain.instruments import InstrumentId
from core.domain.market import MarketEvent, StreamInterrupted
from core.domain.orders import UserEvent, UserStreamRestored
from core.ports.venue import StreamSubscriptions
from core.runtime.clocks import SystemMonotonicClock, WallClock
from core.settings.venue import VenueSettings
from core.venues.adapter import build_adapter
from core.venues.generic.rest import GenericRest
from core.venues.generic.user_stream import PolledUserStream
from tests.waiting import eventually

BTC = InstrumentId("BTC/USDT")


def test_a_venue_that_does_not_exist_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(SettingsError, match="Did you mean binance"):
        build_adapter(VenueSettings(name="binanse"), WallClock(), SystemMonotonicClock())


@pytest.mark.parametrize(
    ("name", "hint"), [("krakn", "Did you mean kraken"), ("OKX", "Did you mean okx"), ("zzzz", "such as kraken or okx")]
)
def test_any_exchange_of_ccxt_is_a_venue_and_others_are_not(name: str, hint: str) -> None:
    with pytest.raises(SettingsError, match=hint):
        build_adapter(VenueSettings(name=name), WallClock(), SystemMonotonicClock())


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"name": "kraken", "base_url": "http://127.0.0.1:1"}, "set venue.ccxt"),
        ({"name": "binance", "ccxt": {"hostname": "x"}}, "adapter of its own"),
        ({"name": "sim", "adapter": "ccxt", "ccxt": {"hostname": "x"}}, "adapter of its own"),
        ({"name": "bitflyer"}, "bitflyer can't be used: it has no candles"),
    ],
)
def test_settings_that_would_do_nothing_are_refused(given: dict[str, object], complaint: str) -> None:
    with pytest.raises(SettingsError, match=complaint):
        build_adapter(VenueSettings.model_validate(given), WallClock(), SystemMonotonicClock())


def test_the_unified_methods_serve_a_venue_with_an_adapter_where_one_wants_them() -> None:
    adapter = build_adapter(VenueSettings(name="binance", adapter="ccxt"), WallClock(), SystemMonotonicClock())
    assert isinstance(adapter.rest, GenericRest) and adapter.not_for_live == ()
    adapter.close()


@pytest.mark.parametrize(
    ("key", "address"),
    [
        ("base_url", "127.0.0.1:18080"),
        ("base_url", "ws://x"),
        ("base_url", "http://x:99999"),
        ("base_url", "http://[::1"),
        ("base_url", "http://x:port"),
        ("ws_base_url", "http://x"),
        ("ws_base_url", "ws://"),
    ],
)
def test_an_address_that_is_none_is_refused_with_its_key(key: str, address: str) -> None:
    settings = VenueSettings.model_validate({"name": "binance", key: address})
    with pytest.raises(SettingsError, match=f"venue.{key}"):
        build_adapter(settings, WallClock(), SystemMonotonicClock())


@pytest.mark.parametrize("name", ["binance", "sim", "kraken"])
def test_without_keys_there_is_no_private_stream(name: str) -> None:
    public = build_adapter(VenueSettings(name=name), WallClock(), SystemMonotonicClock())
    assert public.user_stream is None
    public.close()
    settings = VenueSettings(name=name, api_key=SecretStr("k"), secret=SecretStr("s"))
    private = build_adapter(settings, WallClock(), SystemMonotonicClock())
    assert private.user_stream is not None
    private.close()


async def test_an_exchange_without_streams_says_so_once_and_is_asked_by_rest() -> None:
    adapter = build_adapter(VenueSettings(name="bitso"), WallClock(), SystemMonotonicClock())
    streams = adapter.streams(StreamSubscriptions(candles=(), quotes=(BTC,)))
    events: list[MarketEvent] = []
    running = asyncio.create_task(streams.run(events.append))
    await eventually(lambda: events)
    assert [(event.instrument_ids, event.reason) for event in events if isinstance(event, StreamInterrupted)] == [
        ((BTC,), "NO_STREAMS")
    ]
    assert streams.shards == ((BTC,),) and not running.done()
    running.cancel()
    adapter.close()


async def test_a_polled_account_is_a_gap_again_and_again() -> None:
    events: list[UserEvent] = []
    running = asyncio.create_task(PolledUserStream(SystemMonotonicClock(), every_s=0.001).run(events.append))
    await eventually(lambda: len(events) >= 3)
    assert all(isinstance(event, UserStreamRestored) for event in events)
    running.cancel()
