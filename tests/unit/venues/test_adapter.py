"""Choosing an adapter by name."""

import pytest
from pydantic import SecretStr

from core.domain.errors import SettingsError
from core.runtime.clocks import SystemMonotonicClock, WallClock
from core.settings.venue import VenueSettings
from core.venues.adapter import build_adapter


def test_a_venue_that_does_not_exist_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(SettingsError, match="Did you mean binance"):
        build_adapter(VenueSettings(name="binanse"), WallClock(), SystemMonotonicClock())


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


@pytest.mark.parametrize("name", ["binance", "sim"])
def test_without_keys_there_is_no_private_stream(name: str) -> None:
    public = build_adapter(VenueSettings(name=name), WallClock(), SystemMonotonicClock())
    assert public.user_stream is None
    public.close()
    settings = VenueSettings(name=name, api_key=SecretStr("k"), secret=SecretStr("s"))
    private = build_adapter(settings, WallClock(), SystemMonotonicClock())
    assert private.user_stream is not None
    private.close()
