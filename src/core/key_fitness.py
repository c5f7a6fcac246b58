"""Whether an API key is fit to trade real money with: what a live start requires of it, in words for a person."""

import re
from pathlib import Path

import structlog

from core.domain.errors import RequestRefused, SettingsError
from core.domain.instruments import InstrumentKind
from core.execution.journal.identity import JournalIdentity
from core.ports.venue import KeyPermissions, VenueRest
from core.settings.tree import Settings
from core.startup import Startup

_TRADING = {InstrumentKind.SPOT: "spot", InstrumentKind.PERPETUAL: "futures"}


async def check_key(settings: Settings, account: str, startup: Startup, rest: VenueRest) -> None:
    """Before a live daemon does anything with the account. Waits for a venue that does not answer. Raises
    `SettingsError`: a person must act, and a restart would not help."""
    if settings.trading.mode != "live":
        return
    require_own_journal(settings, account)
    found: list[KeyPermissions] = []

    async def ask() -> None:
        found.append(await startup.call(rest.key_permissions, operation="key_permissions"))

    try:
        await startup.patiently("key_permissions", ask)
    except RequestRefused as refusal:
        raise keys_refused(settings, refusal) from refusal
    for warning in require_fit(found[0], settings):
        structlog.get_logger("key").warning("key_could_be_safer", hint=warning)


def keys_refused(settings: Settings, refusal: RequestRefused) -> SettingsError:
    """The venue does not take the key at all."""
    return SettingsError(
        f"venue.api_key, venue.secret: {settings.venue.name} refuses them: {refusal}. Check the key, its secret, which"
        " venue and market it is for, and the key's list of addresses at the venue."
    )


def require_fit(may: KeyPermissions, settings: Settings) -> tuple[str, ...]:
    """What to warn of. Raises `SettingsError` for a key that can't trade, and for one that can do more than a bot
    should be able to."""
    kind = _TRADING[settings.trading.kind]
    if not may.can_read:
        raise SettingsError("venue.api_key: the key may not read the account. Give it the right to, at the venue.")
    if not may.can_trade:
        raise SettingsError(
            f'venue.api_key: the key may only read, and trading.mode is "live". Give it the right to {kind} trading at'
            ' the venue, or choose mode = "observe".'
        )
    if may.can_withdraw and not settings.venue.accept_withdrawal_key:
        raise SettingsError(
            "venue.api_key: the key may withdraw, which this bot never needs, and which would cost you everything if"
            " it were stolen. Take that right from it at the venue; or set venue.accept_withdrawal_key = true."
        )
    warnings = []
    if may.can_withdraw:
        warnings.append("the key may withdraw, which this bot never needs (venue.accept_withdrawal_key)")
    if may.can_withdraw is None:
        warnings.append("the venue does not say whether the key may withdraw: see to it there that it may not")
    if may.ip_restricted is False:
        warnings.append("the key may be used from any address: restrict it to this machine's at the venue")
    return tuple(warnings)


def require_own_journal(settings: Settings, account: str) -> None:
    """Raises `SettingsError` where this folder has journals of other live keys at the venue and none of this one: its
    orders, stops and positions would be looked after by nobody. Journals on a server are not looked at."""
    if settings.trading.mode != "live" or settings.storage.journal_url or settings.storage.accept_new_account:
        return
    folder = settings.storage.data_dir / "journal"
    ours = folder / f"{_stem(settings, account)}.sqlite"
    others = [] if ours.exists() else _of_other_keys(folder, settings, account)
    if others:
        raise SettingsError(
            f"venue.api_key: {folder} has the journal of another key at {settings.venue.name}"
            f" ({', '.join(each.name for each in others)}), and none of this one ({ours.name}). What was ordered with"
            " that key would be looked after by nobody. If it is another account, give it a storage.data_dir of its"
            " own, or set storage.accept_new_account = true. If it is a new key of the same account, rename the"
            " journal's file."
        )


def _of_other_keys(folder: Path, settings: Settings, account: str) -> list[Path]:
    """Of the same kind of instrument; those of earlier epochs have longer names."""
    ours = _stem(settings, account)
    shape = re.compile(re.escape(ours[: -len(account)]) + "[0-9a-f]{8}" + re.escape(account[8:].replace("-", "_")))
    return sorted(each for each in folder.glob("*.sqlite") if each.stem != ours and shape.fullmatch(each.stem))


def _stem(settings: Settings, account: str) -> str:
    return JournalIdentity(settings.trading.mode, settings.venue.name, account).file_stem
