"""What must be there before real money moves."""

from core.domain.errors import SettingsError
from core.settings.trading import TradingSettings
from core.settings.venue import VenueSettings


def require_live_consent(trading: TradingSettings, venue: VenueSettings) -> None:
    """Raises `SettingsError` for live mode without consent or without both keys, and for half a pair of keys."""
    if (venue.api_key is None) != (venue.secret is None):
        missing = "api_key" if venue.api_key is None else "secret"
        raise SettingsError(f"venue.{missing} is missing: API key and secret come in pairs. {_how(missing)}")
    if trading.mode != "live":
        return
    if not trading.accept_live_trading:
        raise SettingsError(
            'trading.mode is "live": this sends real orders with real money. '
            "If that is what you want, add --i-accept-live-trading or set trading.accept_live_trading = true."
        )
    if venue.api_key is None:
        raise SettingsError(f"venue.api_key and venue.secret are missing: live mode needs both. {_how('api_key')}")


def _how(key: str) -> str:
    return (
        f"Set venue.{key}_file to a file of mode 0600, or METRONOME__VENUE__{key.upper()}, "
        f"or systemd's LoadCredential=venue_{key}:PATH."
    )
