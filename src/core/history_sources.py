"""Which source of history a name means: composition, as `core.app` is for the daemon."""

from pathlib import Path

from core.domain.errors import SettingsError
from core.history.files.source import FileSource
from core.ports.history import HistorySource
from core.ports.venue import Credentials
from core.runtime.clocks import SystemMonotonicClock
from core.runtime.synced_clock import SyncedClock
from core.settings.tree import Settings
from core.settings.venue import VenueSettings
from core.venue_opening import budget_ledgers

_OWN = ("alpaca", "deribit", "files")


def open_source(settings: Settings, name: str) -> HistorySource:
    """Raises `SettingsError` for what is unknown, not installed or lacks keys. Slow: it imports a library."""
    if name == "alpaca":
        from core.venues.alpaca.history import AlpacaHistory  # noqa: PLC0415 - slow, and an extra

        return AlpacaHistory(settings.history, _alpaca_keys(settings), ledgers=budget_ledgers(settings))
    if name == "files":
        return FileSource(_files_dir(settings))
    if name == "deribit":
        from core.venues.deribit.history import DeribitHistory  # noqa: PLC0415 - what is not used is not loaded

        return DeribitHistory(settings.history, ledgers=budget_ledgers(settings))
    from core.venues.ccxt_import import exchange_names  # noqa: PLC0415 - as above

    if name not in exchange_names():
        raise SettingsError(
            f"history.source: there is no source called {name!r}; there are {', '.join(_OWN)}, and the exchanges that"
            " ccxt knows, e.g. binance"
        )
    from core.venues.generic.bulk_history import CcxtHistory  # noqa: PLC0415 - slow

    venue = settings.venue if settings.venue.name == name else VenueSettings(name=name)
    clock = SyncedClock(SystemMonotonicClock())
    return CcxtHistory(name, settings.history, venue, clock=clock, ledgers=budget_ledgers(settings))


def _alpaca_keys(settings: Settings) -> Credentials | None:
    """`None`: one of the two is missing."""
    key, secret = settings.history.alpaca_api_key, settings.history.alpaca_secret
    if key is None or secret is None:
        return None
    return Credentials(key.get_secret_value(), secret.get_secret_value())


def _files_dir(settings: Settings) -> Path:
    folder = settings.history.files_dir
    if folder is None or not folder.is_dir():
        given = "not set" if folder is None else f"{folder} is no folder"
        raise SettingsError(f"history.files_dir: {given}; it is the folder that the source `files` reads")
    return folder
